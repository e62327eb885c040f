"""What the report's statistics come to, by simulation."""

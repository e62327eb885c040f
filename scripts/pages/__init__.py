"""Pages that are made of what lies in the project."""

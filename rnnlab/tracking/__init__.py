"""The local journal, and MLflow behind it."""

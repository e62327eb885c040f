"""The local journal, and MLflow behind it."""

PARENT_RUN = "RNNLAB_PARENT_RUN"  # environment: the run of the sweep that a job belongs to
PARENT_TAG = "mlflow.parentRunId"

"""Where runs are recorded: the section `tracking` of the config. Light to import, as MLflow is not."""

from dataclasses import dataclass

from rnnlab.foundation.checks import check_bool


@dataclass(frozen=True)
class TrackingSettings:
    """Where runs are recorded.

    Args:
        uri: The store; null: $MLFLOW_TRACKING_URI, or else mlflow.db in the current folder.
        experiment: The MLflow experiment's name.
        log_model: Keep the trained model as an artifact.
    """

    uri: str | None = None
    experiment: str = "rnnlab"
    log_model: bool = True

    def __post_init__(self) -> None:
        check_bool("log_model", self.log_model)
        if not self.experiment.strip():
            raise ValueError(f"experiment={self.experiment!r} is not a name")

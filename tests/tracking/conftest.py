"""What several tests of stores need."""

import mlflow.store.db.utils
import pytest


@pytest.fixture
def _no_second_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow tries ten times to connect, for two minutes."""

    def refuse(seconds: float) -> None:
        raise AssertionError(f"it waits for {seconds} seconds")

    monkeypatch.setattr(mlflow.store.db.utils.time, "sleep", refuse)

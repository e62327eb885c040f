"""Reports at the end of sweeps are made without their figures, which take longer than the sweeps."""

import pytest


@pytest.fixture
def figures() -> None:
    """Named by a test that wants them."""


@pytest.fixture(autouse=True)
def _without_figures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "figures" not in request.fixturenames:
        monkeypatch.setattr("rnnlab.report.report.draw", lambda grid: [])

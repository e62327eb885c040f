"""What is read back from a store; the oracle is what was written to it by hand."""

from pathlib import Path

from rnnlab.report.read_runs import read_runs
from tests.conftest import client


def test_a_diagnostic_without_a_value_at_the_tested_model_is_left_out(home: Path) -> None:
    """Omega overflowed at the last look: the newest value in the store is of the first weights."""
    store = client(home)
    experiment = store.create_experiment("mine")
    run = store.create_run(experiment, tags={"rnnlab.kind": "run"})
    for key, value in {"variant": "elman", "task": "adding", "length": 50, "seed": 0}.items():
        store.log_param(run.info.run_id, key, value)
    for key, value, step in (
        ("recurrent/omega", 1.5, 0),
        ("memory/capacity", 3.0, 0),
        ("memory/capacity", 203.0, 200),
        ("test/loss", 0.1, 200),
    ):
        store.log_metric(run.info.run_id, key, value, step=step)
    (read,) = read_runs(store, [store.get_run(run.info.run_id)])
    assert read.metrics == {"memory/capacity": 203.0, "test/loss": 0.1}

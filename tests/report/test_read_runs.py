"""What is read back from a store; the oracle is what was written to it by hand."""

import json
from pathlib import Path

from rnnlab.report.read_runs import read_runs
from tests.support.command import client


def test_a_diagnostic_without_a_value_at_the_tested_model_is_left_out(home: Path) -> None:
    """Omega overflowed at the last look: the newest value in the store is of the first weights."""
    store = client(home)
    experiment = store.create_experiment("mine")
    reported = json.dumps({"recurrent/omega": "Omega", "memory/capacity": "memory capacity"})
    run = store.create_run(experiment, tags={"rnnlab.kind": "run", "rnnlab.reported": reported})
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


def test_a_run_of_rnnlab_01_is_read_too(home: Path) -> None:
    """It says neither which key is its length, nor what its diagnostics' metrics are called."""
    store = client(home)
    run = store.create_run(store.create_experiment("mine"), tags={"rnnlab.kind": "run"})
    params = {"variant": "gru", "task": "copy_memory", "seed": 1, "length": 30, "task.delay": 30}
    for key, value in params.items():
        store.log_param(run.info.run_id, key, value)
    (read,) = read_runs(store, [store.get_run(run.info.run_id)])
    assert (read.length, read.length_key) == (30, "task.delay")
    assert read.reported["recurrent/omega"] == "Omega"


def test_what_is_no_mapping_of_names_is_no_column(home: Path) -> None:
    store = client(home)
    experiment = store.create_experiment("mine")
    for text in ("[1, 2]", "{", '"x"', "3", "null"):
        tags = {"rnnlab.kind": "run", "rnnlab.reported": text}
        run = store.create_run(experiment, tags=tags)
        for key in ("variant", "task", "length", "length_key", "seed"):
            store.log_param(run.info.run_id, key, 1)
        (read,) = read_runs(store, [store.get_run(run.info.run_id)])
        assert read.reported == {}, text


def test_an_older_run_does_not_say_whether_its_gradient_had_faded(home: Path) -> None:
    """It had, where its horizon is shorter than its sequences."""
    store = client(home)
    experiment = store.create_experiment("mine")
    for seed, (horizon, own) in enumerate([(50.0, None), (12.0, None), (50.0, 0.0)]):
        run = store.create_run(experiment, tags={"rnnlab.kind": "run"})
        params = {"variant": "gru", "task": "adding", "seed": seed, "length": 40, "seq_len": 50}
        for key, value in params.items():
            store.log_param(run.info.run_id, key, value)
        store.log_metric(run.info.run_id, "memory/gradient_horizon", horizon)
        if own is not None:
            store.log_metric(run.info.run_id, "memory/gradient_horizon_censored", own)
    read = read_runs(store, store.search_runs([experiment]))
    found = [run.metrics["memory/gradient_horizon_censored"] for run in read]
    assert found == [1, 0, 0]

"""The comparison in short: within a terminal's width, and within what MLflow takes of a description."""

from pathlib import Path

import pytest
from mlflow import MlflowClient

from rnnlab.report.digest import WIDTH
from rnnlab.report.read_runs import Run
from rnnlab.report.report import make_report
from rnnlab.report.select_runs import SIGNATURE, log_report
from tests.support.command import client
from tests.support.made_runs import run

NOTE = "mlflow.note.content"


def several(tasks: int = 2, lengths: int = 2) -> list[Run]:
    """Of three variants, whose settings make long names."""
    sizes = {"cell.hidden_size": "2", "cell.nonlinearity": "relu"}
    return [
        run(v, f"task_{t}", 10 * n, s, solved_at=50.0 if v == "gru" else None, params=params)
        for v in ("gru", "elman_clipped")
        for params in ({}, sizes, sizes | {"optimizer.lr": "0.00017"})
        for t in range(tasks)
        for n in range(1, lengths + 1)
        for s in range(3)
    ]


def test_no_line_is_wider_than_a_terminal() -> None:
    text = make_report(several()).digest(WIDTH)
    assert max(map(len, text.splitlines())) <= 80
    assert "cell.nonlinearity=relu" in text


def test_answer_then_a_table_a_task_then_what_may_not_be_concluded() -> None:
    runs = [run(), run("lstm"), run("lstm", "copy_memory", status="KILLED")]
    text = make_report(runs).digest(WIDTH)
    assert text.splitlines() == [
        "No variant solved adding at 50 (one seed each). The lowest loss is gru's, 0.1;",
        "chance is 0.1667.",
        "",
        "No run of copy_memory at 50 has finished (1 stopped).",
        "",
        "adding:",
        "",
        "| variant | length | solved (95 %)       | steps  | loss | chance |",
        "| ------- | ------ | ------------------- | ------ | ---- | ------ |",
        "| gru     | 50     | 0 of 1 [0.00, 0.79] | > 4000 | 0.1  | 0.1667 |",
        "| lstm    | 50     | 0 of 1 [0.00, 0.79] | > 4000 | 0.1  | 0.1667 |",
        "",
        "What may not be concluded:",
        "",
        "- adding at 50: One seed each: no order is claimed.",
    ]


def test_of_many_lengths_what_cannot_be_ranked_is_said_once() -> None:
    """Oracle: the pairs, counted by hand. 3 of 3 and 0 of 3 are apart, and 4 where there are 3 pairs."""
    runs = [
        run(variant, task, length, seed, solved_at=50.0 if variant == "gru" else None)
        for variant in ("gru", "elman")
        for task in ("adding", "copy_memory")
        for length in (10, 20, 50)
        for seed in range(2)
    ]
    few = make_report(runs).digest(width=None)
    assert few.count("- adding at 10, 20 and 50: Too few seeds to rank elman and gru by") == 1
    for task in ("adding", "copy_memory"):
        runs += [run("lstm", task, 10, seed, loss=0.3 + seed / 50) for seed in range(2)]
    many = make_report(runs).digest(width=None).partition("What may not be concluded:\n\n")[2]
    rates, losses, *rest = sorted(many.splitlines(), key=lambda line: "loss" in line)
    assert rest == []
    pairs = "- Too few seeds to rank elman and gru; gru and lstm"
    more = "about 1 to 2 more each would do in 80 % of repeats, if the rates stay as they are."
    assert rates == f"{pairs} by how often they solved it: {more}"
    assert losses.startswith("- Too few seeds to rank elman and lstm by mean test loss: ")


def new_run(home: Path) -> tuple[MlflowClient, str]:
    store = client(home)
    return store, store.create_run(store.create_experiment("mine")).info.run_id


def test_a_description_is_written_anew_and_is_no_longer_than_mlflow_takes(home: Path) -> None:
    store, run_id = new_run(home)
    log_report(store, run_id, make_report([run()]), [])
    note = store.get_run(run_id).data.tags[NOTE]
    assert note.startswith("gru did not solve adding at 50 (one seed). Its loss is 0.1")
    assert note.endswith(f"\n\n{SIGNATURE}")
    many = make_report(several(tasks=6, lengths=8))
    assert len(many.digest(width=None)) > 8000
    log_report(store, run_id, many, [])
    note = store.get_run(run_id).data.tags[NOTE]
    assert len(note) <= 8000
    assert note.startswith("task_0: ")
    assert f":\n\n{SIGNATURE}" not in note
    assert note.endswith(f"\n\n{SIGNATURE}")


@pytest.mark.parametrize("note", ["Look at seed 3!", f"{SIGNATURE} And mine."])
def test_what_somebody_wrote_into_a_description_stays(home: Path, note: str) -> None:
    store, run_id = new_run(home)
    store.set_tag(run_id, NOTE, note)
    log_report(store, run_id, make_report([run()]), [])
    assert store.get_run(run_id).data.tags[NOTE] == note

"""python -m rnnlab.compare, on real runs."""

import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient

from rnnlab.compare import main
from rnnlab.report.plots import draw
from tests.support.command import QUICK, SMALL, Command, Finished, client
from tests.support.servers import Server

SWEEP = (
    *(QUICK[:-1]),
    *SMALL,
    *(
        "hydra/launcher=basic",
        "diagnostics=gradient_by_lag",
        "tracking.log_model=false",
        "eval.lengths=[20]",
    ),
)


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """The command line, in this process."""
    monkeypatch.setattr("rnnlab.report.report.draw", draw)  # whatever the sweep before was spared

    def run(*arguments: str) -> Finished:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            sys.exit(main([*arguments]))
        return Finished(int(ended.value.code or 0), *capfd.readouterr())

    return run


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.slow
def test_any_way_to_choose_the_same_runs_gives_the_same_bytes(
    command: Command, compare: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("-m", "cell=elman,gru", "seed=0,1", *SWEEP).status == 0
    store = client(home)
    runs = store.search_runs(["1"])
    (parent,) = [run for run in runs if run.data.tags["rnnlab.kind"] == "sweep"]
    ids = [run.info.run_id for run in runs if run.data.tags["rnnlab.kind"] == "run"]
    ways = {
        "sweep": ("--sweep", parent.info.run_id, "--log"),
        "experiment": (),  # where the report of before is, which is no run to compare
        "ids": (*ids[::-1], ids[0]),
    }
    ended = {name: compare(*words, "--output", name) for name, words in ways.items()}
    for name, finished in ended.items():
        assert finished.status == 0, finished.err
        assert str(home / name / "report.html") in finished.out
        assert "| elman   | 10     | 0 of 2 [0.00, 0.66]" in finished.out
        assert finished.out.startswith("No variant solved adding at 10 in any of 2 seeds.")
        assert "replaced" not in finished.out
    first = files(home / "experiment")
    assert {"report.html", "report.md", "comparison.csv"} < set(first)
    assert {f"figures/{n}.png" for n in ("gradient_by_lag", "error_by_length")} < set(first)
    for name in ways:
        assert files(home / name) == first, name

    report = store.get_run(ended["sweep"].out.split()[-1])
    assert report.data.tags["rnnlab.kind"] == "report"
    assert report.info.status == "FINISHED"
    assert report.data.tags["mlflow.note.content"].startswith("No variant solved adding at 10")
    kept = {item.path for item in store.list_artifacts(report.info.run_id)}
    assert kept == {"report.html", "report.md", "comparison.csv", "figures"}

    store.create_run("1", tags={"rnnlab.kind": "run"})  # and killed before it had written more
    monkeypatch.setattr("rnnlab.report.report.draw", lambda grid: [])
    for again in (False, True):
        only = compare("--filter", "params.cell = 'gru'")
        assert "elman" not in only.out
        (folder,) = (home / "outputs" / "reports").iterdir()
        assert folder.name.startswith("rnnlab-params.cell-gru-")
        assert str(folder / "report.md") in only.out
        replaced = f"replaced the report that was in {folder.relative_to(home)}\n"
        assert (replaced in only.out) == again


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--experiment", "rnlab"), "experiment='rnlab' does not exist"),
        (("0" * 32,), "Run with id=" + "0" * 32),
        (("--sweep", "0" * 32), "Run with id=" + "0" * 32),
        (("--experiment", "Default"), "no run of rnnlab was found"),
        (("--filter", "params.cell ="), "Invalid"),
        (("a", "--sweep", "b"), "choose one"),
        (("--uri", "sqlite:////nowhere/mlflow.db"), "sqlite:////nowhere/mlflow.db does not exist"),
        (("--uri", "http://127.0.0.1:9"), "does not answer"),
        (("--exprmnt", "x"), "unrecognized arguments"),
        (("--output", "."), "--output=. holds mlflow.db, which is no report"),
    ],
)
def test_refused_in_a_line(home: Path, compare, arguments: tuple[str, ...], message: str) -> None:
    if message == "Invalid":
        client(home).create_experiment("rnnlab")
    finished = compare(*arguments)
    assert finished.status == 2
    assert message in finished.err
    assert "Traceback" not in finished.err
    assert not (home / "outputs").exists()


def test_an_empty_folder_stays_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compare
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    finished = compare()
    assert finished.status == 2
    assert "does not exist" in finished.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_from_a_server(command: Command, compare: Command, home: Path) -> None:
    """The same bytes as from the file."""
    assert command("-m", "cell=elman,gru", "seed=0,1", *SWEEP).status == 0
    assert compare("--output", "file").status == 0
    server = Server(home / "server", f"sqlite:///{home}/mlflow.db")
    try:
        server.start()
        assert MlflowClient(server.uri).search_experiments()
        assert compare("--uri", server.uri, "--output", "served").status == 0
    finally:
        server.kill()
    assert files(home / "served") == files(home / "file")

"""Text, arrays, recordings and vowels in runs. Oracle: an uninterrupted run; the line that a command prints."""

from pathlib import Path

import pytest

from rnnlab.tasks import japanese_vowels
from tests.support.command import QUICK, Command, result_of
from tests.support.data_files import write_data
from tests.support.journals import distinct_points
from tests.support.refusals import refusal
from tests.support.trained import trained

TINY = (*QUICK, "cell.hidden_size=4", "eval.sequences=2", "eval.val_sequences=2")
TASKS = {
    "text": ("task=text", "task.path=data/text.txt", "task.seq_len=8"),
    "class": ("task=arrays", "task.path=data/labelled.npz"),
    "value": ("task=arrays", "task.path=data/values.npz", "task.target=value"),
    "next": ("task=arrays", "task.path=data/series.npz", "task.target=next", "task.seq_len=5"),
    "audio": ("task=audio", "task.path=data/words"),
    "vowels": ("task=japanese_vowels",),
}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_data(tmp_path / "data")


@pytest.mark.parametrize("cell", ["elman", "elman_clipped", "lstm", "gru"])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.slow
def test_every_cell_trains_on_it(task: str, cell: str, data: Path, tmp_path: Path) -> None:
    points = trained((*TASKS[task], f"cell={cell}", *TINY), tmp_path / "run").points
    keys = {key for key, _ in points}
    assert {"train/loss", "train/epochs", "val/loss", "test/loss", "test/error"} <= keys
    assert ("test/bits" in keys) is (task == "text")
    assert "test/solved" not in keys


REFUSED: dict[tuple[str, ...], str] = {
    (
        "task=text",
        "task.path=away.txt",
    ): "task.path=away.txt cannot be read: No such file or directory",
    ("task=text", "task.path=data"): "task.path=data is no file of text",
    (
        "task=text",
        "task.path=latin.txt",
    ): "task.path=latin.txt is no text in UTF-8: byte 3 is wrong",
    ("task=text", "task.seq_len=20000"): "task.seq_len=20000 is too long for ",
    (
        "task=text",
        "task.alphabet=aba",
    ): "task.alphabet='aba' is not one or more different characters",
    ("task=text", "task.seqlen=5"): "task.seqlen",
    ("task=arrays",): "task.path=None: a file .npz, .csv or .parquet, or a folder of .npy",
    (
        "task=arrays",
        "task.path=data/series.npz",
    ): "task.path=data/series.npz: it has no array 'targets'",
    (
        "task=arrays",
        "task.path=data/series.npz",
        "task.target=next",
    ): "task.seq_len=None: a series is cut",
    ("task=arrays", "task.target=median"): "task.target=median is not allowed",
    (
        "task=arrays",
        "task.path=data/labelled.npz",
        "eval.lengths=[7]",
    ): "eval.lengths=7: seq_len=7 is too long",
    (
        "task=arrays",
        "task.path=data/labelled.npz",
        "eval.sequences=7",
    ): "eval.sequences=7 is more than the 6",
    ("task=audio",): "task.path=None: a folder of folders of wav files",
    ("task=audio", "task.path=data"): "task.path=data: words/",
    ("task=audio", "task.path=data/words", "task.num_bands=90"): "task.num_bands=90 is too many",
    ("task=japanese_vowels", "task.seq_len=0"): "task.seq_len=0 is too small: at least 1",
}


QUICKLY = list(REFUSED)[::4]  # and the others among the slow tests
refusals = [w if w in QUICKLY else pytest.param(w, marks=pytest.mark.slow) for w in REFUSED]


@pytest.mark.parametrize("words", refusals, ids=" ".join)
def test_a_mistake_is_named_in_a_line(words: tuple[str, ...], data: Path, tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9 " * 80)
    said = refusal(*words, output=tmp_path / "run")
    assert REFUSED[words] in said
    assert len(said.splitlines()) <= 2
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_run_on_text_goes_on_as_if_it_had_not_stopped(command: Command, home: Path) -> None:
    """Over the end of an epoch, to the last bit."""
    content = (write_data(home / "data") / "text.txt").read_text()
    run = (*TASKS["text"], "cell=gru", *TINY, "train.batch_size=40")
    assert command(*run, "hydra.run.dir=cut").status == 0
    longer = command("resume=cut", "train.steps=8")
    assert longer.status == 0, longer.err
    assert command(*run, "train.steps=8", "hydra.run.dir=whole").status == 0
    cut, whole = distinct_points(home / "cut"), distinct_points(home / "whole")
    trained_on = {key for key in whole if key[0].startswith(("train/", "val/", "grad/"))}
    assert max(float.fromhex(whole[key]) for key in whole if key[0] == "train/epochs") > 1
    assert {key: cut[key] for key in trained_on} == {key: whole[key] for key in trained_on}
    (home / "data" / "text.txt").write_text("the cat sat" + content)
    changed = command("resume=cut", "train.steps=10")
    assert changed.status == 2
    assert "has changed since the run began: its SHA-256 is " in changed.err


def test_a_run_without_the_vowels_says_how_to_get_them(
    command: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(japanese_vowels, "PACKAGE", "no_such_package")
    japanese_vowels._read.cache_clear()
    ended = command("task=japanese_vowels", *TINY)
    assert ended.status == 2
    assert ended.err.strip() == "task: no_such_package is not installed: pip install 'rnnlab[data]'"
    assert {path.name for path in home.iterdir()} <= {"mlflow.db", ".mlflow.db.lock"}


def test_a_runs_result_has_the_figures_of_a_text(command: Command, home: Path) -> None:
    write_data(home / "data")
    ended = command(*TASKS["text"], "cell=gru", *TINY, "tracking.log_model=false")
    assert ended.status == 0, ended.err
    metrics = result_of(home).metrics
    assert metrics["test/bits"] == pytest.approx(
        metrics["test/loss"] / 0.6931471805599453, rel=1e-5
    )
    assert "bits/gzip" in ended.out

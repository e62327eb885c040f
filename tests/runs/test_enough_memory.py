"""A run that will not fit is refused before it begins. Oracle: the memory that is said to be free."""

from pathlib import Path

import pytest
import torch

from rnnlab.foundation import memory as foundation
from rnnlab.run import CONF
from rnnlab.runs import hydra_job, memory, one_run
from rnnlab.runs.memory import refuse_too_large
from rnnlab.runs.request import Request
from tests.support.configs import composed, plain, run_config
from tests.support.refusals import refusal

LONG = ("task.seq_len=2000", "eval.batch_size=2", "cell=lstm", "cell.hidden_size=64")
NONE = "diagnostics=none"
TASKS = sorted(path.stem for path in (CONF / "task").glob("*.yaml"))


def free(monkeypatch: pytest.MonkeyPatch, count: float | None) -> None:
    for module in (memory, foundation):
        monkeypatch.setattr(module, "free_memory", lambda _: count)


def test_inputs_that_nothing_could_hold(tmp_path: Path) -> None:
    """Before anything draws one of them: what is really free here."""
    said = refusal("task.seq_len=1000000000", output=tmp_path / "run")
    assert said.startswith(
        "eval.batch_size=500 sequences of 1000000000 steps take 4 TB as inputs alone, and "
    )
    assert list(tmp_path.iterdir()) == []


def test_an_update(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And what it says is to be done does."""
    free(monkeypatch, 30e6)
    said = refusal(*LONG, NONE, output=tmp_path / "run")
    assert said.startswith("updates of train.batch_size=32 sequences of 2000 steps take 1")
    assert " MB, and 30 MB is free: with train.recompute_steps=45 it is " in said
    assert said.strip().endswith("or lower train.batch_size or task.seq_len")
    assert list(tmp_path.iterdir()) == []
    for instead in ("train.recompute_steps=45", "train.batch_size=2", "task.seq_len=100"):
        refuse_too_large(run_config(*LONG, NONE, instead))


def test_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 30e6)
    arguments = (*LONG, NONE, "train.batch_size=1", "eval.batch_size=500")
    said = r"^scores of eval.batch_size=500 sequences of 6000 steps take .* lower eval.batch_size"
    with pytest.raises(ValueError, match=said):
        refuse_too_large(run_config(*arguments, "eval.lengths=[6000]"))
    refuse_too_large(run_config(*arguments, "eval.batch_size=20"))


def test_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 30e6)
    arguments = ("task.seq_len=300", "eval.batch_size=2", "diagnostics=omega")
    said = r"^looks of diagnostics.omega at .* lower diagnostics.omega.sequences or leave it out"
    with pytest.raises(ValueError, match=said):
        refuse_too_large(run_config(*arguments))
    refuse_too_large(run_config(*arguments, "diagnostics.omega.sequences=1"))


def test_a_small_run_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 2 GB free; nor is any where nobody knows what is."""
    monkeypatch.setattr(memory, "need_of", lambda *_: pytest.fail("it was tried"))
    free(monkeypatch, 2e9)
    refuse_too_large(run_config("diagnostics=all"))
    free(monkeypatch, None)
    refuse_too_large(run_config(*LONG))


def test_a_job_looks_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where a sweep saw other memory, or another machine's, than there is as its job begins."""
    free(monkeypatch, 30e6)
    monkeypatch.setattr(one_run, "run_one", lambda *_: pytest.fail("it began"))
    config = plain(composed(*LONG, NONE), resolve=True)
    request = Request({}, [], tmp_path)
    with pytest.raises(ValueError, match=r"^updates of .* and 30 MB is free: with"):
        hydra_job._result(config, request, None, in_sweep=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_jobs_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each of which fits alone."""
    sweep = (*LONG, NONE, "seed=0,1", f"hydra.sweep.dir={tmp_path}/sweep")
    free(monkeypatch, 180e6)
    said = refusal(*sweep, "hydra.launcher.n_jobs=2", output=tmp_path, sweep=True)
    assert said.startswith("2 jobs at once take 2")
    assert " MB, and 180 MB is free: lower hydra.launcher.n_jobs, or what they take" in said
    assert refusal(*sweep, "hydra.launcher.n_jobs=1", output=tmp_path, sweep=True) == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "task", [name for name in TASKS if name not in ("arrays", "audio", "mnist")]
)
def test_of_every_task(task: str) -> None:
    """Of what scores it, which is then given the last steps of a sequence alone."""
    need = memory.need_of(run_config(f"task={task}", "cell=gru", NONE), torch.device("cpu"))
    assert need is None or need.count > 0

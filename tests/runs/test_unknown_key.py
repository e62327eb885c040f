"""A key that is not there, told by the choice that has it, by its meaning, or by what is nearest."""

from pathlib import Path

import pytest

from tests.support.refusals import refusal

SINGLE: dict[tuple[str, ...], str] = {
    ("cell=gru", "cell.forget_bias=2"): (
        "cell.forget_bias is unknown with cell=gru, which has cell.hidden_size; "
        "cell=janet, cell=lstm, cell=lstm_chrono and others have it"
    ),
    ("clip.max_norm=1",): (
        "clip.max_norm is unknown with clip=none, which has no keys; clip=norm has it"
    ),
    ("optimizer=sgd", "optimizer.alpha=1"): "; optimizer=rmsprop has it",
    ("schedule=cosine", "schedule.gamma=1"): (
        "with schedule=cosine, which has schedule.T_max, schedule.eta_min; "
        "schedule=exponential and schedule=step have it"
    ),
    ("diagnostics=[omega,saturation]", "diagnostics.lyapunov.count=3"): (
        "diagnostics.lyapunov is unknown with diagnostics=[omega,saturation], which has"
    ),
    ("batch_size=128",): "batch_size is unknown: it is train.batch_size or eval.batch_size",
    ("lr=0.01",): "lr is unknown: it is optimizer.lr",
    ("trainer.max_epochs=3",): "it is train.steps (rnnlab counts updates, not epochs)",
    ("+trainer.max_epochs=3",): "it is train.steps (rnnlab counts updates, not epochs)",
    ("trainer.gradient_clip_val=1",): "it is clip.max_norm or clip.clip_value",
    ("launcher=joblib",): "launcher is unknown: it is hydra/launcher",
    ("schedule.max_lr=1",): "schedule.max_lr is unknown with schedule=none, which has no keys",
    ("task.lenght=5",): "task.lenght is unknown: did you mean task.length?",
    ("hydra.launcher.njobs=3",): "did you mean hydra.launcher.n_jobs?",
    ("train.foo=3",): "train.foo is unknown. Allowed: train.steps, train.batch_size",
    ("hydra/launcher=joblib",): (
        "hydra/launcher=joblib is not installed: pip install hydra-joblib-launcher brings it. "
        "There are: processes, basic"
    ),
    ("seed=0,1",): "seed=0,1 are several values: a sweep takes -m; a list is seed=[0,1]",
    ("task.length=5,6",): "task.length=5,6 are several values: a sweep takes -m",
    ("hydra.sweeper.seeds=3",): (
        "hydra.sweeper.seeds is unknown with hydra/sweeper=basic, which has "
        "hydra.sweeper.max_batch_size, hydra.sweeper.params; hydra/sweeper=horizon has it"
    ),
    ("hydra/launcher=basic", "hydra.launcher.fail_fast=true"): (
        "hydra.launcher.fail_fast is unknown with hydra/launcher=basic, which has no keys; "
        "hydra/launcher=processes has it"
    ),
    ("diagnostics.omega.foo=1",): (
        "diagnostics.omega.foo is unknown. Allowed: diagnostics.omega._target_, "
        "diagnostics.omega.sequences"
    ),
    ("optimizer=adamw",): "optimizer=adamw is unknown: it is optimizer._target_=torch.optim.AdamW.",
    ("cell=rnn",): "cell=rnn is unknown: it is cell=elman. Allowed: ",
    ("hydra/sweeper=optuna",): "pip install hydra-optuna-sweeper brings it",
}

# What the command says to a sweep, and which of its jobs it is.
SWEPT: dict[tuple[str, ...], str] = {
    ("cell=lstm,gru", "cell.forget_bias=2"): (
        "cell.forget_bias is unknown with cell=gru, which has cell.hidden_size; "
        "cell=janet, cell=lstm, cell=lstm_chrono and others have it\n"
        "job 1 of 2: cell=gru"
    ),
    ("task=adding,copy_memory", "task.seq_len=20"): (
        "task.seq_len is unknown with task=copy_memory, which has task.delay, task.num_symbols, "
        "task.copy_len; task=adding, task=arrays, task=associative_recall and others have it\n"
        "job 1 of 2: task=copy_memory"
    ),
    ("clip=norm,none", "clip.max_norm=1"): "clip=norm has it\njob 1 of 2: clip=none",
    ("cell=grue,gru",): "cell=grue is unknown: did you mean gru?",
    ("trian.steps=3", "cell=lstm,gru"): "trian is unknown: did you mean train?",
}


@pytest.mark.parametrize("overrides", SINGLE, ids=" ".join)
def test_in_a_run(tmp_path: Path, overrides: tuple[str, ...]) -> None:
    said = refusal(*overrides, output=tmp_path / "a")
    assert SINGLE[overrides] in said
    assert len(said.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("overrides", SWEPT, ids=" ".join)
def test_in_a_sweep(tmp_path: Path, overrides: tuple[str, ...]) -> None:
    assert SWEPT[overrides] in refusal(*overrides, output=tmp_path, sweep=True)


def test_a_key_of_swept_choices_that_the_default_lacks_is_taken(tmp_path: Path) -> None:
    """The default cell is an LSTM, which has no nonlinearity; the default task has no delay."""
    both = ("cell=elman,elman_clipped", "cell.nonlinearity=relu")
    assert refusal(*both, output=tmp_path, sweep=True) == ""
    assert refusal("task=copy_memory", "task.delay=3,4", output=tmp_path, sweep=True) == ""


YAMLS = {
    "# x\nhidden: [3\nfoo: 4\n": "cell/bad.yaml, line 3, column 4: expected ',' or ']', but got ':'",
    "# x\n\thidden: 3\n": "cell/bad.yaml, line 2, column 1: found character '\\t' that cannot start",
    "# x\nhidden: 3\nhidden: 4\n": "cell/bad.yaml, line 3, column 1: found duplicate key hidden",
    "# x\nhidden: ${foo\n": "cell/bad.yaml cannot be read: no viable alternative at input '${foo'",
    "- a\n": "cell/bad.yaml is a list, not keys with values",
    "defaults:\n  - nothere\n": "In 'cell/bad': Could not load 'cell/nothere'.",
}


@pytest.mark.parametrize("text", YAMLS)
def test_a_yaml_of_the_users_is_told_by_file_and_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "cell").mkdir()
    (tmp_path / "cell" / "bad.yaml").write_text(text)
    said = refusal("cell=bad", output=tmp_path / "a", config_dir=tmp_path)
    assert YAMLS[text] in said
    assert len(said.splitlines()) == 1

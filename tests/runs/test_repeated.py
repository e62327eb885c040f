"""`from=RUN` of the command. Oracle: the config and the numbers of the run that it repeats."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from rnnlab.foundation.yaml_file import read_yaml, write_yaml
from rnnlab.tracking.result import Result
from tests.support.command import QUICK, Command, client, made_run

WORDS = (
    *(
        "cell=elman_clipped",
        "cell.hidden_size=5",
        "cell.recurrent_init=orthogonal",
        "task.length=12",
    ),
    *(*QUICK, "eval.sequences=400", "eval.val_sequences=20", "eval.lengths=[13,14]"),
    *("schedule._target_=torch.optim.lr_scheduler.StepLR", "schedule.step_size=2", "seed=3"),
)


@pytest.fixture(scope="module")
def shared_run(shared_home: Path) -> Path:
    made_run(shared_home, *WORDS)
    return shared_home / "run"


@pytest.fixture
def first(shared_run: Path, home: Path) -> Result:
    """A copy in `home`, whose store does not have it."""
    return Result.read(Path(shutil.copytree(shared_run, home / "first")))


@pytest.fixture
def stored_first(command: Command, home: Path) -> Result:
    assert command(*WORDS, "hydra.run.dir=first").status == 0
    return Result.read(home / "first")


def config(folder: str) -> dict[str, Any]:
    return read_yaml(Path(folder, "config.yaml"))


def numbers(folder: str) -> dict[str, float]:
    metrics = Result.read(Path(folder).absolute()).metrics
    return {key: value for key, value in metrics.items() if not key.startswith("perf/")}


@pytest.mark.parametrize(
    "by", ["folder", pytest.param("id", marks=pytest.mark.slow), "store alone"]
)
def test_a_run_is_repeated_to_the_bit(
    by: str, stored_first: Result, command: Command, home: Path
) -> None:
    wanted, had = numbers("first"), config("first")
    if by == "store alone":
        shutil.move("first", "moved")
    name = "first" if by == "folder" else stored_first.run_id
    ended = command(f"from={name}", "hydra.run.dir=again")
    assert ended.status == 0, ended.err
    assert f"from={name}: elman_clipped · adding 12 · s3 again" in ended.err
    assert config("again") == had
    assert numbers("again") == wanted
    again = client(home).get_run(Result.read(home / "again").run_id)
    assert again.data.params["variant"] == "elman_clipped"


def test_what_is_typed_is_otherwise(first: Result, command: Command) -> None:
    """And what follows from it, as the training data from the seed."""
    typed = ("seed=4", "task.seq_len=15", "eval.lengths=[]", "hydra.run.dir=again")
    assert command("from=first", *typed).status == 0
    had, has = config("first"), config("again")
    assert (has["seed"], has["train"]["data_seed"], has["task"]["seq_len"]) == (4, 4, 15)
    had |= {"seed": 4}
    had["train"]["data_seed"], had["task"]["seq_len"], had["eval"]["lengths"] = 4, 15, []
    assert has == had


@pytest.mark.slow
def test_another_choice_of_a_group_keeps_the_keys_that_it_has(
    first: Result, command: Command
) -> None:
    assert command("from=first", "cell=gru", "clip=none", "hydra.run.dir=again").status == 0
    had, has = config("first"), config("again")
    assert has["cell"] == {"_target_": "rnnlab.cells.gru.GRUCell", "hidden_size": 5}
    assert has["clip"]["_target_"].endswith("NoClip")
    same = had.keys() - {"cell", "clip"}
    assert {key: has[key] for key in same} == {key: had[key] for key in same}


@pytest.mark.slow
def test_a_sweep_varies_a_run(first: Result, command: Command) -> None:
    words = ("from=first", "-m", "seed=3,5", "hydra.sweep.dir=sweep", "hydra/launcher=basic")
    assert command(*words).status == 0
    assert config("sweep/0") == config("first")
    assert numbers("sweep/0") == numbers("first")
    assert config("sweep/1")["seed"] == config("sweep/1")["train"]["data_seed"] == 5


def test_what_other_defaults_or_the_environment_gave_is_said_again(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value that the command took from a variable stays the one that it was."""
    monkeypatch.setenv("UPDATES", "2")
    words = [word for word in WORDS if not word.startswith("train.steps=")]
    assert (
        command(
            *words, "train.steps='${oc.decode:${oc.env:UPDATES}}'", "hydra.run.dir=first"
        ).status
        == 0
    )
    monkeypatch.setenv("UPDATES", "4")
    assert command("from=first", "hydra.run.dir=again").status == 0
    assert config("again") == config("first")
    assert int(config("again")["train"]["steps"]) == 2


def test_packages_that_differ_are_named(first: Result, command: Command, home: Path) -> None:
    path = home / "first" / "packages.txt"
    text = path.read_text()
    path.write_text(re.sub(r"(?m)^torch==.*$", "torch==1.0", text) + "gone==3\n")
    ended = command("from=first", "hydra.run.dir=again")
    assert ended.status == 0
    told = ended.err.partition("again\n")[2]
    assert told.startswith(f"gone 3, now not installed\ntorch 1.0, now {torch.__version__}\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["from=nowhere"], "from=nowhere: there is no such folder, and it is no id of a run in"),
        (["from=" + 32 * "0"], "from=0+: no run of rnnlab's: "),
        (["from=first", "resume=first"], "from= begins one run anew, and resume= goes on"),
        (["from=first", "from=first"], "from= begins one run anew"),
        (["from=first", "cell.hiden_size=3"], "cell.hiden_size"),
        (["from=first", "cell=lstn"], "cell=lstn .*lstm"),
    ],
)
def test_what_cannot_be_repeated_is_refused(
    words: list[str], message: str, first: Result, command: Command, home: Path
) -> None:
    before = sorted(home.rglob("*"))
    ended = command(*words, "hydra.run.dir=again")
    assert ended.status == 2
    assert any(re.match(message, line) for line in ended.err.splitlines()), ended.err
    assert "Traceback" not in ended.err
    assert sorted(home.rglob("*")) == before


def test_a_record_says_what_a_run_is_and_no_more(first: Result, command: Command) -> None:
    """A result that somebody has edited moves no store, runs no code, and reads no variable."""
    first.overrides += [
        *("+hydra.callbacks.x._target_=os.system", "tracking.uri=sqlite:///stolen.db"),
        *("tracking={uri:'sqlite:///stolen.db'}", "hydra={run:{dir:elsewhere}}"),
        *("allow_targets=[os]", "++resume.run=first", "tracking.experiment=${oc.env:HOME}"),
        *("tracking.experiment=${ oc.env:HOME}", "+train@hydra.job=x", "half a word=[13,"),
    ]
    first.write()
    assert command("from=first", "hydra.run.dir=again").status == 0
    assert config("again") == config("first")
    assert not Path("stolen.db").exists()
    assert not Path("elsewhere").exists()


@pytest.mark.parametrize(
    "more",
    [
        {"hydra": {"run": {"dir": "elsewhere"}}},
        {"hydra": {"job_logging": {"handlers": {"x": {"class": "logging.FileHandler"}}}}},
        {"task": {"a.b=1 c": 1}},
        {"train": {"steps": "${oc.env:HOME}"}},
    ],
)
def test_a_config_that_says_more_than_a_run_has_is_refused(
    more: dict[str, Any], first: Result, command: Command, home: Path
) -> None:
    has = config("first")
    for section, values in more.items():
        has[section] = {**has.get(section, {}), **values}
    write_yaml(home / "first" / "config.yaml", has)
    before = sorted(home.rglob("*"))
    ended = command("from=first")
    assert ended.status == 2
    assert "is no key of a run's config, or has no plain value" in ended.err
    assert sorted(home.rglob("*")) == before


def test_values_with_spaces_quotes_and_letters_come_back(command: Command, home: Path) -> None:
    """From the store alone, whose record of the command has no quotes."""
    named = "tracking.experiment='my \\'study\\', ünder C:\\new'"
    assert command(*WORDS, named, "hydra.run.dir=first").status == 0
    run_id = Result.read(home / "first").run_id
    shutil.move("first", "moved")
    assert command(f"from='{run_id}'", "hydra.run.dir=again").status == 0
    assert config("again") == config("moved")
    assert config("again")["tracking"]["experiment"] == "my 'study', ünder C:\\new"


def test_diagnostics_beside_another_cell_keep_the_keys_of_the_cell(
    first: Result, command: Command
) -> None:
    words = ("cell=gru", "diagnostics=[lyapunov,omega]", "diagnostics.lyapunov.steps=20")
    assert command("from=first", *words, "hydra.run.dir=again").status == 0
    assert config("again")["cell"]["hidden_size"] == 5
    assert [*config("again")["diagnostics"]] == ["lyapunov", "omega"]


def test_a_size_to_be_chosen_takes_the_place_of_one_that_was_typed(
    first: Result, command: Command
) -> None:
    """9 numbers in the state, where the run's own command said cell.hidden_size=5."""
    assert command("from=first", "model.match_state=9", "hydra.run.dir=again").status == 0
    assert config("again")["cell"]["hidden_size"] == 9
    refused = command(
        "from=first", "model.match_state=9", "cell.hidden_size=4", "hydra.run.dir=other"
    )
    assert "cell.hidden_size=4 and model.match_state=9 each choose cell.hidden_size" in refused.err


@pytest.mark.slow
def test_what_it_begins_goes_on_by_the_same_command(first: Result, command: Command) -> None:
    words = ("from=first", "seed=9", "resume=auto", "hydra.run.dir=again")
    assert command(*words).status == 0
    ended = command(*words)
    assert ended.status == 0
    assert "has finished" in ended.out + ended.err

"""What Hydra is given for what is typed. Oracle: the config that the written-out command composes to."""

import sys
from pathlib import Path

import pytest

from tests.support.configs import composed, plain
from tests.support.refusals import refusal

ONE_CYCLE = "schedule._target_=torch.optim.lr_scheduler.OneCycleLR"


def recorded(*overrides: str) -> list[str]:
    return list(composed(*overrides, hydra=True).hydra.overrides.task)


@pytest.mark.parametrize(
    ("task", "own"),
    [("adding", "seq_len"), ("copy_memory", "delay"), ("temporal_order", "seq_len")],
)
def test_the_length_is_what_the_task_counts_as_it(task: str, own: str) -> None:
    asked = (f"task={task}", "task.length=40", "seed=3")
    assert plain(composed(*asked)) == plain(composed(f"task={task}", f"task.{own}=40", "seed=3"))
    assert recorded(*asked) == [f"task={task}", f"task.{own}=40", "seed=3"]


def test_a_bad_length_is_told_by_both_names(tmp_path: Path) -> None:
    assert refusal("task.length=1", output=tmp_path) == (
        "task.seq_len=1 is too short for variant=arjovsky2016: at least 2 (task.length=1)"
    )
    assert "task.seq_len='abc' is not an integer (task.length=abc)" in refusal(
        "task.length=abc", output=tmp_path
    )
    said = refusal("task=adding,copy_memory", "task.length=1,5", output=tmp_path, sweep=True)
    assert said.endswith("(task.length=1)\njob 0 of 4: task=adding task.length=1")


def test_a_length_twice_is_refused(tmp_path: Path) -> None:
    assert refusal("task.length=50", "task.seq_len=60", output=tmp_path) == (
        "task.length=50 and task.seq_len=60 set one length: choose one of them"
    )
    assert "set one length" in refusal("task.length=5", "task.length=6", output=tmp_path)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("seed=0,1", "seed=2"), "seed is set 2 times, by seed=0,1 and seed=2: choose one of them"),
        (
            ("seed=2", "train.steps=5", "+seed=range(3)"),
            "seed is set 2 times, by seed=2 and +seed=range(3): choose one of them",
        ),
        (
            ("cell=gru,lstm", "cell=elman,gru"),
            "cell is set 2 times, by cell=gru,lstm and cell=elman",
        ),
        (
            ("hydra/sweeper=horizon", "cell=gru,lstm", "cell=elman"),
            "cell is set 2 times, by cell=gru,lstm and cell=elman",
        ),
        (
            ("hydra/sweeper=horizon", "hydra.sweeper.params={cell:'gru,lstm'}", "cell=elman"),
            "cell is set 2 times, by cell=gru,lstm and cell=elman",
        ),
    ],
)
def test_a_key_that_is_swept_is_set_once(asked: tuple[str, ...], said: str, tmp_path: Path) -> None:
    assert refusal(*asked, output=tmp_path, sweep=True).startswith(said)


def test_of_single_values_the_last_counts_as_ever(tmp_path: Path) -> None:
    assert composed("seed=1", "seed=2").seed == 2
    assert refusal("cell=gru,lstm", "seed=1", "seed=2", output=tmp_path, sweep=True) == ""


@pytest.mark.parametrize("sweep", [False, True])
def test_a_class_can_be_named_where_the_group_has_no_key(sweep: bool, tmp_path: Path) -> None:
    """As where schedule=none is written out, or clip=none."""
    for words in (
        (
            "schedule=none",
            "schedule._target_=torch.optim.lr_scheduler.StepLR",
            "schedule.step_size=5",
        ),
        ("clip=none", "clip._target_=rnnlab.training.clipping.ClipNorm", "clip.max_norm=2"),
    ):
        assert refusal(*words, output=tmp_path, sweep=sweep) == ""
    asked = composed("schedule=none", ONE_CYCLE, "schedule.max_lr=1", "schedule.total_steps=9")
    assert plain(asked)["schedule"] == {
        "_target_": "torch.optim.lr_scheduler.OneCycleLR",
        "max_lr": 1,
        "total_steps": 9,
    }


OWN = '''
from dataclasses import dataclass
from rnnlab.tasks.adding import Adding


@dataclass(frozen=True)
class Long(Adding):
    """Its length goes by the name that all lengths go by."""

    length: int = 8
    length_key = "length"
'''


def test_a_task_whose_key_is_length_has_it_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "long_task.py").write_text(OWN)
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "long.yaml").write_text("_target_: long_task.Long\nlength: 8\n")
    places = (f"hydra.searchpath=[file://{tmp_path}]", "allow_targets=[long_task]", "task=long")
    assert composed(*places, "task.length=12").task.length == 12
    assert recorded(*places, "task.length=12")[-1] == "task.length=12"
    sys.modules.pop("long_task", None)


@pytest.mark.slow
def test_lengths_of_several_tasks_are_one_sweep(tmp_path: Path) -> None:
    swept = ("task=adding,copy_memory", "task.length=20,30", "cell=elman,gru")
    assert refusal(*swept, output=tmp_path, sweep=True) == ""
    assert refusal("task.length=20", "seed=0,1", output=tmp_path, sweep=True) == ""
    twins = refusal("task.length=20,20", output=tmp_path, sweep=True)
    assert twins == (
        "jobs 0 and 1 of the sweep are the same run: task.length=20 and task.length=20"
    )


def test_a_class_named_alone_brings_its_own_keys(tmp_path: Path) -> None:
    typed = (ONE_CYCLE, "schedule.max_lr=0.1", "schedule.total_steps=9")
    added = tuple(f"+{override}" for override in typed)
    assert plain(composed(*typed)) == plain(composed(*added))
    assert recorded(*typed) == list(typed)
    assert refusal(*typed, "train.steps=9", output=tmp_path) == ""
    assert "schedule.total_stepz is unknown: did you mean total_steps?" in refusal(
        ONE_CYCLE, "schedule.total_stepz=9", output=tmp_path
    )
    swept = (ONE_CYCLE, "schedule.max_lr=0.1,0.2", "schedule.total_steps=2000")
    assert refusal(*swept, output=tmp_path, sweep=True) == ""


def test_what_the_yaml_has_for_its_own_class_goes(tmp_path: Path) -> None:
    """NAdam has no amsgrad and no fused form, which adam.yaml sets."""
    nadam = "optimizer._target_=torch.optim.NAdam"
    section = plain(composed(nadam, "optimizer.lr=0.1"))["optimizer"]
    assert set(section) == {"_target_", "lr", "betas", "eps", "weight_decay"}
    assert section["lr"] == 0.1
    assert refusal(nadam, output=tmp_path) == ""
    assert "optimizer.amsgrad is unknown" in refusal(
        nadam, "optimizer.amsgrad=true", output=tmp_path
    )
    assert "is not in an allowed package" in refusal("optimizer._target_=os.path", output=tmp_path)


@pytest.mark.parametrize(
    ("alias", "name"), [("bf16", "bf16-mixed"), ("32", "32-true"), ("64", "64-true")]
)
def test_a_precision_has_one_name(alias: str, name: str, tmp_path: Path) -> None:
    assert composed(f"trainer.precision={alias}").trainer.precision == name
    assert composed(f"trainer.precision='{alias}'").trainer.precision == name
    twins = refusal(f"trainer.precision={alias},{name}", output=tmp_path, sweep=True)
    assert "are the same run" in twins


@pytest.mark.parametrize("precision", ["16", "16-mixed", "8", "bf17", "null"])
def test_other_precisions_are_refused(precision: str, tmp_path: Path) -> None:
    said = refusal(f"trainer.precision={precision}", output=tmp_path)
    assert "Allowed: 32-true, 64-true, bf16-mixed, bf16-true" in said

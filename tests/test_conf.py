"""Oracle for every yaml: the signature of the class that it names."""

import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from pytorch_lightning import Trainer

from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.run import CONF
from rnnlab.runs.factory import make_module
from rnnlab.runs.hydra_job import GROUPS
from rnnlab.runs.matched_size import COUNTED
from rnnlab.runs.settings import KEYS, TrainerSettings
from rnnlab.tracking.settings import TrackingSettings
from rnnlab.training.settings import EvalSettings, TrainSettings
from tests.support.configs import composed, plain, run_config, section
from tests.support.data_files import write_data
from tests.support.idx_files import write_mnist

CHOICES = [(p.parent.name, p.stem) for group in GROUPS for p in sorted((CONF / group).glob("*"))]
FIRST = {"cell": {"elman", "lstm"}, "task": {"adding", "copy_memory", "arrays"}}
"""Of the two large groups, the choices that are made in the quick suite."""

OF_FILES = {  # tasks on a user's own, and what writes an example
    "mnist": write_mnist,
    "arrays": lambda folder: write_data(folder) / "labelled.npz",
    "audio": lambda folder: write_data(folder) / "words",
}
BRING_CLIPPING = [p.stem for p in (CONF / "cell").glob("*") if "override /clip" in p.read_text()]
NO_DEFAULT_IN_TORCH = {"T_max", "step_size", "gamma"}  # gamma: StepLR has one, ExponentialLR none


def chosen(*groups: str) -> list[tuple[str, str]]:
    found = [(group, choice) for group, choice in CHOICES if group in groups]
    assert {group for group, _ in found} == set(groups)
    return found


def class_and_arguments(group: str, choice: str) -> tuple[Any, dict[str, Any]]:
    """What the composed section names."""
    config = section(group, choice)
    module, _, name = config.pop("_target_").rpartition(".")
    return getattr(importlib.import_module(module), name), config


def of_its_own(group: str, choice: str) -> dict[str, Any]:
    """What a preset, which begins from another choice, says otherwise; nothing of any other."""
    written = yaml.safe_load((CONF / group / f"{choice}.yaml").read_text("utf-8"))
    return {k: v for k, v in written.items() if k != "defaults"} if "defaults" in written else {}


def defaults(cls: Any) -> dict[str, Any]:
    """Every argument with its default; inspect.Parameter.empty where it has none."""
    return {name: p.default for name, p in inspect.signature(cls).parameters.items()}


@pytest.mark.parametrize(("group", "choice"), chosen("cell", "task", "clip", "regularizer"))
def test_rnnlabs_classes_with_all_their_arguments_at_their_defaults(group, choice):
    cls, config = class_and_arguments(group, choice)
    assert cls.__module__.startswith("rnnlab.")
    expected = defaults(cls)
    if group == "cell":  # asked of the task, never written
        assert expected.pop("input_size") is inspect.Parameter.empty
    for key, value in of_its_own(group, choice).items():
        assert config[key] == value != expected.pop(key)
        del config[key]
    assert config == expected
    assert {k: type(v) for k, v in config.items()} == {k: type(v) for k, v in expected.items()}


@pytest.mark.parametrize("choice", [c for g, c in chosen("optimizer")])
def test_optimizers_are_torchs_with_their_defaults_but_for_lr_and_form(choice):
    cls, config = class_and_arguments("optimizer", choice)
    assert issubclass(cls, torch.optim.Optimizer)
    expected = defaults(cls)
    assert config.pop("lr") > 0
    assert "lr" in expected
    form = "foreach" if choice == "rmsprop" else "fused"  # the same equations, in fewer passes
    assert config.pop(form) is True
    assert form in expected
    assert config
    for key, value in config.items():
        assert value == (list(expected[key]) if key == "betas" else expected[key]), key


@pytest.mark.parametrize("choice", [c for g, c in chosen("schedule") if c != "none"])
def test_schedules_are_torchs_with_their_defaults(choice):
    cls, config = class_and_arguments("schedule", choice)
    assert issubclass(cls, torch.optim.lr_scheduler.LRScheduler)
    expected = defaults(cls)
    assert set(config) <= set(expected)
    for key, value in config.items():
        if expected[key] is inspect.Parameter.empty:
            assert key in NO_DEFAULT_IN_TORCH
        else:
            assert value == expected[key], key


def test_schedule_none_is_none():
    assert plain(composed("schedule=none"))["schedule"] == {}


def test_cosine_ends_with_the_training():
    config = plain(composed("schedule=cosine", "train.steps=700"), resolve=True)
    assert config["schedule"]["T_max"] == 700


@pytest.mark.parametrize("choice", [c for g, c in chosen("trainer")])
def test_trainers_are_lightnings(choice):
    cls, config = class_and_arguments("trainer", choice)
    assert cls is Trainer
    assert set(config) == set(vars(TrainerSettings())) <= set(defaults(Trainer))
    assert config["devices"] == 1
    default = class_and_arguments("trainer", "default")[1]
    different = {key: value for key, value in config.items() if value != default[key]}
    expected = {"cpu": {"accelerator": "cpu"}, "deterministic": {"deterministic": True}}
    assert different == expected.get(choice, {})


def test_tracking_is_its_settings():
    assert plain(composed()["tracking"]) == vars(TrackingSettings())


@pytest.mark.parametrize(
    ("name", "settings"), [("train", TrainSettings), ("eval", EvalSettings)], ids=str
)
def test_train_and_eval_are_their_settings(name, settings):
    expected = dict(vars(settings()))
    if name == "train":
        expected["data_seed"] = "${seed}"
    assert plain(composed())[name] == expected


def test_model_is_the_arguments_of_sequence_model():
    expected = defaults(SequenceModel)
    for given in ("cell", "input_size", "output_size"):
        assert expected.pop(given) is inspect.Parameter.empty
    assert plain(composed()["model"]) == expected | dict.fromkeys(
        COUNTED
    )  # which choose its cells' size


def test_the_data_follow_the_seed_unless_told():
    assert plain(composed("seed=5"), resolve=True)["train"]["data_seed"] == 5
    apart = plain(composed("seed=5", "train.data_seed=2"), resolve=True)
    assert (apart["seed"], apart["train"]["data_seed"]) == (5, 2)
    assert plain(composed("seed=5"), resolve=True)["eval"]["seed"] == 0  # one test set for all


def test_the_sections_are_those_that_a_run_knows():
    config = plain(composed())
    assert set(config) <= set(KEYS)
    assert config["resume"] == {"run": None, "allow_changes": False}
    assert config["allow_targets"] == []
    assert (config["seed"], config["num_threads"]) == (0, 1)


def test_the_default_choices():
    choices = composed(hydra=True).hydra.runtime.choices
    expected = {"cell": "lstm", "task": "adding", "clip": "none", "optimizer": "adam"}
    assert {group: choices[group] for group in expected} == expected


@pytest.mark.parametrize(
    "path", sorted(CONF.glob("*/*.yaml")), ids=lambda p: f"{p.parent.name}-{p.stem}"
)
def test_every_option_says_what_it_is(path: Path):
    """Its first comment, which `--help` prints: one line, the first but for @package."""
    assert path.suffix == ".yaml"
    comments = [x for x in path.read_text().splitlines() if not x.startswith("# @package")]
    assert comments[0].startswith("# ")
    assert 10 < len(comments[0]) <= 100


@pytest.mark.parametrize(
    ("group", "choice"),
    [
        pytest.param(group, choice, marks=() if choice in FIRST[group] else pytest.mark.slow)
        if group in FIRST
        else (group, choice)
        for group, choice in CHOICES
    ],
)
def test_every_choice_makes_a_run(group, choice, tmp_path):
    """Composed, checked and built by the code of a run, with its optimizer and schedule."""
    config = composed(f"{group}={choice}", hydra=True)
    assert config.hydra.runtime.choices[group] == choice
    needed = []
    if choice in OF_FILES:
        needed.append(f"task.path={OF_FILES[choice](tmp_path)}")
    with torch.random.fork_rng():
        module = make_module(run_config(f"{group}={choice}", *needed))
    assert module.model.num_params > 0


def test_every_group_is_known():
    groups = {path.name for path in CONF.iterdir() if path.is_dir()} - {"hydra"}
    assert groups == set(GROUPS)
    assert {group for group, _ in CHOICES} == groups
    assert all(path.suffix == ".yaml" for group in groups for path in (CONF / group).iterdir())


def test_elman_clipped_is_elman_and_brings_clipping():
    config, choices = composed("cell=elman_clipped"), composed("cell=elman_clipped", hydra=True)
    assert plain(config["cell"]) == plain(composed("cell=elman")["cell"])
    assert plain(config["clip"]) == plain(composed("clip=norm")["clip"])
    assert choices.hydra.runtime.choices["clip"] == "norm"
    assert plain(composed("cell=elman")["clip"]) == {"_target_": "rnnlab.training.clipping.NoClip"}


def brings_a_clip(cell: str) -> bool:
    return "override /clip" in (CONF / "cell" / f"{cell}.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("clip", ["none", "norm", "value"])
@pytest.mark.parametrize("cell", [*BRING_CLIPPING, "lstm"])
def test_the_clip_that_is_asked_for_wins(cell, clip):
    for overrides in ([f"cell={cell}", f"clip={clip}"], [f"clip={clip}", f"cell={cell}"]):
        config = plain(composed(*overrides))
        assert config["clip"] == plain(composed(f"clip={clip}"))["clip"]
        assert config["cell"] == plain(composed(f"cell={cell}"))["cell"]


def test_clipping_that_a_cell_brings_can_be_set():
    assert composed("cell=elman_clipped", "clip.max_norm=0.5").clip.max_norm == 0.5


def test_the_experiment_comes_last_but_for_the_command_line():
    config = composed("experiment=elman_regression")
    assert (config.cell._target_, config.cell.hidden_size) == ("rnnlab.cells.elman.ElmanCell", 5)
    assert config.task._target_ == "rnnlab.tasks.teacher.Teacher"
    assert config.optimizer.lr == 0.01
    overridden = composed("experiment=elman_regression", "cell.hidden_size=9", "optimizer.lr=0.3")
    assert (overridden.cell.hidden_size, overridden.optimizer.lr) == (9, 0.3)

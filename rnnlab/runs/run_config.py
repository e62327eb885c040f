"""The door of a run: its config, checked, as what its sections describe.

Up to here a config is what Hydra composed, resolved to plain values. From here on it is typed
objects; its plain form is for files, for MLflow's params and for messages.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from rnnlab.cells import Cell, check_cell
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.foundation.checks import check_seed
from rnnlab.foundation.masking import MASK, is_secret_number, masked_config
from rnnlab.foundation.nested import values
from rnnlab.runs.build import build, check_allowed, refused_in
from rnnlab.runs.matched_size import COUNTED, SIZE, nearest_size, read_match
from rnnlab.runs.schedule import MakeSchedule, read_schedule, try_schedule
from rnnlab.runs.settings import PlainConfig, Settings, read_settings
from rnnlab.tasks import DataFile, Task, check_task
from rnnlab.tracking.result import leaves
from rnnlab.tracking.settings import TrackingSettings
from rnnlab.training.clipping import Clip
from rnnlab.training.regularizer import Regularizer
from rnnlab.training.settings import EvalSettings, TrainSettings

if TYPE_CHECKING:
    from rnnlab.diagnostics import Diagnostic


MakeOptimizer = Callable[[Iterable[Tensor]], Optimizer]


@dataclass(frozen=True)
class ModelConfig:
    """A task and the model for it: enough to make a trained model again from its weights."""

    task: Task
    seed: int
    make_model: Callable[[], SequenceModel]
    """Takes the first weights from torch's generator as it is."""

    def make(self) -> SequenceModel:
        """The model with its first weights, a function of the seed."""
        torch.manual_seed(self.seed)
        return self.make_model()

    def make_checked(self, with_data: bool = True) -> SequenceModel:
        """The model, once its cells and the task are seen to keep to their interfaces.

        Args:
            with_data: Whether the data of the task are here, without which nothing can be seen of it.

        Raises:
            ContractError: If one does not.
            ValueError: If the data of the task are not there, or are not what they should be.
        """
        model = self.make()
        if with_data:
            read_data(self.task)
            check_task(self.task)
        for layer in model.layers:
            assert isinstance(layer, Cell)
            check_cell(layer)
        return model


@dataclass(frozen=True)
class RunConfig:
    """All that a run is."""

    model: ModelConfig
    settings: Settings
    make_optimizer: MakeOptimizer
    make_schedule: MakeSchedule | None
    clip: Clip
    regularizer: Regularizer
    diagnostics: dict[str, "Diagnostic"]
    plain: dict[str, Any]
    """As it is written to files: what it was read from, without secrets."""

    @property
    def task(self) -> Task:
        return self.model.task

    @property
    def seed(self) -> int:
        return self.model.seed

    @property
    def train(self) -> TrainSettings:
        return self.settings.train

    @property
    def eval_settings(self) -> EvalSettings:
        return self.settings.eval_settings

    @property
    def tracking(self) -> TrackingSettings:
        return self.settings.tracking


def read_config(plain: PlainConfig, here: bool = True) -> RunConfig:
    """Check a config, and turn each of its sections into what that describes.

    What needs no torch is looked at first; neither Lightning nor MLflow is imported.

    Args:
        plain: The config.
        here: Whether the run is to be on this machine.

    Raises:
        ValueError: For anything in it that cannot be used, named by its dotted key.
    """
    settings = read_settings(plain, here)
    plain = with_matched_size(plain)
    allow = settings.allow
    make_optimizer, make_schedule = read_optimizer(plain, allow)
    config = RunConfig(
        model=read_model(plain),
        settings=settings,
        make_optimizer=make_optimizer,
        make_schedule=make_schedule,
        clip=build("clip", plain["clip"], Clip, allow)(),
        regularizer=read_regularizer(plain, settings),
        diagnostics=read_diagnostics(plain["diagnostics"], allow),
        plain=masked_config(plain),
    )
    _refuse_secrets(plain, config.plain)
    return config


def read_model(plain: PlainConfig) -> ModelConfig:
    """The task, and what makes a model for it; of a config that may have no more than that."""
    task = read_task(plain)
    make_model = _model_maker(plain, plain["cell"], task)
    return ModelConfig(task, check_seed("seed", plain["seed"]), make_model)


def with_matched_size(plain: PlainConfig) -> PlainConfig:
    """A config whose cell has the hidden_size that `model.match_params` or `model.match_state` chooses.

    Of a config that has it already, the same.

    Raises:
        ValueError: As `read_match` and `nearest_size` do, and as the task and the cell do.
    """
    match = read_match(plain)
    if match is None:
        return plain
    cell, task = plain["cell"], read_task(plain)
    size = nearest_size(match, lambda size: _model_maker(plain, {**cell, SIZE: size}, task)())
    return {**plain, "cell": {**cell, SIZE: size}}


def _model_maker(
    plain: PlainConfig, cell: Mapping[str, Any], task: Task
) -> Callable[[], SequenceModel]:
    return build(
        "model",
        {key: value for key, value in plain["model"].items() if key not in COUNTED},
        SequenceModel,
        cell=build("cell", cell, Cell, check_allowed(plain["allow_targets"]), later=1),
        input_size=task.input_size,
        output_size=task.output_size,
    )


def read_task(plain: PlainConfig) -> Task:
    """The task alone."""
    task = build("task", plain["task"], Task, check_allowed(plain["allow_targets"]))()
    key = task.length_key
    if type(getattr(task, key, None)) is not int:
        raise ValueError(f"length_key={key!r} of {type(task).__name__} names no whole number of it")
    return task


def read_data(task: Task) -> tuple[DataFile, ...]:
    """What the task's sequences are read from.

    Raises:
        ValueError: As the task says, named by its key: `task.path=...`.
    """
    with refused_in("task", vars(task)):
        return task.data


def has_data(task: Task) -> bool:
    """Whether the data that the task reads are on this machine."""
    try:
        read_data(task)
    except ValueError:
        return False
    return True


def with_found(plain: PlainConfig, found: Mapping[str, Any]) -> dict[str, Any]:
    """A config whose task has what it found in its data (`Task.from_data`): it can be made without them."""
    return {**plain, "task": {**plain["task"], **found}}


def read_optimizer(
    plain: PlainConfig, allow: list[str]
) -> tuple[MakeOptimizer, MakeSchedule | None]:
    """What makes the optimizer from the parameters, and the schedule, if any, from the optimizer."""
    make_schedule = read_schedule(plain["schedule"], allow) if plain["schedule"] else None
    return build("optimizer", plain["optimizer"], Optimizer, allow, later=1), make_schedule


def try_optimizer(
    model: SequenceModel,
    make_optimizer: MakeOptimizer,
    make_schedule: MakeSchedule | None,
    steps: int,
) -> None:
    """Refuse a bad learning rate now rather than once a run has begun.

    Args:
        model: Whose parameters the optimizer gets, and leaves as they are.
        make_optimizer: From them.
        make_schedule: From the optimizer.
        steps: Updates of the run.

    Raises:
        ValueError: As the optimizer or the schedule does.
    """
    optimizer = make_optimizer(model.parameters())
    if make_schedule is None:
        return
    schedule = make_schedule(optimizer)
    optimizer.step()  # without gradients it changes nothing
    try_schedule(schedule, steps)


def read_regularizer(plain: PlainConfig, settings: Settings) -> Regularizer:
    """What is added to the gradient of the loss."""
    return build("regularizer", plain["regularizer"], Regularizer, settings.allow)()


def read_diagnostics(sections: Mapping[str, Any], allow: list[str]) -> dict[str, "Diagnostic"]:
    """What is measured on the model besides its losses, by name."""
    from rnnlab.diagnostics import (
        Diagnostic,  # with matplotlib, for which other checks need not wait
    )

    chosen = {}
    for name, section in sections.items():
        key = f"diagnostics.{name}"
        if not re.fullmatch(r"\w[\w-]*", name):
            raise ValueError(f"{key} is not a name of letters, digits, _ and -: files go by it")
        if not isinstance(section, Mapping) or "_target_" not in section:
            raise ValueError(f"{key}={section!r} is not a section with a _target_")
        chosen[name] = build(key, section, Diagnostic, allow)()
    return chosen


def _refuse_secrets(plain: PlainConfig, shown: PlainConfig) -> None:
    """What a model is made of has to be in its files, and so has the experiment that it belongs to.

    So has each number. Other texts, as a store's, are in them without their secrets.
    """
    named = {name: shown[name] for name in ("cell", "task", "model")}
    named["tracking"] = {"experiment": shown["tracking"]["experiment"]}
    secret = [key for key, value in leaves(named) if MASK in value]
    if secret := [*secret, *(key for key, value in values(plain) if is_secret_number(value))]:
        raise ValueError(
            f"{secret[0]} takes a secret from the environment, which no file is to hold"
        )

"""From a plain config to the parts of a run: task, model, training module, trainer.

The config is what Hydra composed, resolved to plain dicts; every section is checked here.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from rnnlab.cells import Cell
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.diagnostics import Diagnostic
from rnnlab.foundation.checks import check_choice, check_seed, did_you_mean
from rnnlab.runs.build import build
from rnnlab.tasks import Task
from rnnlab.training.checkpoints import AtomicCheckpointIO, checkpointing
from rnnlab.training.clipping import Clip
from rnnlab.training.module import TrainingModule
from rnnlab.training.settings import EvalSettings, TrainSettings

Config = Mapping[str, Any]

SECTIONS = (
    *("task", "cell", "clip", "optimizer", "schedule", "trainer", "tracking", "model"),
    *("diagnostics", "train", "eval"),
)
KEYS = (*SECTIONS, "seed", "num_threads", "resume", "allow_targets")

# What of Lightning's trainer is a choice here; the rest belongs to the sections of the config.
TRAINER = ("accelerator", "devices", "precision", "deterministic")
PRECISIONS = ("32-true", "64-true", "bf16-mixed", "bf16-true")  # a loss scale would fool clipping


def make_task(config: Config) -> Task:
    """The task that `config` describes, checked."""
    return build("task", config["task"], Task, config["allow_targets"])()


def make_model(config: Config, task: Task) -> SequenceModel:
    """The model with its first weights, a function of `seed`."""
    make_cell = build("cell", config["cell"], Cell, config["allow_targets"])
    sizes = {"cell": make_cell, "input_size": task.input_size, "output_size": task.output_size}
    torch.manual_seed(check_seed("seed", config["seed"]))
    return build("model", config["model"], SequenceModel, **sizes)()


def check_sections(config: Config) -> None:
    """Refuse a config with a key too many, or one that an override took away."""
    for key in config:
        if key not in KEYS:
            raise ValueError(f"{key} is unknown: {did_you_mean(key, KEYS)}")
    for key in KEYS:
        if key not in config:
            raise ValueError(f"{key} is missing")
        if key in SECTIONS and not isinstance(config[key], Mapping):
            raise ValueError(f"{key}={config[key]!r} is not a section of keys")


def make_module(config: Config) -> TrainingModule:
    """Task, model and all that trains it.

    Raises:
        ValueError: For anything in the config that cannot be used, named by its dotted key.
    """
    allow = config["allow_targets"]
    if not (isinstance(allow, list) and all(isinstance(p, str) and p for p in allow)):
        raise ValueError(f"allow_targets={allow!r} is not a list of packages, as [mine]")
    task = make_task(config)
    schedule = config["schedule"]
    module = TrainingModule(
        make_model(config, task),
        task,
        optimizer=build("optimizer", config["optimizer"], Optimizer, allow),
        clip=build("clip", config["clip"], Clip, allow)(),
        schedule=make_schedule(schedule, allow) if schedule else None,
        train=build("train", config["train"], TrainSettings)(),
        evaluation=build("eval", config["eval"], EvalSettings)(),
        seed=config["seed"],
    )
    _try_optimizer(module)
    return module


def make_schedule(config: Config, allow: list[str]) -> Callable[[Optimizer], LRScheduler]:
    """What makes the schedule from the optimizer; `schedulers` may list schedules within it."""
    if "schedulers" not in config:
        return build("schedule", config, LRScheduler, allow)
    within = [make_schedule(one, allow) for one in config["schedulers"]]
    own = {key: value for key, value in config.items() if key != "schedulers"}

    def make(optimizer: Optimizer) -> LRScheduler:
        made = [one(optimizer) for one in within]
        return build("schedule", own, LRScheduler, allow, optimizer=optimizer, schedulers=made)()

    return make


def _try_optimizer(module: TrainingModule) -> None:
    """Refuse a bad learning rate now rather than once the run has begun."""
    optimizer = module.make_optimizer(module.model.parameters())
    if module.make_schedule is not None:
        module.make_schedule(optimizer)


def make_diagnostics(config: Config) -> dict[str, Diagnostic]:
    """What is measured on the model besides its losses, by name."""
    chosen = {}
    for name, section in config["diagnostics"].items():
        where = f"diagnostics.{name}"
        if not re.fullmatch(r"\w[\w-]*", name):
            raise ValueError(f"{where} is not a name of letters, digits, _ and -: files go by it")
        if not isinstance(section, Mapping) or "_target_" not in section:
            raise ValueError(f"{where}={section!r} is not a section with a _target_")
        chosen[name] = build(where, section, Diagnostic, config["allow_targets"])()
    return chosen


def make_trainer(
    config: Config,
    folder: Path,
    callbacks: Sequence[pl.Callback],
    logger: Any,
    checkpoints_io: AtomicCheckpointIO | None = None,
) -> pl.Trainer:
    """A Lightning trainer that checkpoints into `folder`.

    Raises:
        ValueError: For a setting that is not the trainer's here, or that Lightning refuses.
    """
    section = config["trainer"]
    for key in section:
        if key not in ("_target_", *TRAINER):
            raise ValueError(f"trainer.{key} is unknown: {did_you_mean(key, TRAINER)}")
    check_choice("trainer.precision", section.get("precision"), PRECISIONS)
    train = build("train", config["train"], TrainSettings)()
    make = build(
        "trainer",
        section,
        pl.Trainer,
        logger=logger,
        max_epochs=-(-train.steps // train.val_every),  # an epoch is up to a validation
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        reload_dataloaders_every_n_epochs=1,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        callbacks=[*callbacks, *checkpointing(folder)],
        plugins=[checkpoints_io or AtomicCheckpointIO()],
    )
    try:
        trainer = make()
    except MisconfigurationException as error:
        raise ValueError(f"trainer: {error}") from error
    if trainer.world_size != 1:
        raise ValueError(f"trainer.devices={section['devices']} is not one device")
    return trainer

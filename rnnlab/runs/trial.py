"""A config tried out before anything of its run is made: what it describes is built once, and dropped.

What imports least comes first: settings, then what needs torch, then Lightning, then MLflow. So a bad
value is refused as soon as it can be known to be one.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.foundation.run_folder import RunFolder
from rnnlab.runs.settings import read_settings

if TYPE_CHECKING:
    from pytorch_lightning import Trainer

    from rnnlab.runs.resume import EarlierRun
    from rnnlab.runs.run_config import RunConfig


def try_out(plain: Mapping[str, Any], here: bool = True) -> None:
    """Refuse what could not become a run, but for its store.

    Args:
        plain: Its config.
        here: Whether it is to run on this machine, which is asked for what the trainer wants of one.

    Raises:
        ValueError: Named by its dotted key.
    """
    try_model(plain, here)
    try_evaluation(plain, here)


def try_model(plain: Mapping[str, Any], here: bool = True) -> None:
    """The settings, and what needs no more than torch: the model, made once, and what trains it."""
    settings = read_settings(plain, here)
    import torch

    from rnnlab.runs.build import build
    from rnnlab.runs.memory import refuse_inputs
    from rnnlab.runs.run_config import (
        read_model,
        read_optimizer,
        read_regularizer,
        try_optimizer,
        with_matched_size,
    )
    from rnnlab.training.batches import curriculum_of, training_batches
    from rnnlab.training.clipping import Clip
    from rnnlab.training.weight_decay import MatricesAlone

    build("clip", plain["clip"], Clip, settings.allow)()
    regularizer = read_regularizer(plain, settings)
    regularizer.refuse_cuts(settings.train.cuts)
    model_config = read_model(with_matched_size(plain))
    training_batches(model_config.task, settings.train)
    curriculum_of(model_config.task, settings.train)
    if here:
        refuse_inputs(model_config.task, settings)
    with torch.random.fork_rng(devices=[]):
        model = model_config.make_checked()
    regularizer.refuse_task(model_config.task)
    make, make_schedule = read_optimizer(plain, settings.allow)
    make = make if settings.train.decay_biases else MatricesAlone(make)
    try_optimizer(model, make, make_schedule, settings.train.steps)


def try_evaluation(plain: Mapping[str, Any], here: bool = True) -> None:
    """What needs scipy, which comes with the evaluation and the diagnostics, and maybe Lightning."""
    from rnnlab.diagnostics.probe import refuse_counts
    from rnnlab.runs.memory import refuse_too_large
    from rnnlab.runs.run_config import read_config
    from rnnlab.training.evaluation import Evaluation

    config = read_config(plain, here)
    Evaluation(config.task, config.eval_settings).refuse_counts()
    refuse_counts(config.diagnostics, config.task)
    if here and not config.settings.trainer.works_anywhere:
        _try_trainer(config)
    if here:
        refuse_too_large(config)


def _try_trainer(config: "RunConfig") -> "Trainer":
    """Ask Lightning whether this machine has what the trainer wants."""
    from rnnlab.foundation.quiet import quiet_tools
    from rnnlab.runs.factory import make_trainer
    from rnnlab.training.checkpoints import AtomicCheckpointIO

    quiet_tools()
    unused = RunFolder(Path("unused"))
    return make_trainer(config, unused, [], False, AtomicCheckpointIO(unused))


def try_going_on(plain: Mapping[str, Any], earlier: "EarlierRun", moves: bool) -> None:
    """That a run could go on from its checkpoint, and as it would have been.

    Args:
        plain: Its config.
        earlier: The run, and where it stands.
        moves: Whether one that had finished may train on with another device or version of torch.

    Raises:
        ValueError: If something of the checkpoint is missing, or is of another model or optimizer; if
            its data have changed; or if the run had finished elsewhere.
    """
    from rnnlab.runs.factory import make_module
    from rnnlab.runs.fitting import refuse_unfit
    from rnnlab.runs.machine import machine, moved
    from rnnlab.runs.run_config import read_config
    from rnnlab.runs.run_data import refuse_changed_data

    config = read_config(plain)
    refuse_changed_data(earlier.folder, config.task)
    if earlier.checkpoint is None:
        return
    refuse_unfit(make_module(config), earlier.checkpoint)
    if earlier.end is None or moves:
        return
    if lines := moved(earlier.result.machine, machine(_try_trainer(config))):
        raise ValueError(
            f"{'; '.join(lines.splitlines())}: the run has finished, and would not train on to the "
            "same bits (resume.allow_changes=true lets it, and writes it down)"
        )


def try_store(plain: Mapping[str, Any]) -> None:
    """Open the store; one that does not answer now may do so later, and is no reason to refuse."""
    from rnnlab.foundation.quiet import quiet_tools

    quiet_tools()  # before MLflow is imported, which would report its use
    from rnnlab.tracking.store import UnreachableError, open_store, tracking_uri

    quiet_tools()  # and once it has set up its log
    tracking = plain["tracking"]
    try:
        open_store(tracking_uri(tracking["uri"]), tracking["experiment"])
    except UnreachableError:
        return

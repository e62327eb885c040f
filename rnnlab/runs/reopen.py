"""A trained model again, from the checkpoint of a run."""

from collections.abc import Iterable
from pathlib import Path

from rnnlab.runs.build import check_allowed
from rnnlab.runs.factory import make_module
from rnnlab.runs.fitting import load_weights
from rnnlab.runs.run_config import has_data, read_config, with_found
from rnnlab.training import checkpoints
from rnnlab.training.module import TrainingModule


def load_module(path: str | Path, allow_targets: Iterable[str] = ()) -> TrainingModule:
    """The module of a run as a checkpoint has it, on the CPU and ready to answer (`eval`).

    `module.model` and `module.task` are its model and its task. Where the data of a task are not here, the
    model answers all the same, and nothing can be sampled.

    Args:
        path: A checkpoint of the run, as checkpoints/best.ckpt in its folder.
        allow_targets: Packages of your own whose classes its config may name: their code runs.

    Raises:
        ValueError: If it cannot be read, is damaged, or names a class that is not allowed.
    """
    checkpoint = checkpoints.load(Path(path))
    saved = checkpoint["rnnlab"].get("config")
    found = checkpoint["rnnlab"].get("from_data", {})
    if saved is None:
        raise ValueError(
            f"{path} was not written by rnnlab's command: its parts are not known, and "
            "TrainingModule.load_from_checkpoint takes them"
        )
    allowed = check_allowed(list(allow_targets))
    try:
        plain = with_found({**saved, "allow_targets": allowed}, found)
        config = read_config(plain)
        module = make_module(config, answers_only=not has_data(config.task))
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} has no config of a run: {error!r}") from error
    module.on_load_checkpoint(checkpoint)
    load_weights(module, checkpoint, Path(path))
    return module.eval()

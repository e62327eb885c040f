"""Where Lightning's loop over epochs and batches stands, which follows from the number of updates alone."""

from typing import Any

from rnnlab.training.settings import TrainSettings


def moved_to(updates: int, loop: dict[str, Any], settings: TrainSettings) -> dict[str, Any]:
    """The state of Lightning's loop, with as many epochs and steps done as the updates say."""
    epochs = -(-updates // settings.val_every)
    if updates < settings.steps:
        epochs = updates // settings.val_every  # one that has only begun begins again
    for counts in loop["epoch_progress"].values():
        counts.update(dict.fromkeys(counts, epochs))
    steps = loop["epoch_loop.manual_optimization.optim_step_progress"]["total"]
    steps.update(dict.fromkeys(steps, -(-updates // settings.block)))
    return loop

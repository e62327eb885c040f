"""What a run is trained on."""

from rnnlab.tasks import Task
from rnnlab.tasks.stream import Stream
from rnnlab.training.curriculum import Curriculum
from rnnlab.training.settings import TrainSettings


def curriculum_of(task: Task, settings: TrainSettings) -> Curriculum | None:
    """The lengths that a run trains at one after another, if it is to."""
    start = settings.start_seq_len
    return None if start is None else Curriculum(task, start)


def training_batches(task: Task, settings: TrainSettings) -> Stream:
    """The batches of a run at a length; number t is of update t.

    Raises:
        ValueError: If the task cannot be as short as `min_seq_len`, or is shorter itself; if `tbptt` cuts no
            sequence; or if the batches are to continue, and cannot.
    """
    if settings.tbptt is not None and settings.tbptt >= task.seq_len:
        raise ValueError(
            f"train.tbptt={settings.tbptt} leaves sequences of {task.seq_len} steps whole, as "
            f"train.tbptt=null does: at most {task.seq_len - 1}"
        )
    shortest, stateful = settings.min_seq_len, settings.stateful
    try:
        return Stream(task, settings.batch_size, settings.data_seed, "train", shortest, stateful)
    except ValueError as error:
        key = "train.stateful=true" if stateful else f"train.min_seq_len={shortest}"
        raise ValueError(f"{key}: {error}") from error

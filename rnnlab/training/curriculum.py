"""Lengths that a run trains at one after another, each once the one before is solved."""

from rnnlab.tasks import Task


class Curriculum:
    """From `start` on, each twice as long as the one before, up to the task's own.

    Args:
        task: Whose own length is the last.
        start: The first `seq_len`.

    Raises:
        ValueError: If the task does not say when it is solved, refuses one of the lengths, or is no longer than the first.
    """

    def __init__(self, task: Task, start: int) -> None:
        key = f"train.start_seq_len={start}"
        if task.solved_below is None:
            raise ValueError(
                f"{key}: {type(task).__name__} has no error rate at which it is solved"
            )
        if start >= task.seq_len:
            raise ValueError(f"{key} is not shorter than the task, of {task.seq_len} steps")
        self.start, self.tasks = start, dict[int, Task]()
        while start < task.seq_len:
            try:
                self.tasks[start] = task.at_length(start)
            except ValueError as error:
                raise ValueError(f"{key} leads to {start} steps: {error}") from error
            start *= 2
        self.tasks[task.seq_len] = task

    def at(self, seq_len: int | None) -> int:
        """The first length from this one on, as a changed setting may have left this one out; None: the first of all."""
        return next(length for length in self.tasks if length >= (seq_len or 0))

    def after(self, seq_len: int) -> int:
        """The length that follows; the last is followed by itself."""
        longer = [length for length in self.tasks if length > seq_len]
        return min(longer, default=seq_len)

"""Synthetic problems of long dependencies, a file each, and their streams of batches."""

from rnnlab.tasks.contract import check_task
from rnnlab.tasks.task import Batch, Task

__all__ = ["Batch", "Task", "check_task"]

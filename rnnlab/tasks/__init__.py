from rnnlab.tasks.adding import Adding
from rnnlab.tasks.copy_memory import CopyMemory
from rnnlab.tasks.task import Batch, Task
from rnnlab.tasks.teacher import Teacher
from rnnlab.tasks.temporal_order import TemporalOrder

__all__ = ["Adding", "Batch", "CopyMemory", "Task", "Teacher", "TemporalOrder"]

"""Problems of long dependencies, a file each, and their streams of batches."""

from rnnlab.tasks.batch import Batch
from rnnlab.tasks.contract import check_task
from rnnlab.tasks.data_file import DataFile
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.philox import Part
from rnnlab.tasks.stream import Stream
from rnnlab.tasks.task import Task

__all__ = ["Batch", "DataFile", "Draws", "Part", "Stream", "Task", "check_task"]

"""Recurrent cells, a file each, and the model that reads one out."""

from rnnlab.cells.cell import Cell, State
from rnnlab.cells.contract import check_cell
from rnnlab.cells.sequence_model import SequenceModel

__all__ = ["Cell", "SequenceModel", "State", "check_cell"]

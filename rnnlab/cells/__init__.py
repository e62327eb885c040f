"""Recurrent cells, a file each, and the model that reads one out."""

from rnnlab.cells.cell import Cell, State
from rnnlab.cells.contract import check_cell

__all__ = ["Cell", "State", "check_cell"]

"""Recurrent cells, a file each, and the model that reads one out."""

from rnnlab.cells.cell import Cell, State

__all__ = ["Cell", "State"]

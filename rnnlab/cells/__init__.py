from rnnlab.cells.cell import Cell, State
from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.gru import GRUCell
from rnnlab.cells.lstm import LSTMCell

__all__ = ["Cell", "ElmanCell", "GRUCell", "LSTMCell", "State"]

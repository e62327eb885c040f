"""Which two numbers are marked in the adding and the multiplication problem, by paper.

Each takes T, the length that the sequences have, and their draws, and gives the two steps that are
marked.
"""

from collections.abc import Callable

from torch import Tensor

from rnnlab.tasks.draws import Draws

Marks = Callable[[int, int, Draws], list[Tensor]]


def one_in_each_half(seq_len: int, length: int, draws: Draws) -> list[Tensor]:
    """As of Arjovsky et al. (2016)."""
    half = length // 2
    return [draws.integers(0, half), draws.integers(half, length)]


def anywhere(seq_len: int, length: int, draws: Draws) -> list[Tensor]:
    """As in the code of Bai et al. (2018)."""
    return _second_unmarked(length, length - 1, draws)


def early(seq_len: int, length: int, draws: Draws) -> list[Tensor]:
    """As in the code of Pascanu et al. (2013): one in the first tenth, one up to the middle."""
    tenth, half = length // 10, length // 2
    return [draws.integers(0, tenth), draws.integers(tenth, half)]


def among_first_ten(seq_len: int, length: int, draws: Draws) -> list[Tensor]:
    """As of Hochreiter & Schmidhuber (1997): one of ten, one of the first T/2 - 1 still unmarked."""
    return _second_unmarked(10, seq_len // 2 - 1, draws)


def _second_unmarked(first: int, second: int, draws: Draws) -> list[Tensor]:
    """A mark among the first `first` steps, then one among the first `second` still unmarked."""
    marked = draws.integers(0, first)
    other = draws.integers(0, second)
    return [marked, other + (other >= marked)]  # stepping over the mark that is there

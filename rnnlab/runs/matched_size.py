"""`model.match_params` and `model.match_state`: cells of one size, whatever each makes of its hidden_size.

A comparison at one `hidden_size` gives an LSTM four times the parameters of an Elman cell. Here the
number of parameters, or of numbers in the state, is what is given, and hidden_size is looked for.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from rnnlab.foundation.checks import check_int

if TYPE_CHECKING:  # with torch, for which a refusal need not wait
    from rnnlab.cells.sequence_model import SequenceModel

SIZE = "hidden_size"
COUNTED = {"match_params": "num_params", "match_state": "state_size"}
"""By the key in the section `model`, the property of a model that is to come near to its value."""
WORDS = {"match_params": "parameters", "match_state": "numbers in the state"}
FIRST = 1024  # The smallest size that a cell takes is looked for up to here.
LARGEST = 2**16


class Match(NamedTuple):
    """What is to be matched."""

    key: str
    target: int

    def __str__(self) -> str:
        return f"model.{self.key}={self.target}"


class Sized(NamedTuple):
    """A hidden_size that the cell takes, and what the model counts with it."""

    size: int
    count: int


def read_match(plain: Mapping[str, Any]) -> Match | None:
    """What a config asks to be matched, if anything.

    Raises:
        ValueError: For a value that is no number above 0, for both at once, and for a cell without a hidden_size.
    """
    values = {key: plain["model"].get(key) for key in COUNTED}
    asked = [Match(key, value) for key, value in values.items() if value is not None]
    for match in asked:
        check_int(f"model.{match.key}", match.target, minimum=1)
    if len(asked) > 1:
        raise ValueError(f"{asked[0]} and {asked[1]} each choose cell.{SIZE}: choose one of them")
    if asked and SIZE not in plain["cell"]:
        raise ValueError(f"{asked[0]} chooses cell.{SIZE}, which this cell has not")
    return asked[0] if asked else None


def nearest_size(match: Match, make: Callable[[int], "SequenceModel"]) -> int:
    """The hidden_size whose model comes nearest; of two as near, the smaller one.

    What is counted has to grow with hidden_size. Sizes that the cell refuses are passed over, as where
    hidden_size has to be a multiple of a number of heads.

    Args:
        match: What is counted, and what it is to be.
        make: A model of a hidden_size; raises ValueError for a size that the cell refuses.

    Raises:
        ValueError: If the smallest model has more already, or no model has as many; and as `make` does where
            it takes no size.
    """
    sizes = _Sizes(match, make)
    low, above = sizes.bracket()
    end = above.size  # from here to the size of `above`, the cell takes none
    while end - low.size > 1:
        middle = (low.size + end) // 2
        found = sizes.first_from(middle, end)
        if found is not None and found.count <= match.target:
            low = found
        else:
            above, end = found or above, middle
    return min(low, above, key=lambda sized: (abs(sized.count - match.target), sized.size)).size


def match_told(plain: Mapping[str, Any], model: "SequenceModel") -> str:
    """What was chosen, in a line; empty where nothing was to be matched."""
    match = read_match(plain)
    if match is None:
        return ""
    count = getattr(model, COUNTED[match.key])
    chosen = f"cell.{SIZE}={plain['cell'][SIZE]}"
    return f"{chosen} has {count} {WORDS[match.key]}, the nearest to {match}"


class _Sizes:
    """The sizes that a cell takes."""

    def __init__(self, match: Match, make: Callable[[int], "SequenceModel"]) -> None:
        self.match, self.make = match, make
        self.refused: ValueError | None = None

    def first_from(self, size: int, end: int) -> Sized | None:
        """The smallest of them from `size` on, and below `end`."""
        for each in range(size, min(end, LARGEST + 1)):
            try:
                return Sized(each, _count(self.match, self.make, each))
            except ValueError as error:
                self.refused = self.refused or error
        return None

    def bracket(self) -> tuple[Sized, Sized]:
        """Two of them: one with as many as asked for or fewer, and a larger one with more."""
        match, words = self.match, WORDS[self.match.key]
        low = self.first_from(1, FIRST)
        if low is None:
            assert self.refused is not None
            raise self.refused
        if low.count > match.target:
            raise ValueError(
                f"{match} is too small: cell.{SIZE}={low.size} has {low.count} {words}"
            )
        above = self.first_from(2 * low.size, 4 * low.size)
        while above is not None and above.count <= match.target:
            low, above = above, self.first_from(2 * above.size, 4 * above.size)
        if above is None:
            raise ValueError(
                f"{match} is too large: cell.{SIZE}={low.size} has {low.count} {words}, and the cell "
                f"takes no size from {2 * low.size} on"
            )
        return low, above


def _count(match: Match, make: Callable[[int], "SequenceModel"], size: int) -> int:
    """Of a model without memory for its weights; of one that cannot be without, of the model itself."""
    import torch

    try:
        with torch.device("meta"):
            return getattr(make(size), COUNTED[match.key])
    except (
        ValueError,
        TypeError,
        RuntimeError,
    ):  # of what needs numbers, too, as an eigenvalue does
        with torch.random.fork_rng(devices=[]):
            return getattr(make(size), COUNTED[match.key])

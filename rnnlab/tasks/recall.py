"""What problems share that end in repeating symbols which were shown long before."""

import torch
from torch import Tensor

from rnnlab.tasks.class_scores import mistaken, probabilities_off_by
from rnnlab.tasks.classes import Classes
from rnnlab.tasks.draws import WIDEST, Draws


class Recall(Classes):
    """The last `copy_len` answers are symbols that were shown; what comes before them is blank.

    The loss is that of all answers. Blanks are easily told and worth nothing; so the scores look at the last `copy_len`
    answers alone: `recall` is the fraction of symbols that are right, `exact_match` is 1 where all
    are. A sequence is wrong without an exact match.
    """

    copy_len: int
    num_symbols: int

    @property
    def chance_error(self) -> float:
        """Each symbol is guessed from `num_symbols`."""
        return 1 - self.num_symbols**-self.copy_len

    @property
    def chance_accuracy(self) -> float:
        """Of the repeated symbols."""
        return 1 / self.num_symbols

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self.position_errors(outputs, targets).any(dim=1)

    def scores(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        recalled = ~self.position_errors(outputs, targets)
        return {
            "recall": recalled.float().mean(dim=1),
            "exact_match": recalled.all(dim=1).float(),
        }

    def off_by(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Of the probability of each class at the last `copy_len` steps."""
        return probabilities_off_by(outputs[:, -self.copy_len :], targets[:, -self.copy_len :])

    def position_errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Which of the symbols are wrong; bools, (batch, copy_len)."""
        return mistaken(outputs[:, -self.copy_len :], targets[:, -self.copy_len :])


def scattered(symbols: Tensor, steps: int, draws: Draws) -> Tensor:
    """Symbols in their order at different steps, all choices being as likely; 0 at the others.

    Args:
        symbols: (sequences, count), with count at most `steps`.
        steps: How many there are to stand at.
        draws: Of the sequences.

    Returns:
        (sequences, steps).
    """
    places = _places(symbols.size(1), steps, draws)
    shown = torch.zeros(draws.sequences, steps, dtype=torch.int64, device=draws.device)
    return shown.scatter_(1, places, symbols)


def _places(count: int, steps: int, draws: Draws) -> Tensor:
    """So many different steps in order, by Floyd's algorithm, which draws `count` numbers.

    The next place is drawn from 0 to one step further each time; where it has been taken, that step
    is.
    """
    furthest = torch.arange(steps - count, steps, device=draws.device)
    # One call for all ranges. Each place is as likely as any other, but for a share of steps 2^-31.
    places = draws.integers(0, WIDEST, count) * (furthest + 1) // WIDEST
    for number in range(1, count):
        taken = (places[:, :number] == places[:, number : number + 1]).any(dim=1)
        places[:, number].masked_fill_(taken, int(steps - count + number))
    return places.sort(dim=1).values

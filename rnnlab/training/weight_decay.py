"""Weight decay that acts on matrices alone.

What is a vector keeps its size: biases, gains, first states, and the weights of cells whose units see themselves
alone, as u of `IndRNNCell`, the peepholes of an LSTM and the eigenvalues of `LRUCell`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

Make = Callable[[Iterable[Any]], Optimizer]
"""From parameters, or from groups of them."""


@dataclass(frozen=True)
class MatricesAlone:
    """Makes an optimizer whose weight decay acts on matrices, and on no vector.

    Args:
        make: Makes it from parameters, with a weight decay of its own.
    """

    make: Make

    def __call__(self, parameters: Iterable[Tensor]) -> Optimizer:
        """The optimizer, with a group of matrices and one of vectors.

        Raises:
            ValueError: If it has no weight decay, so that nothing would change.
        """
        every = list(parameters)
        if not self.make(every).defaults.get("weight_decay"):
            raise ValueError(
                "train.decay_biases=false changes nothing: optimizer.weight_decay is not set"
            )
        groups: list[dict[str, Any]] = [
            {"params": [p for p in every if p.dim() > 1]},
            {"params": [p for p in every if p.dim() <= 1], "weight_decay": 0.0},
        ]
        return self.make([group for group in groups if group["params"]])

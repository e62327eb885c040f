"""What a recurrent matrix starts from: row i of U has the weights that come into unit i."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn


def uniform(weight: Tensor) -> None:
    """U(-1/sqrt(H), 1/sqrt(H)), with H the number of rows, as torch has it."""
    bound = 1 / math.sqrt(weight.size(0))
    nn.init.uniform_(weight, -bound, bound)


def normal(weight: Tensor, num_nonzero: int | None = None) -> None:
    """N(0, 1), of which each row keeps at most `num_nonzero`, drawn at random; the others are 0."""
    nn.init.normal_(weight)
    if num_nonzero is not None:
        order = torch.rand_like(weight).argsort(dim=1)  # of each row a permutation
        weight *= order < num_nonzero


def unit_spectral_radius(weight: Tensor, num_nonzero: int | None = None) -> None:
    """`normal`, scaled. With a weight into every unit there is a cycle, and the radius is not 0."""
    normal(weight, num_nonzero)
    weight /= torch.linalg.eigvals(weight).abs().max()


def skew_blocks(size: int) -> Tensor:
    """A = -A^T of blocks [[0, -a], [a, 0]], a ~ U(-pi, pi), on its diagonal; the last of an odd size is 0.

    exp(A) turns each pair of units by its angle a.
    """
    first = torch.arange(0, size - 1, 2)
    blocks = torch.zeros(size, size)
    blocks[first + 1, first] = torch.empty(len(first)).uniform_(-math.pi, math.pi)
    return blocks - blocks.mT


def rotations(weight: Tensor) -> None:
    """Blocks [[cos a, -sin a], [sin a, cos a]] on the diagonal (Henaff et al., 2016)."""
    weight.copy_(torch.linalg.matrix_exp(skew_blocks(weight.size(0))))


GAUSSIAN: dict[str, Callable[..., object]] = {"scaled": unit_spectral_radius, "normal": normal}
"""Those that may be sparse."""
RECURRENT_INITS: dict[str, Callable[..., object]] = {
    "default": uniform,
    "orthogonal": nn.init.orthogonal_,
    "identity": nn.init.eye_,
    **GAUSSIAN,
    "henaff": rotations,
}

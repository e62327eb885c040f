"""Losses of seeds as they are drawn in the simulations, and their means."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

CHANCE = 1 / 6
Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


@dataclass(frozen=True)
class Losses:
    """A distribution over seeds."""

    name: str
    draw: Draw
    mean: float


def normal(mean: float, spread: float) -> Draw:
    """Of a mean and a standard deviation."""
    return lambda rng, shape: rng.normal(mean, spread, shape)


def lognormal(median: float, spread: float) -> Draw:
    """Of which the logarithm has that spread."""
    return lambda rng, shape: median * np.exp(rng.normal(0, spread, shape))


def either(a: Draw, b: Draw, share: float) -> Draw:
    """The first for a share of the seeds."""
    return lambda rng, shape: np.where(rng.random(shape) < share, a(rng, shape), b(rng, shape))


SOLVED, HALFWAY, BLIND = lognormal(0.001, 0.5), normal(0.05, 0.01), normal(CHANCE, 0.001)
SOLVED_MEAN = 0.001 * np.exp(0.5**2 / 2)

OF_ONE_KIND = (
    Losses("normal", normal(1, 0.2), 1),
    Losses("lognormal, spread 0.5", lognormal(1, 0.5), np.exp(0.125)),
    Losses("lognormal, spread 1", lognormal(1, 1), np.exp(0.5)),
    Losses("bounded: uniform", lambda rng, shape: rng.random(shape), 0.5),
    Losses("bounded: beta(2, 5)", lambda rng, shape: rng.beta(2, 5, shape), 2 / 7),
    Losses("bounded: beta(1/2, 1/2)", lambda rng, shape: rng.beta(0.5, 0.5, shape), 0.5),
)
OF_TWO_KINDS = (
    Losses("half learnt halfway, half at chance", either(HALFWAY, BLIND, 0.5), (0.05 + CHANCE) / 2),
    Losses(
        "9 of 10 halfway, else at chance", either(HALFWAY, BLIND, 0.9), 0.9 * 0.05 + 0.1 * CHANCE
    ),
    Losses(
        "8 of 10 solved, else at chance",
        either(SOLVED, BLIND, 0.8),
        0.8 * SOLVED_MEAN + 0.2 * CHANCE,
    ),
)

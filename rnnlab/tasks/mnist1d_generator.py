"""The generator of MNIST-1D, with the numbers and the order of draws that its authors published.

Each digit is a line of 12 points. A sequence is the line, followed by zeros and stretched; made higher or lower;
moved along; its zeros filled with smooth noise; all of it with white noise; sheared; and read at `seq_len` points.
Random numbers are those of numpy's RandomState, whose bits numpy has promised never to change.
"""

from typing import NamedTuple

import numpy as np

LINES = (
    (5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5),
    (5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5),
    (5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5),
    (5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5),
    (5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5),
    (5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5),
    (5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5),
    (5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5),
)
"""How high the line of each digit is at its points."""
SEQUENCES = 5000
ZEROS = (36, 60)  # appended, at least and at most
WIDEST = len(LINES[0]) + ZEROS[1]  # points, before they are read at seq_len
HEIGHT = 0.4  # by which heights differ
FURTHEST = 48  # points that a line is moved, at most one less
SMOOTH, WHITE = 0.25, 0.02  # deviations of the noises
SMOOTHNESS = 2  # points: of the Gaussian that smooths
SHEAR = 0.75
NOT_ZERO = 1e-8  # added to a line, which begins and ends at 0, so that no noise replaces it


class Made(NamedTuple):
    """All sequences, in the random order in which they are split."""

    sequences: np.ndarray  # (5000, seq_len) in double precision, of mean 0 and variance 1
    digits: np.ndarray  # (5000,)


def generate(seed: int, seq_len: int, permuted: bool) -> Made:
    """MNIST-1D; seed=42, seq_len=40 are the published data, to rounding.

    Args:
        seed: Of numpy's RandomState.
        seq_len: Points at which each is read.
        permuted: Put the points of all sequences into one random order.
    """
    from scipy.ndimage import gaussian_filter1d

    drawn = np.random.RandomState(seed)
    each = SEQUENCES // len(LINES)
    parts = zip(*(_drawn(drawn, line) for line in _lines() for _ in range(each)), strict=True)
    shown, smooth, white, tilt = map(np.array, parts)
    shown = np.where(shown != 0, shown, gaussian_filter1d(smooth, SMOOTHNESS)) + white
    shown -= tilt[:, None] * np.linspace(-0.5, 0.5, WIDEST)
    sequences = np.array([_read_at(seq_len, line) for line in shown])
    digits = np.repeat(np.arange(len(LINES)), each)
    order = drawn.permutation(SEQUENCES)
    sequences, digits = sequences[order], digits[order]
    if permuted:
        sequences = sequences[:, drawn.permutation(seq_len)]
    return Made((sequences - sequences.mean()) / sequences.std(), digits)


def _lines() -> np.ndarray:
    """Of variance 1/36 each, from 0 to 0."""
    lines = np.array(LINES)
    lines = (lines - lines.mean(axis=1, keepdims=True)) / lines.std(axis=1, keepdims=True)
    return (lines - lines[:, :1]) / 6 + NOT_ZERO


def _drawn(
    drawn: np.random.RandomState, line: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Of one sequence the line, where it is 0 the noise to be smoothed, the white noise, and how it is sheared."""
    least, most = ZEROS
    zeros = np.zeros(least + int(drawn.rand() * (most - least + 1)))
    shown = _read_at(WIDEST, np.concatenate([line, zeros]))
    shown *= 1 + HEIGHT * (drawn.rand() - 0.5)
    shown = np.roll(shown, drawn.randint(FURTHEST))
    smooth, white = SMOOTH * drawn.randn(WIDEST), WHITE * drawn.randn(WIDEST)
    return shown, smooth, white, SHEAR * (drawn.rand() - 0.5)


def _read_at(points: int, line: np.ndarray) -> np.ndarray:
    """A line at so many points, evenly from its first to its last."""
    return np.interp(np.linspace(0, 1, points), np.linspace(0, 1, len(line)), line)

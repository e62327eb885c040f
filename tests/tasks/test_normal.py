"""Oracles: scipy's inverse of the normal distribution function, and its moments."""

import numpy as np
import pytest
import torch
from scipy.special import ndtri

from rnnlab.tasks.normal import START, normals


def words_of(p: np.ndarray, sign: int = 0) -> torch.Tensor:
    """Words whose upper 52 bits are this p of 0 to 2^52 - 1."""
    return torch.from_numpy(((p.astype(np.uint64) << np.uint64(12)) + sign).view(np.int64))


def test_they_are_the_inverse_of_the_distribution_function():
    """Within the rounding to single precision and 1e-9: at both ends of each octave, and between."""
    powers = 2.0 ** np.arange(52)
    p = np.concatenate([powers, 2 * powers - 1, powers * 1.37, np.arange(1000), [2**52 - 1]])
    p = np.unique(np.floor(p))
    expected = ndtri((p + 0.5) / 2**53)
    for sign in (0, 1):
        drawn = normals(words_of(p, sign))
        assert drawn.dtype == torch.float32
        error = np.abs(drawn.double().numpy() - (1 - 2 * sign) * expected)
        assert (error <= np.abs(expected) * 2.0**-24 + 1e-9).all()


def test_the_ends():
    p = np.array([0, 2**52 - 1])
    assert normals(words_of(p))[0].item() == pytest.approx(START, rel=1e-7)
    assert abs(normals(words_of(p))[1].item()) < 1e-9


def test_moments():
    """Oracle: 0, 1, 0 and 3, within 5 standard errors of 10^6; no word is far from the others."""
    words = np.random.default_rng(0).integers(-(2**63), 2**63 - 1, 10**6, endpoint=True)
    x = normals(torch.from_numpy(words)).double()
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((x**power).mean().item() - moment) < 5 * (variance / 10**6) ** 0.5

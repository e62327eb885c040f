"""Normal numbers of random words by the inverse of the normal distribution, with the same bits on every device.

Only operations that IEEE 754 rounds one way are used, and no library's logarithm: a table of polynomials in
double precision, which is itself computed by + * / alone. x(p), the inverse of the distribution function, obeys

    dx/dp = s,  ds/dp = x s^2    as s = sqrt(2 pi) exp(x^2 / 2)

and the table follows this equation by its Taylor series from p = 2^-54, where x and s are known, to p = 1/2.
"""

import functools
from math import fsum  # `sum` rounds otherwise from Python 3.12 on

import torch
from torch import Tensor

OCTAVES = 53  # from 2^-54 to 1/2
CELLS = 32  # in an octave, all of one width
DEGREE = 4  # leaves 1e-9 of error, a 60th of what rounding to single precision does at 1
ORDER = 12  # of the series that leads from cell to cell

# At p = 2^-54, to 17 digits; an error there becomes smaller on the way to 1/2.
START, SLOPE = -8.292361075813595, 2142103401339526.8


def normals(words: Tensor) -> Tensor:
    """A normal number in single precision for each word: its lowest bit is the sign, its upper 52 are p."""
    p = ((words >> 12) & (2**52 - 1)).double().add_(0.5).mul_(2.0**-53)  # exact, in (0, 1/2)
    bits = p.view(torch.int64)  # the exponent, and the mantissa of 52 bits
    cell = (bits >> 47) - ((1023 - 54) * CELLS)
    part = (bits & (2**47 - 1)).double().mul_(2.0**-47)
    row = _table(words.device).index_select(1, cell.flatten()).view(-1, *words.shape)
    x = row[DEGREE]
    for coefficient in reversed(row[:DEGREE].unbind()):
        x = x.mul_(part).add_(coefficient)
    return x.mul_(1 - 2 * (words & 1)).float()


@functools.cache
def _table(device: torch.device) -> Tensor:
    """The coefficients of x in the part of each cell that is passed, (DEGREE + 1, cells)."""
    table = torch.tensor(_coefficients(), dtype=torch.float64).T.contiguous()
    return table.to(device, non_blocking=True)


@functools.cache
def _coefficients() -> list[list[float]]:
    x, slope, rows = START, SLOPE, []
    for octave in range(OCTAVES):
        width = 2.0 ** (octave - OCTAVES - 1) / CELLS
        for _ in range(CELLS):
            series, slopes = _series(x, slope * width)
            rows.append(series[: DEGREE + 1])
            x, slope = fsum(series), fsum(slopes) / width
    return rows


def _series(x: float, slope: float) -> tuple[list[float], list[float]]:
    """Taylor's coefficients of x and of s, where the cell's width is 1."""
    a, b = [x], [slope]
    square: list[float] = []  # s^2
    for n in range(ORDER):
        square.append(fsum(b[i] * b[n - i] for i in range(n + 1)))
        a.append(b[n] / (n + 1))
        b.append(fsum(a[i] * square[n - i] for i in range(n + 1)) / (n + 1))
    return a, b

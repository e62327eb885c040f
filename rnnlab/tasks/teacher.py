"""A teacher for students: the answers of a random Elman (1990) network to white noise."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Self

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.quasirandom import SobolEngine

from rnnlab.foundation.checks import check_int, check_seed
from rnnlab.kernels.squared_error import squared_error
from rnnlab.tasks.batch import Batch
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.philox import Part
from rnnlab.tasks.task import Task

RECURRENT_GAIN = 0.9  # Below 1 the teacher forgets, and its answers have a stationary variance.
CHUNK, FEWEST, MOST, DRAWS = 2**11, 2**12, 2**16, 2**25  # Sequences behind `chance`, and numbers.
HORIZON = 64  # Steps until E y_t^2 has settled: in a linear teacher, up to .9^128, which is 1e-6.


class Weights(NamedTuple):
    """h_t = tanh(W x_t + U h_{t-1}), y_t = V h_t"""

    weight_ih: Tensor  # W, (hidden_size, input_size)
    weight_hh: Tensor  # U, (hidden_size, hidden_size)
    readout: Tensor  # V, (output_size, hidden_size)

    def answer(self, drive: Tensor) -> Tensor:
        """y_t = V h_t of the drive W x_t, (batch, seq_len, hidden_size)."""
        weight_hh = self.weight_hh.to(drive, non_blocking=True)
        readout = self.readout.to(drive, non_blocking=True)
        h = torch.zeros_like(drive[:, 0])
        hidden = []
        for a in drive.unbind(dim=1):
            h = torch.tanh(a + F.linear(h, weight_hh))
            hidden.append(h)
        return F.linear(torch.stack(hidden, dim=1), readout)


def _orthogonal(normal: Tensor) -> Tensor:
    """Orthonormal rows, or columns where those are fewer, in a direction drawn evenly."""
    rows, columns = normal.shape
    q, r = torch.linalg.qr(normal if rows >= columns else normal.T)
    q *= r.diagonal().sign()  # which QR leaves open
    return q if rows >= columns else q.T


def _points(dimensions: int) -> int:
    """How many Sobol points `chance` can afford: a power of 2, at which they are even."""
    affordable = max(DRAWS // dimensions, FEWEST)
    return min(2 ** (affordable.bit_length() - 1), MOST)


@dataclass(frozen=True)
class Teacher(Task):
    """Answer white noise as a fixed random Elman network does (after Elman, 1990; no one's table).

        h_t = tanh(W x_t + U h_{t-1}), h_0 = 0,  y_t = V h_t

    With W = (1, 0), U = 0.9, V = 1, the inputs x_1 = (0.5, 3), x_2 = (-1, 2) are answered

        y_1 = tanh(0.5) = 0.462,  y_2 = tanh(-1 + 0.9 * 0.462) = -0.526

    A student of the same size can be perfect, so what is left of the loss is what training failed
    to find. x_t is N(0, I). `seed` and the sizes alone set the weights: W has orthonormal rows (or
    columns, where those are fewer), U is orthogonal times 0.9, V is +-1/sqrt(hidden_size); every
    unit is driven alike, none saturates for long, each counts. Students of 5 units learn each of ten
    teachers, seeds 0 to 9 (Adam 0.01, batches of 32, 1000 updates: under 0.01 % of chance).

    Inputs are (batch, seq_len, input_size); targets are y_t at every step, (batch, seq_len,
    output_size). The loss is the mean squared error.

    -x is as likely as x and turns y into -y, so the best blind answer is 0 and chance is the mean
    of E y_t^2 over the steps. For tanh it has no closed form: it is a mean over 2^16 scrambled
    Sobol points, taken once an instance; steps after the 64th are given the mean of the 16 before.
    At the default sizes and seeds 0, 1 and 2 it is within 0.07 % of the mean of 10^7 plain samples,
    whose own standard error is 0.014 %, and takes 0.1 s; at seq_len=100 within 0.06 % of 10^6 and
    0.7 s. Where steps times min(hidden_size, input_size) is beyond 512 there are fewer points, down
    to 2^12, and it is good to about 0.5 %.

    A sequence is wrong where its mean squared error is 4 % of chance or more: a relative root mean
    square error of 0.2, after the 0.2 of Pascanu et al. (2013) for the adding problem.

    Args:
        seq_len: Steps in a sequence. `at_length` changes it and keeps the teacher.
        input_size: Features of x_t.
        output_size: Features of y_t.
        hidden_size: Units of the teacher.
        seed: Which teacher; 0 to 2**32 - 1.

    Raises:
        ValueError: An argument is no whole number, or is below 1 (`seed`: 0).
    """

    seq_len: int = 10  # pyrefly: ignore[bad-override]
    input_size: int = 10
    output_size: int = 1
    hidden_size: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        check_int("seq_len", self.seq_len, 1)
        check_int("input_size", self.input_size, 1)
        check_int("output_size", self.output_size, 1)
        check_int("hidden_size", self.hidden_size, 1)
        check_seed("seed", self.seed)

    @cached_property
    def weights(self) -> Weights:
        """In double precision, from a stream of their own, which no student's first weights come from."""
        draws, size = Draws(self.seed, "teacher", [Part(0, 0, 1)]), self.hidden_size
        weight_ih = _orthogonal(draws.normal(size, self.input_size)[0].double())
        weight_hh = _orthogonal(draws.normal(size, size)[0].double()) * RECURRENT_GAIN
        signs = draws.integers(0, 2, self.output_size, size)[0].double() * 2 - 1
        return Weights(weight_ih, weight_hh, signs / size**0.5)

    @cached_property
    def chance(self) -> float:
        # W x_t has the law of L z_t for a z_t of fewer features, as W W' = L L'.
        root = torch.linalg.qr(self.weights.weight_ih.T).R.T.float()  # L
        steps = min(self.seq_len, HORIZON, SobolEngine.MAXDIM // root.size(1))
        points = _points(steps * root.size(1))
        sobol = SobolEngine(steps * root.size(1), scramble=True, seed=0)
        total = torch.zeros(steps, dtype=torch.float64)
        for _ in range(points // CHUNK):
            # Points lie on multiples of 2^-30, of which 0 would be sent to minus infinity.
            z = torch.special.ndtri(sobol.draw(CHUNK, dtype=torch.float64) + 2**-31)
            drive = F.linear(z.float().view(CHUNK, steps, -1), root)
            total += self.weights.answer(drive).square().mean(dim=2).double().sum(dim=0)
        settled = total[3 * steps // 4 :].mean() * (self.seq_len - steps)
        return float(total.sum() + settled) / self.seq_len / points

    def sample(self, draws: Draws) -> Batch:
        inputs = draws.normal(self.seq_len, self.input_size)
        # In double precision, where a product's rounding, which goes by how many sequences are
        # multiplied at once, is too small to be seen in single.
        weight_ih = self.weights.weight_ih.to(draws.device, non_blocking=True)
        answers = self.weights.answer(F.linear(inputs.double(), weight_ih))
        return Batch(inputs, answers.float())

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return squared_error(outputs, targets)

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        error = (outputs - targets).square().flatten(1).mean(dim=1)
        return ~(error < 0.04 * self.chance)  # NaN is wrong, too

    def off_by(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return outputs - targets

    def position_errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        error = (outputs - targets).square().mean(dim=2)
        return ~(error < 0.04 * self.chance)

    def at_length(self, seq_len: int) -> Self:
        return replace(self, seq_len=seq_len)

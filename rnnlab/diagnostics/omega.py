"""Whether errors keep their size from step to step."""

from dataclasses import dataclass
from typing import ClassVar

from matplotlib.axes import Axes

from rnnlab.diagnostics.diagnostic import Arrays, Diagnostic, Measurement
from rnnlab.diagnostics.probe import Probe
from rnnlab.foundation.checks import check_int
from rnnlab.foundation.palette import BLUE, GREY
from rnnlab.training.omega import growth_of

DEFAULT = 32  # sequences


@dataclass(frozen=True)
class Omega(Diagnostic):
    """The regularizer of Pascanu et al. (2013), eq. 10, as a measure; 0 where errors keep their norm.

        Omega = sum_t mean_b (q_tb - 1)^2 / sum_t mean_b [||e_tb||^2 >= 1e-20],
        q_tb = ||e_tb ds_t/ds_{t-1}||^2 / ||e_tb||^2

    e_t is the derivative of the task's loss, a mean over the batch, in the state s_t that is handed
    on; s_t is h_t in the paper, and all that a cell carries in general. q is 1 where the error is
    smaller than the bound, as in the paper's code. With U = a I and no nonlinearity, and all errors
    above the bound, Omega = (a^2 - 1)^2.

    Gives `recurrent/omega`, and the array `growth` (T,): the mean of q_t over sequences.

    Args:
        sequences: In the batch; None: 32, or all of a validation split that has fewer.

    Raises:
        ValueError: For fewer than one sequence.
    """

    reported: ClassVar = {"recurrent/omega": "Omega"}

    sequences: int | None = None

    def __post_init__(self) -> None:
        if self.sequences is not None:
            check_int("sequences", self.sequences, minimum=1)

    def measure(self, probe: Probe) -> Measurement:
        unrolled = probe.unrolled(self.sequences or probe.at_most(DEFAULT))
        errors = unrolled.of_loss.carried
        inputs = unrolled.batch.inputs.transpose(0, 1)
        x, s, v = (each.flatten(0, 1) for each in (inputs, unrolled.before, errors))
        pulled = probe.dynamics.pulled_back(x.unsqueeze(1), s, v).view_as(errors)
        errors, pulled = errors.cpu(), pulled.cpu()
        growth, counted = growth_of(errors.square().sum(dim=2), pulled.square().sum(dim=2))
        omega = (growth - 1).square().sum() / counted.sum()
        growth = growth.mean(dim=1).numpy()
        return Measurement({"recurrent/omega": omega.item()}, {"growth": growth})

    def draw(self, axes: Axes, first: Arrays, last: Arrays) -> None:
        axes.axhline(1.0, color=GREY, linestyle=":")
        axes.plot(first["growth"], color=GREY)
        axes.plot(last["growth"], color=BLUE)
        axes.set(title="growth of errors, a step back", xlabel="t (steps)", ylabel="mean of q_t")

"""The regularizer of Pascanu, Mikolov & Bengio (2013), under which errors keep their norm on their way back."""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from rnnlab.cells.cell import State
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.cells.trajectory import Nudged, Trajectory
from rnnlab.cells.wrapper import wrapped
from rnnlab.foundation.checks import check_choice, check_float
from rnnlab.tasks import Batch
from rnnlab.training.regularizer import Regularizer

NOTHING = 1e-20
"""An error of a smaller squared norm says nothing of its growth: `bound` in the authors' code."""


class OmegaRegularizer(Regularizer):
    """g <- g + alpha d+Omega, before clipping (Pascanu et al., 2013).

        Omega = sum_t mean_b (q_tb - 1)^2 / sum_t mean_b [||e_tb||^2 >= 1e-20],
        q_tb = ||e_tb ds_t/ds_{t-1}||^2 / ||e_tb||^2

    e_t is the derivative of the loss, a mean over the batch, in the state s_t that is handed on; s_t is h_t
    of Elman's network, and all that a cell or a stack of them carries in general. With form="norm" (eq. 9)
    q has norms in place of their squares (eq. 10, and the authors' code). q is 1 where the error is below the bound.

    d+ is the immediate derivative: errors, inputs and states are constants in it. Of Elman's network it is
    that of ||(e_t * f'(a_t)) U||^2 in U alone, with f'(a_t) a constant, as in the code. Of a cell that does
    not say what else is constant (`Cell.linearized`), every parameter of its step has its part in it.

    A run logs Omega, without alpha, as `train/omega`.

    Args:
        alpha: Its weight; 4 in the paper's Fig. 7, 2 by default in its code. 0 measures Omega alone.
        form: "squared" or "norm".

    Raises:
        ValueError: For a negative alpha, or another form.
    """

    measures: ClassVar = ("train/omega",)
    takes_whole_sequences: ClassVar = True

    def __init__(self, alpha: float = 4.0, form: str = "squared") -> None:
        self.alpha = check_float("alpha", alpha, at_least=0.0)
        self.form = check_choice("form", form, ("squared", "norm"))

    def refuse_model(self, model: SequenceModel) -> None:
        wrapped(Nudged, model)

    def backward(
        self,
        model: SequenceModel,
        batch: Batch,
        loss_of: Callable[[Tensor, Tensor], Tensor],
        cuts: Mapping[str, int],
        states: list[State] | None = None,
    ) -> tuple[list[Tensor], list[State]]:
        if batch.lengths is not None:
            raise ValueError(
                "lengths of the batch: Omega is of sequences that all have seq_len steps"
            )
        path = Trajectory(model, batch.inputs, batch.targets.size(1), states)
        loss = loss_of(path.outputs, batch.targets)
        weights: list[Tensor] = [weight for weight in model.parameters() if weight.requires_grad]
        found = torch.autograd.grad(loss, [*weights, *path.nudges], allow_unused=True)
        omega = self._of(path, found[len(weights) :])
        added = [None] * len(weights)
        if self.alpha and omega.requires_grad:
            added = torch.autograd.grad(self.alpha * omega, weights, allow_unused=True)
        for weight, gradient, term in zip(weights, found, added, strict=False):
            both = [each for each in (gradient, term) if each is not None]
            weight.grad = sum(both[1:], start=both[0]) if both else None
        return [loss.detach(), omega.detach()], path.ends

    def _of(self, path: Trajectory, errors: Sequence[Tensor | None]) -> Tensor:
        """Omega, as a function of the parameters."""
        before = [states.detach().flatten(0, 1).requires_grad_() for states in path.before]
        after = path.linearized(before)
        flat = [
            torch.zeros_like(state) if error is None else error.flatten(0, 1).to(state.dtype)
            for state, error in zip(after, errors, strict=True)
        ]
        pulled = torch.autograd.grad(
            after, before, flat, create_graph=True, allow_unused=True, materialize_grads=True
        )
        size, grown = _squared_norm(flat), _squared_norm(pulled)
        growth, counted = growth_of(size, grown)
        if self.form == "norm":
            growth = growth.where(growth > 0, 1.0).sqrt().where(growth > 0, 0.0)
        return (growth - 1).square().sum() / counted.sum().clamp(min=1)


def growth_of(size: Tensor, grown: Tensor) -> tuple[Tensor, Tensor]:
    """The ratio q of two squared norms, 1 where the first is below the bound; and where it is not."""
    counted = size >= NOTHING
    return (grown / size.where(counted, 1.0)).where(counted, 1.0), counted


def _squared_norm(tensors: Sequence[Tensor]) -> Tensor:
    """Of each row, over all layers."""
    return torch.stack([tensor.square().sum(dim=1) for tensor in tensors]).sum(dim=0)

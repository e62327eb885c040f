"""A cell's compiled scan as an operation of torch: its tensors as arrays, and the gradients back."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from rnnlab.kernels.compiled.merge import factors, is_product
from rnnlab.kernels.compiled.outside import OutsideCalls
from rnnlab.kernels.compiled.plan import ScanPlan
from rnnlab.kernels.compiled.program import Array, Inputs, Program
from rnnlab.kernels.compiled.trace import Trace
from rnnlab.kernels.compiled.way_back import Wanted, WayBack
from rnnlab.kernels.recurrence import refuse_second_order

aten = torch.ops.aten


def outside_calls(plan: ScanPlan, trace: Trace) -> tuple[OutsideCalls, list[bool]]:
    """What makes the tensors of a scan, in their order; and which of them are read transposed."""
    products = [k for k in plan.rows if is_product(trace.rows[k])]
    others = [k for k in plan.rows if k not in products and not trace.rows[k].is_inputs]
    wanted = [
        *(trace.vectors[k] for k in plan.vectors),
        *(trace.matrices[k] for k in plan.matrices),
        *(factors(trace.rows[k])[1] for k in products),
        *(trace.rows[k] for k in others),
    ]
    turned = [value.call is not None and value.call[0] is aten.t.default for value in wanted]
    given = [
        v.call[1][0] if v.call and turns else v for v, turns in zip(wanted, turned, strict=True)
    ]
    return OutsideCalls(given, trace.batch), turned


class CompiledScan:
    """The scan of one cell.

    Args:
        program: Its loops.
        trace: Of its step, which names the tensors that they read.
        plan: Of the trace.
        key: What names the program.
    """

    def __init__(self, program: Program, trace: Trace, plan: ScanPlan, key: str) -> None:
        self.program, self.key = program, key
        self.vectors, self.matrices = [*plan.vectors], [*plan.matrices]
        self.of_inputs = [k for k in plan.rows if is_product(trace.rows[k])]
        self.plain = [k for k in plan.rows if trace.rows[k].is_inputs]  # the inputs themselves
        self.rows = [k for k in plan.rows if k not in (*self.of_inputs, *self.plain)]
        self.outside, self.turned = outside_calls(plan, trace)
        self.turned += [False] * len(plan.states)

    def __call__(
        self, inputs: Tensor, state: Sequence[Tensor], all_steps: bool
    ) -> tuple[Tensor | None, tuple[Tensor, ...]]:
        """The hidden states of all steps, (batch, seq_len, hidden_size), or None; and the last state."""
        flat = None
        if self.outside.reads_inputs:
            flat = inputs.transpose(0, 1).reshape(-1, inputs.size(2))
        tensors = self.outside(flat, inputs.size(0) * inputs.size(1))
        keep = torch.is_grad_enabled() and any(t.requires_grad for t in (inputs, *tensors, *state))
        hidden, *last = _Scan.apply(self, keep, all_steps, inputs, *tensors, *state)
        return hidden, tuple(last)

    def given(self, inputs: Tensor, tensors: Sequence[Tensor]) -> Inputs:
        """What the loops read, of `inputs` and of the tensors in the order of `wanted`, states last."""
        arrays = [
            tensor.detach().numpy().T if turned else tensor.detach().numpy()
            for tensor, turned in zip(tensors, self.turned, strict=True)
        ]
        steps_first = _steps_first(inputs.detach().numpy())
        left = iter(arrays)
        return Inputs(
            x=steps_first,
            vectors={k: np.ascontiguousarray(next(left)).reshape(-1) for k in self.vectors},
            matrices={k: next(left) for k in self.matrices},
            of_inputs={k: next(left) for k in self.of_inputs},
            rows={
                k: np.ascontiguousarray(next(left)).reshape(*steps_first.shape[:2], -1)
                for k in self.rows
            }
            | dict.fromkeys(self.plain, steps_first),
            states=list(left),
        )


class _Scan(Function):
    @staticmethod
    def forward(
        ctx: Any, scan: CompiledScan, keep: bool, all_steps: bool, inputs: Tensor, *tensors: Tensor
    ) -> tuple[Tensor | None, ...]:
        given = scan.given(inputs, tensors)
        with np.errstate(all="ignore"):
            states, kept = scan.program.run(given, keep, all_steps)
        ctx.set_materialize_grads(False)
        hidden = torch.from_numpy(states[0][1:].transpose(1, 0, 2)) if all_steps else None
        # As torch's own operations do, so that who counts or drops what is kept has all of it.
        left = map(torch.from_numpy, (*states, *kept)) if keep else ()
        ctx.scan = scan
        ctx.save_for_backward(inputs, *tensors, hidden, *left)
        last = (torch.from_numpy(array[given.steps % len(array)].copy()) for array in states)
        return hidden, *last

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Any:
        refuse_second_order()
        scan = ctx.scan
        inputs, *saved = ctx.saved_tensors  # which looks whether anyone has changed them
        given_as, count = len(scan.turned), len(scan.program.plan.states)
        tensors, left = saved[:given_as], [t.numpy() for t in saved[given_as + 1 :]]
        given = scan.given(inputs, tensors)
        back = WayBack(scan.program, given, left[:count], left[count:])
        above, *last = (None if grad is None else grad.numpy() for grad in grads)
        arrive = [
            np.zeros_like(states[0]) if grad is None else grad.copy(order="C")
            for grad, states in zip(last, back.states, strict=True)
        ]
        needs = ctx.needs_input_grad[3:]
        of = iter(needs[1 + len(scan.vectors) :])
        wanted = Wanted(
            needs[0],
            {k for k in scan.matrices if next(of)},
            {k for k in scan.of_inputs if next(of)},
        )
        with np.errstate(all="ignore"):
            found = back.run(None if above is None else above.transpose(1, 0, 2), arrive, wanted)
        parts: list[Array | None] = [
            *(found.vectors.get(k) for k in scan.vectors),
            *(found.matrices.get(k) for k in scan.matrices),
            *(found.of_inputs.get(k) for k in scan.of_inputs),
            *(found.rows.get(k) for k in scan.rows),
            *found.states,
        ]
        if found.x is not None:
            for k in scan.plain:
                found.x += found.rows.get(k, 0)
        of_x = None if found.x is None else torch.from_numpy(found.x.transpose(1, 0, 2))
        shaped = [
            _shaped(part, tensor, turned)
            for part, tensor, turned in zip(parts, tensors, scan.turned, strict=True)
        ]
        return None, None, None, of_x, *shaped


def _shaped(gradient: Array | None, tensor: Tensor, turned: bool) -> Tensor | None:
    """As a tensor of the same shape; of a number that was spread, the sum."""
    if gradient is None:
        return None
    if gradient.size != tensor.numel():
        gradient = gradient.sum(axis=-1)
    made = torch.from_numpy(np.ascontiguousarray(gradient.T if turned else gradient))
    return made if made.shape == tensor.shape else made.reshape(tensor.shape)


def _steps_first(x: Array) -> Array:
    """(steps, batch, features), in one piece."""
    turned = x.transpose(1, 0, 2)
    if turned.flags.c_contiguous or x.shape[2] >= 8:
        return np.ascontiguousarray(turned)
    made = np.empty(turned.shape, x.dtype)
    for feature in range(x.shape[2]):  # in less time than as many twos and threes
        made[:, :, feature] = turned[:, :, feature]
    return made

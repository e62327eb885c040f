"""A step, called once with tensors that have no numbers, and what it did with them.

What no state reaches is noted to be done by torch, for all steps at once; what a state reaches becomes
expressions, which the loop is made of.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from rnnlab.foundation.generators import generator_states
from rnnlab.kernels.compiled.step.expression import Node
from rnnlab.kernels.compiled.step.leaves import Leaves
from rnnlab.kernels.compiled.step.outside import INPUTS, PARAMETERS, Outside, replaced, tensors_of
from rnnlab.kernels.compiled.step.refusal import (
    LooksAtNumbers,
    Unknown,
    check_operation,
)


class Trace(Leaves, TorchDispatchMode):
    """What one call of `step` did.

    Args:
        translate: Makes an expression of an operation on states, or raises Unknown.
        batch: Sequences in the call; no other dimension is this.
        dtype: Of the inputs and the states.
    """

    def __init__(self, translate: Callable[..., Any], batch: int, dtype: torch.dtype) -> None:
        Leaves.__init__(self, batch, dtype)
        TorchDispatchMode.__init__(self)
        self.translate = translate
        self.tensors: dict[int, tuple[Tensor, Outside | Node]] = {}  # which keeps them alive
        self.own: set[int] = set()  # of them those that the step made
        self.alone: set[int] = set()  # of these, parts of what nobody reads but by its parts

    def know(self, tensor: Tensor, value: Outside | Node) -> Tensor:
        """From now on it is this."""
        self.tensors[id(tensor)] = tensor, value
        return tensor

    def value(self, tensor: Tensor) -> Outside | Node:
        """What a tensor is; one that nobody gave is a constant, by the numbers in it."""
        if id(tensor) not in self.tensors:
            if tensor.is_meta:
                raise Unknown("uses a tensor of unknown origin")
            if tensor.requires_grad:
                raise Unknown("uses a tensor that is no parameter and requires its gradient")
            digest = hashlib.sha256(np.ascontiguousarray(tensor.detach().numpy()).tobytes())
            kind = f"constant {tuple(tensor.shape)} {tensor.dtype} {digest.hexdigest()[:16]}"
            self.know(tensor, Outside(kind, PARAMETERS, tensor.to("meta"), given=tensor))
        return self.tensors[id(tensor)][1]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        check_operation(func)
        if func._schema.is_mutable:
            return self._in_place(func, args, kwargs)
        values = [self.value(tensor) for tensor in tensors_of((args, kwargs))]
        like = _without_numbers(func, args, kwargs)
        if any(isinstance(value, Node) for value in values):
            made = self.translate(self, func, args, kwargs, like)
        else:
            parts = [value.part for value in values if isinstance(value, Outside)]
            of_batch = any(self.batch in tensor.shape for tensor in _listed(like))
            part = INPUTS if of_batch else max(parts, default=PARAMETERS)
            given, options = replaced((args, kwargs), self.value)
            made = self.listed(func, given, options, part, like)
        for tensor, value in zip(_listed(like), _listed(made), strict=True):
            self.know(tensor, value)
            self.own.add(id(tensor))
            if func._schema.name.startswith("aten::unsafe_"):  # torch's promise, in nn.GRUCell
                self.alone.add(id(tensor))
        return like

    def _in_place(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Tensor:
        """As the operation that leaves its first argument alone: `a += b` as `a = a + b`.

        That is the same where the step itself made the tensor, and none shares its numbers.
        """
        name, target = func._schema.name.removeprefix("aten::"), args[0]
        plain = getattr(torch.ops.aten, name[:-1], None) if name.endswith("_") else None
        known = plain is not None and func._overloadname in plain.overloads()
        if not known or id(target) not in self.own or self._is_shared(target):
            raise Unknown(f"changes a tensor in place ({name})")
        made = self.__torch_dispatch__(getattr(plain, func._overloadname), (), args, kwargs)
        if made.shape != target.shape or made.dtype != target.dtype:
            raise Unknown(f"changes a tensor in place ({name})")
        self.know(target, self.value(made))
        return target

    def _is_shared(self, target: Tensor) -> bool:
        if id(target) in self.alone:
            return False
        place = target.untyped_storage()._cdata
        others = (tensor for tensor, _ in self.tensors.values() if tensor is not target)
        return any(t.is_meta and t.untyped_storage()._cdata == place for t in others)


def trace_step(
    cell: Any, inputs: Tensor, states: Sequence[Tensor], translate: Callable[..., Any], batch: int
) -> tuple[Trace, list[Node]]:
    """What `cell.step` makes of one step of `inputs` (batch, seq_len, features) and of `states`.

    Raises:
        Unknown: That says what the step does which is not known.
    """
    trace = Trace(translate, batch, inputs.dtype)
    for name, tensor in (*cell.named_parameters(), *cell.named_buffers()):
        if type(tensor) not in (Tensor, nn.Parameter, nn.Buffer) or not tensor.is_cpu:
            raise Unknown(f"has a {type(tensor).__name__} on {tensor.device.type} ({name})")
        kind = f"tensor {name} {tuple(tensor.shape)} {tensor.dtype}"
        trace.know(tensor, Outside(kind, PARAMETERS, tensor.detach().to("meta"), given=tensor))
    x = torch.empty(batch, inputs.size(2), dtype=inputs.dtype, device="meta")
    trace.know(x, Outside(f"inputs {inputs.size(2)}", INPUTS, x))
    before = []
    for k, state in enumerate(states):
        before.append(torch.empty(batch, state.size(1), dtype=state.dtype, device="meta"))
        trace.know(before[k], trace.e.make("state", width=state.size(1), data=k))
    after = _called(cell, trace, x, tuple(before))
    return trace, [_output(trace, *pair) for pair in zip(after, before, strict=True)]


def _called(cell: Any, trace: Trace, x: Tensor, before: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    before_it = generator_states()  # torch's dispatcher does not see Python's and numpy's
    try:
        with torch.enable_grad(), LooksAtNumbers(), trace:
            after = cell.step(x, before)
    except Unknown:
        raise
    except Exception as error:
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise Unknown(f"cannot be traced: {first[:200]}") from error
    if generator_states() != before_it:
        raise Unknown("draws random numbers")
    if not isinstance(after, tuple) or [s.shape for s in after] != [s.shape for s in before]:
        raise Unknown("gives states of other shapes than it was given")
    return after


def _output(trace: Trace, tensor: Tensor, before: Tensor) -> Node:
    if tensor.dtype != before.dtype:
        raise Unknown(f"gives a state of {str(tensor.dtype).removeprefix('torch.')}")
    value = trace.value(tensor)
    node = trace.leaf(value) if isinstance(value, Outside) else value
    return trace.e.widened(node, before.size(1))


def _without_numbers(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    args, kwargs = replaced((args, kwargs), lambda t: t if t.is_meta else t.detach().to("meta"))
    return func(*args, **(kwargs | {"device": "meta"} if "device" in kwargs else kwargs))


def _listed(given: Any) -> list[Any]:
    return list(given) if isinstance(given, tuple | list) else [given]

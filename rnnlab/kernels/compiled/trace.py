"""A step, called once with tensors that have no numbers, and what it did with them.

What no state reaches is noted to be done by torch, for all steps at once; what a state reaches becomes
expressions, which the loop is made of. A step that looks at a number, draws one, or changes a tensor cannot
be known from one call: `Unknown` says what it did.
"""

import hashlib
import operator
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from rnnlab.kernels.compiled.expression import Expressions, Node

PARAMETERS, INPUTS = 0, 1  # what a value depends on, at most
aten = torch.ops.aten
SPLITS = (aten.split.Tensor, aten.split_with_sizes.default)


class Unknown(Exception):
    """Of a step that is not compiled; its message is what the step does: "draws random numbers"."""


@dataclass(eq=False)
class Outside:
    """A tensor that no state reaches: a parameter, a constant, the inputs, or what torch makes of such."""

    kind: str  # "tensor", "inputs", or the operation's name
    part: int
    like: Tensor
    call: tuple[Callable[..., Any], Any, Any] | None = None
    given: Tensor | None = None  # of a parameter or a constant

    @property
    def text(self) -> str:
        return f"{self.kind} {self.like.dtype}"


class LooksAtNumbers(TorchFunctionMode):
    """Refuses what torch's dispatcher does not see."""

    REFUSED = ("register_hook", "requires_grad.__get__", "numpy", "tolist", "data.__get__", "backward")

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        if name == "__get__":
            name = f"{func.__self__.__name__}.__get__"
        if name in self.REFUSED:
            raise Unknown(f"uses Tensor.{name.removesuffix('.__get__')}")
        return func(*args, **(kwargs or {}))


class Trace(TorchDispatchMode):
    """What one call of `step` did.

    Args:
        translate: Makes an expression of an operation on states, or raises Unknown.
        batch: Sequences in the call; no other dimension is this.
    """

    def __init__(self, translate: Callable[..., Any], batch: int) -> None:
        super().__init__()
        self.translate, self.batch = translate, batch
        self.e = Expressions()
        self.tensors: dict[int, tuple[Tensor, Outside | Node]] = {}  # which keeps them alive
        self.outside: list[Outside] = []
        self.vectors: list[Outside] = []
        self.matrices: list[Outside] = []
        self.rows: list[Outside] = []
        self.parts: dict[Outside, Sequence[Tensor]] = {}

    def know(self, tensor: Tensor, value: Outside | Node) -> Tensor:
        self.tensors[id(tensor)] = tensor, value
        if isinstance(value, Outside):
            self.outside.append(value)
        return tensor

    def value(self, tensor: Tensor) -> Outside | Node:
        """What a tensor is; one that nobody gave is a constant, by the numbers in it."""
        if id(tensor) not in self.tensors:
            if tensor.is_meta:
                raise Unknown("uses a tensor of unknown origin")
            if tensor.requires_grad:
                raise Unknown("uses a tensor that is no parameter and requires its gradient")
            digest = hashlib.sha256(np.ascontiguousarray(tensor.detach().numpy()).tobytes())
            kind = f"constant {digest.hexdigest()[:16]}"
            self.know(tensor, Outside(kind, PARAMETERS, tensor.to("meta"), given=tensor))
        return self.tensors[id(tensor)][1]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        _check(func)
        values = [self.value(t) for t in tensors_of((args, kwargs))]
        like = self._like(func, args, kwargs)
        if any(isinstance(value, Node) for value in values):
            made = self.translate(self, func, args, kwargs, like)
        else:
            made = self._outside(func, args, kwargs, like, values)
        for tensor, value in zip(_listed(like), _listed(made), strict=True):
            self.know(tensor, value)
        return like

    def _like(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        given = replaced((args, kwargs), lambda t: t if t.is_meta else t.to("meta"))
        args, kwargs = given
        if "device" in kwargs:
            kwargs = kwargs | {"device": "meta"}
        return func(*args, **kwargs)

    def _outside(
        self, func: Any, args: Any, kwargs: dict[str, Any], like: Any, values: Sequence[Any]
    ) -> Any:
        """Noted, for torch to do; of several that it gives, each is what is taken out of all."""
        part = max((value.part for value in values), default=PARAMETERS)
        if any(self.batch in tensor.shape for tensor in _listed(like)):
            part = INPUTS
        name = str(func).removeprefix("aten.")
        call = func, *replaced((args, kwargs), self.value)
        if isinstance(like, Tensor):
            return Outside(name, part, like, call)
        whole = Outside(name, part, like[0], call)
        self.outside.append(whole)
        self.parts[whole] = like
        picks = range(len(like))
        return [Outside("part", part, like[k], (operator.getitem, (whole, k), {})) for k in picks]

    def leaf(self, value: Outside) -> Node:
        """In the loop: a row of numbers for each sequence, or one for all."""
        shape = tuple(value.like.shape)
        if value.like.dtype != self.dtype:
            raise Unknown(f"computes with {_short(value.like.dtype)} beside {_short(self.dtype)}")
        if value.part == INPUTS:
            if len(shape) not in (1, 2) or shape[0] != self.batch:
                raise Unknown(f"makes {len(shape)}-dimensional tensors of its inputs")
            return self._row(value, shape[1] if len(shape) == 2 else 1)
        if len(shape) > 2 or (len(shape) == 2 and shape[0] != 1):
            raise Unknown(f"uses a parameter of shape {shape} with each sequence's state")
        width = shape[-1] if shape else 1
        return self.e.make("vector", width=width, data=_place(self.vectors, value))

    def _row(self, value: Outside, width: int) -> Node:
        """What adds or cuts alone is done in the loop: of W x_t + b the product is left."""
        func, args, kwargs = value.call or (None, (), {})
        if value.kind == "part" and args[0].call[0] in SPLITS and _dim(args[0].call) == 1:
            at = sum(part.shape[1] for part in self.parts[args[0]][: args[1]])
            return self.e.columns(self.leaf(args[0].call[1][0]), at, at + width)
        if func is aten.addmm.default and not kwargs and args[1].kind.startswith("inputs"):
            product = self.call(aten.mm.default, args[1:])
            return self.e.add(self.leaf(product), self.leaf(args[0]))
        return self.e.make("rows", width=width, data=_place(self.rows, value))

    def matrix(self, value: Outside) -> int:
        """In the loop: what a state is multiplied with."""
        if value.part != PARAMETERS:
            raise Unknown("multiplies a state with a matrix of its inputs")
        if value.like.dtype != self.dtype:
            raise Unknown(f"computes with {_short(value.like.dtype)} beside {_short(self.dtype)}")
        return _place(self.matrices, value)

    def call(self, func: Any, args: tuple[Any, ...]) -> Outside:
        """Something more for torch to do with what no state reaches."""
        metas = replaced(args, lambda value: value.like, Outside)
        parts = [v.part for v in args if isinstance(v, Outside)]
        made = Outside(str(func).removeprefix("aten."), max(parts), func(*metas), (func, args, {}))
        self.outside.append(made)
        return made

    dtype = torch.float32


def trace_step(
    cell: nn.Module, inputs: Tensor, states: Sequence[Tensor], translate: Callable[..., Any], batch: int
) -> tuple[Trace, list[Node]]:
    """What `cell.step` makes of one step of `inputs` (batch, seq_len, features) and of `states`.

    Raises:
        Unknown: That says what the step does which is not known.
    """
    trace = Trace(translate, batch)
    trace.dtype = inputs.dtype
    for name, tensor in (*cell.named_parameters(), *cell.named_buffers()):
        kind = f"tensor {name} {tuple(tensor.shape)} {tensor.dtype}"
        trace.know(tensor, Outside(kind, PARAMETERS, tensor.to("meta"), given=tensor))
    x = torch.empty(batch, inputs.size(2), dtype=inputs.dtype, device="meta")
    trace.know(x, Outside(f"inputs {inputs.size(2)}", INPUTS, x))
    before = []
    for k, state in enumerate(states):
        before.append(torch.empty(batch, state.size(1), dtype=state.dtype, device="meta"))
        trace.know(before[k], trace.e.make("state", width=state.size(1), data=k))
    drawn = random.getstate(), repr(np.random.get_state())
    try:
        with torch.enable_grad(), LooksAtNumbers(), trace:
            after = cell.step(x, tuple(before))
    except Unknown:
        raise
    except Exception as error:
        raise Unknown(f"cannot be traced: {str(error).splitlines()[0][:200]}") from error
    if drawn != (random.getstate(), repr(np.random.get_state())):
        raise Unknown("draws random numbers")
    if not isinstance(after, tuple) or [s.shape for s in after] != [s.shape for s in before]:
        raise Unknown("gives states of other shapes than it was given")
    made = []
    for k, tensor in enumerate(after):
        value = trace.value(tensor)
        node = trace.leaf(value) if isinstance(value, Outside) else value
        made.append(trace.e.widened(trace.e.number_of(node), before[k].size(1)))
    return trace, made


def _check(func: Any) -> None:
    """Refuse what depends on more than what is given, or changes it."""
    name = str(func).removeprefix("aten.")
    if torch.Tag.nondeterministic_seeded in func.tags:
        raise Unknown(f"draws random numbers ({name})")
    if func._schema.is_mutable:
        raise Unknown(f"changes a tensor in place ({name})")
    if name.startswith(("_local_scalar_dense", "nonzero", "masked_select", "empty", "new_empty")):
        raise Unknown(f"looks at numbers ({name})")
    if not torch.is_grad_enabled() and name not in ("detach.default",):
        raise Unknown(f"computes without a gradient ({name})")


def tensors_of(given: Any) -> list[Tensor]:
    found: list[Tensor] = []
    replaced(given, found.append)
    return found


def replaced(given: Any, change: Callable[[Any], Any], kind: Any = Tensor) -> Any:
    """The same with every tensor changed, in tuples, lists and dicts."""
    if isinstance(given, kind):
        return change(given)
    if isinstance(given, tuple | list):
        return type(given)(replaced(part, change, kind) for part in given)
    if isinstance(given, dict):
        return {key: replaced(part, change, kind) for key, part in given.items()}
    return given


def _listed(given: Any) -> list[Any]:
    return list(given) if isinstance(given, tuple | list) else [given]


def _place(values: list[Outside], value: Outside) -> int:
    if value not in values:
        values.append(value)
    return values.index(value)


def _dim(call: tuple[Any, Any, Any]) -> int:
    """Of a split."""
    _, args, kwargs = call
    return (args[2] if len(args) > 2 else kwargs.get("dim", 0)) % 2


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")

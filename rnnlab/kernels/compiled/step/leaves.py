"""What a loop is given: rows of the inputs, vectors and matrices of parameters."""

import operator
from typing import Any

import torch
from torch import Tensor

from rnnlab.kernels.compiled.step.expression import Expressions, Node
from rnnlab.kernels.compiled.step.outside import INPUTS, PARAMETERS, Outside, replaced
from rnnlab.kernels.compiled.step.refusal import Unknown

aten = torch.ops.aten
FEW = 4
"""Features of the inputs that are multiplied in the loop; the product of more is made before it."""
SPLITS = (aten.split.Tensor, aten.split_with_sizes.default, aten.unsafe_split.Tensor)


class Leaves:
    """Makes leaves of expressions, and lists what they are.

    Args:
        batch: Sequences in the trace; no other dimension is this.
        dtype: Of the inputs and the states.
    """

    def __init__(self, batch: int, dtype: torch.dtype) -> None:
        self.batch, self.dtype, self.e = batch, dtype, Expressions()
        self.vectors: list[Outside] = []
        self.matrices: list[Outside] = []
        self.rows: list[Outside] = []
        self.parts: dict[Outside, list[Tensor]] = {}  # of what gives several

    def leaf(self, value: Outside) -> Node:
        """A row of numbers for each sequence, or one for all."""
        shape = tuple(value.like.shape)
        if value.like.dtype == torch.bool:  # 1 and 0, which are true and false
            value = self.call(aten.to.dtype, (value, self.dtype))
        self._check_type(value)
        if value.part == INPUTS:
            if len(shape) not in (1, 2) or shape[0] != self.batch:
                raise Unknown(f"makes {len(shape)}-dimensional tensors of its inputs")
            return self._row(value, shape[1] if len(shape) == 2 else 1)
        if len(shape) > 2 or (len(shape) == 2 and shape[0] != 1):
            raise Unknown(f"uses a parameter of shape {shape} with each sequence's state")
        width = shape[-1] if shape else 1
        return self.e.make("vector", width=width, data=(_place(self.vectors, value), 0))

    def matrix(self, value: Outside) -> int:
        """What a state is multiplied with."""
        if value.part != PARAMETERS:
            raise Unknown("multiplies a state with a matrix of its inputs")
        self._check_type(value)
        return _place(self.matrices, value)

    def call(self, func: Any, args: tuple[Any, ...]) -> Outside:
        """Something more for torch to do with what no state reaches."""
        like = func(*replaced(args, lambda value: value.like, Outside))
        values: list[Outside] = []
        replaced(args, values.append, Outside)
        kind = str(func).removeprefix("aten.")
        return Outside(kind, max(value.part for value in values), like, (func, args, {}))

    def listed(self, func: Any, args: Any, kwargs: Any, part: int, like: Any) -> Any:
        """Noted, for torch to do; of several that it gives, each is what is taken out of all."""
        if kwargs.get("device") is not None:  # the trace's own has no numbers
            kwargs = kwargs | {"device": torch.device("cpu")}
        name, call = str(func).removeprefix("aten."), (func, args, kwargs)
        if isinstance(like, Tensor):
            return Outside(name, part, like, call)
        whole = Outside(name, part, like[0], call)
        self.parts[whole] = like
        picks = range(len(like))
        return [Outside("part", part, like[k], (operator.getitem, (whole, k), {})) for k in picks]

    def _row(self, value: Outside, width: int) -> Node:
        """What adds or cuts alone is done in the loop: of W x_t + b the product is left."""
        func, args, kwargs = _call(value)
        if value.kind == "part" and _cuts_features(args[0]):
            at = sum(part.shape[1] for part in self.parts[args[0]][: args[1]])
            return self.e.columns(self.leaf(args[0].call[1][0]), at, at + width)
        if func is aten.addmm.default and not kwargs and args[1].is_inputs:
            product = self.call(aten.mm.default, args[1:])
            return self.e.add(self.leaf(product), self.leaf(args[0]))
        if func is aten.mm.default and args[0].is_inputs and args[1].part == PARAMETERS:
            features = args[1].like.shape[0]
            if features <= FEW:
                return self._few(args[0], args[1], features)
        return self.e.make("rows", width=width, data=_place(self.rows, value))

    def _few(self, inputs: Outside, matrix: Outside, features: int) -> Node:
        """W x_t in the loop, a feature at a time, which spares the product an array to write."""
        self._check_type(matrix)
        x = self.e.make("rows", width=features, data=_place(self.rows, inputs))
        number, width = _place(self.vectors, matrix), matrix.like.shape[1]
        total = self.e.const(0)
        for k in range(features):
            row = self.e.make("vector", width=width, data=(number, k))
            total = self.e.add(total, self.e.mul(self.e.columns(x, k, k + 1), row))
        return total

    def _check_type(self, value: Outside) -> None:
        if value.like.dtype != self.dtype:
            one, other = (str(t).removeprefix("torch.") for t in (value.like.dtype, self.dtype))
            raise Unknown(f"computes with {one} beside {other}")


def _cuts_features(whole: Outside) -> bool:
    func, args, kwargs = _call(whole)
    if func not in SPLITS:
        return False
    return (args[2] if len(args) > 2 else kwargs.get("dim", 0)) % 2 == 1


def _call(value: Outside) -> tuple[Any, Any, Any]:
    return value.call or (None, (), {})


def _place(values: list[Outside], value: Outside) -> int:
    if value not in values:
        values.append(value)
    return values.index(value)

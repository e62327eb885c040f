"""Matrix products of a state with parameters; a product with [x_t h_{t-1}] leaves the part of x_t to torch."""

from collections.abc import Callable
from typing import Any

import torch

from rnnlab.kernels.compiled.step.expression import Node
from rnnlab.kernels.compiled.step.outside import INPUTS, Outside
from rnnlab.kernels.compiled.step.refusal import Unknown
from rnnlab.kernels.compiled.step.trace import Trace

aten = torch.ops.aten


def _mm(trace: Trace, given: list[Any], kwargs: dict[str, Any]) -> Node:
    left, right = given
    if not isinstance(right, Outside):
        raise Unknown("multiplies with a matrix of its state")
    if isinstance(left, Outside):
        raise Unknown("multiplies a parameter with its state")
    return product(trace, left, right)


def product(trace: Trace, left: Node, right: Outside) -> Node:
    """Left times right, each piece of a `cat` with its own rows of the matrix."""
    if left.op != "cat":
        if left.op == "rows":
            return trace.leaf(trace.call(aten.mm.default, (trace.rows[left.data], right)))
        width = right.like.shape[1]
        return trace.e.make("mm", left, width=width, data=(trace.matrix(right), False))
    at, total = 0, None
    for piece in left.inputs:
        rows = trace.call(aten.slice.Tensor, (right, 0, at, at + piece.width))
        term = product(trace, piece, rows)
        total = term if total is None else trace.e.add(total, term)
        at += piece.width
    assert total is not None
    return total


def _addmm(trace: Trace, given: list[Any], kwargs: dict[str, Any]) -> Node:
    bias, left, right = given
    made = _mm(trace, [left, right], {})
    if "alpha" in kwargs:
        made = trace.e.scale(made, kwargs["alpha"])
    added = trace.leaf(bias) if isinstance(bias, Outside) else bias
    if "beta" in kwargs:
        added = trace.e.scale(added, kwargs["beta"])
    return trace.e.add(made, added)


def _mv(trace: Trace, given: list[Any], kwargs: dict[str, Any]) -> Node:
    left, right = given
    if not isinstance(left, Node) or not isinstance(right, Outside) or right.part == INPUTS:
        raise Unknown("does mv to its state")
    return trace.e.total(trace.e.mul(left, trace.leaf(right)))


PRODUCTS: dict[str, Callable[..., Node]] = {"mm": _mm, "addmm": _addmm, "mv": _mv}

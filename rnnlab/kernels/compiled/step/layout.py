"""Which columns of which tensor: torch's operations on states that cut, join and spread them."""

from collections.abc import Callable
from typing import Any

from rnnlab.kernels.compiled.step.expression import Node
from rnnlab.kernels.compiled.step.refusal import Unknown
from rnnlab.kernels.compiled.step.trace import Trace


def _columns(given: dict[str, Any], node: Node, name: str) -> None:
    dim = given.get("dim", 0)
    if dim not in (1, -1):
        raise Unknown(f"does {name} to the batch of its state")


def _slice(trace: Trace, given: dict[str, Any], like: Any) -> Node:
    node = given["self"]
    if given["dim"] in (0, -2):
        if (given["start"] or 0) == 0 and (given["end"] or node.width) >= trace.batch:
            return node
        raise Unknown("does slice to the batch of its state")
    start, stop, step = slice(given["start"], given["end"], given["step"]).indices(node.width)
    if step != 1:
        raise Unknown("does slice to its state with a step")
    return trace.e.columns(node, start, stop)


def _select(trace: Trace, given: dict[str, Any], like: Any) -> Node:
    node = given["self"]
    _columns(given, node, "select")
    index = given["index"] % node.width
    return trace.e.columns(node, index, index + 1)


def _split(trace: Trace, given: dict[str, Any], like: Any) -> list[Node]:
    node, at, parts = given["self"], 0, []
    _columns(given, node, "split")
    for part in like:
        parts.append(trace.e.columns(node, at, at + part.shape[1]))
        at += part.shape[1]
    return parts


def _unbind(trace: Trace, given: dict[str, Any], like: Any) -> list[Node]:
    _columns(given, given["self"], "unbind")
    return [trace.e.columns(given["self"], k, k + 1) for k in range(len(like))]


def _glu(trace: Trace, given: dict[str, Any], like: Any) -> Node:
    """One half of the columns, gated by the other."""
    node, half = given["self"], like.shape[1]
    _columns(given, node, "glu")
    gate = trace.e.columns(node, half, 2 * half)
    return trace.e.mul(trace.e.columns(node, 0, half), trace.e.apply("sigmoid", gate))


def _cat(trace: Trace, given: dict[str, Any], like: Any) -> Node:
    _columns(given, given["tensors"][0], "cat")
    return trace.e.joined(given["tensors"])


def _roll(trace: Trace, given: dict[str, Any], like: Any) -> Node:
    node, shifts = given["self"], given["shifts"]
    if len(shifts) != 1 or list(given["dims"]) not in ([1], [-1]):
        raise Unknown("does roll to its state in other ways than along the features")
    cut = -shifts[0] % node.width
    if cut == 0:
        return node
    first, last = trace.e.columns(node, cut, node.width), trace.e.columns(node, 0, cut)
    return trace.e.joined([first, last])


def _same(trace: Trace, given: dict[str, Any], like: Any) -> Node:
    """In another form: of as many numbers a sequence, or of one spread to several."""
    node, width = given["self"], like.shape[1] if like.dim() == 2 else 1
    if width != node.width and node.width != 1:
        raise Unknown(f"makes {width} columns of the {node.width} of its state")
    return trace.e.widened(node, width)


LAYOUTS: dict[str, Callable[..., Any]] = {
    "slice": _slice,
    "select": _select,
    **dict.fromkeys(
        ("split", "split_with_sizes", "unsafe_split", "unsafe_split_with_sizes"), _split
    ),
    "unbind": _unbind,
    "glu": _glu,
    "cat": _cat,
    "roll": _roll,
    **dict.fromkeys(("view", "_unsafe_view", "reshape", "expand", "squeeze", "unsqueeze"), _same),
}

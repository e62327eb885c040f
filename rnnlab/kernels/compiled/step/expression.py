"""What a step computes, as expressions of rows: each value is one number, or `width` of them, for each sequence.

`h_t = tanh(z_t + h_{t-1} U')` is tanh(add(rows 0, mm 0 (state 0))). Equal expressions are one node, so that a
value that is named twice is computed once.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

COMPARISONS = {"gt", "ge", "lt", "le", "eq", "ne", "and", "or", "not"}
"""What gives a truth; all others give a number."""


@dataclass(eq=False, frozen=True)
class Node:
    """A value of a step.

    Args:
        op: What makes it: "state", "rows", "vector", "seed", "const" (leaves), "mm", "slice", "pad", "cat",
            "widen", "sum", "amax", "stop", or a function of each number alone.
        inputs: What of.
        width: Numbers a sequence.
        data: What a leaf is the how-manieth of; a constant; the first column; the matrix of a product.
    """

    op: str
    inputs: tuple["Node", ...]
    width: int
    data: Any = None


class Expressions:
    """Makes nodes; a node's inputs are made before it.

    `e = Expressions(); h = e.make("state", width=3, data=0); e.make("tanh", h)`
    """

    def __init__(self) -> None:
        self.number: dict[Node, int] = {}
        self._known: dict[tuple[Any, ...], Node] = {}

    def __iter__(self) -> Iterator[Node]:
        return iter(self.number)

    def make(self, op: str, *inputs: Node, width: int = 0, data: Any = None) -> Node:
        """The node; `width` is by default that of the widest input, to which the others are spread."""
        width = width or max(node.width for node in inputs)
        key = (op, tuple(self.number[node] for node in inputs), width, repr(data))
        if key not in self._known:
            self._known[key] = node = Node(op, inputs, width, data)
            self.number[node] = len(self.number)
        return self._known[key]

    def const(self, value: float) -> Node:
        return self.make("const", width=1, data=float(value))

    def add(self, a: Node, b: Node) -> Node:
        for one, other in ((a, b), (b, a)):
            if _is(one, 0) and other.width >= one.width:
                return other
        if a.op == b.op == "const":
            return self.const(a.data + b.data)
        return self.make("add", a, b)

    def sub(self, a: Node, b: Node) -> Node:
        return a if _is(b, 0) and a.width >= b.width else self.make("sub", a, b)

    def mul(self, a: Node, b: Node) -> Node:
        for one, other in ((a, b), (b, a)):
            if _is(one, 1):
                return other
        if a.op == b.op == "const":
            return self.const(a.data * b.data)
        return self.make("mul", a, b)

    def scale(self, a: Node, factor: float) -> Node:
        return self.mul(a, self.const(factor))

    def apply(self, op: str, a: Node) -> Node:
        """A function of each number alone."""
        return self.make(op, a)

    def div(self, a: Node, b: Node) -> Node:
        if b.op == "const" and b.data != 0 and math.log2(abs(b.data)).is_integer():
            return self.scale(a, 1 / b.data)  # the same bits
        return self.make("div", a, b)

    def where(self, condition: Node, a: Node, b: Node) -> Node:
        return self.make("where", condition, a, b)

    def columns(self, a: Node, start: int, stop: int) -> Node:
        """Of `a`, from `start` up to `stop`."""
        if (start, stop) == (0, a.width):
            return a
        if a.op == "slice":
            return self.columns(a.inputs[0], a.data + start, a.data + stop)
        return self.make("slice", a, width=stop - start, data=start)

    def padded(self, a: Node, start: int, width: int) -> Node:
        """`a` from column `start` on, and 0 elsewhere."""
        return a if a.width == width else self.make("pad", a, width=width, data=start)

    def joined(self, parts: list[Node]) -> Node:
        """One beside the other."""
        return (
            parts[0]
            if len(parts) == 1
            else self.make("cat", *parts, width=sum(p.width for p in parts))
        )

    def widened(self, a: Node, width: int) -> Node:
        """A column, `width` times."""
        return a if a.width == width else self.make("widen", a, width=width)

    def total(self, a: Node) -> Node:
        """The sum over the columns."""
        return a if a.width == 1 else self.make("sum", a, width=1)

    def narrowed(self, a: Node, width: int) -> Node:
        """What a gradient of a value that was spread is to the value itself."""
        return self.total(a) if width == 1 else self.widened(a, width)

    def truth(self, a: Node) -> Node:
        return a if a.op in COMPARISONS else self.make("ne", a, self.const(0))

    def number_of(self, a: Node) -> Node:
        """A truth as 1 or 0."""
        return self.where(a, self.const(1), self.const(0)) if a.op in COMPARISONS else a


def _is(node: Node, value: float) -> bool:
    return node.op == "const" and node.data == value


def live_nodes(outputs: list[Node]) -> set[Node]:
    """What these are made of, themselves among it."""
    live: set[Node] = set()
    todo = list(outputs)
    while todo:
        node = todo.pop()
        if node not in live:
            live.add(node)
            todo += node.inputs
    return live

"""The gradient of a step, as expressions: reverse accumulation, an operation at a time.

For y = f(x) and g = dL/dy a rule gives dL/dx. Where y is at hand f' is written in it: g (1 - y^2) for tanh.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from rnnlab.kernels.compiled.step.expression import COMPARISONS, Expressions, Node

Rule = Callable[[Expressions, Node, Node], list[Node | None]]


@dataclass
class StepGradients:
    """Of the leaves, by leaf; and for each product a P the two whose a' g is dL/dP, by the matrix's number."""

    of: dict[Node, Node] = field(default_factory=dict)
    of_matrices: list[tuple[int, Node, Node]] = field(default_factory=list)

    def add(self, e: Expressions, node: Node, gradient: Node) -> None:
        gradient = e.narrowed(gradient, node.width) if node.width != gradient.width else gradient
        self.of[node] = e.add(self.of[node], gradient) if node in self.of else gradient


def gradients(e: Expressions, outputs: list[Node], seeds: list[Node]) -> StepGradients:
    """What arrives at every leaf where `seeds` arrive at `outputs`."""
    found = StepGradients()
    for output, seed in zip(outputs, seeds, strict=True):
        found.add(e, output, seed)
    for node in reversed(list(e)):
        if node not in found.of or not node.inputs or node.op in COMPARISONS or node.op in FLAT:
            continue
        g = found.of.pop(node)
        if node.op == "mm":
            found.of_matrices.append((node.data[0], node.inputs[0], g))
        for given, gradient in zip(node.inputs, RULES[node.op](e, node, g), strict=True):
            if gradient is not None and given.op != "const":
                found.add(e, given, gradient)
    return found


def _of_one(rule: Callable[[Expressions, Node, Node, Node], Node]) -> Rule:
    """Of a function of one value, from (e, x, y, g)."""
    return lambda e, node, g: [rule(e, node.inputs[0], node, g)]


def _mul(e: Expressions, node: Node, g: Node) -> list[Node | None]:
    a, b = node.inputs
    return [e.mul(g, b), e.mul(g, a)]


def _div(e: Expressions, node: Node, g: Node) -> list[Node | None]:
    over = e.div(g, node.inputs[1])
    return [over, e.apply("neg", e.mul(over, node))]


def _larger(e: Expressions, node: Node, g: Node) -> list[Node | None]:
    """Of two that are equal each gets half."""
    a, b = node.inputs
    half = e.where(e.make("eq", a, b), e.scale(g, 0.5), e.const(0))
    high, low = (a, b) if node.op == "maximum" else (b, a)
    of_a, of_b = (e.where(e.make("gt", *pair), g, half) for pair in ((high, low), (low, high)))
    return [of_a, of_b]


def _where(e: Expressions, node: Node, g: Node) -> list[Node | None]:
    condition, none = node.inputs[0], e.const(0)
    return [None, e.where(condition, g, none), e.where(condition, none, g)]


def _cat(e: Expressions, node: Node, g: Node) -> list[Node | None]:
    parts: list[Node | None] = []
    at = 0
    for part in node.inputs:
        parts.append(e.columns(g, at, at + part.width))
        at += part.width
    return parts


def _amax(e: Expressions, x: Node, y: Node, g: Node) -> Node:
    """Of several that are largest each gets its share."""
    largest = e.where(e.make("eq", x, y), e.const(1), e.const(0))
    return e.mul(e.div(g, e.total(largest)), largest)


def _pow(e: Expressions, x: Node, y: Node, g: Node) -> Node:
    return e.mul(g, e.scale(power(e, x, y.data - 1), y.data))


def power(e: Expressions, x: Node, exponent: float) -> Node:
    """To a constant."""
    few = {
        0: lambda: e.const(1),
        1: lambda: x,
        2: lambda: e.mul(x, x),
        3: lambda: e.mul(e.mul(x, x), x),
    }
    few |= {0.5: lambda: e.apply("sqrt", x), -1: lambda: e.div(e.const(1), x)}
    return few[exponent]() if exponent in few else e.make("pow", x, data=float(exponent))


FLAT = {"sign", "stop"}  # which pass no gradient on
RULES: dict[str, Rule] = {
    "add": lambda e, node, g: [g, g],
    "sub": lambda e, node, g: [g, e.apply("neg", g)],
    "mul": _mul,
    "div": _div,
    "maximum": _larger,
    "minimum": _larger,
    "where": _where,
    "cat": _cat,
    "mm": lambda e, node, g: [
        e.make("mm", g, width=node.inputs[0].width, data=(node.data[0], not node.data[1]))
    ],
    "slice": _of_one(lambda e, x, y, g: e.padded(g, y.data, x.width)),
    "pad": _of_one(lambda e, x, y, g: e.columns(g, y.data, y.data + x.width)),
    "widen": _of_one(lambda e, x, y, g: e.total(g)),
    "sum": _of_one(lambda e, x, y, g: e.widened(g, x.width)),
    "amax": _of_one(_amax),
    "neg": _of_one(lambda e, x, y, g: e.apply("neg", g)),
    "abs": _of_one(lambda e, x, y, g: e.mul(g, e.apply("sign", x))),
    "relu": _of_one(lambda e, x, y, g: e.where(e.make("le", y, e.const(0)), e.const(0), g)),
    "tanh": _of_one(lambda e, x, y, g: e.mul(g, e.sub(e.const(1), e.mul(y, y)))),
    "sigmoid": _of_one(lambda e, x, y, g: e.mul(g, e.mul(y, e.sub(e.const(1), y)))),
    "exp": _of_one(lambda e, x, y, g: e.mul(g, y)),
    "expm1": _of_one(lambda e, x, y, g: e.mul(g, e.add(y, e.const(1)))),
    "log": _of_one(lambda e, x, y, g: e.div(g, x)),
    "log1p": _of_one(lambda e, x, y, g: e.div(g, e.add(x, e.const(1)))),
    "sqrt": _of_one(lambda e, x, y, g: e.div(e.scale(g, 0.5), y)),
    "root": _of_one(  # torch's gradient of a norm that is 0
        lambda e, x, y, g: e.where(
            e.make("eq", y, e.const(0)), e.const(0), e.div(e.scale(g, 0.5), y)
        )
    ),
    "sin": _of_one(lambda e, x, y, g: e.mul(g, e.apply("cos", x))),
    "cos": _of_one(lambda e, x, y, g: e.apply("neg", e.mul(g, e.apply("sin", x)))),
    "erf": _of_one(
        lambda e, x, y, g: e.mul(
            e.scale(g, 2 / math.sqrt(math.pi)), e.apply("exp", e.apply("neg", e.mul(x, x)))
        )
    ),
    "pow": _of_one(_pow),
}

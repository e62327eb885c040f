"""Activation functions of torch that are made of simpler ones, with torch's own defaults."""

import math
from collections.abc import Callable
from typing import Any

from rnnlab.kernels.compiled.step.expression import Expressions, Node


def _above(e: Expressions, a: Node, bound: float) -> Node:
    return e.make("gt", a, e.const(bound))


def _softplus(
    e: Expressions, a: Node, beta: Node | None = None, threshold: Node | None = None
) -> Node:
    """log(1 + exp(beta a)) / beta, and a itself where beta a is above the threshold."""
    beta, threshold = beta or e.const(1), threshold or e.const(20)
    scaled = e.mul(a, beta)
    above = e.make("gt", scaled, threshold)
    soft = e.div(e.apply("log1p", e.apply("exp", e.where(above, threshold, scaled))), beta)
    return e.where(above, a, soft)


def _elu(
    e: Expressions,
    a: Node,
    alpha: Node | None = None,
    scale: Node | None = None,
    input_scale: Node | None = None,
) -> Node:
    one = e.const(1)
    alpha, scale, input_scale = alpha or one, scale or one, input_scale or one
    above = _above(e, a, 0)
    below = e.apply("expm1", e.mul(e.where(above, e.const(0), a), input_scale))
    return e.mul(e.where(above, a, e.mul(below, alpha)), scale)


def _gelu(e: Expressions, a: Node, approximate: Any = "none") -> Node:
    half = e.scale(a, 0.5)
    if approximate == "tanh":
        cubed = e.mul(e.mul(a, a), a)
        inner = e.scale(e.add(a, e.scale(cubed, 0.044715)), math.sqrt(2 / math.pi))
        return e.mul(half, e.add(e.const(1), e.apply("tanh", inner)))
    return e.mul(half, e.add(e.const(1), e.apply("erf", e.scale(a, math.sqrt(0.5)))))


def _between(e: Expressions, a: Node, low: Node | None = None, high: Node | None = None) -> Node:
    """Hardtanh, whose gradient is 0 at the bounds too."""
    low, high = low or e.const(-1), high or e.const(1)
    return e.where(e.make("le", a, low), low, e.where(e.make("ge", a, high), high, a))


def _hardsigmoid(e: Expressions, a: Node) -> Node:
    line = e.scale(e.add(a, e.const(3)), 1 / 6)
    inner = e.where(e.make("ge", a, e.const(3)), e.const(1), line)
    return e.where(e.make("le", a, e.const(-3)), e.const(0), inner)


def _leaky_relu(e: Expressions, a: Node, negative_slope: Node | None = None) -> Node:
    slope = negative_slope or e.const(0.01)
    return e.where(_above(e, a, 0), a, e.mul(a, slope))


ACTIVATIONS: dict[str, Callable[..., Node]] = {
    "softplus": _softplus,
    "elu": _elu,
    "gelu": _gelu,
    "hardtanh": _between,
    "hardsigmoid": _hardsigmoid,
    "leaky_relu": _leaky_relu,
    "silu": lambda e, a: e.mul(a, e.apply("sigmoid", a)),
    "mish": lambda e, a: e.mul(a, e.apply("tanh", _softplus(e, a))),
    "threshold": lambda e, a, bound, value: e.where(e.make("le", a, bound), value, a),
}

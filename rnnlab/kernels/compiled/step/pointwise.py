"""Operations of torch on each number of a row, as expressions: `aten::addcmul(a, b, c, value=v)` is a + v b c."""

from collections.abc import Callable
from typing import Any

from rnnlab.kernels.compiled.step.activations import ACTIVATIONS
from rnnlab.kernels.compiled.step.derivative import power
from rnnlab.kernels.compiled.step.expression import COMPARISONS, Expressions, Node
from rnnlab.kernels.compiled.step.refusal import Unknown


def _add(e: Expressions, a: Node, b: Node, alpha: Node | None = None) -> Node:
    b = e.number_of(b)
    return e.add(e.number_of(a), b if alpha is None else e.mul(b, alpha))


def _sub(e: Expressions, a: Node, b: Node, alpha: Node | None = None) -> Node:
    b = e.number_of(b)
    return e.sub(e.number_of(a), b if alpha is None else e.mul(b, alpha))


def _mul(e: Expressions, a: Node, b: Node) -> Node:
    return e.mul(e.number_of(a), e.number_of(b))


def _div(e: Expressions, a: Node, b: Node, rounding_mode: str | None = None) -> Node:
    if rounding_mode is not None:
        raise Unknown(f"divides its state with rounding_mode={rounding_mode}")
    return e.div(e.number_of(a), e.number_of(b))


def _pow(e: Expressions, a: Node, exponent: Node) -> Node:
    if exponent.op != "const":
        raise Unknown("does pow to its state with an exponent that is no number")
    return power(e, a, exponent.data)


def _clamp(
    e: Expressions, a: Node, low: Node | None = None, high: Node | None = None, **names: Any
) -> Node:
    low, high = names.get("min", low), names.get("max", high)
    kept = a
    for bound, beyond in ((low, "lt"), (high, "gt")):
        if bound is None:
            continue
        if bound.op != "const":  # which would get a gradient
            raise Unknown("does clamp to its state with a bound that is no number")
        kept = e.where(e.make(beyond, a, bound), bound, kept)  # at the bound a gradient passes
    return kept


def _lerp(e: Expressions, a: Node, b: Node, weight: Node) -> Node:
    return e.add(a, e.mul(weight, e.sub(b, a)))


def _addcmul(e: Expressions, a: Node, b: Node, c: Node, value: Node | None = None) -> Node:
    product = e.mul(b, c)
    return e.add(a, product if value is None else e.mul(product, value))


def _addcdiv(e: Expressions, a: Node, b: Node, c: Node, value: Node | None = None) -> Node:
    quotient = e.div(b, c)
    return e.add(a, quotient if value is None else e.mul(quotient, value))


def _both(op: str) -> Callable[..., Node]:
    return lambda e, a, b: e.make(op, e.truth(a), e.truth(b))


def _both_numbers(op: str) -> Callable[..., Node]:
    return lambda e, a, b: e.make(op, e.number_of(a), e.number_of(b))


def _one(op: str) -> Callable[..., Node]:
    return lambda e, a: e.apply(op, a)


def _constant(value: float) -> Callable[..., Node]:
    return lambda e, a, **options: e.const(value)


FUNCTIONS = (
    "tanh",
    "sigmoid",
    "relu",
    "exp",
    "expm1",
    "log",
    "log1p",
    "sqrt",
    "sin",
    "cos",
    "erf",
    "abs",
    "neg",
)

POINTWISE: dict[str, Callable[..., Node]] = {
    **{name: _one(name) for name in FUNCTIONS},
    **{name: _both_numbers(name) for name in COMPARISONS - {"and", "or", "not"}},
    **{f"{kind}_{op}": _both(op) for kind in ("logical", "bitwise") for op in ("and", "or")},
    "logical_not": lambda e, a: e.make("not", e.truth(a)),
    "bitwise_not": lambda e, a: e.make("not", e.truth(a)),
    "sign": _one("sign"),
    "sgn": _one("sign"),
    "zeros_like": _constant(0),
    "ones_like": _constant(1),
    "full_like": lambda e, a, value, **options: value,
    "detach": _one("stop"),
    "alias": lambda e, a: a,
    "clone": lambda e, a, **options: a,
    "_to_copy": lambda e, a, **options: e.number_of(a),
    "add": _add,
    "sub": _sub,
    "rsub": lambda e, a, b, alpha=None: (
        _sub(e, b, a) if alpha is None else _sub(e, b, e.mul(a, alpha))
    ),
    "mul": _mul,
    "div": _div,
    "reciprocal": lambda e, a: e.div(e.const(1), a),
    "rsqrt": lambda e, a: e.div(e.const(1), e.apply("sqrt", a)),
    "square": lambda e, a: e.mul(a, a),
    "pow": _pow,
    "maximum": _both_numbers("maximum"),
    "minimum": _both_numbers("minimum"),
    "clamp": _clamp,
    "clamp_min": _clamp,
    "clamp_max": lambda e, a, high: _clamp(e, a, None, high),
    "where": lambda e, c, a, b: e.where(e.truth(c), a, b),
    "lerp": _lerp,
    "addcmul": _addcmul,
    "addcdiv": _addcdiv,
    **ACTIVATIONS,
}

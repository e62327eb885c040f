"""Sums and largest numbers over the features of a state, and what is made of them: softmax, layer norm."""

from collections.abc import Callable
from typing import Any

from rnnlab.kernels.compiled.step.expression import Expressions, Node
from rnnlab.kernels.compiled.step.refusal import Unknown
from rnnlab.kernels.compiled.step.trace import Trace


def _over_features(given: dict[str, Any], name: str) -> Node:
    """What is reduced; refused unless over the features alone."""
    dim = given["dim"]
    if dim not in (1, -1, [1], [-1]):
        raise Unknown(f"does {name} to its state over the batch")
    node = given["self"]
    if given.get("dtype") is not None:
        raise Unknown(f"does {name} to its state in another precision")
    return node


def _mean(e: Expressions, a: Node) -> Node:
    return e.scale(e.total(a), 1 / a.width)


def _squares(e: Expressions, a: Node) -> tuple[Node, Node]:
    """The mean, and the sum of squares about it."""
    mean = _mean(e, a)
    off = e.sub(a, mean)
    return mean, e.total(e.mul(off, off))


def _sum(trace: Trace, given: dict[str, Any], like: Any) -> Node:
    return trace.e.total(trace.e.number_of(_over_features(given, "sum")))


def _amean(trace: Trace, given: dict[str, Any], like: Any) -> Node:
    return _mean(trace.e, _over_features(given, "mean"))


def _largest(e: Expressions, a: Node) -> Node:
    return a if a.width == 1 else e.make("amax", a, width=1)


def _amax(trace: Trace, given: dict[str, Any], like: Any) -> Node:
    return _largest(trace.e, _over_features(given, "amax"))


def _variance(trace: Trace, given: dict[str, Any], like: Any) -> Node:
    node, correction = _over_features(given, "var"), given["correction"]
    left = node.width - (1 if correction is None else correction)
    if left <= 0:
        raise Unknown("takes the variance of a single number")
    return trace.e.scale(_squares(trace.e, node)[1], 1 / left)


def _deviation(trace: Trace, given: dict[str, Any], like: Any) -> Node:
    return trace.e.apply("root", _variance(trace, given, like))


def _norm(trace: Trace, given: dict[str, Any], like: Any) -> Node:
    node = _over_features(given, "linalg_vector_norm")
    if given["ord"] != 2:
        raise Unknown(f"takes a norm of order {given['ord']} of its state")
    return trace.e.apply("root", trace.e.total(trace.e.mul(node, node)))


def _shifted(e: Expressions, a: Node) -> tuple[Node, Node]:
    """Less its largest number, which exp does not overflow at; no gradient passes that way."""
    off = e.sub(a, e.apply("stop", _largest(e, a)))
    return off, e.total(e.apply("exp", off))


def _softmax(trace: Trace, given: dict[str, Any], like: Any) -> Node:
    off, total = _shifted(trace.e, _over_features(given, "softmax"))
    return trace.e.div(trace.e.apply("exp", off), total)


def _log_softmax(trace: Trace, given: dict[str, Any], like: Any) -> Node:
    off, total = _shifted(trace.e, _over_features(given, "log_softmax"))
    return trace.e.sub(off, trace.e.apply("log", total))


def _logsumexp(trace: Trace, given: dict[str, Any], like: Any) -> Node:
    node = _over_features(given, "logsumexp")
    _, total = _shifted(trace.e, node)
    return trace.e.add(trace.e.apply("log", total), trace.e.apply("stop", _largest(trace.e, node)))


def _layer_norm(trace: Trace, given: dict[str, Any], like: Any) -> list[Node]:
    """(x - mean) / sqrt(var + eps) * weight + bias, the mean, and what x is multiplied with."""
    e, node = trace.e, given["input"]
    if list(given["normalized_shape"]) != [node.width]:
        raise Unknown("does layer_norm to its state over the batch")
    mean, squares = _squares(e, node)
    deviation = e.apply("sqrt", e.add(e.scale(squares, 1 / node.width), e.const(given["eps"])))
    factor = e.div(e.const(1), deviation)
    normed = e.mul(e.sub(node, mean), factor)
    if given["weight"] is not None:
        normed = e.mul(normed, given["weight"])
    if given["bias"] is not None:
        normed = e.add(normed, given["bias"])
    return [normed, mean, factor]


REDUCTIONS: dict[str, Callable[..., Any]] = {
    "sum": _sum,
    "mean": _amean,
    "amax": _amax,
    "var": _variance,
    "std": _deviation,
    "linalg_vector_norm": _norm,
    "_softmax": _softmax,
    "_log_softmax": _log_softmax,
    "logsumexp": _logsumexp,
    "native_layer_norm": _layer_norm,
}

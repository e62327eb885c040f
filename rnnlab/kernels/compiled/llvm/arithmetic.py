"""Arithmetic on numbers of one type, as instructions of LLVM; of what is no number comes what is no number.

A product and a sum may be rounded once ("contract"), as BLAS does; nothing else is left to the compiler.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir

Value = Any
"""An instruction's result, or a constant; each has its `type`."""
TRUTH = ir.IntType(1)
PREDICATES = {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "eq": "=="}
EXACT = ("contract",)


class Arithmetic:
    """Writes instructions where the builder stands.

    Args:
        module: Of the functions that are called.
        builder: Of the function that is written.
        kind: The numbers' type, ir.FloatType() or ir.DoubleType().
    """

    def __init__(self, module: ir.Module, builder: ir.IRBuilder, kind: ir.Type) -> None:
        self.module, self.builder, self.kind = module, builder, kind

    def number(self, value: float) -> Value:
        return ir.Constant(self.kind, float(value))

    def add(self, a: Value, b: Value, flags: tuple[str, ...] = EXACT) -> Value:
        return self.builder.fadd(a, b, flags=flags)

    def sub(self, a: Value, b: Value) -> Value:
        return self.builder.fsub(a, b, flags=EXACT)

    def mul(self, a: Value, b: Value) -> Value:
        return self.builder.fmul(a, b, flags=EXACT)

    def div(self, a: Value, b: Value) -> Value:
        return self.builder.fdiv(a, b)

    def neg(self, a: Value) -> Value:
        return self.builder.fneg(a)

    def compare(self, op: str, a: Value, b: Value) -> Value:
        if op == "ne":
            return self.builder.fcmp_unordered("!=", a, b)
        return self.builder.fcmp_ordered(PREDICATES[op], a, b)

    def choose(self, condition: Value, a: Value, b: Value) -> Value:
        return self.builder.select(self.truth(condition), self.value(a), self.value(b))

    def truth(self, a: Value) -> Value:
        """Of a truth that was kept in an array it is 1 or 0."""
        return a if a.type == TRUTH else self.compare("ne", a, self.number(0))

    def value(self, a: Value) -> Value:
        return self.builder.uitofp(a, self.kind) if a.type == TRUTH else a

    def call(self, name: str, *arguments: Value) -> Value:
        """A function of this module, or libm's: llvm.fabs, log1pf."""
        known = self.module.globals.get(name)
        if known is None:
            kinds = [argument.type for argument in arguments]
            known = ir.Function(self.module, ir.FunctionType(self.kind, kinds), name)
        return self.builder.call(known, arguments)

    def intrinsic(self, name: str, *arguments: Value) -> Value:
        suffix = "f32" if self.kind == ir.FloatType() else "f64"
        return self.call(f"llvm.{name}.{suffix}", *arguments)

    def libm(self, name: str, *arguments: Value) -> Value:
        return self.call(name + "f" * (self.kind == ir.FloatType()), *arguments)


def _sign(c: Arithmetic, a: Value) -> Value:
    zero = c.number(0)
    positive, negative = c.compare("gt", a, zero), c.compare("lt", a, zero)
    return c.sub(c.value(positive), c.value(negative))


def _larger(op: str) -> Callable[..., Value]:
    def form(c: Arithmetic, a: Value, b: Value) -> Value:
        first = c.builder.or_(c.compare(op, a, b), c.compare("ne", a, a))
        return c.choose(first, a, b)

    return form


FORMS: dict[str, Callable[..., Value]] = {
    "add": Arithmetic.add,
    "sub": Arithmetic.sub,
    "mul": Arithmetic.mul,
    "div": Arithmetic.div,
    "neg": Arithmetic.neg,
    "stop": lambda c, a: a,
    "where": Arithmetic.choose,
    "and": lambda c, a, b: c.builder.and_(c.truth(a), c.truth(b)),
    "or": lambda c, a, b: c.builder.or_(c.truth(a), c.truth(b)),
    "not": lambda c, a: c.builder.not_(c.truth(a)),
    "sign": _sign,
    "abs": lambda c, a: c.intrinsic("fabs", a),
    "relu": lambda c, a: c.choose(c.compare("le", a, c.number(0)), c.number(0), a),
    "maximum": _larger("gt"),
    "minimum": _larger("lt"),
    "sqrt": lambda c, a: c.intrinsic("sqrt", a),
    "root": lambda c, a: c.intrinsic("sqrt", a),
}


def _compared(op: str) -> Callable[..., Value]:
    return lambda c, a, b: c.compare(op, a, b)


def _own(name: str) -> Callable[..., Value]:
    return lambda c, a: c.call(f"vector.{name}", a)


def _libm(name: str) -> Callable[..., Value]:
    return lambda c, *values: c.libm(name, *values)


FORMS |= {op: _compared(op) for op in (*PREDICATES, "ne")}
FORMS |= {name: _own(name) for name in ("exp", "tanh", "sigmoid")}
FORMS |= {name: _libm(name) for name in ("log", "log1p", "expm1", "sin", "cos", "erf", "pow")}

"""exp, tanh and sigmoid in a form that a compiler makes vector instructions of; within two roundings.

libm's take a number at a time, which is longer than all the rest of a step. Here

    exp(x) = 2^k (1 + p(r)),    k = round(x / log 2),    r = x - k log 2,    p(r) = r + r^2 / 2! + ...
    tanh(|x|) = t / (t + 2),    t = exp(2 |x|) - 1 = 2^k p(r) + (2^k - 1)

so that tanh is as near to 0 as x is, and exactly 1 where it rounds to 1. What is no number stays so. The
nearest whole number comes from adding 1.5 * 2^23 (2^52 in double precision): its last bits are that number.
"""

import math
from dataclasses import dataclass

from llvmlite import ir

from rnnlab.kernels.compiled.llvm.arithmetic import Arithmetic


@dataclass(frozen=True)
class Form:
    """Of a type: its bits, where its terms end, log 2 in two parts, and beyond what exp is 0, infinite, tanh 1."""

    bits: int
    mantissa: int
    bias: int
    terms: int
    high: float
    low: float
    smallest: float
    largest: float
    flat: float


SINGLE = Form(32, 23, 127, 8, 0.693359375, -2.12194440e-4, -104.0, 89.0, 40.0)
DOUBLE = Form(
    *(64, 52, 1023, 14, 6.93147180369123816490e-01, 1.90821492927058770002e-10, -746.0, 710.0, 80.0)
)


def add_vector_math(module: ir.Module, kind: ir.Type) -> None:
    """Define `vector.exp`, `vector.tanh` and `vector.sigmoid`."""
    form = SINGLE if kind == ir.FloatType() else DOUBLE
    for name, body in (("exp", _exp), ("tanh", _tanh), ("sigmoid", _sigmoid)):
        function = ir.Function(module, ir.FunctionType(kind, [kind]), f"vector.{name}")
        function.linkage = "internal"
        function.attributes.add("alwaysinline")
        builder = ir.IRBuilder(function.append_basic_block())
        builder.ret(body(Arithmetic(module, builder, kind), form, function.args[0]))


def _power_of_two(c: Arithmetic, form: Form, z: ir.Value) -> ir.Value:
    """2^k, of k + 1.5 * 2^mantissa."""
    whole = ir.IntType(form.bits)
    bits = c.builder.shl(c.builder.bitcast(z, whole), whole(form.mantissa))
    return c.builder.bitcast(c.builder.add(bits, whole(form.bias << form.mantissa)), c.kind)


def _reduced(c: Arithmetic, form: Form, x: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value]:
    """Of x: k + 1.5 * 2^mantissa, k, and p(r)."""
    magic = c.number(1.5 * 2**form.mantissa)
    z = c.add(c.mul(x, c.number(1 / math.log(2))), magic)
    k = c.sub(z, magic)
    r = c.sub(x, c.mul(k, c.number(form.high)))
    r = c.sub(r, c.mul(k, c.number(form.low)))
    p = c.number(1 / math.factorial(form.terms))
    for n in range(form.terms - 1, 1, -1):
        p = c.add(c.mul(p, r), c.number(1 / math.factorial(n)))
    return z, k, c.add(r, c.mul(c.mul(r, r), p))


def _exp(c: Arithmetic, form: Form, x: ir.Value) -> ir.Value:
    largest, smallest = c.number(form.largest), c.number(form.smallest)
    x = c.choose(c.compare("gt", x, largest), largest, x)
    x = c.choose(c.compare("lt", x, smallest), smallest, x)
    _, k, p = _reduced(c, form, x)
    magic = c.number(1.5 * 2**form.mantissa)
    half = c.add(
        c.mul(k, c.number(0.5)), magic
    )  # two factors: the result may be subnormal, or infinite
    other = c.add(c.sub(k, c.sub(half, magic)), magic)
    value = c.add(p, c.number(1))
    for factor in (half, other):
        value = c.mul(value, _power_of_two(c, form, factor))
    return value


def _tanh(c: Arithmetic, form: Form, x: ir.Value) -> ir.Value:
    y, flat = c.mul(c.number(2), c.intrinsic("fabs", x)), c.number(form.flat)
    y = c.choose(c.compare("gt", y, flat), flat, y)
    z, _, p = _reduced(c, form, y)
    s = _power_of_two(c, form, z)
    t = c.add(c.mul(s, p), c.sub(s, c.number(1)))
    return c.intrinsic("copysign", c.div(t, c.add(t, c.number(2))), x)


def _sigmoid(c: Arithmetic, form: Form, x: ir.Value) -> ir.Value:
    one = c.number(1)
    return c.div(one, c.add(one, _exp(c, form, c.neg(x))))

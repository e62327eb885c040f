"""What each of torch's operations on states is, as expressions; one that no table has is not compiled.

A name is the operation's, whatever its overload.
"""

from typing import Any

import torch
from torch import Tensor

from rnnlab.kernels.compiled.step.layout import LAYOUTS
from rnnlab.kernels.compiled.step.pointwise import POINTWISE
from rnnlab.kernels.compiled.step.products import PRODUCTS
from rnnlab.kernels.compiled.step.reductions import REDUCTIONS
from rnnlab.kernels.compiled.step.refusal import Unknown
from rnnlab.kernels.compiled.step.trace import Trace


def translate(
    trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], like: Any
) -> Any:
    """The expression of what `func` gives, of which `like` has the shape and the type.

    Raises:
        Unknown: That names the operation.
    """
    name = func.overloadpacket.__name__
    wide = like if isinstance(like, Tensor) else like[0]
    for tensor in like if isinstance(like, tuple | list) else [like]:
        _check_result(trace, name, tensor)
    given = [trace.value(a) if isinstance(a, Tensor) else a for a in args]
    if name in PRODUCTS:
        return PRODUCTS[name](trace, given, kwargs)
    for table in (LAYOUTS, REDUCTIONS):
        if name in table:
            return table[name](trace, named(func, given, kwargs, trace), like)
    if name not in POINTWISE:
        raise Unknown(f"does {name} to its state")
    values = [_operand(trace, a) for a in given]
    given_names = {key: _operand(trace, value) for key, value in kwargs.items()}
    made = POINTWISE[name](trace.e, *values, **given_names)
    return trace.e.widened(made, wide.shape[1] if wide.dim() == 2 else 1)


def named(func: Any, given: list[Any], kwargs: dict[str, Any], trace: Trace) -> dict[str, Any]:
    """The arguments by their names, with the defaults; the first one, "self", as an expression."""
    found = {a.name: a.default_value for a in func._schema.arguments if a.has_default_value()}
    found |= {a.name: value for a, value in zip(func._schema.arguments, given, strict=False)}
    found |= kwargs
    return {key: _expression(trace, value) for key, value in found.items()}


def _expression(trace: Trace, value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_expression(trace, part) for part in value]
    if isinstance(value, Tensor):
        value = trace.value(value)
    return trace.leaf(value) if hasattr(value, "part") else value


def _check_result(trace: Trace, name: str, tensor: Tensor) -> None:
    shape = tuple(tensor.shape)
    if not shape or shape[0] != trace.batch or len(shape) > 2 or trace.batch in shape[1:]:
        raise Unknown(f"makes of its state, by {name}, what is not a row for each sequence")
    if tensor.dtype not in (trace.dtype, torch.bool):
        raise Unknown(f"computes in {str(tensor.dtype).removeprefix('torch.')} ({name})")


def _operand(trace: Trace, value: Any) -> Any:
    """An expression, with a truth as it is; a Python number as a constant."""
    value = _expression(trace, value)
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    return trace.e.const(value) if isinstance(value, int | float) else value

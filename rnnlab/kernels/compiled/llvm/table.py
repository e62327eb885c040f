"""What compiled code is called with: one table of whole numbers and addresses, by names."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from llvmlite import ir

from rnnlab.kernels.compiled.llvm.primitives import INDEX, POINTER


def kind_of(name: str) -> ir.Type:
    """What stands in the table by a name: "batch" is a number, "H" and "S0" are addresses."""
    return INDEX if name.isalpha() and name.islower() else POINTER


def is_given(builder: ir.IRBuilder, address: Any) -> Any:
    """Whether it is not 0."""
    return builder.icmp_unsigned("!=", builder.ptrtoint(address, INDEX), INDEX(0))


class Table:
    """In the code: the numbers and addresses of a run, each a word.

    Args:
        builder: That writes.
        array: Where the table is.
        names: What is in it, in its order.
    """

    def __init__(self, builder: ir.IRBuilder, array: Any, names: Sequence[str]) -> None:
        self.builder, self.array = builder, array
        self.place = {name: k for k, name in enumerate(names)}

    def __getitem__(self, name: str) -> Any:
        return self.builder.load(self._where(name), typ=kind_of(name))

    def __setitem__(self, name: str, value: Any) -> None:
        self.builder.store(value, self._where(name))

    def given(self, name: str) -> AbstractContextManager[Any]:
        """What is written within is done where this address is not 0."""
        return self.builder.if_then(is_given(self.builder, self[name]))

    def _where(self, name: str) -> Any:
        return self.builder.gep(self.array, [INDEX(self.place[name])], source_etype=INDEX)


def begin_function(module: ir.Module, name: str, names: Sequence[str]) -> Table:
    """A function that takes a table with these names, which stays to be written by the table's builder."""
    kind = ir.FunctionType(ir.VoidType(), [POINTER])
    function = ir.Function(module, kind, name)
    return Table(ir.IRBuilder(function.append_basic_block()), function.args[0], names)

"""One pass over rows, as a function of LLVM's: `width` columns of several values, computed together.

for i in range(batch): for j in range(width): h[i, j] = tanh(z[i, j] + b[j] + m[i, j])
"""

from llvmlite import ir

from rnnlab.kernels.compiled.llvm.arithmetic import FORMS, Arithmetic
from rnnlab.kernels.compiled.llvm.primitives import INDEX
from rnnlab.kernels.compiled.step.expression import Node
from rnnlab.kernels.compiled.step.loop import ROWWISE, Loop, pieces

ANY_ORDER = ("contract", "reassoc")  # of a sum over a row


class Pass:
    """Writes one; `arrays` are then what it is called with, by the names that the loop has for them.

    Args:
        module: That the function goes into.
        kind: The numbers' type.
        loop: What it is a part of.
        places: Where values lie by now.
        width: How many columns.
    """

    def __init__(
        self, module: ir.Module, kind: ir.Type, loop: Loop, places: dict[Node, str], width: int
    ) -> None:
        self.module, self.kind, self.loop, self.places, self.width = (
            module,
            kind,
            loop,
            places,
            width,
        )
        self.arrays: list[str] = []
        self._known: dict[tuple[Node, int, int], ir.Value] = {}

    def write(self, name: str, found: list[tuple[Node, int]], begun: set[Node]) -> ir.Function:
        """The values from these columns on, each to where the loop stores it."""
        self._function(name, self._count(found))
        sums: dict[Node, tuple[ir.PhiInstr, ir.Value]] = {}
        for node, start in found:
            if node.op in ROWWISE and node not in self.places:
                sums[node] = self._summed(node, start, sums.get(node), begun)
            else:
                self._stored(node, start)
        self._end(sums)
        return self.function

    def _count(self, found: list[tuple[Node, int]]) -> int:
        """At most so many arrays: each is read or stored by its name."""
        names = {
            *self.places.values(),
            *(f"q{n.data[0]}" for n in self.loop.live if n.op == "vector"),
        }
        for node, _ in found:
            names |= {
                *self.loop.stores.get(node, ()),
                *(name for name, _ in self.loop.sums.get(node, ())),
            }
        return len(names)

    def _function(self, name: str, arrays: int) -> None:
        """Its head, up to the first column of a row."""
        pointer = ir.PointerType()
        kinds = [INDEX, *[pointer] * arrays]
        self.function = ir.Function(self.module, ir.FunctionType(ir.VoidType(), kinds), name)
        self.function.linkage = "internal"
        self.function.attributes.add("noinline")
        for argument in self.function.args[1:]:
            argument.add_attribute("noalias")
        entry, rows, columns = (
            self.function.append_basic_block(n) for n in ("entry", "rows", "columns")
        )
        ir.IRBuilder(entry).branch(rows)
        self.head, self.builder = ir.IRBuilder(rows), ir.IRBuilder(columns)
        self.i, self.j = self.head.phi(INDEX, "i"), self.builder.phi(INDEX, "j")
        self.i.add_incoming(INDEX(0), entry)
        self.j.add_incoming(INDEX(0), rows)
        self.c = Arithmetic(self.module, self.builder, self.kind)

    def _end(self, sums: dict[Node, tuple[ir.PhiInstr, ir.Value]]) -> None:
        """Of a column, of a row and of all rows."""
        rows, columns = self.head.block, self.builder.block
        row_done = self.function.append_basic_block("row_done")
        done = self.function.append_basic_block("done")
        self.j.add_incoming(after := self.builder.add(self.j, INDEX(1)), columns)
        for phi, value in sums.values():
            phi.add_incoming(value, columns)
        over = self.builder.icmp_unsigned("==", after, INDEX(self.width))
        self.builder.cbranch(over, row_done, columns)
        self.head.branch(columns)
        tail = ir.IRBuilder(row_done)
        for node, (_, value) in sums.items():
            where = self._array(self.loop.stores[node][0])
            tail.store(value, tail.gep(where, [self.i], source_etype=self.kind))
        self.i.add_incoming(after := tail.add(self.i, INDEX(1)), row_done)
        tail.cbranch(tail.icmp_unsigned("==", after, self.function.args[0]), done, rows)
        ir.IRBuilder(done).ret_void()

    def _stored(self, node: Node, start: int) -> None:
        value = self.c.value(self._value(node, int(node.width > 1), start))
        for place in self.loop.stores.get(node, ()):
            if place != self.places.get(node):
                self.builder.store(value, self._at(place, node.width, 1, start))
        for total, first in self.loop.sums.get(node, ()):
            pointer = self._at(total, 0, 1, first + start)
            kept = self.builder.load(pointer, typ=self.kind)
            self.builder.store(self.c.add(kept, value), pointer)

    def _summed(
        self, node: Node, start: int, sofar: tuple[ir.PhiInstr, ir.Value] | None, begun: set[Node]
    ) -> tuple[ir.PhiInstr, ir.Value]:
        """A sum, or the largest, of these columns too; the first pass over a part of them begins it."""
        phi, kept = sofar or (self._begun(node, begun),) * 2
        value = self._value(node.inputs[0], int(node.inputs[0].width > 1), start)
        if node.op == "sum":
            return phi, self.c.add(kept, value, ANY_ORDER)
        return phi, FORMS["maximum"](self.c, value, kept)

    def _begun(self, node: Node, begun: set[Node]) -> ir.PhiInstr:
        phi = self._phi()
        first = self.c.number(0.0 if node.op == "sum" else float("-inf"))
        if node in begun:
            where = self._array(self.loop.stores[node][0])
            first = self.head.load(
                self.head.gep(where, [self.i], source_etype=self.kind), typ=self.kind
            )
        begun.add(node)
        phi.add_incoming(first, self.head.block)
        return phi

    def _phi(self) -> ir.PhiInstr:
        """At the head of the columns' block, wherever the builder stands."""
        with self.builder.goto_block(self.builder.block):
            self.builder.position_at_start(self.builder.block)
            return self.builder.phi(self.kind)

    def _array(self, place: str) -> ir.Value:
        if place not in self.arrays:
            self.arrays.append(place)
        return self.function.args[1 + self.arrays.index(place)]

    def _at(self, place: str, row: int, stride: int, start: int) -> ir.Value:
        """Where column `stride` j + `start` is, of rows of this width; of 0 where there is but one row."""
        index = self.builder.mul(self.i, INDEX(row)) if row else INDEX(0)
        index = self.builder.add(index, INDEX(start))
        index = self.builder.add(index, self.j) if stride else index
        return self.builder.gep(self._array(place), [index], source_etype=self.kind)

    def _value(self, node: Node, stride: int, at: int) -> ir.Value:
        """At column `stride` j + `at`."""
        key = node, stride, at
        if key not in self._known:
            self._known[key] = self._written(node, stride, at)
        return self._known[key]

    def _written(self, node: Node, stride: int, at: int) -> ir.Value:
        if node.op == "const":
            return self.c.number(node.data)
        if node.op == "vector":
            number, row = node.data
            where = self._at(f"q{number}", 0, stride, row * node.width + at)
            return self.builder.load(where, typ=self.kind)
        if node in self.places:
            return self.builder.load(
                self._at(self.places[node], node.width, stride, at), typ=self.kind
            )
        if node.op in ("slice", "pad", "cat"):
            for given, start, to, size in pieces(node):
                if to <= at < to + size:
                    return self._of(given, stride, at - to + start)
            return self.c.number(0)
        if node.op == "widen":
            return self._of(node.inputs[0], 0, 0)
        return self._form(node, [self._of(given, stride, at) for given in node.inputs])

    def _of(self, node: Node, stride: int, at: int) -> ir.Value:
        return self._value(node, stride, at) if node.width > 1 else self._value(node, 0, 0)

    def _form(self, node: Node, values: list[ir.Value]) -> ir.Value:
        """With what adding 0 comes to left out, as that of padding is."""
        zeros = [isinstance(value, ir.Constant) and value.constant == 0.0 for value in values]
        if node.op == "add" and any(zeros):
            return self.c.value(values[int(zeros[0])])
        if node.op not in ("where", "and", "or", "not"):
            values = [self.c.value(value) for value in values]
        if node.op == "pow":
            values.append(self.c.number(node.data))
        return FORMS[node.op](self.c, *values)

"""One of a step's loops, as a function of LLVM's: what a step calls, with the addresses of that step's rows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from rnnlab.kernels.compiled.llvm.passes import Pass
from rnnlab.kernels.compiled.llvm.primitives import INDEX, POINTER, Primitives
from rnnlab.kernels.compiled.llvm.table import is_given, kind_of
from rnnlab.kernels.compiled.step.expression import Node
from rnnlab.kernels.compiled.step.loop import Loop

PLACE = re.compile(r"([A-Z]\d*)\[(.*)\]")
"""As "S0[(t + 1) % ring]": an array of steps, and which of them."""


@dataclass
class Frame:
    """What both loops of a module share.

    Args:
        primitives: What they call, of the module that they go into.
        states: The states' widths.
        widths: Of the arrays of steps, by name.
    """

    primitives: Primitives
    states: list[int]
    widths: dict[str, int]


class Steps:
    """Writes the function `name`, which takes a table of addresses and numbers.

    Args:
        frame: Of its module.
        loop: What is computed at a step.
        name: "forward", or "backward" from the last step to the first.
        table: What is in the table.
    """

    def __init__(self, frame: Frame, loop: Loop, name: str, table: Sequence[str]) -> None:
        self.frame, self.loop, self.name = frame, loop, name
        kind = ir.FunctionType(ir.VoidType(), [POINTER])
        self.function = ir.Function(frame.primitives.module, kind, name)
        self.function.linkage = "internal"
        entry, step, end = (self.function.append_basic_block(n) for n in ("entry", "step", "end"))
        builder = ir.IRBuilder(entry)
        self.given = {}
        for k, each in enumerate(table):
            where = builder.gep(self.function.args[0], [INDEX(k)], source_etype=INDEX)
            self.given[each] = builder.load(where, typ=kind_of(each))
        back = name == "backward"
        first = builder.sub(self.given["end"], INDEX(1)) if back else self.given["begin"]
        last = self.given["begin"] if back else builder.sub(self.given["end"], INDEX(1))
        builder.branch(step)
        self.builder = ir.IRBuilder(step)
        self.t = self.builder.phi(INDEX, "t")
        self.t.add_incoming(first, entry)
        self._carried(back, entry)
        self._step()
        following = self.builder.add(self.t, INDEX(-1 if back else 1))
        self.t.add_incoming(following, self.builder.block)
        for arrived, before in self.turns:
            arrived.add_incoming(before, self.builder.block)
            before.add_incoming(arrived, self.builder.block)
        self.builder.cbranch(self.builder.icmp_signed("==", self.t, last), end, step)
        ir.IRBuilder(end).ret_void()

    def _carried(self, back: bool, entry: ir.Block) -> None:
        """Gradients of the states in two rooms each, which change places after each step."""
        self.turns = []
        for k in range(len(self.frame.states) if back else 0):
            pair = []
            for each in (f"C{k}", f"D{k}"):
                turn = self.builder.phi(POINTER)
                turn.add_incoming(self.given[each], entry)
                self.given[each] = turn
                pair.append(turn)
            self.turns.append(tuple(pair))
        if back:
            self._add_above()

    def _add_above(self) -> None:
        """What arrives at h_t from the layers above, where something does."""
        builder = self.builder
        with builder.if_then(is_given(builder, self.given["G"])):
            count = builder.mul(self.given["batch"], INDEX(self.frame.states[0]))
            rows = self.given["C0"], self._address("H[t - begin]")
            builder.call(self.frame.primitives.added, [*rows, count])

    def _step(self) -> None:
        places, begun, passes = dict(self.loop.loads), set[Node](), 0
        for products, widths in self.loop.levels():
            for node in products:
                self._product(node, places)
            for width, found in widths.items():
                made_in = self.frame.primitives.module, self.frame.primitives.kind
                one = Pass(*made_in, self.loop, places, width)
                function = one.write(f"{self.name}_{passes}", found, begun)
                addresses = [self._address(place) for place in one.arrays]
                unused = [addresses[0]] * (len(function.args) - 1 - len(addresses))
                self.builder.call(function, [self.given["batch"], *addresses, *unused])
                passes += 1
            for found in widths.values():
                for node, _ in found:
                    if node in self.loop.stores:
                        places.setdefault(node, self.loop.stores[node][0])

    def _product(self, node: Node, places: dict[Node, str]) -> None:
        places[node] = self.loop.stores[node][0]
        left, (matrix, turned) = node.inputs[0], node.data
        a = self._address(places[left] if left in places else self.loop.stores[left][0])
        b = self.given[f"{'u' if turned else 'w'}{matrix}"]
        sizes = self.given["batch"], INDEX(node.width), INDEX(left.width)
        given = a, b, self._address(places[node]), *sizes, INDEX(0)
        self.builder.call(self.frame.primitives.product, given)

    def _address(self, place: str) -> Any:
        """Of what is at this step in an array, or of an array that is the same at each."""
        found = PLACE.fullmatch(place)
        if found is None:
            return self.given[place]
        array, step = found.groups()
        size = INDEX(self.frame.widths[array])
        if array[0] != "A":  # which has one row a step
            size = self.builder.mul(self.given["batch"], size)
        index = self.builder.mul(self._number(step), size)
        return self.frame.primitives.at(self.builder, self.given[array], index)

    def _number(self, step: str) -> Any:
        builder, t = self.builder, self.t
        if step.endswith(("ring", "rest")):
            within = builder.add(t, INDEX(1)) if "+" in step else t
            return builder.srem(within, self.given[step[-4:]])
        forms = {
            "t": lambda: t,
            "t + 1": lambda: builder.add(t, INDEX(1)),
            "t - begin": lambda: builder.sub(t, self.given["begin"]),
            "t * keep": lambda: builder.mul(t, self.given["keep"]),
        }
        return forms[step]()

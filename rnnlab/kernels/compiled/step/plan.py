"""A step's two loops: what each reads, keeps for the other, and leaves behind.

Arrays are named by a letter and a number, each (steps, batch, width) unless said:

    S states, h_0 first        Z what no state reaches        V kept for the way back
    E gradients that are stored, of a chunk of steps          A their sums over the batch, (steps, width)
    C, D what arrives at the states after a step, and before it, (batch, width)
    q vectors of parameters    w matrices, and u the same transposed    m, b rooms within a step, there and back

The gradient of a matrix in a product a P is the sum of a' g over all rows, one product after the loop.
"""

from collections.abc import Collection
from dataclasses import dataclass

from rnnlab.kernels.compiled.step.derivative import gradients
from rnnlab.kernels.compiled.step.expression import Expressions, Node, live_nodes
from rnnlab.kernels.compiled.step.loop import COSTLY, LEAVES, ROWWISE, Loop


@dataclass(frozen=True)
class Product:
    """A matrix's gradient: the rows of one array, turned, times those of the other."""

    matrix: int
    left: str
    right: str


class ScanPlan:
    """Both loops of a step, and the arrays' widths, by number.

    Args:
        e: The step.
        states: The widths of its states.
        outputs: What it makes of them.
        without: Of which rows nobody needs the gradient.
    """

    def __init__(
        self, e: Expressions, states: list[int], outputs: list[Node], without: Collection[int] = ()
    ) -> None:
        self.e, self.states, self.outputs = e, states, outputs
        self._first = len(list(e))  # from here on it is the way back
        self.seeds = [e.make("seed", width=width, data=k) for k, width in enumerate(states)]
        self.found = gradients(e, outputs, self.seeds)
        self.before = [e.make("state", width=width, data=k) for k, width in enumerate(states)]
        live = live_nodes(
            [*outputs, *self.found.of.values(), *(g for _, _, g in self.found.of_matrices)]
        )
        self.leaves = [node for node in e if node in live and node.op in ("rows", "vector")]
        self.rows = {node.data: node.width for node in self.leaves if node.op == "rows"}
        self.vectors = {node.data[0]: node.width for node in self.leaves if node.op == "vector"}
        self.matrices = {
            node.data[0]: (node.inputs[0].width, node.width)
            for node in e
            if node.op == "mm" and not node.data[1] and node in live
        }
        self._at_hand()
        self._gradients(without)
        self._keep_all()
        self._loops()

    @property
    def text(self) -> list[str]:
        """The step and its gradient, node by node, and which of them are stored."""
        number = self.e.number
        lines = [f"{n.op} {n.width} {n.data!r} {[number[g] for g in n.inputs]}" for n in self.e]
        places = {number[n]: places for n, places in (*self.stores.items(), *self.sums.items())}
        return [*lines, str([number[node] for node in self.outputs]), str(places)]

    def _at_hand(self) -> None:
        """What the way back finds in arrays anyhow."""
        self.at_hand = {n: f"S{k}[t + 1]" for k, n in reversed(list(enumerate(self.outputs)))}
        for node in self.leaves:
            if node.op == "rows":
                self.at_hand[node] = f"Z{node.data}[t - begin]"
        self.at_hand |= {node: f"S{k}[t]" for k, node in enumerate(self.before)}
        self.given = dict(self.at_hand)
        self.at_hand |= {seed: f"C{k}" for k, seed in enumerate(self.seeds)}

    def _gradients(self, without: Collection[int]) -> None:
        """What is stored, or summed, of the gradients."""
        self.stores: dict[Node, list[str]] = {}
        self.stored: dict[Node, str] = {}
        for k, node in enumerate(self.before):
            gradient = self.found.of.get(node, self.e.const(0))
            place = self.stores.setdefault(self._own(self.e.widened(gradient, node.width)), [])
            place.append(f"D{k}")
        self.row_gradients = {
            node.data: self._place(self.found.of[node])
            for node in self.leaves
            if node.op == "rows" and node in self.found.of and node.data not in without
        }
        self.sums: dict[Node, list[tuple[str, int]]] = {}
        self.sum_sizes: dict[int, tuple[int, int]] = {}
        for node in self.leaves:
            if node.op == "vector" and node in self.found.of:
                g = self.found.of[node]
                g = g.inputs[0] if g.op == "sum" else g
                number, row = node.data
                self.sums.setdefault(g, []).append((f"A{number}[t - begin]", row * g.width))
                rows, width = self.sum_sizes.get(number, (0, 0))
                assert width in (0, g.width)
                self.sum_sizes[number] = max(rows, row + 1), g.width

    def _own(self, node: Node) -> Node:
        """A node of its own to be stored: a sum over a row lies where the pass leaves it."""
        return self.e.make("stop", node, width=node.width) if node.op in ROWWISE else node

    def _place(self, node: Node) -> str:
        """Where all steps of a value are; in E if nowhere else."""
        if node in self.given:
            return self.given[node]
        node = self._own(node)
        if node not in self.stored:
            self.stored[node] = f"E{len(self.stored)}[t - begin]"
            self.stores.setdefault(node, []).append(self.stored[node])
        return self.stored[node]

    def _keep_all(self) -> None:
        """What the forward loop keeps for the way back; the rest is computed again."""
        self.kept: dict[Node, str] = {}
        self.products = []
        seen: set[Node] = set()
        for matrix, left, g in self.found.of_matrices:
            right = self._place(g)
            if left.op in COSTLY or self._of_a_product(left):
                self._keep(left, seen)
            place = self.kept.get(left) or self._place(left)
            self.products.append(Product(matrix, place, right))
        for node in [*self.stores, *self.sums]:
            self._keep(node, seen)

    def _keep(self, node: Node, seen: set[Node]) -> None:
        if node in self.at_hand or node in self.kept or node in seen:
            return
        seen.add(node)
        on_the_way = self.e.number[node] < self._first and node.op not in LEAVES
        if on_the_way and (node.op in COSTLY or self._of_a_product(node)):
            self.kept[node] = f"V{len(self.kept)}[t * keep]"
            return
        for given in node.inputs:
            self._keep(given, seen)

    def _of_a_product(self, node: Node) -> bool:
        """Whether to compute it again would take a product, or a sum over a row."""
        if node in self.at_hand or node in self.kept:
            return False
        return node.op in ("mm", *ROWWISE) or any(map(self._of_a_product, node.inputs))

    def _loops(self) -> None:
        loads = self.given | {n: f"S{k}[t % {ring(k)}]" for k, n in enumerate(self.before)}
        ahead: dict[Node, list[str]] = {}
        for k, node in enumerate(self.outputs):
            ahead.setdefault(node, []).append(f"S{k}[(t + 1) % {ring(k)}]")
            if loads.get(node, "").endswith("[t + 1]"):
                del loads[node]
        for node, place in self.kept.items():
            ahead.setdefault(node, []).append(place)
        self.forward = Loop(self.e, loads, ahead)
        self.backward = Loop(self.e, self.at_hand | self.kept, self.stores, self.sums, "b")
        self.reads_rows = {n.data for n in self.backward.live if n.op == "rows"}
        self.kept_widths = [node.width for node in self.kept]
        self.stored_widths = [node.width for node in self.stored]
        self.reads_rows |= {
            int(p.left[1 : p.left.index("[")]) for p in self.products if p.left[0] == "Z"
        }


def ring(k: int) -> str:
    """How many steps of a state there is room for: of h_t, and of the others, is not always asked for all."""
    return "ring" if k == 0 else "rest"

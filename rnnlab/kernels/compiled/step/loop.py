"""One loop over time, planned: what is computed when, what is kept in between, what is one pass.

A pass computes all that can be computed of a row at once. A matrix product, or a sum over a row, ends it:
what needs the result waits for the next level. In a pass, columns that are computed alike go together: an
LSTM's four gates, cut out of one product, are one pass over `hidden_size` columns.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from rnnlab.kernels.compiled.step.expression import Node

COSTLY = {
    *(
        "tanh",
        "sigmoid",
        "exp",
        "expm1",
        "log",
        "log1p",
        "sqrt",
        "root",
        "sin",
        "cos",
        "erf",
        "pow",
        "div",
    ),
    *("sum", "amax", "mm"),
}
ROWWISE = ("sum", "amax")
LEAVES = ("const", "vector")


@dataclass
class Loop:
    """What a loop has at hand, and what it is to leave behind.

    Args:
        order: All nodes, inputs first.
        loads: Where a value lies at each step, as "S0[t]".
        stores: Where values are to go.
        sums: Where the sums over a step's rows are to be added, and from which number on.
        letter: Of the rooms for what is kept within a step.
    """

    order: Iterable[Node]
    loads: dict[Node, str]
    stores: dict[Node, list[str]]
    sums: dict[Node, list[tuple[str, int]]] = field(default_factory=dict)
    letter: str = "m"

    def __post_init__(self) -> None:
        self.stores = {node: list(places) for node, places in self.stores.items()}
        self.rooms: dict[Node, str] = {}  # of what is kept within a step
        live = self._live()
        self.live = [node for node in self.order if node in live]
        self.made = [node for node in self.live if node not in self.loads]
        self.level: dict[Node, int] = {}
        for node in self.live:
            self.level[node] = self._level(node)
        self._keep()
        self.cuts = self._cuts()

    def _live(self) -> set[Node]:
        live: set[Node] = set()
        todo = [*self.stores, *self.sums]
        while todo:
            node = todo.pop()
            if node not in live:
                live.add(node)
                todo += () if node in self.loads else node.inputs
        return live

    def _level(self, node: Node) -> int:
        """When it can be computed at the earliest; a sum is computed in the pass of its input."""
        if node in self.loads:
            return 0
        return max((self.ready(given) for given in node.inputs), default=0) + (node.op == "mm")

    def ready(self, node: Node) -> int:
        """From which level on it can be read."""
        later = node.op in ROWWISE and node not in self.loads
        return self.level[node] + later

    def _keep(self) -> None:
        """Make room for what products read and write, and for what would cost to compute again."""
        users: dict[Node, list[Node]] = {}
        for node in self.made:
            for given in node.inputs:
                users.setdefault(given, []).append(node)
        for node in reversed(self.made):
            if node.op in ("mm", *ROWWISE):
                self._room(node)
                if node.op == "mm" and node.inputs[0] not in self.loads:
                    self._room(node.inputs[0])
            elif self._costly(node) and any(
                self.level[u] > self.level[node] for u in users.get(node, ())
            ):
                self._room(node)

    def _room(self, node: Node) -> None:
        if node not in self.stores:
            self.stores[node] = [self.rooms.setdefault(node, f"{self.letter}{len(self.rooms)}")]

    def _costly(self, node: Node) -> bool:
        if node in self.loads or node in self.stores or node.op in LEAVES:
            return False
        return node.op in COSTLY or any(map(self._costly, node.inputs))

    def _cuts(self) -> dict[Node, set[int]]:
        """The columns at which a row falls into parts that are computed alike."""
        cuts = {node: {0, node.width} for node in self.live}
        before = 0
        while before != (before := sum(map(len, cuts.values()))):
            for node in self.made:
                for given, start, at, size in [] if node.op == "mm" else pieces(node):
                    _share(cuts[node], at, cuts[given], start, size)
        return cuts

    def levels(self) -> Iterator[tuple[list[Node], dict[int, list[tuple[Node, int]]]]]:
        """For each level the products that begin it; then by width the columns, as (node, first one)."""
        for now in range(max(self.level.values(), default=0) + 1):
            products = [n for n in self.made if n.op == "mm" and self.level[n] == now]
            widths: dict[int, list[tuple[Node, int]]] = {}
            for node in self.live:
                if self.level[node] == now and (self._passes(node) or node in self.sums):
                    parted = node.inputs[0] if node.op in ROWWISE else node
                    for start, stop in pairwise(sorted(self.cuts[parted])):
                        widths.setdefault(stop - start, []).append((node, start))
            yield products, widths

    def _passes(self, node: Node) -> bool:
        """Whether a pass has to store it; a product stores its first place by itself."""
        return len(self.stores.get(node, ())) > (node.op == "mm" and node not in self.loads)


def pieces(node: Node) -> list[tuple[Node, int, int, int]]:
    """Which columns are whose: (input, from its column, at this column, how many)."""
    if node.op == "slice":
        return [(node.inputs[0], node.data, 0, node.width)]
    if node.op == "pad":
        return [(node.inputs[0], 0, node.data, node.inputs[0].width)]
    if node.op == "cat":
        found, at = [], 0
        for part in node.inputs:
            found.append((part, 0, at, part.width))
            at += part.width
        return found
    if node.op in ROWWISE:
        return []
    return [(part, 0, 0, node.width) for part in node.inputs if part.width == node.width]


def _share(cuts: set[int], at: int, others: set[int], start: int, size: int) -> None:
    both = {c - at for c in cuts} | {c - start for c in others} | {0, size}
    within = [c for c in both if 0 <= c <= size]
    cuts.update(c + at for c in within)
    others.update(c + start for c in within)

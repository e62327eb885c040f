"""Products with the same left side as one: h U_r', h U_z', h U_n' as h [U_r' U_z' U_n']."""

import torch

from rnnlab.kernels.compiled.step.expression import Node, live_nodes
from rnnlab.kernels.compiled.step.outside import Outside
from rnnlab.kernels.compiled.step.trace import Trace

aten = torch.ops.aten


def merge_products(trace: Trace, outputs: list[Node]) -> list[Node]:
    """The outputs, made of as few products as can be: of the states, and of the inputs."""
    e, live = trace.e, live_nodes(outputs)
    groups: dict[Node, list[Node]] = {}
    products: list[Node] = []
    for node in e:
        if node in live and node.op == "mm":
            groups.setdefault(node.inputs[0], []).append(node)
        elif node in live and is_input_product(trace, node):
            products.append(node)
    made: dict[Node, Node] = {}
    if len(products) > 1:
        matrices = [factors(trace.rows[node.data])[1] for node in products]
        both = (factors(trace.rows[products[0].data])[0], _beside(trace, matrices))
        _cut(trace, products, trace.leaf(trace.call(aten.mm.default, both)), made)
    for node in list(e):
        if node in made or node not in live:
            continue
        given = [made[other] for other in node.inputs]
        group = groups.get(node.inputs[0], []) if node.op == "mm" else []
        if len(group) > 1:
            matrix = _beside(trace, [trace.matrices[one.data[0]] for one in group])
            width = sum(one.width for one in group)
            data = (trace.matrix(matrix), False)
            _cut(trace, group, e.make("mm", given[0], width=width, data=data), made)
        else:
            made[node] = e.make(node.op, *given, width=node.width, data=node.data)
    return [made[node] for node in outputs]


def is_input_product(trace: Trace, node: Node) -> bool:
    """Whether it is x_t times a matrix, which is computed here, a chunk of steps at a time."""
    return node.op == "rows" and is_product(trace.rows[node.data])


def is_product(value: Outside) -> bool:
    """The same, of what stands behind it."""
    if value.call is None or value.call[0] is not aten.mm.default:
        return False
    left, right = value.call[1]
    return left.is_inputs and right.part == 0


def factors(value: Outside) -> tuple[Outside, Outside]:
    """Of a product."""
    assert value.call is not None
    return value.call[1]


def _beside(trace: Trace, matrices: list[Outside]) -> Outside:
    metas = [matrix.like for matrix in matrices]
    return Outside("cat.default", 0, torch.cat(metas, 1), (aten.cat.default, (matrices, 1), {}))


def _cut(trace: Trace, parts: list[Node], whole: Node, made: dict[Node, Node]) -> None:
    at = 0
    for part in parts:
        made[part] = trace.e.columns(whole, at, at + part.width)
        at += part.width

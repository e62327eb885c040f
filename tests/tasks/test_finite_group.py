"""Finite groups. Oracles: the axioms by brute force, and how many elements there are of each order."""

from collections import Counter

import numpy as np
import pytest

from rnnlab.tasks.finite_group import finite_group, generated

ORDERS = {
    "S3": {1: 1, 2: 3, 3: 2},
    "A4": {1: 1, 2: 3, 3: 8},
    "A5": {1: 1, 2: 15, 3: 20, 5: 24},
    "S5": {1: 1, 2: 25, 3: 20, 4: 30, 5: 24, 6: 20},
    "Z6": {1: 1, 2: 1, 3: 2, 6: 2},
    "A4xZ5": {1: 1, 2: 3, 3: 8, 5: 4, 10: 12, 15: 32},
}


@pytest.mark.parametrize("name", ORDERS)
def test_orders_of_the_elements(name: str) -> None:
    """The numbers of the textbooks: A5 has 15 elements of order 2, 20 of order 3 and 24 of order 5."""
    group = finite_group(name)
    orders = Counter()
    for g in range(len(group.elements)):
        power, order = g, 1
        while power:
            power, order = group.table[power, g], order + 1
        orders[order] += 1
    assert orders == ORDERS[name]


@pytest.mark.parametrize("name", ["S3", "A4", "Z6", "Z2xS3", "A5"])
def test_the_axioms(name: str) -> None:
    """By all pairs and triples: 0 is neutral, every row and column has all elements, brackets do not matter."""
    table = finite_group(name).table
    numbers = np.arange(len(table))
    assert (table[0] == numbers).all()
    assert (table[:, 0] == numbers).all()
    assert (np.sort(table, axis=0) == numbers[:, None]).all()
    assert (np.sort(table, axis=1) == numbers).all()
    assert (table[table] == table[:, table]).all()


def test_what_elements_generate() -> None:
    """By hand: a swap and a cycle make all of S5, the cycle alone 5, and the commutators of A5 all of it."""
    s5, a5 = finite_group("S5"), finite_group("A5")
    swap, cycle = (s5.elements.index(name) for name in ("21345", "23451"))
    assert generated(s5, np.array([swap, cycle])) == 120
    assert generated(s5, np.array([cycle])) == 5
    inverse = (a5.table == 0).argmax(axis=1)
    g, h = np.ogrid[:60, :60]
    commutators = a5.table[a5.table[inverse[g], inverse[h]], a5.table[g, h]]
    assert generated(a5, np.unique(commutators)) == 60  # so that it is not solvable

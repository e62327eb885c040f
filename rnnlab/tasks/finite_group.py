"""Finite groups by their tables: S_n, A_n, Z_n and direct products of these."""

import functools
import itertools
import math
import re
from typing import NamedTuple

import numpy as np

LARGEST = 720
"""Elements, those of S_6."""
FACTOR = re.compile(r"([SAZ])([1-9]\d{0,2})")


class FiniteGroup(NamedTuple):
    """Its elements by number; 0 is the identity.

    Attributes:
        elements: Their names: a permutation by where it sends 1, 2, ..., as 213; a number of Z_n by itself; of
            a product by those of both, as 213,4.
        table: The number of the product of each element (row) and the one that comes next (column).
    """

    elements: tuple[str, ...]
    table: np.ndarray


@functools.cache
def finite_group(name: str) -> FiniteGroup:
    """S5 (all permutations of 5), A5 (the even ones), Z60 (addition modulo 60), or A4xZ5.

    The product of g and the next element x is g, then x: a permutation that sends i to x(g(i)).

    Raises:
        ValueError: It is no such name, or has fewer than 2 or more than 720 elements.
    """
    factors = [FACTOR.fullmatch(part) for part in str(name).split("x")]
    if not all(factors):
        raise ValueError(f"group={name} is not S, A or Z and a number, as S5, or several, as A4xZ5")
    kinds = [(found[1], int(found[2])) for found in factors if found]
    order = math.prod(_order(kind, n) for kind, n in kinds)
    if not 2 <= order <= LARGEST:
        raise ValueError(f"group={name} has not 2 to {LARGEST} elements")
    return functools.reduce(_product, itertools.starmap(_factor, kinds))


def generated(group: FiniteGroup, generators: np.ndarray) -> int:
    """How many elements are products of these, given by number."""
    found, new = {0}, [0]
    while new:
        products = group.table[np.ix_(np.array(new), generators)]
        new = [int(g) for g in np.unique(products) if int(g) not in found]
        found.update(new)
    return len(found)


def _order(kind: str, n: int) -> int:
    if kind == "Z":
        return n
    order = math.factorial(min(n, 10))
    return order if kind == "S" else max(order // 2, 1)


def _factor(kind: str, n: int) -> FiniteGroup:
    if kind == "Z":
        numbers = np.arange(n)
        return FiniteGroup(tuple(map(str, range(n))), (numbers[:, None] + numbers) % n)
    permutations = list(itertools.permutations(range(n)))
    if kind == "A":
        permutations = [p for p in permutations if _is_even(p)]
    number = {p: at for at, p in enumerate(permutations)}
    table = [[number[tuple(x[i] for i in g)] for x in permutations] for g in permutations]
    names = ("".join(str(i + 1) for i in p) for p in permutations)
    return FiniteGroup(tuple(names), np.array(table))


def _is_even(permutation: tuple[int, ...]) -> bool:
    return sum(a > b for a, b in itertools.combinations(permutation, 2)) % 2 == 0


def _product(a: FiniteGroup, b: FiniteGroup) -> FiniteGroup:
    size = len(a.elements) * len(b.elements)
    table = a.table[:, None, :, None] * len(b.elements) + b.table[None, :, None, :]
    names = (f"{x},{y}" for x, y in itertools.product(a.elements, b.elements))
    return FiniteGroup(tuple(names), table.reshape(size, size))

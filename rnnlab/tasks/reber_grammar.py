"""Strings of the embedded Reber grammar: how likely each length is, and strings of one length."""

import functools

import numpy as np

SYMBOLS = "BTPSXVE"
SHORTEST = 9
"""Symbols of the shortest strings, as BTBTXSETE."""
_REBER: tuple[tuple[tuple[str, int], ...], ...] = (
    (("B", 1),),
    (("T", 2), ("P", 3)),
    (("S", 2), ("X", 4)),
    (("T", 3), ("V", 5)),
    (("X", 3), ("S", 6)),
    (("P", 4), ("V", 6)),
    (("E", 7),),
)
"""Of each state of the Reber grammar its branches, each a symbol and the next state; 7 ends it."""
_END = 19


def _branches() -> list[list[tuple[int, int]]]:
    """Of each state of the embedded grammar its branches, each a symbol and the next state.

    States 2 to 8 are the Reber grammar after T, and 10 to 16 after P; 9 and 17 know which it was.
    """
    states: list[list[tuple[str, int]]] = [[("B", 1)], [("T", 2), ("P", 10)]]
    for first, outer in ((2, "T"), (10, "P")):
        states += [[(symbol, first + state) for symbol, state in each] for each in _REBER]
        states.append([(outer, 18)])
    states += [[("E", _END)], []]
    return [[(SYMBOLS.index(symbol), state) for symbol, state in each] for each in states]


BRANCHES = _branches()
NEXT = np.full((_END + 2, len(SYMBOLS)), _END + 1)
"""The state after a symbol, (state, symbol); what no string has leads to the last one for good."""
for _state, _each in enumerate(BRANCHES):
    for _symbol, _after in _each:
        NEXT[_state, _symbol] = _after
LEGAL = NEXT <= _END
"""Whether a symbol may follow, (state, symbol)."""
AFTER_B = 1
"""The state after the first symbol, which is always B."""
# Of each state two branches: where there is one, twice the same.
_PAIRS = np.array([[each[0], each[-1]] if each else [(0, _END)] * 2 for each in BRANCHES])
BRANCH_SYMBOLS, BRANCH_STATES = _PAIRS[:, :, 0], _PAIRS[:, :, 1]
_STEP = np.zeros((_END + 1, _END + 1))
for _state, _each in enumerate(BRANCHES):
    for _, _after in _each:
        _STEP[_state, _after] += 1 / len(_each)


@functools.lru_cache
def _ending(most: int) -> tuple[np.ndarray, np.ndarray]:
    """How likely a string ends after so many more symbols, (0 to most, state): e^log times a row."""
    rows, logs = [np.eye(_END + 1)[_END]], [0.0]
    for _ in range(most):
        row = _STEP @ rows[-1]
        rows.append(row / (scale := row.max() or 1.0))
        logs.append(logs[-1] + np.log(scale))
    return np.array(rows), np.array(logs)


@functools.lru_cache
def first_branch(most: int) -> np.ndarray:
    """How likely the first branch is, of strings with so many symbols left, (0 to most, state)."""
    ending, _ = _ending(most)
    found = np.ones_like(ending)
    for left in range(1, most + 1):
        pair = ending[left - 1][BRANCH_STATES]
        total = pair.sum(axis=1)
        found[left] = np.divide(pair[:, 0], total, out=np.ones_like(total), where=total > 0)
    return found


@functools.lru_cache
def lengths(shortest: int) -> np.ndarray:
    """How likely a string of at least `shortest` symbols has shortest, shortest + 1, ... of them.

    A symbol more makes it less likely by a factor of about 0.73, and what is below 1e-12 in all is
    left out.
    """
    ending, logs = _ending(shortest + 120)
    logs = logs[shortest:] - logs[shortest]
    likely = ending[shortest:, 0] * np.exp(logs)
    likely /= likely.sum()
    return likely[: 1 + np.flatnonzero(likely > 1e-14)[-1]]


def step_probabilities(length: int) -> np.ndarray:
    """How likely each symbol is at each place of a string of so many symbols, (length, symbol)."""
    states = np.eye(_END + 1)[0]
    branch, found = first_branch(length), np.zeros((length, len(SYMBOLS)))
    for place in range(length):
        first = branch[length - place] * states
        taken = np.stack([first, states - first], axis=1)
        np.add.at(found[place], BRANCH_SYMBOLS, taken)
        states = np.zeros(_END + 1)
        np.add.at(states, BRANCH_STATES, taken)
    return found

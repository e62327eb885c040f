"""How far each variant got on a task that was tried at several lengths, in a sentence."""

from collections.abc import Iterator, Sequence

from rnnlab.report.grid import Grid, Horizon
from rnnlab.report.group import NEAR_CHANCE, Group
from rnnlab.report.wording import joined, listed, remarks, together, troubled, unfinished


def far(grid: Grid, task: str) -> Iterator[str]:
    """Of a search its horizons, else the lengths up to which it was solved."""
    groups = [group for group in grid.groups if group.task == task]
    found = [(label, h) for label in grid.labels if (h := grid.horizon(label, task))]
    found.sort(key=lambda pair: _farthest(pair[1]))
    if not found:
        pass
    elif grid.search_share is not None:
        yield f"Horizons on {task} (95 %): {_horizons(grid, task)}."
    elif any(group.solved[0] for group in groups):
        yield f"{task}: {_lengths(found)}."
    else:
        who = f"{found[0][0]} did not solve it" if len(found) == 1 else "no variant solved it"
        lengths = listed([str(length) for length in grid.lengths(task)], last="or")
        yield f"{task}: {who} at {lengths} in any seed."
        tested = [group for group in groups if group.losses]
        if tested and all(group.is_at_chance for group in tested):
            yield f"Little or nothing was learnt: all losses are above {NEAR_CHANCE}."
        yield from troubled(groups)
    yield from unfinished(groups, task)


def _horizons(grid: Grid, task: str) -> str:
    """`elman 27 [20, 40]; gru and lstm under 10 [0, 10]; x undecided at 40 (2 of 5 seeds, 2 failed)`"""
    known = [(label, e) for label in grid.labels if (e := grid.estimate(label, task))]
    known.sort(key=lambda pair: -pair[1].estimate)
    stuck = {label: group for label, _ in known if (group := grid.undecided(label, task))}
    named = [(label, str(estimate)) for label, estimate in known if label not in stuck]
    named += [
        (label, f"undecided at {group.length} ({_of(group, ' seeds')})")
        for label, group in stuck.items()
    ]
    return joined(together(named))


def _lengths(found: Sequence[tuple[str, Horizon]]) -> str:
    """`gru solved lengths up to 100 (5 of 5 seeds); lstm up to 50 (4 of 5), not 100 (0 of 5)`"""

    def phrase(horizon: Horizon) -> str:
        return f"{f'up to {horizon.length}' if horizon.reached else ''}{_rest(horizon)}"

    best = found[0][1]
    verb = f"solved lengths up to {best.length}" if best.reached else "did not solve "
    first = verb + _rest(best, " seeds").removeprefix("not even ")
    return _parts([(label, phrase(horizon)) for label, horizon in found], first)


def _parts(named: Sequence[tuple[str, str]], first: str) -> str:
    """Those of one phrase together, the first of them in another."""
    best = named[0][1]
    names = listed([label for label, text in named if text == best])
    return joined([f"{names} {first}", *together([pair for pair in named if pair[1] != best])])


def _rest(horizon: Horizon, seeds: str = "") -> str:
    """The seeds at the length that is reached, and what became of the next that was tried."""
    at = f" ({_of(horizon.reached, seeds)})" if horizon.reached else ""
    if horizon.beyond is None:
        return f"{at}, the longest tried"
    judged = "undecided at" if horizon.undecided else "not" if at else "not even"
    text = f"{judged} {horizon.beyond.length} ({_of(horizon.beyond, '' if at else seeds)})"
    if horizon.later:
        text += f", though {listed([str(length) for length in horizon.later])}"
    return f"{at}, {text}" if at else text


def _of(group: Group, seeds: str) -> str:
    text = f"{group.solved[0]} of {len(group.runs)}{seeds}"
    return f"{text}, {remark}" if (remark := remarks(group)) else text


def _farthest(horizon: Horizon) -> tuple[float, ...]:
    """Sorts the farthest first."""
    rates = (
        group.solved[0] / len(group.runs) if group else 0.0
        for group in (horizon.reached, horizon.beyond)
    )
    reached, beyond = rates
    return -horizon.length, -max(horizon.later, default=0), -reached, -beyond

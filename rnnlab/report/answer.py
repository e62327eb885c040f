"""What a comparison answers, in a sentence a task: who solved it, at which lengths, in how many seeds.

It says what was seen; `findings` says which differences that shows.
"""

from collections.abc import Iterator, Sequence

from rnnlab.report.grid import Grid
from rnnlab.report.group import NEAR_CHANCE, Group
from rnnlab.report.lowest_loss import lowest_loss
from rnnlab.report.reach import far
from rnnlab.report.rows import number
from rnnlab.report.wording import joined, listed, remarks, share_of, together, troubled, unfinished


def answers(grid: Grid) -> list[str]:
    """One for each task, and what they mean by a length that is reached."""
    searched = grid.search_share is not None
    lengths = {task: grid.lengths(task) for task in grid.tasks}
    judged = [task for task in grid.tasks if grid.has_criterion(task)]
    several = [task for task in judged if searched or len(lengths[task]) > 1]

    def sentences(task: str) -> Iterator[str]:
        if task not in judged:
            return lowest_loss(grid, task)
        return far(grid, task) if task in several else _at(grid, task, lengths[task][0])

    found = [" ".join(sentences(task)) for task in grid.tasks]
    if any(g.solved[0] or searched for g in grid.groups if g.finished and g.task in several):
        found.append(
            f"A horizon is an estimate: the length that {share_of(grid.share)} of the seeds solve, by all "
            "lengths that were tried, with its 95 % interval."
            if searched
            else f"Up to a length means: at least {share_of(grid.share)} of the seeds solved it, and every "
            "shorter one that was tried."
        )
    return found


def _at(grid: Grid, task: str, length: int) -> Iterator[str]:
    """Of a task that was tried at one length."""
    groups, place = grid.at((task, length)), f"{task} at {length}"
    known = [group for group in groups if group.finished]
    if known:
        solvers = [group for group in known if group.solved[0]]
        once = max(len(group.runs) for group in groups) == 1
        if not solvers:
            yield from _unsolved(known, place, once)
        elif once:
            yield _solved_once(known, place)
        else:
            yield _solved(known, place)
    yield from unfinished(groups, place)


def _solved(groups: Sequence[Group], place: str) -> str:
    """`gru solved adding at 100 in 3 of 3 seeds; lstm and elman in none of 3.`"""
    groups = sorted(groups, key=lambda g: (-g.solved[0] / len(g.runs), g.is_at_chance))
    named, best = [(group.label, _count(group)) for group in groups], _count(groups[0])
    names = listed([label for label, count in named if count == best])
    first = f"{names} solved {place} {_count(groups[0], ' seeds')}"
    return joined([first, *together([pair for pair in named if pair[1] != best])]) + "."


def _count(group: Group, seeds: str = "") -> str:
    text = f"in {group.solved[0] or 'none'} of {len(group.runs)}{seeds}"
    return f"{text} ({remark})" if (remark := remarks(group)) else text


def _solved_once(groups: Sequence[Group], place: str) -> str:
    """`gru solved adding at 50; elman did not (one seed each).`"""
    solvers = [group.label for group in groups if group.solved[0]]
    others = [group for group in groups if not group.solved[0]]
    did_not = [(g, remarks(g).replace("1 ", "")) for g in others]
    rest = together([(g.label, f"did not ({r})" if r else "did not") for g, r in did_not])
    seeds = "one seed" if len(groups) == 1 else "one seed each"
    return f"{joined([f'{listed(solvers)} solved {place}', *rest])} ({seeds})."


def _unsolved(groups: Sequence[Group], place: str, once: bool) -> Iterator[str]:
    """`No variant solved adding at 100 in any of 3 seeds.` And how near they came."""
    alone = len(groups) == 1
    who = f"{groups[0].label} did not solve" if alone else "No variant solved"
    many = {len(group.runs) for group in groups}
    seeds = f"in any of {many.pop()} seeds" if len(many) == 1 else "in any seed"
    if once:
        seeds = "(one seed)" if alone else "(one seed each)"
    remark = remarks(groups[0], chance=False) if alone else ""
    yield f"{who} {place} {seeds}{f' ({remark})' if remark else ''}."
    tested = [group for group in groups if group.losses]
    if tested and all(group.is_at_chance for group in tested):
        every = "all losses are" if sum(len(g.losses) for g in tested) > 1 else "the loss is"
        chance = number(tested[0].chance)
        yield f"Little or nothing was learnt: {every} above {NEAR_CHANCE} ({chance})."
    elif tested:
        best = min(tested, key=lambda group: (_loss(group), group.label))
        what = "loss" if once else "mean loss"
        lowest = f"Its {what} is" if alone else f"The lowest {what} is {best.label}'s,"
        chance = "" if best.chance is None else f"; chance is {number(best.chance)}"
        yield f"{lowest} {_loss(best):.3g}{chance}."
    if not alone:
        yield from troubled(groups)


def _loss(group: Group) -> float:
    return sum(group.losses) / len(group.losses)

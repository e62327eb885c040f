"""Tasks that tell the state of an automaton. Oracles: their definitions read symbol by symbol, and all sequences."""

import inspect
import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from rnnlab.tasks import Draws, Part, Stream, check_task
from rnnlab.tasks.cycle_navigation import CycleNavigation
from rnnlab.tasks.dyck import Dyck
from rnnlab.tasks.even_pairs import EvenPairs
from rnnlab.tasks.labelling import Labelling
from rnnlab.tasks.modular_arithmetic import ModularArithmetic
from rnnlab.tasks.parity import Parity
from rnnlab.tasks.permutation_composition import PermutationComposition
from rnnlab.tasks.philox import by_torch
from tests.support.draws import draws

Symbols = Sequence[str]
SHORT: list[Labelling] = [
    *(Parity(5, label) for label in ("last", "after", "every")),
    *(EvenPairs(n, label) for n in (2, 5) for label in ("last", "after", "every")),
    *(CycleNavigation(n, label) for n in (1, 4) for label in ("last", "after", "every")),
    CycleNavigation(4, "every", num_positions=3),
    *(
        ModularArithmetic(n, label, m)
        for n, m in ((2, 5), (5, 2), (6, 3))
        for label in ("last", "every")
    ),
    *(PermutationComposition(n, label, "S3") for n in (1, 3) for label in ("last", "every")),
    *(PermutationComposition(4, label, "S3", ["213", 132, "321"]) for label in ("last", "every")),
    PermutationComposition(5, "last", "Z4xZ2", ["1,0", "3,1"]),
    *(Dyck(n, label, 2, m) for n in (3, 6) for m in (1, 2, 3) for label in ("last", "every")),
]
LONG: list[Labelling] = [
    *(
        kind(40, label)
        for kind in (Parity, EvenPairs, CycleNavigation)
        for label in ("after", "every")
    ),
    *(ModularArithmetic(n, label) for n in (8, 39) for label in ("last", "every")),
    *(PermutationComposition(12, "every", group) for group in ("A5", "Z60", "A4xZ5")),
    PermutationComposition(6, "last", "S5", [21345, 13245, 12435, 12354]),
    *(Dyck(30, label, 3, 4) for label in ("last", "every")),
]
every_short = pytest.mark.parametrize("task", SHORT, ids=str)
every_one = pytest.mark.parametrize("task", SHORT + LONG, ids=str)


def parity(task: Labelling, shown: Symbols) -> str:
    return ("even", "odd")[shown.count("1") % 2]


def even_pairs(task: Labelling, shown: Symbols) -> str:
    pairs = [a + b for a, b in itertools.pairwise(shown)]
    return ("even", "odd")[(pairs.count("01") + pairs.count("10")) % 2]


def cycle_navigation(task: Labelling, shown: Symbols) -> str:
    assert isinstance(task, CycleNavigation)
    return str(sum(map(int, shown)) % task.num_positions)


def modular_arithmetic(task: Labelling, shown: Symbols) -> str:
    """By Python's own rules of precedence."""
    assert isinstance(task, ModularArithmetic)
    expression = list(shown)
    if expression[-1] in "+-*=":
        expression.pop()
    return str(eval(" ".join(expression)) % task.modulus)


def permutation_composition(task: Labelling, shown: Symbols) -> str:
    """Each factor by itself: where every point goes, or the sum."""
    assert isinstance(task, PermutationComposition)
    found = []
    for kind, factors in zip(
        task.group.split("x"), zip(*(s.split(",") for s in shown), strict=True), strict=True
    ):
        if kind.startswith("Z"):
            found.append(str(sum(map(int, factors)) % int(kind[1:])))
            continue
        points = range(1, len(factors[0]) + 1)
        at = {point: point for point in points}
        for factor in factors:
            at = {point: int(factor[at[point] - 1]) for point in points}
        found.append("".join(str(at[point]) for point in points))
    return ",".join(found)


def dyck(task: Labelling, shown: Symbols) -> str:
    """By taking out pairs that are closed until none is left."""
    assert isinstance(task, Dyck)
    text, before = "".join(shown), ""
    while text != before:
        before = text
        for n in range(1, task.num_types + 1):
            text = text.replace(f"({n}{n})", "")
    opened = text.split("(")[1:]
    assert len(opened) <= task.max_depth
    assert ")" not in text
    return f"{opened[-1]})" if opened else "-"


DEFINITIONS: dict[type, Callable[[Labelling, Symbols], str]] = {
    Parity: parity,
    EvenPairs: even_pairs,
    CycleNavigation: cycle_navigation,
    ModularArithmetic: modular_arithmetic,
    PermutationComposition: permutation_composition,
    Dyck: dyck,
}


def labels_of(task: Labelling, shown: Symbols) -> list[int]:
    """The number of the label after each symbol."""
    assert task.class_names is not None
    tell = DEFINITIONS[type(task)]
    return [task.class_names.index(tell(task, shown[: n + 1])) for n in range(len(shown))]


def asked(task: Labelling, labels: list[int]) -> tuple[int, ...]:
    return tuple(labels if task.label == "every" else labels[-1:])


def all_sequences(task: Labelling) -> Iterator[tuple[Symbols, float]]:
    """Each sequence that can be drawn, and its probability."""
    match task:
        case ModularArithmetic():
            numbers, operators = task.symbols[: task.modulus], "+-*"
            count = (task.seq_len + 1) // 2
            places = [numbers, operators] * count
            choices = list(itertools.product(*places[:-1]))
            yield from (([*each, "="], 1 / len(choices)) for each in choices)
        case Dyck():
            yield from grown(task, [], 1.0)
        case _:
            choices = list(itertools.product(task.symbols, repeat=task.seq_len))
            yield from ((each, 1 / len(choices)) for each in choices)


def grown(task: Dyck, shown: list[str], p: float) -> Iterator[tuple[Symbols, float]]:
    if len(shown) == task.seq_len:
        yield shown, p
        return
    depth = sum(1 if s.startswith("(") else -1 for s in shown)
    closes = 0.0 if depth == 0 else 1.0 if depth == task.max_depth else 0.5
    if closes:
        yield from grown(task, [*shown, dyck(task, shown)], p * closes)
    if closes < 1:
        for n in range(1, task.num_types + 1):
            yield from grown(task, [*shown, f"({n}"], p * (1 - closes) / task.num_types)


def read(task: Labelling, inputs: torch.Tensor) -> list[list[str]]:
    names = [*task.symbols, "nothing"]
    assert torch.equal(inputs.sum(2), torch.ones(inputs.shape[:2]))
    return [[names[n] for n in row] for row in inputs.argmax(2).tolist()]


@every_one
def test_the_labels_are_the_definitions(task: Labelling) -> None:
    inputs, targets = task.sample(draws(30))
    for shown, target in zip(read(task, inputs), targets.tolist(), strict=True):
        if task.label == "after":
            assert shown.pop() == "nothing"
        assert "nothing" not in shown
        assert tuple(target) == asked(task, labels_of(task, shown))


@every_short
def test_chance_by_all_sequences(task: Labelling) -> None:
    """Oracle: the entropy of the labels of all sequences, and how often the most frequent is right."""
    told: dict[tuple[int, ...], float] = defaultdict(float)
    for shown, p in all_sequences(task):
        told[asked(task, labels_of(task, shown))] += p
    assert sum(told.values()) == pytest.approx(1)
    losses, best = [], []
    for step in range(len(next(iter(told)))):
        shares = np.zeros(task.output_size)
        for labels, p in told.items():
            shares[labels[step]] += p
        losses.append(-sum(p * math.log(p) for p in shares if p))
        best.append(int(shares.round(12).argmax()))
    right = [sum(p for labels, p in told.items() if labels[n] == b) for n, b in enumerate(best)]
    assert task.chance == pytest.approx(sum(losses) / len(losses), abs=1e-12)
    assert task.chance_accuracy == pytest.approx(sum(right) / len(right))
    assert task.chance_error == pytest.approx(1 - told.get(tuple(best), 0.0), abs=1e-12)


@pytest.mark.parametrize("task", LONG, ids=str)
def test_chance_against_samples(task: Labelling) -> None:
    """Oracle: the loss, accuracy and error of the shares of the labels, within 5 standard errors."""
    count = 4000
    targets = task.sample(draws(count)).targets
    shares = task.label_shares() if task.label == "every" else task.label_shares()[-1:]
    if isinstance(task, ModularArithmetic) and task.label == "every":
        shares = shares.repeat(2, axis=0)
    logits = torch.from_numpy(shares.clip(1e-30).round(12)).clamp(min=1e-30).log().float()
    outputs = logits.expand(count, -1, -1)
    parts = zip(outputs.split(40), targets.split(40), strict=True)
    losses = torch.stack([task.loss(*part) for part in parts]).double()
    accuracy = task.accuracy(outputs, targets)
    assert accuracy is not None
    measured = {
        task.chance: losses,
        task.chance_accuracy: accuracy.double(),
        task.chance_error: task.errors(outputs, targets).double(),
    }
    for level, values in measured.items():
        assert (
            abs(values.mean().item() - level) < 5 * values.std().item() / len(values) ** 0.5 + 1e-6
        )


def test_levels_in_closed_form() -> None:
    """By hand: all labels alike, those of one step of a walk, and the swaps' even permutations."""
    assert Parity(500, "every").chance == pytest.approx(math.log(2))
    assert EvenPairs(4, "every").chance == pytest.approx(0.75 * math.log(2))
    assert EvenPairs(1).chance == 0
    assert CycleNavigation(1).chance == pytest.approx(math.log(3))
    assert CycleNavigation(500).chance == pytest.approx(math.log(5))
    assert ModularArithmetic(500).chance_accuracy == pytest.approx(0.2)
    assert PermutationComposition(9, "every", "A5").chance == pytest.approx(math.log(60))
    assert PermutationComposition(3, "last", "S5").chance_accuracy == pytest.approx(1 / 120)
    swaps = [21345, 32145, 42315, 52341, 13245, 14325, 15342, 12435, 12543, 12354]
    assert PermutationComposition(100, "last", "S5", swaps).chance == pytest.approx(math.log(60))
    assert Dyck(51, "last", 4, 3).chance == pytest.approx(math.log(4))


@pytest.mark.parametrize("kind", DEFINITIONS, ids=lambda kind: kind.__name__)
def test_the_worked_example(kind: type[Labelling]) -> None:
    """Oracle: the docstring, whose labels are the definition's."""
    lines = [line.split() for line in inspect.getdoc(kind).splitlines()]  # pyrefly: ignore
    (shown,) = (line[1:] for line in lines if line[:1] == ["input"])
    (label,) = (line[1:] for line in lines if line[:1] == ["label"])
    beside = {"group": "S3"} if kind is PermutationComposition else {}
    shown = shown[: next((n for n, s in enumerate(shown) if "=" in s and s != "="), None)]
    task = kind(len(shown), **beside)
    assert task.class_names is not None
    told = [task.class_names[n] for n in labels_of(task, shown)]
    if "even" in task.class_names:
        told = [str(task.class_names.index(name)) for name in told]
    assert label[: len(told)] == told


@pytest.mark.parametrize("task", LONG, ids=str)
def test_a_task_is_one(task: Labelling, monkeypatch: pytest.MonkeyPatch) -> None:
    """And its sequences are the same alone, and where the words are made by torch, as on a GPU."""
    check_task(task)
    batch, alone = task.sample(draws(10)), task.sample(Draws(0, "test", [Part(0, 7, 1)]))
    monkeypatch.setattr("rnnlab.tasks.philox.by_numpy", by_torch)
    for whole, one, other in zip(batch, alone, task.sample(draws(10)), strict=True):
        assert torch.equal(whole[7:8], one)
        assert torch.equal(whole, other)


def test_symbols_are_equally_likely() -> None:
    for task in (Parity(20), CycleNavigation(20), PermutationComposition(20, group="S3")):
        seen = Counter(itertools.chain(*read(task, task.sample(draws(1000)).inputs)))
        p, count = 1 / len(task.symbols), 20_000
        assert len(seen) == len(task.symbols)
        assert all(abs(n - count * p) < 4.5 * (count * p * (1 - p)) ** 0.5 for n in seen.values())


@pytest.mark.parametrize("kind", DEFINITIONS, ids=lambda kind: kind.__name__)
def test_training_at_a_range_of_lengths(kind: type[Labelling]) -> None:
    """All from the shortest up; of an odd number of arithmetic's symbols there is one more."""
    stream = Stream(kind(9), 4, 0, "train", kind.shortest)
    met = {batch.inputs.size(1) for batch in stream.batches(0, 60)}
    lengths = range(kind.shortest, 10)
    assert met == {n + n % 2 for n in lengths} if kind is ModularArithmetic else set(lengths)


REFUSED: list[tuple[type[Labelling], dict[str, Any], str]] = [
    *((kind, {"seq_len": 0}, "seq_len=0") for kind in DEFINITIONS),
    *((kind, {"label": "first"}, "label=first") for kind in DEFINITIONS),
    (ModularArithmetic, {"label": "after"}, "label=after"),
    (ModularArithmetic, {"seq_len": 1}, "seq_len=1 is too small: at least 2"),
    (ModularArithmetic, {"modulus": 31}, "modulus=31 is too large: at most 30"),
    (ModularArithmetic, {"modulus": 1}, "modulus=1"),
    (CycleNavigation, {"num_positions": 2}, "num_positions=2"),
    (Dyck, {"num_types": 1}, "num_types=1"),
    (Dyck, {"max_depth": 0}, "max_depth=0"),
    (PermutationComposition, {"group": "D4"}, "group=D4"),
    (PermutationComposition, {"group": "S7"}, "group=S7 has not 2 to 720"),
    (PermutationComposition, {"group": "Z1"}, "group=Z1"),
    (PermutationComposition, {"group": "A5xZ999"}, "group=A5xZ999"),
    (PermutationComposition, {"generators": ["21345"]}, "21345 is no element of A5"),
    (PermutationComposition, {"group": "Z6", "generators": [1, 1]}, "names an element twice"),
    (PermutationComposition, {"group": "Z6", "generators": [2, 4]}, "generate 3 of the 6"),
    (PermutationComposition, {"generators": []}, "generate 1 of the 60"),
    (
        PermutationComposition,
        {"group": "Z6", "generators": [1]},
        "by whose powers every answer is known: at least 2",
    ),
]


@pytest.mark.parametrize(("kind", "fields", "message"), REFUSED)
def test_refuses(kind: type[Labelling], fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**fields)

"""Oracle: all strings of the grammar of a length, enumerated from its graph with their probabilities."""

import functools
from collections import Counter, defaultdict
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from rnnlab.tasks import Draws, Part
from rnnlab.tasks.reber import Reber
from rnnlab.tasks.reber_grammar import lengths
from tests.support.draws import draws

GRAPH = {
    "start": [("T", "t"), ("P", "p")],
    "t": [("S", "t"), ("X", "x")],
    "p": [("T", "p"), ("V", "v")],
    "x": [("X", "p"), ("S", "end")],
    "v": [("P", "x"), ("V", "end")],
}


@functools.cache
def inner(state: str, left: int) -> tuple[tuple[str, Fraction], ...]:
    """Ends of strings of the Reber grammar behind its B, without E, of exactly so many symbols."""
    if state == "end":
        return (("", Fraction(1)),) if left == 0 else ()
    if left == 0:
        return ()
    return tuple(
        (symbol + rest, likely / 2)
        for symbol, after in GRAPH[state]
        for rest, likely in inner(after, left - 1)
    )


def strings(length: int) -> dict[str, Fraction]:
    """All strings of the embedded grammar of a length, and how likely each is."""
    return {
        f"B{outer}B{middle}E{outer}E": likely / 2
        for middle, likely in inner("start", length - 6)
        for outer in "TP"
    }


def shown(task: Reber, number: int, count: int, stream_seed: int = 0) -> list[str]:
    inputs, targets = task.sample(draws(count, stream_seed, batch=number))
    assert torch.equal(inputs.sum(2), torch.ones(inputs.shape[:2]))
    assert torch.equal(inputs.argmax(2)[:, 1:], targets[:, :-1])
    names = task.class_names
    return ["B" + "".join(names[n] for n in row) for row in targets.tolist()]


PUBLISHED = ("BTSSXXTVVE", "BPVVE", "BTXXVPSE", "BPVPXVPXVPXVVE", "BTSXXVPSE")
NOT_IN_IT = ("BTSSPXSE", "BPTVVB", "BTXXVVSE", "BPVSPSE", "BTSSSE")


def test_the_enumeration_has_the_published_examples() -> None:
    """The examples of strings and of others that go round with the grammar's graph."""
    for word in PUBLISHED:
        assert f"BT{word}TE" in strings(len(word) + 4)
    for word in NOT_IN_IT:
        assert f"BT{word}TE" not in strings(len(word) + 4)
    assert set(strings(9)) == {"BTBTXSETE", "BPBTXSEPE", "BTBPVVETE", "BPBPVVEPE"}


def test_strings_are_drawn_as_the_grammar_has_them() -> None:
    """Of each of the shorter lengths every string comes up, as often as its share, within 5 deviations."""
    found: dict[int, Counter[str]] = defaultdict(Counter)
    for number in range(40):
        some = shown(Reber(), number, 400)
        found[len(some[0])].update(some)
    assert {len(word) for each in found.values() for word in each} == set(found)
    for length, words in found.items():
        if length > 14:
            assert all(word in strings(length) for word in list(words)[:40])
            continue
        whole = strings(length)
        assert set(words) == set(whole) or length > 12
        total, drawn = sum(whole.values()), words.total()
        for word, likely in whole.items():
            share = float(likely / total)
            assert abs(words[word] - drawn * share) < 5 * (drawn * share) ** 0.5 + 1


def test_lengths_are_those_of_the_grammar() -> None:
    """Exactly by the enumeration; their mean is 12; and those drawn come as often as they should."""
    likely = lengths(9)
    for more in range(10):
        assert likely[more] == pytest.approx(float(sum(strings(9 + more).values())))
    assert (likely * range(9, 9 + len(likely))).sum() == pytest.approx(12)
    few = lengths(12)
    rest = 1 - sum(sum(strings(n).values()) for n in range(9, 12))
    assert few[0] == pytest.approx(float(sum(strings(12).values()) / rest))
    for task, shares in ((Reber(), likely), (Reber(11), few)):
        drawn = [task._length(Draws(0, "test", [Part(n, 0, 1)])) for n in range(1000)]
        assert min(drawn) == task.seq_len + 1
        for more in range(4):
            share = shares[more]
            off = drawn.count(task.seq_len + 1 + more) / 1000 - share
            assert abs(off) < 4 * (share * (1 - share) / 1000) ** 0.5


def following(word: str) -> list[set[str]]:
    """What may follow each beginning but the whole, told from all strings of up to 5 symbols more."""
    language = [each for n in range(9, len(word) + 6) for each in strings(n)]
    starts = [word[: step + 1] for step in range(len(word) - 1)]
    return [{w[len(s)] for w in language if len(w) > len(s) and w.startswith(s)} for s in starts]


def numbers(task: Reber, words: list[str]) -> Tensor:
    return torch.tensor([[task.class_names.index(letter) for letter in w[1:]] for w in words])


def test_what_may_follow() -> None:
    """Oracle: all strings of the grammar that begin in the same way."""
    task = Reber()
    for words in (["BTBTXSETE", "BPBPVVEPE"], ["BTBTSXXVPSETE", "BPBPVPXTVVEPE"]):
        legal = task.legal(numbers(task, words))
        for word, rows in zip(words, legal.tolist(), strict=True):
            told = [
                {n for n, is_it in zip(task.class_names, row, strict=True) if is_it} for row in rows
            ]
            assert told == following(word)


def test_worked_example() -> None:
    assert following("BTBTXSETE") == [
        *({"T", "P"}, {"B"}, {"T", "P"}, {"S", "X"}, {"X", "S"}, {"E"}, {"T"}, {"E"})
    ]


def test_what_is_wrong() -> None:
    """The units of what may come next are to be the most active, and no other may be as active as one of them."""
    task = Reber()
    targets = numbers(task, ["BTBTXSETE"] * 4)
    outputs = task.legal(targets).float()
    outputs[0, 0, 1], outputs[0, 0, 2] = 0.4, 0.7  # both above all others, whichever comes
    outputs[1, 0, 1] = 0.0  # one of two no more active than the rest
    outputs[2, -2, 2] = 1.5  # the wrong one of T and P
    outputs[3, -1] += 5.0
    assert task.errors(outputs, targets).tolist() == [False, True, True, False]
    accuracy = task.accuracy(outputs, targets)
    assert accuracy is not None
    assert accuracy.tolist() == [1, 7 / 8, 7 / 8, 1]


@pytest.mark.parametrize("seq_len", [8, 11])
def test_chance_by_enumeration(seq_len: int) -> None:
    """The best blind answer to all strings of up to 21 symbols, and the rest bounded: its loss, by the task's own."""
    most, whole = 21, {n: strings(n) for n in range(9, 22)}
    rest = float(1 - sum(sum(whole[n].values()) for n in range(9, seq_len + 1)))
    task, told = Reber(seq_len), torch.zeros(most - 1, 7, dtype=torch.float64)
    counts = torch.zeros(most - 1, 1, dtype=torch.float64)
    for length in range(seq_len + 1, most + 1):
        weights = torch.tensor([float(p) for p in whole[length].values()]) / (length - 1) / rest
        hot = torch.nn.functional.one_hot(numbers(task, list(whole[length])), 7).double()
        told[: length - 1] += (weights[:, None, None] * hot).sum(0)
        counts[: length - 1] += weights.sum()
    known = float(sum(sum(whole[n].values()) for n in range(seq_len + 1, most + 1))) / rest
    mean = told / counts.clamp(min=1e-12)
    loss = (told * (1 - mean)).sum().item() / 7
    assert loss < task.chance < loss + (1 - known) * 0.2
    assert known > 0.9


def test_texts() -> None:
    task = Reber()
    assert task.encode_text("BTV").argmax(1).tolist() == [0, 1, 5]
    assert task.encode_text("").shape == (0, 7)
    with pytest.raises(ValueError, match="'A' is no symbol of the grammar: B, T, P, S, X, V, E"):
        task.encode_text("BA")


def test_lags_and_refusals() -> None:
    """The second symbol is to be told again at the last step but one."""
    task = Reber()
    batch = task.sample(draws(3))
    assert task.lags(batch).tolist() == [batch.inputs.shape[1] - 2] * 3
    for wrong in (7, True, 8.0):
        with pytest.raises(ValueError, match=f"seq_len={wrong}"):
            Reber(wrong)  # pyrefly: ignore[bad-argument-type]

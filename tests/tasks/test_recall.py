"""Problems that end in repeating symbols. Oracle: the sequences written down symbol by symbol."""

import math
from collections import Counter
from itertools import combinations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from rnnlab.tasks.denoise import Denoise
from rnnlab.tasks.memorization import Memorization
from rnnlab.tasks.recall import Recall, scattered
from rnnlab.tasks.selective_copy import SelectiveCopy
from tests.support.draws import draws


def written(inputs: Tensor, alphabet: str) -> list[str]:
    assert torch.equal(inputs.sum(2), torch.ones(inputs.shape[:2]))
    return ["".join(alphabet[n] for n in row) for row in inputs.argmax(2).tolist()]


@pytest.mark.parametrize("task", [Memorization(4, 4, 3), Memorization(1, 2, 5)], ids=str)
def test_memorization(task: Memorization) -> None:
    """A pattern, `delay` blanks, the signal, blanks; the pattern is due from the signal on."""
    inputs, targets = task.sample(draws(2000))
    symbols = "0123456789"[: task.num_symbols]
    shown = written(inputs, symbols + ".!")
    for one, target in zip(shown, targets.tolist(), strict=True):
        pattern = one[: task.copy_len]
        assert set(pattern) <= set(symbols)
        assert one == pattern + "." * task.delay + "!" + "." * (task.copy_len - 1)
        due = {one.index("!") + i: int(symbol) for i, symbol in enumerate(pattern)}
        assert target == [due.get(step, task.num_symbols) for step in range(task.seq_len)]
    assert len(set(shown)) == task.num_symbols**task.copy_len
    assert task.num_symbols == 2 or "312....!.." in shown  # the docstring's own


def test_memorization_as_published() -> None:
    """The code's default holds 10 log2 5 = 23.2 bits, and the small size 5; 10 ln 5 / (T + 20)."""
    task = Memorization()
    assert task.copy_len * math.log2(task.num_symbols) == pytest.approx(23.2, abs=0.05)
    assert task.seq_len == 120
    assert task.chance == pytest.approx(10 * math.log(5) / 120)
    assert Memorization(100, 2, 5).chance_error == 31 / 32


def test_a_blank_that_is_wrong_counts_in_memorization() -> None:
    """As in the paper's code, which asks whether any step of a sequence is wrong."""
    task = Memorization(4, 4, 3)
    targets = torch.tensor([[4] * 7 + [3, 1, 2]] * 3)
    answers = targets.clone()
    answers[1, 0] = 1
    answers[2, -1] = 0
    outputs = 20.0 * F.one_hot(answers, 5)
    assert task.errors(outputs, targets).tolist() == [False, True, True]
    assert task.scores(outputs, targets)["exact_match"].tolist() == [1, 1, 0]


def noisy(context: str, symbols: str) -> str:
    assert set(context) <= {*symbols, "."}
    return context.replace(".", "")


@pytest.mark.parametrize("task", [Denoise(5, 3, 3), Denoise(1, 2, 4), Denoise(30, 9, 10)], ids=str)
def test_denoise(task: Denoise) -> None:
    """All symbols stand in the noise, each at a step of its own; then the marker, and they are due after it."""
    inputs, targets = task.sample(draws(300))
    symbols = "123456789"[: task.num_symbols]
    for one, target in zip(written(inputs, "." + symbols + "!"), targets.tolist(), strict=True):
        context, marker, rest = one.partition("!")
        assert len(context) == task.delay + task.copy_len - 1
        assert (marker, rest) == ("!", "." * task.copy_len)
        found = noisy(context, symbols)
        assert len(found) == task.copy_len
        due = {len(context) + 1 + i: int(symbol) for i, symbol in enumerate(found)}
        assert target == [due.get(step, 0) for step in range(task.seq_len)]


def test_denoise_as_published() -> None:
    """T = 200: 220 steps, 9 symbols, and 10 ln 9 / 220 as the authors' code prints it."""
    task = Denoise(delay=200)
    assert (task.seq_len, task.input_size, task.output_size) == (220, 11, 10)
    assert task.chance == pytest.approx(10 * math.log(9) / 220)


@pytest.mark.parametrize("task", [SelectiveCopy(7, 3, 3), SelectiveCopy(4, 2, 4)], ids=str)
def test_selective_copy(task: SelectiveCopy) -> None:
    """All symbols stand in the noise, each at a step of its own, and are due at the markers."""
    inputs, targets = task.sample(draws(2000))
    symbols = "123456789"[: task.num_symbols]
    shown = written(inputs, "." + symbols + "!")
    for one, target in zip(shown, targets.tolist(), strict=True):
        context = one[: task.context_len]
        assert one == context + "!" * task.copy_len
        found = noisy(context, symbols)
        assert [int(symbol) - 1 for symbol in found] == target
        assert len(found) == task.copy_len
    assert task.num_symbols == 2 or ".3..12.!!!" in shown  # the docstring's own


def test_sizes_of_selective_copy() -> None:
    """As published: 4096 steps, 16 symbols to copy, a vocabulary of 16."""
    task = SelectiveCopy(context_len=4096, copy_len=16)
    assert (task.seq_len, task.input_size, task.output_size) == (4112, 16, 14)
    assert task.sample(draws(2)).targets.shape == (2, 16)
    assert SelectiveCopy().chance == pytest.approx(math.log(14))


@pytest.mark.parametrize(("count", "steps"), [(2, 4), (3, 5), (4, 4), (1, 6)])
def test_every_choice_of_steps_is_as_likely(count: int, steps: int) -> None:
    """Oracle: all combinations, 6000 drawn, within 4.5 deviations; and symbols keep their order."""
    symbols = torch.arange(1, count + 1).expand(6000, count)
    shown = scattered(symbols, steps, draws(6000)).tolist()
    places = Counter(tuple(step for step, n in enumerate(row) if n) for row in shown)
    assert all([n for n in row if n] == list(range(1, count + 1)) for row in shown)
    whole = list(combinations(range(steps), count))
    assert set(places) == set(whole)
    share = 1 / len(whole)
    deviation = (6000 * share * (1 - share)) ** 0.5
    assert all(abs(places[each] - 6000 * share) <= 4.5 * deviation for each in whole)


@pytest.mark.parametrize("task", [Denoise(5, 3, 2), SelectiveCopy(7, 3, 2)], ids=str)
def test_scores_and_lags(task: Recall) -> None:
    """By hand: of two symbols none, one or both are right; lags from the first symbol on."""
    batch = task.sample(draws(3))
    answers = batch.targets.clone()
    classes = task.output_size
    answers[1:, -1] = (answers[1:, -1] + 1) % classes
    answers[2, -2] = (answers[2, -2] + 1) % classes
    outputs = 20.0 * F.one_hot(answers, classes)
    assert task.errors(outputs, batch.targets).tolist() == [False, True, True]
    scores = task.scores(outputs, batch.targets)
    assert scores["recall"].tolist() == [1, 0.5, 0]
    assert scores["exact_match"].tolist() == [1, 0, 0]
    assert task.position_errors(outputs, batch.targets).tolist()[1] == [False, True]
    shown = batch.inputs.argmax(2).tolist()
    first = [next(step for step, n in enumerate(row) if n) for row in shown]
    lags = task.lags(batch)
    assert lags is not None
    assert lags.tolist() == [task.seq_len - 1 - step for step in first]


@pytest.mark.parametrize("cls", [Memorization, Denoise, SelectiveCopy])
@pytest.mark.parametrize("name", ["delay", "num_symbols", "copy_len"])
@pytest.mark.parametrize("value", [0, 1.5, True])
def test_refuses(cls: type, name: str, value: float) -> None:
    name = "context_len" if (cls, name) == (SelectiveCopy, "delay") else name
    with pytest.raises(ValueError, match=f"{name}={value}"):
        cls(**{name: value})


def test_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="context_len=7 is too short for copy_len=8: at least 8"):
        SelectiveCopy(context_len=7)
    with pytest.raises(ValueError, match="seq_len=15 is too short for copy_len=8: at least 16"):
        SelectiveCopy().at_length(15)
    for task in (Memorization(), Denoise()):
        with pytest.raises(ValueError, match="seq_len=20 is too short for copy_len=10: at least 2"):
            task.at_length(20)

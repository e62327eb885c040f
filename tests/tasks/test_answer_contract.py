"""What is refused of what a task says of its answers. Oracle: a task that keeps to everything, and one mistake."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rnnlab.tasks import Draws, Part, Task, check_task
from rnnlab.tasks.adding import Adding
from rnnlab.tasks.copy_memory import CopyMemory
from rnnlab.tasks.teacher import Teacher
from rnnlab.tasks.temporal_order import TemporalOrder
from tests.support.own_tasks import Last, assert_named


def logistic(self: Task, outputs: Tensor) -> Tensor:
    return outputs.sigmoid()


def test_one_that_keeps_to_it_passes() -> None:
    named = {"class_names": ("loud",), "probabilities": logistic, "answers_once": True}
    check_task(type("Named", (Last,), named)())
    check_task(type("Unnamed", (Last,), {"probabilities": logistic})())


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"answers_once": False}, "answers_once is False; wanted: True, as its targets are"),
        ({"class_names": ["a"]}, "class_names is ['a']; wanted: 1 names that differ, a tuple"),
        ({"class_names": ("a", "b")}, "class_names is ('a', 'b'); wanted: 1 names"),
        ({"class_names": ("",)}, "class_names is ('',)"),
        ({"class_names": (1,)}, "class_names is (1,)"),
        ({"class_names": ("a",)}, "probabilities gave a NoneType; wanted: numbers in [0, 1]"),
        ({"probabilities": lambda self, y: y + 1}, "probabilities gave a tensor (7, 1, 1)"),
        ({"probabilities": lambda self, y: y[:, 0]}, "probabilities gave a tensor (7, 1) of"),
        (
            {"probabilities": lambda self, y: y > 0},
            "probabilities gave a tensor (7, 1, 1) of torch.b",
        ),
        (
            {"probabilities": lambda self, y: y / y.sum()},
            "probabilities gave other numbers for a sequence alone",
        ),
        ({"probabilities": lambda self, y: y @ torch.ones(3)}, "probabilities raised RuntimeError"),
    ],
)
def test_mistakes(members: dict[str, Any], message: str) -> None:
    assert_named(members, message)


def test_two_names_are_two() -> None:
    two = {"output_size": 2, "class_names": ("a", "a"), "errors": lambda self, y, t: y[:, 0, 0] > 2}
    two["loss"] = lambda self, y, t: (y.mean(2, keepdim=True) - t).square().mean()
    assert_named(two, "class_names is ('a', 'a'); wanted: 2 names that differ")


@pytest.mark.parametrize(
    ("task", "once", "names"),
    [
        (Adding(), True, None),
        (Teacher(), False, None),
        (CopyMemory(num_symbols=3), False, ("blank", "1", "2", "3")),
        (TemporalOrder(), True, ("AA", "BA", "AB", "BB")),
        (TemporalOrder(variant="hochreiter1997"), True, tuple("QSRU")),
    ],
)
def test_what_the_tasks_say(task: Task, once: bool, names: tuple[str, ...] | None) -> None:
    assert task.answers_once is once
    assert task.class_names == names
    given = task.probabilities(torch.zeros(1, 2, task.output_size))
    assert (given is None) == (names is None)
    with pytest.raises(ValueError, match=f"task {type(task).__name__} reads no text"):
        task.encode_text("a")
    with pytest.raises(ValueError, match=f"task {type(task).__name__} reads no sound"):
        task.encode_sound(np.zeros((1, 1), np.float32), 8000)


@pytest.mark.parametrize("num_symbols", [2, 3])
@pytest.mark.parametrize("variant", ["pascanu2013", "hochreiter1997"])
def test_a_class_is_called_as_the_paper_calls_the_symbols(variant: str, num_symbols: int) -> None:
    """Read off sampled sequences: Hochreiter & Schmidhuber's rules XX -> Q, XY -> R, YX -> S, YY -> U and so on."""
    rules = dict(zip(("XX", "XY", "YX", "YY"), "QRSU", strict=True))
    three = (f"{a}{b}{c}" for a in "XY" for b in "XY" for c in "XY")
    rules |= zip(three, "QRSUVABC", strict=True)
    task = TemporalOrder(40, num_symbols, variant)
    inputs, targets = task.sample(Draws(0, "test", [Part(0, 0, 200)]))
    first = 0 if variant == "pascanu2013" else 6
    for sequence, target in zip(inputs, targets, strict=True):
        shown = sequence.argmax(dim=1)
        names = "AB" if first == 0 else "XY"
        order = "".join(names[n - first] for n in shown.tolist() if n in (first, first + 1))
        wanted = order if first == 0 else rules[order]
        assert task.class_names is not None
        assert task.class_names[int(target)] == wanted

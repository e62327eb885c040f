"""What is refused of a set of data. Oracle: one that keeps to everything, and one mistake at a time."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch

from rnnlab.foundation.contract import ContractError
from rnnlab.tasks import Batch, DataFile, Draws, check_task
from rnnlab.tasks.data_file import file_digest
from tests.support.finite_task import COUNTS, Waves

FILE = Waves().data[0]


class Mistaken(Waves):
    def sample_of(self, draws: Draws, count: int, split: str | None = None) -> Batch:
        which = draws.examples(count)
        inputs = torch.from_numpy(self.sequences[split or draws.split][which.numpy()])
        return Batch(inputs.unsqueeze(2), (which % 3).unsqueeze(1))


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "no number": ({"num_sequences": lambda self, split: 7.0}, "num_sequences('train') is 7.0"),
    "an empty split": (
        {"num_sequences": lambda self, split: 0 if split == "val" else 5},
        "num_sequences('val') is 0",
    ),
    "one split without an end": (
        {"num_sequences": lambda self, split: None if split == "val" else 5},
        "num_sequences('val') is None; wanted: a whole number of at least 1 in each split",
    ),
    "one example": (
        {"num_sequences": lambda self, split: 1},
        "num_sequences('train') is 1; wanted: two or more",
    ),
    "more than there are": (
        {"num_sequences": lambda self, split: COUNTS[split] + (split == "test")},
        "sample raised ValueError: sequence 13 of test is asked for",
    ),
    "one split for all": (
        {"sample": lambda self, draws: self.sample_of(draws, self.counts["val"], "val")},
        "sample gave the same sequences as val and as test",
    ),
    "files that are texts": ({"data": ("waves.npz",)}, "data is ('waves.npz',)"),
    "a file twice": ({"data": (FILE, FILE)}, "data names a file twice"),
    "found in the data, and no field": (
        {"from_data": {"alphabet": "abc"}},
        "from_data is {'alphabet': 'abc'}; wanted: values of the task's own fields",
    ),
    "found in the data, and not to be written as JSON": (
        {"from_data": {"names": ("one", "two")}},
        "from_data is {'names': ('one', 'two')}; wanted: values that JSON gives back",
    ),
    "an accuracy in percent": (
        {"chance_accuracy": 25},
        "chance_accuracy is 25; wanted: a fraction of the answers, or None",
    ),
    "an error above 1": ({"chance_error": 90}, "chance_error is 90; wanted: a fraction"),
    "levels without names": ({"baselines": [0.5]}, "baselines is [0.5]; wanted: numbers by name"),
    "a name that MLflow refuses": (
        {"baselines": {"n=1": 0.5}},
        "baselines has the name 'n=1'; wanted: letters",
    ),
    "a level that is none": ({"baselines": {"last": float("nan")}}, "baselines['last'] is nan"),
}


def test_one_that_keeps_to_everything() -> None:
    check_task(Waves())
    check_task(Waves(counts={"train": 2, "val": 1, "test": 1}))
    check_task(Waves(counts={"train": 7, "val": 7, "test": 7}))  # as many as are drawn at once
    check_task(Waves(solved_below=0.2))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_in_a_line(mistake: str) -> None:
    members, message = MISTAKES[mistake]
    named = {
        k: v if callable(v) else property(lambda self, value=v: value) for k, v in members.items()
    }
    task = type("Mistaken", (Mistaken,), named)(counts=COUNTS | {"val": COUNTS["test"]})
    with pytest.raises(ContractError) as refused:
        check_task(task)
    assert str(refused.value).startswith("Mistaken.")
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_rate_that_is_none() -> None:
    with pytest.raises(
        ContractError, match=r"solved_below is 0\.0; wanted: a number in \(0, 1\), or"
    ):
        check_task(Waves(solved_below=0.0))


def test_what_a_file_is_refused_for_is_said_as_the_task_says_it() -> None:
    """It is no matter of the class, which a ContractError is of."""

    def data(self: Waves) -> Any:
        raise ValueError("path=here has no waves.npz")

    with pytest.raises(ValueError, match=r"^path=here has no waves\.npz$"):
        check_task(type("Absent", (Waves,), {"data": property(data)})())


def test_a_digest_is_sha256_of_the_bytes(tmp_path: Path) -> None:
    """Oracle: hashlib over the whole; it changes as one byte does, in one process."""
    path = tmp_path / "a.bin"
    content = bytearray(range(256)) * 5000
    path.write_bytes(content)
    file = DataFile.of(path, 12)
    assert file == DataFile("a.bin", str(path), sha256(content).hexdigest(), 12)
    content[70_000] ^= 1
    path.write_bytes(content)
    assert file_digest(path) == sha256(content).hexdigest() != file.digest


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": "a/b"}, "name='a/b' is no name"),
        ({"name": ""}, "name='' is no name"),
        ({"digest": "abc"}, "digest='abc' is no SHA-256"),
        ({"digest": "G" * 64}, "is no SHA-256"),
    ],
)
def test_a_file_that_is_none(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(FILE, **changed)

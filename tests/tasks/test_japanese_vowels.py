"""JapaneseVowels as a task. Oracle: what its authors say of the data, and the shipped files read line by line."""

import hashlib
import math
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pytest
import torch

from rnnlab.tasks import Batch, Draws, Part, check_task, japanese_vowels
from rnnlab.tasks.japanese_vowels import PLACE, JapaneseVowels

SPLITS = ("train", "val", "test")


def all_of(task: JapaneseVowels, split: str) -> Batch:
    count = task.num_sequences(split)
    return task.sample(Draws(0, split, [Part(0, 0, count)], batch_size=count))


def shipped(part: str) -> Path:
    return Path(str(distribution("sktime").locate_file(PLACE.format(part))))


def lines(part: str) -> list[str]:
    text = shipped(part).read_text(encoding="utf-8")
    return [line for line in text.split("@data\n")[1].splitlines() if line]


@pytest.mark.parametrize("lengths", [False, True])
def test_it_keeps_to_the_contract(lengths: bool) -> None:
    check_task(JapaneseVowels(lengths=lengths))


@pytest.mark.parametrize("seq_len", [29, 9])
def test_with_lengths_the_frames_stand_first(seq_len: int) -> None:
    """Oracle: the sequences with zeros before the sound, whose frames are moved to the first step."""
    batch = all_of(JapaneseVowels(seq_len, lengths=True), "test")
    before = all_of(JapaneseVowels(seq_len), "test")
    assert batch.lengths is not None
    assert torch.equal(batch.targets, before.targets)
    for frames, length, padded in zip(batch.inputs, batch.lengths, before.inputs, strict=True):
        assert torch.equal(frames[:length], padded[seq_len - length :])
        assert not frames[length:].any()
        assert not padded[: seq_len - length].any()


def test_the_counts_are_the_authors() -> None:
    """30 of each speaker to train on, and 31 35 88 44 29 24 40 50 29 to test."""
    told = {split: all_of(JapaneseVowels(), split).targets[:, 0] for split in SPLITS}
    assert torch.bincount(told["train"]).tolist() == [24] * 9
    assert torch.bincount(told["val"]).tolist() == [6] * 9
    assert torch.bincount(told["test"]).tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]


def test_every_line_is_one_sequence_with_zeros_before_it() -> None:
    """Oracle: the lines, number by number; and that no two splits share one."""
    seen: dict[bytes, str] = {}
    for split in SPLITS:
        inputs, targets = all_of(JapaneseVowels(), split)
        for shown, told in zip(inputs.numpy(), targets[:, 0].tolist(), strict=True):
            key = shown.tobytes() + bytes([told])
            assert key not in seen
            seen[key] = split
    for part in ("TRAIN", "TEST"):
        for line in lines(part):
            *rows, speaker = line.split(":")
            frames = np.array([row.split(",") for row in rows], np.float32).T
            assert 7 <= len(frames) <= 29
            padded = np.zeros((29, 12), np.float32)
            padded[29 - len(frames) :] = frames
            split = seen.pop(padded.tobytes() + bytes([int(speaker) - 1]))
            assert (split == "test") is (part == "TEST")
    assert seen == {}


def test_levels_are_those_of_nine_equal_shares_and_the_papers() -> None:
    task = JapaneseVowels()
    assert task.chance == pytest.approx(math.log(9))
    assert task.chance_error == pytest.approx(8 / 9)
    assert task.baselines["error/Kudo et al. 1999"] == pytest.approx(1 - 0.941)
    assert task.class_names == tuple("123456789")


def test_other_lengths_show_the_last_frames() -> None:
    task = JapaneseVowels()
    whole, shorter, longer = (
        all_of(t, "test").inputs for t in (task, task.at_length(5), task.at_length(40))
    )
    assert torch.equal(shorter, whole[:, -5:])
    assert torch.equal(longer[:, 11:], whole)
    assert (longer[:, :11] == 0).all()


def test_the_digests_are_those_of_the_files() -> None:
    for part, file, rows in zip(("TRAIN", "TEST"), JapaneseVowels().data, (270, 370), strict=True):
        content = shipped(part).read_bytes()
        assert file.digest == hashlib.sha256(content).hexdigest()
        assert (file.name, file.rows) == (f"JapaneseVowels_{part}.ts", rows)


def test_without_the_package_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the task is made all the same, for a saved model."""

    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(japanese_vowels, "distribution", missing)
    japanese_vowels._read.cache_clear()
    task = JapaneseVowels()
    assert (task.input_size, task.output_size) == (12, 9)
    with pytest.raises(
        ValueError, match=r"^sktime is not installed: pip install 'rnnlab\[data\]'$"
    ):
        _ = task.data

"""MNIST from idx files that are written here. Oracle: the arrays that were written."""

import gzip
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rnnlab.tasks import Stream, Task, check_task
from rnnlab.tasks.idx_file import read_idx
from rnnlab.tasks.mnist import NAMES, Mnist
from rnnlab.tasks.philox import order
from tests.support.idx_files import TEST, TRAIN, idx, images, write_mnist


def shown(task: Task, split: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first sequences of a validation or a test, as bytes, and their answers."""
    batch = Stream(task, count, 0, split).batch(0)
    return (255 * batch.inputs[..., 0]).round().to(torch.uint8).numpy(), batch.targets[:, 0].numpy()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_mnist(tmp_path / "mnist")


@pytest.mark.parametrize("packed", [False, True])
def test_each_split_has_its_images_in_order(tmp_path, packed):
    """Of 36 images of training the last 3 are validated, as of 60,000 the last 5000."""
    task = Mnist(str(write_mnist(tmp_path, packed)))
    check_task(task)
    train, labels = images(TRAIN, 0)
    assert {s: task.num_sequences(s) for s in ("train", "val", "test")} == {
        "train": 33,
        "val": 3,
        "test": TEST,
    }
    for split, (wanted, answers) in {
        "val": (train[33:], labels[33:]),
        "test": images(TEST, 1),
    }.items():
        found, told = shown(task, split, len(answers))
        assert np.array_equal(found, wanted.reshape(len(wanted), 784))
        assert np.array_equal(told, answers)
    trained = Stream(task, 33, 7, "train").batch(0)
    brightness = (255 * trained.inputs[..., 0]).round().to(torch.uint8).numpy()
    assert sorted(map(bytes, brightness)) == sorted(map(bytes, train[:33]))


def test_levels_by_hand(folder):
    """Of 33 images of training labels 0, 1 and 2 are four, the others three; the test has 0 to 4 twice."""
    task = Mnist(str(folder))
    shares = [4 / 33] * 3 + [3 / 33] * 7
    losses = [-math.log(shares[label % 10]) for label in range(TEST)]
    assert task.chance == pytest.approx(sum(losses) / TEST)
    assert task.chance_error == pytest.approx(1 - 2 / TEST)  # as any of the three is answered


def test_a_plain_file_is_read_by_memory_map(folder):
    train = Mnist(str(folder)).images.splits["train"].images
    base: Any = train
    while not isinstance(base, np.memmap):
        base = base.base
    assert Path(str(base.filename)) == folder / NAMES[0]


def test_permuted_pixels(folder):
    """Oracle: the order that is stated, and every image's own pixels."""
    plain, _ = shown(Mnist(str(folder)), "test", TEST)
    by_order = [Mnist(str(folder), permuted=True, permutation_seed=s) for s in (0, 3)]
    for seed, task in zip((0, 3), by_order, strict=True):
        assert np.array_equal(shown(task, "test", TEST)[0], plain[:, order(seed, "pixels", 0, 784)])
    assert len({shown(task, "test", TEST)[0].tobytes() for task in by_order}) == 2


def test_a_dot_in_the_names_will_do(folder):
    for name in NAMES:
        (folder / name).rename(folder / name.replace("-idx", ".idx"))
    task = Mnist(str(folder))
    assert [file.name for file in task.data] == list(NAMES)
    assert [file.rows for file in task.data] == [TRAIN, TRAIN, TEST, TEST]


def test_a_digest_is_of_the_files_bytes(folder):
    """It changes with one byte, and a process that has read the file before sees it."""
    before = Mnist(str(folder)).data
    path = folder / NAMES[2]
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    after = Mnist(str(folder)).data
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, True, False, True]


def test_a_relative_path_is_from_where_the_user_stands(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert Mnist("mnist").num_sequences("test") == TEST


def test_nothing_is_read_before_it_is_asked_for():
    task = Mnist("nowhere")
    assert (task.input_size, task.output_size, task.seq_len) == (1, 10, 784)
    assert task.class_names == tuple("0123456789")
    assert task.answers_once


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def other_magic(path: Path) -> None:
    path.write_bytes(b"\x00\x00\x0d" + path.read_bytes()[3:])


def other_sides(path: Path) -> None:
    path.write_bytes(idx(np.zeros((TRAIN, 27, 28))))


def fewer(path: Path) -> None:
    path.write_bytes(idx(np.arange(TRAIN - 1) % 10))


def eleven(path: Path) -> None:
    path.write_bytes(idx(np.arange(TRAIN) % 11))


def not_packed(path: Path) -> None:
    path.rename(path.with_name(f"{path.name}.gz"))


def packed_half(path: Path) -> None:
    half = gzip.compress(path.read_bytes())[:-20]
    path.with_name(f"{path.name}.gz").write_bytes(half)
    path.unlink()


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        (NAMES[3], Path.unlink, f"it has no {NAMES[3]}: the four files are"),
        (NAMES[0], cut, f"{NAMES[0]} is cut short: {16 + TRAIN * 784 - 7} bytes"),
        (NAMES[0], lambda p: p.write_bytes(p.read_bytes() + b"x"), "is too long"),
        (NAMES[1], other_magic, f"{NAMES[1]} begins with 00 00 0d 01"),
        (NAMES[1], lambda p: p.write_bytes(b""), "begins with nothing"),
        (NAMES[1], lambda p: p.write_bytes(b"\x00\x00\x08\x01\x00"), "is cut short: 5 bytes"),
        (NAMES[0], other_sides, "images of 27 x 28 pixels, not 28 x 28"),
        (NAMES[1], fewer, f"has {TRAIN} images, and {NAMES[1]} {TRAIN - 1} labels"),
        (NAMES[1], eleven, f"{NAMES[1]} has a label 10: 0 to 9"),
        (NAMES[1], lambda p: p.write_bytes(idx(np.zeros(TRAIN))), "has no label 1 among"),
        (NAMES[2], not_packed, f"{NAMES[2]}.gz cannot be unpacked"),
        (NAMES[2], packed_half, f"{NAMES[2]}.gz cannot be unpacked"),
    ],
)
def test_what_is_no_such_file_is_refused_by_name(folder, name, damage, message):
    damage(folder / name)
    with pytest.raises(ValueError, match=r"^path=") as refused:
        Mnist(str(folder)).num_sequences("train")
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_other_refusals(tmp_path):
    few = write_mnist(tmp_path / "few", train=11)
    for path, message in (
        (f"{tmp_path}/nowhere", "it is no folder"),
        (None, "path=None is no folder"),
        (str(few), "no image is left for val: training needs 12 images"),
    ):
        with pytest.raises(ValueError, match=message):
            Mnist(path).data  # noqa: B018
    with pytest.raises(ValueError, match="permuted=1 is neither"):
        Mnist("x", permuted=1)  # pyrefly: ignore[bad-argument-type]
    with pytest.raises(ValueError, match="an image has 784 pixels"):
        Mnist("x").at_length(28)
    assert Mnist("x").at_length(784) == Mnist("x")


def test_an_idx_file_of_other_dimensions(tmp_path):
    array = np.arange(24).reshape(2, 3, 4)
    (tmp_path / "a").write_bytes(idx(array))
    assert np.array_equal(read_idx(tmp_path / "a", 3), array)
    with pytest.raises(ValueError, match=r"a begins with 00 00 08 03, and an idx file of 1 dim"):
        read_idx(tmp_path / "a", 1)

"""Time series of a file as a task. Oracle: the arrays, numpy on them by brute force, and answers by hand."""

import hashlib
import math
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from rnnlab.tasks import Batch, Draws, Part, Stream, array_data, check_task
from rnnlab.tasks.arrays import Arrays
from tests.support.data_files import labelled, series, write_data


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_data(tmp_path)


def all_of(task: Arrays, split: str) -> Batch:
    count = task.num_sequences(split)
    return task.sample(Draws(0, split, [Part(0, 0, count)], batch_size=count))


TARGETS: dict[str, dict[str, Any]] = {
    "labelled.npz": {},
    "values.npz": {"target": "value"},
    "series.npz": {"target": "next", "seq_len": 5},
}


@pytest.mark.parametrize("name", TARGETS)
def test_it_keeps_to_the_contract_and_is_made_without_its_file(data: Path, name: str) -> None:
    task = Arrays(name, **TARGETS[name])
    check_task(task)
    away = Arrays("away.npz", **{**TARGETS[name], **task.from_data})
    assert (away.input_size, away.output_size) == (task.input_size, task.output_size)
    assert (away.class_names, away.answers_once) == (task.class_names, task.answers_once)
    with pytest.raises(ValueError, match=r"^path=away\.npz cannot be read: No such file"):
        _ = away.data


def test_every_sequence_is_in_one_split_with_its_own_label(data: Path) -> None:
    inputs, labels = labelled()
    task = Arrays("labelled.npz", standardize=False)
    names, found = task.class_names or (), []
    for split in ("train", "val", "test"):
        batch = all_of(task, split)
        for shown, told in zip(batch.inputs, batch.targets[:, 0].tolist(), strict=True):
            (number,) = np.flatnonzero((np.float32(inputs) == shown.numpy()).all(axis=(1, 2)))
            assert labels[number] == names[told]
            found.append(number)
    assert sorted(found) == list(range(60))


def test_training_takes_off_the_training_splits_mean(data: Path) -> None:
    """Oracle: numpy's mean and deviation of all its steps."""
    task = Arrays("labelled.npz")
    shown = all_of(task, "train").inputs.double().flatten(0, 1)
    np.testing.assert_allclose(shown.mean(dim=0), 0, atol=1e-6)
    np.testing.assert_allclose(shown.std(dim=0, correction=0), 1, rtol=1e-6)
    plain = all_of(Arrays("labelled.npz", standardize=False), "test").inputs.double()
    again = all_of(task, "test").inputs.double() * torch.tensor(task.scale) + torch.tensor(
        task.mean
    )
    np.testing.assert_allclose(again, plain, rtol=1e-5)


@pytest.mark.parametrize("value", [0.1, 0.3, 7.7, 101.325, 1e8 + 0.1])
def test_a_feature_that_never_changes_is_divided_by_1(
    value: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Oracle: the number itself, also where its sum over all steps is not exact."""
    monkeypatch.chdir(tmp_path)
    inputs, labels = labelled()
    inputs[..., 1] = value
    np.savez("constant.npz", inputs=inputs, targets=labels)
    np.savez("constant_series.npz", inputs=inputs.reshape(-1, 2))
    for task in (Arrays("constant.npz"), Arrays("constant_series.npz", "next", seq_len=5)):
        assert task.mean is not None
        assert task.scale is not None
        assert (task.mean[1], task.scale[1]) == (value, 1.0)
        assert (all_of(task, "test").inputs[..., 1] == 0).all()
    told = np.stack([inputs[:, 0, 0], np.full(60, value)], axis=1)
    np.savez("constant_target.npz", inputs=inputs, targets=told)
    task = Arrays("constant_target.npz", "value")
    assert task.target_scale is not None
    assert task.target_scale[1] == 1.0
    np.savez("constant_target.npz", inputs=inputs, targets=told[:, 1])
    with pytest.raises(ValueError, match="what is to be told is always the same"):
        Arrays("constant_target.npz", "value", seq_len=3)


def test_sequences_of_two_splits_may_share_the_steps_that_are_not_shown_alone(data: Path) -> None:
    """Oracle: the file itself, in which sequences have their last three steps in common, and the fourth not."""
    inputs, labels = labelled()
    inputs[:, 3:] = inputs[0, 3:]
    np.savez("alike.npz", inputs=inputs, targets=labels)
    for seq_len in (None, 4):
        assert Arrays("alike.npz", seq_len=seq_len).num_sequences("test") > 0
    with pytest.raises(ValueError, match=r"^path=alike\.npz: the last 3 steps of sequences"):
        Arrays("alike.npz", seq_len=3)


@pytest.mark.parametrize("word", ["NA", "null", "None", "nan", "n/a"])
def test_a_class_may_have_a_name_that_means_a_missing_value_elsewhere(
    word: str, tmp_path: Path
) -> None:
    """Oracle: the words that are in the file."""
    inputs, labels = labelled()
    table = {
        "sequence": np.repeat(np.arange(60), 6),
        "x": inputs[..., 0].ravel(),
        "target": np.repeat(np.where(labels == "up", "up", word), 6),
    }
    pd.DataFrame(table).to_csv(tmp_path / "data.csv", index=False)
    assert Arrays(str(tmp_path / "data.csv")).class_names == tuple(sorted(["up", word]))


def test_classes_levels_by_hand(data: Path) -> None:
    task = Arrays("labelled.npz")
    told = {split: all_of(task, split).targets[:, 0].tolist() for split in ("train", "test")}
    shares = [told["train"].count(c) / len(told["train"]) for c in (0, 1)]
    expected = -sum(math.log(shares[c]) for c in told["test"]) / len(told["test"])
    assert task.chance == pytest.approx(expected)
    most = shares.index(max(shares))
    assert task.chance_error == sum(c != most for c in told["test"]) / len(told["test"])
    # And by the loss itself.
    targets = all_of(task, "test").targets
    outputs = torch.tensor(shares).log().expand(len(targets), 1, 2)
    assert task.loss(outputs, targets).item() == pytest.approx(task.chance, rel=1e-6)


def test_values_levels_and_errors_by_hand(data: Path) -> None:
    task = Arrays("values.npz", "value")
    train, test = all_of(task, "train").targets.double(), all_of(task, "test").targets
    assert train.mean().item() == pytest.approx(0, abs=1e-6)
    assert task.chance == pytest.approx(test.double().square().mean().item(), rel=1e-6)
    mean = torch.zeros_like(test)
    assert task.loss(mean, test).item() == pytest.approx(task.chance, rel=1e-6)
    assert task.errors(mean, test).all()
    assert task.chance_error == 1.0
    assert task.errors(1.5 * test, test).tolist() == [False] * len(test)
    assert task.errors(2.5 * test, test).all()
    assert task.errors(torch.nan * test, test).all()
    # In the units of the file, whose numbers are 100 + 10 x: 10 times what the sums of inputs are off by.
    values = np.load("values.npz")["targets"]
    off = task.scores(0 * test, test)["absolute_error"].double()
    rows = Arrays("values.npz", "value", standardize=False)
    plain = all_of(rows, "test").targets[:, 0, 0].double()
    assert task.target_mean is not None
    np.testing.assert_allclose(off, (plain - task.target_mean[0]).abs(), rtol=1e-5)
    assert set(values.astype(np.float32).tolist()) >= set(plain.float().tolist())


def test_next_step_levels_by_brute_force(data: Path) -> None:
    walk = series()
    task = Arrays("series.npz", "next", seq_len=5)
    mean, scale = walk[:160].mean(axis=0), walk[:160].std(axis=0)
    np.testing.assert_allclose(task.from_data["mean"], mean)
    count = (20 - 1) // 5
    assert task.num_sequences("test") == count
    told = walk[181 : 181 + 5 * count]
    before = walk[180 : 180 + 5 * count]
    assert task.chance == pytest.approx((((told - mean) / scale) ** 2).mean())
    assert task.baselines == {"last value": pytest.approx((((told - before) / scale) ** 2).mean())}
    inputs, targets = all_of(task, "test")
    np.testing.assert_allclose(targets.flatten(0, 1), (told - mean) / scale, rtol=1e-5, atol=1e-6)
    assert task.loss(inputs, targets).item() == pytest.approx(
        task.baselines["last value"], rel=1e-5
    )


def test_next_step_errors_are_those_beyond_the_last_value(data: Path) -> None:
    task = Arrays("series.npz", "next", seq_len=5)
    inputs, targets = all_of(task, "test")
    assert task.errors(inputs, targets).all()  # as good as the last value, and not better
    better, worse = targets + 0.9 * (inputs - targets), targets + 1.1 * (inputs - targets)
    assert not task.errors(better, targets).any()
    assert task.errors(worse, targets).all()
    better[:, 0] = 100.0  # of the first step the last value is not among the answers
    assert not task.errors(better, targets).any()
    assert task.scores(inputs, targets) == {}  # two numbers, in units of their own


def test_one_series_has_an_error_in_its_own_units(data: Path) -> None:
    np.savez("one.npz", inputs=series()[:, 0])
    task = Arrays("one.npz", "next", seq_len=5)
    inputs, targets = all_of(task, "test")
    off = task.scores(inputs, targets)["absolute_error"].mean().item()
    walk = series()[:, 0]
    assert off == pytest.approx(np.abs(np.diff(walk[180:196])).mean(), rel=1e-5)


def test_a_folder_is_read_by_memory_map_and_is_the_same(data: Path) -> None:
    """Oracle: the same arrays as one .npz."""
    inputs, labels = labelled()
    folder = data / "folder"
    folder.mkdir()
    np.save(folder / "inputs.npy", inputs)
    np.save(folder / "targets.npy", labels)
    mapped, whole = Arrays("folder"), Arrays("labelled.npz")
    assert isinstance(mapped._data.inputs, np.memmap)
    assert mapped.from_data == whole.from_data
    assert torch.equal(all_of(mapped, "test").inputs, all_of(whole, "test").inputs)
    assert [file.name for file in mapped.data] == ["inputs.npy", "targets.npy"]
    digests = [
        hashlib.sha256((folder / f).read_bytes()).hexdigest() for f in ("inputs.npy", "targets.npy")
    ]
    assert [file.digest for file in mapped.data] == digests


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_is_the_same(data: Path, ending: str) -> None:
    """Oracle: the same arrays as one .npz; rows of the sequences between one another."""
    inputs, labels = labelled()
    frame = pd.DataFrame(
        {
            "x": inputs[..., 0].ravel(),
            "sequence": np.repeat(np.arange(60), 6),
            "y": inputs[..., 1].ravel(),
            "target": np.repeat(labels, 6),
        }
    )
    mixed = frame.iloc[np.arange(360).reshape(60, 6).T.ravel()]
    _write(mixed, f"table.{ending}")
    table, whole = Arrays(f"table.{ending}"), Arrays("labelled.npz")
    assert table.class_names == whole.class_names
    for split in ("train", "val", "test"):
        ours, theirs = all_of(table, split), all_of(whole, split)
        assert torch.equal(ours.targets, theirs.targets)
        torch.testing.assert_close(ours.inputs, theirs.inputs)
    _write(pd.DataFrame(series(), columns=["a", "b"]), f"series.{ending}")
    walk = Arrays(f"series.{ending}", "next", seq_len=5)
    torch.testing.assert_close(
        all_of(walk, "test").inputs, all_of(Arrays("series.npz", "next", 5), "test").inputs
    )


def _write(frame: pd.DataFrame, name: str) -> None:
    if name.endswith("csv"):
        frame.to_csv(name, index=False)
    else:
        frame.to_parquet(name)


def test_several_values_and_the_files_own_split(data: Path) -> None:
    inputs, _ = labelled()
    split = np.array(["train"] * 40 + ["val"] * 10 + ["test"] * 10)
    both = inputs.sum(axis=1)
    np.savez("two.npz", inputs=inputs, targets=both, split=split)
    task = Arrays("two.npz", "value", standardize=False)
    assert task.output_size == 2
    np.testing.assert_allclose(all_of(task, "test").targets[:, 0], both[50:], rtol=1e-6)
    frame = pd.DataFrame(inputs.reshape(-1, 2), columns=["a", "b"])
    frame["sequence"] = np.repeat(np.arange(60), 6)
    frame["target_a"], frame["target_b"] = np.repeat(both, 6, axis=0).T
    frame["split"] = np.repeat(split, 6)
    frame.to_csv("two.csv", index=False)
    table = Arrays("two.csv", "value", standardize=False)
    torch.testing.assert_close(all_of(table, "test").targets, all_of(task, "test").targets)


def test_fewer_steps_are_the_last_ones_and_more_are_refused(data: Path) -> None:
    task = Arrays("labelled.npz")
    shorter = task.at_length(4)
    assert torch.equal(all_of(shorter, "test").inputs, all_of(task, "test").inputs[:, 2:])
    with pytest.raises(ValueError, match=r"^seq_len=7 is too long: sequences have 6 steps"):
        task.at_length(7)
    with pytest.raises(ValueError, match=r"^seq_len=19 is too long for 200 steps"):
        Arrays("series.npz", "next", 5).at_length(19)


def test_an_epoch_shows_every_training_sequence_once(data: Path) -> None:
    """Oracle: the sorted rows of the split itself."""
    task = Arrays("labelled.npz")
    count = task.num_sequences("train")
    stream = Stream(task, 7, 0, "train")
    shown = torch.cat([batch.inputs for batch in stream.batches(0, 2 * count // 7 + 1)])
    whole = sorted(row.tolist() for row in all_of(task, "train").inputs.flatten(1))
    for epoch in (0, 1):
        rows = shown[epoch * count : (epoch + 1) * count].flatten(1)
        assert sorted(row.tolist() for row in rows) == whole


@pytest.mark.parametrize("name", ["values.npz", "series.npz"])
def test_numbers_of_a_file_become_inputs_and_answers_become_numbers_of_it(
    data: Path, name: str
) -> None:
    """Oracle: what a task that does not standardise has."""
    task, plain = Arrays(name, **TARGETS[name]), Arrays(name, standardize=False, **TARGETS[name])
    shown, told = all_of(plain, "test")
    torch.testing.assert_close(task.encode_numbers(shown[0]), all_of(task, "test").inputs[0])
    again = task.decode_numbers(all_of(task, "test").targets)
    torch.testing.assert_close(again, told.double())
    assert torch.equal(plain.decode_numbers(told), told.double())
    assert torch.equal(plain.encode_numbers(shown), shown)


def test_a_folder_larger_than_what_is_looked_at_together_is_not_read_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Oracle: Python's own count of what is allocated; the inputs have 32 MB, and 0.5 MB are looked at."""
    monkeypatch.setattr(array_data, "AT_ONCE", 2**16)
    draw = np.random.default_rng(0)
    np.save(tmp_path / "inputs.npy", draw.random((2000, 1000, 4), np.float32))
    np.save(tmp_path / "targets.npy", np.arange(2000) % 2)
    tracemalloc.start()
    task = Arrays(str(tmp_path))
    task.sample(Draws(0, "train", [Part(0, 0, 4)], batch_size=4))
    assert task.chance == pytest.approx(math.log(2))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32e6 / 8


def test_a_noise_whose_last_value_is_worse_than_its_mean(data: Path) -> None:
    """Oracle: the errors of the mean's answers themselves; some windows are wrong, and not all."""
    noise = np.random.default_rng(5).normal(5.0, 2.0, (4000, 1))
    noise[1::2] += 0.6 * noise[:-1:2]
    np.savez("noise.npz", inputs=noise)
    task = Arrays("noise.npz", "next", seq_len=4)
    targets = all_of(task, "test").targets
    expected = task.errors(torch.zeros_like(targets), targets).double().mean().item()
    assert 0 < expected < 1
    assert task.chance_error == pytest.approx(expected)

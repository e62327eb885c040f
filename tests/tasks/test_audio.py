"""Recordings of a folder as a task. Oracle: scipy's own reading, the features one by one, sums by hand."""

import hashlib
import math
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.io import wavfile

from rnnlab.tasks import Batch, Draws, Part, check_task, recordings
from rnnlab.tasks.audio import Audio
from rnnlab.tasks.wav_files import as_floats, read_wav
from tests.support.data_files import RATE, write_words


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_words(tmp_path / "words")
    return tmp_path / "words"


def all_of(task: Audio, split: str) -> Batch:
    count = task.num_sequences(split)
    return task.sample(Draws(0, split, [Part(0, 0, count)], batch_size=count))


@pytest.mark.parametrize("arguments", [{}, {"features": "raw", "frame": 2.5, "seq_len": 12}])
def test_it_keeps_to_the_contract_and_is_made_without_its_folder(
    words: Path, arguments: dict
) -> None:
    task = Audio("words", **arguments)
    check_task(task)
    away = Audio("away", **{**arguments, **task.from_data})
    sound = np.random.default_rng(0).normal(size=(800, 1)).astype(np.float32)
    assert torch.equal(away.encode_sound(sound, RATE), task.encode_sound(sound, RATE))
    assert away.class_names == ("high", "low")
    with pytest.raises(ValueError, match=r"^path=away: it is no folder"):
        _ = away.data


def test_every_recording_is_in_one_split_with_its_label(words: Path) -> None:
    """Oracle: the samples as scipy reads them, and the folder's name."""
    task = Audio("words", "raw", frame=100.0, hop=100.0)  # one frame: the whole recording
    names = []
    for split in ("train", "val", "test"):
        batch = all_of(task, split)
        assert batch.inputs.shape[1:] == (1, 800)
        plain = batch.inputs[:, 0].double() * torch.tensor(task.scale) + torch.tensor(task.mean)
        for samples, told in zip(plain, batch.targets[:, 0].tolist(), strict=True):
            whole = np.round(samples.numpy() * 2**15)
            (path,) = [
                path
                for path in words.glob("*/*.wav")
                if np.array_equal(wavfile.read(path)[1], whole)
            ]
            assert path.parent.name == task.class_names[told]
            names.append(path)
    assert sorted(names) == sorted(words.glob("*/*.wav"))


def test_training_has_mean_0_and_deviation_1_and_chance_is_by_hand(words: Path) -> None:
    task = Audio("words")
    shown = all_of(task, "train").inputs.double().flatten(0, 1)
    np.testing.assert_allclose(shown.mean(dim=0), 0, atol=1e-5)
    np.testing.assert_allclose(shown.std(dim=0, correction=0), 1, rtol=1e-5)
    assert (task.seq_len, task.input_size) == (8, 40)
    assert task.chance == pytest.approx(math.log(2))  # ten of each train
    assert task.chance_error == 0.5


@pytest.mark.parametrize("bits", ["uint8", "int16", "int32", "float32"])
def test_samples_of_every_type_are_the_same_sound(bits: str, tmp_path: Path) -> None:
    sound = np.round(100 * np.sin(np.arange(50))) / 128  # exact in each of them
    scaled = {
        "uint8": sound * 128 + 128,
        "int16": sound * 2**15,
        "int32": sound * 2**31,
        "float32": sound,
    }[bits]
    wavfile.write(tmp_path / "a.wav", RATE, scaled.astype(bits))
    rate, samples = read_wav(tmp_path / "a.wav")
    assert rate == RATE
    assert as_floats(samples).tolist() == np.float32(sound).tolist()


def test_channels_are_averaged_and_24_bits_are_read(tmp_path: Path) -> None:
    """Oracle: a file written by hand, whose two samples are 2^22 and -2^21 in one channel, 0 in the other."""
    values = [2**22, 0, -(2**21), 0]
    data = b"".join(value.to_bytes(3, "little", signed=True) for value in values)
    head = b"WAVEfmt " + b"".join(
        number.to_bytes(size, "little")
        for number, size in ((16, 4), (1, 2), (2, 2), (RATE, 4), (RATE * 6, 4), (6, 2), (24, 2))
    )
    chunk = head + b"data" + len(data).to_bytes(4, "little") + data
    (tmp_path / "a.wav").write_bytes(b"RIFF" + len(chunk).to_bytes(4, "little") + chunk)
    assert as_floats(read_wav(tmp_path / "a.wav")[1]).tolist() == [0.25, -0.125]


def test_a_sound_is_encoded_as_its_file_is(words: Path) -> None:
    task = Audio("words", seq_len=5)
    shown = all_of(task, "test").inputs
    paths = sorted(words.glob("*/*.wav"))
    encoded = []
    for path in paths:
        samples = wavfile.read(path)[1][:, None].astype(np.float32) / 2**15
        encoded.append(task.encode_sound(samples, RATE))
    features = task._features(as_floats(samples))[:5]
    scaled = (features - np.array(task.mean)) / np.array(task.scale)
    torch.testing.assert_close(
        task.encode_numbers(torch.from_numpy(features)), torch.from_numpy(scaled).float()
    )
    for row in shown:
        assert sum(torch.equal(row, one) for one in encoded) == 1
    with pytest.raises(ValueError, match=r"^rate=16000: the model has learnt from 8000 samples"):
        task.encode_sound(samples, 16000)


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("features", "raw"),
        ("num_bands", 30),
        ("frame", 20.0),
        ("hop", 5.0),
        ("seq_len", 4),
        ("mean", (1.0,) * 40),
        ("scale", (2.0,) * 40),
    ],
)
def test_every_choice_changes_what_is_shown(words: Path, override: str, value: Any) -> None:
    task = Audio("words")
    found = (
        {} if override in ("features", "num_bands", "frame", "hop", "seq_len") else task.from_data
    )
    other = Audio("words", **{**found, override: value})
    ours, theirs = all_of(task, "test").inputs, all_of(other, "test").inputs
    assert ours.shape != theirs.shape or not torch.equal(ours, theirs)


def test_another_rate_than_the_folders_is_refused(words: Path) -> None:
    found: dict[str, Any] = Audio("words").from_data | {"rate": 4000}
    task = Audio("words", **found)
    with pytest.raises(ValueError, match=r"^rate=4000 is not that of words: 8000"):
        _ = task.data


def test_features_that_fit_are_kept(words: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Oracle: how often a file is read."""
    task, reads = Audio("words"), []
    monkeypatch.setattr(recordings, "read_wav", lambda path: reads.append(path) or read_wav(path))
    first = all_of(task, "test").inputs
    assert len(reads) == task.num_sequences("test")
    again = all_of(task, "test").inputs
    assert len(reads) == task.num_sequences("test")
    assert torch.equal(first, again)
    monkeypatch.setattr(recordings, "ROOM", 0)
    recordings.recordings.cache_clear()
    assert torch.equal(all_of(task, "test").inputs, first)
    all_of(task, "test")
    assert len(reads) == 3 * task.num_sequences("test")


def test_the_digest_is_of_all_files_and_their_labels(words: Path) -> None:
    (file,) = Audio("words").data
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.parent.name}/{path.name}\n"
        for path in sorted(words.glob("*/*.wav"))
    ]
    assert file.digest == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert (file.name, file.rows) == ("words", 24)
    (words / "low" / "11.wav").rename(words / "high" / "12.wav")
    assert Audio("words").data[0].digest != file.digest


def test_a_long_recording_is_read_by_memory_map(tmp_path: Path) -> None:
    """Oracle: Python's own count of what is allocated; the file has 16 MB."""
    path = tmp_path / "long.wav"
    wavfile.write(path, RATE, np.zeros(2**23, np.int16))
    tracemalloc.start()
    _, samples = read_wav(path)
    assert as_floats(samples[1000:2000]).shape == (1000,)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20

"""Files of a user's that are wrong. Oracle: one mistake in each, and the line that names it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.io import wavfile

from rnnlab.tasks import Task
from rnnlab.tasks.arrays import Arrays
from rnnlab.tasks.audio import Audio
from rnnlab.tasks.text import Text
from tests.support.data_files import RATE, labelled, write_words

INPUTS, LABELS = labelled()
SPLIT = np.array(["train"] * 40 + ["val"] * 10 + ["test"] * 10)


def changed(place: Any, value: object, array: np.ndarray = INPUTS) -> np.ndarray:
    array = array.copy()
    array[place] = value
    return array


ARCHIVES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no targets": ({"inputs": INPUTS}, {}, "it has no array 'targets', but inputs"),
    "a further array": (
        {"inputs": INPUTS, "targets": LABELS, "y": LABELS},
        {},
        "array 'y' is not one of inputs, targets, split",
    ),
    "two dimensions": (
        {"inputs": INPUTS[0], "targets": LABELS[:6]},
        {},
        "inputs are (6, 2), not (sequences, seq_len, features)",
    ),
    "texts": ({"inputs": LABELS, "targets": LABELS}, {}, "not numbers"),
    "other lengths": (
        {"inputs": INPUTS, "targets": LABELS[1:]},
        {},
        "targets are (59,), and inputs (60, 6, 2)",
    ),
    "not a number": (
        {"inputs": changed((7, 3, 1), np.nan), "targets": LABELS},
        {},
        "sequence 7, step 3, feature 1: nan is not a finite number",
    ),
    "infinite, in a series": (
        {"inputs": changed((9, 1), -np.inf, INPUTS.reshape(-1, 2))},
        {"target": "next", "seq_len": 3},
        "step 9, feature 1: -inf is not a finite number",
    ),
    "an infinite value": (
        {"inputs": INPUTS, "targets": changed(4, np.inf, INPUTS[:, 0, 0])},
        {"target": "value"},
        "target of sequence 4: inf is not a finite number",
    ),
    "one class": (
        {"inputs": INPUTS, "targets": np.zeros(60, int)},
        {},
        "the training examples have one class, '0': at least two",
    ),
    "classes with a fraction": (
        {"inputs": INPUTS, "targets": INPUTS[:, 0, 0]},
        {},
        "targets are float64 (60,): classes are whole numbers or text, one a sequence",
    ),
    "values that are text": (
        {"inputs": INPUTS, "targets": LABELS},
        {"target": "value"},
        "values are numbers, one or more a sequence",
    ),
    "a value that is always the same": (
        {"inputs": INPUTS, "targets": np.ones(60)},
        {"target": "value"},
        "what is to be told is always the same in the training split",
    ),
    "a class of the test alone": (
        {"inputs": INPUTS, "targets": changed(59, "new", LABELS), "split": SPLIT},
        {},
        "class 'new' does not occur among the training examples",
    ),
    "the same in two splits": (
        {"inputs": changed(55, INPUTS[3]), "targets": LABELS, "split": SPLIT},
        {},
        "sequences 3 and 55 are equal, and in train and test",
    ),
    "the same in two splits, where the last steps alone are shown": (
        {"inputs": changed((55, slice(3, 6)), INPUTS[3, 3:]), "targets": LABELS, "split": SPLIT},
        {"seq_len": 3},
        "the last 3 steps of sequences 3 and 55 are equal, and in train and test",
    ),
    "a split of another name": (
        {"inputs": INPUTS, "targets": LABELS, "split": changed(0, "dev", SPLIT)},
        {},
        "split 'dev' is none of train, val, test",
    ),
    "one in a split": (
        {"inputs": INPUTS, "targets": LABELS, "split": changed(np.arange(40, 49), "train", SPLIT)},
        {},
        "split val has 1 examples: at least 2",
    ),
    "a split of numbers": (
        {"inputs": INPUTS, "targets": LABELS, "split": np.zeros(60)},
        {},
        "split is float64 (60,), not text",
    ),
    "a series with targets": (
        {"inputs": INPUTS[:, 0], "targets": LABELS},
        {"target": "next", "seq_len": 3},
        "array 'targets' is not one of inputs",
    ),
    "many series": (
        {"inputs": INPUTS},
        {"target": "next", "seq_len": 3},
        "inputs are (60, 6, 2), not one series, (steps, features)",
    ),
}


def refused(make: Callable[[], Task], named: str, message: str) -> None:
    with pytest.raises(ValueError, match="=") as error:
        make()
    said = str(error.value)
    assert said.startswith(named)
    assert message in said
    assert "\n" not in said


@pytest.mark.parametrize("mistake", ARCHIVES)
def test_an_archive(mistake: str, tmp_path: Path) -> None:
    arrays, arguments, message = ARCHIVES[mistake]
    path = tmp_path / "data.npz"
    np.savez(path, **arrays)
    refused(lambda: Arrays(str(path), **arguments), f"path={path}: ", message)


FRAME = pd.DataFrame(
    {
        "sequence": np.repeat([f"s{n}" for n in range(60)], 6),
        "x": INPUTS[..., 0].ravel(),
        "target": np.repeat(LABELS, 6),
    }
)
TABLES: dict[str, tuple[pd.DataFrame, dict[str, Any], str]] = {
    "no sequence": (FRAME.drop(columns="sequence"), {}, "no column 'sequence', but x, target"),
    "no target": (FRAME.drop(columns="target"), {}, "no column 'target', but sequence, x"),
    "no feature": (FRAME.drop(columns="x"), {}, "it has no column of a feature"),
    "no row": (FRAME.iloc[:0], {}, "it has no row"),
    "ragged": (
        FRAME.drop(index=[8]),
        {},
        "sequence 's1' has 5 rows and 's0' 6: sequences are of one length",
    ),
    "missing": (
        FRAME.assign(x=FRAME["x"].where(FRAME.index != 9)),
        {},
        "column 'x', row 9: there is no value",
    ),
    "text": (
        FRAME.assign(x=FRAME["x"].astype(str).where(FRAME.index != 9, "much")),
        {},
        "column 'x', row 9: 'much' is not a number",
    ),
    "infinite": (
        FRAME.assign(x=FRAME["x"].where(FRAME.index != 9, np.inf)),
        {},
        "sequence s1, step 3, feature 0: inf is not a finite number",
    ),
    "two targets": (
        FRAME.assign(target=FRAME["target"].where(FRAME.index != 9, "new")),
        {},
        "column 'target', row 9: it changes within a sequence",
    ),
    "a series with sequences": (
        FRAME,
        {"target": "next", "seq_len": 3},
        "column 'sequence' has no place in one long series",
    ),
}


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("mistake", TABLES)
def test_a_table(mistake: str, ending: str, tmp_path: Path) -> None:
    frame, arguments, message = TABLES[mistake]
    path = tmp_path / f"data.{ending}"
    if ending == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    refused(lambda: Arrays(str(path), **arguments), f"path={path}: ", message)


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    FRAME.assign(y=FRAME["x"]).rename(columns={"y": "x"}).to_csv(path, index=False)
    refused(lambda: Arrays(str(path)), f"path={path}: two columns are called 'x'", "")


@pytest.mark.parametrize("word", ["NA", "nan", "NaN", "null"])
def test_a_word_for_a_missing_value_in_the_place_of_a_number(word: str, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    FRAME.assign(x=FRAME["x"].astype(str).where(FRAME.index != 9, word)).to_csv(path, index=False)
    message = f"path={path}: column 'x', row 9: {word!r} is not a number"
    refused(lambda: Arrays(str(path)), message, "")


@pytest.mark.parametrize("name", ["data.npz", "data.csv", "data.parquet"])
@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe no such file", b"PK\x03\x04cut off"])
def test_a_file_of_something_else(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    refused(lambda: Arrays(str(path)), f"path={path}: it ", "")


def test_an_array_alone_in_the_place_of_an_archive(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", INPUTS)
    path = (tmp_path / "a.npy").rename(tmp_path / "data.npz")
    refused(lambda: Arrays(str(path)), f"path={path}: ", "it has no array 'inputs'")


def test_no_file_of_python_objects_is_read(tmp_path: Path) -> None:
    """Oracle: a file whose reading would run a program."""
    np.save(tmp_path / "inputs.npy", np.array([print], dtype=object), allow_pickle=True)
    message = "inputs.npy cannot be read: "
    refused(lambda: Arrays(str(tmp_path)), f"path={tmp_path}: {message}", "Python objects")
    np.savez(tmp_path / "data.npz", inputs=np.array([print], dtype=object), targets=LABELS)
    refused(lambda: Arrays(str(tmp_path / "data.npz")), f"path={tmp_path}", "allow_pickle")


WRONG_ARGUMENTS: dict[str, tuple[dict[str, Any], str]] = {
    "no path": ({}, "path=None: a file .npz, .csv or .parquet, or a folder of .npy"),
    "target": ({"target": "median"}, "target=median is not allowed"),
    "no length": ({"path": "a.npz", "target": "next"}, "seq_len=None: a series is cut"),
    "one step": ({"target": "next", "seq_len": 1}, "seq_len=1 is too small: at least 2"),
    "an ending": ({"path": "/etc/hostname"}, "path=/etc/hostname: its name ends in none of"),
    "half of it": ({"mean": (0.0,)}, "scale=None is missing: mean, scale, classes are found"),
    "of another target": (
        {"mean": (0.0,), "scale": (1.0,), "classes": ("a", "b"), "target_mean": (0.0,)},
        "target_mean=(0.0,) is no part of them",
    ),
    "no scale": (
        {"mean": (0.0,), "scale": (0.0,), "classes": ("a", "b")},
        "scale=0.0 is out of bounds",
    ),
}


@pytest.mark.parametrize("mistake", WRONG_ARGUMENTS)
def test_an_argument(mistake: str) -> None:
    arguments, message = WRONG_ARGUMENTS[mistake]
    refused(lambda: Arrays(**arguments), message, "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", " is empty"),
        (b"abc\xffdef" * 100, " is no text in UTF-8: byte 3 is wrong"),
    ],
)
def test_a_text(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    refused(lambda: Text(5, str(path)), f"path={path}", message)


def test_a_folder_or_a_pipe_in_the_place_of_a_text(tmp_path: Path) -> None:
    refused(lambda: Text(5, str(tmp_path)), f"path={tmp_path} is no file of text", "")
    refused(lambda: Text(5, "/dev/null"), "path=/dev/null is no file of text", "")


def _cut(folder: Path) -> None:
    path = folder / "low" / "00.wav"
    path.write_bytes(path.read_bytes()[:900])


def _rate(folder: Path) -> None:
    wavfile.write(folder / "low" / "00.wav", 16000, np.zeros(800, np.int16))


def _longer(folder: Path) -> None:
    wavfile.write(folder / "low" / "00.wav", RATE, np.zeros(900, np.int16))


def _nan(folder: Path) -> None:
    wavfile.write(folder / "low" / "00.wav", RATE, np.full(800, np.nan, np.float32))


def _twice(folder: Path) -> None:
    for number in range(12):
        (folder / "low" / f"{number:02}.wav").write_bytes((folder / "low" / "00.wav").read_bytes())


FOLDERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut off": (_cut, "low/00.wav is no wav file: "),
    "no wav": (
        lambda f: (f / "low" / "00.wav").write_bytes(b"RIFF or not"),
        "low/00.wav is no wav file: ",
    ),
    "another rate": (
        _rate,
        "high/00.wav has 8000 samples a second and low/00.wav 16000: they have one",
    ),
    "not a number": (_nan, "low/00.wav has a sample that is not a finite number"),
    "no label": (
        lambda f: (f / "low" / "00.wav").rename(f / "00.wav"),
        "00.wav does not lie in a folder",
    ),
    "one label": (lambda f: (f / "high").rename(f.parent / "away"), "have one class, 'low'"),
    "equal files": (_twice, "are equal, and in"),
}


@pytest.mark.parametrize("mistake", FOLDERS)
def test_a_folder_of_recordings(mistake: str, tmp_path: Path) -> None:
    change, message = FOLDERS[mistake]
    folder = tmp_path / "words"
    write_words(folder)
    change(folder)
    refused(lambda: Audio(str(folder)), f"path={folder}: ", message)


def test_recordings_of_other_lengths_are_named(tmp_path: Path) -> None:
    write_words(tmp_path / "words")
    _longer(tmp_path / "words")
    message = (
        "high/00.wav has 7 frames and low/00.wav 8; seq_len=N takes the middle N of longer ones"
    )
    refused(lambda: Audio(str(tmp_path / "words"), hop=12.5), "seq_len=None: ", message)
    assert Audio(str(tmp_path / "words"), hop=12.5, seq_len=7).seq_len == 7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "path=None: a folder of folders of wav files"),
        ({"path": "/nowhere"}, "path=/nowhere: it is no folder"),
        ({"path": "/etc/hostname"}, "path=/etc/hostname: it is no folder"),
        ({"seq_len": 0}, "seq_len=0 is too small"),
        ({"rate": 8000}, "classes=None: classes, rate, mean, scale are found together"),
    ],
)
def test_an_argument_of_audio(arguments: dict[str, Any], message: str) -> None:
    refused(lambda: Audio(**arguments), message, "")

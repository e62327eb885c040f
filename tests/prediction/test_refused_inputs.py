"""What no model can answer. Oracle: one line that says what and where, exit 2, and a folder as it was."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.io import wavfile

from rnnlab.predict import main
from rnnlab.tasks.temporal_order import TemporalOrder
from tests.support.command import Command, called
from tests.support.predictors import stand_in, symbols

X = symbols(50)[0]
HEADER = "sequence,A,B,c,d,e,f"
ROWS = [f"{name},{k},0,0,0,0,1" for name in "pq" for k in range(5)]


def changed(value: float, dtype: str = "f8") -> np.ndarray:
    """X with a number at step 17, feature 3."""
    x = X.astype(dtype)
    x[17, 3] = value
    return x


def lines(*texts: str) -> bytes:
    return "\n".join(texts).encode()


def packed(kind: str) -> bytes:
    """A whole file of a kind, by its library."""
    path = Path(f"whole.{kind}")
    if kind == "npy":
        np.save(path, X)
    elif kind == "npz":
        np.savez(path, a=X, b=X)
    elif kind == "parquet":
        pd.DataFrame(X, columns=list("ABcdef")).to_parquet(path)
    else:
        wavfile.write(path, 8000, np.zeros(100, np.int16))
    data = path.read_bytes()
    path.unlink()
    return data


def table(**columns: object) -> pd.DataFrame:
    return pd.DataFrame(X, columns=list("ABcdef")).assign(**columns)  # pyrefly: ignore[bad-argument-type]


ARRAYS = {
    "features": (X[:, :5], r"shape \(50, 5\) are not \(seq_len, 6\) or \(batch, seq_len, 6\)"),
    "flat": (X[:, 0], r"shape \(50,\) are not"),
    "deep": (X[None, None], r"shape \(1, 1, 50, 6\) are not"),
    "empty": (X[:0], r"shape \(0, 6\) are empty"),
    "no sequence": (X[None][:0], r"shape \(0, 50, 6\) are empty"),
    "objects": (np.array([[1, "a"]], dtype=object), "type object are not real numbers"),
    "texts": (X.astype(str), "type <U32 are not real numbers"),
    "complex": (X.astype(complex), "type complex128 are not real numbers"),
    "dates": (X.astype("M8[s]"), r"type datetime64\[s\] are not real numbers"),
    "nan": (changed(np.nan), "step 17, feature 3: nan is no finite number of float32"),
    "infinite": (changed(-np.inf, "f4"), "step 17, feature 3: -inf is no finite"),
    "too large": (changed(1e39), r"step 17, feature 3: 1e\+39 is no finite number of float32"),
    "nan of one": (np.stack([X, changed(np.nan)]), "sequence 1, step 17, feature 3: nan"),
}
FILES = {
    "nothing.npy": (lambda: b"", " is empty"),
    "nothing.csv": (lambda: b"", " is empty"),
    "nothing.parquet": (lambda: b"", " is empty"),
    "cut.npy": (lambda: packed("npy")[:-3], "no whole .npy file: it ends before its array does"),
    "header.npy": (lambda: packed("npy")[:60], "no whole .npy file: EOF: reading array header"),
    "noise.npy": (lambda: b"hello, I am no array", "no whole .npy file: the magic string is not"),
    "two.npy": (lambda: 2 * packed("npy"), "there is more after its array"),
    "cut.npz": (lambda: packed("npz")[:-9], "no whole .npz file: File is not a zip file"),
    "bits.npz": (
        lambda: packed("npz")[:500] + b"\xff" + packed("npz")[501:],
        "array a: it is no whole .npy file: Bad CRC-32",
    ),
    "header.csv": (lambda: lines(HEADER, ""), "it has no rows"),
    "few.csv": (lambda: lines(HEADER, *ROWS, "q,1,2"), "line 12 has 3 values, and the header 7"),
    "many.csv": (lambda: lines(HEADER, ROWS[0] + ",1"), "line 2 has 8 values, and the header 7"),
    "missing.csv": (lambda: lines(HEADER, "p,1,,0,0,0,1"), "line 2, column B: a value is missing"),
    "word.csv": (lambda: lines(HEADER, ROWS[0], "p,1,x,0,0,0,1"), "line 3, column B: 'x' is no n"),
    "nan.csv": (lambda: lines(HEADER, ROWS[0], "p,1,nan,0,0,0,1"), "sequence p, step 1, feature 1"),
    "again.csv": (
        lambda: lines(HEADER, *ROWS, ROWS[0]),
        "p come again .*: the rows of a sequence must stand",
    ),
    "break.csv": (lambda: lines(HEADER, '"p\n",1,2,3,4,5,6'), "quotes that do not fit"),
    "quote.csv": (lambda: lines(HEADER, '"p,1,2,3,4,5,6'), "line 2 or one that follows has quotes"),
    "twice.csv": (lambda: lines("A,A,c,d,e,f", "1,2,3,4,5,6"), "two of its columns have one name"),
    "columns.csv": (lambda: lines("A,B", "1,2"), r"2 columns of features \(A, B\) are not the 6"),
    "letters.csv": (lambda: b"A,B\n\xff\xff\n", "no whole UTF-8 text"),
    "cut.parquet": (lambda: packed("parquet")[:-9], "no whole .parquet file: Parquet magic bytes"),
    "cut.jsonl": (lambda: lines(json.dumps(X.tolist()), "[[1,2"), "line 2: it is no whole line of"),
    "key.jsonl": (lambda: b'{"input": [[1]]}', "line 1: input is no key: did you mean inputs"),
    "without.jsonl": (lambda: b'{"sequence": "a"}', "line 1: it has no inputs"),
    "name.jsonl": (lambda: b'{"sequence": [], "inputs": [[1]]}', "line 1: sequence=.. is no name"),
    "ragged.jsonl": (lambda: b"[[1,2,3,4,5,6],[1]]", "line 1: inputs are steps of different len"),
    "null.jsonl": (lambda: b"[[null,2,3,4,5,6]]", "line 1: inputs of type object are not real"),
    "text.jsonl": (lambda: b'[["1",2,3,4,5,6]]', "line 1: inputs of type <U.* are not real"),
    "number.jsonl": (lambda: b"3", "line 1: inputs are a list of steps"),
    "features.jsonl": (
        lambda: b"[[1,2]]",
        r"line 1: inputs of shape \(1, 2\) are not \(seq_len, 6",
    ),
    "nan.jsonl": (lambda: b"[[NaN,2,3,4,5,6]]", "sequence 0, step 0, feature 0: nan"),
    "deep.jsonl": (lambda: b"[" * 99999, "line 1: it is no whole line of JSON: maximum recursion"),
    "blank.jsonl": (lambda: b"\n\n", "it is empty"),
    "x.txt": (lambda: b"hello", "task TemporalOrder reads no text"),
    "x.wav": (lambda: packed("wav"), "task TemporalOrder reads no sound"),
    "cut.wav": (lambda: packed("wav")[:90], "no whole .wav file: Reached EOF prematurely"),
    "noise.wav": (lambda: b"hello, I am no sound", "no whole .wav file: File format"),
}
WORDS: dict[tuple[str, ...], str] = {
    ("input=x.npy",): "output=... is missing: a file",
    ("output=y.npy",): "input=... is missing: a file",
    ("input=x.npy", "output=y.npy", "run="): "run is set twice",
    ("x.npy", "output=y.npy"): "x.npy is no key=value of a prediction: ",
    ("inptu=x.npy", "output=y.npy"): "inptu=x.npy is no key=value .*: did you mean input?",
    ("+input=x.npy", "output=y.npy"): r"\+input=x.npy is no key=value",
    ("input=no.npy", "output=y.npy"): "input=no.npy cannot be read: No such file",
    ("input=folder.npy", "output=y.npy"): "input=folder.npy cannot be read: Is a directory",
    ("input=x.npy", "output=no/y.npy"): "output=no/y.npy: there is no folder",
    ("input=x.npy", "output=folder.npy"): "output=folder.npy is no file",
    ("input=x.npy", "output=old.npy"): "output=old.npy exists: overwrite=true replaces it",
    ("input=x.npy", "output=x.npy", "overwrite=true"): "output=x.npy is the input",
    ("input=x.npy", "output=y.txt"): "output=y.txt does not tell its format: .*output_format=",
    ("input=x.nyp", "output=y.npy"): "input=x.nyp does not tell its format: did you mean .npy?",
    ("input=-", "output=y.npy"): r"input=- does not tell its format: input_format=npy\|npz",
    ("input=x.npy", "output=-"): r"output=- does not tell its format: output_format=npy\|npz",
    (
        "input=x.npy",
        "output=y.csv",
        "output_format=cvs",
    ): "output_format=cvs is not allowed: did you",
    ("input=x.npy", "output=y.csv", "steps="): "^steps= is not allowed. Allowed: all, last$",
    ("input=x.npy\0", "output=y.csv"): "^input= has a NUL character",
    ("input=x.npy", "output=y\0.csv"): "^output= has a NUL character",
    ("input=batch.npz", "output=y.csv"): (
        r"^input=batch.npz: array inputs: inputs of shape \(2, 50, 6\) are not \(seq_len, 6\)$"
    ),
    ("input=x.npy", "output=y.csv", "steps=first"): "steps=first is not allowed",
    ("input=x.npy", "output=y.csv", "checkpoint=first"): "checkpoint=first is not allowed",
    ("input=x.npy", "output=y.csv", "states=1"): "states=1 is neither true nor false",
    ("input=x.npy", "output=y.npy", "states=true"): "states=true: npy holds one array",
    ("input=x.npy", "output=y.csv", "columns=[a]"): "columns= chooses columns of csv and parquet",
    ("input=x.npy", "output=y.csv", "columns=[[a]]"): "columns=.* are no names of columns",
    ("input=x.npy", "output=y.csv", "columns=["): r"columns=\[ cannot be read",
    ("input=x.npy", "output=y.csv", "allow_targets=a"): "allow_targets='a' is not a list",
    ("input=x.npy", "output=-", "output_format=csv", "overwrite=true"): "overwrite=true: a pipe",
    ("input=t.csv", "output=y.csv", "columns=A,B,c,d,e,g"): "it has no column g: ",
    ("input=ab.npz", "output=y.npy", "steps=all"): "sequence b, sequences of 50 and of 7 steps are",
    ("input=ab.npz", "output=y.npz", "output_format=npy", "steps=all"): "sequence b, sequences of",
}


@pytest.fixture
def predict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Command:
    stand_in(monkeypatch, TemporalOrder())
    monkeypatch.chdir(tmp_path)
    return lambda *words: called(main, ["rnnlab.predict", *words], monkeypatch, capfd)


def refused(predict: Command, folder: Path, words: tuple[str, ...], message: str) -> None:
    """In a line, with nothing made."""
    before = {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}
    ended = predict("run=any", *words)
    assert (ended.status, ended.out) == (2, "")
    assert re.search(message, ended.err), ended.err
    assert ended.err.count("\n") == 1
    assert {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")} == before


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays(name: str, predict: Command, tmp_path: Path) -> None:
    array, message = ARRAYS[name]
    np.save(tmp_path / "x.npy", array, allow_pickle=True)
    refused(predict, tmp_path, ("input=x.npy", "output=y.csv"), f"^input=x.npy: .*{message}")


@pytest.mark.parametrize("name", FILES)
def test_files(name: str, predict: Command, tmp_path: Path) -> None:
    make, message = FILES[name]
    (tmp_path / name).write_bytes(make())
    for output in ("y.npz", "y.parquet"):  # which are not written as they come
        words = (f"input={name}", f"output={output}", "states=true")
        refused(predict, tmp_path, words, f"^input={name}.*{message}")


def test_tables(predict: Command, tmp_path: Path) -> None:
    nothing = pd.array([None, *X[1:, 1]], "Float32")
    for frame, message in (
        (table(B=nothing), "row 0, column B: a value is missing"),
        (table(B="b"), "column B of type .*string has no numbers"),
        (table(B=np.where(X[:, 1] > 2, 1, np.inf)), "step 0, feature 1: inf"),
        (table()[:0], "it has no rows"),
        (table(sequence=[None, *["a"] * 49]), "row 0, column sequence: a value is missing"),
    ):
        frame.to_parquet(tmp_path / "x.parquet")
        words = ("input=x.parquet", "output=y.csv")
        refused(predict, tmp_path, words, f"^input=x.parquet: .*{message}")


def test_names_in_an_npz(predict: Command, tmp_path: Path) -> None:
    arrays = {"a": X, "a/class": X}
    np.savez(tmp_path / "x.npz", **arrays)  # pyrefly: ignore[bad-argument-type]
    words = ("input=x.npz", "output=y.npz")
    refused(predict, tmp_path, words, "two arrays would be called a/class")
    (tmp_path / "x.npz").write_bytes(b"")
    np.savez(tmp_path / "x.npz")
    refused(predict, tmp_path, words, "it holds no arrays")


@pytest.mark.parametrize("name", ["../../evil", "a/../../evil", "..", "/evil", "a\0b"])
def test_names_that_would_leave_an_npz(name: str, predict: Command, tmp_path: Path) -> None:
    """Another format, which has no members, takes them."""
    line = json.dumps({"sequence": name, "inputs": X.tolist()})
    (tmp_path / "x.jsonl").write_text(line + "\n")
    words = ("input=x.jsonl", "output=y.npz")
    refused(predict, tmp_path, words, f"the name {re.escape(repr(name))} cannot be that of an arr")
    assert predict("run=any", "input=x.jsonl", "output=y.jsonl").status == 0
    assert json.loads((tmp_path / "y.jsonl").read_text())["sequence"] == name


def test_dots_within_a_name_stay(predict: Command, tmp_path: Path) -> None:
    """Oracle: the name itself, which numpy reads."""
    (tmp_path / "x.jsonl").write_text(json.dumps({"sequence": "a..b/c", "inputs": X.tolist()}))
    assert predict("run=any", "input=x.jsonl", "output=y.npz").status == 0
    assert "a..b/c" in np.load(tmp_path / "y.npz")


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_words(words: tuple[str, ...], predict: Command, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "old.npy", X)
    np.savez(tmp_path / "ab.npz", a=X, b=X[:7])
    np.savez(tmp_path / "batch.npz", inputs=np.stack([X, X]))
    table().to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "folder.npy").mkdir()
    refused(predict, tmp_path, words, f"{WORDS[words]}")


def test_what_exists_is_replaced_if_the_user_says_so(predict: Command, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    (tmp_path / "y.npy").write_bytes(b"old")
    assert predict("run=any", "input=x.npy", "output=y.npy", "overwrite=true").status == 0
    assert np.load(tmp_path / "y.npy").shape == (1, 4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.npy", "y.npy"]


def test_a_missing_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "x.npy", X)
    words = ["rnnlab.predict", "run=nowhere", "input=x.npy", "output=y.npy"]
    ended = called(main, words, monkeypatch, capfd)
    assert ended.err == (
        "run=nowhere: there is no such folder, and it is no id of a run in MLflow\n"
    )
    assert (ended.status, [path.name for path in tmp_path.iterdir()]) == (2, ["x.npy"])

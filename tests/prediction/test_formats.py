"""Every input with every output. Oracles: numpy, pandas and json as readers; the stream of each sequence alone."""

import io
import json
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.io import wavfile

from rnnlab.predict import HELP, main
from rnnlab.prediction import formats
from rnnlab.prediction.predictor import Predictor
from rnnlab.tasks.temporal_order import TemporalOrder
from tests.support.command import Command, called
from tests.support.predictors import stand_in, symbols
from tests.support.senses import RATE, Senses

LENGTHS = {"a": 70, "b,c": 5, "d": 64}
COLUMNS = list("ABcdef")


@pytest.fixture
def predictor(monkeypatch: pytest.MonkeyPatch) -> Predictor:
    return stand_in(monkeypatch, TemporalOrder())


@pytest.fixture
def predict(
    predictor: Predictor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Command:
    """`python -m rnnlab.predict run=any` with these words."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: called(main, ["rnnlab.predict", "run=any", *words], monkeypatch, capfd)


def table(sequences: dict[str, np.ndarray]) -> pd.DataFrame:
    parts = [pd.DataFrame(x, columns=COLUMNS).assign(sequence=n) for n, x in sequences.items()]
    return pd.concat(parts, ignore_index=True)


def as_lines(sequences: dict[str, np.ndarray]) -> str:
    lines = ({"sequence": n, "inputs": x.tolist()} for n, x in sequences.items())
    return "".join(f"{json.dumps(line)}\n" for line in lines)


WRITE: dict[str, Callable[[Path, dict[str, np.ndarray]], object]] = {
    "npz": lambda path, sequences: np.savez(path, **sequences),  # pyrefly: ignore[bad-argument-type]
    "csv": lambda path, sequences: table(sequences).to_csv(path, index=False),
    "parquet": lambda path, sequences: table(sequences).to_parquet(path),
    "jsonl": lambda path, sequences: path.write_text(as_lines(sequences)),
}
STATES = ("h", "c")
Found = dict[str, dict[str, np.ndarray]]


def of_table(frame: pd.DataFrame) -> Found:
    """The arrays of each sequence."""
    found: Found = {}
    for name, rows in frame.groupby("sequence", sort=False):
        arrays: dict[str, np.ndarray] = {"class": rows["class"].to_numpy(str)}
        found[str(name)] = arrays
        for key in ("outputs", "probabilities", *STATES):
            arrays[key] = rows.filter(regex=rf"^{key}\.").to_numpy(np.float32)
        assert [*rows["step"]] == [*range(len(rows))] or len(rows) == 1
    return found


def of_lines(path: Path) -> Found:
    found: Found = {}
    for line in path.read_text().splitlines():
        arrays = json.loads(line)
        name = arrays.pop("sequence")
        found[name] = {
            key: np.array(value, None if key == "class" else np.float32)
            for key, value in arrays.items()
        }
    return found


def of_npz(path: Path) -> Found:
    found: Found = {}
    with np.load(path) as arrays:
        for name, array in arrays.items():
            sequence, _, key = name.partition("/")
            found.setdefault(sequence, {})[key or "outputs"] = array
    return found


READ: dict[str, Callable[[Path], Found]] = {
    "npz": of_npz,
    "csv": lambda path: of_table(pd.read_csv(path, dtype={"sequence": "str", "class": "str"})),
    "parquet": lambda path: of_table(pd.read_parquet(path)),
    "jsonl": of_lines,
}


@pytest.mark.parametrize(
    ("given", "output", "steps"),
    [
        pytest.param(
            *(given, output, steps),
            marks=[] if given == output or (given, steps) == ("npz", "last") else pytest.mark.slow,
        )
        for given in WRITE
        for output in READ
        for steps in ("all", "last")
    ],
)
def test_any_input_goes_with_any_output(
    given: str, output: str, steps: str, predictor: Predictor, predict: Command, tmp_path: Path
) -> None:
    """Of sequences of different lengths, to the last bit."""
    sequences = dict(zip(LENGTHS, symbols(*LENGTHS.values()), strict=True))
    WRITE[given](tmp_path / f"x.{given}", sequences)
    words = [f"input=x.{given}", f"output=y.{output}", f"steps={steps}", "states=true"]
    ended = predict(*words)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out == f"y.{output}  3 sequences, 139 steps in all\n"
    found = READ[output](tmp_path / f"y.{output}")
    assert [*found] == [*LENGTHS]
    for name, inputs in sequences.items():
        wanted = predictor.stream(states=True).feed(inputs).arrays
        assert found[name].keys() == wanted.keys()
        for key, array in wanted.items():
            rows = array if steps == "all" else array[-1:]
            assert np.array_equal(found[name][key], rows), key


@pytest.mark.parametrize(
    ("order", "kind", "batch"),
    [
        *(("C", kind, None) for kind in ("f8", ">f4", "i2", "?")),
        *((order, "f4", batch) for order in "CF" for batch in (None, 1, 3)),
    ],
)
def test_arrays(
    order: Any, kind: str, batch: int | None, predictor: Predictor, predict: Command, tmp_path: Path
) -> None:
    """In each order and type, one sequence or several."""
    whole = np.stack(symbols(*[9] * (batch or 1)))
    inputs = np.asarray(whole if batch else whole[0], dtype=kind, order=order)
    np.save(tmp_path / "x.npy", inputs)
    assert predict("input=x.npy", "output=y.npy", "steps=all").status == 0
    found = np.load(tmp_path / "y.npy")
    wanted = np.stack([predictor.stream().feed(each).outputs for each in whole])
    assert found.dtype == np.float32
    assert np.array_equal(found, wanted if batch else wanted[0])
    assert predict("input=x.npy", "output=z.npy").status == 0  # the task answers once
    last = np.load(tmp_path / "z.npy")
    assert np.array_equal(last, (wanted if batch else wanted[0])[..., -1:, :])


def test_versions_of_npy(predictor: Predictor, predict: Command, tmp_path: Path) -> None:
    (inputs,) = symbols(5)
    with (tmp_path / "x.npy").open("wb") as file:
        np.lib.format.write_array(file, inputs, version=(2, 0))
    assert predict("input=x.npy", "output=y.npy", "steps=all").status == 0
    assert np.array_equal(np.load(tmp_path / "y.npy"), predictor.stream().feed(inputs).outputs)


def test_a_compressed_npz_and_columns_in_another_order(
    predictor: Predictor, predict: Command, tmp_path: Path
) -> None:
    (inputs,) = symbols(9)
    np.savez_compressed(tmp_path / "x.npz", a=inputs)
    frame = pd.DataFrame(inputs[:, ::-1], columns=COLUMNS[::-1]).assign(time=range(9))
    frame.to_csv(tmp_path / "x.csv", index=False)
    frame.to_parquet(tmp_path / "x.parquet")
    chosen = f"columns=[{','.join(COLUMNS)}]"
    assert predict("input=x.npz", "output=z.npy", "steps=all").status == 0
    for name in ("x.csv", "x.parquet"):
        words = [f"input={name}", "output=y.npy", "steps=all", "overwrite=true"]
        refused = predict(*words)
        assert refused.status == 2
        assert "7 columns of features (f, e, d, c, B, A, time) are not the 6" in refused.err
        assert predict(*words, chosen).status == 0
        found = np.load(tmp_path / "y.npy")
        assert np.array_equal(found, np.load(tmp_path / "z.npy")[0])


def test_names_of_sequences_are_numbers_where_there_are_none(
    predict: Command, tmp_path: Path
) -> None:
    lines = [json.dumps(each.tolist()) for each in symbols(3, 4)]
    (tmp_path / "x.jsonl").write_text("\n".join(lines))
    assert predict("input=x.jsonl", "output=y.npz", "steps=all").status == 0
    assert [*of_npz(tmp_path / "y.npz")] == ["0", "1"]
    assert zipfile.ZipFile(tmp_path / "y.npz").testzip() is None


class Trickle(io.RawIOBase):
    """A pipe that has a few bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int:
        part = self.data[self.at : self.at + 7]
        room[: len(part)] = part
        self.at += len(part)
        return len(part)


@pytest.mark.parametrize(
    ("given", "output"),
    [
        pytest.param(given, output, marks=[] if given == output else pytest.mark.slow)
        for given in (*WRITE, "npy")
        for output in (*READ, "npy")
    ],
)
def test_pipes(
    given: str,
    output: str,
    predictor: Predictor,
    predict: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Bytes that come seven at a time give what the file gives, byte for byte."""
    sequences = dict(zip(["a", "b"], symbols(66, 66), strict=True))
    writers = {**WRITE, "npy": lambda path, found: np.save(path, np.stack([*found.values()]))}
    writers[given](tmp_path / f"x.{given}", sequences)
    assert predict(f"input=x.{given}", f"output=y.{output}", "steps=all").status == 0
    data = (tmp_path / f"x.{given}").read_bytes()
    pipe, printed = io.BufferedReader(Trickle(data)), io.BytesIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(pipe))
    words = ["input=-", "output=-", f"input_format={given}", f"output_format={output}"]
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed))
    with pytest.raises(SystemExit) as ended:
        main(["run=any", *words, "steps=all"])
    assert ended.value.code == 0
    if output != "parquet":  # whose groups go by the pieces
        assert printed.getvalue() == (tmp_path / f"y.{output}").read_bytes()
    (tmp_path / f"z.{output}").write_bytes(printed.getvalue())
    for name, array in sequences.items():
        wanted = predictor.stream().feed(array).outputs
        if output == "npy":
            assert np.array_equal(np.load(tmp_path / "z.npy")["ab".index(name)], wanted)
        else:
            found = READ[output](tmp_path / f"z.{output}")
            place = str("ab".index(name)) if given == "npy" else name
            assert np.array_equal(found[place]["outputs"], wanted)


def long_file(kind: str, steps: int) -> bytes:
    """One sequence of zeros, for a model of 27 features; of "fortran" a .npy file whose columns lie together."""
    x, file = np.zeros((steps, 27)), io.BytesIO()
    if kind in ("npy", "fortran"):
        np.save(file, np.asfortranarray(x) if kind == "fortran" else x)
    elif kind == "npz":
        np.savez(file, a=x)
    elif kind == "csv":
        pd.DataFrame(x).astype(int).to_csv(file, index=False)
    elif kind == "parquet":
        pd.DataFrame(x).rename(columns=str).to_parquet(file)
    elif kind == "jsonl":
        file.write(json.dumps(x.tolist()).encode())
    elif kind == "text":
        file.write(b"a" * steps)
    else:
        wavfile.write(file, RATE, x[:, 0])
    return file.getvalue()


@pytest.mark.parametrize("kind", ["fortran", *formats.READ])
def test_the_help_says_which_inputs_are_read_whole(kind: str) -> None:
    """Oracle: whether the first piece that a reader gives is the sequence."""
    steps, format_ = 20_000, "npy" if kind == "fortran" else kind
    source = formats.READ[format_].read(io.BytesIO(long_file(kind, steps)), Senses(), None)
    pieces = [len(piece) for sequence in source.sequences for piece in sequence.pieces]
    assert sum(pieces) == steps
    (said,) = re.findall("What has to fit into memory is (.*)", HELP)
    name = "Fortran" if kind == "fortran" else f".{kind}"
    assert (pieces[0] == steps) is (name in said)

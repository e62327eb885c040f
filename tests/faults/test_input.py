"""Bad input by the hundred: a clear error or a right result. Oracle: which of the two it must be."""

import json
import math
import random
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.foundation.json_file import write_content
from rnnlab.runs.served_model import ServedModel
from rnnlab.sweeps.sweep_file import SweepFile
from rnnlab.tasks.adding import Adding
from rnnlab.tracking.journal import Journal, Point
from rnnlab.tracking.manifest import Manifest
from rnnlab.tracking.result import Result
from rnnlab.training.checkpoints import load
from tests.support.command import QUICK, SMALL, Command
from tests.support.faults import Faults
from tests.support.refusals import refusal

MANY = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
KEYS = (
    *("train.steps", "train.block", "train.batch_size", "train.stop_when_solved", "seed"),
    *("cell.hidden_size", "cell.forget_bias", "cell", "task", "task.seq_len", "task.variant"),
    *("clip", "optimizer.lr", "optimizer", "schedule", "model.num_layers", "model.dropout"),
    *("eval.lengths", "eval.sequences", "num_threads", "diagnostics", "trainer.precision"),
    *("tracking.experiment", "tracking.log_model", "resume", "allow_targets", "experiment"),
)
values = st.one_of(
    st.integers(-5, 9).map(str),
    st.sampled_from(["1e999", "-1e999", "nan", ".inf", "9" * 30, "-0", "0x10", "1_0", "1e-400"]),
    st.sampled_from(["null", "true", "[]", "{}", "[1,2]", "{a:1}", "[[[[[]]]]]", "''", "?", "???"]),
    st.sampled_from(["${seed}", "${nothing}", "${oc.env:HOME}", "${cell}", "$", "${", "=", "a=b"]),
    st.text(max_size=20),
    st.text("x", min_size=3000, max_size=3000),
    st.sampled_from(
        ["{" * 50 + "}" * 50, "[" * 300, "a" * 9000, "\u202e", "\x00", "💥", "../..", "~"]
    ),
)


def left_out(key: str, value: str) -> bool:
    """A right request, for years of work; and what has a test of its own below."""
    digits = value.strip("\0").isdecimal()
    years = digits and len(value) > 5 and key in ("train.steps", "task.seq_len")
    return years or (key == "resume" and len(value) > 200)


RUN = (*QUICK, *SMALL, "tracking.log_model=false")


@MANY
@given(key=st.sampled_from(KEYS), value=values)
@example(key="seed", value="9" * 18)  # of what a run takes, hypothesis may find too few
@example(key="cell", value="'gru'")
@example(key="model.dropout", value="-0")
@example(key="eval.lengths", value="[1,2]")
def _refuse_or_begin(home: Path, refusals: dict[str, str], key: str, value: str) -> None:
    if not left_out(key, value):
        override = f"{key}={value}"
        refusals[override] = refusal(*RUN, override, output=home / "not_run")
        assert len(refusals[override].strip().splitlines()) <= 6, refusals
        assert "Traceback" not in refusals[override]


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
def test_overrides(command: Command, home: Path, faults: Faults) -> None:
    """All by the code of a command up to its run; some, by the whole of it, end in the same way."""
    refusals: dict[str, str] = {}
    _refuse_or_begin(home, refusals)
    chosen = random.Random(0)
    named = [override for override in refusals if override.startswith("tracking.experiment=")]
    others = [override for override in refusals if override not in named]
    begun = chosen.sample([override for override in others if not refusals[override]], 4)
    refused = chosen.sample([override for override in others if refusals[override]], 8)
    ended = {override: command(*RUN, override) for override in (*begun, *refused, *named)}
    for override, end in ended.items():
        assert end.status in (0, 2), (override, end.err)
        assert "Traceback" not in end.out + end.err
        assert refusals[override].partition("\n")[0] in end.err
        if override not in named:  # which its store may refuse, too
            assert end.status == (2 if refusals[override] else 0), override
    results = [Result.read(path.parent) for path in home.glob("outputs/runs/*/*/result.json")]
    assert {result.status for result in results} == {"FINISHED"}
    assert len(results) == sum(end.status == 0 for end in ended.values())
    faults("a strange override", made=len(refusals) + len(ended))


def test_no_file_has_a_name_so_long(home: Path) -> None:
    refused = refusal(*RUN, f"resume={'x' * 3000}", output=home / "not_run")
    assert refused == f"resume='{'x' * 40}'...: File name too long"


@pytest.fixture(scope="module")
def served() -> ServedModel:
    model = ServedModel()
    model.task = Adding()
    model.model = SequenceModel(partial(ElmanCell, hidden_size=3), input_size=2, output_size=1)
    return model


SHAPES = st.lists(st.integers(0, 4), max_size=5)
NUMBERS = st.sampled_from([0.0, 1.0, -1e38, np.inf, np.nan, 1e-45])


@MANY
@given(shape=SHAPES, number=NUMBERS, kind=st.sampled_from(["f4", "f8", "i8", "?", "U3", "O"]))
def _predict(
    served: ServedModel, made: list[int], shape: list[int], number: float, kind: str
) -> None:
    with np.errstate(all="ignore"):
        given_ = np.full(shape, number).astype(kind, casting="unsafe")
    made.append(1)
    right = len(shape) == 3 and shape[2] == 2 and shape[1] > 0
    try:
        outputs = served.predict(None, given_)  # pyrefly: ignore[bad-argument-type]
    except ValueError:
        assert not right or kind in "U3O" or not np.isfinite(given_).all()
    else:
        assert right
        assert np.isfinite(given_.astype(float)).all()
        assert outputs.shape == (*shape[:2], 1)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_predictions(served: ServedModel, faults: Faults) -> None:
    made: list[int] = []
    _predict(served, made)
    faults("a strange input to a model", made=len(made))


POINT = json.dumps(Point("a", 1.0, 1, 1)._asdict()).encode()
broken = st.one_of(
    st.binary(max_size=60).filter(lambda line: b"\n" not in line),
    st.integers(0, len(POINT) - 1).map(lambda cut: POINT[:cut]),
    st.sampled_from([b"[]", b"{}", b"null", b"1", b'{"key": 1}', b"[" * 5000, b"\0" * 30, b"\xff"]),
    st.fixed_dictionaries(
        {name: st.sampled_from([None, "x", [], {}, True]) for name in Point._fields}
    ).map(lambda fields: json.dumps(fields).encode()),
)


@MANY
@given(lines=st.lists(st.one_of(st.just(POINT), broken), max_size=5), cut=broken)
def _read(folder: Path, made: list[int], lines: list[bytes], cut: bytes) -> None:
    path = folder / "metrics.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in lines) + cut)
    made.append(1)
    if all(line == POINT for line in lines):
        assert len(list(Journal(path))) == len(
            lines
        )  # what a killed process left of a line is none
        Journal(path).append({"b": 2.0}, 3)
        assert [point.key for point in Journal(path)] == ["a"] * len(lines) + ["b"]
        return
    with pytest.raises(ValueError, match=r"metrics\.jsonl, line \d+ is not a point of a metric"):
        list(Journal(path))


def test_journals(tmp_path: Path, faults: Faults) -> None:
    made: list[int] = []
    _read(tmp_path, made)
    faults("a corrupt journal", made=len(made))


@MANY
@given(data=st.binary(max_size=300))
def _load(path: Path, made: list[int], data: bytes) -> None:
    path.write_bytes(data)
    made.append(1)
    with pytest.raises(ValueError, match=r"last\.ckpt"):
        load(path)


def test_checkpoints(tmp_path: Path, faults: Faults) -> None:
    made: list[int] = []
    _load(tmp_path / "last.ckpt", made)
    faults("noise for a checkpoint", made=len(made))


STORED: tuple[tuple[str, type[Result | Manifest | SweepFile]], ...] = (
    ("result.json", Result),
    ("tracking.json", Manifest),
    ("sweep.json", SweepFile),
)
SOUND = {
    Result: Result("n", "v", "t", 1, 0, 0.5, ["a=1"], "", metrics={"loss": 1.0}),
    Manifest: Manifest("e", "n", {"tag": "x"}, {"param": "1"}, 5, artifacts=["a"]),
    SweepFile: SweepFile(["a=1"], {"seeds": 5, "key": None}, "sqlite://"),
}
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@MANY
@given(noise=st.binary(max_size=300) | anything.map(lambda value: json.dumps(value).encode()))
def _read_noise(folder: Path, made: list[int], noise: bytes) -> None:
    for file, kind in STORED:
        made.append(1)
        (folder / file).write_bytes(noise)
        with pytest.raises(ValueError, match=rf"{file} cannot be read"):
            kind.read(folder)


@MANY
@given(data=st.data(), value=anything)
def _read_odd(folder: Path, made: list[int], data: st.DataObject, value: Any) -> None:
    for file, kind in STORED:
        made.append(1)
        sound = asdict(SOUND[kind])
        name = data.draw(st.sampled_from(sorted(sound)))
        write_content(folder / file, sound | {name: value})
        same = type(value) is type(sound[name]) and name != "status"
        try:
            read, message = getattr(kind.read(folder), name), ""
        except ValueError as error:
            read, message = None, str(error)
        if message:
            what = "one of RUNNING, " if name == "status" else "of type "
            assert f"{file} cannot be read: {name} is not {what}" in message
            assert not same or isinstance(value, list | dict | int | float)
            assert not same or not isinstance(value, int) or abs(value) >= 2**63
            assert not same or not isinstance(value, float) or not math.isfinite(value)
        else:
            if name not in ("folder", "checkpoint"):  # which are where the file is
                assert repr(read) == repr(value)  # what is there, and nothing made of it
            assert same or isinstance(value, int | None)


def test_results_and_manifests(tmp_path: Path, faults: Faults) -> None:
    made: list[int] = []
    _read_noise(tmp_path, made)
    _read_odd(tmp_path, made)
    faults("noise for a result or a manifest", made=len(made))

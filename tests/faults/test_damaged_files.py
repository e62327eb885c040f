"""Files that have been changed since they were written, or made to look whole. Oracle: what was written."""

import io
import json
import os
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
import torch
from numpy.lib import format as npy
from safetensors.torch import load_file

from rnnlab.diagnostics.history import History, read_history
from rnnlab.foundation.json_file import read_content, write_content, write_json
from rnnlab.foundation.run_folder import RunFolder, SweepFolder
from rnnlab.foundation.yaml_file import read_yaml, refuse_bomb, sealed, write_yaml
from rnnlab.runs.reopen import load_module
from rnnlab.sweeps.job_list import JobList
from rnnlab.sweeps.sweep_file import SweepFile
from rnnlab.tracking.journal import Journal, Point
from rnnlab.tracking.manifest import Manifest
from rnnlab.tracking.outbox import Outbox
from rnnlab.tracking.result import Result
from rnnlab.training import checkpoints
from tests.support.command import QUICK, SMALL, Command
from tests.support.faults import Faults
from tests.support.killed_runs import killed_at
from tests.support.refusals import refusal

RUN = (*QUICK, *SMALL, "cell=gru", "cell.hidden_size=4", "hydra.run.dir=outputs/a")


def flipped(data: bytes, place: int, bits: int = 1) -> bytes:
    return data[:place] + bytes([data[place] ^ bits]) + data[place + 1 :]


def test_a_changed_byte_in_a_journal(tmp_path: Path, faults: Faults) -> None:
    """Its line is named and left out, the others are used; none has another number than before."""
    path = tmp_path / "metrics.jsonl"
    whole = [Journal(path).append({"train/loss": 0.1 * n}, n)[0] for n in range(3)]
    text = path.read_bytes()
    first = text.index(b"\n")
    for place in range(first):
        path.write_bytes(flipped(text, place))
        with pytest.raises(ValueError, match=r"metrics\.jsonl, line 1 is "):
            list(Journal(path))
        said = Journal(path).mend()
        assert "metrics.jsonl is damaged: line 1 is left out" in said
        assert list(Journal(path)) == whole[1:]
        (kept,) = tmp_path.glob("metrics.jsonl.damaged-*")
        assert kept.read_bytes() == flipped(text, place)
        kept.unlink()
    path.write_bytes(text)
    assert Journal(path).mend() == ""
    faults("a changed byte in a journal", made=first)


@pytest.mark.parametrize("number", ["1" * 400, "-" + "1" * 20, "NaN", "1e999"])
@pytest.mark.parametrize("field", ["value", "step", "timestamp"])
def test_a_number_that_no_store_takes(number: str, field: str, tmp_path: Path) -> None:
    point = {**Point("a", 1.0, 1, 1)._asdict(), field: "HERE"}
    path = tmp_path / "metrics.jsonl"
    path.write_text(json.dumps(point).replace('"HERE"', number) + "\n")
    with pytest.raises(ValueError, match="line 1 is not a point of a metric"):
        list(Journal(path))


STORED: tuple[tuple[str, Any, Callable[[Path], Any]], ...] = (
    (
        "result.json",
        Result("n", "v", "t", 1, 0, 0.5, ["a=1"], "", metrics={"loss": 1.0}),
        Result.read,
    ),
    ("tracking.json", Manifest("e", "n", {"tag": "x"}, {"param": "1"}, 5), Manifest.read),
    ("sweep.json", SweepFile(["a=1"], {"seeds": 5, "key": None}, "sqlite://"), SweepFile.read),
)


@pytest.mark.parametrize(("name", "stored", "read"), STORED, ids=lambda part: str(part)[:12])
def test_a_changed_byte_in_a_result_or_a_manifest(
    name: str, stored: Any, read: Callable[[Path], Any], tmp_path: Path, faults: Faults
) -> None:
    """It is refused by name, unless it lies between the values."""
    path = tmp_path / name
    write_json(path, stored)
    whole = read(tmp_path)
    text = path.read_bytes()
    between = {n for n, byte in enumerate(text) if byte in b" \n"}
    values = [place for place in range(len(text)) if place not in between]
    for place in values:
        path.write_bytes(flipped(text, place))
        with pytest.raises(ValueError, match=rf"{name} (is damaged|cannot be read)"):
            read(tmp_path)
    path.write_text(json.dumps(json.loads(text), indent=7))
    assert read(tmp_path) == whole  # however it is laid out
    faults("a changed byte in a result or a manifest", made=len(values))


def test_a_list_of_jobs_and_its_overrides(tmp_path: Path) -> None:
    listed = JobList()
    listed.add({"0": ({"seed": "0"}, ["seed=0"])})
    write_content(tmp_path / "jobs.json", {**vars(listed), "overrides": {}})
    with pytest.raises(ValueError, match=r"jobs\.json cannot be read: overrides are not of"):
        JobList.read(SweepFolder(tmp_path))


def test_an_entry_of_the_outbox(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outbox = Outbox(tmp_path / "undelivered")
    outbox.add(tmp_path / "run1")
    (entry,) = outbox.folder.iterdir()
    entry.write_text(str(tmp_path / "run2"))
    assert outbox.deliver("sqlite://") == []
    assert "is damaged: its content does not match its name" in caplog.text
    assert entry.exists()


@pytest.mark.parametrize("name", ["result.json", "tracking.json", "metrics.jsonl", "config.yaml"])
def test_a_pipe_is_no_file(name: str, tmp_path: Path) -> None:
    """It would be waited for without end."""
    os.mkfifo(tmp_path / name)
    readers: dict[str, Callable[[], object]] = {
        "result.json": lambda: Result.read(tmp_path),
        "tracking.json": lambda: Manifest.read(tmp_path),
        "metrics.jsonl": lambda: list(Journal(tmp_path / name)),
        "config.yaml": lambda: read_yaml(tmp_path / name),
    }
    with pytest.raises(ValueError, match="is not a regular file"):
        readers[name]()


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)
BAD_YAML = {
    "a bomb": BOMB.encode(),
    "one that contains itself": b"a: &a [*a]\n",
    "no text": b"a: \xff\xfe\n",
    "a control character": b"a: \x00\n",
    "nothing but brackets": b"[" * 5000,
    "ten million letters": b"a: " + b"x" * 10_000_000,
}


@pytest.mark.parametrize("what", BAD_YAML)
def test_yaml_that_would_never_end(what: str, tmp_path: Path, faults: Faults) -> None:
    """Of a user's own it is refused; of a run's folder any alias is."""
    path = tmp_path / "cell" / "bad.yaml"
    path.parent.mkdir()
    path.write_bytes(BAD_YAML[what])
    with pytest.raises(ValueError, match=r"bad\.yaml (cannot be read|is not UTF-8|stands for)"):
        refuse_bomb(path)
    os.mkfifo(path.with_name("pipe.yaml"))
    typo = refusal("cell=grruu", output=tmp_path / "run", config_dir=tmp_path)
    assert typo.startswith("cell=grruu is unknown: ")
    assert "pipe" not in typo
    said = refusal("cell=bad", output=tmp_path / "run", config_dir=tmp_path)
    assert "bad.yaml" in said
    assert len(said.splitlines()) == 1
    if what != "no text" and "letters" not in what:
        path.write_text(sealed(BAD_YAML[what].decode()))
        with pytest.raises(ValueError, match=r"bad\.yaml cannot be read: "):
            read_yaml(path)
    faults("yaml that would never end", made=1)


def test_a_changed_byte_in_a_config(tmp_path: Path, faults: Faults) -> None:
    path, same = tmp_path / "config.yaml", ["x", 1e-3]
    config = {"seed": 1, "cell": {"a": same, "b": same, "text": "one\ntwo"}}
    write_yaml(path, config)
    assert read_yaml(path) == config
    text = path.read_bytes()
    for place in range(len(text)):
        path.write_bytes(flipped(text, place))
        with pytest.raises(ValueError, match=r"config\.yaml cannot be read: "):
            read_yaml(path)
        path.write_bytes(text[:place])  # cut off
        with pytest.raises(ValueError, match=r"config\.yaml cannot be read: "):
            read_yaml(path)
    faults("a changed byte in a config", made=2 * len(text))


def arrays() -> dict[str, np.ndarray]:
    return {"updates": np.array([0, 4]), "h": np.arange(6.0).reshape(2, 3)}


def claimed(shape: tuple[int, ...]) -> bytes:
    """An .npz whose array says that it is larger than it is."""
    header = io.BytesIO()
    npy.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": shape})
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("h.npy", header.getvalue() + struct.pack("<d", 1.0))
    return file.getvalue()


def packed(compressed: bool = False, **of: np.ndarray) -> bytes:
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **of)  # pyrefly: ignore
    return file.getvalue()


def test_arrays_that_are_damaged_or_not_what_they_say(tmp_path: Path, faults: Faults) -> None:
    path = tmp_path / "x.npz"
    history = History(path)
    for row, updates in enumerate(arrays()["updates"]):
        history.add(int(updates), {"h": arrays()["h"][row]})
    history.write()
    np.testing.assert_equal(read_history(path), arrays())
    whole = path.read_bytes()
    for place in random.Random(0).sample(range(len(whole)), 200):
        path.write_bytes(flipped(whole, place, 0x10))
        try:
            found = read_history(path)
        except ValueError as error:
            refused = str(error)
            if "x.npz cannot be read: " not in refused:
                raise
        else:  # a byte that nothing is read from, as the time of a member
            np.testing.assert_equal(found, arrays())
    odd = {
        "728 TiB": claimed((100_000_000_000_000,)),
        "no such size": claimed((2**62, 2**62)),
        "compressed": packed(compressed=True, **arrays()),
        "no updates": packed(h=arrays()["h"]),
        "other updates": packed(updates=np.array(["a", "b"]), h=arrays()["h"]),
        "other rows": packed(updates=np.array([0]), h=arrays()["h"]),
        "an object": packed(updates=np.array([{}, {}])),
    }
    for data in odd.values():
        path.write_bytes(data)
        with pytest.raises(ValueError, match=r"x\.npz cannot be read: "):
            read_history(path)
    faults("damaged or false arrays", made=200 + len(odd))


@pytest.fixture
def finished(command: Command, home: Path) -> RunFolder:
    assert command(*RUN).status == 0
    return RunFolder(home / "outputs" / "a")


def test_a_model_that_is_damaged(finished: RunFolder, faults: Faults) -> None:
    inputs = np.zeros((1, 3, 2), dtype=np.float32)
    weights = finished.model / "artifacts" / "weights.safetensors"
    predicted = mlflow.pyfunc.load_model(str(finished.model)).predict(inputs)
    assert np.shape(np.asarray(predicted)) == (1, 3, 1)
    named = finished.model / "artifacts" / "model.json"
    for path in (weights, named):
        whole = path.read_bytes()
        chosen = random.Random(0).sample([n for n, byte in enumerate(whole) if byte > 32], 15)
        for place in chosen:
            path.write_bytes(flipped(whole, place))
            with pytest.raises(
                ValueError, match=f"{path.name} (is damaged|cannot be read)|the mod"
            ):
                mlflow.pyfunc.load_model(str(finished.model))
        path.write_bytes(whole)
    # With a right checksum, and yet of another model.
    content = read_content(named)
    config = content["config"]
    larger = config | {"cell": config["cell"] | {"hidden_size": 5}}
    write_content(named, content | {"config": larger})
    with pytest.raises(ValueError, match=r"weights\.safetensors is not of .*size mismatch"):
        mlflow.pyfunc.load_model(str(finished.model))
    assert load_file(weights)
    faults("a damaged model", made=31)


def drop(path: Path, *keys: str) -> None:
    """Of a file of a run, which has a right checksum then."""
    content: Any = read_yaml(path) if path.suffix == ".yaml" else read_content(path)
    inner = content
    for key in keys[:-1]:
        inner = inner[key]
    del inner[keys[-1]]
    (write_yaml if path.suffix == ".yaml" else write_content)(path, content)


def test_files_that_are_whole_and_no_runs(command: Command, home: Path, faults: Faults) -> None:
    killed_at(home, 2, *RUN)
    folder = RunFolder(home / "outputs" / "a")
    for path, keys in (
        (folder.config, ("train",)),
        (folder.config, ("train", "steps")),
        (folder.config, ("cell",)),
        (folder.config, ("tracking",)),
        (folder.result, ("overrides",)),
        (folder.result, ("choices", "cell")),
        (folder.manifest, ("started",)),
    ):
        whole = path.read_bytes()
        drop(path, *keys)
        said = refusal("resume=outputs/a", output=home / "b")
        assert said, keys
        assert len(said.splitlines()) <= 2, said
        path.write_bytes(whole)
    assert refusal("resume=outputs/a", output=home / "b") == ""
    faults("files that are no run's", made=7)


def _group(checkpoint: dict[str, Any]) -> dict[str, Any]:
    return checkpoint["optimizer_states"][0]["param_groups"][0]


ODD_CHECKPOINTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "no weights": lambda c: c.pop("state_dict"),
    "other weights": lambda c: c.update(state_dict={"x": torch.zeros(3)}),
    "weights of a larger model": lambda c: c["state_dict"].update(
        {name: torch.zeros(9, 9) for name in c["state_dict"]}
    ),
    "no optimizer": lambda c: c.pop("optimizer_states"),
    "another optimizer": lambda c: c.update(optimizer_states=[{"state": 1}]),
    "two optimizers": lambda c: c.update(optimizer_states=c["optimizer_states"] * 2),
    "no loops": lambda c: c.pop("loops"),
    "no callbacks": lambda c: c.update(callbacks=None),
    "no version": lambda c: c.pop("pytorch-lightning_version"),
    "no version of Lightning's": lambda c: c.update({"pytorch-lightning_version": "x"}),
    "an old Lightning": lambda c: c.update({"pytorch-lightning_version": "0.1.0"}),
    "a rate that is text": lambda c: _group(c).update(lr="x"),
    "betas that are none": lambda c: _group(c).update(betas=[1]),
}


def test_checkpoints_that_are_whole_and_do_not_fit(
    command: Command, home: Path, faults: Faults
) -> None:
    killed_at(home, 2, *RUN)
    folder = RunFolder(home / "outputs" / "a")
    result = folder.result.read_bytes()
    whole, files = checkpoints.load(folder.last), set(home.rglob("*"))
    for what, change in ODD_CHECKPOINTS.items():
        odd = checkpoints.unpack(checkpoints.pack(whole), folder.last)
        change(odd)
        folder.last.write_bytes(checkpoints.pack(odd))
        refused = command("resume=outputs/a")
        assert refused.status == 2, (what, refused)
        assert len(refused.err.splitlines()) <= 2, (what, refused.err)
        assert "last.ckpt" in refused.err, what
        assert folder.result.read_bytes() == result
        assert set(home.rglob("*")) == files  # nothing is made
        if "weights" in what:
            with pytest.raises(ValueError, match=r"last\.ckpt has no weights for this model"):
                load_module(folder.last)
    folder.last.write_bytes(checkpoints.pack(whole))
    assert command("resume=outputs/a").status == 0
    faults("a checkpoint that does not fit", made=len(ODD_CHECKPOINTS))

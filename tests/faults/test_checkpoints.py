"""Damaged checkpoints and full disks. Oracle: a run on a disk that was well."""

import io
import os
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from rnnlab.foundation.run_folder import RunFolder
from rnnlab.tracking.result import Result
from rnnlab.training.checkpoints import FORMAT, load, newest, pack
from rnnlab.training.position import Position
from tests.support.command import Command, client
from tests.support.faults import TRAIN, Faults, cost
from tests.support.journals import count_lines, distinct_points, points_in_order
from tests.support.processes import HANG, Spawn, kill, wait_for
from tests.support.small_disk import fill

RUN = ("cell=gru", *TRAIN, "train.steps=600", "train.stop_when_solved=false")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = RunFolder(tmp_path).last
    path.parent.mkdir()
    own = {"format": FORMAT, **Position(updates=3)._asdict()}
    content = {"rnnlab": own, "state_dict": {"w": torch.randn(50, 50)}}
    path.write_bytes(pack(content))
    return path


def test_what_is_whole_loads_and_so_it_does_in_torch(checkpoint: Path) -> None:
    assert load(checkpoint)["rnnlab"]["updates"] == 3
    assert torch.load(checkpoint)["rnnlab"]["updates"] == 3  # its safe default


def test_a_flipped_bit_anywhere_is_refused(checkpoint: Path, faults: Faults) -> None:
    whole = checkpoint.read_bytes()
    places = random.Random(0).sample(range(len(whole)), 300)
    for place in places:
        data = bytearray(whole)
        data[place] ^= 1 << place % 8
        checkpoint.write_bytes(data)
        with pytest.raises(ValueError, match=str(checkpoint)):
            load(checkpoint)
    faults("a flipped bit in a checkpoint", made=len(places))


def test_a_truncated_file_is_refused(checkpoint: Path, faults: Faults) -> None:
    whole = checkpoint.read_bytes()
    lengths = [0, 1, 40, len(whole) // 2, len(whole) - 47, len(whole) - 1]
    for length in lengths:
        checkpoint.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="is cut off, or not a checkpoint of rnnlab"):
            load(checkpoint)
    faults("a truncated checkpoint", made=len(lengths))


class Gadget:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("touch ran",)


def test_foreign_files_are_refused_and_none_is_run(
    checkpoint: Path, home: Path, faults: Faults
) -> None:
    bare = io.BytesIO()
    torch.save({"rnnlab": {"format": FORMAT}}, bare)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("hello", "world")
    own = {"format": FORMAT, **Position(updates=3)._asdict()}
    odd = ({"updates": "x"}, {"updates": -50}, {"solved_at": 4}, {"best_at": "1"}, {"best_rank": 1})
    foreign = {
        "without a checksum": bare.getvalue(),
        "a zip": archive.getvalue(),
        "text": b"hello " * 100,
        "a pickle that runs": pack({"rnnlab": Gadget()}),
        "of something else": pack({"state_dict": {}}),
        "a list": pack([1, 2]),  # pyrefly: ignore[bad-argument-type]
        "without how far it has come": pack({"rnnlab": {"format": FORMAT}}),
        **{f"with {part}": pack({"rnnlab": {**own, **part}}) for part in odd},
    }
    for data in foreign.values():
        checkpoint.write_bytes(data)
        with pytest.raises(ValueError, match=str(checkpoint)):
            load(checkpoint)
    assert not (home / "ran").exists()
    checkpoint.write_bytes(pack({"rnnlab": {"format": FORMAT + 1, "version": "9.0"}}))
    with pytest.raises(
        ValueError, match=rf"has format {FORMAT + 1}, and this rnnlab reads {FORMAT}.*rnnlab 9\.0"
    ):
        load(checkpoint)
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        load(checkpoint.with_name("none"))
    faults("a foreign or malicious checkpoint", made=len(foreign) + 1)


def test_the_one_before_is_used(command: Command, spawn: Spawn, home: Path, faults: Faults) -> None:
    assert command(*RUN, "hydra.run.dir=whole").status == 0
    process = spawn(*RUN, "hydra.run.dir=cut")
    folder = RunFolder(home / "cut")
    wait_for(folder.previous.exists)
    kill(process)
    last = folder.last
    last.write_bytes(last.read_bytes()[:-1000] if last.exists() else b"")
    found = newest(folder)
    assert found is not None
    assert found.path == folder.previous
    resumed = command("resume=cut")
    assert resumed.status == 0, resumed.err
    assert f"{last} is cut off" in resumed.out
    assert distinct_points(home / "cut") == distinct_points(home / "whole")
    result = Result.read(home / "cut")
    faults("a damaged newest checkpoint", **cost(client(home), result.run_id, home / "cut"))


def test_where_all_are_damaged_it_says_so(command: Command, home: Path) -> None:
    failing = (*RUN, "optimizer=sgd", "cell=elman", "cell.nonlinearity=relu", "optimizer.lr=1e-9")
    grow = ("schedule=exponential", "schedule.gamma=1.1", "train.nonfinite=raise")
    assert command(*failing, *grow, "hydra.run.dir=a").status == 1
    folder = RunFolder(home / "a")
    paths = [path for path in (folder.last, folder.previous) if path.exists()]
    assert paths
    for path in paths:
        path.write_bytes(b"nothing")
    refused = command("resume=a")
    assert refused.status == 2
    assert all(str(path) in refused.err for path in paths)


def test_a_full_disk_costs_no_checkpoint_and_no_point(
    command: Command, spawn: Spawn, sync: Command, home: Path, small_disk: Path, faults: Faults
) -> None:
    assert command(*RUN, "hydra.run.dir=whole").status == 0
    folder = small_disk / "run"
    looked = ("diagnostics=all", "tracking.log_model=true", "train.steps=6000")
    process = spawn(*RUN, *looked, f"hydra.run.dir={folder}")
    last = RunFolder(folder).last
    wait_for(RunFolder(folder).previous.exists)
    fill(small_disk / "ballast")
    full = count_lines(folder)
    out, _ = process.communicate(timeout=HANG)
    assert process.returncode == 0, out
    assert "training goes on" in out
    assert "points wait in memory" in out
    assert "Traceback" not in out
    assert "Logging error" not in out
    assert load(last if last.exists() else RunFolder(folder).previous)["rnnlab"]["updates"] > 0
    assert full < 1200 * 7  # it had not ended when the disk was filled
    # The store, on another disk, has all of it.
    (run,) = [r for r in client(home).search_runs(["1"]) if r.data.params["train.steps"] == "6000"]
    assert run.info.status == "FINISHED"
    stored = client(home).get_metric_history(run.info.run_id, "train/loss")
    assert [metric.step for metric in stored] == list(range(5, 6001, 5))
    # Nor does sync take the run for one that died, though the disk never heard of its end: its
    # journal is whole again, and what is older than its end is named, and makes no model.
    (small_disk / "ballast").unlink()
    done = sync(str(small_disk))
    assert done.status == 1
    assert (
        "a full disk has left out figures/diagnostics.png, model, checkpoints/best.ckpt" in done.err
    )
    assert {point for point in points_in_order(folder) if point[0] == "train/loss"} == {
        ("train/loss", metric.step, metric.value.hex()) for metric in stored
    }
    assert Result.read(folder).status == "FINISHED"
    assert client(home).get_run(run.info.run_id).info.status == "FINISHED"
    faults("a full disk", **cost(client(home), run.info.run_id, folder))

"""Sweeps that are refused before anything of them is made."""

from pathlib import Path

import pytest

from rnnlab.runs.settings import read_what_is_kept
from tests.support.configs import composed, plain
from tests.support.refusals import refusal

REFUSED: dict[tuple[str, ...], str] = {
    ("cell=elman,elman",): "jobs 0 and 1 of the sweep are the same run: cell=elman and cell=elman",
    ("seed=0,1,0", "cell=gru"): "jobs 0 and 2 of the sweep are the same run: seed=0 and seed=0",
    ("optimizer.lr=0.01,1e-2",): "jobs 0 and 1 of the sweep are the same run: optimizer.lr=0.01",
    ("cell.forget_bias=1,1.0",): "cell.forget_bias=1 and cell.forget_bias=1.0",
    ("cell=elman,elman_clipped", "clip=norm"): "cell=elman and cell=elman_clipped",
    ("train.data_seed=0,${seed}",): "jobs 0 and 1 of the sweep are the same run",
    ("train.steps=0", "seed=0,1"): "train.steps=0 is too small: at least 1",
    ("train.steps=5,0", "seed=0,1"): (
        "train.steps=0 is too small: at least 1\njob 2 of 4: train.steps=0 seed=0"
    ),
    ("cell=gru,elman", "cell.hidden_size=4,-1"): (
        "cell.hidden_size=-1 is too small: at least 1\njob 1 of 4: cell=gru cell.hidden_size=-1"
    ),
    ("cell.hidden_size=-1", "seed=0,1"): "cell.hidden_size=-1 is too small: at least 1",
    ("trainer.devices=1,2",): "trainer.devices=2 is not one device\njob 1 of 2: trainer.devices=2",
    ("hydra.launcher.n_jobs=0",): "hydra.launcher.n_jobs=0 is too small: at least 1",
    ("hydra.launcher.job_timeout=-1",): "hydra.launcher.job_timeout=-1 is out of bounds",
    ("hydra.sweeper.max_batch_size=0",): "hydra.sweeper.max_batch_size=0 is too small: at least 1",
    ("model.dropout=interval(0,1)",): "model.dropout=interval(0,1) cannot be swept",
}
ONE_LINE = [overrides for overrides, said in REFUSED.items() if "\n" not in said]


@pytest.mark.parametrize("overrides", REFUSED, ids=" ".join)
def test_refused(tmp_path: Path, overrides: tuple[str, ...]) -> None:
    said = refusal(*overrides, output=tmp_path, sweep=True)
    assert REFUSED[overrides] in said
    assert len(said.splitlines()) == (1 if overrides in ONE_LINE else 2)


def test_the_launcher_makes_no_difference(tmp_path: Path) -> None:
    basic = ("hydra/launcher=basic", "cell=elman,elman")
    assert "are the same run" in refusal(*basic, output=tmp_path, sweep=True)


def test_a_good_sweep_is_not(tmp_path: Path) -> None:
    good = ("cell=elman,gru", "optimizer.lr=0.01,0.02", "seed=0,1")
    assert refusal(*good, output=tmp_path, sweep=True) == ""
    assert refusal(output=tmp_path, sweep=True) == ""


def test_of_a_sweeper_of_others_what_it_leaves_is_checked() -> None:
    config = plain(composed("train.block=70", "eval.sequences=0"), resolve=True)
    with pytest.raises(ValueError, match=r"train\.val_every=100 is not a multiple of block=70"):
        read_what_is_kept(config, {"eval"})
    with pytest.raises(ValueError, match=r"eval\.sequences=0 is too small"):
        read_what_is_kept(config, {"train"})
    read_what_is_kept(config, {"train", "eval"})

"""Diagnostics of a model that is trained on a set of data. Oracles: the arrays themselves; every cell's own yaml."""

import math
from pathlib import Path

import pytest
import torch

from rnnlab.diagnostics.error_by_lag import ErrorByLag
from rnnlab.diagnostics.omega import Omega
from rnnlab.diagnostics.probe import Probe, refuse_counts
from rnnlab.run import CONF
from rnnlab.tasks import Batch
from tests.support.cell_choices import cell_of
from tests.support.command import QUICK
from tests.support.finite_task import COUNTS, Waves, model_of
from tests.support.refusals import refusal
from tests.support.trained import trained

CELLS = sorted(path.stem for path in (CONF / "cell").glob("*.yaml"))


def test_they_look_at_the_first_sequences_of_the_validation_split() -> None:
    task = Waves()
    probe = Probe(model_of(task), task, seed=3)
    wanted = torch.from_numpy(task.sequences["val"]).double()
    assert torch.equal(probe.batch(4).inputs[..., 0], wanted[:4])
    assert probe.at_most(200) == COUNTS["val"]
    assert probe.at_most(4) == 4
    with pytest.raises(ValueError, match="sequences=12 is more than the 11 of the val split"):
        probe.batch(12)
    again = probe.batch(13, again=True).inputs[
        ..., 0
    ]  # of joined ones, which may be as many as they like
    assert torch.equal(again, torch.cat([wanted, wanted[:2]]))


def test_a_number_above_the_split_is_refused_by_its_key() -> None:
    refuse_counts({"error_by_lag": ErrorByLag(), "omega": Omega(sequences=11)}, Waves())
    with pytest.raises(ValueError, match=r"^diagnostics\.omega\.sequences=12 is more than the 11"):
        refuse_counts({"omega": Omega(sequences=12)}, Waves())
    refuse_counts({"omega": Omega(sequences=12_000)}, model_task())


def model_task() -> Waves:
    """Without an end."""
    return type("Endless", (Waves,), {"num_sequences": lambda self, split: None})()


def test_error_by_lag_looks_at_as_many_as_there_are() -> None:
    """Oracle: the errors of all eleven by their lags, which here are the numbers 0 to 10, sorted by hand."""

    class Lagging(Waves):
        def lags(self, batch: Batch) -> torch.Tensor:
            return torch.arange(len(batch.inputs))

    task = Lagging()
    probe = Probe(model_of(task), task, seed=0)
    inputs, targets = probe.batch(11)
    with torch.no_grad():
        outputs, _ = probe.model(inputs, last=1)
    wrong = task.errors(outputs, targets).double()
    found = ErrorByLag(bins=20).measure(probe)
    assert found.metrics["error/shortest_lags"] == wrong[:2].mean()
    assert found.metrics["error/longest_lags"] == wrong[-2:].mean()
    assert found.arrays["by_lag"].tolist() == wrong.tolist()
    assert not math.isnan(found.arrays["lag"].sum())


def test_on_the_command_line(tmp_path: Path) -> None:
    refused = refusal("task=digits", "diagnostics.omega.sequences=301", output=tmp_path / "none")
    assert "diagnostics.omega.sequences=301 is more than the 300 of the val split" in refused
    refused = refusal("task=digits", "eval.sequences=298", output=tmp_path / "none")
    assert "eval.sequences=298 is more than the 297 of the test split" in refused
    refused = refusal("task=digits", "task.length=50", output=tmp_path / "none")
    assert "task" in refused
    assert "seq_len" in refused


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_trains_on_digits_and_is_looked_at_by_all(cell: str, tmp_path: Path) -> None:
    small = (f"cell={cell}", "cell.hidden_size=8", "task=digits")
    found = trained((*QUICK[:-1], "diagnostics=all", *small), tmp_path)
    names = {name for name, _ in found.points}
    assert names >= {"test/loss", "test/error", "train/epochs", "recurrent/spectral_radius"}
    assert names >= {"memory/gradient_horizon", "memory/capacity"}
    forgets_all = cell_of(cell)(1, 2).depth == "1"  # its Lyapunov exponents are minus infinity
    assert ("recurrent/lyapunov_max" in names) != forgets_all
    assert not any("solve" in name for name in names)

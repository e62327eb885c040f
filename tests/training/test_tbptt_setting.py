"""Truncated backpropagation through time in a run. Oracle: how far the gradient of a sampled batch reaches."""

from functools import partial

import pytest
import torch
from torch import Tensor

from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.runs.factory import make_module
from rnnlab.runs.memory import need_of
from rnnlab.tasks import Batch
from rnnlab.tasks.adding import Adding
from rnnlab.tasks.stream import Stream
from rnnlab.training.batches import training_batches
from rnnlab.training.clipping import NoClip
from rnnlab.training.gradient import Gradient
from rnnlab.training.settings import TrainSettings
from tests.support.configs import run_config


def gradient_of(tbptt: int | None, inputs: Tensor, targets: Tensor) -> list[Tensor]:
    torch.manual_seed(0)
    model = SequenceModel(partial(ElmanCell, hidden_size=4), 2, 1).double()
    gradient = Gradient(model, Adding(9), NoClip(), tbptt=tbptt)
    gradient(Batch(inputs, targets))
    return [p.grad for p in model.parameters() if p.grad is not None]


def batch() -> Batch:
    return Stream(Adding(9), 4, 0, "train").batch(0, dtype=torch.float64)


def test_an_update_is_of_the_last_steps() -> None:
    """The gradient does not go by what W and b did before them: it is that from the state that they left."""
    inputs, targets = batch()
    cut = gradient_of(3, inputs, targets)
    whole = gradient_of(None, inputs, targets)
    torch.manual_seed(0)
    model = SequenceModel(partial(ElmanCell, hidden_size=4), 2, 1).double()
    with torch.no_grad():
        states = model(inputs[:, :6])[1]
    outputs, _ = model(inputs[:, 6:], states, last=1)
    Adding(9).loss(outputs, targets).backward()
    expected = [p.grad for p in model.parameters() if p.grad is not None]
    torch.testing.assert_close(cut, expected, rtol=0, atol=1e-12)
    assert not torch.allclose(cut[0], whole[0])


@pytest.mark.parametrize("tbptt", [10, 11])
def test_refused_where_it_changes_nothing(tbptt: int) -> None:
    said = f"^train.tbptt={tbptt} leaves sequences of 10 steps whole, .*: at most 9$"
    with pytest.raises(ValueError, match=said):
        training_batches(Adding(10), TrainSettings(tbptt=tbptt))
    training_batches(Adding(10), TrainSettings(tbptt=9))


def test_refused_settings() -> None:
    with pytest.raises(ValueError, match=r"^tbptt=0 is too small: at least 1"):
        TrainSettings(tbptt=0)
    with pytest.raises(ValueError, match=r"^tbptt=4 and recompute_steps=3 both say"):
        TrainSettings(tbptt=4, recompute_steps=3)


def test_a_run_hands_it_on() -> None:
    module = make_module(run_config("train.tbptt=7", "task.seq_len=20"))
    assert module.blocks.gradient.cuts == {"tbptt": 7}


@pytest.mark.slow
def test_memory_is_that_of_the_steps_that_are_kept() -> None:
    """One answer keeps no more than the last steps, answers at every step keep all."""
    cpu = torch.device("cpu")
    small = ("eval.batch_size=1", "diagnostics=none", "cell.hidden_size=64", "train.batch_size=64")
    task = ("task=copy_memory", "task.copy_len=2", "task.num_symbols=2")
    counts = {
        (length, tbptt): need_of(run_config(*small, f"train.tbptt={tbptt}", *length), cpu)
        for length in (("task.seq_len=1500",), (*task, "task.delay=1496"))
        for tbptt in ("null", "100")
    }
    once, cut_once, each, cut_each = (need.count for need in counts.values() if need is not None)
    assert cut_once < once / 2
    assert cut_each == pytest.approx(each, rel=0.3)

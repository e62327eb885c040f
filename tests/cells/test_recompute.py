"""Steps that are computed again on the way back. Oracle: the same model with all of them kept."""

import math
import tracemalloc
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.gru import GRUCell
from rnnlab.cells.lstm import LSTMCell
from rnnlab.cells.sequence_model import SequenceModel
from tests.support.own_cell import OwnCell
from tests.support.own_steps import KNOWN, STATES
from tests.support.processes import run_python
from tests.support.refused_steps import REFUSED

STEPS, BATCH = 13, 4


class Learnt(ElmanCell):
    """Whose first state has a gradient."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size, learn_h0=True)
        self.h0 = torch.nn.Parameter(torch.randn(hidden_size))


def own(name: str) -> Any:
    step = KNOWN[name] if name in KNOWN else REFUSED[name][0]
    return partial(OwnCell, step, STATES.get(name, 1))


CELLS: dict[str, Any] = {
    "elman": ElmanCell,
    "learnt h_0": Learnt,
    "gru": GRUCell,
    "lstm": LSTMCell,
    **{name: own(name) for name in ("coupled_oscillators", "accumulates", "draws_noise")},
}


def model(make: Any, layers: int, hidden_size: int = 5) -> SequenceModel:
    torch.manual_seed(0)
    dropout = 0.4 * (layers > 1)
    cell = partial(make, hidden_size=hidden_size)
    return SequenceModel(cell, 3, 2, num_layers=layers, dropout=dropout)


def learnt(network: SequenceModel, last: int | None, recompute_steps: int | None) -> list[Tensor]:
    """Outputs, last states, and gradients of a loss on both."""
    inputs = torch.randn(BATCH, STEPS, 3, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(2)  # of dropout
    network.zero_grad()
    outputs, ends = network(inputs, last=last, recompute_steps=recompute_steps)
    values = [outputs, *(tensor for state in ends for tensor in state)]
    torch.stack([value.square().sum() for value in values]).sum().backward()
    gradients = [p.grad.clone() for p in network.parameters() if p.grad is not None]
    return [*(value.detach() for value in values), *gradients]


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("name", CELLS)
def test_the_same_outputs_and_gradients(name: str, layers: int) -> None:
    """Also where the scan is compiled within the first part; with the same units dropped."""
    if name == "draws_noise" and layers > 1:
        pytest.skip("each layer draws in turn with the others, so that the parts have other noise")
    cut, whole = (model(CELLS[name], layers) for _ in range(2))
    for last in (1, 4, None):
        expected = learnt(whole, last, None)
        for recompute_steps in (4, 1, STEPS - 1, STEPS):
            found = learnt(cut, last, recompute_steps)
            assert len(found) == len(expected)
            for one, other in zip(found, expected, strict=True):
                torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_torchs_own_layer() -> None:
    """Of an LSTM that is too large to be compiled."""
    assert LSTMCell.compiled_up_to < 129
    found, expected = (
        learnt(model(LSTMCell, 2, hidden_size=129), 1, recompute_steps)
        for recompute_steps in (4, None)
    )
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("make", "layers"), [(ElmanCell, 1), (GRUCell, 1), (LSTMCell, 2)])
def test_little_is_kept(make: Any, layers: int) -> None:
    """Of compiled cells numpy's arrays, which Python counts: no state of all steps is among them."""
    steps, batch, hidden_size = 1600, 8, 32
    network = model(make, layers, hidden_size).eval()
    inputs = torch.randn(batch, steps, 3)
    one_state = 4 * batch * steps * hidden_size
    peaks = {}
    for recompute_steps in (None, math.isqrt(steps)):
        for counted in (False, True):  # what a first scan compiles is not counted
            if counted:
                tracemalloc.start()
            outputs, _ = network(inputs, last=1, recompute_steps=recompute_steps)
            outputs.sum().backward()
        peaks[recompute_steps] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    kept, cut = peaks.values()
    assert kept > layers * one_state
    assert cut < kept / 4
    assert cut < one_state


PEAK = """
import sys, torch
from functools import partial
from pathlib import Path
from tests.cells.test_recompute import CELLS, model
def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
torch.set_num_threads(1)
network = model(CELLS[sys.argv[1]], 1, int(sys.argv[2])).eval()
network(torch.randn(2, 4, 3), last=1)[0].sum().backward()
inputs, before = torch.randn(16, 1600, 3), peak()
network(inputs, last=1, recompute_steps=eval(sys.argv[3]))[0].sum().backward()
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["elman", "lstm", "accumulates"])
def test_the_process_takes_less(name: str) -> None:
    """Compiled, by torch's layer, and as a loop; what the kernel says of a process of its own."""
    here, hidden_size = Path(__file__).parents[2], 256
    kept, cut = (
        int(run_python(here, "-c", PEAK, name, str(hidden_size), text).stdout)
        for text in ("None", "40")
    )
    assert kept > 4 * 16 * 1600 * hidden_size
    assert cut < kept / 3

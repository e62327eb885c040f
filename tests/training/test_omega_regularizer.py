"""Omega as a part of the gradient. Oracles: backpropagation through time in numpy, the diagnostic, differences."""

import copy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rnnlab.cells.cell import Cell, State
from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.gru import GRUCell
from rnnlab.cells.lstm import LSTMCell
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.cells.trajectory import Trajectory
from rnnlab.diagnostics.omega import Omega
from rnnlab.diagnostics.probe import Probe
from rnnlab.runs.factory import make_module
from rnnlab.tasks import Batch, Task
from rnnlab.tasks.adding import Adding
from rnnlab.tasks.copy_memory import CopyMemory
from rnnlab.tasks.stream import Stream
from rnnlab.tracking.result import variant_name
from rnnlab.training.clipping import ClipNorm, NoClip
from rnnlab.training.gradient import Gradient
from rnnlab.training.omega import OmegaRegularizer
from tests.support.command import QUICK, SMALL
from tests.support.configs import run_config
from tests.support.training import Recorder, fit, module_of, trainer_of

ALL = CopyMemory(delay=1, num_symbols=2, copy_len=3)  # seven steps, an answer at each
INITS: dict[str, dict[str, Any]] = {
    "default": {},
    "orthogonal": {"recurrent_init": "orthogonal", "recurrent_gain": 1.3},
    "sigmoid": {"nonlinearity": "sigmoid", "recurrent_init": "scaled", "recurrent_gain": 3.0},
}


def model_of(cell: Any, task: Task, layers: int = 1, dropout: float = 0.0) -> SequenceModel:
    torch.manual_seed(0)
    sizes = task.input_size, task.output_size
    made = SequenceModel(partial(cell, hidden_size=5), *sizes, layers, dropout)
    return made.double()


def batch_of(task: Task, size: int = 3) -> Batch:
    return Stream(task, size, 0, "train").batch(0, dtype=torch.float64)


def gradients_of(
    model: SequenceModel, task: Task, batch: Batch, omega: OmegaRegularizer | None
) -> tuple[dict[str, np.ndarray], list[float]]:
    measured = Gradient(model, task, NoClip(), regularizer=omega)(batch)
    named = model.named_parameters()
    found = {name: p.grad.numpy().copy() for name, p in named if p.grad is not None}
    return found, measured.tolist()


def by_numpy(model: SequenceModel, batch: Batch, form: str) -> tuple[float, np.ndarray]:
    """Omega and its derivative in U, of h_t = f(W x_t + U h_{t-1} + b) with a cross-entropy at every step."""
    (cell,) = model.layers
    assert isinstance(cell, ElmanCell)
    f, slope = {
        "tanh": (np.tanh, lambda h: 1 - h**2),
        "sigmoid": (lambda a: 1 / (1 + np.exp(-a)), lambda h: h * (1 - h)),
    }[cell.nonlinearity]
    w, u, b = (p.detach().numpy() for p in (cell.weight_ih, cell.weight_hh, cell.bias))
    v, c = (p.detach().numpy() for p in (model.readout.weight, model.readout.bias))
    inputs, targets = batch.inputs.numpy(), batch.targets.numpy()
    sequences, steps, _ = inputs.shape
    hidden = [np.zeros((sequences, 5))]
    for t in range(steps):
        hidden.append(f(inputs[:, t] @ w.T + hidden[-1] @ u.T + b))
    above, count = 0.0, 0
    of_u, carried = np.zeros_like(u), np.zeros((sequences, 5))
    for t in reversed(range(steps)):
        y = np.exp(hidden[t + 1] @ v.T + c)
        y /= y.sum(axis=1, keepdims=True)
        y[np.arange(sequences), targets[:, t]] -= 1
        error = y @ v / (sequences * steps) + carried  # the loss is a mean over both
        through = error * slope(hidden[t + 1])
        carried = through @ u
        for d, a, back in zip(error, through, carried, strict=True):
            size, grown = d @ d, back @ back
            if size < 1e-20:
                continue
            count += 1
            q = grown / size if form == "squared" else np.sqrt(grown / size)
            above += (q - 1) ** 2
            of_grown = 1 / size if form == "squared" else 0.5 / np.sqrt(grown * size)
            of_u += 2 * (q - 1) * of_grown * 2 * np.outer(a, back)
    return above / count, of_u / count


@pytest.mark.parametrize("form", ["squared", "norm"])
@pytest.mark.parametrize("init", INITS)
def test_elman_by_backpropagation_in_numpy(init: str, form: str) -> None:
    """Seven steps, five units: U alone gets a part, to 1e-6 of the whole."""
    assert ALL.seq_len == 7
    model, batch = model_of(partial(ElmanCell, **INITS[init]), ALL), batch_of(ALL)
    plain, _ = gradients_of(model, ALL, batch, None)
    found, measured = gradients_of(model, ALL, batch, OmegaRegularizer(alpha=2.0, form=form))
    omega, of_u = by_numpy(model, batch, form)
    assert measured[3] == pytest.approx(omega, rel=1e-6)
    added = found.pop("layers.0.weight_hh") - plain.pop("layers.0.weight_hh")
    assert np.linalg.norm(added - 2.0 * of_u) < 1e-6 * np.linalg.norm(2.0 * of_u)
    for name, gradient in plain.items():
        np.testing.assert_allclose(found[name], gradient, rtol=1e-12, atol=1e-15)


def test_the_sum_is_what_is_clipped() -> None:
    model, batch = model_of(ElmanCell, ALL), batch_of(ALL)
    found, measured = gradients_of(model, ALL, batch, OmegaRegularizer(alpha=50.0))
    norm = np.sqrt(sum((g**2).sum() for g in found.values()))
    assert measured[1] == pytest.approx(norm)
    clipped = Gradient(model, ALL, ClipNorm(0.01), regularizer=OmegaRegularizer(alpha=50.0))(batch)
    assert clipped.tolist()[1:3] == pytest.approx([norm, 0.01], rel=1e-3)
    assert clipped[3].item() == pytest.approx(measured[3])


@pytest.mark.parametrize(
    ("cell", "layers", "task"),
    [
        (LSTMCell, 2, ALL),
        *(
            pytest.param(cell, layers, task, marks=pytest.mark.slow)
            for cell in (ElmanCell, GRUCell, LSTMCell)
            for layers in (1, 2)
            for task in (ALL, Adding(6))
            if (cell, layers, task) != (LSTMCell, 2, ALL)
        ),
    ],
)
def test_of_any_cell_it_is_what_the_diagnostic_measures(cell: Any, layers: int, task: Task) -> None:
    """On the diagnostic's own batch; the loss and its gradient are those without it."""
    model = model_of(cell, task, layers)
    seen = Probe(model, task, seed=0)
    expected = Omega(sequences=4).measure(seen).metrics["recurrent/omega"]
    batch = seen.batch(4)
    plain, (loss, *_) = gradients_of(model, task, batch, None)
    found, measured = gradients_of(model, task, batch, OmegaRegularizer(alpha=0.0))
    assert measured[3] == pytest.approx(expected, rel=1e-9)
    assert measured[0] == pytest.approx(loss, rel=1e-12)
    for name, gradient in plain.items():
        np.testing.assert_allclose(found[name], gradient, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("cell", [pytest.param(GRUCell, marks=pytest.mark.slow), LSTMCell])
def test_its_derivative_in_general_by_differences(cell: Any) -> None:
    """Errors, inputs and states held; every weight of the step moved a little each way."""
    model, batch, omega = model_of(cell, ALL), batch_of(ALL), OmegaRegularizer(alpha=1.0)
    plain, _ = gradients_of(model, ALL, batch, None)
    found, _ = gradients_of(model, ALL, batch, omega)
    path = Trajectory(model, batch.inputs, ALL.seq_len)
    loss = ALL.loss(path.outputs, batch.targets)
    (found_errors,) = torch.autograd.grad(loss, path.nudges)
    points = found_errors.flatten(0, 1).split(5, dim=1)
    before = path.before[0].detach().flatten(0, 1).split(5, dim=1)
    x = batch.inputs.flatten(0, 1)
    (layer,) = model.layers
    assert isinstance(layer, Cell)
    step = layer.step

    def value() -> float:
        def sizes(tensors: Any) -> Tensor:
            return torch.stack([t.square().sum(1) for t in tensors]).sum(0)

        _, pulled = torch.autograd.functional.vjp(lambda *state: step(x, state), before, points)
        return float((sizes(pulled) / sizes(points) - 1).square().mean())

    for name, weight in model.named_parameters():
        added = found[name] - plain[name]
        for place in ((0,) * weight.dim(), tuple(n - 1 for n in weight.shape)):
            with torch.no_grad():
                sides = []
                for sign in (1, -1):
                    weight[place] += sign * 1e-6
                    sides.append(value())
                    weight[place] -= sign * 1e-6
            assert added[place] == pytest.approx((sides[0] - sides[1]) / 2e-6, rel=1e-5, abs=1e-9)


def test_errors_below_the_bound_do_not_count() -> None:
    """A readout of 1e-12 leaves errors of which none says anything: Omega is 0, and adds nothing."""
    model, batch = model_of(ElmanCell, ALL), batch_of(ALL)
    with torch.no_grad():
        model.readout.weight *= 1e-12
    plain, _ = gradients_of(model, ALL, batch, None)
    found, measured = gradients_of(model, ALL, batch, OmegaRegularizer())
    assert measured[3] == 0.0
    np.testing.assert_allclose(found["layers.0.weight_hh"], plain["layers.0.weight_hh"])


@pytest.mark.parametrize("form", [pytest.param("squared", marks=pytest.mark.slow), "norm"])
def test_errors_that_end_leave_no_nan(form: str) -> None:
    """Units that relu holds at 0: an error is carried on by none of them, q = 0 and Omega = 1."""
    model, batch = model_of(partial(ElmanCell, nonlinearity="relu"), ALL), batch_of(ALL)
    (cell,) = model.layers
    assert isinstance(cell, ElmanCell)
    with torch.no_grad():
        cell.bias.sub_(10)
    found, measured = gradients_of(model, ALL, batch, OmegaRegularizer(form=form))
    assert measured[3] == 1.0
    assert not found["layers.0.weight_hh"].any()


def test_the_same_units_are_dropped() -> None:
    model, batch = model_of(LSTMCell, ALL, layers=2, dropout=0.5), batch_of(ALL)
    both = []
    for omega in (None, OmegaRegularizer(alpha=0.0)):
        torch.manual_seed(1)
        both.append(gradients_of(model, ALL, batch, omega)[0])
    for name, gradient in both[0].items():
        np.testing.assert_allclose(both[1][name], gradient, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu", "sigmoid", "identity", "modrelu"])
def test_linearized_is_step_with_its_first_derivatives(nonlinearity: str) -> None:
    cell = ElmanCell(3, 5, nonlinearity=nonlinearity).double()
    given = torch.randn(4, 3).double(), torch.randn(4, 5).double()
    made = [
        (
            function(given[0], (given[1],))[0],
            torch.autograd.functional.jacobian(
                lambda x, h, function=function: function(x, (h,))[0], given
            ),
        )
        for function in (cell.step, cell.linearized)
    ]
    torch.testing.assert_close(made[0], made[1], rtol=1e-12, atol=1e-12)


@pytest.mark.slow
def test_a_run_logs_it_and_goes_the_same_way_in_any_blocks(tmp_path: Path) -> None:
    def points(block: int) -> tuple[dict[tuple[str, int], float], list[Tensor]]:
        module = module_of(8, block, val_every=4, regularizer=OmegaRegularizer(alpha=2.0))
        logged = fit(module, tmp_path / str(block))[1]
        return logged, [p.detach() for p in module.parameters()]

    (one, weights), (four, others) = points(1), points(4)
    assert ("train/omega", 4) in four
    mean = np.mean([one["train/omega", step] for step in (1, 2, 3, 4)])
    assert four["train/omega", 4] == pytest.approx(mean)
    assert all(map(torch.equal, weights, others))


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bf16-mixed", "64-true"])
def test_in_other_precisions(precision: str, tmp_path: Path) -> None:
    arguments = (*QUICK, *SMALL, f"trainer.precision={precision}", "regularizer=omega")
    module, recorder = make_module(run_config(*arguments)), Recorder(tmp_path)
    override = f"trainer.precision={precision}"
    trainer_of(module, tmp_path, recorder, (), override).fit(module)
    assert any(name == "train/omega" for name, _ in recorder.points)


def test_refused() -> None:
    with pytest.raises(ValueError, match=r"^alpha=-1.0 is out of bounds: at least 0"):
        OmegaRegularizer(alpha=-1.0)
    with pytest.raises(ValueError, match=r"^form=cubed is not allowed"):
        OmegaRegularizer(form="cubed")
    model = model_of(ElmanCell, ALL)
    for name in ("tbptt", "recompute_steps"):
        cut: Any = {name: 3}
        said = rf"^train\.{name}=3 does not go with the regularizer OmegaRegularizer"
        with pytest.raises(ValueError, match=said):
            Gradient(model, ALL, NoClip(), **cut, regularizer=OmegaRegularizer())


class Counting(ElmanCell):
    """Whose state counts its steps."""

    def initial_state(self, inputs: Tensor) -> State:
        return (*super().initial_state(inputs), torch.zeros(len(inputs), 1, dtype=torch.long))

    def step(self, inputs: Tensor, state: State) -> State:
        return (*super().step(inputs, state[:1]), state[1] + 1)


def test_a_state_of_whole_numbers_is_refused() -> None:
    model = model_of(Counting, ALL)
    with pytest.raises(ValueError, match=r"^Counting has whole numbers in its state"):
        Gradient(model, ALL, NoClip(), regularizer=OmegaRegularizer())


def test_a_variant_is_named_by_it() -> None:
    chosen = {"cell": "elman_clipped", "clip": "norm", "regularizer": "omega"}
    assert variant_name(chosen) == "elman_clipped_omega"
    assert variant_name({**chosen, "regularizer": "none"}) == "elman_clipped"
    assert variant_name({"cell": "gru", "clip": "none"}) == "gru"  # of a run from before


def test_a_copy_of_the_model_is_as_good() -> None:
    """What the regularizer is handed is the model, of which it keeps nothing."""
    model, batch, omega = model_of(ElmanCell, ALL), batch_of(ALL), OmegaRegularizer()
    first = gradients_of(model, ALL, batch, omega)
    second = gradients_of(copy.deepcopy(model), ALL, batch, omega)
    assert first[1] == second[1]

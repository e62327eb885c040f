"""The kernels behind the cells. Oracle: the loop over `step`, values and gradients."""

from functools import partial

import pytest
import torch
from torch import Tensor

from rnnlab.cells import Cell
from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.lstm import LSTMCell
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.kernels import elman, recurrence
from rnnlab.kernels.compiled import program
from tests.support.kernels import CELLS, all_steps, made

every_cell = pytest.mark.parametrize("make", CELLS.values(), ids=CELLS)


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of time that the SHAPES span several of."""
    monkeypatch.setattr(program, "CHUNK", 2**12)


# (batch, seq_len, input_size, hidden_size); the last three span several chunks of time
SHAPES = [
    (1, 1, 1, 1),
    (4, 1, 3, 5),
    (1, 7, 2, 4),
    (2, 5, 4, 3),
    (3, 2000, 2, 4),
    (300, 9, 3, 5),
    (2000, 3, 1, 2),
]


close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)  # of double precision


def last_step(run, cell: Cell, inputs: Tensor, *start: Tensor) -> list[Tensor]:
    x, *state = (part.detach().clone().requires_grad_() for part in (inputs, *start))
    end = run(cell, x, tuple(state))
    torch.manual_seed(1)
    total = torch.stack([(part * torch.randn_like(part)).mean() for part in end]).sum()
    return [*end, *torch.autograd.grad(total, [x, *state, *cell.parameters()])]


def looped_last(cell: Cell, inputs: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return cell.unroll(inputs, state)[1]


def start_of(cell: Cell, inputs: Tensor) -> list[Tensor]:
    """A state that is not 0."""
    return [torch.rand_like(part) for part in cell.initial_state(inputs)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@every_cell
def test_equals_the_loop_in_double_precision(make, shape):
    batch, steps, input_size, hidden_size = shape
    cell = made(make, input_size, hidden_size, torch.float64)
    inputs = torch.randn(batch, steps, input_size, dtype=torch.float64)
    start = start_of(cell, inputs)
    close(
        all_steps(type(cell).forward, cell, inputs, *start),
        all_steps(Cell.unroll, cell, inputs, *start),
    )
    mine = last_step(type(cell).final_state, cell, inputs, *start)
    close(mine, last_step(looped_last, cell, inputs, *start))


@every_cell
def test_equals_the_loop_in_single_precision_to_rounding(make):
    """Neither is further from the loop in double precision than a few float32 roundings."""
    cell = made(make, 2, 50, torch.float32)
    inputs = torch.randn(20, 100, 2)
    start = start_of(cell, inputs)
    if isinstance(cell, ElmanCell) and cell.nonlinearity in ("relu", "identity"):
        with torch.no_grad():
            cell.weight_hh.mul_(0.5)  # or it grows beyond all numbers
    mine = all_steps(type(cell).forward, cell, inputs, *start)
    loop = all_steps(Cell.unroll, cell, inputs, *start)
    exact = all_steps(Cell.unroll, cell.double(), inputs.double(), *(h.double() for h in start))
    for value, other, oracle in zip(mine, loop, exact, strict=True):
        scale = oracle.abs().max()
        assert (value - oracle).abs().max() < 1e-6 * scale + 2 * (other - oracle).abs().max()


@pytest.mark.parametrize("keep", [True, False], ids=["all steps", "last step"])
@every_cell
def test_gradcheck(make, keep):
    """Oracle: finite differences."""
    cell = made(make, 2, 3, torch.float64)

    def run(inputs: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        state = rest[: len(cell.initial_state(inputs))]
        hidden, end = cell(inputs, state) if keep else (inputs[:0], cell.final_state(inputs, state))
        return (hidden, *end) if keep else end

    inputs = torch.randn(2, 4, 2, dtype=torch.float64)
    given = [inputs, *start_of(cell, inputs), *cell.parameters()]
    assert torch.autograd.gradcheck(run, [x.requires_grad_() for x in given])


@every_cell
def test_a_second_derivative_is_refused_and_the_loop_has_it(make):
    cell = made(make, 2, 3, torch.float64)
    inputs = torch.randn(2, 4, 2, dtype=torch.float64, requires_grad=True)
    hidden, _ = cell(inputs)
    with pytest.raises(RuntimeError, match=r"create_graph=True.*cell\.unroll\(inputs\)"):
        torch.autograd.grad(hidden.sum(), inputs, create_graph=True)
    hidden, _ = Cell.unroll(cell, inputs)
    (first,) = torch.autograd.grad(hidden.square().sum(), inputs, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), inputs)
    assert second.abs().max() > 0


@every_cell
def test_inputs_of_any_layout(make):
    cell = made(make, 2, 3, torch.float64)
    inputs = torch.randn(5, 4, 4, dtype=torch.float64)[:, :, ::2].transpose(0, 1)
    assert not inputs.is_contiguous()
    start = [torch.rand(3, 4, dtype=torch.float64).t() for _ in cell.initial_state(inputs)]
    mine = all_steps(type(cell).forward, cell, inputs, *start)
    close(mine, all_steps(Cell.unroll, cell, inputs.contiguous(), *start))


@every_cell
def test_weights_of_any_layout(make):
    """Oracle: the loop, whose weights lie as they do by default."""
    cell, other = made(make, 2, 3, torch.float64), made(make, 2, 3, torch.float64)
    for parameter in cell.parameters():
        if parameter.dim() == 2:
            parameter.data = parameter.data.t().contiguous().t()
            assert not parameter.is_contiguous()
    inputs = torch.randn(4, 5, 2, dtype=torch.float64)
    start = start_of(cell, inputs)
    mine = all_steps(type(cell).forward, cell, inputs, *start)
    close(mine, all_steps(Cell.unroll, other, inputs, *start))


@pytest.mark.parametrize("features", [1, 2, 4, 5])
@every_cell
def test_inputs_of_another_width_are_refused(make, features):
    """Oracle: the loop, which torch refuses."""
    cell, inputs = made(make, 3, 4, torch.float32), torch.randn(2, 5, features)
    for run in (type(cell).forward, type(cell).final_state, Cell.unroll):
        with pytest.raises(RuntimeError, match="shapes"):
            run(cell, inputs)


@every_cell
def test_no_sequences_have_no_states_and_no_gradient(make):
    cell = made(make, 2, 3, torch.float64)
    hidden, _ = cell(torch.randn(0, 5, 2, dtype=torch.float64))
    assert hidden.shape == (0, 5, 3)
    for gradient in torch.autograd.grad(hidden.sum(), list(cell.parameters())):
        assert not gradient.any()


@every_cell
def test_the_same_forward_gives_gradients_twice(make):
    cell = made(make, 2, 3, torch.float64)
    hidden, _ = cell(torch.randn(2, 4, 2, dtype=torch.float64))
    parameters = list(cell.parameters())
    first = torch.autograd.grad(hidden.sum(), parameters, retain_graph=True)
    second = torch.autograd.grad(hidden.sum(), parameters)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@every_cell
def test_a_model_of_two_layers_read_out_at_its_last_steps(make):
    """Oracle: every layer by `Cell.unroll`, read out at all steps."""
    torch.manual_seed(0)
    model = SequenceModel(partial(make, hidden_size=4), 2, 3, num_layers=2).double()
    inputs = torch.randn(5, 6, 2, dtype=torch.float64)
    hidden = inputs
    for layer in model.layers:
        assert isinstance(layer, Cell)
        hidden, _ = Cell.unroll(layer, hidden)
    expected = model.read_out(hidden)
    parameters = list(model.parameters())
    for last in (1, 2, 6):
        outputs, _ = model(inputs, last=last)
        close(outputs, expected[:, -last:])
        mine = torch.autograd.grad(outputs.square().sum(), parameters)
        right = expected[:, -last:].square().sum()
        close(mine, torch.autograd.grad(right, parameters, retain_graph=True))


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_what_runs_on_cuda_computes_the_same(nonlinearity):
    """The layer that is cuDNN's on CUDA is on every device; here it runs on the processor."""
    cell = made(CELLS[nonlinearity], 2, 3, torch.float64)
    assert isinstance(cell, ElmanCell)
    inputs, h0 = torch.randn(4, 5, 2).double(), torch.rand(4, 3).double()
    weights = cell.weight_ih, cell.weight_hh, cell.bias
    hidden, end = elman.elman_layer(inputs, h0, *weights, nonlinearity)
    expected, (last,) = Cell.unroll(cell, inputs, (h0,))
    close((hidden, end), (expected, last))


@pytest.mark.parametrize(
    "device",
    [
        "cpu",
        pytest.param(
            "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
        ),
    ],
)
@every_cell
def test_sixteen_bits_and_autocast_keep_the_loop(make, device):
    cell = made(make, 2, 8, torch.float32).to(device)
    inputs = torch.randn(4, 10, 2, device=device)
    assert recurrence.is_exact(inputs)
    assert not recurrence.is_exact(inputs.bfloat16())
    expected = cell(inputs)[0]
    with torch.autocast(device, torch.bfloat16):
        assert not recurrence.is_exact(inputs)
        torch.testing.assert_close(cell(inputs)[0].float(), expected, atol=0.05, rtol=0.05)
    half = cell.bfloat16()(inputs.bfloat16())[0]
    torch.testing.assert_close(half.float(), expected, atol=0.05, rtol=0.05)


def test_infinity_is_a_result_and_no_warning():
    """Oracle: the loop, whose overflow torch passes over in silence."""
    cell = made(CELLS["relu"], 2, 3, torch.float32)
    with torch.no_grad():
        cell.get_parameter("weight_hh").fill_(1e30)
    inputs, h0 = torch.randn(4, 9, 2), torch.rand(4, 3)
    mine = last_step(ElmanCell.final_state, cell, inputs, h0)
    loop = last_step(looped_last, cell, inputs, h0)
    assert not mine[0].isfinite().all()
    assert torch.equal(mine[0], loop[0])


@every_cell
def test_a_compiled_loop_is_what_the_cells_run(make):
    """Else all the above would compare the loop with itself. Autograd names what made a tensor."""
    cell = made(make, 2, 3, torch.float32)
    inputs = torch.randn(2, 3, 2)
    for hidden in (cell(inputs)[0], cell.final_state(inputs)[0]):
        assert hidden.grad_fn is not None
        assert hidden.grad_fn.name() == "_ScanBackward"
    loop, _ = Cell.unroll(cell, inputs)
    assert loop.grad_fn is not None
    assert loop.grad_fn.name() != "_ScanBackward"


@pytest.mark.parametrize(("size", "compiled"), [(128, True), (129, False)])
def test_a_large_lstm_runs_torchs_layer(size, compiled):
    """Oracle: the loop, which both equal."""
    cell = made(LSTMCell, 2, size, torch.float64)
    inputs = torch.randn(2, 5, 2, dtype=torch.float64)
    for hidden in (cell(inputs)[0], cell.final_state(inputs)[0]):
        assert hidden.grad_fn is not None
        assert (hidden.grad_fn.name() == "_ScanBackward") == compiled
    start = start_of(cell, inputs)
    close(
        all_steps(LSTMCell.forward, cell, inputs, *start),
        all_steps(Cell.unroll, cell, inputs, *start),
    )


@every_cell
def test_tensors_without_numbers_are_the_loop_or_torchs_own_layer(make):
    cell, inputs = made(make, 2, 3, torch.float32).to("meta"), torch.randn(2, 3, 2, device="meta")
    hidden, (end, *_) = cell(inputs)
    assert hidden.shape == (2, 3, 3)
    assert end.shape == (2, 3)


@every_cell
def test_hidden_states_changed_in_place_give_no_wrong_gradient(make):
    cell = made(make, 2, 3, torch.float64)
    inputs, parameters = torch.randn(2, 4, 2, dtype=torch.float64), list(cell.parameters())
    right = torch.autograd.grad(cell(inputs)[0].sum(), parameters)
    hidden, _ = cell(inputs)
    total = hidden.sum()
    hidden.mul_(2)
    try:
        changed = torch.autograd.grad(total, parameters)
    except RuntimeError as error:  # the kernel needs them itself
        if "modified by an inplace operation" not in str(error):
            raise
    else:  # it gave a copy
        assert all(map(torch.equal, changed, right))


@every_cell
def test_precisions_are_not_mixed(make):
    """Oracle: the loop, which torch refuses."""
    cell = made(make, 2, 3, torch.float32)
    for run in (type(cell).forward, Cell.unroll):
        with pytest.raises((RuntimeError, ValueError), match="dtype"):
            run(cell, torch.randn(4, 5, 2, dtype=torch.float64))

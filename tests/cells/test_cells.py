"""What holds for every cell of conf/cell. Oracle: the loop over `step`, float64, in values and in gradients."""

import copy
from collections.abc import Callable
from functools import partial

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from rnnlab.cells import Cell, State, check_cell
from rnnlab.cells.deltanet import DeltaNetCell
from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.gated_deltanet import GatedDeltaNetCell
from rnnlab.cells.gru import GRUCell
from rnnlab.cells.lru import LRUCell
from rnnlab.cells.lstm import LSTMCell
from rnnlab.cells.tcn import TCNCell
from rnnlab.run import CONF
from tests.support.cell_choices import Make, every_cell, other_values

INPUT_SIZE, HIDDEN_SIZE = 3, 6

close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)


def perturbed(make: Make, seed: int = 0) -> Cell:
    """A cell in float64 none of whose parameters is zero."""
    torch.manual_seed(seed)
    cell = make(INPUT_SIZE, HIDDEN_SIZE).double()
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return cell


def sequences(batch_size: int = 2, seq_len: int = 6) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(batch_size, seq_len, INPUT_SIZE, generator=generator, dtype=torch.float64)


def some_state(cell: Cell, inputs: Tensor) -> State:
    """One that the cell comes to, on inputs of its own: not every tensor can be a part of one."""
    generator = torch.Generator().manual_seed(2)
    before = torch.randn(inputs[:, :1].shape, generator=generator, dtype=inputs.dtype)
    return tuple(part.detach() for part in cell(before.expand(-1, 2, -1))[1])


def unrolled(
    run: Callable[..., tuple[Tensor, State]], cell: Cell, inputs: Tensor, state: State | None
) -> tuple[list[Tensor], list[Tensor | None]]:
    """What `run` gives, and the gradients of a random linear function of all that it gives."""
    leaves = [x.clone().requires_grad_() for x in (inputs, *(state or ()))]
    hidden, end = run(cell, leaves[0], tuple(leaves[1:]) or None)
    given = [hidden, *end]
    generator = torch.Generator().manual_seed(1)
    weights = [torch.randn(x.shape, generator=generator, dtype=x.dtype) for x in given]
    total = torch.stack([(w * x).sum() for w, x in zip(weights, given, strict=True)]).sum()
    wanted = [*leaves, *cell.parameters()]
    return given, list(torch.autograd.grad(total, wanted, allow_unused=True))


def assert_forward_is_the_loop(cell: Cell, inputs: Tensor, state: State | None) -> None:
    values, gradients = unrolled(type(cell).forward, cell, inputs, state)
    expected, expected_gradients = unrolled(Cell.unroll, cell, inputs, state)
    hidden, *end = values
    assert hidden.shape == (*inputs.shape[:2], HIDDEN_SIZE)
    assert [part.shape for part in end] == [p.shape for p in cell.initial_state(inputs)]
    assert torch.equal(hidden[:, -1], end[0])
    for value, other in zip(values, expected, strict=True):
        close(value, other)
    for gradient, other in zip(gradients, expected_gradients, strict=True):
        if gradient is None or other is None:  # h_0 where a state is given
            assert gradient is other
        else:
            close(gradient, other)


@every_cell
def test_forward_equals_the_loop_over_step(make: Make) -> None:
    cell, inputs = perturbed(make), sequences()
    assert_forward_is_the_loop(cell, inputs, some_state(cell, inputs))


@pytest.mark.slow
@pytest.mark.parametrize("start", ["default", "given"])
@pytest.mark.parametrize(("batch_size", "seq_len"), [(4, 9), (1, 6), (4, 1), (1, 1)])
@every_cell
def test_forward_equals_the_loop_at_other_sizes(
    make: Make, batch_size: int, seq_len: int, start: str
) -> None:
    cell, inputs = perturbed(make), sequences(batch_size, seq_len)
    assert_forward_is_the_loop(cell, inputs, some_state(cell, inputs) if start == "given" else None)


@every_cell
def test_every_parameter_learns(make: Make) -> None:
    """From the start that training has. Each has a gradient, and one that is not 0."""
    torch.manual_seed(0)
    cell = make(INPUT_SIZE, HIDDEN_SIZE).double()
    _, gradients = unrolled(type(cell).forward, cell, sequences(), None)
    names = ["inputs", *dict(cell.named_parameters())]
    for name, gradient in zip(names, gradients, strict=True):
        assert gradient is not None, name
        assert gradient.any(), name
        assert gradient.isfinite().all(), name


@every_cell
def test_two_halves_are_the_whole(make: Make) -> None:
    """Oracle: the sequence in one go; the state carries all that the cell knows of its past."""
    cell, inputs = perturbed(make), sequences(seq_len=7)
    hidden, end = cell(inputs)
    first, middle = cell(inputs[:, :3])
    second, last = cell(inputs[:, 3:], middle)
    close(torch.cat([first, second], dim=1), hidden)
    close(last, end)
    close(cell.final_state(inputs[:, 3:], middle), end)


@every_cell
def test_the_state_given_is_used_and_left_as_it_is(make: Make) -> None:
    """Every tensor of it but h_t, which a cell may compute and never read."""
    cell, inputs = perturbed(make), sequences(seq_len=3)
    state = some_state(cell, inputs)
    kept = [part.clone() for part in state]
    hidden, _ = cell(inputs, state)
    assert all(map(torch.equal, state, kept))
    leaves = [part.clone().requires_grad_() for part in state]
    total = torch.stack([part.sum() for part in cell.step(inputs[:, 0], tuple(leaves))]).sum()
    read = [found is not None for found in torch.autograd.grad(total, leaves, allow_unused=True)]
    assert all(read[1:])  # of h alone it may be that it is only read out
    for i, part in enumerate(state):
        other = (*state[:i], part + 0.1, *state[i + 1 :])
        assert torch.allclose(cell(inputs, other)[0], hidden) is not read[i]


@every_cell
def test_the_first_state_follows_the_inputs(make: Make) -> None:
    """It has their type, a row for each of them, and the same for all."""
    cell = make(INPUT_SIZE, HIDDEN_SIZE)
    for dtype in (torch.float32, torch.float64):
        state = cell.to(dtype).initial_state(sequences(4, 9).to(dtype))
        assert len(state) == len(cell.state_names)
        assert state[0].shape == (4, HIDDEN_SIZE)
        for part in state:
            assert part.dtype == dtype
            assert torch.equal(part, part[:1].expand(4, *part.shape[1:]))


@every_cell
def test_the_size_of_a_state_is_counted(make: Make) -> None:
    """Oracle: the numbers of a state after a step."""
    cell = make(INPUT_SIZE, HIDDEN_SIZE).double()
    _, end = cell(sequences(1, 1))
    assert cell.state_size == sum(len(part.flatten()) for part in end)


@every_cell
def test_the_first_weights_are_a_function_of_the_seed(make: Make) -> None:
    def weights(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return torch.cat([p.detach().flatten() for p in make(4, 6).parameters()])

    assert torch.equal(weights(3), weights(3))
    assert not torch.equal(weights(3), weights(4))


@every_cell
def test_a_copy_computes_the_same_and_is_another(make: Make) -> None:
    cell, inputs = perturbed(make), sequences()
    twin = copy.deepcopy(cell)
    expected, _ = cell(inputs)
    assert torch.equal(twin(inputs)[0], expected)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.mul_(1.5)
    assert not torch.allclose(twin(inputs)[0], expected)
    assert torch.equal(cell(inputs)[0], expected)


@every_cell
def test_its_weights_are_all_that_a_file_needs(make: Make) -> None:
    """Oracle: the cell itself, whose safetensors another one is given that began otherwise."""
    cell, other, inputs = perturbed(make), perturbed(make, seed=1), sequences()
    expected, _ = cell.unroll(inputs)
    assert not torch.allclose(other.unroll(inputs)[0], expected)
    other.load_state_dict(load(save(cell.state_dict())))
    assert torch.equal(other.unroll(inputs)[0], expected)


@every_cell
def test_sixteen_bits_are_near(make: Make) -> None:
    """Oracle: the same weights in 64 bits. A bfloat16 has 8 bits."""
    torch.manual_seed(0)
    cell, inputs = make(INPUT_SIZE, HIDDEN_SIZE).bfloat16(), sequences(3, 10).bfloat16()
    hidden, end = cell(inputs)
    assert {part.dtype for part in (hidden, *end)} == {torch.bfloat16}
    expected, _ = cell.double()(inputs.double())
    torch.testing.assert_close(hidden.double(), expected, atol=0.05, rtol=0.05)


@every_cell
def test_the_bounds_hold(make: Make) -> None:
    """Where all weights and inputs are far larger than at the start."""
    cell = perturbed(make)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.mul_(10)
    low, high = cell.bounds
    hidden, _ = cell(10 * sequences(8, 20))
    assert low < high
    assert low <= hidden.min().item()
    assert hidden.max().item() <= high


@pytest.mark.slow
@every_cell
def test_what_a_run_checks_first_is_kept(make: Make) -> None:
    check_cell(make(INPUT_SIZE, HIDDEN_SIZE))


@pytest.mark.parametrize("size", [0, -1, 2.0, True, None, "5"])
@every_cell
def test_bad_sizes_are_refused(make: Make, size: object) -> None:
    with pytest.raises(ValueError, match=rf"^hidden_size={size} is "):
        make(3, size)
    with pytest.raises(ValueError, match=rf"^input_size={size} is "):
        make(size, 3)


@pytest.mark.parametrize("make", [ElmanCell, LSTMCell, GRUCell])
def test_sizes(make):
    cell = make(3)
    assert (cell.input_size, cell.hidden_size) == (3, 64)
    hidden, _ = make(2, hidden_size=7)(torch.zeros(1, 4, 2))
    assert hidden.shape == (1, 4, 7)


def test_the_size_of_a_state():
    """By hand: h_t alone, and an LSTM's c_t beside it."""
    assert [make(3, 7).state_size for make in (ElmanCell, GRUCell, LSTMCell)] == [7, 7, 14]


def test_the_changes_of_options_by_hand() -> None:
    """What is walked above besides the yaml files themselves. Oracle: elman.yaml, read by eye."""
    found = set(other_values(CONF / "cell" / "elman.yaml"))
    expected = {("nonlinearity", word) for word in ("relu", "sigmoid", "identity")}
    expected |= {("recurrent_init", word) for word in ("orthogonal", "identity", "scaled")}
    assert found >= {*expected, ("learn_h0", True)}


def test_the_size_of_a_state_that_is_no_row():
    """By hand: 7 complex modes; a matrix, whole and in 3 heads; 2 d inputs of each convolution, d = 1 and 2."""
    assert LRUCell(3, 7).state_size == 7 + 2 * 7
    assert DeltaNetCell(3, 6).state_size == 6 + 6 * 6
    assert GatedDeltaNetCell(3, 6, num_heads=3).state_size == 6 + 3 * 2 * 2
    assert TCNCell(3, 7, 3, num_levels=2).state_size == 7 + (2 * 3 + 2 * 7) + (4 * 7 + 4 * 7)


class Sum(Cell):
    """h_t = x_t + h_{t-1}: a cell that is its step and nothing else."""

    def step(self, inputs: Tensor, state: State) -> State:
        return (inputs + state[0],)


def test_a_cell_is_its_step():
    """Oracle: torch.cumsum."""
    inputs = torch.randn(3, 8, 4, generator=torch.Generator().manual_seed(0))
    hidden, (end,) = Sum(4, 4)(inputs)
    torch.testing.assert_close(hidden, inputs.cumsum(dim=1))
    torch.testing.assert_close(end, inputs.sum(dim=1))
    shifted, _ = Sum(4, 4)(inputs, (torch.ones(3, 4),))
    torch.testing.assert_close(shifted, 1 + hidden)
    with pytest.raises(TypeError, match="abstract"):
        Cell(4, 4)  # pyrefly: ignore[bad-instantiation]

"""What holds for every cell. Oracle: the loop over `step`, float64, in values and in gradients."""

import itertools
import re
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from rnnlab.cells import Cell, State
from rnnlab.cells.antisymmetric import AntisymmetricCell
from rnnlab.cells.cornn import CoRNNCell
from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.exprnn import ExpRNNCell
from rnnlab.cells.gru import GRUCell
from rnnlab.cells.indrnn import IndRNNCell
from rnnlab.cells.lem import LEMCell
from rnnlab.cells.lstm import LSTMCell
from rnnlab.run import CONF

CELLS: dict[str, Callable[..., Cell]] = {
    "lstm": LSTMCell,
    "lstm-torch_bias": partial(LSTMCell, forget_bias=None),
    "lstm-chrono": partial(LSTMCell, forget_bias=None, chrono=20),
    "gru": GRUCell,
    "elman-modrelu-henaff": partial(ElmanCell, nonlinearity="modrelu", recurrent_init="henaff"),
    "exprnn": ExpRNNCell,
    "antisymmetric": AntisymmetricCell,
    "antisymmetric-gated": partial(AntisymmetricCell, gated=True),
    "indrnn": IndRNNCell,
    "cornn": CoRNNCell,
    "lem": LEMCell,
}
for f, init, learn_h0 in itertools.product(
    ("tanh", "relu", "sigmoid"), ("default", "orthogonal", "identity", "scaled"), (False, True)
):
    CELLS[f"elman-{f}-{init}{'-h0' * learn_h0}"] = partial(
        ElmanCell, nonlinearity=f, recurrent_init=init, learn_h0=learn_h0
    )
every_cell = pytest.mark.parametrize("make", CELLS.values(), ids=CELLS)
INPUT_SIZE, HIDDEN_SIZE = 3, 5

close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)


def perturbed(make: Callable[..., Cell]) -> Cell:
    """A cell in float64 none of whose parameters is zero."""
    torch.manual_seed(0)
    cell = make(INPUT_SIZE, HIDDEN_SIZE).double()
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return cell


def random_state(cell: Cell, inputs: Tensor) -> State:
    return tuple(torch.randn_like(part) for part in cell.initial_state(inputs))


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


def test_every_cell_is_held_to_this_contract():
    """Oracle: the classes that the yaml of the cells name; a preset has that of another cell."""
    tested = {make.func if isinstance(make, partial) else make for make in CELLS.values()}
    texts = [path.read_text("utf-8") for path in (CONF / "cell").glob("*.yaml")]
    named = {name for text in texts for name in re.findall(r"(?m)^_target_: (\S+)$", text)}
    assert {f"{cell.__module__}.{cell.__name__}" for cell in tested} == named


@pytest.mark.parametrize("start", ["default", "given"])
@pytest.mark.parametrize(("batch_size", "seq_len"), [(4, 6), (1, 6), (4, 1), (1, 1)])
@every_cell
def test_forward_equals_the_loop_over_step(make, batch_size, seq_len, start):
    cell = perturbed(make)
    inputs = torch.randn(batch_size, seq_len, INPUT_SIZE, dtype=torch.float64)
    state = random_state(cell, inputs) if start == "given" else None
    values, gradients = unrolled(type(cell).forward, cell, inputs, state)
    expected, expected_gradients = unrolled(Cell.unroll, cell, inputs, state)
    hidden, *end = values
    assert hidden.shape == (batch_size, seq_len, HIDDEN_SIZE)
    assert [part.shape for part in end] == [(batch_size, HIDDEN_SIZE)] * len(end)
    assert torch.equal(hidden[:, -1], end[0])
    for value, other in zip(values, expected, strict=True):
        close(value, other)
    for gradient, other in zip(gradients, expected_gradients, strict=True):
        if gradient is None or other is None:  # h_0 where a state is given
            assert gradient is other
        else:
            close(gradient, other)
            assert gradient.any() or seq_len == 1  # U earns nothing from h_0 = 0


@every_cell
def test_two_halves_are_the_whole(make):
    """Oracle: the sequence in one go; the state carries all that the cell knows of its past."""
    cell = perturbed(make)
    inputs = torch.randn(2, 7, INPUT_SIZE, dtype=torch.float64)
    hidden, end = cell(inputs)
    first, middle = cell(inputs[:, :3])
    second, last = cell(inputs[:, 3:], middle)
    close(torch.cat([first, second], dim=1), hidden)
    for part, other in zip(last, end, strict=True):
        close(part, other)


@every_cell
def test_the_state_given_is_used_and_left_as_it_is(make):
    cell = perturbed(make)
    inputs = torch.randn(2, 3, INPUT_SIZE, dtype=torch.float64)
    state = random_state(cell, inputs)
    kept = [part.clone() for part in state]
    hidden, _ = cell(inputs, state)
    assert all(map(torch.equal, state, kept))
    for i, part in enumerate(state):
        other = (*state[:i], part + 0.1, *state[i + 1 :])
        assert not torch.allclose(cell(inputs, other)[0], hidden)


@every_cell
def test_the_first_state_follows_the_inputs(make):
    cell = make(INPUT_SIZE, HIDDEN_SIZE)
    for dtype in (torch.float32, torch.float64):
        state = cell.to(dtype).initial_state(torch.ones(4, 9, INPUT_SIZE, dtype=dtype))
        assert {part.dtype for part in state} == {dtype}
        assert all(torch.equal(part, torch.zeros(4, HIDDEN_SIZE, dtype=dtype)) for part in state)


@every_cell
def test_the_first_weights_are_a_function_of_the_seed(make):
    def weights(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return torch.cat([p.detach().flatten() for p in make(4, 6).parameters()])

    assert torch.equal(weights(3), weights(3))
    assert not torch.equal(weights(3), weights(4))


@pytest.mark.parametrize("make", [ElmanCell, LSTMCell, GRUCell])
@pytest.mark.parametrize("size", [0, -1, 2.0, True, None, "5"])
def test_bad_sizes_are_refused(make, size):
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

"""Steps that nobody thought of: graphs of known operations, drawn. Oracle: the loop over `step`, float64."""

from collections.abc import Callable, Iterator

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from rnnlab.cells import Cell, State
from tests.support.own_cell import OwnCell
from tests.support.own_steps import leaky

WIDTH = 4
Value = Tensor  # (batch, WIDTH)

ONE: dict[str, Callable[[OwnCell, Value], Value]] = {
    "tanh": lambda cell, a: torch.tanh(a),
    "sigmoid": lambda cell, a: torch.sigmoid(a),
    "relu": lambda cell, a: torch.relu(a),
    "sin": lambda cell, a: torch.sin(a),
    "softplus": lambda cell, a: F.softplus(a),
    "elu": lambda cell, a: F.elu(a),
    "neg": lambda cell, a: 1 - a,
    "exp": lambda cell, a: torch.exp(-a.square()),
    "scaled": lambda cell, a: cell.d * a,
    "leak": lambda cell, a: torch.sigmoid(cell.leak) * a,
    "linear": lambda cell, a: cell.u(a),
    "other linear": lambda cell, a: a @ cell.u2.weight,
    "one column": lambda cell, a: torch.tanh(a[:, :1]) * a,
    "swapped": lambda cell, a: torch.cat([a[:, 2:], a[:, :2]], 1),
    "half": lambda cell, a: torch.cat([torch.tanh(a[:, :2]), a[:, 2:]], 1),
    "rolled": lambda cell, a: torch.roll(a, 1, 1),
    "softmax": lambda cell, a: torch.softmax(a, 1),
    "normed": lambda cell, a: F.layer_norm(a, (WIDTH,), cell.norm.weight, cell.norm.bias, eps=0.1),
    "mean": lambda cell, a: a - a.mean(1, keepdim=True),
    "largest": lambda cell, a: a - a.amax(1, keepdim=True),
    "detached": lambda cell, a: a.detach().cos() * a,
    "clamped": lambda cell, a: a.clamp(-0.5, 0.7),
}
TWO: dict[str, Callable[[OwnCell, Value, Value], Value]] = {
    "add": lambda cell, a, b: a + b,
    "sub": lambda cell, a, b: a - 0.5 * b,
    "mul": lambda cell, a, b: a * b,
    "div": lambda cell, a, b: a / (1 + b.square()),
    "lerp": lambda cell, a, b: torch.lerp(a, b, 0.3),
    "where": lambda cell, a, b: torch.where(a > b, a, 0.5 * b),
    "maximum": lambda cell, a, b: torch.maximum(a, b),
    "joined": lambda cell, a, b: cell.v(torch.cat([a, b], 1)),
    "gate": lambda cell, a, b: torch.sigmoid(a) * b + (1 - torch.sigmoid(a)) * torch.tanh(a),
}


class Drawn(OwnCell):
    """Values made one after the other, each of earlier ones; the last are the new states."""

    def __init__(
        self, program: list[tuple[str, int, int]], num_states: int, input_size: int
    ) -> None:
        torch.manual_seed(0)
        super().__init__(leaky, num_states, input_size, WIDTH)
        self.v = torch.nn.Linear(2 * WIDTH, WIDTH)
        self.program = program

    def step(self, inputs: Tensor, state: State) -> State:
        values = [*state, self.w(inputs)]
        for name, a, b in self.program:
            one, other = values[a % len(values)], values[b % len(values)]
            values.append(ONE[name](self, one) if name in ONE else TWO[name](self, one, other))
        return tuple(0.9 * torch.tanh(value) for value in values[-self.num_states :])


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nobody will compile these steps again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


programs = st.lists(
    st.tuples(st.sampled_from([*ONE, *TWO]), st.integers(0, 20), st.integers(0, 20)),
    min_size=3,
    max_size=12,
)


def results(
    run: Callable[..., tuple[Tensor, State]], cell: Cell, x: Tensor, state: State
) -> list[Tensor]:
    hidden, end = run(x, state)
    total = (hidden.sin() * torch.linspace(-1, 2, hidden.numel()).view(hidden.shape)).sum()
    total = total + sum((k + 1) * part.square().sum() for k, part in enumerate(end))
    leaves = [x, *state, *cell.parameters()]
    found = torch.autograd.grad(total, leaves, allow_unused=True)
    zeros = [torch.zeros_like(t) if g is None else g for t, g in zip(leaves, found, strict=True)]
    return [value.detach() for value in (hidden, *end, *zeros)]


@pytest.mark.slow
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs, st.integers(1, 3), st.sampled_from([2, 6]))
def test_a_drawn_step_equals_its_loop(
    program: list[tuple[str, int, int]], num_states: int, input_size: int
) -> None:
    cell = Drawn(program, num_states, input_size).double()
    torch.manual_seed(1)
    x = torch.randn(3, 5, input_size, dtype=torch.float64, requires_grad=True)
    state = tuple(torch.randn_like(part).requires_grad_() for part in cell.initial_state(x))
    mine = results(cell, cell, x, state)
    made_by = cell(x, state)[0].grad_fn
    assert made_by is not None
    assert made_by.name() == "_ScanBackward"
    loop = results(cell.unroll, cell, x, state)
    largest = max(float(value.abs().max()) for value in loop)
    for value, other in zip(mine, loop, strict=True):
        torch.testing.assert_close(value, other, rtol=1e-8, atol=1e-9 * max(largest, 1.0))

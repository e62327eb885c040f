"""minGRU and minLSTM. Oracles: the papers' equations in NumPy, and the loop over `step` for the scan."""

import numpy as np
import pytest
import torch

from rnnlab.cells.input_gated import InputGatedCell
from rnnlab.cells.mingru import MinGRUCell
from rnnlab.cells.minlstm import MinLSTMCell
from tests.support.like_the_loop import close, is_compiled, results

both = pytest.mark.parametrize("make", [MinGRUCell, MinLSTMCell])
positive_or_not = pytest.mark.parametrize("positive", [False, True])


def cell_of(make: type, positive: bool, size: int = 5) -> InputGatedCell:
    torch.manual_seed(0)
    return make(3, size, positive).double()


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def g(a):
    """As the paper's appendix has it."""
    return np.where(a >= 0, a + 0.5, sigmoid(a))


def by_the_equations(cell: InputGatedCell, x, h, positive: bool):
    weights = {name: value.detach().numpy() for name, value in cell.named_parameters()}
    count = len(weights["bias"]) // cell.hidden_size
    features = np.split(x @ weights["weight_ih"].T + weights["bias"], count, axis=2)
    *gates, candidate = features
    candidate = g(candidate) if positive else candidate
    hidden = []
    for t in range(x.shape[1]):
        if len(gates) == 1:
            z = sigmoid(gates[0][:, t])
            h = (1 - z) * h + z * candidate[:, t]
        else:
            f, i = (sigmoid(gate[:, t]) for gate in gates)
            h = f / (f + i) * h + i / (f + i) * candidate[:, t]
        hidden.append(h)
    return np.stack(hidden, axis=1)


@both
@positive_or_not
def test_the_equations(make: type, positive: bool) -> None:
    cell, x = cell_of(make, positive), torch.randn(2, 7, 3, dtype=torch.double)
    h = torch.randn(2, 5, dtype=torch.double)
    hidden, (end,) = cell(x, (h,))
    expected = by_the_equations(cell, x.numpy(), h.numpy(), positive)
    np.testing.assert_allclose(hidden.detach(), expected, rtol=1e-8)
    np.testing.assert_allclose(end.detach(), expected[:, -1], rtol=1e-8)


@both
@positive_or_not
@pytest.mark.parametrize("steps", [1, 9])
def test_the_scan_is_the_loop(make: type, positive: bool, steps: int) -> None:
    """Values and gradients, from 0 and from a state; on the CPU `forward` is the compiled loop."""
    cell = cell_of(make, positive)
    x = torch.randn(4, steps, 3, dtype=torch.double, requires_grad=True)
    h = torch.randn(4, 5, dtype=torch.double, requires_grad=True)
    assert is_compiled(cell, x)
    for state in (None, (h,)):
        close(results(cell.at_once, cell, x, state), results(cell.unroll, cell, x, state))


@both
def test_forms_in_logarithms_give_the_same(make: type) -> None:
    """Oracle: Heinsen's form, which the paper uses: h_t = exp(A_t + logcumsumexp(log b - A))."""
    cell, x = cell_of(make, positive=True), torch.randn(2, 40, 3, dtype=torch.double)
    a, b = cell.coefficients(x)
    sums = a.log().cumsum(dim=1)
    expected = (sums + (b.log() - sums).logcumsumexp(dim=1)).exp()
    torch.testing.assert_close(cell(x)[0], expected)


def test_gates_that_are_both_shut() -> None:
    """In single precision sigmoid(-200) is 0, and f / (f + i) would be 0 / 0: here 1 / (1 + e^10)."""
    cell = MinLSTMCell(1, 1)
    with torch.no_grad():
        cell.weight_ih.zero_()
        cell.bias.copy_(torch.tensor([-210.0, -200.0, 1.0]))
    hidden, _ = cell(torch.zeros(1, 1, 1), (torch.full((1, 1), 3.0),))
    share = 1 / (1 + np.exp(10))
    assert hidden.item() == pytest.approx(share * 3 + (1 - share), rel=1e-6)


@both
def test_no_unit_reads_another(make: type) -> None:
    """What makes a scan possible: dh_t/dh_{t-1} is diagonal, and within (0, 1)."""
    cell, x = cell_of(make, positive=False), torch.randn(1, 3, dtype=torch.double)
    jacobian = torch.autograd.functional.jacobian(
        lambda h: cell.step(x, (h,))[0][0], torch.randn(1, 5, dtype=torch.double)
    )[:, 0]
    diagonal = jacobian.diagonal()
    assert torch.equal(jacobian, diagonal.diag())
    assert ((diagonal > 0) & (diagonal < 1)).all()


@both
def test_the_end_alone(make: type) -> None:
    cell, x = cell_of(make, positive=False), torch.randn(2, 6, 3, dtype=torch.double)
    torch.testing.assert_close(cell.final_state(x)[0], cell(x)[0][:, -1])


@both
def test_what_is_refused(make: type) -> None:
    with pytest.raises(ValueError, match=r"^positive=1 is neither true nor false"):
        make(3, 4, positive=1)
    with pytest.raises(ValueError, match=r"^hidden_size=0 is too small"):
        make(3, 0)
    assert (make.work, make.depth) == ("H", "log T")

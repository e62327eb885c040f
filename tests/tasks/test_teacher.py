"""Oracle: torch.nn.RNN with the teacher's weights, two steps by hand, and a student that learns it."""

import math

import pytest
import torch
from torch import nn

from rnnlab.tasks.teacher import Teacher, Weights
from tests.support.draws import draws

SMALL = Teacher(seq_len=7, input_size=3, output_size=2, hidden_size=4, seed=2)


@pytest.mark.parametrize("task", [Teacher(), SMALL, Teacher(4, 2, 1, 6)], ids=str)
def test_targets_are_those_of_torch_rnn(task):
    weights = task.weights
    network = nn.RNN(task.input_size, task.hidden_size, bias=False, batch_first=True)
    network = network.double()
    network.load_state_dict({"weight_ih_l0": weights.weight_ih, "weight_hh_l0": weights.weight_hh})
    inputs, targets = task.sample(draws(5))
    with torch.no_grad():
        expected = network(inputs.double())[0] @ weights.readout.T
    torch.testing.assert_close(targets, expected.float())


def test_worked_example():
    weights = Weights(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.9]]), torch.tensor([[1.0]]))
    inputs = torch.tensor([[[0.5, 3.0], [-1.0, 2.0]]])
    answer = weights.answer(inputs @ weights.weight_ih.T)
    assert answer.flatten().tolist() == pytest.approx([0.462, -0.526], abs=5e-4)


@pytest.mark.parametrize("sizes", [(10, 5), (2, 6), (4, 4)])
def test_weights_are_well_conditioned(sizes):
    """Oracle: the singular values, all 1 of W and all 0.9 of U."""
    input_size, hidden_size = sizes
    weights = Teacher(10, input_size, 3, hidden_size).weights
    ones = torch.ones(min(sizes), dtype=torch.float64)
    torch.testing.assert_close(torch.linalg.svdvals(weights.weight_ih), ones)
    nine_tenths = torch.full((hidden_size,), 0.9, dtype=torch.float64)
    torch.testing.assert_close(torch.linalg.svdvals(weights.weight_hh), nine_tenths)
    torch.testing.assert_close(weights.readout.norm(dim=1), torch.ones(3, dtype=torch.float64))


def test_the_seed_sets_the_teacher_and_the_draws_the_inputs():
    teacher, same, other = Teacher(), Teacher(seq_len=30), Teacher(seed=1)
    assert all(map(torch.equal, teacher.weights, same.weights))
    assert not torch.equal(teacher.weights.weight_hh, other.weights.weight_hh)
    mine, theirs = teacher.sample(draws(3)), other.sample(draws(3))
    assert torch.equal(mine.inputs, theirs.inputs)
    assert not torch.equal(mine.targets, theirs.targets)


def test_weights_and_chance_are_no_part_of_equality():
    used, fresh = Teacher(), Teacher()
    assert used.chance == fresh.at_length(10).chance
    assert used == fresh
    assert hash(used) == hash(fresh)
    assert repr(used) == "Teacher(seq_len=10, input_size=10, output_size=1, hidden_size=5, seed=0)"


@pytest.mark.parametrize(
    "task",
    [
        pytest.param(Teacher(200), marks=pytest.mark.slow),
        pytest.param(Teacher(400, 1, 1, 30), marks=pytest.mark.slow),
        Teacher(8, 60, 1, 60),
    ],
    ids=str,
)
def test_chance_of_long_and_of_large_teachers(task):
    """Oracle: plain samples, within 4 standard errors and the 1 % that few points may be off."""
    size = 10_000_000 // (task.seq_len * task.hidden_size)
    loss = task.sample(draws(size)).targets.square().mean((1, 2))
    standard_error = (loss.std() / len(loss) ** 0.5).item()
    assert abs(loss.mean().item() - task.chance) < 4 * standard_error + 0.01 * task.chance


def test_chance_of_one_step_by_quadrature():
    """Oracle: V h_1 has independent terms, so E y_1^2 is E tanh(z)^2 by the trapezoidal rule."""
    z = torch.linspace(-9, 9, 2001, dtype=torch.float64)
    density = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)
    exact = torch.trapezoid(z.tanh().square() * density, z).item()
    assert Teacher(seq_len=1).chance == pytest.approx(exact, rel=1e-4)


def test_where_an_error_begins():
    """By hand: 4 % of chance, over all steps and features of a sequence together."""
    _, targets = SMALL.sample(draws(4))
    off = (0.04 * SMALL.chance) ** 0.5
    outputs = targets.double()
    outputs[0] += 0.999 * off
    outputs[1] -= 1.001 * off
    outputs[2, 0, 0] += 0.999 * off * 14**0.5  # 7 steps of 2 features
    outputs[3, 0, 0] += 1.001 * off * 14**0.5
    assert SMALL.errors(outputs, targets.double()).tolist() == [False, True, False, True]


def test_a_student_of_the_same_size_learns_it():
    task = Teacher()
    torch.manual_seed(0)
    student = nn.ModuleList([nn.RNN(10, 5, batch_first=True), nn.Linear(5, 1)])
    optimizer = torch.optim.Adam(student.parameters(), lr=0.01)
    for step in range(700):
        inputs, targets = task.sample(draws(32, batch=step))
        loss = task.loss(student[1](student[0](inputs)[0]), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    inputs, targets = task.sample(draws(2000, batch=700))
    with torch.no_grad():
        outputs = student[1](student[0](inputs)[0])
    assert task.loss(outputs, targets) < 0.01 * task.chance
    assert task.solved_below is not None
    assert task.errors(outputs, targets).float().mean() < task.solved_below


@pytest.mark.parametrize("value", [-1, 1.5, True, "a", None])
@pytest.mark.parametrize("name", ["seq_len", "input_size", "output_size", "hidden_size", "seed"])
def test_refuses(name, value):
    least = int(name != "seed")
    with pytest.raises(ValueError, match=f"{name}={value}.*at least {least}"):
        Teacher(**{name: value})
    if least:
        with pytest.raises(ValueError, match=f"{name}=0 is too small: at least 1"):
            Teacher(**{name: 0})

"""What holds for every task: shapes, determinism, chance against samples, perfect answers."""

import importlib
import math
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor
from torch.nn import functional as F

from rnnlab.tasks import Draws, Part, Task
from rnnlab.tasks.adding import Adding
from rnnlab.tasks.copy_memory import CopyMemory
from rnnlab.tasks.philox import by_torch
from rnnlab.tasks.teacher import Teacher
from rnnlab.tasks.temporal_order import TemporalOrder
from tests.support.draws import draws

CONF = Path(__file__).parents[2] / "conf" / "task"
TASKS: list[Task] = [
    *(Adding(25, v) for v in ("arjovsky2016", "bai2018", "pascanu2013", "hochreiter1997")),
    CopyMemory(delay=5, num_symbols=3, copy_len=4),
    *(TemporalOrder(25, n, v) for n in (2, 3) for v in ("pascanu2013", "hochreiter1997")),
    Teacher(),
    Teacher(seq_len=3, input_size=2, output_size=3, hidden_size=4, seed=1),
]
every_task = pytest.mark.parametrize("task", TASKS, ids=str)


def blind_answer(task: Task, shape: tuple[int, ...]) -> Tensor:
    """The best answer that ignores the inputs, by hand."""
    match task:
        case Adding(variant="arjovsky2016" | "bai2018"):
            return torch.ones(shape)
        case Adding():
            return torch.full(shape, 0.5)
        case CopyMemory():
            logits = torch.zeros(shape)
            logits[:, : -task.copy_len, 1:] = -100  # surely blank
            logits[:, -task.copy_len :, 0] = -100  # any symbol
            return logits
        case TemporalOrder(variant="hochreiter1997"):
            return torch.full(shape, math.log(1 / (task.output_size - 1)))  # sigmoid: 1/C
    return torch.zeros(shape)


def perfect_answer(task: Task, targets: Tensor) -> Tensor:
    if targets.is_floating_point():
        return targets
    return 40.0 * (2 * F.one_hot(targets, task.output_size) - 1)


def output_shape(task: Task, targets: Tensor) -> tuple[int, ...]:
    return (*targets.shape[:2], task.output_size)


@every_task
def test_chance_against_200_000_samples(task):
    """Oracle: the mean loss of the best blind answer, within 4 standard errors."""
    batches = [task.sample(draws(1000, batch=number)).targets for number in range(200)]
    answer = blind_answer(task, output_shape(task, batches[0]))
    losses = torch.stack([task.loss(answer, targets) for targets in batches]).double()
    standard_error = losses.std().item() / len(losses) ** 0.5
    assert abs(losses.mean().item() - task.chance) < 4 * standard_error + 2e-6 * task.chance
    for step in (-0.1, 0.1):  # No better constant nearby: in the last output, a step either way.
        other = answer.clone()
        other[..., -1] += step
        worse = torch.stack([task.loss(other, targets) for targets in batches]).double()
        assert worse.mean() > losses.mean()


@every_task
def test_shapes_and_types(task):
    inputs, targets = task.sample(draws(6))
    assert inputs.dtype == torch.float32
    assert targets.dtype in (torch.float32, torch.int64)
    assert inputs.shape[::2] == (6, task.input_size)
    assert task.seq_len <= inputs.shape[1] <= 1.1 * task.seq_len
    outputs = torch.rand(output_shape(task, targets), generator=torch.Generator().manual_seed(1))
    assert task.loss(outputs, targets).shape == ()
    assert task.errors(outputs, targets).shape == (6,)
    assert task.errors(outputs, targets).dtype == torch.bool
    for score in task.scores(outputs, targets).values():
        assert score.shape == (6,)


@every_task
def test_a_perfect_answer_has_no_error_and_an_undefined_one_is_wrong(task):
    _, targets = task.sample(draws(50))
    outputs = perfect_answer(task, targets)
    assert task.loss(outputs, targets) < 1e-6
    assert not task.errors(outputs, targets).any()
    undefined = outputs.clone()
    undefined[:, -1] = math.nan
    assert task.errors(undefined, targets).all()


@every_task
def test_the_draws_are_the_only_randomness(task):
    state = torch.get_rng_state()
    once, again, other = (task.sample(draws(4, seed)) for seed in (3, 3, 4))
    assert all(map(torch.equal, once, again))
    assert not torch.equal(once.inputs[:, :20], other.inputs[:, :20])
    assert task.chance > 0
    assert torch.equal(state, torch.get_rng_state())


@every_task
def test_a_sequence_is_the_same_alone_and_on_a_device(task, monkeypatch):
    """Oracle: a batch of ten; the words by torch, as on CUDA, and to the bit but for a network's answers."""
    batch = task.sample(draws(10))
    alone = task.sample(Draws(0, "test", [Part(0, 7, 1)]))
    monkeypatch.setattr("rnnlab.tasks.philox.by_numpy", by_torch)
    others = task.sample(draws(10))
    for whole, one, other in zip(batch, alone, others, strict=True):
        assert torch.equal(whole[7:8], one)
        assert torch.equal(whole, other)


@every_task
def test_at_length(task):
    longer = task.at_length(40)
    assert longer.seq_len == 40
    assert type(longer) is type(task)
    assert longer.at_length(task.seq_len) == task
    assert 40 <= longer.sample(draws(2)).inputs.shape[1] <= 44


def test_solved_below():
    for task in TASKS:
        published = 3 / 2560 if "hochreiter1997" in str(task) else 0.01
        assert task.solved_below == published


@pytest.mark.parametrize("path", sorted(CONF.glob("*.yaml")), ids=lambda p: p.stem)
def test_yaml_lists_every_argument_with_its_default(path):
    """Oracle: the fields of the dataclass, in their order; some are refused at their defaults, as a missing path."""
    config = OmegaConf.to_container(OmegaConf.load(path))
    assert isinstance(config, dict)
    module, name = str(config.pop("_target_")).rsplit(".", 1)
    assert module == f"rnnlab.tasks.{path.stem}"
    cls = getattr(importlib.import_module(module), name)
    assert list(config.items()) == [(field.name, field.default) for field in fields(cls)]
    assert path.read_text().startswith("# ")

"""Adam's short way. Oracle: torch's own `step`, to the bit."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import Adam, AdamW, Optimizer

from rnnlab.training.adam import fast_step

OPTIONS: list[dict[str, Any]] = [
    {},
    {"weight_decay": 0.1},
    {"amsgrad": True},
    {"maximize": True},
    {"betas": (0.5, 0.9), "eps": 1e-3},
]


def gradients(model: nn.Module, number: int) -> None:
    torch.manual_seed(number)
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)


def pair(kind: type[Optimizer], **options: Any) -> list[tuple[nn.Module, Optimizer]]:
    """Twice the same model and optimizer, one update old."""
    both: list[tuple[nn.Module, Optimizer]] = []
    for _ in range(2):
        torch.manual_seed(0)
        model = nn.Linear(3, 2)
        optimizer = kind(model.parameters(), **options)
        gradients(model, 0)
        optimizer.step()
        both.append((model, optimizer))
    return both


def numbers(model: nn.Module, optimizer: Optimizer) -> list[Tensor]:
    states = [optimizer.state[p] for p in model.parameters()]
    return [*model.parameters(), *(value for state in states for value in state.values())]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("kind", [Adam, AdamW])
def test_parameters_and_state_are_those_of_torch(kind: Any, options: dict[str, Any]) -> None:
    (mine, ours), (plain, theirs) = pair(kind, fused=True, **options)
    step = fast_step(ours)
    assert step != ours.step
    for update in range(1, 6):
        for model in (mine, plain):
            gradients(model, update)
        for optimizer in (ours, theirs):
            optimizer.param_groups[0]["lr"] = 0.1 / update  # what a schedule does
        step()
        theirs.step()
        for a, b in zip(numbers(mine, ours), numbers(plain, theirs), strict=True):
            assert torch.equal(a, b)


def test_a_parameter_without_a_gradient_stays() -> None:
    (mine, ours), (plain, theirs) = pair(Adam, fused=True)
    step = fast_step(ours)
    for model in (mine, plain):
        gradients(model, 1)
        model.get_parameter("bias").grad = None
    step()
    theirs.step()
    for a, b in zip(numbers(mine, ours), numbers(plain, theirs), strict=True):
        assert torch.equal(a, b)
    assert ours.state[mine.get_parameter("bias")]["step"] == 1


def test_what_is_not_plain_takes_torchs_own_step() -> None:
    class Mine(Adam):
        pass

    others: list[tuple[type[Optimizer], dict[str, Any]]] = [
        (torch.optim.SGD, {"fused": True}),
        (Mine, {"fused": True}),
        (Adam, {"fused": False}),
        (Adam, {"fused": True, "lr": torch.tensor(0.1)}),
    ]
    for kind, options in others:
        (_, optimizer), _ = pair(kind, **options)
        assert fast_step(optimizer) == optimizer.step
    (_, optimizer), _ = pair(Adam, fused=True)
    optimizer.register_step_post_hook(lambda *given: None)
    assert fast_step(optimizer) == optimizer.step
    fresh = Adam(nn.Linear(3, 2).parameters(), fused=True)
    assert fast_step(fresh) == fresh.step

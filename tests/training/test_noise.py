"""Noise in the gradient. Oracles: its law, by statistics of many numbers; an update written out; blocks of one."""

import math
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from rnnlab.training.noise import GAMMA, GradientNoise, noise_of
from rnnlab.training.settings import TrainSettings
from tests.support.training import fit, module_of


def drawn(
    update: int, seed: int = 0, eta: float = 0.3, sizes: tuple[int, ...] = (90, 110)
) -> Tensor:
    parameters = [nn.Parameter(torch.zeros(size, size)) for size in sizes]
    for parameter in parameters:
        parameter.grad = torch.zeros_like(parameter)
    GradientNoise(eta, GAMMA, seed).add(parameters, update)
    return torch.cat([p.grad.flatten() for p in parameters if p.grad is not None])


@pytest.mark.parametrize("update", [0, 1000])
def test_its_law(update: int) -> None:
    """Normal of variance eta / (1 + t)^0.55; 20,200 numbers, so that 2 % is four standard errors."""
    noise = drawn(update).double()
    sigma = math.sqrt(0.3 / (1 + update) ** 0.55)
    assert noise.std().item() == pytest.approx(sigma, rel=0.02)
    assert stats.kstest(noise.numpy() / sigma, "norm").pvalue > 1e-3


def test_it_is_a_function_of_seed_and_update_and_added() -> None:
    assert torch.equal(drawn(3), drawn(3))
    for other in (drawn(4), drawn(3, seed=1)):
        assert abs(torch.corrcoef(torch.stack([drawn(3), other]))[0, 1]) < 0.03
    some, more = drawn(3, sizes=(5,)), drawn(3, sizes=(5, 5))
    assert torch.equal(some, more[:25])
    parameters = [nn.Parameter(torch.zeros(5, 5)), nn.Parameter(torch.zeros(3))]
    parameters[0].grad = torch.full((5, 5), 7.0)
    GradientNoise(0.3, GAMMA, 0).add(parameters, 3)
    torch.testing.assert_close(parameters[0].grad.flatten(), 7 + some)
    assert parameters[1].grad is None


def test_an_update_has_it_after_clipping(tmp_path: Path) -> None:
    """By hand: one step of SGD from the same weights, on the same batch, differs by lr times the noise."""
    weights = {}
    for eta in (None, 0.5):
        module = module_of(1, 1, 1, optimizer=partial(torch.optim.SGD, lr=0.25), seed=0)
        settings = replace(module.train_settings, gradient_noise=eta)
        module.blocks.noise = noise_of(settings, seed=0)
        fit(module, tmp_path / str(eta))
        weights[eta] = [p.detach().clone() for p in module.model.parameters()]
    parameters = [nn.Parameter(torch.zeros_like(w)) for w in weights[None]]
    for parameter in parameters:
        parameter.grad = torch.zeros_like(parameter)
    GradientNoise(0.5, GAMMA, 0).add(parameters, 0)
    for parameter, without, noisy in zip(parameters, *weights.values(), strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(noisy, without - 0.25 * parameter.grad)


@pytest.mark.slow
def test_blocks_change_no_bit(tmp_path: Path) -> None:
    def weights(block: int) -> list[Tensor]:
        module = module_of(8, block, val_every=4)
        module.blocks.noise = GradientNoise(0.1, GAMMA, 0)
        fit(module, tmp_path / str(block))
        return [p.detach() for p in module.parameters()]

    assert all(map(torch.equal, weights(1), weights(4)))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"gradient_noise": 0.0}, r"^gradient_noise=0.0 is out of bounds: above 0"),
        ({"gradient_noise": 1.0, "gradient_noise_decay": -1.0}, r"^gradient_noise_decay=-1.0 is"),
        (
            {"gradient_noise_decay": 0.5},
            r"^gradient_noise_decay=0.5 goes with gradient_noise alone",
        ),
    ],
)
def test_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        TrainSettings(**settings)

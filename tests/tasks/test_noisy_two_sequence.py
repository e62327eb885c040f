"""Tasks 3a to 3c. Oracle: the paper's numbers, moments of the noise, and the signal read off the inputs."""

import math

import pytest
import torch

from rnnlab.tasks.noisy_two_sequence import NoisyTwoSequence
from tests.support.draws import draws


@pytest.mark.parametrize("signal_len", [1, 3])
@pytest.mark.parametrize(("variant", "classes"), [("3a", (1.0, 0.0)), ("3c", (0.2, 0.8))])
def test_the_signal(variant: str, classes: tuple[float, float], signal_len: int) -> None:
    """1 for the first class, -1 for the second, each as often; then noise that is neither."""
    inputs, targets = NoisyTwoSequence(30, signal_len, variant).sample(draws(400))
    first = 0
    rows = zip(inputs[:, :, 0].tolist(), targets[:, 0].tolist(), strict=True)
    for sequence, (_, expected) in rows:
        sign = 1.0 if math.isclose(expected, classes[0], abs_tol=1e-6) else -1.0
        assert expected == pytest.approx(classes[0 if sign > 0 else 1])
        assert sequence[:signal_len] == [sign] * signal_len
        assert abs(sequence[signal_len]) != 1
        first += sign > 0
    assert abs(first - 200) < 4 * 100**0.5


@pytest.mark.parametrize(("variant", "noisy"), [("3a", False), ("3b", True), ("3c", False)])
def test_the_noise(variant: str, noisy: bool) -> None:
    """Mean 0 and variance 0.2, of the signal only in 3b: within 4.5 standard errors."""
    inputs, targets = NoisyTwoSequence(20, 3, variant).sample(draws(4000))
    signs = torch.where(targets[:, 0, 1] == targets[0, 0, 1], 1.0, -1.0) * inputs[0, 0, 0].sign()
    noise = inputs[:, :, 0].clone()
    noise[:, :3] -= signs[:, None]
    for part, variance in ((noise[:, 3:], 0.2), (noise[:, :3], 0.2 if noisy else 0.0)):
        error = 4.5 / part.numel() ** 0.5
        assert abs(part.mean().item()) <= error * variance**0.5
        assert abs(part.var().item() - variance) <= error * variance * 2**0.5


def test_the_noise_on_the_target() -> None:
    """Variance 0.1 in 3c, and none else."""
    for variant, variance in (("3a", 0.0), ("3b", 0.0), ("3c", 0.1)):
        targets = NoisyTwoSequence(20, 3, variant).sample(draws(4000)).targets
        noise = targets[:, 0, 0] - targets[:, 0, 1]
        assert abs(noise.var().item() - variance) <= 4.5 * variance * (2 / 4000) ** 0.5
        assert abs(noise.mean().item()) <= 4.5 * (variance / 4000) ** 0.5


def test_lengths() -> None:
    """T <= l <= 1.1 T, shared by a batch."""
    task = NoisyTwoSequence(20)
    lengths = {task.sample(draws(1, batch=number)).inputs.shape[1] for number in range(60)}
    assert lengths == {20, 21, 22}


@pytest.mark.parametrize(
    ("variant", "off", "wrong"),
    [("3a", 0.19, False), ("3a", 0.21, True), ("3c", 0.09, False), ("3c", 0.11, True)],
)
def test_what_is_wrong(variant: str, off: float, wrong: bool) -> None:
    """By the distance from the expectation, whatever the noise on the target is."""
    expected = 0.2 if variant == "3c" else 0.0
    targets = torch.tensor([[[7.0, expected]]])
    outputs = torch.logit(torch.tensor([[[expected + off]]]))
    task = NoisyTwoSequence(variant=variant)
    assert task.errors(outputs, targets).tolist() == [wrong]
    assert task.scores(outputs, targets)["distance"].item() == pytest.approx(off)
    assert task.loss(outputs, targets).item() == pytest.approx((expected + off - 7) ** 2)


def test_chance_by_hand() -> None:
    """0.5 is off by 0.5 twice; and by 0.3 with 0.1 of noise."""
    levels = [NoisyTwoSequence(variant=v).chance for v in ("3a", "3b", "3c")]
    assert levels == pytest.approx([0.25, 0.25, 0.19])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"variant": "3d"}, "variant=3d is not allowed"),
        ({"seq_len": 3}, "seq_len=3 is too short for signal_len=3: at least 4"),
        ({"signal_len": 0}, "signal_len=0 is too small"),
        ({"seq_len": 10.0}, "seq_len=10.0"),
    ],
)
def test_refuses(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NoisyTwoSequence(**arguments)

"""What a frame shows. Oracle: a sine's energy and noise's, by hand; numpy's own slices."""

import math
from typing import Any

import numpy as np
import pytest

from rnnlab.tasks.sound_features import SoundFeatures

RATE = 8000


def made(**changed: Any) -> SoundFeatures:
    settings: dict[str, Any] = {
        "kind": "log_mel",
        "num_bands": 20,
        "frame": 25.0,
        "hop": 10.0,
        "rate": RATE,
    }
    return SoundFeatures(**{**settings, **changed})


def mel(frequency: float) -> float:
    return 2595 * math.log10(1 + frequency / 700)


@pytest.mark.parametrize("frequency", [200, 1000, 3000])
def test_a_sine_is_in_its_own_bands(frequency: int) -> None:
    """A whole number of periods in 200 samples: by Hann's window A^2/4 (sum h)^2 at k, a quarter of it beside.

    With sum h = 100 and sum h^2 = 75, the power at its own frequency is A^2/4 10000 / 75.
    """
    features = made()
    sound = 0.5 * np.sin(2 * np.pi * frequency * np.arange(RATE) / RATE)
    found = np.exp(features(sound)) - 1e-6
    peak = 0.5**2 / 4 * 100**2 / 75
    powers = {frequency - 40: peak / 4, frequency: peak, frequency + 40: peak / 4}
    top, bands = mel(RATE / 2), 20
    for band in range(bands):
        low, middle, high = (
            700 * (10 ** (top * (band + n) / (bands + 1) / 2595) - 1) for n in range(3)
        )
        expected = sum(
            power * max(0, min((f - low) / (middle - low), (high - f) / (high - middle)))
            for f, power in powers.items()
        )
        np.testing.assert_allclose(found[:, band], expected, rtol=1e-3, atol=2e-6)
    assert found.argmax(axis=1).tolist() == [int(mel(frequency) / top * (bands + 1) - 0.5)] * 98


def test_noise_adds_its_variance_for_each_frequency() -> None:
    features = made(num_bands=4)
    noise = 0.1 * np.random.default_rng(0).normal(size=50 * RATE)
    found = np.exp(features(noise)).mean(axis=0)
    np.testing.assert_allclose(found, 0.01 * features._weights.sum(axis=1), rtol=0.05)


def test_silence_is_finite_and_the_same_everywhere() -> None:
    assert made()(np.zeros(RATE)).tolist() == [[np.float32(math.log(1e-6))] * 20] * 98


def test_raw_frames_are_the_samples() -> None:
    features = made(kind="raw", frame=1.0, hop=0.5)  # 8 samples, one frame each 4
    sound = np.arange(100, dtype=np.float32)
    found = features(sound)
    assert features.size == 8
    assert len(found) == features.num_frames(100) == 24
    for number in range(24):
        assert found[number].tolist() == sound[4 * number : 4 * number + 8].tolist()


@pytest.mark.parametrize("samples", [0, 7, 8, 11, 12, 100])
def test_the_number_of_frames_is_counted(samples: int) -> None:
    features = made(kind="raw", frame=1.0, hop=0.5)
    assert features.num_frames(samples) == len(range(0, samples - 7, 4))


def test_longer_ones_are_cut_to_their_middle_and_shorter_ones_follow_silence() -> None:
    features = made(kind="raw", frame=1.0, hop=0.5)
    sound = np.arange(1.0, 41.0)
    assert features.fitted(sound, 2).tolist() == sound[14:26].tolist()
    assert features.fitted(sound[:5], 2).tolist() == [0.0] * 7 + [1.0, 2.0, 3.0, 4.0, 5.0]
    assert features.fitted(sound, 9).tolist() == sound.tolist()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"kind": "mfcc"}, "^features=mfcc is not allowed"),
        ({"num_bands": 0}, "^num_bands=0 is too small"),
        ({"num_bands": 100}, r"^num_bands=100 is too many for frame=25\.0"),
        ({"frame": -1.0}, r"^frame=-1\.0 is out of bounds"),
        ({"hop": 0.01}, r"^hop=0\.01 is no sample at 8000 a second"),
    ],
)
def test_what_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        made(**changed)

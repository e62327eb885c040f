"""Texts and recordings. Oracle: what a small task of the test's own makes of the whole of them."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from rnnlab.predict import main
from rnnlab.prediction.predictor import Predictor
from tests.support.command import Command, called
from tests.support.predictors import stand_in
from tests.support.senses import RATE, Senses


@pytest.fixture
def predictor(monkeypatch: pytest.MonkeyPatch) -> Predictor:
    return stand_in(monkeypatch, Senses())


@pytest.fixture
def predict(
    predictor: Predictor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Command:
    monkeypatch.chdir(tmp_path)
    words = ["rnnlab.predict", "run=any", "output=y.npy", "steps=all", "overwrite=true"]
    return lambda *more: called(main, [*words, *more], monkeypatch, capfd)


@pytest.mark.parametrize("length", [1, 4095, 4096, 4097, 10_000])
def test_a_text(length: int, predictor: Predictor, predict: Command, tmp_path: Path) -> None:
    """Longer than what is encoded at once, with letters of two bytes across the cut."""
    text = "".join(np.random.default_rng(0).choice(list("abzé"), length))
    for name in ("x.txt", "poem"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert predict(f"input={name}", "input_format=text").status == 0
        wanted = predictor.stream().feed(predictor.task.encode_text(text)).outputs
        assert np.array_equal(np.load(tmp_path / "y.npy"), wanted)


@pytest.mark.parametrize("kind", ["u1", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("channels", [None, 2])
def test_a_recording(
    kind: str, channels: int | None, predictor: Predictor, predict: Command, tmp_path: Path
) -> None:
    """Of each type: samples between -1 and 1."""
    wave = np.sin(np.arange(300 * (channels or 1)) / 9)
    wave = wave if channels is None else wave.reshape(300, channels)
    full = {"u1": 127, "i2": 2**15 - 1, "i4": 2**31 - 1}.get(kind, 1)
    samples = (wave * full + (128 if kind == "u1" else 0)).round(0 if kind[0] in "ui" else 9)
    wavfile.write(tmp_path / "x.wav", RATE, samples.astype(kind))
    assert predict("input=x.wav").status == 0
    mean = wave if channels is None else wave.mean(axis=1)
    inputs = np.repeat(mean[:, None], 27, axis=1)
    wanted = predictor.stream().feed(inputs).outputs
    close = 0.02 if kind == "u1" else 1e-3
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), wanted, atol=close)


def test_what_the_task_refuses(predict: Command, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text(4096 * "a" + "A")
    ended = predict("input=x.txt")
    assert (ended.status, ended.err) == (2, "input=x.txt: 'A' is no letter of the alphabet\n")
    wavfile.write(tmp_path / "x.wav", 44100, np.zeros(9, np.int16))
    ended = predict("input=x.wav")
    assert (ended.status, ended.err) == (2, "input=x.wav: rate=44100 is not 8000\n")
    (tmp_path / "x.txt").write_bytes(b"a\xff")
    assert "input=x.txt: it is no whole UTF-8 text: " in predict("input=x.txt").err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.txt", "x.wav"]

"""Small files of a user's data: labelled sequences, numbers to tell, a series, recordings, a text."""

from pathlib import Path

import numpy as np
from scipy.io import wavfile

STEPS, FEATURES, SEQUENCES = 6, 2, 60
RATE = 8000


def labelled(sequences: int = SEQUENCES) -> tuple[np.ndarray, np.ndarray]:
    """Noise (sequences, 6, 2), and labels by the sign of its first number."""
    inputs = np.random.default_rng(0).normal(3.0, 2.0, (sequences, STEPS, FEATURES))
    return inputs, np.where(inputs[:, 0, 0] > 3.0, "up", "down")


def series(steps: int = 200) -> np.ndarray:
    """Two walks, (steps, 2)."""
    return np.random.default_rng(1).normal(size=(steps, FEATURES)).cumsum(axis=0)


def write_data(folder: Path) -> Path:
    """All of them, in a folder that may be there.

    labelled.npz, values.npz, numbers.npz (whole ones, which may be classes or values), series.npz, words/ and
    text.txt.
    """
    folder.mkdir(exist_ok=True)
    inputs, labels = labelled()
    np.savez(folder / "labelled.npz", inputs=inputs, targets=labels)
    np.savez(folder / "values.npz", inputs=inputs, targets=100 + 10 * inputs.sum(axis=1)[:, 0])
    np.savez(folder / "numbers.npz", inputs=inputs, targets=np.arange(len(inputs)) % 3)
    np.savez(folder / "series.npz", inputs=series())
    write_words(folder / "words")
    words = np.random.default_rng(3).choice(["the ", "cat ", "sat ", "naïve ", "mat. "], 300)
    (folder / "text.txt").write_text("".join(words), encoding="utf-8")
    return folder


def write_words(folder: Path, each: int = 12, samples: int = 800) -> None:
    """Folders low/ and high/ of so many recordings, a tone and noise, at 8000 samples a second."""
    draw = np.random.default_rng(2)
    for label, frequency in (("low", 300), ("high", 1500)):
        (folder / label).mkdir(parents=True)
        for number in range(each):
            phase = 2 * np.pi * (frequency * np.arange(samples) / RATE + draw.uniform())
            sound = 0.3 * np.sin(phase) + 0.05 * draw.normal(size=samples)
            whole = np.int16(np.clip(sound, -1, 1) * 32767)
            wavfile.write(folder / label / f"{number:02}.wav", RATE, whole)

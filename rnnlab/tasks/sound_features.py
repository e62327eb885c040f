"""What each step of a recording shows: the energies of a frame in mel bands, or its samples."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.signal import windows

from rnnlab.foundation.checks import check_choice, check_float, check_int

SILENCE = 1e-6
"""Added to each energy, so that the logarithm of silence is -13.8."""
FEATURES = ("log_mel", "raw")


@dataclass(frozen=True)
class SoundFeatures:
    """Frames of one recording, and what is shown of each.

    Frame t has the samples from t hop on, `frame` of them. With "raw" these are shown as they are. With "log_mel" it
    is, for each of `num_bands` bands b,

        log(1e-6 + sum_k w_bk |X_k|^2 / sum_n h_n^2),  X = the Fourier transform of h_n x_n

    with h Hann's window and w triangles whose corners lie evenly on the mel scale, m(f) = 2595 log10(1 + f/700), from 0
    to half the rate: band b rises from corner b to 1 at corner b + 1, and falls to corner b + 2 (Davis &
    Mermelstein, 1980; the scale as in O'Shaughnessy, 1987). So noise of variance s adds s for each frequency of a
    band. At 8000 samples a second frames of 25 ms have 101 frequencies, 40 Hz apart.

    Args:
        kind: log_mel or raw.
        num_bands: Bands.
        frame: Milliseconds in a frame.
        hop: Milliseconds from one frame to the next.
        rate: Samples a second.

    Raises:
        ValueError: A number is too small, or a band is so narrow that it has no frequency.
    """

    kind: str
    num_bands: int
    frame: float
    hop: float
    rate: int

    def __post_init__(self) -> None:
        check_choice("features", self.kind, FEATURES)
        check_int("num_bands", self.num_bands, 1)
        for name in ("frame", "hop"):
            check_float(name, getattr(self, name), above=0)
            if self.samples(name) < 1:
                raise ValueError(
                    f"{name}={getattr(self, name)} is no sample at {self.rate} a second"
                )
        if self.kind == "log_mel" and (self._weights.max(axis=1) == 0).any():
            raise ValueError(
                f"num_bands={self.num_bands} is too many for frame={self.frame}: the narrowest band "
                "lies between two frequencies"
            )

    def samples(self, name: str) -> int:
        """Of a frame, or from one to the next."""
        return round(getattr(self, name) * self.rate / 1000)

    @property
    def size(self) -> int:
        """Features of a step."""
        return self.num_bands if self.kind == "log_mel" else self.samples("frame")

    def num_frames(self, samples: int) -> int:
        """Whole frames in so many samples."""
        return max(0, (samples - self.samples("frame")) // self.samples("hop") + 1)

    def fitted(self, samples: np.ndarray, frames: int) -> np.ndarray:
        """Samples of just so many frames: the middle of longer ones, and silence before shorter ones."""
        wanted = self.samples("frame") + (frames - 1) * self.samples("hop")
        start = max(0, (len(samples) - wanted) // 2)
        cut = samples[start : start + wanted]
        return np.concatenate([np.zeros(wanted - len(cut), cut.dtype), cut])

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """The features of samples, (samples,), at each frame: (frames, size) in single precision."""
        frames = np.lib.stride_tricks.sliding_window_view(samples, self.samples("frame"))
        frames = frames[:: self.samples("hop")]
        if self.kind == "raw":
            return frames.astype(np.float32)
        spectrum = np.fft.rfft(frames * self._window, axis=1)
        power = np.square(np.abs(spectrum)) / np.square(self._window).sum()
        return np.log(SILENCE + power @ self._weights.T).astype(np.float32)

    @cached_property
    def _window(self) -> np.ndarray:
        return windows.hann(self.samples("frame"), sym=False)

    @cached_property
    def _weights(self) -> np.ndarray:
        """What each frequency counts in each band, (num_bands, frequencies)."""
        top = 2595 * np.log10(1 + self.rate / 2 / 700)
        corners = 700 * (10 ** (np.linspace(0, top, self.num_bands + 2) / 2595) - 1)
        low, middle, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
        frequencies = np.fft.rfftfreq(self.samples("frame"), 1 / self.rate)
        rising, falling = (
            (frequencies - low) / (middle - low),
            (high - frequencies) / (high - middle),
        )
        return np.maximum(0, np.minimum(rising, falling))

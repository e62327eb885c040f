"""What is timed, and what the project wants to hold of it: a peer's time over rnnlab's.

On adding and copy memory alike, on one core. Peers of torch are held to with subnormal numbers taken
as 0, which is how rnnlab runs: so no processor's habit with them is anyone's gain.
"""

LARGE = (256, 128, 750)
"""Where the gradient vanishes at its worst, and a round takes longest."""

TARGETS: dict[tuple[str, tuple[int, int, int]], dict[str, float]] = {
    ("elman", (32, 20, 100)): {"nn.RNN, flushed": 6.0, "JAX lax.scan": 1.1},
    ("elman", (50, 20, 100)): {"nn.RNN, flushed": 4.5, "JAX lax.scan": 1.4},
    ("elman", (128, 64, 200)): {"nn.RNN, flushed": 1.8, "JAX lax.scan": 2.0},
    ("elman", LARGE): {"nn.RNN, flushed": 1.4},
    ("gru", (50, 20, 100)): {"nn.GRU, flushed": 3.5},
    ("gru", (128, 64, 200)): {"nn.GRU, flushed": 1.6},
    ("lstm", (32, 20, 100)): {"nn.LSTM, flushed": 1.2},
    ("lstm", (50, 20, 100)): {"nn.LSTM, flushed": 1.2},
    ("lstm", (128, 64, 200)): {"nn.LSTM, flushed": 1.0},
    ("leaky", (32, 20, 100)): {"its own loop, flushed": 5.0},
}
"""By cell and (hidden units, sequences a batch, steps a sequence), then by peer."""

ON_CUDA: dict[tuple[str, tuple[int, int, int]], dict[str, float]] = {
    ("elman", (50, 20, 100)): {"nn.RNN": 4.0},
    ("elman", (128, 64, 200)): {"nn.RNN": 1.7},
    ("lstm", (50, 20, 100)): {"nn.LSTM": 4.0},
    ("lstm", (128, 64, 200)): {"nn.LSTM": 1.7},
    ("gru", (50, 20, 100)): {"nn.GRU": 4.0},
    ("gru", (128, 64, 200)): {"nn.GRU": 1.7},
    ("leaky", (32, 20, 100)): {"its own loop": 4.0},
}
"""On one GPU, where the peers are launched operation by operation."""

MISSED = "missed"


def words_of(target: float | None, ratio: float) -> str:
    """For a table: the target, with a mark where the ratio is below it."""
    if target is None:
        return ""
    return f"{target:g}" if ratio >= target else f"{target:g} {MISSED}"

"""Random numbers for a task that a test samples itself."""

from rnnlab.tasks import Draws, Part


def draws(sequences: int, seed: int = 0, batch: int = 0) -> Draws:
    """Of the first sequences of a batch of the stream `test`."""
    return Draws(seed, "test", [Part(batch, 0, sequences)])

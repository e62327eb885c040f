"""Predictors of untrained models, for tests that need no run."""

import numpy as np
import pytest
import torch

from rnnlab.cells import SequenceModel
from rnnlab.cells.lstm import LSTMCell
from rnnlab.prediction.predictor import Predictor
from rnnlab.tasks import Task
from rnnlab.tasks.temporal_order import TemporalOrder


def predictor_of(task: Task, hidden_size: int = 5, num_layers: int = 1) -> Predictor:
    """Of an LSTM whose weights are those of a seed."""
    torch.manual_seed(0)
    model = SequenceModel(
        lambda size: LSTMCell(size, hidden_size), task.input_size, task.output_size, num_layers
    )
    return Predictor(model, task)


def stand_in(monkeypatch: pytest.MonkeyPatch, task: Task) -> Predictor:
    """One that `rnnlab.predict` takes for that of any run."""
    made = predictor_of(task)
    monkeypatch.setattr("rnnlab.prediction.prediction.prepared_predictor", lambda *_: made)
    return made


def symbols(*lengths: int, task: Task | None = None) -> list[np.ndarray]:
    """Sequences of one-hot numbers in single precision, as many as there are lengths."""
    draws, size = np.random.default_rng(0), (task or TemporalOrder()).input_size
    return [np.eye(size, dtype=np.float32)[draws.integers(0, size, steps)] for steps in lengths]

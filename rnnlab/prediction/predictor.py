"""A trained model that answers sequences of the user's own, opened by the name of its run."""

from collections.abc import Sequence
from pathlib import Path

import torch

from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.foundation.checks import check_bool, check_int
from rnnlab.foundation.masking import first_line
from rnnlab.prediction.stream import PredictionStream
from rnnlab.runs.build import check_allowed
from rnnlab.runs.named_model import open_model
from rnnlab.runs.own_code import allow_code, model_sections
from rnnlab.runs.process import prepare_process
from rnnlab.runs.run_config import read_model
from rnnlab.runs.trained_model import TrainedModel
from rnnlab.tasks import Task

HOW = "allow_targets=[{}]"


class Predictor:
    """A trained model and its task.

    Args:
        model: On the CPU; it is put into evaluation.
        task: Which says what an answer stands for.
    """

    def __init__(self, model: SequenceModel, task: Task) -> None:
        self.model, self.task = model.eval(), task

    def stream(self, states: bool = False) -> PredictionStream:
        """Answers to one sequence, fed in pieces.

        Args:
            states: Give the states of all layers at every step, too.
        """
        return PredictionStream(self.model, self.task, states)


def load_predictor(
    run: str,
    checkpoint: str = "best",
    uri: str | None = None,
    allow_targets: Sequence[str] = (),
) -> Predictor:
    """The model of a run that has finished, on the CPU. Nothing is written.

    Args:
        run: The run's folder, its id in MLflow, or `models:/NAME@ALIAS`.
        checkpoint: "best", which was tested, or "last".
        uri: Of the store; None: $MLFLOW_TRACKING_URI, or mlflow.db here.
        allow_targets: Packages of the user's own whose code may run, as the model brings it.

    Raises:
        ValueError: If there is no such model, or it cannot be used.
    """
    return _predictor(open_model(run, checkpoint, uri), run, allow_targets)


def prepared_predictor(
    run: str, checkpoint: str, uri: str | None, allow_targets: Sequence[str]
) -> Predictor:
    """The same, in a process that from now on computes as the run did."""
    trained = open_model(run, checkpoint, uri)
    config = trained.config
    threads = check_int("num_threads", config.get("num_threads", 1), minimum=1)
    prepare_process(threads, check_bool("flush_denormal", config.get("flush_denormal", True)))
    return _predictor(trained, run, allow_targets)


def _predictor(trained: TrainedModel, run: str, allow_targets: Sequence[str]) -> Predictor:
    allowed = check_allowed([*allow_targets])
    try:
        plain = {**trained.config, "allow_targets": allowed}
        allow_code(model_sections(plain), trained.code or Path("nowhere"), allowed, HOW)
        config = read_model(plain)
        wide = any(weight.dtype == torch.float64 for weight in trained.weights.values())
        # What was trained in 16 bits is answered in 32, as MLflow serves it.
        model = config.make().to(torch.float64 if wide else torch.float32)
        model.load_state_dict(trained.weights)
    except (LookupError, TypeError, AttributeError, RecursionError, RuntimeError) as error:
        raise ValueError(
            f"the files of run={run} are not as a run writes them ({type(error).__name__}: "
            f"{first_line(error)})"
        ) from error
    return Predictor(model, config.task)

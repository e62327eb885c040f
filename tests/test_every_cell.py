"""A whole run of every cell of conf/cell: none is named here."""

from pathlib import Path

import mlflow
import numpy as np
import pytest
import torch

from rnnlab.run import CONF
from rnnlab.runs.reopen import load_module
from rnnlab.tracking.result import Result
from tests.support.command import QUICK, SMALL, Command
from tests.support.journals import distinct_points
from tests.support.weights import same_weights

pytestmark = pytest.mark.slow  # three commands for each
CELLS = sorted(path.stem for path in (CONF / "cell").glob("*.yaml"))


@pytest.mark.parametrize("cell", CELLS)
def test_it_goes_on_to_the_same_bits_and_answers_from_mlflow(
    cell: str, command: Command, home: Path
) -> None:
    """Oracles: a run that was asked for all of its updates at once; its checkpoint."""
    words = (*QUICK, *SMALL, f"cell={cell}", "cell.hidden_size=6")
    more = ("model.num_layers=2", "model.dropout=0.2")
    assert command(*words, *more, "hydra.run.dir=a").status == 0
    longer = command("resume=a", "train.steps=8", "resume.allow_changes=true")
    assert longer.status == 0, longer.err
    last = (*words, *more, "train.steps=8", "hydra.run.dir=whole")
    assert command(*last).status == 0
    assert same_weights(home / "a", home / "whole")
    wanted = distinct_points(home / "whole")
    assert distinct_points(home / "a").items() >= wanted.items() != set()

    result = Result.read(home / "whole")
    mlflow.set_tracking_uri(f"sqlite:///{home}/mlflow.db")
    served = mlflow.pyfunc.load_model(f"runs:/{result.run_id}/model")
    inputs = np.random.default_rng(0).random((3, 17, 2), dtype=np.float32)
    model = load_module(home / "whole" / "checkpoints" / "best.ckpt").model
    with torch.no_grad():
        expected, _ = model(torch.from_numpy(inputs))
    np.testing.assert_allclose(np.asarray(served.predict(inputs)), expected.numpy(), rtol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_it_trains_in_sixteen_bits(cell: str, command: Command, home: Path) -> None:
    """Finite losses, near those of single precision."""
    losses = []
    for precision in ("32-true", "bf16-mixed"):
        words = (f"cell={cell}", f"trainer.precision={precision}", f"hydra.run.dir={precision}")
        ended = command(*words, *QUICK, *SMALL, "cell.hidden_size=6", "tracking.log_model=false")
        assert ended.status == 0, ended.err
        losses.append(Result.read(home / precision).metrics["test/loss"])
    np.testing.assert_allclose(losses[1], losses[0], rtol=0.1)

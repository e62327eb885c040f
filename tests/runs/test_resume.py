"""A run that was killed and resumed. Oracle: the same run left alone, bit for bit."""

from pathlib import Path

import numpy as np
import pytest

from rnnlab.tracking.result import Result
from tests.support.command import Command
from tests.support.journals import distinct_points
from tests.support.killed_runs import DEEP, STEPS, killed_at_16_of_40
from tests.support.refusals import refusal
from tests.support.weights import same_weights


@pytest.mark.slow
def test_a_run_resumes_as_it_was_and_once_and_is_the_same(command: Command, home: Path) -> None:
    cut = killed_at_16_of_40(home)
    before = (cut / "metrics.jsonl").read_text()
    for override, message in {
        "cell.hidden_size=9": "cell.hidden_size=9 cannot change on resume: the run has "
        "cell.hidden_size=8",
        "cell=gru": "cell=gru cannot change on resume: the run has cell=lstm",
        "train.steps=80": "train.steps=80 cannot change on resume",
    }.items():
        assert message in refusal("resume=cut", override, output=home / "none")
    assert (cut / "metrics.jsonl").read_text() == before
    best = refusal("resume=cut/checkpoints/best.ckpt", output=home / "none")
    assert "a run goes on from its last.ckpt" in best
    nobodys = refusal(f"resume={'0' * 32}", output=home / "none")
    assert "no run of rnnlab has this id" in nobodys
    # Its id names the run too, and what it has may be said again.
    run_id = Result.read(cut).run_id
    again = command(f"resume='{run_id}'", "cell=lstm", "cell.hidden_size=8")
    assert again.status == 0, again.err
    finished = command("resume=cut/checkpoints/last.ckpt")
    assert finished.status == 2
    assert "has finished: there is nothing to resume" in finished.err
    assert not list((home / "outputs" / "runs").glob("*/*"))  # a command that goes on has no folder

    # And that nothing has been between can be seen of no number, weight or diagnostic.
    assert command(*DEEP, *STEPS, "hydra.run.dir=whole").status == 0
    assert distinct_points(cut) == distinct_points(home / "whole")
    assert same_weights(cut, home / "whole")
    files = sorted((home / "whole" / "diagnostics").iterdir())
    assert files
    for path in files:
        with np.load(path) as whole, np.load(cut / "diagnostics" / path.name) as resumed:
            assert set(whole) == set(resumed)
            for name in whole:
                np.testing.assert_array_equal(whole[name], resumed[name], err_msg=name)

"""What is refused leaves what is there as it was, Hydra's own files included. Oracle: its bytes."""

from pathlib import Path

import pytest

from tests.support.command import QUICK, SMALL, Command

RUN = (*QUICK, *SMALL, "tracking.log_model=false", "cell.hidden_size=4")
SWEEP = ("-m", *RUN, "hydra/launcher=basic", "hydra.sweep.dir=s", "seed=0,1")


def bytes_below(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_run(command: Command, home: Path) -> None:
    assert command(*RUN, "hydra.run.dir=r").status == 0
    before = bytes_below(home)
    assert ".hydra/config.yaml" in bytes_below(home / "r")
    for words in (
        (*RUN, "seed=7", "cell=gru", "hydra.run.dir=r"),
        (*RUN, "seed=7", "hydra.run.dir=r", "resume=auto"),
        ("resume=r", "hydra.run.dir=r"),
        ("resume=r", "seed=7", "hydra.run.dir=r", "resume.allow_changes=true"),
        (*RUN, "cell.hidden_size=0", "hydra.run.dir=r"),
    ):
        refused = command(*words)
        assert refused.status == 2, words
        assert refused.err
        assert bytes_below(home) == before, words


@pytest.mark.parametrize("more", [(), pytest.param(("resume=auto",), marks=pytest.mark.slow)])
@pytest.mark.slow
def test_a_sweep(more: tuple[str, ...], command: Command, home: Path) -> None:
    assert command(*SWEEP).status == 0
    before = bytes_below(home)
    for words in ((*SWEEP, "cell=gru"), (*SWEEP[:-1], "seed=7"), (*SWEEP, "cell.hidden_size=0")):
        refused = command(*words, *more)
        assert refused.status == 2, words
        assert bytes_below(home) == before, words

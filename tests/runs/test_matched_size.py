"""`model.match_params` and `model.match_state`. Oracles: every size tried one by one, and counts by hand."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from torch import Tensor, nn

from rnnlab.cells import Cell, State
from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.gru import GRUCell
from rnnlab.cells.lstm import LSTMCell
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.foundation.yaml_file import read_yaml
from rnnlab.runs.matched_size import LARGEST, Match, match_told, nearest_size, read_match
from rnnlab.runs.reopen import load_module
from rnnlab.runs.run_config import with_matched_size
from rnnlab.tracking.result import Result
from tests.support.command import QUICK, SMALL, Command, client
from tests.support.configs import composed, plain, run_config

INPUTS, OUTPUTS = 3, 2


class Heads(Cell):
    """A cell whose hidden_size has to fit its heads."""

    def __init__(self, input_size: int, hidden_size: int, fits: Callable[[int], bool]) -> None:
        super().__init__(input_size, hidden_size)
        if not fits(hidden_size):
            raise ValueError(f"hidden_size={hidden_size} does not fit")
        self.w = nn.Linear(input_size + hidden_size, hidden_size)

    def step(self, inputs: Tensor, state: State) -> State:
        raise NotImplementedError


def model_of(cell: Callable[..., Cell], layers: int, size: int) -> SequenceModel:
    return SequenceModel(lambda n: cell(n, size), INPUTS, OUTPUTS, num_layers=layers)


def is_power_of_two(size: int) -> bool:
    return size & (size - 1) == 0


CELLS = {
    "elman": ElmanCell,
    "gru": GRUCell,
    "lstm": LSTMCell,
    "scaled": partial(ElmanCell, recurrent_init="scaled"),  # whose eigenvalues need real weights
    "fives": partial(Heads, fits=lambda size: size % 5 == 0),
    "from 7": partial(Heads, fits=lambda size: size >= 7),
    "powers": partial(Heads, fits=is_power_of_two),
}


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    ("key", "counted", "targets"),
    [
        ("match_params", "num_params", (150, 151, 400, 1000, 1001)),
        ("match_state", "state_size", (14, 15, 23, 24, 25)),
    ],
)
def test_is_the_nearest_of_all_sizes(
    cell: str, layers: int, key: str, counted: str, targets: tuple[int, ...]
) -> None:
    make = partial(model_of, CELLS[cell], layers)
    counts: dict[int, int] = {}
    for size in range(1, 41):
        try:
            counts[size] = getattr(make(size), counted)
        except ValueError:
            continue
    for target in targets:
        match = Match(key, target)
        if min(counts.values()) > target:
            with pytest.raises(ValueError, match=f"model.{key}={target} is too small"):
                nearest_size(match, make)
        else:
            nearest = min(counts, key=lambda size: (abs(counts[size] - target), size))
            assert nearest_size(match, make) == nearest


def test_an_lstm_by_hand() -> None:
    """Oracle: 4 H (H + 3) weights, 8 H or 4 H biases, and 2 H + 2 to read out; state 2 H."""
    biases = sum(p.numel() for name, p in LSTMCell(1, 1).named_parameters() if "bias" in name)
    of = {h: 4 * h * (h + INPUTS) + biases * h + 2 * h + 2 for h in range(1, 100)}
    nearest = min(of, key=lambda h: abs(of[h] - 16000))
    make = partial(model_of, LSTMCell, 1)
    assert nearest_size(Match("match_params", 16000), make) == nearest
    assert make(nearest).num_params == of[nearest]
    assert nearest_size(Match("match_state", 256), make) == 128
    assert nearest_size(Match("match_state", 257), make) == 128  # 256 and 258: the smaller
    assert nearest_size(Match("match_state", 256), partial(model_of, LSTMCell, 4)) == 32


def test_what_a_cell_refuses_at_every_size_is_its_own_message() -> None:
    none = partial(model_of, partial(Heads, fits=lambda size: False), 1)
    with pytest.raises(ValueError, match="hidden_size=1 does not fit"):
        nearest_size(Match("match_params", 100), none)


def test_a_cell_that_does_not_grow_is_refused() -> None:
    few = partial(model_of, partial(Heads, fits=lambda size: size < 10), 1)
    with pytest.raises(
        ValueError, match=r"is too large: cell\.hidden_size=8 has 114 parameters, and"
    ):
        nearest_size(Match("match_params", 10_000), few)
    fixed = partial(model_of, lambda n, size: ElmanCell(n, 4), 1)
    with pytest.raises(ValueError, match=rf"is too large: cell\.hidden_size={LARGEST} has"):
        nearest_size(Match("match_params", 10_000), fixed)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("model.match_params=0",), "model.match_params=0 is too small: at least 1"),
        (("model.match_state=1.5",), "model.match_state=1.5 is not a whole number"),
        (("model.match_params=9", "model.match_state=9"), "choose one of them"),
        (("model.match_params=9",), "model.match_params=9 is too small: cell.hidden_size=1 has"),
    ],
)
def test_refused(overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run_config(*overrides)


def test_a_cell_without_a_hidden_size_has_none_to_choose() -> None:
    config = plain(composed("model.match_state=64"))
    del config["cell"]["hidden_size"]
    with pytest.raises(ValueError, match=r"model\.match_state=64 chooses cell\.hidden_size"):
        read_match(config)


def test_a_yaml_that_sets_the_size_gives_way() -> None:
    """And a config that has the size already keeps it."""
    config = run_config("experiment=elman_regression", "model.match_state=9")
    assert config.plain["cell"]["hidden_size"] == 9
    assert with_matched_size(config.plain) == config.plain
    assert match_told(config.plain, config.model.make()) == (
        "cell.hidden_size=9 has 9 numbers in the state, the nearest to model.match_state=9"
    )


@pytest.mark.parametrize("more", [(), ("-m",)])
def test_a_size_of_the_command_line_is_refused(more: tuple[str, ...], command: Command) -> None:
    ended = command("cell=gru", "cell.hidden_size=7", "model.match_params=1000", *QUICK, *more)
    assert ended.status == 2
    assert (
        "cell.hidden_size=7 and model.match_params=1000 each choose cell.hidden_size" in ended.err
    )
    assert "set model.match_params=null" in ended.err


SMALLEST = (*QUICK, *SMALL, "tracking.log_model=false")


def test_a_run_says_what_was_chosen(command: Command, home: Path) -> None:
    """Its files, its params, its summary and its log; by hand, an Elman of 30 units and 2 inputs, 1 output."""
    words = ("cell=elman", "model.match_params=1000", *SMALLEST)
    ended = command(*words, "hydra.run.dir=a")
    assert ended.status == 0, ended.err
    told = "cell.hidden_size=30 has 1021 parameters, the nearest to model.match_params=1000"
    assert told in ended.out
    assert told in (home / "a" / "rnnlab.log").read_text()
    result = Result.read(home / "a")
    assert (result.num_params, result.state_size) == (30 * (2 + 30 + 1) + 31, 30)
    params = client(home).get_run(result.run_id).data.params
    assert (params["cell.hidden_size"], params["model.match_params"]) == ("30", "1000")
    assert (params["num_params"], params["state_size"]) == ("1021", "30")
    assert read_yaml(home / "a" / "config.yaml")["cell"]["hidden_size"] == 30
    assert load_module(home / "a" / "checkpoints" / "last.ckpt").model.num_params == 1021


@pytest.mark.slow
def test_a_run_is_resumed_and_begun_again_with_its_size(command: Command, home: Path) -> None:
    words = ("cell=elman", "model.match_params=1000", *SMALLEST)
    assert command(*words, "hydra.run.dir=a").status == 0
    again = command(*words, "hydra.run.dir=a", "resume=auto")
    assert again.status == 0, again.err
    longer = command(*words, "train.steps=8", "resume=a")
    assert longer.status == 0, longer.err
    assert Result.read(home / "a").num_params == 1021
    assert command("from=a", "hydra.run.dir=b", "seed=1").status == 0
    assert read_yaml(home / "b" / "config.yaml")["cell"]["hidden_size"] == 30
    refused = command("from=a", "cell.hidden_size=7", "hydra.run.dir=c")
    assert refused.status == 2
    assert "each choose cell.hidden_size" in refused.err


@pytest.mark.slow
def test_a_sweep_over_cells(command: Command, home: Path) -> None:
    """Each has a size of its own; begun again from one of them, another cell is matched, too."""
    words = ("-m", "cell=elman,lstm", "model.match_state=20", *SMALLEST, "seed=0")
    ended = command(*words, "hydra.sweep.dir=s", "hydra/launcher=basic")
    assert ended.status == 0, ended.err
    sizes = [read_yaml(home / "s" / job / "config.yaml")["cell"]["hidden_size"] for job in "01"]
    assert sizes == [20, 10]
    assert command("from=s/0", "cell=lstm", "hydra.run.dir=b").status == 0
    assert read_yaml(home / "b" / "config.yaml")["cell"]["hidden_size"] == 10
    ended = command("from=s/1", "model.match_state=null", "hydra.run.dir=c")
    assert ended.status == 0, ended.err
    kept = read_yaml(home / "c" / "config.yaml")
    assert (kept["cell"]["hidden_size"], kept["model"]["match_state"]) == (10, None)

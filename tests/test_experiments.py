"""The experiments of papers. Oracle: the papers' numbers, written down by hand here."""

import pytest

from rnnlab.run import CONF
from rnnlab.runs.factory import make_module
from tests.support.configs import composed, plain, run_config

ADDING, ORDER = "rnnlab.tasks.adding.Adding", "rnnlab.tasks.temporal_order.TemporalOrder"
ELMAN, LSTM, GRU = (
    f"rnnlab.cells.{name}" for name in ("elman.ElmanCell", "lstm.LSTMCell", "gru.GRUCell")
)
NORM, VALUE, NONE = (
    f"rnnlab.training.clipping.{name}" for name in ("ClipNorm", "ClipValue", "NoClip")
)

PAPERS: dict[str, dict[str, object]] = {
    # 50 units, plain SGD with 0.01, 20 sequences an update, clipped at a norm of 1, at most 5e6 updates.
    "pascanu2013_order": {
        "task._target_": ORDER,
        "task.variant": "pascanu2013",
        "task.seq_len": 50,
        "task.num_symbols": 2,
        "cell._target_": ELMAN,
        "cell.hidden_size": 50,
        "cell.nonlinearity": "tanh",
        "cell.learn_h0": False,
        "clip._target_": NORM,
        "clip.max_norm": 1.0,
        "optimizer._target_": "torch.optim.SGD",
        "optimizer.lr": 0.01,
        "optimizer.momentum": 0.0,
        "optimizer.weight_decay": 0.0,
        "train.batch_size": 20,
        "train.steps": 5_000_000,
        "eval.sequences": 10_000,
        "schedule": {},
    },
    # Experiment 6a: two blocks of two cells, on-line, no clipping, lengths from 100 to 110, 4 classes.
    "hochreiter1997_order": {
        "task._target_": ORDER,
        "task.variant": "hochreiter1997",
        "task.seq_len": 100,
        "task.num_symbols": 2,
        "cell._target_": LSTM,
        "cell.hidden_size": 2 * 2,
        "cell.forget_bias": 10.0,  # 0.99995 of c_t is kept, and all in the paper
        "clip._target_": NONE,
        "optimizer._target_": "torch.optim.SGD",
        "optimizer.lr": 0.5 * 4 / 2,  # of a mean over 4 outputs, not of half their sum
        "optimizer.momentum": 0.0,
        "train.batch_size": 1,
        "schedule": {},
    },
    # 128 units, RMSprop with 1e-3 and a decay of 0.9, clipped element by element at 1, batches of 20 or 50.
    "arjovsky2016_adding": {
        "task._target_": ADDING,
        "task.variant": "arjovsky2016",
        "task.seq_len": 100,
        "cell._target_": LSTM,
        "cell.hidden_size": 128,
        "clip._target_": VALUE,
        "clip.clip_value": 1.0,
        "optimizer._target_": "torch.optim.RMSprop",
        "optimizer.lr": 1e-3,
        "optimizer.alpha": 0.9,
        "optimizer.momentum": 0.0,
        "optimizer.centered": False,
        "train.batch_size": 50,
        "train.steps": 20_000,
        "schedule": {},
    },
    # T = 600, 70 thousand parameters, Adam with 4e-3, 32 sequences an update, 7000 updates.
    "bai2018_adding": {
        "task._target_": ADDING,
        "task.variant": "bai2018",
        "task.seq_len": 600,
        "cell._target_": GRU,
        "model.match_params": 70_000,
        "clip._target_": NORM,
        "clip.max_norm": 1.0,
        "optimizer._target_": "torch.optim.Adam",
        "optimizer.lr": 4e-3,
        "optimizer.betas": [0.9, 0.999],
        "train.batch_size": 32,
        "train.steps": 7000,
        "schedule": {},
    },
}
OF_NO_PAPER = {"elman_regression"}


def value_of(config: object, key: str) -> object:
    for part in key.split("."):
        assert isinstance(config, dict)
        config = config[part]
    return config


def test_each_is_held_to_its_paper() -> None:
    assert {path.stem for path in (CONF / "experiment").glob("*.yaml")} == {*PAPERS, *OF_NO_PAPER}


@pytest.mark.parametrize("name", PAPERS)
def test_has_the_numbers_of_its_paper(name: str) -> None:
    config = plain(composed(f"experiment={name}"), resolve=True)
    assert {key: value_of(config, key) for key in PAPERS[name]} == PAPERS[name]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("pascanu2013_order", 50 * (6 + 50 + 1) + 4 * (50 + 1)),
        # The paper has 156 weights: it has no forget gate, and a cell of a block shares its gates.
        ("hochreiter1997_order", 4 * 4 * (8 + 4 + 2) + 4 * (4 + 1)),
        ("arjovsky2016_adding", 4 * 128 * (2 + 128 + 2) + 128 + 1),
        (
            "bai2018_adding",
            3 * 151 * (2 + 151 + 2) + 151 + 1,
        ),  # of 150 units 69451
    ],
)
def test_makes_its_model(name: str, parameters: int) -> None:
    """Each weight counted by hand; torch's LSTM and GRU have two biases."""
    assert make_module(run_config(f"experiment={name}")).model.num_params == parameters


@pytest.mark.parametrize("name", PAPERS)
def test_the_command_line_comes_last(name: str) -> None:
    config = composed(f"experiment={name}", "train.batch_size=3", "task.seq_len=70")
    assert (config.train.batch_size, config.task.seq_len) == (3, 70)

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
    # T = 200, 8 symbols, 10 copied; 128 units, RMSprop with 2e-4 and .99, 10 sequences an update, 1500 updates.
    "kerg2019_copy": {
        "task._target_": "rnnlab.tasks.copy_memory.CopyMemory",
        "task.delay": 200,
        "task.num_symbols": 8,
        "task.copy_len": 10,
        "cell._target_": ELMAN,
        "cell.hidden_size": 128,
        "cell.nonlinearity": "modrelu",
        "cell.recurrent_init": "orthogonal",
        "clip._target_": NONE,
        "optimizer._target_": "torch.optim.RMSprop",
        "optimizer.lr": 2e-4,
        "optimizer.alpha": 0.99,
        "optimizer.eps": 1e-8,
        "train.batch_size": 10,
        "train.steps": 1500,
        "schedule": {},
    },
    # T = 2000, 128 units, dt .0242, Adam with .0026, 50 sequences an update, 30,000 updates, no clipping.
    "rusch2022_adding": {
        "task._target_": ADDING,
        "task.variant": "arjovsky2016",
        "task.seq_len": 2000,
        "cell._target_": "rnnlab.cells.lem.LEMCell",
        "cell.hidden_size": 128,
        "cell.dt": 0.0242,
        "clip._target_": NONE,
        "optimizer._target_": "torch.optim.Adam",
        "optimizer.lr": 2.6e-3,
        "train.batch_size": 50,
        "train.steps": 30_000,
        "schedule": {},
    },
}
ELSEWHERE = {"elman_regression", "deletang2022", "walker2025", "merrill2024"}
"""Of no paper, or held to theirs by test_language_experiments.py."""


def value_of(config: object, key: str) -> object:
    for part in key.split("."):
        assert isinstance(config, dict)
        config = config[part]
    return config


def test_each_is_held_to_its_paper() -> None:
    assert {path.stem for path in (CONF / "experiment").glob("*.yaml")} == {*PAPERS, *ELSEWHERE}


@pytest.mark.parametrize("name", PAPERS)
def test_has_the_numbers_of_its_paper(name: str) -> None:
    config = plain(composed(f"experiment={name}"), resolve=True)
    assert {key: value_of(config, key) for key in PAPERS[name]} == PAPERS[name]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("pascanu2013_order", 50 * (6 + 50 + 1) + 4 * (50 + 1)),
        ("arjovsky2016_adding", 4 * 128 * (2 + 128 + 2) + 128 + 1),
        ("kerg2019_copy", 128 * (10 + 128 + 1) + 9 * (128 + 1)),
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
    config = composed(f"experiment={name}", "train.batch_size=3", "task.length=70")
    length = config.task.delay if "delay" in config.task else config.task.seq_len
    assert (config.train.batch_size, length) == (3, 70)

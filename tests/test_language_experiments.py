"""Presets of published protocols. Oracle: what the papers' code says, written down here again."""

import pytest

from rnnlab.runs.factory import make_module
from rnnlab.tasks import Stream
from rnnlab.tasks.labelling import Labelling
from tests.support.configs import run_config

LANGUAGES = ("parity", "even_pairs", "cycle_navigation", "modular_arithmetic")
ARITHMETIC = {"deletang2022": ("task.label=last", "train.min_seq_len=2"), "walker2025": ()}


@pytest.mark.parametrize("task", LANGUAGES)
@pytest.mark.parametrize(
    ("experiment", "shortest", "size", "batch_size", "label"),
    [("deletang2022", 1, 256, 128, "after"), ("walker2025", 3, 128, 256, "last")],
)
def test_regular_languages(
    task: str, experiment: str, shortest: int, size: int, batch_size: int, label: str
) -> None:
    arithmetic = task == "modular_arithmetic"
    beside = ARITHMETIC[experiment] if arithmetic else ()
    config = run_config(f"experiment={experiment}", f"task={task}", *beside, "eval.lengths=[256]")
    settings = config.train
    assert isinstance(config.task, Labelling)
    assert type(config.task).__module__ == f"rnnlab.tasks.{task}"
    assert (config.task.seq_len, settings.batch_size) == (40, batch_size)
    assert settings.min_seq_len == max(shortest, 2 * (arithmetic and shortest == 1))
    assert config.task.label == ("last" if arithmetic else label)
    module = make_module(config)
    assert module.model.layers[0].hidden_size == size
    stream = Stream(config.task, 2, 0, "train", settings.min_seq_len)
    assert {batch.targets.size(1) for batch in stream.batches(0, 5)} == {1}


def test_their_optimizers() -> None:
    adam = make_module(run_config("experiment=deletang2022"))
    optimizer = adam.make_optimizer(adam.model.parameters())
    assert (type(optimizer).__name__, optimizer.defaults["lr"]) == ("Adam", 0.001)
    for name, lr in (("walker2025", 0.002), ("merrill2024", 0.0001)):
        module = make_module(run_config(f"experiment={name}"))
        optimizer = module.make_optimizer(module.model.parameters())
        assert (type(optimizer).__name__, optimizer.defaults["lr"]) == ("AdamW", lr)
        assert optimizer.defaults["weight_decay"] == 0.01


def test_the_word_problem() -> None:
    config = run_config("experiment=merrill2024", "task.group=Z60")
    assert config.task.input_size == config.task.output_size == 60
    assert config.train.min_seq_len == 2
    assert not config.task.answers_once

"""Weight decay of matrices alone. Oracle: an update of SGD written out."""

from functools import partial

import pytest
import torch
from torch import nn

from rnnlab.runs.factory import make_module
from rnnlab.runs.trial import try_model
from rnnlab.training.weight_decay import MatricesAlone
from tests.support.configs import composed, plain, run_config


def test_vectors_do_not_shrink() -> None:
    """p <- p - lr (g + decay p) of a matrix, p <- p - lr g of a vector."""
    weights = [
        nn.Parameter(torch.ones(2, 2)),
        nn.Parameter(torch.ones(2)),
        nn.Parameter(torch.ones(())),
    ]
    optimizer = MatricesAlone(partial(torch.optim.SGD, lr=0.1, weight_decay=0.5))(weights)
    for weight in weights:
        weight.grad = torch.full_like(weight, 2.0)
    optimizer.step()
    matrix, *vectors = (weight.detach().flatten().tolist() for weight in weights)
    assert matrix == pytest.approx([1 - 0.1 * (2 + 0.5)] * 4)
    assert vectors == [pytest.approx([0.8, 0.8]), pytest.approx([0.8])]


@pytest.mark.parametrize(
    "cell", ["lstm", *(pytest.param(c, marks=pytest.mark.slow) for c in ("elman", "gru"))]
)
def test_the_groups_of_a_run(cell: str) -> None:
    arguments = (f"cell={cell}", "optimizer.weight_decay=0.5", "train.decay_biases=false")
    module = make_module(run_config(*arguments))
    optimizer = module.make_optimizer(module.model.parameters())
    decayed, others = optimizer.param_groups
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.5, 0.0)
    named = {id(p): name for name, p in module.model.named_parameters()}
    assert {named[id(p)] for p in others["params"]} == {n for n in named.values() if "bias" in n}
    assert len(decayed["params"]) + len(others["params"]) == len(named)
    whole = make_module(run_config(*arguments[:2]))
    assert len(whole.make_optimizer(whole.model.parameters()).param_groups) == 1


def test_refused_where_nothing_decays() -> None:
    config = plain(composed("train.decay_biases=false"), resolve=True)
    said = r"^train.decay_biases=false changes nothing: optimizer.weight_decay is not set"
    with pytest.raises(ValueError, match=said):
        try_model(config)

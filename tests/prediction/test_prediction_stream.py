"""A sequence in pieces. Oracle: the same sequence in one piece, to the last bit; and the model itself."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rnnlab.cells import Cell, SequenceModel, State
from rnnlab.prediction.inputs import InputsRefusedError
from rnnlab.prediction.predictor import Predictor
from rnnlab.prediction.stream import Prediction
from rnnlab.run import CONF
from rnnlab.tasks.adding import Adding
from rnnlab.tasks.temporal_order import TemporalOrder
from tests.support.configs import run_config
from tests.support.predictors import predictor_of, symbols

CELLS = [
    pytest.param(cell, marks=() if cell in ("elman", "gru", "lstm") else pytest.mark.slow)
    for cell in sorted(path.stem for path in (CONF / "cell").glob("*.yaml"))
]
STEPS = 130


def in_pieces(predictor: Predictor, inputs: np.ndarray, size: int) -> Prediction:
    """The answers, of pieces of so many steps; the heap is not as it was for each."""
    stream, kept = predictor.stream(states=True), []
    found: list[dict[str, np.ndarray]] = []
    for start in range(0, len(inputs), size):
        kept.append(np.empty(start % 37 + 1))
        found.append(stream.feed(inputs[start : start + size]).arrays)
    arrays = {name: np.concatenate([part[name] for part in found]) for name in found[0]}
    named = {key: arrays.pop(key) for key in ("outputs", "probabilities")}
    return Prediction(**named, classes=arrays.pop("class"), states=arrays)


def same(one: Prediction, other: Prediction) -> bool:
    pairs = zip(one.arrays.items(), other.arrays.items(), strict=True)
    return all(a == b and x.tobytes() == y.tobytes() for (a, x), (b, y) in pairs)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    "words",
    [
        ("cell.hidden_size=5", "model.num_layers=2"),
        *(
            pytest.param((f"cell.hidden_size={n}", "model.num_layers=2"), marks=pytest.mark.slow)
            for n in (100, 200)
        ),
        ("cell.hidden_size=33", "model.output_nonlinearity=tanh", "task.variant=hochreiter1997"),
    ],
)
def test_pieces_of_any_size_give_the_bits_of_one(cell: str, words: tuple[str, ...]) -> None:
    config = run_config(f"cell={cell}", "task=temporal_order", *words).model
    predictor = Predictor(config.make(), config.task)
    (inputs,) = symbols(STEPS, task=config.task)
    whole = in_pieces(predictor, inputs, STEPS)
    for size in (1, 7, 64, 100, 1000):
        assert same(in_pieces(predictor, inputs, size), whole), size
    with torch.no_grad():
        outputs, _ = predictor.model(torch.from_numpy(inputs)[None])
    np.testing.assert_allclose(whole.outputs, outputs[0].numpy(), rtol=1e-4, atol=1e-5)


class Leaky(Cell):
    """A cell of one's own, whose step the compiler takes."""

    def step(self, inputs: Tensor, state: State) -> State:
        return ((inputs @ inputs.new_ones(self.input_size, self.hidden_size) + state[0]) / 2,)


class Sorting(Leaky):
    """One that runs as a loop."""

    def step(self, inputs: Tensor, state: State) -> State:
        return (super().step(inputs, state)[0].sort(dim=1).values,)


@pytest.mark.parametrize("cell", [Leaky, Sorting])
def test_cells_of_ones_own(cell: Any) -> None:
    task = TemporalOrder()
    predictor = Predictor(SequenceModel(lambda size: cell(size, 6), 6, 4, num_layers=2), task)
    (inputs,) = symbols(STEPS)
    whole = in_pieces(predictor, inputs, STEPS)
    for size in (7, 64):
        assert same(in_pieces(predictor, inputs, size), whole)


def test_an_answer_goes_by_no_other_sequence() -> None:
    """Streams that are fed in turn. Oracle: each alone."""
    predictor, sequences = predictor_of(TemporalOrder(), 33), symbols(90, 40, 7)
    alone = [predictor.stream().feed(inputs).outputs for inputs in sequences]
    streams = [predictor.stream() for _ in sequences]
    parts: list[list[np.ndarray]] = [[] for _ in sequences]
    for start in range(0, 90, 9):
        for stream, inputs, found in zip(streams, sequences, parts, strict=True):
            if len(inputs[start : start + 9]):
                found.append(stream.feed(inputs[start : start + 9]).outputs)
    for found, whole in zip(parts, alone, strict=True):
        assert np.concatenate(found).tobytes() == whole.tobytes()


def test_what_an_answer_stands_for() -> None:
    """Oracle: the softmax, by hand; Pascanu's names; and the output nonlinearity once."""
    predictor = predictor_of(TemporalOrder())
    answer = predictor.stream().feed(symbols(12)[0])
    e = np.exp(answer.outputs)
    assert answer.probabilities is not None
    assert answer.classes is not None
    np.testing.assert_allclose(answer.probabilities, e / e.sum(axis=1, keepdims=True), rtol=1e-5)
    names = np.array(["AA", "BA", "AB", "BB"])
    assert list(answer.classes) == list(names[answer.outputs.argmax(axis=1)])
    assert answer.states == {}
    logistic = predictor_of(TemporalOrder(variant="hochreiter1997"))
    units = logistic.stream().feed(symbols(12, task=logistic.task)[0])
    assert units.probabilities is not None
    np.testing.assert_allclose(units.probabilities, 1 / (1 + np.exp(-units.outputs)), rtol=1e-5)
    numbers = predictor_of(Adding()).stream().feed(np.ones((3, 2)))
    assert (numbers.probabilities, numbers.classes) == (None, None)
    assert list(numbers.arrays) == ["outputs"]


def test_tensors_and_double_precision() -> None:
    predictor = predictor_of(Adding())
    inputs = np.random.default_rng(0).uniform(size=(9, 2))
    by_tensor = predictor.stream().feed(torch.from_numpy(inputs)).outputs
    assert by_tensor.dtype == np.float32
    assert by_tensor.tobytes() == predictor.stream().feed(inputs).outputs.tobytes()
    wide = Predictor(predictor.model.double(), predictor.task).stream().feed(inputs).outputs
    assert wide.dtype == np.float64
    np.testing.assert_allclose(wide, by_tensor, rtol=1e-4)


REFUSED = {
    "shape (3, 3) are not": np.ones((3, 3)),
    "shape (2,) are not": np.ones(2),
    "shape (0, 2) are empty": np.ones((0, 2)),
    "type <U1": np.array([["a", "b"]]),
    "type complex128": np.ones((1, 2), complex),
    "type object": np.array([[None, 1]]),
    "step 71, feature 1: nan": np.array([[1, 1], [1, np.nan]]),
    "step 70, feature 0: -inf": np.array([[-np.inf, np.nan]]),
    "1e+39 is no finite number of float32": np.array([[1e39, 0]]),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_refused_leaves_the_stream_as_it_was(message: str) -> None:
    predictor, inputs = predictor_of(Adding()), np.random.default_rng(0).uniform(size=(90, 2))
    stream = predictor.stream()
    first = stream.feed(inputs[:70]).outputs
    with pytest.raises(InputsRefusedError) as refused:
        stream.feed(REFUSED[message])
    assert message in str(refused.value)
    rest = stream.feed(inputs[70:]).outputs
    whole = predictor.stream().feed(inputs).outputs
    assert np.concatenate([first, rest]).tobytes() == whole.tobytes()


def test_an_answer_that_is_not_finite_is_refused() -> None:
    predictor = predictor_of(Adding())
    with torch.no_grad():
        predictor.model.readout.bias.fill_(torch.inf)
    with pytest.raises(InputsRefusedError, match="step 0: the model's answer is not finite"):
        predictor.stream().feed(np.ones((2, 2)))

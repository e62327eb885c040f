"""A state that goes on from batch to batch. Oracle: a plain loop over one long sequence per row, on torch.nn's layers."""

import copy
import logging
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlab.cells.cell import State
from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.gru import GRUCell
from rnnlab.cells.lstm import LSTMCell
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.runs.fitting import refuse_unfit
from rnnlab.runs.trial import try_model
from rnnlab.tasks.philox import order
from rnnlab.tasks.stream import Stream
from rnnlab.tasks.text import Text
from rnnlab.training.block import Blocks
from rnnlab.training.checkpoint_on_stop import CheckpointOnStop
from rnnlab.training.checkpoints import load, pack
from rnnlab.training.clipping import NoClip
from rnnlab.training.gradient import Gradient
from rnnlab.training.module import CARRIED, TrainingModule
from rnnlab.training.omega import OmegaRegularizer
from rnnlab.training.regularizer import NoRegularizer, Regularizer
from rnnlab.training.settings import EvalSettings, TrainSettings
from rnnlab.training.update import Update
from tests.support.command import Command
from tests.support.configs import composed, plain
from tests.support.data_files import write_data
from tests.support.journals import distinct_points
from tests.support.killed_runs import killed_at
from tests.support.training import ADAM, Recorder, Wrapped, trainer_of
from tests.support.weights import same_weights

ROWS, STEPS = 8, 9


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Text:
    folder = write_data(tmp_path_factory.mktemp("data"))
    return Text(seq_len=STEPS, path=str(folder / "text.txt"))


def model_of(text: Text, cell: Any, layers: int = 1) -> SequenceModel:
    torch.manual_seed(0)
    sizes = text.input_size, text.output_size, layers
    return SequenceModel(partial(cell, hidden_size=5), *sizes).double()


def blocks_of(model: SequenceModel, text: Text, updates: int, **more: Any) -> Blocks:
    regularizer = more.pop("regularizer", None)
    settings = TrainSettings(
        steps=updates, batch_size=ROWS, block=updates, val_every=updates, stateful=True, **more
    )
    return Blocks(model, text, NoClip(), settings, 0, regularizer)


def of_torch(model: SequenceModel) -> tuple[nn.ModuleList, nn.Linear]:
    """torch.nn's layers and readout with the same weights."""
    cells: list[Any] = list(model.layers)
    return copy.deepcopy((nn.ModuleList(cell.torch_layer() for cell in cells), model.readout))


def detached(state: Any) -> Any:
    return tuple(t.detach() for t in state) if isinstance(state, tuple) else state.detach()


def long_rows(text: Text, pass_number: int, batches: int) -> tuple[Tensor, Tensor]:
    """What each row is shown and asked for in a pass, (rows, steps), from the characters of the training part."""
    shift = int(order(0, "epoch", pass_number, STEPS)[0])
    characters = "".join(
        map(chr, text._source.text.code_points(0, len(text._windows.steps("train"))))
    )
    numbers = torch.from_numpy(text._alphabet.numbers(characters))
    length = STEPS * batches
    rows = [numbers[shift + row * length :][: length + 1] for row in range(ROWS)]
    return torch.stack(rows)[:, :-1], torch.stack(rows)[:, 1:]


@pytest.mark.parametrize(
    ("cell", "layers", "more"),
    [
        (GRUCell, 1, {}),
        (LSTMCell, 2, {}),
        (LSTMCell, 1, {"recompute_steps": 4}),
        (ElmanCell, 1, {"tbptt": 3}),
    ],
    ids=str,
)
def test_it_is_a_loop_over_one_long_sequence_per_row(
    text: Text, cell: Any, layers: int, more: dict[str, int]
) -> None:
    """A pass and three batches in float64 under SGD: every loss and gradient norm, and all weights after them."""
    model = model_of(text, cell, layers)
    stack, readout = of_torch(model)
    number = Stream(text, ROWS, 0, "train", in_order=True).pass_batches
    blocks = blocks_of(model, text, number + 3, **more)
    optimizer: Any = Wrapped(torch.optim.SGD(model.parameters(), lr=0.5))
    found = blocks._update(0, number + 3, optimizer, None)

    named = [*stack.named_parameters(), *readout.named_parameters()]
    # Elman's one bias is the first of torch's two.
    weights = [w for name, w in named if not (cell is ElmanCell and "bias_hh" in name)]
    theirs = torch.optim.SGD(weights, lr=0.5)
    expected = []
    for pass_number, batches in enumerate((number, 3)):
        shown, told = long_rows(text, pass_number, number)
        states: list[Any] = [None] * layers
        for begin in range(0, STEPS * batches, STEPS):
            outputs, cut = [], more.get("tbptt", STEPS)
            for first in range(begin, begin + STEPS, cut):
                hidden = F.one_hot(shown[:, first : first + cut], text.input_size).double()
                for depth, layer in enumerate(stack):
                    hidden, states[depth] = layer(hidden, states[depth])
                states = list(map(detached, states))
                outputs.append(readout(hidden).transpose(1, 2))
            loss = F.cross_entropy(torch.cat(outputs, dim=2), told[:, begin : begin + STEPS])
            theirs.zero_grad()
            loss.backward()
            expected.append(
                (
                    loss.item(),
                    nn.utils.get_total_norm([w.grad for w in weights if w.grad is not None]).item(),
                )
            )
            theirs.step()
    np.testing.assert_allclose(found[:, :2], expected, rtol=0, atol=1e-12)
    ours = [w.detach() for w in model.parameters()]
    torch.testing.assert_close(ours, [w.detach() for w in weights], rtol=0, atol=1e-12)


class From(LSTMCell):
    """An LSTM whose first state is given."""

    first: State

    def initial_state(self, inputs: Tensor) -> State:
        return self.first


@pytest.mark.parametrize(
    "regularizer", [NoRegularizer(), OmegaRegularizer(alpha=0.7)], ids=["none", "omega"]
)
def test_a_regularizer_goes_by_the_carried_state(text: Text, regularizer: Regularizer) -> None:
    """The second gradient is that of a cell which has the state after the first batch as its own h_0 and c_0."""
    model = model_of(text, LSTMCell)
    blocks = blocks_of(model, text, 2, regularizer=regularizer)
    first, second = blocks.stream.batches(0, 2, dtype=torch.float64)
    blocks.gradient(first)
    with torch.no_grad():
        _, ends = model(first.inputs)
    found = blocks.gradient(second)
    gradients = [p.grad for p in model.parameters()]

    other = model_of(text, From)
    cell: Any = other.layers[0]
    (cell.first,) = ends
    expected = Gradient(other, text, NoClip(), regularizer=regularizer)(second)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    for ours, parameter in zip(gradients, other.parameters(), strict=True):
        torch.testing.assert_close(ours, parameter.grad, rtol=0, atol=1e-12)


def test_an_update_that_is_left_out_leaves_no_state(text: Text) -> None:
    """Then every row begins with the first state: the next loss is that of the model alone."""
    model = model_of(text, GRUCell)
    blocks = blocks_of(model, text, 3, nonfinite="skip")
    optimizer: Any = Wrapped(torch.optim.SGD(model.parameters(), lr=0.0))
    batches = list(blocks.stream.batches(0, 3, dtype=torch.float64))
    batches[1].inputs[0, 4] = torch.inf
    update = Update(blocks.gradient, optimizer, None, skip_nonfinite=True)
    losses = [float(update(batch, counted=True)[0]) for batch in batches]
    with torch.no_grad():
        alone = [float(text.loss(model(b.inputs)[0], b.targets)) for b in batches]
    assert losses[::2] == pytest.approx(alone[::2], rel=1e-12)
    assert not np.isfinite(losses[1])


def module_of(text: Text, steps: int, block: int = 2, **more: Any) -> TrainingModule:
    """Validates at every fourth update; single precision and dropout, and a state of two layers."""
    torch.manual_seed(0)
    sizes = text.input_size, text.output_size, 2, 0.3
    model = SequenceModel(partial(LSTMCell, hidden_size=5), *sizes)
    more = {"batch_size": ROWS, "stateful": True, **more}
    settings = TrainSettings(steps, block=block, val_every=4, **more)
    scored = EvalSettings(sequences=2, val_sequences=2)
    return TrainingModule(model, text, ADAM, train_settings=settings, eval_settings=scored)


def trained(folder: Path, module: TrainingModule, checkpoint: Path | None = None) -> list[Tensor]:
    recorder = Recorder(folder)
    trainer_of(module, folder, recorder).fit(module, ckpt_path=checkpoint)
    return [p.detach().clone() for p in module.model.parameters()]


def test_a_run_goes_on_to_the_bit(text: Text, tmp_path: Path) -> None:
    """And it would not without its state: with that taken away other weights come of it."""
    whole = trained(tmp_path / "whole", module_of(text, 12))
    trained(tmp_path / "cut", module_of(text, 8))
    last = RunFolder(tmp_path / "cut").last
    assert all(map(torch.equal, trained(tmp_path / "resumed", module_of(text, 12), last), whole))
    checkpoint = load(last)
    assert [[tuple(t.shape) for t in state] for state in checkpoint[CARRIED]] == [
        [(ROWS, 5)] * 2
    ] * 2
    del checkpoint[CARRIED]
    last.write_bytes(pack(checkpoint))
    assert not all(map(torch.equal, trained(tmp_path / "lost", module_of(text, 12), last), whole))


@pytest.mark.slow
def test_blocks_change_no_bit(text: Text, tmp_path: Path) -> None:
    """Which are drawn together, and may reach from one pass into the next."""
    passes = {"batch_size": 20}  # of few batches
    one, four = (
        trained(tmp_path / str(block), module_of(text, 12, block, **passes)) for block in (1, 4)
    )
    assert module_of(text, 12, **passes).blocks.stream.pass_batches < 12
    assert all(map(torch.equal, one, four))


def test_a_run_that_is_stopped_in_mid_block_keeps_where_the_block_began(
    text: Text, tmp_path: Path
) -> None:
    """By an error in the last update of the second block."""

    class Stops(TrainingModule):
        def training_step(self, start: int) -> None:
            super().training_step(start)
            if start == 6:
                raise KeyError("an error of somebody's")

    whole = module_of(text, 12)
    trained(tmp_path / "whole", whole)
    broken = module_of(text, 12)
    broken.__class__ = Stops
    folder = RunFolder(tmp_path / "cut")
    trainer = trainer_of(broken, folder.path, Recorder(folder.path), [CheckpointOnStop(folder)])
    with pytest.raises(KeyError):
        trainer.fit(broken)
    assert load(folder.last)["rnnlab"]["updates"] == 6
    resumed = trained(tmp_path / "resumed", module_of(text, 12), folder.last)
    assert all(map(torch.equal, resumed, whole.model.parameters()))


def test_states_of_another_model_or_of_other_rows(text: Text, tmp_path: Path) -> None:
    trained(tmp_path, module_of(text, 4))
    last = RunFolder(tmp_path).last
    other = module_of(text, 8, batch_size=4)
    refuse_unfit(other, last)
    assert other.carried_states is None  # other rows begin anew
    same = module_of(text, 8)
    refuse_unfit(same, last)
    assert same.carried_states is not None
    checkpoint = load(last)
    for wrong in (
        [],
        3,
        [(torch.zeros(ROWS, 5),)] * 2,
        [(torch.zeros(ROWS, 4),) * 2] * 2,
        [("h", "c")] * 2,
    ):
        last.write_bytes(pack({**checkpoint, CARRIED: wrong}))
        with pytest.raises(ValueError, match=r"is no checkpoint to go on from: its carried states"):
            refuse_unfit(same, last)


def test_no_graph_is_captured(text: Text, caplog: pytest.LogCaptureFixture) -> None:
    """Which needs no device to be seen; it is told once."""
    blocks = blocks_of(model_of(text, GRUCell), text, 2)
    with caplog.at_level(logging.WARNING):
        assert [blocks._graphs(torch.device("cuda")) for _ in range(2)] == [None, None]
    assert caplog.messages == [
        "the update carries a state to the next: all run without a CUDA graph"
    ]


def test_epochs_are_passes(text: Text) -> None:
    blocks = blocks_of(model_of(text, GRUCell), text, 2)
    assert blocks._epochs(3 * blocks.stream.pass_batches) == {"train/epochs": 3.0}


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            ("task=adding",),
            r"^train.stateful=true: no sequence of Adding goes on where another ends",
        ),
        (("task=teacher",), r"^train.stateful=true: no sequence of Teacher goes on"),
        (
            ("task=text", "train.batch_size=9999"),
            r"^train.stateful=true: batch_size=9999 is too large",
        ),
        (("task=text", "train.min_seq_len=9"), r"stateful=True and min_seq_len=9: batches go on"),
        (
            ("task=text", "train.start_seq_len=9"),
            r"stateful=True and start_seq_len=9: batches go on",
        ),
        (("task=text", "train.stateful=maybe"), r"^train.stateful='maybe' is not true or false"),
    ],
    ids=str,
)
def test_refused_before_anything_trains(overrides: tuple[str, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        try_model(plain(composed("train.stateful=true", *overrides), resolve=True))


@pytest.mark.slow
def test_a_killed_command_goes_on_to_the_same_bits(
    command: Command, home: Path, text: Text
) -> None:
    """Within a pass, after its first: the tracks of 20 rows have few batches."""
    run = (
        *(
            "task=text",
            f"task.path={text.path}",
            "task.seq_len=9",
            "cell=lstm",
            "cell.hidden_size=8",
        ),
        *("model.num_layers=2", "model.dropout=0.3", "train.stateful=true", "train.batch_size=20"),
        *("train.steps=24", "train.block=2", "train.val_every=4", "eval.val_sequences=4"),
        *("eval.sequences=4", "diagnostics=none", "tracking.log_model=false"),
    )
    killed_at(home, 18, *run, "hydra.run.dir=cut")
    stopped = load(RunFolder(home / "cut").last)
    assert (
        stopped["rnnlab"]["updates"] % module_of(text, 4, batch_size=20).blocks.stream.pass_batches
    )
    assert len(stopped[CARRIED]) == 2
    again = command("resume=cut")
    assert again.status == 0, again.err
    assert command(*run, "hydra.run.dir=whole").status == 0
    assert distinct_points(home / "cut") == distinct_points(home / "whole")
    assert same_weights(home / "cut", home / "whole")

"""On a CUDA device. Oracle: the loop over `step` in double precision, and the CPU."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from rnnlab.cells import Cell
from rnnlab.cells.cell import State
from rnnlab.cells.elman import ElmanCell
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.foundation.compute import compute_in_float32
from rnnlab.tasks import Batch, Draws, Part, Task
from rnnlab.tasks.adding import Adding
from rnnlab.tasks.copy_memory import CopyMemory
from rnnlab.tasks.digits import Digits
from rnnlab.tasks.mnist1d import Mnist1d
from rnnlab.tasks.stream import Stream
from rnnlab.tasks.teacher import Teacher
from rnnlab.tasks.temporal_order import TemporalOrder
from rnnlab.tracking.result import Result
from rnnlab.training.block import Blocks
from rnnlab.training.capture import Capture
from rnnlab.training.clipping import Clip, ClipNorm, ClipValue, NoClip
from rnnlab.training.gradient import Gradient
from rnnlab.training.graphs import Capturing, Graphs, Replay
from rnnlab.training.settings import TrainSettings
from rnnlab.training.update import Update
from tests.support.command import QUICK, SMALL, Command
from tests.support.kernels import CELLS, all_steps
from tests.support.training import CountingOptimizer, Wrapped

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")

every_cell = pytest.mark.parametrize("make", CELLS.values(), ids=CELLS)
every_task = pytest.mark.parametrize(
    "task", [Adding(12), CopyMemory(delay=3, copy_len=2)], ids=["last", "all"]
)


@pytest.fixture(autouse=True)
def _as_torch_has_it() -> Iterator[None]:
    """What a run, or a test, sets for its whole process."""
    allowed = torch.backends.cudnn.allow_tf32
    yield
    torch.backends.cudnn.allow_tf32 = allowed


def made(make: Any, hidden_size: int, inputs: Tensor) -> Cell:
    torch.manual_seed(0)
    return make(inputs.size(2), hidden_size=hidden_size).to(inputs)


def here_and_there(make: Any, hidden_size: int, inputs: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Of the loop on the CPU in double precision, and on the device: values and gradients."""
    x, cell = inputs.double(), made(make, hidden_size, inputs).double()
    oracle = all_steps(Cell.unroll, cell, x, *cell.initial_state(x))
    x, cell = inputs.cuda(), made(make, hidden_size, inputs).cuda()
    found = all_steps(type(cell).forward, cell, x, *cell.initial_state(x))
    return zip(oracle, (part.cpu().double() for part in found), strict=True)


@pytest.mark.parametrize("shape", [(4, 1, 3, 5), (1, 7, 2, 4), (20, 100, 2, 50)], ids=str)
@every_cell
def test_equals_the_loop_in_double_precision(make: Any, shape: tuple[int, ...]) -> None:
    batch, steps, input_size, hidden_size = shape
    torch.manual_seed(2)
    inputs = torch.randn(steps, batch, input_size, dtype=torch.float64).transpose(0, 1)
    for oracle, value in here_and_there(make, hidden_size, inputs):
        torch.testing.assert_close(value, oracle, rtol=1e-10, atol=1e-10)


@every_cell
def test_equals_the_loop_in_single_precision_to_rounding(make: Any) -> None:
    """As in a run, which has cuDNN multiply in float32.

    Its tanh costs cuDNN a digit: with ReLU it was at 1e-7, with tanh, in gates too, at 1e-5.
    """
    compute_in_float32()
    torch.manual_seed(2)
    inputs = torch.randn(20, 100, 2)
    for oracle, value in here_and_there(make, 50, inputs):
        assert (value - oracle).abs().max() < 3e-5 * oracle.abs().max()


LOOPS = ("identity", "sigmoid")  # those that cuDNN has no layer for


@pytest.mark.parametrize("name", [name for name in CELLS if name not in LOOPS])
def test_a_second_derivative_is_refused(name: str) -> None:
    inputs = torch.randn(2, 3, 2, device="cuda", requires_grad=True)
    (end, *_) = made(CELLS[name], 4, inputs).final_state(inputs)

    def differentiate_twice() -> None:
        (grad,) = torch.autograd.grad(end.square().sum(), inputs, create_graph=True)
        torch.autograd.grad(grad.square().sum(), inputs)

    with pytest.raises(RuntimeError, match=r"differentia|derivative"):
        differentiate_twice()


@pytest.mark.parametrize(
    "task",
    [
        Adding(70),
        Adding(70, "hochreiter1997"),
        CopyMemory(30),
        TemporalOrder(50, 3, "hochreiter1997"),
        Teacher(7),
    ],
    ids=str,
)
def test_batches_are_the_bits_of_the_cpu(task: Task) -> None:
    """Of several lengths too; a teacher's answers to rounding, as its products are the device's."""
    here, there = (
        list(Stream(task, 9, 2**31, "train", task.seq_len - 3).batches(4, 30, device))
        for device in ("cpu", "cuda")
    )
    for ours, expected in zip(there, here, strict=True):
        assert ours.inputs.is_cuda
        assert torch.equal(ours.inputs.cpu(), expected.inputs)
        if isinstance(task, Teacher):
            torch.testing.assert_close(ours.targets.cpu(), expected.targets)
        else:
            assert torch.equal(ours.targets.cpu(), expected.targets)


def test_permutations_and_bounds_of_each_sequence_are_the_bits_of_the_cpu() -> None:
    drawn = []
    for device in ("cpu", "cuda"):
        draws = Draws(5, "test", [Part(0, 3, 50)], device)
        low = torch.arange(50, device=device)
        drawn.append([draws.permutation(300).cpu(), draws.integers(low, low + 9, 40).cpu()])
    assert all(map(torch.equal, *drawn))


def test_a_set_of_data_is_the_same_there() -> None:
    """Oracle: the CPU, over three epochs; every image is as many bytes, and so the same bits."""
    for task in (Digits(permuted=True), Mnist1d(seq_len=20)):
        steps = 3 * task.num_sequences("train") // 100
        here, there = (
            Stream(task, 100, 3, "train").batches(0, steps, device) for device in ("cpu", "cuda")
        )
        for one, other in zip(here, there, strict=True):
            assert all(
                torch.equal(ours, theirs.cpu()) for ours, theirs in zip(one, other, strict=True)
            )


@pytest.mark.parametrize("name", LOOPS)
def test_the_loop_has_a_second_derivative(name: str) -> None:
    inputs = torch.randn(2, 3, 2, device="cuda", requires_grad=True)
    hidden, _ = made(CELLS[name], 4, inputs)(inputs)
    (grad,) = torch.autograd.grad(hidden.square().sum(), inputs, create_graph=True)
    (second,) = torch.autograd.grad(grad.square().sum(), inputs)
    assert second.abs().max() > 0


def model_of(make: Any, task: Task, **more: Any) -> SequenceModel:
    torch.manual_seed(0)
    return SequenceModel(partial(make, hidden_size=5), task.input_size, task.output_size, **more)


def updates(
    make: Any,
    task: Task,
    clip: Clip,
    device: str,
    dtype: torch.dtype,
    capture: Capturing | None = None,
) -> Iterator[Tensor]:
    """What each of some updates measures, replayed where they are captured."""
    model = model_of(make, task).to(device, dtype)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, fused=True)
    stream = Stream(task, 4, 0, "train")
    counting: Any = CountingOptimizer(optimizer)
    gradient = Gradient(model, task, clip)
    graphs = None if capture is None else Graphs(gradient, capture)
    for start in (0, 4):  # the second finds Adam's state, as all blocks but a run's first do
        update = Update(gradient, counting, None, compute=graphs)
        for step in range(start, start + 4):
            yield update(stream.batch(step, device, dtype), counted=step == start + 3)


@pytest.mark.parametrize(
    "clip", [NoClip(), ClipNorm(0.05), ClipValue(0.01)], ids=["free", "norm", "value"]
)
@every_task
@every_cell
def test_updates_are_those_of_the_cpu(make: Any, task: Task, clip: Clip) -> None:
    """Launched one by one, and replayed as a graph."""
    counted = CountingCapture()
    here, there, replayed = (
        torch.stack(list(updates(make, task, clip, device, torch.float64, capture))).cpu()
        for device, capture in (("cpu", None), ("cuda", None), ("cuda", counted))
    )
    assert counted.replays == 8
    torch.testing.assert_close(there, here, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(replayed, here, rtol=1e-9, atol=1e-9)


@every_cell
def test_steps_that_are_computed_again(make: Any) -> None:
    """Oracle: all of them kept, with the same units dropped."""
    torch.manual_seed(0)
    cell = partial(make, hidden_size=5)
    model = SequenceModel(cell, 2, 3, num_layers=2, dropout=0.4).to("cuda", torch.float64)
    inputs = torch.randn(4, 13, 2, device="cuda", dtype=torch.float64)
    found = []
    for recompute_steps in (None, 4):
        torch.manual_seed(1)
        outputs, _ = model(inputs, last=6, recompute_steps=recompute_steps)
        gradients = torch.autograd.grad(outputs.square().sum(), list(model.parameters()))
        found.append([outputs.detach(), *gradients])
    torch.testing.assert_close(*found)


@pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype")
@pytest.mark.parametrize(
    "clip", [NoClip(), ClipNorm(0.05), ClipValue(0.01)], ids=["free", "norm", "value"]
)
@every_task
@every_cell
@pytest.mark.parametrize("capture", [None, Capture], ids=["launched", "replayed"])
def test_no_update_waits_for_the_device(
    make: Any, task: Task, clip: Clip, capture: type[Capture] | None
) -> None:
    measured = updates(make, task, clip, "cuda", torch.float32, capture and capture())
    next(measured)  # to capture waits for what came before
    try:
        torch.cuda.set_sync_debug_mode("error")
        kept = list(measured)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.stack(kept).isfinite().all()


TASK = Adding(12)


class CountingCapture(Capture):
    """Counts what it captures and replays."""

    def __init__(self) -> None:
        super().__init__()
        self.captures = self.replays = 0

    def __call__(self, gradient: Gradient, batch: Batch) -> Replay:
        replay = super().__call__(gradient, batch)
        self.captures += 1

        def counted(batch: Batch) -> Tensor:
            self.replays += 1
            return replay(batch)

        return counted


def both(model: SequenceModel, capture: Capturing, shortest: int) -> Iterator[list[Tensor]]:
    """What ten updates measure and leave in the gradients, launched one by one and replayed."""
    model.cuda().train()
    gradient = Gradient(model, TASK, ClipNorm(0.1))
    stream = Stream(TASK, 4, 0, "train", shortest)
    for compute in (gradient, Graphs(gradient, capture)):
        found = []
        for step, batch in enumerate(stream.batches(0, 10, "cuda")):
            torch.cuda.manual_seed(step)
            measured = compute(batch)
            gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
            found.append(torch.cat([measured, *(part.flatten() for part in gradients)]))
        yield found


@every_cell
def test_a_replayed_gradient_is_the_launched_one(make: Any) -> None:
    """Of several layers, with the dropout that the seed of each update gives, and of lengths that change."""
    model, capture = model_of(make, TASK, num_layers=2, dropout=0.4), CountingCapture()
    launched, replayed = both(model, capture, TASK.seq_len - 1)
    assert capture.captures == 2
    for ours, expected in zip(replayed, launched, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-7)


class Looks(ElmanCell):
    """Looks at its values, and so waits for the device."""

    def step(self, inputs: Tensor, state: State) -> State:
        (h,) = super().step(inputs, state)
        return (h / 2 if float(h.detach().abs().max()) > 0.5 else h,)

    def forward(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        return self.unroll(inputs, state)


class Fails(Capture):
    """Does not see what cannot be captured before it tries."""

    def watched(self, gradient: Gradient, batch: Batch) -> tuple[Tensor, bool]:
        return super().watched(gradient, batch)[0], False


@pytest.mark.parametrize("capture", [CountingCapture, Fails])
def test_what_looks_at_its_values_runs_as_it_is_written(
    capture: type[Capture], caplog: pytest.LogCaptureFixture
) -> None:
    launched, replayed = both(model_of(Looks, TASK), capture(), TASK.seq_len)
    assert len(caplog.messages) == 1
    assert "run without a CUDA graph" in caplog.text
    for ours, expected in zip(replayed, launched, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-7)
    torch.rand(3, device="cuda")  # which a failed capture keeps nobody from


def test_a_run_goes_without_a_graph_where_it_is_told_to() -> None:
    for wanted in (True, False):
        model = model_of(ElmanCell, TASK).cuda()
        optimizer: Any = Wrapped(torch.optim.Adam(model.parameters()))
        blocks = Blocks(model, TASK, NoClip(), TrainSettings(cuda_graph=wanted), seed=0)
        blocks.make(0, optimizer, None)
        assert (blocks.graphs is not None) == wanted


def metrics_on(accelerator: str, command: Command, home: Path, *overrides: str) -> dict[str, float]:
    """What a run measured, but for its speed."""
    folder = f"hydra.run.dir={accelerator}"
    assert command(*overrides, f"trainer.accelerator={accelerator}", folder).status == 0
    metrics = Result.read(home / accelerator).metrics
    return {key: value for key, value in metrics.items() if not key.startswith("perf/")}


@pytest.mark.parametrize("cell", ["elman", "lstm", "gru"])
def test_a_run_is_that_of_the_cpu(cell: str, command: Command, home: Path) -> None:
    """With the default diagnostics, in double precision."""
    run = (f"cell={cell}", *QUICK[:-1], *SMALL, "trainer.precision=64-true")
    here, there = (metrics_on(name, command, home, *run) for name in ("cpu", "gpu"))
    assert there == pytest.approx(here, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("cell", ["elman", "lstm", "gru"])
def test_a_run_in_single_precision_is_that_of_the_cpu(
    cell: str, command: Command, home: Path
) -> None:
    """With factors in TF32 Elman's losses were 5e-5 to 8e-5 off."""
    torch.backends.cudnn.allow_tf32 = True  # as torch has it
    run = (f"cell={cell}", *QUICK, *SMALL, "task.seq_len=100", "cell.hidden_size=50")
    here, there = (metrics_on(name, command, home, *run) for name in ("cpu", "gpu"))
    assert there == pytest.approx(here, rel=3e-5)


def test_a_sweep(command: Command, home: Path) -> None:
    """Its jobs are forked from a process that has imported torch, and begin CUDA themselves."""
    swept = command(
        *("-m", "cell=elman,gru", "seed=0,1", *QUICK, *SMALL, "trainer.accelerator=gpu"),
        *("hydra.sweep.dir=s", "hydra.launcher.n_jobs=2"),
    )
    assert swept.status == 0, swept.out
    assert all(Result.read(home / "s" / str(job)).status == "FINISHED" for job in range(4))

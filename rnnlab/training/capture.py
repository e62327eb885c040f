"""What is CUDA's own of a graph: how a gradient is warmed up, captured and replayed."""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from rnnlab.tasks import Batch
from rnnlab.training.gradient import Gradient

WARM_UP = 3
"""Times that a gradient is computed before it is captured, in which libraries set themselves up."""
SYNCHRONIZES = "called a synchronizing CUDA operation"  # torch's words


class Capture:
    """Captures gradients on a stream of its own, into memory that its graphs share: no two run at a time."""

    def __init__(self) -> None:
        self.stream = torch.cuda.Stream()
        self.pool = torch.cuda.graph_pool_handle()

    def note(self, gradient: Gradient) -> Callable[[], None]:
        """What then puts back all that computing the gradient changes: buffers, and where random numbers go on."""
        buffers = [(buffer, buffer.clone()) for buffer in gradient.model.buffers()]
        generator = _generator(gradient)
        state = generator.get_state()

        def put_back() -> None:
            for buffer, noted in buffers:
                buffer.copy_(noted)
            generator.set_state(state)

        return put_back

    def watched(self, gradient: Gradient, batch: Batch) -> tuple[Tensor, bool]:
        """Compute the gradient as it is written; and whether the host waited for the device, which a graph cannot."""
        before = torch.cuda.current_stream()
        self.stream.wait_stream(before)
        mode = torch.cuda.get_sync_debug_mode()
        with warnings.catch_warnings(record=True) as caught, torch.cuda.stream(self.stream):
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                measured = gradient(batch)
            finally:
                torch.cuda.set_sync_debug_mode(mode)
        before.wait_stream(self.stream)
        return measured, any(SYNCHRONIZES in str(each.message) for each in caught)

    def __call__(self, gradient: Gradient, batch: Batch) -> Callable[[Batch], Tensor]:
        """What then does what `gradient` does, for batches of this shape.

        Raises:
            RuntimeError: If that cannot be captured.
        """
        for _ in range(1, WARM_UP):
            self.watched(gradient, batch)
        given = Batch(*(torch.empty_like(part) for part in batch))
        graph = torch.cuda.CUDAGraph()
        try:
            # The first restores the stream, which the second does not do where a capture fails.
            with (
                torch.cuda.stream(torch.cuda.current_stream()),
                torch.cuda.graph(graph, pool=self.pool, stream=self.stream),
            ):
                measured = gradient(given)
        except RuntimeError:
            graph.reset()
            # A generator that a failed capture has left in it would refuse to draw (torch's issue 171263).
            generator = _generator(gradient)
            generator.graphsafe_set_state(generator.clone_state())
            raise
        gradients = [parameter.grad for parameter in gradient.parameters]

        def replay(batch: Batch) -> Tensor:
            for mine, part in zip(given, batch, strict=True):
                mine.copy_(part)
            graph.replay()
            for parameter, found in zip(gradient.parameters, gradients, strict=True):
                parameter.grad = found
            return measured.clone()

        return replay


def _generator(gradient: Gradient) -> torch.Generator:
    """Of the device's random numbers."""
    return torch.cuda.default_generators[gradient.parameters[0].device.index or 0]

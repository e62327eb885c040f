"""The gradient of a batch as one CUDA graph: captured once for each shape, and replayed after that.

A small network waits on a GPU for the host, which launches some hundred operations an update. A graph
launches them as one. Data are drawn for many updates at once, and Adam's fused step is one operation, so
that these stay as they are, and whatever optimizer or schedule is used.

What is captured are the operations alone. Python's part of the model, the loss and the clipping does not
run again, so what these look up, as an attribute of a cell, is compared before each block of updates.
"""

import logging
from collections.abc import Callable
from functools import cached_property
from typing import Any, Protocol

from torch import Tensor

from rnnlab.tasks import Batch
from rnnlab.training.gradient import Gradient

log = logging.getLogger(__name__)

MOST = 32
"""Shapes that are captured, as of batches that draw their lengths; each takes some megabytes."""

PLAIN = (bool, int, float, str, type(None))
Replay = Callable[[Batch], Tensor]


class Capturing(Protocol):
    """What capture.py's `Capture` does."""

    def note(self, gradient: Gradient) -> Callable[[], None]: ...

    def watched(self, gradient: Gradient, batch: Batch) -> tuple[Tensor, bool]: ...

    def __call__(self, gradient: Gradient, batch: Batch) -> Replay: ...


class Graphs:
    """Computes what `gradient` does, by a graph for each shape, which is captured when that shape first comes.

    So all updates of a shape are replayed, the first too, and a resumed run goes on with the same bits. What cannot
    be captured runs as it is written, and the log says so once: a loss or a cell that looks at the values of a
    tensor, or that changes its own attributes; and shapes beyond `most`.

    Args:
        gradient: What is captured.
        capture: Captures it.
        most: Shapes that are captured.
    """

    def __init__(self, gradient: Gradient, capture: Capturing, most: int = MOST) -> None:
        self.gradient, self.capture, self.most = gradient, capture, most
        self._refused = self._told = False
        self._held = Held(gradient)
        self._replays: dict[Any, Replay] = {}

    def look(self) -> None:
        """Forget what is captured if the model, its tensors, the task, the clipping or the regularizer are no longer the same."""
        now = Held(self.gradient)
        if not now.same(self._held):
            self._held, self._replays = now, {}

    def __call__(self, batch: Batch) -> Tensor:
        shape = tuple((part.shape, part.dtype) for part in batch)
        if replay := self._replays.get(shape):
            return replay(batch)
        if self._refused:
            return self.gradient(batch)
        if len(self._replays) >= self.most:
            self._tell(f"has more than {self.most} shapes of batches: others")
            return self.gradient(batch)
        return self._first(shape, batch)

    def _first(self, shape: Any, batch: Batch) -> Tensor:
        """Compute it as it is written, and see whether a graph would do the same; if so, capture and replay."""
        before, put_back = Held(self.gradient), self.capture.note(self.gradient)
        measured, waited = self.capture.watched(self.gradient, batch)
        if waited or not Held(self.gradient).same(before):
            looks = "waits for the device, as a look at the values of a tensor does"
            self._refuse(looks if waited else "changes its own attributes")
            return measured
        try:
            replay = self._replays[shape] = self.capture(self.gradient, batch)
        except RuntimeError as error:
            self._refuse(f"cannot be captured ({str(error).partition(chr(10))[0]})")
            replay = self.gradient
        put_back()
        return replay(batch)

    def _refuse(self, why: str) -> None:
        self._refused, self._replays = True, {}
        self._tell(f"{why}: all")

    def _tell(self, why: str) -> None:
        if not self._told:
            self._told = True
            log.warning("the update %s run without a CUDA graph", why)


class Held:
    """What the Python of a gradient can look up: attributes of the modules, the task, the clipping and the regularizer, and tensors."""

    def __init__(self, gradient: Gradient) -> None:
        parts: list[Any] = [*gradient.model.modules()]
        parts += [gradient.task, gradient.clip, gradient.regularizer]
        self._seen: list[Any] = list(parts)
        for part in parts:
            for name, value in getattr(part, "__dict__", {}).items():
                if not isinstance(getattr(type(part), name, None), cached_property):
                    self._seen += [name, value]
        for tensor in (*gradient.model.parameters(), *gradient.model.buffers()):
            self._seen += [tensor.data_ptr(), tensor.requires_grad]

    def same(self, other: "Held") -> bool:
        """Whether it is what another is: plain values equal, all else identical."""
        if len(self._seen) != len(other._seen):
            return False
        pairs = zip(self._seen, other._seen, strict=True)
        return all(a is b or (type(a) is type(b) and type(a) in PLAIN and a == b) for a, b in pairs)

"""Elman's network in JAX: lax.scan over time, Optax's clipping and Adam, jit over the update.

An optional extra: scripts/benchmark installs it, and rnnlab never needs it.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax

from benchmarks.peers import LR, MAX_NORM, Peer
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.tasks import Batch, Task
from rnnlab.tasks.copy_memory import CopyMemory

OPTIMIZER = optax.chain(optax.clip_by_global_norm(MAX_NORM), optax.adam(LR))


def _weights(model: SequenceModel) -> dict[str, Any]:
    (cell,) = model.layers
    own = {**dict(cell.named_parameters()), "v": model.readout.weight, "c": model.readout.bias}
    return {name: jnp.array(value.detach().cpu().numpy()) for name, value in own.items()}


def _loss(weights: dict[str, Any], inputs: Any, targets: Any, classes: bool) -> Any:
    projected = inputs.swapaxes(0, 1) @ weights["weight_ih"].T + weights["bias"]

    def step(h: Any, x: Any) -> tuple[Any, Any]:
        h = jnp.tanh(x + h @ weights["weight_hh"].T)
        return h, h if classes else None

    h, states = jax.lax.scan(step, jnp.zeros_like(projected[0]), projected)
    if classes:
        outputs = states.swapaxes(0, 1) @ weights["v"].T + weights["c"]
        losses = optax.softmax_cross_entropy_with_integer_labels(outputs, targets)
        return losses.mean()
    outputs = (h @ weights["v"].T + weights["c"])[:, None]
    return jnp.square(outputs - targets).mean()


def _update(classes: bool, weights: Any, state: Any, inputs: Any, targets: Any) -> Any:
    loss, gradient = jax.value_and_grad(_loss)(weights, inputs, targets, classes)
    changes, state = OPTIMIZER.update(gradient, state, weights)
    return optax.apply_updates(weights, changes), state, loss


class Scan(Peer):
    """One run."""

    name = "JAX lax.scan"

    def __init__(self, model: SequenceModel, task: Task) -> None:
        self.weights = _weights(model)
        self.state = OPTIMIZER.init(self.weights)
        classes = isinstance(task, CopyMemory)
        self.update = jax.jit(partial(_update, classes), donate_argnums=(0, 1))

    def prepare(self, batches: Sequence[Batch]) -> Sequence[tuple[Any, Any]]:
        return [(jnp.array(x.numpy()), jnp.array(y.numpy())) for x, y in batches]

    def updates(self, batches: Sequence[Any]) -> list[float]:  # pyrefly: ignore[bad-override]
        losses = []
        for inputs, targets in batches:
            self.weights, self.state, loss = self.update(self.weights, self.state, inputs, targets)
            losses.append(loss)
        return [float(loss) for loss in losses]


class Vmap(Scan):
    """As many runs at once as `runs` says, each on batches of its own."""

    def __init__(self, model: SequenceModel, task: Task, runs: int) -> None:
        super().__init__(model, task)
        self.name = f"JAX vmap of {runs} runs"
        self.runs = runs
        self.weights = jax.tree.map(lambda w: jnp.stack([w] * runs), self.weights)
        self.state = jax.vmap(OPTIMIZER.init)(self.weights)
        update = partial(_update, isinstance(task, CopyMemory))
        self.update = jax.jit(jax.vmap(update), donate_argnums=(0, 1))

    def prepare(self, batches: Sequence[Batch]) -> Sequence[tuple[Any, Any]]:
        """Run r gets batch t + r at update t, so that the first run gets what a single one gets."""
        single = super().prepare(batches)
        rolled = [
            [single[(t + r) % len(single)] for r in range(self.runs)] for t in range(len(single))
        ]
        return [tuple(jnp.stack(part) for part in zip(*batch, strict=True)) for batch in rolled]

    def updates(self, batches: Sequence[Any]) -> list[float]:  # pyrefly: ignore[bad-override]
        losses = []
        for inputs, targets in batches:
            self.weights, self.state, loss = self.update(self.weights, self.state, inputs, targets)
            losses.append(loss)
        return [float(loss[0]) for loss in losses]

"""The training loops that people write without rnnlab, on the same weights and the same batches.

Each is as short as its users would have it, draws no data and logs nothing: what it is timed on is
the update alone, where rnnlab's time has everything in it.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.tasks import Batch

LR, MAX_NORM = 0.005, 1.0  # what conf/ sets


class Peer(ABC):
    """Makes updates; begins from a model's weights."""

    name: str
    runs: int = 1
    """Runs that it trains at once; its time is divided by them."""
    flushed: bool = False
    """Whether subnormal numbers are taken as 0 while it is timed; JAX does so by itself."""

    @abstractmethod
    def prepare(self, batches: Sequence[Batch]) -> Sequence[object]:
        """The batches in a form of its own, outside of what is timed."""

    @abstractmethod
    def updates(self, batches: Sequence[object]) -> list[float]:
        """One update on each batch; the losses."""


class TorchPeer(Peer):
    """A bare loop of torch: forward, backward, clip_grad_norm_, Adam.

    Args:
        name: Of this peer.
        hidden: From inputs the hidden states of all steps, or of the last alone: cut out of all of
            them, it would cost the backward pass a copy.
        weights: That `hidden` uses.
        readout: V and c.
        fused: Adam in one call.
        flushed: Take subnormal numbers as 0, as rnnlab does and few who write such a loop.
    """

    def __init__(
        self,
        name: str,
        hidden: Callable[[Tensor, bool], Tensor],
        weights: Sequence[nn.Parameter],
        readout: nn.Linear,
        fused: bool = False,
        flushed: bool = False,
    ) -> None:
        self.name, self.flushed = name, flushed
        self.hidden, self.readout = hidden, readout
        self.parameters = [*(p for p in weights if p.requires_grad), *readout.parameters()]
        self.optimizer = torch.optim.Adam(self.parameters, lr=LR, fused=fused)

    def prepare(self, batches: Sequence[Batch]) -> Sequence[Batch]:
        device = self.parameters[0].device
        return [Batch(*(part.to(device) for part in batch)) for batch in batches]

    def updates(self, batches: Sequence[Batch]) -> list[float]:  # pyrefly: ignore[bad-override]
        losses = []
        for inputs, targets in batches:
            outputs = self.readout(self.hidden(inputs, targets.size(1) == inputs.size(1)))
            loss = loss_of(outputs, targets)
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.parameters, MAX_NORM)
            self.optimizer.step()
            losses.append(loss.detach())
        return torch.stack(losses).tolist()


def loss_of(outputs: Tensor, targets: Tensor) -> Tensor:
    """By torch, as the tasks define it: of classes, or of numbers."""
    if targets.is_floating_point():
        return F.mse_loss(outputs, targets)
    return F.cross_entropy(outputs.flatten(0, 1), targets.flatten())


def readout_of(model: SequenceModel) -> nn.Linear:
    """A copy."""
    return copy.deepcopy(model.readout)


LAYERS: dict[str, type[nn.RNN | nn.LSTM | nn.GRU]] = {
    "ElmanCell": nn.RNN,
    "LSTMCell": nn.LSTM,
    "GRUCell": nn.GRU,
}


def has_layer(model: SequenceModel) -> bool:
    """Whether torch.nn has the model's cell."""
    return type(model.layers[0]).__name__ in LAYERS


def layer_of(model: SequenceModel) -> nn.RNN | nn.LSTM | nn.GRU:
    """torch.nn's layer with the weights of the model's cell."""
    cell: Any = model.layers[0]
    weights = {name.removeprefix("fused."): p for name, p in cell.state_dict().items()}
    kind = LAYERS[type(cell).__name__]
    device = model.readout.weight.device
    layer = kind(cell.input_size, cell.hidden_size, batch_first=True, device=device)
    if kind is nn.RNN:  # Elman's has one bias; nn.RNN's second is held at zero
        names = {"weight_ih_l0": "weight_ih", "weight_hh_l0": "weight_hh", "bias_ih_l0": "bias"}
        weights = {name: weights[own] for name, own in names.items()}
        weights["bias_hh_l0"] = torch.zeros_like(weights["bias_ih_l0"])
        layer.get_parameter("bias_hh_l0").requires_grad_(False)
    layer.load_state_dict(weights)
    return layer


def bare(model: SequenceModel, fused: bool = False, flushed: bool = False) -> TorchPeer:
    """torch.nn's own layer."""
    layer = layer_of(model)
    name = f"nn.{type(layer).__name__}" + ", fused Adam" * fused + ", flushed" * flushed
    weights = list(layer.parameters())

    def hidden(inputs: Tensor, all_steps: bool) -> Tensor:
        steps, last = layer(inputs)
        h = last[0] if isinstance(layer, nn.LSTM) else last
        return steps if all_steps else h.transpose(0, 1)

    return TorchPeer(name, hidden, weights, readout_of(model), fused, flushed)


def own_loop(model: SequenceModel, flushed: bool = False) -> TorchPeer:
    """A copy of the model's cell, unrolled by the loop over its step."""
    cell: Any = copy.deepcopy(model.layers[0])

    def hidden(inputs: Tensor, all_steps: bool) -> Tensor:
        steps, (h, *_) = cell.unroll(inputs)
        return steps if all_steps else h.unsqueeze(1)

    name = "its own loop" + ", flushed" * flushed
    weights = list(cell.parameters())
    return TorchPeer(name, hidden, weights, readout_of(model), flushed=flushed)


def hoisted(model: SequenceModel, compiled: bool = False) -> TorchPeer:
    """Elman's loop in Python, with W x_t + b of all steps in one product before it."""
    layer = layer_of(model)
    w, u, b, _ = layer.parameters()

    def hidden(inputs: Tensor, all_steps: bool) -> Tensor:
        projected = F.linear(inputs, w, b).unbind(1)
        h, states = torch.zeros_like(projected[0]), []
        for x in projected:
            h = torch.tanh(torch.addmm(x, h, u.t()))
            states.append(h)
        return torch.stack(states if all_steps else states[-1:], dim=1)

    name = "torch.compile of it" if compiled else "hoisted loop"
    forward = torch.compile(hidden, dynamic=False) if compiled else hidden
    return TorchPeer(name, forward, [w, u, b], readout_of(model))

"""A stack of cells as one dynamical system, s_t = F(x_t, s_{t-1}), and the derivatives of F.

s_t is the whole state: every tensor of every layer's state, side by side. For one layer whose state
is h_t alone, F's Jacobian is dh_t/dh_{t-1}. Only `step` is asked of a cell.
"""

import torch
from torch import Tensor

from rnnlab.cells import Cell, State
from rnnlab.cells.sequence_model import SequenceModel

CHUNK = 2**22  # numbers in the Jacobians that are taken at once: bounds the memory they take

States = list[State]
"""The state of each layer."""


class Dynamics:
    """F of a model, without its readout.

    Attributes:
        parts: By the name of a state tensor ("h", "c"), where it stands in s_t.
        size: D, the numbers in s_t.
    """

    def __init__(self, model: SequenceModel, inputs: Tensor) -> None:
        self.layers: list[Cell] = list(model.layers)  # pyrefly: ignore[bad-assignment]
        self.parts: dict[str, list[slice]] = {}
        self._shapes: list[list[torch.Size]] = []
        self.size = 0
        for cell, state in zip(self.layers, self.initial_states(inputs[:1]), strict=True):
            self._shapes.append([tensor.shape[1:] for tensor in state])
            for place, tensor in enumerate(state):
                names = ("h", *cell.state_names[1:])
                name = names[place] if place < len(names) else f"state{place}"
                self.parts.setdefault(name, []).append(slice(self.size, self.size + tensor.numel()))
                self.size += tensor.numel()

    def initial_states(self, inputs: Tensor) -> States:
        """Where every layer starts, for inputs (batch, seq_len, input_size)."""
        states, below = [], inputs
        for cell in self.layers:
            states.append(cell.initial_state(below))
            below = states[-1][0].unsqueeze(1)
        return states

    def step(self, inputs: Tensor, states: States) -> States:
        """F: each layer reads the h_t of the one below."""
        after = []
        for cell, state in zip(self.layers, states, strict=True):
            after.append(cell.step(inputs, state))
            inputs = after[-1][0]
        return after

    def carries_hidden(self, inputs: Tensor) -> bool:
        """Whether h_t reaches any later step of its layer, by itself or in what else the state holds.

        Args:
            inputs: x_t, (batch, input_size).
        """
        for cell, state in zip(self.layers, self.initial_states(inputs.unsqueeze(1)), strict=True):
            before, *others = (tensor.detach().requires_grad_() for tensor in state)
            inputs, *rest = cell.step(inputs.detach(), (before, *others))
            if _reaches(before, [inputs, *rest]) or _reaches(inputs, rest):
                return True
        return False

    def run(self, inputs: Tensor, flat: Tensor) -> Tensor:
        """s_t after the steps of inputs, (n, steps, input_size), from s_0, (n, D)."""
        after = []
        for cell, state in zip(self.layers, self._unflattened(flat), strict=True):
            # the steps' own gradients: cuDNN gives none of a model in `eval`
            inputs, end = cell.looped(inputs, state)
            after.append(end)
        return flatten(after)

    def part(self, flat: Tensor, name: str) -> Tensor:
        """The columns of s_t, (..., D), that hold the tensors of one name."""
        return torch.cat([flat[..., columns] for columns in self.parts[name]], dim=-1)

    def pulled_back(self, inputs: Tensor, flat: Tensor, cotangents: Tensor) -> Tensor:
        """J'v at each of n points, a row each, of J = ds_k/ds_0 over one step or some.

        Args:
            inputs: x_1 to x_k, (n, k, input_size).
            flat: s_0, (n, D).
            cotangents: v, (n, D).
        """
        flat = flat.detach().requires_grad_()
        after = self.run(inputs.detach(), flat)
        (pulled,) = torch.autograd.grad(
            after, flat, cotangents, allow_unused=True, materialize_grads=True
        )
        return pulled

    def jacobians(self, inputs: Tensor, flat: Tensor) -> Tensor:
        """ds_t/ds_{t-1} at each of n points, (n, D, D); row i is the gradient of s_t's number i."""
        rows = torch.eye(self.size, dtype=flat.dtype, device=flat.device)
        found = []
        at_once = max(1, CHUNK // self.size**2)
        for points in torch.arange(len(flat), device=flat.device).split(at_once):
            each = points.repeat_interleave(self.size)
            x, s = inputs[each].unsqueeze(1), flat[each]
            found.append(self.pulled_back(x, s, rows.repeat(len(points), 1)))
        return torch.cat(found).view(-1, self.size, self.size)

    def _unflattened(self, flat: Tensor) -> States:
        parts = iter(flat.split([s.numel() for shapes in self._shapes for s in shapes], dim=1))
        return [tuple(next(parts).unflatten(1, shape) for shape in s) for s in self._shapes]


def flatten(states: States) -> Tensor:
    """s_t, (batch, D)."""
    return torch.cat([tensor.flatten(1) for state in states for tensor in state], dim=1)


def _reaches(tensor: Tensor, results: list[Tensor]) -> bool:
    """Whether any result is computed from it."""
    graphs = [result.sum() for result in results if result.requires_grad]
    if not graphs or not tensor.requires_grad:
        return False
    return torch.autograd.grad(graphs, tensor, allow_unused=True, retain_graph=True)[0] is not None

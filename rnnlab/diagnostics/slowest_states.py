"""States at which a network driven by a constant input moves least: minima of q(s) = 1/2 |F(s) - s|^2."""

from typing import NamedTuple

import torch
from torch import Tensor

from rnnlab.diagnostics.dynamics import CHUNK, Dynamics

FIRST_DAMPING, LEAST_DAMPING, MOST_DAMPING = 1e-2, 1e-12, 1e6
NOTHING = 1e-28  # q of a state that moves by rounding alone
SETTLED = 1e-10  # A step that is shorter, beside the state, changes nothing more.


class Slowest(NamedTuple):
    """Where the searches have ended."""

    states: Tensor  # (n, D)
    speed: Tensor  # q, (n,)


def slowest_states(dynamics: Dynamics, inputs: Tensor, states: Tensor, steps: int) -> Slowest:
    """Go down to the nearest minimum of q, from each of some states by itself.

    By the steps of Levenberg and Marquardt: with r = F(s) - s and J = dF/ds - I,

        s <- s - (J'J + damping I)^{-1} J' r

    where a step that lowers q is taken and the damping is divided by 10, and else the damping is multiplied by
    10. Near a fixed point the damping vanishes, and the step is Newton's: r falls to rounding. At a
    minimum that is no fixed point the steps become short.

    Args:
        dynamics: F.
        inputs: x, (input_size,), the same at every step.
        states: Where to begin, (n, D).
        steps: Of each search, at most.
    """
    states = states.clone()
    speed = speed_of(dynamics, inputs, states)
    damping = torch.full_like(speed, FIRST_DAMPING)
    left = speed.isfinite().nonzero().flatten()
    at_once = max(1, CHUNK // states.size(1) ** 2)
    for _ in range(steps):
        left = left[speed[left] > NOTHING]
        if not len(left):
            break
        s = states[left]
        parts = zip(s.split(at_once), damping[left].split(at_once), strict=True)
        tried = s + torch.cat([_step(dynamics, inputs, *part) for part in parts])
        reached = speed_of(dynamics, inputs, tried)
        better = reached < speed[left]
        moved = (tried - s).norm(dim=1) > SETTLED * (1 + s.norm(dim=1))
        states[left] = torch.where(better.unsqueeze(1), tried, s)
        speed[left] = torch.where(better, reached, speed[left])
        damping[left] *= torch.where(better, 0.1, 10.0)
        damping.clamp_(min=LEAST_DAMPING)
        left = left[moved & (damping[left] < MOST_DAMPING)]
    return Slowest(states, speed)


def speed_of(dynamics: Dynamics, inputs: Tensor, states: Tensor) -> Tensor:
    """The speed q at each of some states, (n,)."""
    return (_after(dynamics, inputs, states) - states).square().sum(dim=1) / 2


def jacobians_at(dynamics: Dynamics, inputs: Tensor, states: Tensor) -> Tensor:
    """dF/ds at each of some states, (n, D, D)."""
    return dynamics.jacobians(inputs.expand(len(states), -1), states)


def _after(dynamics: Dynamics, inputs: Tensor, states: Tensor) -> Tensor:
    with torch.no_grad():
        return dynamics.run(inputs.expand(len(states), 1, -1), states)


def _step(dynamics: Dynamics, inputs: Tensor, states: Tensor, damping: Tensor) -> Tensor:
    """Of Levenberg and Marquardt; 0 where the equations have no solution."""
    eye = torch.eye(states.size(1), dtype=states.dtype, device=states.device)
    r = _after(dynamics, inputs, states) - states
    j = jacobians_at(dynamics, inputs, states) - eye
    square = j.mT @ j + damping[:, None, None] * eye
    step, _ = torch.linalg.solve_ex(square, -(j.mT @ r.unsqueeze(2)))
    return step.squeeze(2).nan_to_num(0.0, 0.0, 0.0)

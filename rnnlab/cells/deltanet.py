"""The delta rule as a cell: DeltaNet of Schlag et al. (2021) and Yang et al. (2024)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlab.cells.cell import Cell, State
from rnnlab.cells.heads import check_heads
from rnnlab.foundation.checks import check_bool
from rnnlab.kernels.delta_rule import delta_rule
from rnnlab.kernels.recurrence import is_exact

SHORTEST = 1e-6  # of a vector that is brought to length 1; a shorter one is divided by it


class DeltaStep(NamedTuple):
    """What a step does to S, of every head: vectors (..., num_heads, d), numbers (..., num_heads)."""

    q: Tensor
    k: Tensor
    v: Tensor
    beta: Tensor
    log_alpha: Tensor


class DeltaNetCell(Cell):
    """A matrix S that maps keys to values, corrected at each key: Schlag et al. (2021), Yang et al. (2024).

        q_t, k_t = W_q x_t + b_q, W_k x_t + b_k, each brought to length 1;    v_t = W_v x_t + b_v
        beta_t = sigmoid(W_beta x_t + b_beta)
        S_t = S_{t-1} (I - beta_t k_t k_t') + beta_t v_t k_t'
        h_t = S_t q_t

    S_t k_t lies between S_{t-1} k_t and v_t: at beta = 1 the value of that key is replaced. A step's matrix has the
    eigenvalue 1 - beta_t along k_t and 1 across it; of beta in (0, 1) it lies in (0, 1), which
    cannot count modulo 2. With `negative_eigenvalues` beta is twice the sigmoid and it lies in (-1, 1) (Grazzi et al., 2025).

    hidden_size H is the size of the output h_t, in which the heads lie side by side. Each has keys,
    queries and values of d = H / num_heads numbers, and an S of d x d: the state (h_t, S_t) has
    H + H^2 / num_heads numbers, and h_t carries nothing on.

    This is the recurrence alone. The papers' layers have more around it, none of which is here: a short
    convolution, SiLU on q, k and v, a norm of the output and its projection. The weights start as
    those of torch.nn.Linear, the biases, which the papers do not have, from 0.

    Args:
        input_size: Features in x_t.
        hidden_size: H, features in h_t.
        num_heads: How many matrices S.
        negative_eigenvalues: beta in (0, 2) in place of (0, 1).

    Raises:
        ValueError: For a size below 1, or a hidden_size that is no multiple of num_heads.
    """

    state_names = ("h", "S")

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        num_heads: int = 1,
        negative_eigenvalues: bool = False,
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.num_heads = check_heads(num_heads, hidden_size)
        self.head_size = hidden_size // num_heads  # d
        self.largest_beta = 2.0 if check_bool("negative_eigenvalues", negative_eigenvalues) else 1.0
        start = nn.Linear(input_size, 3 * hidden_size + num_heads, bias=False)
        self.weight_ih = start.weight  # W_q above W_k, W_v, W_beta
        self.bias = nn.Parameter(torch.zeros(len(start.weight)))  # b_q, b_k, b_v, b_beta

    def initial_state(self, inputs: Tensor) -> State:
        sizes = inputs.size(0), self.num_heads, self.head_size, self.head_size
        return *super().initial_state(inputs), inputs.new_zeros(sizes)

    def steps_of(self, inputs: Tensor) -> DeltaStep:
        """What inputs (..., input_size) do."""
        features = F.linear(inputs, self.weight_ih, self.bias)
        *vectors, beta = features.split([*[self.hidden_size] * 3, self.num_heads], dim=-1)
        q, k, v = (x.unflatten(-1, (self.num_heads, self.head_size)) for x in vectors)
        q, k = (F.normalize(x, dim=-1, eps=SHORTEST) for x in (q, k))
        beta = self.largest_beta * beta.sigmoid()
        return DeltaStep(q, k, v, beta, self.log_alpha(inputs, beta))

    def log_alpha(self, inputs: Tensor, beta: Tensor) -> Tensor:
        """The logarithm of what is left of S at a step, of the shape of beta; here all is left."""
        return torch.zeros_like(beta)

    def step(self, inputs: Tensor, state: State) -> State:
        memory = state[1]
        q, k, v, beta, log_alpha = self.steps_of(inputs)
        memory = log_alpha.exp()[..., None, None] * memory
        u = beta.unsqueeze(-1) * (v - (memory @ k.unsqueeze(-1)).squeeze(-1))
        memory = memory + u.unsqueeze(-1) * k.unsqueeze(-2)
        return (memory @ q.unsqueeze(-1)).flatten(1), memory

    def own_way(self, inputs: Tensor, state: State | None) -> tuple[Tensor, State] | None:
        if not is_exact(inputs):
            return None
        _, memory = self.initial_state(inputs) if state is None else state
        steps = DeltaStep(*(x.transpose(1, 2) for x in self.steps_of(inputs)))
        outputs, memory = delta_rule(*steps, memory)
        hidden = outputs.transpose(1, 2).flatten(2)
        return hidden, (hidden[:, -1], memory)

"""The delta rule with a gate that lets the whole matrix fade: Gated DeltaNet of Yang et al. (2025)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlab.cells.deltanet import DeltaNetCell

DECAYS = 1.0, 16.0  # between which exp(A) starts, and
SHARES = 1e-3, 1e-1  # softplus(b_alpha): as in Mamba-2


class GatedDeltaNetCell(DeltaNetCell):
    """DeltaNet, with a number alpha_t in (0, 1) for each head by which S fades (Yang et al., 2025).

        S_t = alpha_t S_{t-1} (I - beta_t k_t k_t') + beta_t v_t k_t',    h_t = S_t q_t
        alpha_t = exp(-exp(A) softplus(W_alpha x_t + b_alpha))

    q, k, v, beta, the sizes and the state are those of DeltaNet. A and b_alpha start as in Mamba-2 (Dao & Gu, 2024):
    exp(A) uniform on [1, 16] and softplus(b_alpha) log-uniform on [0.001, 0.1], so that without an input alpha lies
    between exp(-1.6) and exp(-0.001).

    Args:
        input_size: Features in x_t.
        hidden_size: H, features in h_t.
        num_heads: How many matrices S.
        negative_eigenvalues: beta in (0, 2) in place of (0, 1).

    Raises:
        ValueError: For a size below 1, or a hidden_size that is no multiple of num_heads.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        num_heads: int = 1,
        negative_eigenvalues: bool = False,
    ) -> None:
        super().__init__(input_size, hidden_size, num_heads, negative_eigenvalues)
        low, high = DECAYS
        self.decay_log = nn.Parameter((low + (high - low) * torch.rand(num_heads)).log())  # A
        self.weight_gate = nn.Linear(input_size, num_heads, bias=False).weight  # W_alpha
        low, high = (math.log(share) for share in SHARES)
        share = (low + (high - low) * torch.rand(num_heads)).exp()
        self.bias_gate = nn.Parameter(share.expm1().log())  # b_alpha

    def log_alpha(self, inputs: Tensor, beta: Tensor) -> Tensor:
        share = F.softplus(F.linear(inputs, self.weight_gate, self.bias_gate))
        return -self.decay_log.exp() * share

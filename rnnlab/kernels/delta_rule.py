"""The gated delta rule of all steps, chunk by chunk (Yang et al., 2024; Yang et al., 2025).

    S_t = alpha_t S_{t-1} (I - beta_t k_t k_t') + beta_t v_t k_t',    o_t = S_t q_t

S_t is S_0, faded, and a sum of what each step has written, u_i k_i', faded since:

    S_t = (alpha_1 ... alpha_t) S_0 + sum_{i <= t} (alpha_{i+1} ... alpha_t) u_i k_i',
    u_t = beta_t (v_t - alpha_t S_{t-1} k_t)

With the sum put in for S_{t-1}, the u of a chunk solve (I + A) u = beta (v - fade * S_0 k), A strictly lower
triangular, A_ti = beta_t (alpha_{i+1} ... alpha_t) k_i' k_t: the WY form of a product of Householder matrices.
That is solved for all chunks at once, without S_0 and for S_0, and what is left for the loop over
chunks are three products. It is a sum of the same numbers as the loop's over steps, in another order.

The fading of a pair is the exponential of a sum of logarithms between the two alone: no quotient of
two products, which would lose digits where both have faded.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

CHUNK = 32  # steps


def delta_rule(
    q: Tensor, k: Tensor, v: Tensor, beta: Tensor, log_alpha: Tensor, state: Tensor
) -> tuple[Tensor, Tensor]:
    """o_1 to o_T, (batch, num_heads, seq_len, d_v), and S_T.

    Args:
        q: Queries, (batch, num_heads, seq_len, d_k).
        k: Keys, of the same shape.
        v: Values, (batch, num_heads, seq_len, d_v).
        beta: (batch, num_heads, seq_len).
        log_alpha: Of the same shape; 0 where nothing fades.
        state: S_0, (batch, num_heads, d_v, d_k).
    """
    steps = q.size(2)
    chunk = min(CHUNK, steps)
    # Steps of beta = 0 and alpha = 1 after the last, which leave S as it is.
    spare = -steps % chunk
    q, k, v = (F.pad(x, (0, 0, 0, spare)).unflatten(2, (-1, chunk)) for x in (q, k, v))
    beta, log_alpha = (F.pad(x, (0, spare)).unflatten(2, (-1, chunk)) for x in (beta, log_alpha))

    between = _faded_between(log_alpha)
    from_start = log_alpha.cumsum(dim=-1).exp().unsqueeze(-1)
    to_end = between[..., -1, :].unsqueeze(-1)
    overlap = (beta.unsqueeze(-1) * between * (k @ k.mT)).tril(-1)
    written = torch.cat([v, from_start * k], dim=-1) * beta.unsqueeze(-1)
    written = torch.linalg.solve_triangular(overlap, written, upper=False, unitriangular=True)
    own, of_start = written.split([v.size(-1), k.size(-1)], dim=-1)
    within = between * (q @ k.mT)
    outputs = []
    parts = (own, of_start, within, from_start * q, to_end * k, from_start[..., -1:, :])
    for without, w, mixed, queries, keys, faded in zip(*(x.unbind(2) for x in parts), strict=True):
        u = without - w @ state.mT
        outputs.append(queries @ state.mT + mixed @ u)
        state = faded * state + u.mT @ keys
    return torch.cat(outputs, dim=2)[:, :, :steps], state


def _faded_between(log_alpha: Tensor) -> Tensor:
    """alpha_{i+1} ... alpha_t in row t and column i <= t, and 0 above; (..., chunk, chunk)."""
    chunk = log_alpha.size(-1)
    lower = torch.ones(chunk, chunk, dtype=torch.bool, device=log_alpha.device).tril(-1)
    each = log_alpha.unsqueeze(-1).expand(*log_alpha.shape, chunk)
    return each.where(lower, 0.0).cumsum(dim=-2).exp().tril()

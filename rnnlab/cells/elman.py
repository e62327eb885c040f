"""The vanilla recurrent cell of Elman (1990)."""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlab.cells.cell import Cell, State
from rnnlab.cells.nonlinearities import BOUNDS, NONLINEARITIES, modrelu
from rnnlab.cells.recurrent_init import GAUSSIAN, RECURRENT_INITS, uniform
from rnnlab.foundation.checks import check_bool, check_choice, check_float, check_int
from rnnlab.kernels.elman import elman_layer, has_layer

OWN_BIAS = "modrelu"  # the nonlinearity that b stands in, and not in its argument


class ElmanCell(Cell):
    """h_t = f(W x_t + U h_{t-1} + b), the simple recurrent network of Elman (1990).

    `torch.nn.RNN` computes the same with its second bias, `bias_hh`, held at zero. W starts from
    torch's U(-1/sqrt(H), 1/sqrt(H)) with H = hidden_size, and b from zero.

    With nonlinearity="modrelu", of Arjovsky et al. (2016), b is what f adds to the magnitude, and it
    starts from U(-0.01, 0.01) as in their code:

        h_t = sign(a_t) relu(|a_t| + b), a_t = W x_t + U h_{t-1}

    Args:
        input_size: Features in x_t.
        hidden_size: H, features in h_t.
        nonlinearity: f: "tanh", "relu", "sigmoid", "identity" or "modrelu".
        recurrent_init: What U starts from: "default", torch's U(-1/sqrt(H), 1/sqrt(H));
            "orthogonal", a random orthogonal matrix (Saxe et al., 2014); "identity" (with relu the
            IRNN of Le et al., 2015); "scaled", Gaussian with its spectral radius scaled to 1
            (Jaeger, 2001); "normal", N(0, 1); "henaff", rotations of pairs of units by angles from
            U(-pi, pi) (Henaff et al., 2016).
        recurrent_gain: U starts as this number times `recurrent_init`: for "scaled" the spectral
            radius itself, for "normal" the standard deviation, for "orthogonal" and "henaff" every
            singular value.
        num_nonzero: At most so many of the weights that come into a unit start from a number other
            than 0, with "scaled" and "normal" (Pascanu et al., 2013, take 15); null: all.
        weight_std: W starts from N(0, weight_std^2), and so does V of a readout on this layer, whose
            c starts from 0 (Le et al., 2015; Pascanu et al., 2013); null: torch's own start of both.
        learn_h0: Train h_0, which starts from zero, with the weights; else h_0 = 0.

    Raises:
        ValueError: For a size below 1, a gain or a deviation that is not positive, an unknown choice,
            or `num_nonzero` with a U that is not Gaussian.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        nonlinearity: str = "tanh",
        recurrent_init: str = "default",
        recurrent_gain: float = 1.0,
        num_nonzero: int | None = None,
        weight_std: float | None = None,
        learn_h0: bool = False,
    ) -> None:
        super().__init__(input_size, hidden_size)
        check_choice("nonlinearity", nonlinearity, (*NONLINEARITIES, OWN_BIAS))
        self.nonlinearity = nonlinearity
        init = RECURRENT_INITS[check_choice("recurrent_init", recurrent_init, RECURRENT_INITS)]
        gain = check_float("recurrent_gain", recurrent_gain, above=0.0)
        if num_nonzero is not None:
            init = partial(init, num_nonzero=_checked_nonzero(num_nonzero, recurrent_init))
        start = uniform
        if weight_std is not None:
            self.readout_std = check_float("weight_std", weight_std, above=0.0)
            start = partial(nn.init.normal_, std=weight_std)
        self.weight_ih = nn.Parameter(torch.empty(hidden_size, input_size))  # W
        self.weight_hh = nn.Parameter(torch.empty(hidden_size, hidden_size))  # U
        self.bias = nn.Parameter(torch.zeros(hidden_size))  # b
        self.h0 = (
            nn.Parameter(torch.zeros(hidden_size)) if check_bool("learn_h0", learn_h0) else None
        )
        with torch.no_grad():
            start(self.weight_ih)
            init(self.weight_hh)
            self.weight_hh.mul_(gain)
        if nonlinearity == OWN_BIAS:
            nn.init.uniform_(self.bias, -0.01, 0.01)

    @property
    def bounds(self) -> tuple[float, float]:
        return BOUNDS.get(self.nonlinearity, super().bounds)

    def initial_state(self, inputs: Tensor) -> State:
        if self.h0 is None:
            return super().initial_state(inputs)
        return (self.h0.expand(inputs.size(0), -1),)

    def torch_layer(self) -> nn.Module:
        if self.nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"nn.RNN has no nonlinearity={self.nonlinearity}: tanh or relu")
        sizes = self.input_size, self.hidden_size
        layer = nn.RNN(*sizes, nonlinearity=self.nonlinearity, batch_first=True).to(self.bias)
        named = {"weight_ih": self.weight_ih, "weight_hh": self.weight_hh, "bias_ih": self.bias}
        weights = {f"{name}_l0": weight.detach() for name, weight in named.items()}
        layer.load_state_dict({**weights, "bias_hh_l0": torch.zeros_like(self.bias)})
        return layer

    def step(self, inputs: Tensor, state: State) -> State:
        (h,) = state
        return (self._f(self._before_f(inputs, h)),)

    def _before_f(self, inputs: Tensor, h: Tensor) -> Tensor:
        """W x_t + U h_{t-1}, and b where f has not got it."""
        bias = None if self.nonlinearity == OWN_BIAS else self.bias
        return F.linear(inputs, self.weight_ih, bias) + F.linear(h, self.weight_hh)

    def _f(self, a: Tensor) -> Tensor:
        if self.nonlinearity == OWN_BIAS:
            return modrelu(a, self.bias)
        return NONLINEARITIES[self.nonlinearity](a)

    def linearized(self, inputs: Tensor, state: State) -> State:
        """h_t + f'(a_t) * (W dx + U dh), with h_t and f'(a_t) constants, and dx and dh zero (Pascanu et al., 2013)."""
        (h,) = state
        with torch.enable_grad():
            a = self._before_f(inputs, h).detach().requires_grad_()
            value = self._f(a)
            (slope,) = torch.autograd.grad(value.sum(), a)
        moved = F.linear(inputs - inputs.detach(), self.weight_ih)
        moved = moved + F.linear(h - h.detach(), self.weight_hh)
        return (value.detach() + slope * moved,)

    def own_way(self, inputs: Tensor, state: State | None) -> tuple[Tensor, State] | None:
        if not has_layer(self.nonlinearity, inputs):
            return None
        (h,) = self.initial_state(inputs) if state is None else state
        weights = self.weight_ih, self.weight_hh, self.bias
        hidden, last = elman_layer(inputs, h, *weights, self.nonlinearity)
        return hidden, (last,)


def _checked_nonzero(num_nonzero: int, recurrent_init: str) -> int:
    if recurrent_init not in GAUSSIAN:
        allowed = " and ".join(GAUSSIAN)
        raise ValueError(
            f"num_nonzero={num_nonzero} goes with recurrent_init={allowed} alone, "
            f"and not with {recurrent_init}"
        )
    return check_int("num_nonzero", num_nonzero, minimum=1)

"""What the cells have in common that run on one of torch's fused recurrent layers."""

import math

from torch import Tensor, nn

from rnnlab.cells.cell import Cell
from rnnlab.kernels.recurrence import is_exact


class FusedCell(Cell):
    """A cell on the parameters and initial weights of a layer of torch's own, which runs it on CUDA.

    On the CPU its compiled step does, up to the size from which the layer is measured to be faster.

    All weights start from torch's U(-1/sqrt(H), 1/sqrt(H)) with H = hidden_size.
    """

    compiled_up_to: float = math.inf
    """The largest hidden_size of which the compiled step is the faster."""

    def __init__(
        self, input_size: int, hidden_size: int, layer: type[nn.LSTM] | type[nn.GRU]
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.fused = layer(input_size=input_size, hidden_size=hidden_size, batch_first=True)

    @property
    def bounds(self) -> tuple[float, float]:
        return -1.0, 1.0

    @property
    def weight_ih(self) -> Tensor:
        """W of all gates, one below the other; (gates * hidden_size, input_size)."""
        return self._weight("weight_ih_l0")

    @property
    def weight_hh(self) -> Tensor:
        """U of all gates; (gates * hidden_size, hidden_size)."""
        return self._weight("weight_hh_l0")

    @property
    def bias_ih(self) -> Tensor:
        return self._weight("bias_ih_l0")

    @property
    def bias_hh(self) -> Tensor:
        return self._weight("bias_hh_l0")

    def _weight(self, name: str) -> Tensor:
        """As the layer has it now: torch.func puts tensors that are no parameters in its place."""
        return getattr(self.fused, name)

    def runs_compiled(self, inputs: Tensor) -> bool:
        """Whether the compiled step is the faster way, and else the layer."""
        return inputs.is_cpu and is_exact(inputs) and self.hidden_size <= self.compiled_up_to

    def torch_layer(self) -> nn.Module:
        return self.fused

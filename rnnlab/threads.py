"""How many threads compute: torch's, and those of the BLAS behind numpy, which the kernels run on."""

import torch
from threadpoolctl import threadpool_limits


def set_num_threads(count: int) -> None:
    """Of this process, from now on."""
    torch.set_num_threads(count)
    threadpool_limits(count, user_api="blas")

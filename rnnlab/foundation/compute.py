"""What a process asks of its machine: how many threads compute, how exactly, with which memory."""

import ctypes
import sys

import torch
from threadpoolctl import threadpool_info, threadpool_limits

MIB = 2**20
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
OMP_PAUSE_SOFT = 1  # omp.h


def set_num_threads(count: int) -> None:
    """Of torch, and of the BLAS behind numpy, which the kernels run on."""
    torch.set_num_threads(count)
    threadpool_limits(count, user_api="blas")


def set_flush_denormal(flush: bool) -> None:
    """Whether subnormal numbers, below 1.2e-38 in float32, are taken as 0; as far as the processor can.

    A gradient that vanishes ends in them, and an Intel processor computes 2 to 17 times slower there.
    The setting belongs to a thread, and to those that it begins later: torch's threads that have
    begun are ended here, and begin anew with the next operation that needs them. numpy's take it
    from whoever calls.
    """
    torch.set_flush_denormal(flush)
    for pool in threadpool_info():
        pause = getattr(ctypes.CDLL(pool["filepath"]), "omp_pause_resource_all", None)
        if pool["user_api"] == "openmp" and pause is not None:
            pause(OMP_PAUSE_SOFT)


def compute_in_float32() -> None:
    """Where float32 is asked for, also on a GPU, which would rather multiply in TF32.

    Torch lets cuDNN do so, in recurrent layers too: factors are rounded to 10 bits. Of 50 units
    over 100 steps hidden states were 3e-4 to 4e-4 off, relative to the largest, where float32 was
    at most 1e-5 off, and a gradient 1e-2 instead of 2e-7, in the same time (H200, torch 2.11).
    """
    torch.backends.cudnn.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")  # torch's default, unless the environment says


def keep_freed_memory() -> bool:
    """Keep what an update has freed for the next one; whether the system's allocator can.

    glibc's gives large pieces back at once, and each page of them has to be got, and zeroed, again:
    four tenths of an update of an LSTM of 128 units. Pieces of 256 MiB and more (32, with an older
    glibc) still go back, and so does what exceeds 1 GiB.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return False
    # Older ones refuse more than 32 MiB. And either setting alone would end glibc's own adaption.
    kept_on_the_heap = mallopt(M_MMAP_THRESHOLD, 256 * MIB) or mallopt(M_MMAP_THRESHOLD, 32 * MIB)
    return bool(kept_on_the_heap and mallopt(M_TRIM_THRESHOLD, 1024 * MIB))

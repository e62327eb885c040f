"""Threads and memory of a process. Oracle: what the libraries and the system say of themselves."""

import subprocess
import sys

import pytest
import torch
from threadpoolctl import threadpool_info

from rnnlab.foundation.compute import compute_in_float32, keep_freed_memory, set_num_threads

FAULTS = """
import resource
import torch
from rnnlab.foundation.compute import keep_freed_memory
if {kept}:
    assert keep_freed_memory()
torch.set_num_threads(1)
lstm, x = torch.nn.LSTM(2, 64), torch.randn(200, 64, 2)
def update():
    lstm(x)[0].sum().backward()
for _ in range(3):
    update()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    update()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_threads_of_torch_and_of_numpys_blas() -> None:
    try:
        set_num_threads(2)
        assert torch.get_num_threads() == 2
        assert {x["num_threads"] for x in threadpool_info() if x["user_api"] == "blas"} == {2}
    finally:
        set_num_threads(1)
    assert torch.get_num_threads() == 1
    assert {x["num_threads"] for x in threadpool_info() if x["user_api"] == "blas"} == {1}


def test_nothing_may_round_to_tf32() -> None:
    torch.backends.cudnn.allow_tf32 = True  # as torch has it
    torch.set_float32_matmul_precision("high")
    compute_in_float32()
    assert not torch.backends.cudnn.allow_tf32
    assert torch.get_float32_matmul_precision() == "highest"


@pytest.mark.skipif(not keep_freed_memory(), reason="an allocator other than glibc's")
@pytest.mark.slow
def test_freed_memory_is_not_got_anew() -> None:
    """The pages that updates of an LSTM have the system give, in processes of their own."""
    faults = {}
    for kept in (False, True):
        code = FAULTS.format(kept=kept)
        done = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        )
        faults[kept] = int(done.stdout)
    assert 5 * faults[True] < faults[False], faults

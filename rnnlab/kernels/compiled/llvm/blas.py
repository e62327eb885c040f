"""The matrix product that compiled code calls: of the BLAS behind numpy, or of scipy's.

numpy's wheels have the newer one, on an AMD EPYC a tenth faster; a numpy whose BLAS goes by another name
leaves scipy's, whose addresses are public.
"""

import ctypes
from functools import cache
from typing import NamedTuple

import torch
from numpy._core import _multiarray_umath  # pyrefly: ignore[missing-module-attribute]
from threadpoolctl import threadpool_limits


class Gemm(NamedTuple):
    """A function `gemm(transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)`, all by address.

    Args:
        name: "numpy_sgemm64": whose it is, its type, and its whole numbers' bits.
        bits: Of whole numbers.
        address: Where it is in this process.
    """

    name: str
    bits: int
    address: int


@cache
def gemm_of(dtype: str) -> Gemm:
    """The product for "float32" or "float64"."""
    letter = "s" if dtype == "float32" else "d"
    numpys = ctypes.CDLL(_multiarray_umath.__file__)  # and what it is linked with
    try:
        function = getattr(numpys, f"scipy_{letter}gemm_64_")
        address = ctypes.cast(function, ctypes.c_void_p).value
        assert address is not None
        return Gemm(f"numpy_{letter}gemm64", 64, address)
    except AttributeError:
        return Gemm(f"scipy_{letter}gemm32", 32, _of_scipy(letter))


def _of_scipy(letter: str) -> int:
    from scipy.linalg import cython_blas

    capsule, api = cython_blas.__pyx_capi__[f"{letter}gemm"], ctypes.pythonapi
    api.PyCapsule_GetName.restype = ctypes.c_char_p
    api.PyCapsule_GetName.argtypes = [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    threadpool_limits(torch.get_num_threads(), user_api="blas")  # of a library that came just now
    return api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule))

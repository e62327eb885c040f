"""Text of LLVM's made machine code, which the next process finds on disk (cache.py)."""

import ctypes
import logging
from collections.abc import Sequence
from typing import Any

import llvmlite
from llvmlite import binding

from rnnlab.foundation import cache
from rnnlab.kernels.compiled.llvm.blas import Gemm

log = logging.getLogger(__name__)
_engines: list[Any] = []  # which own the code


def load(text: str, names: Sequence[str], gemm: Gemm, of: str) -> list[Any]:
    """The functions of a module that have these names. Each takes the address of its table.

    Args:
        text: Of the module.
        names: Of the functions.
        gemm: What it calls.
        of: What it computes, for the log: "LeakyCell".
    """
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    binding.add_symbol(gemm.name, gemm.address)
    machine = binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(),
        features=binding.get_host_cpu_features().flatten(),
        opt=3,
        codemodel="jitdefault",
        jit=True,
    )
    path = cache.path_of(_made_from(text))
    code = cache.read(path)
    if code is None:
        log.info("compiling %s (once, some seconds)", of)
        code = _compiled(text, machine)
        cache.write(path, code)
    empty = binding.parse_assembly("")
    engine = binding.create_mcjit_compiler(empty, machine)
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
    return [kind(engine.get_function_address(name)) for name in names]


def _compiled(text: str, machine: Any) -> bytes:
    module = binding.parse_assembly(text)
    options = binding.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.loop_interleaving = options.loop_unrolling = True
    options.slp_vectorization = True
    builder = binding.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return machine.emit_object(module)


def _made_from(text: str) -> str:
    """All that the machine code depends on: the compiler, the processor and the text."""
    processor = f"{binding.get_host_cpu_name()} {binding.get_host_cpu_features().flatten()}"
    return f"{llvmlite.__version__} {binding.llvm_version_info} {processor}\n{text}"

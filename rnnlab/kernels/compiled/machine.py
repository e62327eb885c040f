"""Text of LLVM's made machine code, which the next process finds on disk.

It lies in $XDG_CACHE_HOME/rnnlab, ~/.cache/rnnlab by default, a file for each text, compiler and processor. A file is written
beside and renamed, so that of two processes that compile the same both are right; and it begins with its digest, so
that half a file is none. Where nothing can be written, each process compiles for itself.
"""

import contextlib
import ctypes
import hashlib
import logging
import os
import tempfile
from pathlib import Path
from typing import Any

import llvmlite
from llvmlite import binding

from rnnlab.kernels.compiled.blas import Gemm

log = logging.getLogger(__name__)
DIGEST = 32  # bytes
_engines: list[Any] = []  # which own the code


def load(text: str, gemm: Gemm, of: str) -> dict[str, Any]:
    """The functions `forward` and `backward` of a module, which take the address of their table.

    Args:
        text: Of the module.
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
    path = _path(text)
    code = _read(path)
    if code is None:
        log.info("compiling the scan of %s (once, some seconds)", of)
        code = _compiled(text, machine)
        _write(path, code)
    empty = binding.parse_assembly("")
    engine = binding.create_mcjit_compiler(empty, machine)
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
    return {name: kind(engine.get_function_address(name)) for name in ("forward", "backward")}


def _compiled(text: str, machine: Any) -> bytes:
    module = binding.parse_assembly(text)
    options = binding.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.loop_interleaving = options.loop_unrolling = True
    options.slp_vectorization = True
    builder = binding.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return machine.emit_object(module)


def _path(text: str) -> Path | None:
    """None where nobody's home is."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    try:
        folder = Path(home) if Path(home).is_absolute() else Path.home() / ".cache"
    except RuntimeError:
        return None
    processor = f"{binding.get_host_cpu_name()} {binding.get_host_cpu_features().flatten()}"
    made = f"{llvmlite.__version__} {binding.llvm_version_info} {processor}\n{text}"
    return folder / "rnnlab" / f"scan-{hashlib.sha256(made.encode()).hexdigest()[:32]}.o"


def _read(path: Path | None) -> bytes | None:
    with contextlib.suppress(OSError):
        found = b"" if path is None else path.read_bytes()
        digest, code = found[:DIGEST], found[DIGEST:]
        if code and hashlib.sha256(code).digest() == digest:
            return code
    return None


def _write(path: Path | None, code: bytes) -> None:
    if path is None:
        return
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".new", delete=False) as file:
            try:
                file.write(hashlib.sha256(code).digest() + code)
                file.close()
                Path(file.name).replace(path)
            except OSError:  # no room
                Path(file.name).unlink(missing_ok=True)
                raise

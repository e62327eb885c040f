"""Which cells are compiled, and what is known of each: its scans, or why it has none."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from rnnlab.kernels.compiled.check import check_scan
from rnnlab.kernels.compiled.program import Program
from rnnlab.kernels.compiled.scan import CompiledScan, outside_calls
from rnnlab.kernels.compiled.step.merge import merge_products
from rnnlab.kernels.compiled.step.operations import translate
from rnnlab.kernels.compiled.step.plan import ScanPlan
from rnnlab.kernels.compiled.step.refusal import Unknown
from rnnlab.kernels.compiled.step.trace import Trace, trace_step
from rnnlab.kernels.compiled.watch import Watch

log = logging.getLogger(__name__)

BATCHES = (
    1009,
    1013,
    1019,
    1021,
    1031,
    1033,
    1039,
    1049,
)  # primes, of which a trace takes what no width is
FORMS, CHANGES = 4, 32
"""Of a cell that changes, as between training and evaluation, so many are remembered; of one that changes at every
call the step is traced so many times, and then no more."""


@dataclass
class _Form:
    """A cell as it was at a time."""

    watch: Watch
    scans: dict[Any, CompiledScan | None] = field(default_factory=dict)


@dataclass
class _Known:
    forms: list[_Form] = field(default_factory=list)
    changes: int = 0


_cells: WeakKeyDictionary[nn.Module, _Known] = WeakKeyDictionary()
_programs: dict[str, Program] = {}
_told: set[tuple[str, str]] = set()


def scan_of(cell: Any, inputs: Tensor, state: Sequence[Tensor]) -> CompiledScan | None:
    """The compiled scan of a cell for tensors of this type and these widths; None if there is none."""
    known = _cells.get(cell)
    if known is None:
        known = _cells[cell] = _Known()
    for form in known.forms:
        if form.watch.same():
            break
    else:
        known.changes += 1
        if known.changes > CHANGES:
            _tell(cell, "changes its attributes at every call")
            return None
        form = _Form(Watch(cell))
        known.forms = [form, *known.forms[: FORMS - 1]]
    wanted = inputs.requires_grad and torch.is_grad_enabled()
    key = inputs.dtype, inputs.size(2), wanted, tuple(part.size(1) for part in state)
    if key not in form.scans:
        form.scans[key] = _made(cell, inputs.detach().requires_grad_(wanted), state, form.watch)
    return form.scans[key]


def _made(cell: Any, inputs: Tensor, state: Sequence[Tensor], watch: Watch) -> CompiledScan | None:
    try:
        _refuse_hooks(cell)
        with torch.inference_mode(False):  # what is made here is for training too
            scan, new = _compiled(cell, inputs, state, watch)
            if new:
                check_scan(scan, cell, inputs, state)
                _programs[scan.key] = scan.program
        return scan
    except Unknown as unknown:
        _tell(cell, str(unknown))
        return None


def _compiled(
    cell: Any, inputs: Tensor, state: Sequence[Tensor], watch: Watch
) -> tuple[CompiledScan, bool]:
    """Traced with two batches, so that no number that comes of the batch can pass for another."""
    texts, traces = [], []
    for batch in _batches(cell, inputs, state):
        trace, after = trace_step(cell, inputs, state, translate, batch)
        after = merge_products(trace, after)
        of_nobody = [
            k for k, rows in enumerate(trace.rows) if rows.is_inputs and not inputs.requires_grad
        ]
        plan = ScanPlan(trace.e, [part.size(1) for part in state], after, of_nobody)
        traces.append((trace, plan))
        texts.append(_text(trace, plan, inputs))
    if not watch.same():
        raise Unknown("changes its own attributes")
    if texts[0] != texts[1]:
        raise Unknown("depends on the size of the batch")
    trace, plan = traces[0]
    program = _programs.get(texts[0])
    _, reads = outside_calls(plan, trace)
    dtype = str(inputs.dtype).removeprefix("torch.")
    made = program or Program(plan, reads, dtype, type(cell).__name__)
    return CompiledScan(made, trace, plan, texts[0]), program is None


def _text(trace: Trace, plan: ScanPlan, inputs: Tensor) -> str:
    """What it is, in words that are the same whatever the cell's numbers and the trace's batch."""
    calls, reads = outside_calls(plan, trace)
    return "\n".join([str(inputs.dtype), *plan.text, *calls.text, str(reads)])


def _batches(cell: Any, inputs: Tensor, state: Sequence[Tensor]) -> tuple[int, int]:
    tensors = (*cell.parameters(), *cell.buffers(), *state)
    taken = {inputs.size(2), *(size for tensor in tensors for size in tensor.shape)}
    first, second, *_ = (batch for batch in BATCHES if batch not in taken)
    return first, second


def _refuse_hooks(cell: nn.Module) -> None:
    """A hook is called at every step of the loop, and would be once."""
    for module in cell.modules():
        hooks = [name for name, value in vars(module).items() if name.endswith("_hooks") and value]
        kinds = ("forward", "backward")
        if module is not cell and any(kind in name for name in hooks for kind in kinds):
            raise Unknown(f"has a hook ({type(module).__name__})")
    if nn.modules.module._has_any_global_hook():
        raise Unknown("has a hook, as all modules have")


def _tell(cell: nn.Module, why: str) -> None:
    name = type(cell).__name__
    if (name, why) not in _told:
        _told.add((name, why))
        log.warning("%s runs as a loop, for its step %s", name, why)

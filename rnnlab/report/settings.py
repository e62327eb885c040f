"""What tells runs apart: the definition of their task, and every setting that differs."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from rnnlab.report.read_runs import Run

# Params that tell runs apart in no way that matters to a comparison, or that follow from the
# variant, the task, the length and the seed. A run's own key of its length is one of them.
NEVER_COMPARED = {
    *("seed", "train.data_seed", "num_params", "state_size", "work", "depth"),
    *("about_cell", "about_task"),
    *("length", "length_key", "seq_len", "chance", "chance_error", "chance_accuracy"),
    *("device", "torch"),
    *("variant", "variant_on_task", "cell", "task", "task._target_", "clip"),
    *("regularizer", "experiment"),
    *(
        "resume",
        "resume.run",
        "resume.allow_changes",
        "num_threads",
        "flush_denormal",
        "allow_targets",
    ),
}
NULL = ("null", "None")
NEVER_COMPARED_SECTIONS = ("tracking", "diagnostics", "trainer.accelerator", "trainer.devices")


def with_defined_tasks(runs: Sequence[Run]) -> list[Run]:
    """The runs with whatever differs in the definition of a task in its name.

    `adding variant=bai2018`: another definition is another task, of another chance; losses on the
    two are not to be compared.
    """
    of_task: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        of_task[run.task].append(run)
    named = []
    for task, same in of_task.items():
        differing = sorted(key for key in _differing(same) if key.startswith("task."))
        for run in same:
            choices = [f"{k[5:]}={run.params[k]}" for k in differing if k in run.params]
            named.append(replace(run, task=" ".join([task, *choices])))
    return named


def settings_of(runs: Sequence[Run]) -> dict[str, str]:
    """By run id, its variant and whatever else differs among runs that would share a group."""
    together: dict[tuple[str, str, int], list[Run]] = defaultdict(list)
    for run in runs:
        together[run.variant, run.task, run.length].append(run)
    keys: set[str] = set()
    for group in together.values():
        keys |= {key for key in _differing(group) if not key.startswith(NEVER_COMPARED_SECTIONS)}
    named = {}
    for group in together.values():
        own = sorted(key for key in keys if any(key in run.params for run in group))
        for run in group:
            choices = [f"{key}={_value(run, key) or 'null'}" for key in own]
            named[run.run_id] = " ".join([run.variant, *choices])
    return named


def _value(run: Run, key: str) -> str | None:
    """A param; of a class of rnnlab's its name alone, as rnnlab 0.1 had them in other modules.

    A run from before an option was there did without it, as one of null does.
    """
    value = run.params.get(key)
    if value is not None and key.endswith("._target_"):
        return re.sub(r"^rnnlab\..*\.", "rnnlab.", value)
    return None if value in NULL else value


def _differing(runs: Sequence[Run]) -> set[str]:
    """The params in which runs differ, but for those that matter to no comparison."""
    keys = set().union(*(run.params for run in runs)) - NEVER_COMPARED
    keys -= {run.length_key for run in runs}
    return {
        key
        for key in keys
        if len({_value(run, key) for run in runs}) > 1
        and not all(run.params.get(key) == str(run.seed) for run in runs)  # ${seed}
    }

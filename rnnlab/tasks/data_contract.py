"""What a task has to say of the data that it has, and of the levels that stand beside its scores."""

import json
import math
import re
from dataclasses import fields, is_dataclass

from rnnlab.foundation.contract import attribute, called, refuse
from rnnlab.tasks.data_file import DataFile
from rnnlab.tasks.task import Task

SPLITS = ("train", "val", "test")
NAME = re.compile(r"(\w+/)?[A-Za-z0-9][A-Za-z0-9_.\- ]*", re.ASCII)
"""What MLflow takes as a part of a metric's name, and before it the figure that it is a level of."""


def check_data(task: Task) -> None:
    """Try `num_sequences`, `continues`, `data`, `from_data`, `chance_error`, `chance_accuracy` and `baselines`.

    Raises:
        ContractError: If one of them is no such thing.
        ValueError: As the task says of its files.
    """
    _check_files(task)
    _check_counts(task)
    _check_levels(task)


def _check_files(task: Task) -> None:
    files = task.data  # whose ValueError is of the user's files, and names their key itself
    if not (isinstance(files, tuple) and all(isinstance(file, DataFile) for file in files)):
        refuse(task, f"data is {files!r}", "a tuple of DataFile")
    names = [file.name for file in files]
    if len(set(names)) < len(names):
        refuse(task, f"data names a file twice: {names}", "a name of its own for each")
    found = attribute(task, "from_data")
    own = {field.name for field in fields(task)} if is_dataclass(task) else set()
    if not isinstance(found, dict) or not found.keys() <= own:
        refuse(task, f"from_data is {found!r:.200}", "values of the task's own fields, by name")
    try:
        same = json.loads(json.dumps(found, allow_nan=False)) == found
    except (TypeError, ValueError):
        same = False
    if not same:
        refuse(
            task, f"from_data is {found!r:.200}", "values that JSON gives back: no tuples or arrays"
        )


def _check_counts(task: Task) -> None:
    counts = {split: called(task, "num_sequences", split) for split in SPLITS}
    continues = attribute(task, "continues")
    if type(continues) is not bool:
        refuse(task, f"continues is {continues!r}", "True or False")
    if set(counts.values()) == {None}:
        if continues:
            wanted = "False of a task that has no end, whose sequences have no order"
            refuse(task, "continues is True", wanted)
        return
    for split, count in counts.items():
        if type(count) is not int or count < 1:
            wanted = "a whole number of at least 1 in each split, or None in all: no end"
            refuse(task, f"num_sequences({split!r}) is {count!r}", wanted)
    if counts["train"] < 2:
        wanted = "two or more, or there is nothing to tell apart"
        refuse(task, "num_sequences('train') is 1", wanted)


def _check_levels(task: Task) -> None:
    for name, of in (("chance_error", "sequences"), ("chance_accuracy", "answers")):
        share = attribute(task, name)
        if share is not None and not (isinstance(share, int | float) and 0 <= share <= 1):
            refuse(task, f"{name} is {share!r}", f"a fraction of the {of}, or None")
    levels = attribute(task, "baselines")
    if not isinstance(levels, dict):
        refuse(task, f"baselines is {levels!r:.200}", "numbers by name")
    for name, value in levels.items():
        if not isinstance(name, str) or not NAME.fullmatch(name):
            wanted = "letters, digits, spaces and _ . -, the first a letter or a digit"
            refuse(task, f"baselines has the name {name!r}", wanted)
        if not isinstance(value, int | float) or not math.isfinite(value):
            refuse(task, f"baselines[{name!r}] is {value!r}", "a finite number")

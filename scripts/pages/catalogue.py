"""The catalogue of cells and tasks: tables, pages and a picture of each task, made from the classes themselves."""

import functools
import hashlib
import importlib
import inspect
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import hydra
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from omegaconf import OmegaConf

from pages.keys import description
from rnnlab.cells import Cell
from rnnlab.foundation.palette import GREY, VERMILION
from rnnlab.foundation.table import markdown_table
from rnnlab.runs.run_config import read_model, read_task
from rnnlab.tasks import Batch, Task
from rnnlab.tasks.draws import Draws
from rnnlab.tasks.philox import Part

BEGIN, END = "<!-- catalogue: made by scripts/catalogue -->\n", "<!-- end of catalogue -->\n"
CELLS = """\
# All cells

This page is made by `scripts/catalogue` from the docstrings of the classes and the comments of the yaml files. Sizes are those of
the default options with 2 inputs. [README.md](README.md) says how a cell is chosen, and how to add one.
"""
TASKS = """\
# All tasks

This page is made by `scripts/catalogue` from the docstrings of the classes and the comments of the yaml files. A picture shows the
inputs of one sequence of the test, a feature a row, and below them what is to be answered. [README.md](README.md) says how a
task is chosen, and how to add one.
"""
DIGEST = "Description"
"""The field of a picture's file that tells what it is of."""

STEPS = 60
"""Of a picture, at most: a longer sequence is not one that can be read."""


class Choice(NamedTuple):
    """A yaml of a group."""

    name: str
    says: str
    """Its first comment."""
    plain: dict[str, Any]
    """The whole config with it."""
    made_by: type


@functools.cache
def choices(conf: Path, group: str) -> tuple[Choice, ...]:
    """Those of a group, in the order of their names."""
    return tuple(_composed(conf, group))


def _composed(conf: Path, group: str) -> Iterator[Choice]:
    with hydra.initialize_config_dir(str(conf.absolute()), version_base="1.3"):
        for path in sorted((conf / group).glob("*.yaml")):
            config = hydra.compose("config", [f"{group}={path.stem}"])
            plain: Any = OmegaConf.to_container(config, resolve=True)
            module, _, name = plain[group]["_target_"].rpartition(".")
            made_by = getattr(importlib.import_module(module), name)
            yield Choice(path.stem, description(path), plain, made_by)


def cell_of(choice: Choice) -> Cell:
    """One layer of a cell's default options, with as many inputs as the default task has."""
    (layer,) = read_model(choice.plain).make().layers
    assert isinstance(layer, Cell)
    return layer


def cells_table(conf: Path) -> str:
    """A row a cell: what it is, what it carries, and what it costs."""
    rows = []
    for choice in choices(conf, "cell"):
        cell = cell_of(choice)
        weights = sum(weight.numel() for weight in cell.parameters() if weight.requires_grad)
        state = _by_hidden_size(cell)
        rows.append([f"`{choice.name}`", choice.says, state, str(weights), cell.work, cell.depth])
    header = [
        "`cell=`",
        "what it is",
        "state",
        "weights at 64 units",
        "a step",
        "T steps in training",
    ]
    return markdown_table(header, rows)


def _by_hidden_size(cell: Cell) -> str:
    """The size of a state, as a multiple of H where it is one."""
    times, rest = divmod(cell.state_size, cell.hidden_size)
    if rest or times > 9:
        return f"{cell.state_size} at H = {cell.hidden_size}"
    return "H" if times == 1 else f"{times} H"


def tasks_table(conf: Path) -> str:
    """A row a task: what is asked, and what an answer that ignores the inputs reaches."""
    header = ["`task=`", "what is asked", "length", "inputs", "outputs", "chance: loss", "wrong"]
    return markdown_table(header, [_task_row(choice) for choice in choices(conf, "task")])


def _task_row(choice: Choice) -> list[str]:
    try:
        task = read_task(choice.plain)
        sizes = [str(task.input_size), str(task.output_size), f"{task.chance:.4g}"]
    except ValueError:  # of files that the user has to name
        length = choice.made_by.length_key
        return [f"`{choice.name}`", choice.says, f"`{length}`", *["of the data"] * 3, "of the data"]
    wrong = "-" if task.chance_error is None else f"{task.chance_error:.1%}".replace("%", " %")
    return [f"`{choice.name}`", choice.says, f"`{task.length_key}`", *sizes, wrong]


def page(conf: Path, group: str, pictures: Path | None) -> str:
    """Each choice of a group with the docstring of its class; presets of one class stand together.

    Args:
        conf: The folder of yaml.
        group: "cell" or "task".
        pictures: The folder of the tasks' pictures, as the page names it; None: there are none.
    """
    by_class: dict[type, list[Choice]] = {}
    for choice in choices(conf, group):
        by_class.setdefault(choice.made_by, []).append(choice)
    parts = [CELLS if group == "cell" else TASKS]
    for made_by, some in by_class.items():
        parts.append("## " + ", ".join(f"`{choice.name}`" for choice in some) + "\n")
        parts += [f"- `{group}={choice.name}`: {choice.says}\n" for choice in some]
        drawn = [c.name for c in some if pictures is not None and sequence_of(c) is not None]
        parts += [f"![One sequence of {name}]({pictures}/{name}.png)\n" for name in drawn]
        parts.append(_text(made_by))
    return "\n".join(parts)


def _text(made_by: type) -> str:
    """What its docstring says before its arguments, of which conf/README.md has the options."""
    text = inspect.cleandoc(made_by.__doc__ or "")
    for end in ("Args:", "Raises:", "Attributes:"):
        text = text.partition(f"\n{end}\n")[0]
    return text.strip() + "\n"


def sequence_of(choice: Choice) -> Batch | None:
    """The first sequence of the test, short enough to be seen; None where the user has to name files."""
    try:
        task = _short(read_task(choice.plain))
        return task.sample(Draws(0, "test", [Part(0, 0, 1)]))
    except ValueError:
        return None


def _short(task: Task) -> Task:
    """The task at a length that fits a picture, where it has one."""
    for seq_len in (STEPS, STEPS // 2):
        try:
            return task if task.seq_len <= STEPS else task.at_length(seq_len)
        except ValueError:
            continue
    return task


def digest(batch: Batch) -> str:
    """Of what is drawn, to four decimals: what a picture is a picture of."""
    drawn = [np.round(part.double().numpy(), 4) + 0.0 for part in batch[:2]]
    return hashlib.sha256(b"".join(array.tobytes() for array in drawn)).hexdigest()[:16]


def picture(batch: Batch) -> bytes:
    """The inputs of a sequence over its answers, both over the steps."""
    inputs, targets = batch.inputs[0].numpy(), batch.targets[0].numpy()
    steps, features = inputs.shape
    answers = targets.reshape(len(targets), -1)
    figure = Figure(figsize=(7, 0.9 + 0.08 * min(features, 24) + 0.7), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[1 + min(features, 24) / 6, 1])
    above.imshow(
        inputs.T,
        aspect="auto",
        cmap="Greys",
        interpolation="nearest",
        extent=(-0.5, steps - 0.5, features, 0),
    )
    above.set_ylabel("input")
    above.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    first = steps - len(answers)
    for column in answers.T:
        below.plot(range(first, steps), column, "o-", color=VERMILION, markersize=3, linewidth=0.8)
    below.axvspan(-0.5, first - 0.5, color=GREY, alpha=0.15, linewidth=0)
    if not batch.targets.is_floating_point():
        below.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    below.set_ylabel("answer")
    below.set_xlabel("step (grey: nothing is asked)" if first else "step")
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=90, metadata={DIGEST: digest(batch)})
    return drawn.getvalue()


def write(conf: Path, group: str, folder: Path, pictures: Path) -> None:
    """The table in a folder's README.md, and its CATALOGUE.md; of tasks the pictures too."""
    table = cells_table(conf) if group == "cell" else tasks_table(conf)
    readme = folder / "README.md"
    readme.write_text(with_table(readme.read_text("utf-8"), table), "utf-8")
    named = None
    if group == "task":
        named = Path("../..") / pictures.relative_to(conf.parent)
        pictures.mkdir(exist_ok=True, parents=True)
        for choice in choices(conf, group):
            batch = sequence_of(choice)
            if batch is not None:
                (pictures / f"{choice.name}.png").write_bytes(picture(batch))
    (folder / "CATALOGUE.md").write_text(page(conf, group, named), "utf-8")


def with_table(text: str, table: str) -> str:
    """A page with the table between its marks made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table}\n\n{END}{after}"


if __name__ == "__main__":
    root = Path(sys.argv[1])
    for group, name in (("cell", "cells"), ("task", "tasks")):
        write(root / "conf", group, root / "rnnlab" / name, root / ".readme" / "tasks")

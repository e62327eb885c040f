"""conf/README.md: every key of the config, its default and its meaning, as the yaml files have them."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TITLES = {
    "cell": "Cells",
    "task": "Tasks",
    "clip": "Clipping",
    "regularizer": "Regularizers",
    "optimizer": "Optimizers",
    "schedule": "Learning-rate schedules",
    "trainer": "Lightning's trainer",
    "tracking": "Where runs are recorded",
    "diagnostics": "Diagnostics",
    "experiment": "Experiments",
    "hydra/launcher": "How the jobs of a sweep are run",
    "hydra/sweeper": "What a sweep looks for",
}
INTRO = """\
# Every key

This page is made by `scripts/keys` from the comments of the yaml files in this folder: change them
there. `group=choice` takes another file of a group, and `group.key=value` another value:

```bash
python -m rnnlab.run cell=gru cell.hidden_size=128 task=copy_memory task.length=50
```

`task.length` is the length of every task, whatever the task calls it. `--cfg job` prints what
a command line comes to, without running it. You may also give a class instead of a file, as
`schedule._target_=torch.optim.lr_scheduler.OneCycleLR schedule.max_lr=0.1 schedule.total_steps=2000`:
its keys are then the arguments of that class.
"""


class Key(NamedTuple):
    """One key of a yaml."""

    name: str
    """Dotted, from the top of its file."""
    value: str
    """As it is written; empty for a section."""
    comment: str


def page(conf: Path) -> str:
    """The page of all keys of a folder of yaml."""
    parts = [INTRO, "## At the top\n", _table(keys(conf / "config.yaml"), "")]
    for group, title in TITLES.items():
        parts.append(f"## {title}: `{group}=`\n")
        parts += [_choice(group, path) for path in _choices(conf / group, _default(conf, group))]
    return "\n".join(parts)


def keys(path: Path) -> list[Key]:
    """Those of a yaml, but for its defaults and its class."""
    found, within = [], list[tuple[int, str]]()
    for line in path.read_text(encoding="utf-8").splitlines():
        match = re.fullmatch(r"( *)([\w-]+):(?: +(?!#)(.*?))?(?: +# *(.*))?", line)
        if match is None:
            continue
        indent, name, value, comment = len(match[1]), match[2], match[3] or "", match[4] or ""
        within = [(depth, section) for depth, section in within if depth < indent]
        dotted = ".".join([*(section for _, section in within), name])
        if not value:
            within.append((indent, name))
        if name not in ("_target_", "defaults"):
            found.append(Key(dotted, value, comment))
    return found


def description(path: Path) -> str:
    """What a yaml says of itself, in its first comment."""
    return next(iter(_comments(path)), "")


def _comments(path: Path) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("# ") and not line.startswith("# @"):
            yield line[2:].strip()


def _choices(folder: Path, default: str | None) -> list[Path]:
    """The default first."""
    return sorted(folder.glob("*.yaml"), key=lambda path: (path.stem != default, path.stem))


def _default(conf: Path, group: str) -> str | None:
    named = re.search(
        rf"^  - (?:override )?{group}: (\S+)", (conf / "config.yaml").read_text(), re.MULTILINE
    )
    return named[1] if named else None


def _choice(group: str, path: Path) -> str:
    """A choice with its keys, by the names that a command line has for them."""
    text = path.read_text(encoding="utf-8")
    package = re.search(r"^# @package (\S+)", text, re.MULTILINE)
    prefix = "" if package and package[1] == "_global_" else (package or [0, group])[1]
    lines = [f"### `{group}={path.stem}`\n\n{description(path)}.\n".replace("..", ".")]
    if taken := _taken(group, text):
        lines.append(f"Takes {', '.join(taken)}, and has of its own:\n")
    if group == "diagnostics":  # each is a section of its own, so that several can be chosen
        prefix = f"{group}.{path.stem}"
    own = keys(path)
    if own:
        lines.append(_table(own, f"{prefix}.".replace("/", ".").lstrip(".")))
    elif taken:
        lines[-1] = lines[-1].replace(", and has of its own:", ".")
    return "\n".join(lines)


def _taken(group: str, text: str) -> list[str]:
    """The choices that a yaml takes over or brings along."""
    _, _, listed = text.partition("defaults:\n")
    taken = []
    for line in listed.splitlines():
        if not line.startswith("  - "):
            break
        other = re.fullmatch(r"  - override /([\w/]+)(?:@\w+(?:\.\w+)*)?: (\w+)", line)
        taken.append(f"`{other[1]}={other[2]}`" if other else f"`{group}={line[4:]}`")
    return taken


def _table(rows: list[Key], prefix: str) -> str:
    sections = {row.name for row in rows if not row.value}
    shown = [row for row in rows if row.name not in sections or row.comment]
    lines = ["| key | default | meaning |", "|---|---|---|"]
    for row in shown:
        cells = (f"`{prefix}{row.name}`", f"`{row.value}`" if row.value else "", row.comment)
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    (folder / "README.md").write_text(page(folder), encoding="utf-8")

"""The choices of each config group with a line on each, for `--help`."""

from collections.abc import Iterable
from pathlib import Path

from omegaconf import OmegaConf


def options(folders: Iterable[Path], group: str) -> dict[str, str]:
    """Each yaml of a group, and what its first comment says of it; of two of one name Hydra takes the first."""
    found = dict[str, str]()
    for folder in folders:
        for path in filter(Path.is_file, sorted((folder / group).glob("*.yaml"))):
            found.setdefault(path.stem, _first_comment(path))
    return found


def what_it_is(folders: Iterable[Path], group: str, choice: str) -> str:
    """The first comment of the yaml that Hydra takes for a choice; empty where that cannot be read."""
    paths = (folder / group / f"{choice}.yaml" for folder in folders)
    try:
        return next((_first_comment(path) for path in paths if path.is_file()), "")
    except OSError:
        return ""


def _first_comment(path: Path) -> str:
    lines = path.read_text("utf-8", "replace").splitlines()
    comments = (line[1:].strip() for line in lines if line.startswith("#"))
    return next((comment for comment in comments if not comment.startswith("@")), "")


def register_options(folders: list[Path]) -> None:
    """Make `${options:cell}` list the choices of `cell`, one on a line; `${keys_page:}` names a page."""

    def lines(group: str) -> str:
        return "\n".join(f"  {name:16} {text}" for name, text in options(folders, group).items())

    OmegaConf.register_new_resolver("options", lines, replace=True)
    page = str(folders[0] / "README.md")
    OmegaConf.register_new_resolver("keys_page", lambda: page, replace=True)

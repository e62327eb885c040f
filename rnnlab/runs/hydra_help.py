"""The choices of each config group with a line on each, for `--help`."""

from collections.abc import Iterable
from pathlib import Path

from omegaconf import OmegaConf


def options(folders: Iterable[Path], group: str) -> dict[str, str]:
    """Each yaml of a group, and what its first comment says of it; of two of one name Hydra takes the first."""
    found = dict[str, str]()
    for folder in folders:
        for path in filter(Path.is_file, sorted((folder / group).glob("*.yaml"))):
            lines = path.read_text("utf-8", "replace").splitlines()
            comments = (line[1:].strip() for line in lines if line.startswith("#"))
            says = next((c for c in comments if not c.startswith("@")), "")
            found.setdefault(path.stem, says)
    return found


def register_options(folders: list[Path]) -> None:
    """Make `${options:cell}` list the choices of `cell`, one on a line; `${keys_page:}` names a page."""

    def lines(group: str) -> str:
        return "\n".join(f"  {name:16} {text}" for name, text in options(folders, group).items())

    OmegaConf.register_new_resolver("options", lines, replace=True)
    page = str(folders[0] / "README.md")
    OmegaConf.register_new_resolver("keys_page", lambda: page, replace=True)

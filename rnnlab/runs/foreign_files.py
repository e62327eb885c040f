"""What a yaml of a config folder may say: what a run is, not whom to trust or where to write.

Such a file may come from anywhere: from --config-dir, or from hydra.searchpath. rnnlab's own conf/
and the configs of installed packages are as trusted as their code.
"""

import re
from pathlib import Path

from hydra.plugins.config_source import ConfigResult
from omegaconf import OmegaConf

from rnnlab.foundation.nested import values
from rnnlab.runs.hydra_overrides import key_of

_PACKAGE = Path(__file__).resolve().parents[1]
# A wheel carries conf/ inside the package; a checkout has it beside the package.
CONF = next(d for d in (_PACKAGE / "conf", _PACKAGE.parent / "conf") if d.is_dir())

TYPED = ("allow_targets", "resume", "tracking.uri")
"""Keys of rnnlab's that the command line alone has: whose code runs, and which folder or store is written to."""
OF_HYDRA = ("hydra.mode", "hydra.callbacks", "hydra.launcher", "hydra.sweeper")
"""What of Hydra's own section a file may have. Classes in it are looked at as in any config."""
PARAMS = "hydra.sweeper.params."
"""What a sweep varies: overrides of its jobs."""
WITH_TEXT = ("hydra.mode", "hydra.callbacks", "hydra.sweeper.params")
"""Where that may be text. A launcher's may be a command for a shell, or a path."""
NOT_SWEPT = ("hydra", "allow_targets", "resume", "tracking")


def is_foreign(read: ConfigResult) -> bool:
    """Whether a file is neither rnnlab's own nor of an installed package that Hydra knows of."""
    if read.provider.startswith("hydra.searchpath"):
        return True
    scheme, _, path = read.path.partition("://")
    return scheme == "file" and Path(path).resolve() != CONF


def refuse_places(file: str, read: ConfigResult) -> None:
    """Further places to look in, before they are looked at, which may be to import something.

    Raises:
        ValueError: If the file names some.
    """
    if OmegaConf.is_dict(read.config) and OmegaConf.select(read.config, "hydra.searchpath"):
        raise ValueError(_only_typed(file, "hydra.searchpath"))


def refuse_file(file: str, read: ConfigResult) -> None:
    """Look at what a file sets.

    Args:
        file: Its name, for messages.
        read: Its content, where it comes to lie in the config.

    Raises:
        ValueError: That names the file and the key.
    """
    if ".." in Path(file).parts:
        raise ValueError(f"{file}.yaml is not in its config folder")
    for key, value in values(OmegaConf.to_container(read.config, resolve=False)):
        if value is None and not _within(key, ["hydra"]):
            continue
        hides_more = isinstance(value, str) and any(t.startswith(f"{key}.") for t in TYPED)
        if hides_more or _within(key, TYPED) or (_within(key, ["hydra"]) and not _may(key, value)):
            raise ValueError(_only_typed(file, key))


def _may(key: str, value: object) -> bool:
    """Whether a file may set this key of Hydra's section."""
    if value is None and key in OF_HYDRA[1:]:  # without the section Hydra cannot begin
        return False
    if "${" in str(value):  # what it is may change between a look at it and its use
        return False
    if key.startswith(PARAMS):
        name = key_of(key.removeprefix(PARAMS).strip())
        return not _within(name.replace("/", "."), NOT_SWEPT)
    text = isinstance(value, str) and not key.endswith("._target_")
    return _within(key, WITH_TEXT if text else OF_HYDRA)


def _within(key: str, sections: tuple[str, ...] | list[str]) -> bool:
    return any(key == section or key.startswith(f"{section}.") for section in sections)


def _only_typed(file: str, key: str) -> str:
    named = re.sub(r"(\.\d+)+$", "", key)  # of a list, not its numbers
    return f"{file}.yaml sets {named}: a file cannot, say it on the command line"

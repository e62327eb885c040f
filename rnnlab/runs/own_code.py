"""A user's own code: which files a config's targets come from, kept with the run, and loaded again.

A run whose config names classes of the user's own (`_target_: leaky.LeakyCell`) keeps the source of
their modules, and of all that these import from beside them, in its folder and in its model. What
has been installed as a package is not copied: the model's requirements name it with its version.
"""

import hashlib
import importlib
import logging
import os
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import packages_distributions, version
from modulefinder import ModuleFinder
from pathlib import Path
from typing import Any

from rnnlab.foundation.files import read_bytes, write_bytes
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.runs.build import ALLOWED_PACKAGES, ConfigError, lies_in
from rnnlab.runs.own_modules import folder_of, is_own
from rnnlab.tracking.result import leaves

log = logging.getLogger(__name__)

ALLOW_TARGETS = "RNNLAB_ALLOW_TARGETS"  # environment: packages, as mine,yours


def own_targets(config: Mapping[str, Any]) -> list[str]:
    """The modules, by dotted name, of the classes of a config that are neither rnnlab's nor torch's."""
    targets = [value for key, value in leaves(config) if key.endswith("_target_")]
    return sorted({t.rpartition(".")[0] for t in targets if not lies_in(ALLOWED_PACKAGES, t)})


def model_sections(config: Mapping[str, Any]) -> dict[str, Any]:
    """What of a config a model is made of: more of it is not needed to load one."""
    return {name: config[name] for name in ("task", "cell", "model") if name in config}


def requirements(config: Mapping[str, Any]) -> list[str]:
    """The installed packages among them, with their versions: `mine==1.0`."""
    roots = _roots()
    bought = [module for module in own_targets(config) if not _located(module, roots)]
    if not bought:
        return []
    installed = packages_distributions()  # some tenths of a second: it reads every package
    found = {d for module in bought for d in installed.get(module.partition(".")[0], ())}
    return [f"{name}=={version(name)}" for name in sorted(found)]


def write_code(folder: RunFolder, config: Mapping[str, Any]) -> None:
    """Keep the sources of a config's own classes in a run's folder; nothing where there are none.

    Raises:
        OSError: If the disk is full.
    """
    for name, path in _sources(own_targets(config)).items():
        target = folder.code / name
        target.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(target, path.read_bytes())


def allow_code(
    config: Mapping[str, Any], code: Path, allowed: Iterable[str], how: str | None = None
) -> None:
    """Let the classes be imported that a model has brought the code of.

    Args:
        config: Of the model.
        code: The folder of its code.
        allowed: Packages whose code may run, as the caller says.
        how: The caller may say so, with {} for the packages; None: as MLflow's callers do.

    Raises:
        ValueError: If it needs one that the caller has not named, or another module of the same name
            has been imported already.
    """
    modules = own_targets(config)
    packages = sorted({module.partition(".")[0] for module in modules})
    if refused := [package for package in packages if package not in allowed]:
        by_mlflow = (
            f"mlflow.pyfunc.load_model(uri, model_config={{'allow_targets': {packages}}}), or for a "
            f"command with {ALLOW_TARGETS}={','.join(packages)}"
        )
        raise ConfigError(
            f"the model runs code of its own when it is loaded ({', '.join(refused)}): allow it with "
            f"{how.format(','.join(packages)) if how else by_mlflow}"
        )
    if not (modules and code.is_dir()):
        return
    _refuse_others(code)
    sys.path.insert(0, str(code))
    try:
        for module in modules:
            importlib.import_module(module)
    finally:
        sys.path.remove(str(code))
        sys.path.append(str(code))  # for what it imports later


def allowed_by_environment() -> list[str]:
    """The packages that RNNLAB_ALLOW_TARGETS names."""
    return [name for name in os.environ.get(ALLOW_TARGETS, "").split(",") if name]


def _refuse_others(code: Path) -> None:
    """A module that has been imported already stays, whatever the model brings under its name."""
    for kept in sorted(code.rglob("*.py")):
        parts = kept.relative_to(code).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        file = getattr(sys.modules.get(name), "__file__", None)
        if file and Path(file).read_bytes() != kept.read_bytes():
            raise ConfigError(
                f"{name} of the model is not the one that this process has imported from {file}: "
                "load the model in another process"
            )


def changed(folder: RunFolder, config: Mapping[str, Any]) -> list[str]:
    """The files of a run's own code that are not as it has kept them."""
    if not folder.code.is_dir():
        return []
    now = {name: path.read_bytes() for name, path in _sources(own_targets(config)).items()}
    return [
        str(path.relative_to(folder.code))
        for path in sorted(folder.code.rglob("*.py"))
        if now.get(str(path.relative_to(folder.code))) != read_bytes(path)
    ]


def digest(config: Mapping[str, Any]) -> str:
    """Of the sources of a config's own classes; empty where there are none."""
    sources = _sources(own_targets(config))
    text = b"".join(name.encode() + path.read_bytes() for name, path in sorted(sources.items()))
    return hashlib.sha256(text).hexdigest()[:16] if sources else ""


def _sources(modules: Iterable[str]) -> dict[str, Path]:
    """The source files of these modules and of all that they import from beside them, by relative path.

    They are found as Python finds them, and read: nothing is imported, which would be to run it.
    """
    roots = _roots()
    finder = ModuleFinder(path=list(map(str, roots)), excludes=list(ALLOWED_PACKAGES))
    found: dict[str, Path] = {}
    for module in modules:
        if own := _located(module, roots):
            found |= own
            try:
                finder.import_hook(module)
            except Exception as error:  # noqa: BLE001 it knows no package without __init__.py
                log.warning("what %s imports is not kept with the run: %s", module, error)
    for name in finder.modules:
        found |= _located(name, roots)
    return found


def _located(module: str, roots: Iterable[Path]) -> dict[str, Path]:
    """The file of a module, by its path below where it is found: `mine.cells` is mine/cells.py."""
    stem = module.replace(".", "/")
    for root in roots:
        for name in (f"{stem}/__init__.py", f"{stem}.py"):
            if (root / name).is_file():
                return {name: root / name}
    return {}


def _roots() -> list[Path]:
    """Where Python looks for what its user writes: not for its own, nor for what is installed."""
    return [path for path in map(folder_of, sys.path) if is_own(path)]

"""What Hydra composed as plain values, resolved as its run will see them, before Hydra begins it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import env_override
from omegaconf import MISSING, DictConfig, OmegaConf, open_dict


def run_folder(config: DictConfig) -> Path:
    """The folder that Hydra will make for a run."""
    _resolve_by(config)
    return Path(str(OmegaConf.select(config, "hydra.run.dir"))).absolute()


def job_folder(config: DictConfig, number: int) -> Path:
    """The folder that Hydra will make for a job of a sweep; the job is told its number."""
    with _writable(config):
        config.hydra.job.id = config.hydra.job.num = number
    _resolve_by(config)
    return Path(str(config.hydra.sweep.dir), str(config.hydra.sweep.subdir)).absolute()


def to_plain(
    config: DictConfig, folder: Path | None = None, complete: bool = True
) -> dict[str, Any]:
    """A composed config, resolved, without Hydra's own.

    Args:
        config: Of a run, or of a job.
        folder: The run's; None: as the config has it.
        complete: Refuse what is still missing.
    """
    if folder is not None:
        with _writable(config):
            config.hydra.runtime.output_dir = str(folder)
    _resolve_by(config)
    with env_override(config.hydra.job.env_set), _writable(config):
        return {str(key): _plain(config, str(key), complete) for key in config if key != "hydra"}


def _plain(config: DictConfig, key: str, complete: bool) -> Any:
    if OmegaConf.is_missing(config, key) and not complete:
        return MISSING
    value = config[key]
    if not OmegaConf.is_config(value):
        return value
    return OmegaConf.to_container(value, resolve=True, throw_on_missing=complete)


def _resolve_by(config: DictConfig) -> None:
    """Have ${hydra:...} mean this config's own, which `HydraConfig.set_config` would copy first."""
    HydraConfig.instance().cfg = config  # pyrefly: ignore[bad-assignment]


@contextmanager
def _writable(config: DictConfig) -> Iterator[None]:
    """Hydra's own section, which is read-only from when `HydraConfig` has it."""
    OmegaConf.set_readonly(config.hydra, False)
    with open_dict(config.hydra):
        yield

"""A config composed without a run, as its command would compose it."""

from collections.abc import Sequence
from typing import Any, cast

from hydra import compose, initialize_config_dir
from hydra._internal import hydra as hydra_app
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnlab.foundation.masking import first_line
from rnnlab.runs.foreign_files import CONF
from rnnlab.runs.hydra_loader import CheckedLoader
from rnnlab.runs.hydra_source import check_files


def use_checked_loader() -> None:
    """Have Hydra compose by rnnlab's own loader from here on."""
    hydra_app.ConfigLoaderImpl = CheckedLoader  # pyrefly: ignore[bad-assignment]
    check_files()


def composed(overrides: Sequence[str]) -> dict[str, Any]:
    """What a command line of these overrides composes to, plain and resolved.

    Raises:
        ValueError: As Hydra says, in a line.
    """
    use_checked_loader()
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            config = compose("config", [*overrides, "hydra/launcher=basic"])  # nothing is launched
            return cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))
    except (HydraException, OmegaConfBaseException) as error:
        raise ValueError(first_line(error)) from error

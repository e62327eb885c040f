"""What a config takes from the environment, `${oc.env:NAME}`, is known however it is written there."""

from omegaconf import OmegaConf
from omegaconf.resolvers.oc import env

from rnnlab.foundation.masking import hide


def watch_environment() -> None:
    """From now on each variable that any config takes is hidden, if it may be a secret.

    OmegaConf's own resolver does the work: no spelling, and no name put together of others, can
    take a value past this one.
    """

    def taken(name: object, *default: object) -> str | None:
        hide(str(name))
        return env(str(name), *default)

    OmegaConf.register_new_resolver("oc.env", taken, replace=True)

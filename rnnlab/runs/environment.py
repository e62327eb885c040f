"""What a config takes from the environment, `${oc.env:NAME}`, is known however it is written there."""

from typing import Any

from omegaconf import Container, Node, OmegaConf
from omegaconf.resolvers.oc import create, decode, env

from rnnlab.foundation.masking import hide, secrets_in


def watch_environment() -> None:
    """From now on each variable that any config takes is hidden, if it may be a secret.

    OmegaConf's own resolvers do the work: no spelling, and no name put together of others, can
    take a value past this one. And none that may be a secret is read as a number or a list, whose
    parts nobody would know again.
    """

    def taken(name: object, *default: object) -> str | None:
        hide(str(name))
        return env(str(name), *default)

    def decoded(text: str | None, _parent_: Container, _node_: Node) -> Any:
        _refuse_secret(text)
        return decode(text, _parent_, _node_)

    def created(content: Any, _parent_: Container) -> Any:
        _refuse_secret(content)
        return create(content, _parent_)

    for name, resolver in {"env": taken, "decode": decoded, "create": created}.items():
        OmegaConf.register_new_resolver(f"oc.{name}", resolver, replace=True)


def _refuse_secret(text: object) -> None:
    if isinstance(text, str) and (names := secrets_in(text)):
        raise ValueError(f"{names[0]} may be a secret, which is text: it is not decoded")

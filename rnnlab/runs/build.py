"""From a section of a config to the class it names, every key, type and target checked beforehand.

Nothing of a config runs before it is checked: a `_target_` must be a class of the kind that its
section asks for, from a package that is allowed, and each key an argument of that class.
"""

import importlib
import inspect
import re
import types
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from rnnlab.foundation.masking import first_line
from rnnlab.foundation.signals import Stopped
from rnnlab.runs import own_modules  # noqa: F401 so that a sweep's job finds them in its process
from rnnlab.runs.synonyms import what_is_known

T = TypeVar("T")


class ConfigError(ValueError):
    """A refusal that already names its place in the config."""


ALLOWED_PACKAGES = ("rnnlab", "torch", "pytorch_lightning")


def check_allowed(allow: object) -> list[str]:
    """`allow_targets`: the packages, besides rnnlab's own and torch's, whose classes a config may name.

    Raises:
        ValueError: If it is not a list of names.
    """
    if not (isinstance(allow, list) and all(isinstance(p, str) and p for p in allow)):
        raise ValueError(f"allow_targets={allow!r} is not a list of packages, as [mine]")
    return list(allow)


def lies_in(packages: Iterable[str], name: str) -> bool:
    """Whether a dotted name is of something in one of these packages: `torch.optim.Adam` in `torch`."""
    return any(name.startswith(f"{package}.") for package in packages)


def check_target(section: str, target: object, allow: Iterable[str] = ()) -> str:
    """`target`, if it is of an allowed package; nothing is imported.

    Raises:
        ValueError: If it is not.
    """
    allowed = (*ALLOWED_PACKAGES, *allow)
    if not isinstance(target, str) or not lies_in(allowed, target):
        raise ConfigError(
            f"{section}._target_={target!r} is not in an allowed package ({', '.join(allowed)}); "
            "a package of your own is allowed with allow_targets=[package]"
        )
    if "__main__" in target.split("."):
        raise ConfigError(f"{section}._target_={target!r} is in a program, which would run")
    return target


def target_class(section: str, target: object, kind: type[T], allow: Iterable[str] = ()) -> type[T]:
    """The class that `target` names, a subclass of `kind` from an allowed package.

    Raises:
        ValueError: If it is anything else; nothing outside the allowed packages is imported.
    """
    key = f"{section}._target_={target!r}"
    module, _, name = check_target(section, target, allow).rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except Stopped:
        raise
    except (ImportError, AttributeError, SystemExit) as error:
        raise ConfigError(f"{key} cannot be imported: {error}") from error
    if not (isinstance(found, type) and issubclass(found, kind)):
        raise ConfigError(f"{key} is not a {kind.__name__}")
    return found


def build(
    section: str,
    config: Mapping[str, Any],
    kind: type[T],
    allow: Iterable[str] = (),
    later: int = 0,
    **given: object,
) -> "partial[T]":
    """A call of the section's class with the section's arguments checked and filled in.

    Args:
        section: The section's name in the config, for messages.
        config: Its plain content; without a `_target_` the class is `kind` itself.
        kind: What the class must be.
        allow: Further packages that a `_target_` may name.
        later: How many of the first arguments the call will have, which the section must not.
        given: Arguments that the caller supplies now, and that the section must not either.

    Raises:
        ValueError: For a refused target, an unknown, doubled or missing key, or a wrong type.
    """
    arguments = {str(key): value for key, value in config.items() if key != "_target_"}
    if "_target_" not in config and inspect.isabstract(kind):
        raise ConfigError(f"{section}._target_ is missing: the class of a {kind.__name__}")
    cls = target_class(section, config["_target_"], kind, allow) if "_target_" in config else kind
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    signature = inspect.signature(cls).parameters
    parameters = [name for name, parameter in signature.items() if parameter.kind in named]
    supplied = {*parameters[:later], *given}
    for key in arguments:
        if key in supplied:
            raise ConfigError(f"{section}.{key} cannot be set: rnnlab sets it from other settings")
        if key not in parameters:
            allowed = [name for name in parameters if name not in supplied]
            known = what_is_known(f"{section}.{key}", allowed)
            raise ConfigError(f"{section}.{key} is unknown: {known}")
    _check_types(section, cls, arguments)
    return partial(_call, section, cls, tuple(parameters), {**arguments, **given})


def _call(
    section: str,
    cls: type[T],
    parameters: tuple[str, ...],
    arguments: dict[str, Any],
    *args: object,
    **later: object,
) -> T:
    with refused_in(section, parameters):
        return cls(*args, **arguments, **later)


@contextmanager
def refused_in(section: str, parameters: Container[str]) -> Iterator[None]:
    """What code of a section's class refuses, named by its place in the config: `task.path=...`.

    Raises:
        ValueError: For whatever of the usual kinds it has raised.
    """
    try:
        yield
    except ConfigError:
        raise
    except (TypeError, ValueError, RuntimeError, OverflowError, MemoryError, OSError) as error:
        message = first_line(error)
        named = re.match(r"(\w+)=", message)
        dot = "." if named and named[1] in parameters else ": "
        raise ConfigError(f"{section}{dot}{message}") from error


def _check_types(section: str, cls: type, arguments: Mapping[str, object]) -> None:
    try:
        hints = get_type_hints(cls.__init__)
    except NameError:  # annotations that only a type checker can resolve
        hints = {}
    for key, value in arguments.items():
        hint = hints.get(key, Any)
        if not _matches(value, hint):
            raise ConfigError(f"{section}.{key}={value!r} is not {_spelled(hint)}")


def _matches(value: object, hint: Any) -> bool:
    """Whether a plain value fits an annotation; annotations beyond plain types let all pass."""
    if hint is Any:
        return True
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return any(_matches(value, option) for option in get_args(hint))
    if origin is Literal:
        return value in get_args(hint)
    if hint in (int, float) and isinstance(value, bool):
        return False
    if hint is float:
        return isinstance(value, int | float)
    plain = origin or hint
    if plain in (list, tuple):
        return isinstance(value, list) and _items_match(value, plain, get_args(hint))
    return not isinstance(plain, type) or isinstance(value, plain)


def _items_match(values: list, plain: type, items: tuple) -> bool:
    if plain is tuple and items and items[-1] is not Ellipsis:
        return len(values) == len(items) and all(map(_matches, values, items))
    return all(_matches(value, items[0] if items else Any) for value in values)


_WORDS = {int: "an integer", float: "a number", bool: "true or false", str: "text"}


def _spelled(hint: Any) -> str:
    if hint is types.NoneType:
        return "null"
    if get_origin(hint) is Literal:
        return " or ".join(map(repr, get_args(hint)))
    if get_origin(hint) is tuple and Ellipsis not in get_args(hint):
        return f"a list of {len(get_args(hint))}"
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(_spelled(option) for option in get_args(hint))
    return _WORDS.get(hint) or getattr(hint, "__name__", str(hint))

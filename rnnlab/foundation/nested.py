"""Plain sections within sections, as a config has them."""

from collections.abc import Iterator, Mapping
from typing import Any


def values(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Each value that is no section or list, by its dotted key: `a.0` is the first of a list `a`."""
    pairs = node.items() if isinstance(node, Mapping) else enumerate(node)
    for name, value in pairs:
        inner = f"{key}.{name}" if key else str(name)
        if isinstance(value, Mapping | list):
            yield from values(value, inner)
        else:
            yield inner, value

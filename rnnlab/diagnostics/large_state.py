"""States of which a diagnostic would take all derivatives, and that have too many numbers for that."""

import logging
from functools import cache

log = logging.getLogger(__name__)


def is_too_large(name: str, size: int, largest: int) -> bool:
    """Whether a state has more numbers than a diagnostic takes; the log says so once, for there are many looks.

    Args:
        name: Of the diagnostic.
        size: Numbers in the state.
        largest: How many it takes.
    """
    if size > largest:
        _tell(name, size, largest)
    return size > largest


@cache
def _tell(name: str, size: int, largest: int) -> None:
    log.warning(
        "diagnostics.%s measures nothing: the state has %d numbers, and it takes states of up to %d",
        name,
        size,
        largest,
    )

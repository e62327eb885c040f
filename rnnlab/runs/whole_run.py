"""A run that has ended, brought to its store with all that can still be made of it."""

import logging
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from rnnlab.foundation.masking import first_line, masked
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.tracking.outbox import DeliveredRun, deliver
from rnnlab.tracking.result import Result
from rnnlab.tracking.store import FAILURES

log = logging.getLogger(__name__)


def deliver_whole(
    folder: Path, uri: str | None, allow: Collection[str] = ()
) -> DeliveredRun | None:
    """Bring a run to its store as `deliver` does, with what a full disk had left out.

    Args:
        folder: The run's.
        uri: Of the store; None: the one that the run had, if that may be used unasked.
        allow: Packages whose classes the run's config may name: their code runs.

    Raises:
        ValueError: If its folder cannot be read, or lacks what nothing can be made of.
        Exception: As `deliver` does.
    """
    delivered = deliver(folder, uri)
    if Result.read(folder).missing:
        from rnnlab.runs.made_anew import make_anew  # with Lightning, for which few need wait

        make_anew(RunFolder(folder), allow)
        again = deliver(folder, uri)
        damage = "" if delivered is None else delivered.damage
        delivered = delivered if again is None else replace(again, damage=damage or again.damage)
    result = Result.read(folder)
    short = [f"{result.unwritten} points of its journal"] if result.unwritten else []
    if lacking := [*result.missing, *short]:
        raise ValueError(f"a full disk has left out {', '.join(lacking)}, not to be made anew")
    return delivered


def deliver_finished(folder: Path, uri: str, allow: Collection[str]) -> Result:
    """The result of a run that had finished; what its store had not got, it gets if it answers.

    Another store gets nothing of what that has: nobody has asked for it.
    """
    try:
        result = Result.read(folder)
        elsewhere = result.delivered and result.tracking_uri != masked(uri)
        delivered = deliver_whole(folder, None if elsewhere else uri, allow)
        if delivered is not None and delivered.damage:
            log.warning(delivered.damage)
    except (ValueError, *FAILURES) as error:
        log.warning("%s: %s", folder, first_line(error))
    return Result.read(folder)

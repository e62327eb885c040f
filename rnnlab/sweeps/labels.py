"""What a job is called beside the others of its sweep: by what differs between them alone."""

from collections.abc import Iterable, Sequence

from rnnlab.foundation.masking import masked
from rnnlab.runs.resume_option import without_resume

SAID_BY_VALUE = ("cell", "task")  # their choices tell what they are


class Labels:
    """Of jobs, or of the combinations that jobs are made from.

    Args:
        jobs: The overrides of each.
    """

    def __init__(self, jobs: Iterable[Sequence[str]]) -> None:
        each = [set(map(masked, overrides)) for overrides in jobs]
        self.shared = set.intersection(*each) if each else set()

    def label(self, overrides: Sequence[str]) -> str:
        """`gru seed=1`, where cells and seeds are swept; empty where nothing differs."""
        shown = [masked(override) for override in overrides]
        return " ".join(map(_said, own_overrides(shown, self.shared)))


def own_overrides(overrides: Sequence[str], shared: set[str]) -> list[str]:
    """Those that not all jobs have, but for Hydra's own and how a run is reached."""
    own = without_resume([o for o in overrides if not o.lstrip("+~").startswith("hydra")])
    return [override for override in own if override not in shared]


def _said(override: str) -> str:
    key, _, value = override.lstrip("+").partition("=")
    return value if key in SAID_BY_VALUE else f"{key}={value}"

"""Jobs that would be the same run."""

from collections.abc import Sequence

from rnnlab.sweeps.job_list import Identity


def refuse_twins(identities: Sequence[Identity], names: Sequence[str]) -> None:
    """Two jobs that are one run are one result: counted twice, they would pass for two seeds.

    Args:
        identities: What each job is.
        names: By which each is told.

    Raises:
        ValueError: If two are the same.
    """
    first: dict[frozenset[tuple[str, str]], int] = {}
    for number, of in enumerate(identities):
        other = first.setdefault(frozenset(of.items()), number)
        if other != number:
            raise ValueError(
                f"jobs {other} and {number} of the sweep are the same run: "
                f"{names[other]} and {names[number]}"
            )

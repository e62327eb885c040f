"""Which version of rnnlab reads what another has made."""

from rnnlab import __version__


def is_readable(made_by: str) -> bool:
    """Whether this version reads what `made_by` has made: 0.2.0 reads 0.2.7, and not 0.1.0."""
    return made_by.split(".")[:2] == __version__.split(".")[:2]


def check_version(what: str, made_by: str) -> None:
    """Refuse what another version has made.

    Raises:
        ValueError: That names it, the version that made it, and this one.
    """
    if not is_readable(made_by):
        raise ValueError(
            f"{what} was made by rnnlab {made_by}, and this is {__version__}: "
            "only that version goes on with it"
        )

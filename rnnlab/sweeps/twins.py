"""Jobs that would be the same run."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rnnlab.sweeps.job_list import NOT_WHAT_IT_IS


def refuse_twins(plains: Sequence[Mapping[str, Any]], names: Sequence[str]) -> None:
    """Two jobs of one config are one result: counted twice, they would pass for two seeds.

    Args:
        plains: The config of each job, resolved.
        names: By which each is told.

    Raises:
        ValueError: If two are the same.
    """
    first: dict[str, int] = {}
    for number, plain in enumerate(plains):
        other = first.setdefault(text_of(plain), number)
        if other != number:
            raise ValueError(
                f"jobs {other} and {number} of the sweep are the same run: "
                f"{names[other]} and {names[number]}"
            )


def text_of(plain: Mapping[str, Any]) -> str:
    """A config in one form, whatever the order of its keys."""
    own = {key: value for key, value in plain.items() if key not in NOT_WHAT_IT_IS}
    return json.dumps(_same_numbers(own), sort_keys=True)


def _same_numbers(value: Any) -> Any:
    """1 and 1.0 are one setting."""
    if isinstance(value, Mapping):
        return {str(key): _same_numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_same_numbers(inner) for inner in value]
    return float(value) if type(value) is int else value

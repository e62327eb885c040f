"""The heads of a cell, which share its units evenly."""

from rnnlab.foundation.checks import check_int


def check_heads(num_heads: int, hidden_size: int) -> int:
    """Its number of heads.

    Raises:
        ValueError: If it is below 1, or `hidden_size` is no multiple of it.
    """
    check_int("num_heads", num_heads, minimum=1)
    if hidden_size % num_heads:
        raise ValueError(
            f"num_heads={num_heads} does not divide hidden_size={hidden_size}: each head has as many units"
        )
    return num_heads

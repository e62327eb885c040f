"""What a model can be asked: numbers, (seq_len, input_size), each of them finite."""

import numpy as np


class InputsRefusedError(ValueError):
    """What a model cannot be asked; it says which sequence and which step."""


def refuse_kind(dtype: np.dtype) -> None:
    """Raises InputsRefusedError for numbers that are no real ones, and for what is no number."""
    if dtype.kind not in "biuf":
        raise InputsRefusedError(f"inputs of type {dtype} are not real numbers")


def refuse_shape(shape: tuple[int, ...], input_size: int, several: bool = False) -> None:
    """See that sequences have the features that a model takes, and at least one step.

    Args:
        shape: Of one sequence, or of a batch of them.
        input_size: Features of the model's inputs.
        several: Whether a batch will do.

    Raises:
        InputsRefusedError: That says which shape is wanted.
    """
    wanted = f"(seq_len, {input_size})" + (f" or (batch, seq_len, {input_size})" if several else "")
    if len(shape) not in ((2, 3) if several else (2,)) or shape[-1] != input_size:
        raise InputsRefusedError(f"inputs of shape {shape} are not {wanted}")
    if 0 in shape:
        raise InputsRefusedError(f"inputs of shape {shape} are empty")
    if min(shape) < 0:
        raise InputsRefusedError(f"inputs of shape {shape}: a size is at least 1")


def as_numbers(inputs: np.ndarray, dtype: np.dtype, first: int = 0) -> np.ndarray:
    """The inputs as the model computes with them.

    Args:
        inputs: (steps, input_size).
        dtype: float32 or float64.
        first: The number of the first step, for the message.

    Raises:
        InputsRefusedError: For NaN, and for what is infinite, or is in this type.
    """
    refuse_kind(inputs.dtype)
    with np.errstate(over="ignore"):
        numbers = np.asarray(inputs, dtype)
    finite = np.isfinite(numbers)
    if not finite.all():
        step, feature = np.argwhere(~finite)[0]
        raise InputsRefusedError(
            f"step {first + step}, feature {feature}: {inputs[step, feature]} is no finite number of {dtype}"
        )
    return numbers

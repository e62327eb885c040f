"""Oracle: each message in full, and the value itself where it may pass."""

import math
import re

import pytest

from rnnlab.foundation.checks import (
    FEW,
    check_bool,
    check_choice,
    check_float,
    check_int,
    did_you_mean,
)


@pytest.mark.parametrize(("value", "minimum"), [(0, 0), (1, 1), (7, 1), (-3, -3), (10**30, 0)])
def test_whole_numbers_pass(value, minimum):
    assert check_int("size", value, minimum) is value


@pytest.mark.parametrize("value", [1.0, 1.5, True, False, None, "1", [1], math.nan])
def test_other_than_whole_numbers(value):
    message = f"^{re.escape(f'size={value} is not a whole number (at least 0)')}$"
    with pytest.raises(ValueError, match=message):
        check_int("size", value, 0)


def test_too_small_a_number():
    for value, minimum in ((0, 1), (-1, 0), (2, 3)):
        with pytest.raises(ValueError, match=f"^size={value} is too small: at least {minimum}$"):
            check_int("size", value, minimum)


@pytest.mark.parametrize("value", [0, 1, -2.5, 1e300, -1e-300])
def test_finite_numbers_pass(value):
    assert check_float("rate", value) is value


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, True, None, "1.0", [1.0], 1j])
def test_other_than_finite_numbers(value):
    with pytest.raises(ValueError, match=f"^rate={re.escape(str(value))} is not a finite number$"):
        check_float("rate", value)


BOUNDS = [
    ({"at_least": 0.0}, [0.0, 0, 1e-9], [-1e-9, -1], "at least 0.0"),
    ({"above": 0.0}, [1e-9, 1], [0.0, 0, -1.0], "above 0.0"),
    ({"below": 1.0}, [0.999, -5], [1.0, 1, 2], "below 1.0"),
    ({"at_least": 0.0, "below": 1.0}, [0.0, 0.5], [-0.1, 1.0], "at least 0.0 and below 1.0"),
    ({"above": 0.0, "below": 1.0}, [0.1], [0.0, 1.0], "above 0.0 and below 1.0"),
]


@pytest.mark.parametrize(("bounds", "inside", "outside", "allowed"), BOUNDS, ids=str)
def test_bounds(bounds, inside, outside, allowed):
    for value in inside:
        assert check_float("rate", value, **bounds) is value
    for value in outside:
        with pytest.raises(ValueError, match=f"^rate={value} is out of bounds: {allowed}$"):
            check_float("rate", value, **bounds)


def test_booleans():
    assert check_bool("flag", True) is True
    assert check_bool("flag", False) is False
    for value in (0, 1, "true", None, 1.0):
        with pytest.raises(ValueError, match=f"^flag={value} is neither true nor false$"):
            check_bool("flag", value)  # pyrefly: ignore[bad-argument-type]


def test_choices():
    assert check_choice("f", "tanh", ["tanh", "relu"]) == "tanh"
    assert check_choice("f", "relu", {"tanh": 1, "relu": 2}) == "relu"
    assert check_choice("n", 2, (name for name in (2, 3))) == 2  # an iterator is read once
    message = r"^f=tahn is not allowed: did you mean tanh\? Allowed: tanh, relu$"
    with pytest.raises(ValueError, match=message):
        check_choice("f", "tahn", ["tanh", "relu"])
    with pytest.raises(ValueError, match=r"^f= is not allowed\. Allowed: tanh, relu$"):
        check_choice("f", "", ["tanh", "relu"])


@pytest.mark.parametrize("value", [2.0, True, "2", None, [2]])
def test_a_choice_is_of_the_same_type(value):
    message = rf"^n={re.escape(str(value))} is not allowed(: did you mean .*\?|\.) Allowed: 1, 2$"
    with pytest.raises(ValueError, match=message):
        check_choice("n", value, [1, 2])


MANY = [f"choice_{letter}" for letter in "abcdefghijklm"]


@pytest.mark.parametrize(
    ("value", "allowed", "expected"),
    [
        ("tahn", ["tanh", "relu"], "did you mean tanh? Allowed: tanh, relu"),
        ("zzz", ["tanh", "relu"], "Allowed: tanh, relu"),
        ("tanh", ["tanh", "tanh"], "did you mean tanh? Allowed: tanh"),
        ("choice_bb", MANY, "did you mean choice_b?"),
        ("choice_bb", MANY[:FEW], "did you mean choice_b? Allowed: " + ", ".join(MANY[:FEW])),
        ("zzz", MANY, "Allowed: " + ", ".join(MANY)),
        (None, [None, 3], "did you mean None? Allowed: None, 3"),
        (30, [3, 300], "did you mean 300? Allowed: 3, 300"),
    ],
)
def test_did_you_mean(value, allowed, expected):
    assert len(MANY) == FEW + 1
    assert did_you_mean(value, allowed) == expected

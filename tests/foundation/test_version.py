"""Which versions are read. Oracle: pairs by hand."""

import re

import pytest

import rnnlab
from rnnlab.foundation.version import check_version, is_readable


@pytest.mark.parametrize(
    ("own", "made_by", "readable"),
    [
        ("0.2.0", "0.2.0", True),
        ("0.2.0", "0.2.7", True),
        ("0.2.0", "0.1.0", False),
        ("0.2.0", "0.20.0", False),
        ("1.2.0", "0.2.0", False),
        ("0.2.0", "of another version", False),
    ],
)
def test_by_its_first_two_numbers(
    own: str, made_by: str, readable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnnlab.foundation.version.__version__", own)
    assert is_readable(made_by) == readable


def test_a_refusal_names_what_by_whom_and_this() -> None:
    check_version("it", rnnlab.__version__)
    expected = f"it was made by rnnlab 0.1.0, and this is {rnnlab.__version__}: only that version"
    with pytest.raises(ValueError, match=re.escape(expected)):
        check_version("it", "0.1.0")


def test_code_of_01_is_refused_in_words_and_what_is_missing_is_missing() -> None:
    with pytest.raises(ImportError, match=r"of rnnlab 0\.1, and this is .* was made by 0\.1"):
        __import__("rnnlab.experiment")
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'rnnlab\.nothing'"):
        __import__("rnnlab.nothing")

"""What is masked of the environment. Oracle: names and values that people use, listed here."""

import ast
import json
from collections.abc import Callable
from functools import partial

import pytest
import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnlab.foundation.masking import (
    CHOSEN,
    HIDDEN,
    first_line,
    hide,
    masked,
    masked_config,
    may_be_secret,
)
from rnnlab.runs.environment import watch_environment

SECRET = (
    *(
        "MY_SECRET",
        "GITHUB_TOKEN",
        "DB_PASS",
        "PGPASSWORD",
        "MYSQL_PWD",
        "OPENAI_API_KEY",
        "APIKEY",
    ),
    *("AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_TOKEN", "SSH_PRIVATE", "SERVICE_CREDENTIALS"),
    *("KEY_1", "secret", "NPM_AUTH", "WANDB_API_KEY", "SIGNING_KEY", "passphrase"),
)
SHOWN = (
    *(
        "HOME",
        "USER",
        "PWD",
        "OLDPWD",
        "LAB",
        "YEAR",
        "SCRATCH",
        "SLURM_JOB_ID",
        "KEYBOARD",
        "PATH",
    ),
    *("TOKENIZERS_PARALLELISM", "AUTHOR", "MONKEY", "BYPASS_CACHE", "SSH_AUTH_SOCK", "COMPASS"),
)
VALUES = (
    *("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "glpat-abcdefghij", "hf_abcdefghijk"),
    *("sk-abcdefghij", "AKIAIOSFODNN7EXAMPLE", "eyJhbGciOiJIUzI1NiJ9.e30.x"),
    "-----BEGIN RSA PRIVATE KEY-----",
)


def quoted(text: str) -> str:
    """As yaml has it, in one line; it breaks, or escapes, what is not printable in ways of its own."""
    return yaml.safe_dump(text, default_style="'", width=10**6, allow_unicode=True)


READERS: tuple[tuple[Callable[[str], str], Callable[[str], str]], ...] = (
    *((str, str), (repr, ast.literal_eval), (json.dumps, json.loads)),
    *((partial(json.dumps, ensure_ascii=False), json.loads), (quoted, yaml.safe_load)),
)


@pytest.fixture(autouse=True)
def _nothing_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HIDDEN, "")
    monkeypatch.delenv(CHOSEN, raising=False)


def test_by_name() -> None:
    assert [name for name in SECRET if not may_be_secret(name, "2026")] == []
    assert [name for name in SHOWN if may_be_secret(name, "2026")] == []


def test_by_value() -> None:
    assert [value for value in VALUES if not may_be_secret("LAB", value)] == []
    assert not any(may_be_secret("LAB", value) for value in ("/home/me", "2026", "sketch", "hf"))


def test_what_is_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YEAR", "2026")
    monkeypatch.setenv("MY_SECRET", "s3cr3t")
    for name in ("YEAR", "MY_SECRET"):
        hide(name)
    assert masked("2026-11-26 s3cr3t") == "2026-11-26 ***"


def test_by_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEAT", "row-17")
    assert masked("row-17") == "row-17"
    monkeypatch.setenv(CHOSEN, "LAB, SEAT")
    assert masked("row-17") == "***"


@pytest.mark.parametrize(
    "spelled",
    [
        *("${oc.env:MY_SECRET}", "${ oc.env : MY_SECRET }", "${oc.env:'MY_SECRET'}"),
        *(
            "${oc.env:${name}}",
            "${oc.env:MY_${rest}}",
            "${oc.select:${oc.select:name},${oc.env:MY_SECRET}}",
        ),
        *("x${oc.env:${oc.select:name}}y", "${oc.env:MY_SECRET,nothing}"),
    ],
)
def test_however_it_is_spelled(spelled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Oracle: OmegaConf itself, which finds the value."""
    monkeypatch.setenv("MY_SECRET", "s3cr3t")
    watch_environment()
    config = OmegaConf.create({"name": "MY_SECRET", "rest": "SECRET", "value": spelled})
    assert "s3cr3t" in config.value
    assert "s3cr3t" not in masked(config.value)


@pytest.mark.parametrize(
    "value",
    [
        *("pa\\ss\"wo'rd", "it's", 'say "so"', "back\\slash", "two\nlines", "tab\there"),
        *("schön", "\\'\"\\", "$&/<>#%@", "\x1b[31m-red", "雪-snow"),
    ],
)
def test_however_it_is_quoted(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Oracle: what Python, JSON and yaml read of it, alone and within more text."""
    monkeypatch.setenv("MY_SECRET", value)
    hide("MY_SECRET")
    around = ("{}", "x {} y", "it's {}", 'a "{}"', "'{}\"")
    for whole in (pattern.format(value) for pattern in around):
        for say, read in READERS[: None if value.isprintable() else -1]:
            assert read(masked(say(whole))) == whole.replace(value, "***")


def test_an_error_of_several_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SECRET", "first line\nsecond line")
    hide("MY_SECRET")
    assert first_line(ValueError("a=first line\nsecond line is bad")) == "a=*** is bad"


def test_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIN_TOKEN", "9876_543")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "5000")  # that no config has taken
    hide("PIN_TOKEN")
    config = {"seed": 9876543, "a": [9876543.0, 987, True, None], "steps": 5000}
    assert masked_config(config) == {"seed": "***", "a": ["***", 987, True, None], "steps": 5000}


@pytest.mark.parametrize(
    "spelled",
    [
        *("${oc.decode:${oc.env:PIN_TOKEN}}", '${oc.decode:"[${oc.env:PIN_TOKEN}]"}'),
        *('${oc.create:"[${oc.env:PIN_TOKEN}]"}', "${oc.decode:${text}}"),
    ],
)
def test_a_secret_is_not_decoded(spelled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIN_TOKEN", "1234,5678")
    monkeypatch.setenv("YEARS", "[2025,2026]")
    watch_environment()
    config = OmegaConf.create({"value": spelled, "text": "${oc.env:PIN_TOKEN}", "other": None})
    with pytest.raises(OmegaConfBaseException, match="PIN_TOKEN may be a secret"):
        _ = config.value
    config.other = "${oc.decode:${oc.env:YEARS}}"
    assert config.other == [2025, 2026]


def test_a_variable_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As without rnnlab."""
    monkeypatch.delenv("NO_SECRET", raising=False)
    watch_environment()
    config = OmegaConf.create({"a": "${oc.env:NO_SECRET,3}", "b": "${oc.env:NO_SECRET,null}"})
    assert (config.a, config.b) == ("3", None)
    bare = OmegaConf.create({"c": "${oc.env:NO_SECRET}"})
    with pytest.raises(Exception, match="Environment variable 'NO_SECRET' not found"):
        _ = bare.c

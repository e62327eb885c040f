"""What is masked of the environment. Oracle: names and values that people use, listed here."""

import pytest
from omegaconf import OmegaConf

from rnnlab.foundation.masking import CHOSEN, HIDDEN, hide, masked, may_be_secret
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
        *("${oc.env:${name}}", "${oc.env:MY_${rest}}", "${oc.decode:${oc.env:MY_SECRET}}"),
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


def test_a_variable_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As without rnnlab."""
    monkeypatch.delenv("NO_SECRET", raising=False)
    watch_environment()
    config = OmegaConf.create({"a": "${oc.env:NO_SECRET,3}", "b": "${oc.env:NO_SECRET,null}"})
    assert (config.a, config.b) == ("3", None)
    bare = OmegaConf.create({"c": "${oc.env:NO_SECRET}"})
    with pytest.raises(Exception, match="Environment variable 'NO_SECRET' not found"):
        _ = bare.c

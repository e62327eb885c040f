"""Words of other tools. Oracle: the composed config, in which each key that is pointed to has to be."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from rnnlab.run import CONF
from rnnlab.runs import unknown_key as words_module
from rnnlab.runs.other_choices import MEANT, PLUGINS, install_hint, meant_choice
from rnnlab.runs.synonyms import WORDS, Known, meant_by, what_is_known
from rnnlab.runs.unknown_key import unknown_key
from tests.support.configs import composed, leaves, plain

GROUPS = {str(path.parent.relative_to(CONF)) for path in CONF.rglob("*.yaml")}


def _choices(group: str) -> list[str]:
    return [path.stem for path in (CONF / group).glob("*.yaml")]


@pytest.fixture(scope="module")
def existing() -> set[str]:
    """Every key of every choice, every group, every `group=choice`."""
    found = {"task.length", *GROUPS, *plain(composed(hydra=True))}
    for group in GROUPS - {"."}:
        found |= {f"{group}={choice}" for choice in _choices(group)}
        for choice in set(_choices(group)) - {"rnnlab"}:
            found |= leaves(plain(composed(f"{group}={choice}", hydra=True)))
    return found


@pytest.fixture
def _composed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = words_module._composer([CONF])([])
    monkeypatch.setattr(words_module, "_composer", lambda folders: lambda overrides: defaults)


@pytest.mark.slow
def test_every_key_that_is_pointed_to_is_there(existing: set[str]) -> None:
    for word, known in WORDS.items():
        assert known.keys or known.why, word
        assert set(known.keys) <= existing, word


@pytest.mark.slow
@pytest.mark.usefixtures("_composed_once")
def test_every_word_is_answered_with_what_it_means(existing: set[str]) -> None:
    for word, known in WORDS.items():
        if word in existing:
            continue
        message = unknown_key(word, [CONF], [])
        assert message is not None
        assert message.startswith(f"{word} is unknown: ")
        for part in (*known.keys, known.why):
            assert part in message, word


WELL_KNOWN = {
    "batch_size": "train.batch_size",
    "lr": "optimizer.lr",
    "learning_rate": "optimizer.lr",
    "wd": "optimizer.weight_decay",
    "max_epochs": "train.steps",
    "gradient_clip_val": "clip.max_norm",
    "hidden_dim": "cell.hidden_size",
    "num_layers": "model.num_layers",
    "seq_len": "task.length",
    "gpus": "trainer.accelerator",
    "ckpt_path": "resume",
    "n_jobs": "hydra.launcher.n_jobs",
    "output_dir": "hydra.run.dir",
}


@pytest.mark.parametrize(("word", "first"), WELL_KNOWN.items())
def test_a_well_known_word_leads_first_to_its_key(word: str, first: str) -> None:
    """Oracle: what the word stands for in Lightning, torch and Hydra."""
    known = meant_by(f"trainer.{word}")
    assert known is not None
    assert known.keys[0] == first


def test_a_diagnostics_key_is_its_own() -> None:
    composed(hydra=True)  # with Hydra's plugins, as a command has them by then
    assert meant_by("diagnostics.saturation.steps") is None
    message = unknown_key("diagnostics.saturation.steps", [CONF], [])
    assert message is not None
    assert message.endswith("diagnostics.saturation.sequences, diagnostics.saturation.margin")


@pytest.mark.parametrize(("group", "choice"), [(g, c) for g, known in MEANT.items() for c in known])
def test_a_choice_of_other_tools_leads_to_one_that_composes(group: str, choice: str) -> None:
    meant = meant_choice(group, choice.upper())
    assert meant is not None
    key, _, value = meant.partition("=")
    assert choice not in _choices(group)
    if value in PLUGINS.get(group, {}):  # it is to be installed
        return
    config = composed(meant, hydra=True)
    if key == group:
        assert config.hydra.runtime.choices[group] == value
    else:
        assert OmegaConf.select(config, key) == value


def test_a_word_in_the_wrong_section_means_the_same() -> None:
    assert meant_by("trainer.max_epochs") == WORDS["max_epochs"]
    assert meant_by("train.lr") == WORDS["lr"]
    assert meant_by("cell.hidden_size") is None  # the place itself
    assert meant_by("frobnicate") is None


def test_the_likeliest_is_named_first() -> None:
    known = Known(("a.x", "b.x"), "both of them")
    assert str(known) == "a.x or b.x (both of them)"
    assert WORDS["batch_size"].keys == ("train.batch_size", "eval.batch_size")
    assert what_is_known("trainer.lr", ["devices"]) == "it is optimizer.lr"
    assert (
        what_is_known("trainer.device_s", ["devices"]) == "did you mean devices? Allowed: devices"
    )


def test_plugins_that_are_not_installed_say_what_to_install() -> None:
    assert install_hint("hydra/launcher", "joblib") == (
        "pip install hydra-joblib-launcher brings it"
    )
    for group, packages in PLUGINS.items():
        assert not set(packages) & {path.stem for path in Path(CONF, group).glob("*.yaml")}
    assert install_hint("hydra/launcher", "basik") is None
    assert install_hint("cell", "joblib") is None

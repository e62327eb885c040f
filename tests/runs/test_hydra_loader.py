"""Composing many jobs. Oracle: Hydra's own loader, anew for each of them."""

import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.sources_registry import SourcesRegistry
from hydra._internal.utils import create_config_search_path
from hydra.core.plugins import Plugins
from hydra.core.utils import setup_globals
from hydra.plugins.config_source import ConfigSource
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from rnnlab.run import PLUGINS
from rnnlab.runs.hydra_loader import CheckedLoader

NONE = "diagnostics=none"
CONF = str(Path(__file__).resolve().parents[2] / "conf")


@pytest.fixture(autouse=True)
def _plugins() -> None:
    # Among them are the places that Hydra reads from, and the launcher that the configs name.
    Plugins.instance().class_name_to_class.update(PLUGINS)


def composed(loader: ConfigLoaderImpl, *overrides: str) -> Any:
    # A diagnostic's yaml is composed in a way of rnnlab's own: see the test of that.
    overrides = overrides if any("diagnostics" in o for o in overrides) else (*overrides, NONE)
    config = loader.load_configuration("config", list(overrides), RunMode.RUN)
    return OmegaConf.to_container(config, resolve=False)


def test_a_job_is_composed_as_by_hydra_whatever_came_before() -> None:
    ours = CheckedLoader(create_config_search_path(CONF))
    for overrides in (
        ["cell=lstm", "seed=1"],
        ["cell=elman_clipped", "task=copy_memory", "task.delay=30", "cell.hidden_size=7"],
        ["cell=lstm", "seed=2", "optimizer=rmsprop", "+clip.other=3", "~eval.lengths"],
        ["cell=lstm", "seed=1"],
    ):
        hydras = ConfigLoaderImpl(create_config_search_path(CONF))
        assert composed(ours, *overrides) == composed(hydras, *overrides)


def test_each_diagnostic_is_a_section_of_its_own(tmp_path: Path) -> None:
    """Oracle: Hydra's own words for it, a package for each."""
    (tmp_path / "diagnostics").mkdir()
    (tmp_path / "diagnostics" / "mine.yaml").write_text("_target_: mine.Mine\ndepth: 3\n")
    place = create_config_search_path(CONF)
    place.prepend("mine", f"file://{tmp_path}")
    ours, hydras = CheckedLoader(place), ConfigLoaderImpl(place)
    chosen = composed(ours, "diagnostics=[omega,mine,lyapunov]", "diagnostics.omega.sequences=5")
    packages = (f"+diagnostics@diagnostics.{name}={name}" for name in ("omega", "mine", "lyapunov"))
    named = composed(hydras, NONE, *packages, "diagnostics.omega.sequences=5")
    assert chosen["diagnostics"] == named["diagnostics"]
    assert chosen["diagnostics"]["mine"] == {"_target_": "mine.Mine", "depth": 3}
    every = composed(ours, "diagnostics=[all,mine]")["diagnostics"]
    assert every == composed(ours, "diagnostics=all")["diagnostics"] | {"mine": every["mine"]}


def test_a_file_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loader = CheckedLoader(create_config_search_path(CONF))
    source = SourcesRegistry.instance().resolve("file")
    read, load = Counter[str](), source.load_config

    def counted(self: ConfigSource, config_path: str) -> Any:
        read[config_path] += 1
        return load(self, config_path)

    monkeypatch.setattr(source, "load_config", counted)
    for seed in range(3):
        composed(loader, f"seed={seed}", "cell=lstm")
    assert {"config", "cell/lstm"} <= set(read)
    assert set(read.values()) == {1}


def test_each_job_looks_in_its_own_places(tmp_path: Path) -> None:
    loader = CheckedLoader(create_config_search_path(CONF))
    for name in ("a", "b", "a"):
        folder = tmp_path / name / "note"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "mine.yaml").write_text(f"said: {name}")
        there = composed(loader, f"hydra.searchpath=[file://{tmp_path / name}]", "+note=mine")
        assert there["note"] == {"said": name}
    assert composed(loader) == composed(ConfigLoaderImpl(create_config_search_path(CONF)))


def test_a_job_of_a_sweep_is_composed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks as Hydra does gets a copy, so that nobody's number of the job is another's."""
    setup_globals()  # ${now:...}
    loader = CheckedLoader(create_config_search_path(CONF))
    master = loader.load_configuration("config", ["seed=0,1"], RunMode.MULTIRUN)
    folder = master.hydra.sweep.dir
    made = loader.compose_job(master, ["seed=1"])
    monkeypatch.setattr(loader, "load_configuration", None)  # from here on it would fail
    again, third = (loader.load_sweep_config(master, ["seed=1"]) for _ in range(2))
    plain = OmegaConf.to_container(made, resolve=False)
    for copied in (again, third):
        assert OmegaConf.to_container(copied, resolve=False) == plain
        assert copied.hydra.sweep.dir == folder  # with the same time of day in it
    assert again.seed == 1
    again.hydra.job.num = 7
    assert OmegaConf.is_missing(third.hydra.job, "num")
    with pytest.raises(TypeError):
        loader.load_sweep_config(master, ["seed=0", "cell=gru"])
    with pytest.raises(TypeError):  # a job in a process of its own has no use for them
        pickle.loads(pickle.dumps(loader)).load_sweep_config(master, ["seed=1"])


OF_HYDRA = (
    "hydra.sweep.dir=here",
    "hydra.sweep.subdir=${hydra.job.override_dirname}-${seed}",
    "hydra.job.config.override_dirname.exclude_keys=[cell]",
)


def whole(config: DictConfig) -> tuple[Any, ...]:
    """What a composed config is: as it is written, as it is read, and what it lets be changed."""
    own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    return (
        OmegaConf.to_container(config, resolve=False),
        OmegaConf.to_container(own, resolve=True),
        (str(config.hydra.sweep.subdir), config.hydra.job.override_dirname),
        (OmegaConf.is_struct(config), OmegaConf.is_readonly(config.hydra)),
        OmegaConf.get_type(config, "hydra"),
    )


@pytest.mark.parametrize(
    "others",
    [
        ["cell=lstm"],
        ["cell=elman", "task.seq_len=${seed}0", "+clip.other='a${seed}'"],
        ["task=copy_memory", "~eval.lengths", "tracking.experiment=of-${train.data_seed}"],
        ["schedule._target_=torch.optim.lr_scheduler.StepLR", "schedule.step_size=3", "z=1"],
    ],
)
def test_of_jobs_that_differ_in_their_seed_each_is_what_hydra_composes(
    others: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Oracle: the loader without what it remembers, which composes each by Hydra."""
    setup_globals()
    others = [NONE, *(f"+{other}" if other == "z=1" else other for other in others)]
    ours, anew = (CheckedLoader(create_config_search_path(CONF)) for _ in range(2))
    lines = [*OF_HYDRA, *others, "seed=0,2,13"]
    masters = [
        loader.load_configuration("config", lines, RunMode.MULTIRUN) for loader in (ours, anew)
    ]
    by_hydra = Counter[bool]()
    compose = ours.load_configuration

    def counted(*arguments: Any, **named: Any) -> DictConfig:
        by_hydra[True] += 1
        return compose(*arguments, **named)

    monkeypatch.setattr(ours, "load_configuration", counted)
    for seed in (0, 2, 13, 2):
        overrides = [*others[:2], f"seed={seed}", *others[2:]]
        anew.composed.clear()
        made, wanted = (
            loader.load_sweep_config(master, overrides)
            for loader, master in zip((ours, anew), masters, strict=True)
        )
        assert made.seed == seed
        assert whole(made) == whole(wanted)
    assert by_hydra[True] == 1


def test_a_seed_that_is_no_plain_number_is_hydras() -> None:
    """A text, a number that is none to Hydra, one that is looked up, a class by the seed."""
    setup_globals()
    loader = CheckedLoader(create_config_search_path(CONF))
    master = loader.load_configuration("config", [NONE], RunMode.MULTIRUN)
    for several in (
        ["seed='1'", "seed='2'"],
        ["seed=01", "seed=02"],
        ["seed=${train.steps}", "seed=${train.block}"],
    ):
        one, two = (loader.load_sweep_config(master, [NONE, line]) for line in several)
        assert one.seed != two.seed
    named = "cell._target_=rnnlab.cells.Kind${seed}"
    kinds = [loader.load_sweep_config(master, [NONE, named, f"seed={n}"]) for n in (1, 2)]
    assert [kind.hydra.runtime.choices.cell for kind in kinds] == ["Kind1", "Kind2"]
    assert len(loader.composed) == 8

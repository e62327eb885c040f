"""Hydra's sweeper for one question: up to which length is a task solved?

For every combination of the other choices it looks for the largest length that at least half of the
seeds solve within `train.steps` updates. Each round gives one length of every combination that is
still searching, times all seeds, to the launcher at once.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from rnnlab.foundation.checks import check_float, check_int
from rnnlab.foundation.signals import Stopped
from rnnlab.sweeps.callback import Sweep
from rnnlab.sweeps.combinations import Combination, describe, product
from rnnlab.sweeps.horizon_results import Horizon, Horizons, Probe
from rnnlab.sweeps.horizon_search import HorizonSearch
from rnnlab.sweeps.jobs import finished_probes, name, supersede_unfinished

NAME = "hydra.sweeper"


class HorizonSweeper(Sweeper):
    """Doubling, then bisection, over the length of each combination (see `HorizonSearch`).

    Args:
        seeds: How many seeds are run at each length.
        start: The first length.
        longest: The last length that is asked about.
        tolerance: Where the bracket is narrow enough, as a fraction of its lower end.
        solved_by: The fraction of seeds that must solve a length.
        key: The config key that is the length; null: what the task counts as its length.
        max_batch_size: Jobs that the launcher gets at once; null: a whole round.
        params: Further overrides, by key.

    Raises:
        ValueError: For a value that is out of bounds.
    """

    def __init__(
        self,
        seeds: int = 5,
        start: int = 10,
        longest: int = 1000,
        tolerance: float = 0.1,
        solved_by: float = 0.5,
        key: str | None = None,
        max_batch_size: int | None = None,
        params: dict[str, Any] | None = None,
    ) -> None:
        check_int(f"{NAME}.seeds", seeds, minimum=1)
        check_int(f"{NAME}.start", start, minimum=1)
        check_int(f"{NAME}.longest", longest, minimum=start)
        check_float(f"{NAME}.tolerance", tolerance, at_least=0.0)
        check_float(f"{NAME}.solved_by", solved_by, above=0.0)
        if solved_by > 1:
            raise ValueError(f"{NAME}.solved_by={solved_by} is out of bounds: at most 1")
        if max_batch_size is not None:
            check_int(f"{NAME}.max_batch_size", max_batch_size, minimum=1)
        self.settings: dict[str, Any] = {
            "seeds": seeds,
            "start": start,
            "longest": longest,
            "tolerance": float(tolerance),  # 1 and 1.0 are the same command
            "solved_by": float(solved_by),
            "key": key,
        }
        self.seeds, self.solved_by, self.key = range(seeds), solved_by, key
        self.max_batch_size = max_batch_size
        self.params = params or {}

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.config, self.hydra_context = config, hydra_context
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Horizons:
        """Find every horizon; what it finds is told by the sweep, also if it is stopped."""
        asked = [f"{key}={value}" for key, value in self.params.items()] + arguments
        horizons = Horizons(self._searches(asked), self.settings)
        sweep = Sweep.current
        if sweep is None:
            raise ValueError("hydra.callbacks.sweep is missing: a horizon is recorded by it")
        assert self.config is not None
        self.folder = Path(self.config.hydra.sweep.dir).absolute()
        sweep.begin_or_go_on(asked, horizons)
        OmegaConf.save(self.config, self.folder / "multirun.yaml")
        try:
            self._search(horizons)
        except Stopped:
            sys.stderr.write(f"to go on: {_again(self.folder)}\n")
            raise
        return horizons

    def _searches(self, asked: list[str]) -> list[Horizon]:
        """The combinations, each before its first probe.

        Raises:
            ValueError: If one sets what is searched here, or its task refuses a length.
        """
        assert self.hydra_context is not None
        assert self.config is not None
        loader, config = self.hydra_context.config_loader, self.config
        overrides = OverridesParser.create(config_loader=loader).parse_overrides(asked)
        start, longest = self.settings["start"], self.settings["longest"]
        combinations = describe(
            product(overrides),
            lambda chosen: loader.load_sweep_config(config, chosen),
            self.key,
            (start, longest),
        )
        _refuse_searched(overrides, combinations)
        tolerance = self.settings["tolerance"]
        return [Horizon(one, HorizonSearch(start, longest, tolerance)) for one in combinations]

    def _search(self, horizons: Horizons) -> None:
        """Round after round, until no combination has a length to ask about."""
        done: dict[tuple[str, ...], bool | None] = {
            overrides: result.metrics["test/solved"] == 1
            for overrides, result in finished_probes(self.folder).items()
        }
        number = supersede_unfinished(self.folder)
        while searching := [one for one in horizons.found if one.searching]:
            probes = [self._probe(one) for one in searching]
            jobs = [job for probe in probes for job in probe if name(job) not in done]
            self._launch(jobs, number)
            number += len(jobs)
            results = finished_probes(self.folder) if jobs else {}
            for job in map(name, jobs):
                done[job] = results[job].metrics["test/solved"] == 1 if job in results else None
            for one, probe in zip(searching, probes, strict=True):
                self._tell(one, [done[name(job)] for job in probe])
            horizons.write(self.folder)
        if any(one.search.undecided is not None for one in horizons.found):
            sys.stderr.write(f"to run failed jobs anew: {_again(self.folder)}\n")

    def _probe(self, horizon: Horizon) -> list[tuple[str, ...]]:
        length = horizon.search.length
        assert length is not None
        return [horizon.combination.at(length, seed) for seed in self.seeds]

    def _tell(self, horizon: Horizon, solved: Sequence[bool | None]) -> None:
        from rnnlab.foundation.statistics import decided  # scipy, for which --help need not wait

        length = horizon.search.length
        assert length is not None
        probe = horizon.probes[length] = Probe()
        for one in solved:
            probe.count(one)
        horizon.search.tell(decided(probe.solved, probe.seeds, probe.failed, self.solved_by))
        verdict = f"{length} solved by {probe.solved} of {probe.seeds}"
        sys.stdout.write(f"{horizon.combination.label}: {verdict}; {horizon.bracket()}\n")
        sys.stdout.flush()

    def _launch(self, jobs: Sequence[tuple[str, ...]], number: int) -> None:
        assert self.launcher is not None
        size = self.max_batch_size or max(len(jobs), 1)
        for first in range(0, len(jobs), size):
            batch = [list(job) for job in jobs[first : first + size]]
            self.launcher.launch(batch, initial_job_idx=number + first)


def _again(folder: Path) -> str:
    return f"the same command with hydra.sweep.dir={folder}"


def _refuse_searched(overrides: Sequence[Override], combinations: Sequence[Combination]) -> None:
    for override in overrides:
        for key in ("seed", *(one.key for one in combinations)):
            if override.key_or_group == key:
                how = f"{NAME}.seeds" if key == "seed" else f"{NAME}.start and {NAME}.longest"
                raise ValueError(
                    f"{override.input_line} is what the sweeper sets: choose with {how}"
                )

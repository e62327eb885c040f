"""Hydra's sweeper for one question: up to which length is a task solved?

For every combination of the other choices it estimates the length that half of the seeds solve within
`train.steps` updates, from seeds at lengths that it chooses as it goes. Each round gives what every
combination asks about next, times its seeds, to the launcher at once.
"""

import sys
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from rnnlab.foundation.checks import check_float, check_int
from rnnlab.foundation.run_folder import SweepFolder
from rnnlab.foundation.signals import Stopped
from rnnlab.foundation.terminal import fitted
from rnnlab.foundation.typed import typable, typed_override
from rnnlab.runs.hydra_overrides import LENGTH
from rnnlab.runs.hydra_plain import job_folder
from rnnlab.sweeps.callback import CallbacksWithSweep, import_beside
from rnnlab.sweeps.combinations import Combination, compose_each, describe, product
from rnnlab.sweeps.horizon_results import HorizonResult, HorizonResults
from rnnlab.sweeps.horizon_search import HorizonSearch
from rnnlab.sweeps.job_folders import refuse_folders
from rnnlab.sweeps.job_list import as_recorded
from rnnlab.sweeps.plugins import LOCAL_LAUNCHERS
from rnnlab.sweeps.seed_search import SeedSearch
from rnnlab.tracking.result import Result

KEY = "hydra.sweeper"


class HorizonSweeper(Sweeper):
    """Doubling, bisection, and more seeds at both ends, over the length of each combination.

    Which lengths are asked about is `HorizonSearch`'s; what they come to is `crossing`'s.

    Args:
        seeds: How many seeds are run at each length.
        start: The first length.
        longest: The last length that is asked about.
        tolerance: Where the bracket is narrow enough, as a fraction of its lower end.
        confirm: How many more seeds are run at both ends of the bracket; null: as many as `seeds`.
        solved_by: The fraction of seeds that solve the length that is looked for.
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
        confirm: int | None = None,
        solved_by: float = 0.5,
        key: str | None = None,
        max_batch_size: int | None = None,
        params: dict[str, Any] | None = None,
    ) -> None:
        check_int(f"{KEY}.seeds", seeds, minimum=1)
        check_int(f"{KEY}.start", start, minimum=1)
        check_int(f"{KEY}.longest", longest, minimum=start)
        check_float(f"{KEY}.tolerance", tolerance, at_least=0.0)
        if confirm is not None:
            check_int(f"{KEY}.confirm", confirm, minimum=0)
        check_float(f"{KEY}.solved_by", solved_by, above=0.0, below=1.0)
        if max_batch_size is not None:
            check_int(f"{KEY}.max_batch_size", max_batch_size, minimum=1)
        self.settings: dict[str, Any] = {
            "seeds": seeds,
            "start": start,
            "longest": longest,
            "tolerance": float(tolerance),  # 1 and 1.0 are the same command
            "confirm": seeds if confirm is None else confirm,
            "solved_by": float(solved_by),
            "key": None if key == LENGTH else key,
        }
        self.key = self.settings["key"]
        self.max_batch_size = max_batch_size
        self.params = params or {}

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        assert isinstance(hydra_context.callbacks, CallbacksWithSweep)
        self.callback = hydra_context.callbacks.sweep_callback
        self.config, self.hydra_context = config, hydra_context
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> HorizonResults:
        """Find every horizon; what it finds is printed by the sweep, also if it is stopped."""
        overrides = [f"{key}={value}" for key, value in self.params.items()] + arguments
        horizons = HorizonResults(self._searches(overrides), self.settings)
        assert self.config is not None
        self.folder = SweepFolder(Path(self.config.hydra.sweep.dir).absolute())
        self.callback.make(self.config).begin_search(overrides, horizons)
        OmegaConf.save(self.config, self.folder.config)
        try:
            self._search(horizons)
        except Stopped:
            sys.stderr.write(f"to go on: {_again(self.folder)}\n")
            raise
        return horizons

    def _searches(self, overrides: list[str]) -> list[HorizonResult]:
        """The combinations, each before its first length is tried.

        Raises:
            ValueError: If one sets what is searched here, or its task refuses a length.
        """
        assert self.hydra_context is not None
        assert self.config is not None
        loader, config = self.hydra_context.config_loader, self.config
        parsed = OverridesParser.create(config_loader=loader).parse_overrides(overrides)
        start, longest = self.settings["start"], self.settings["longest"]
        _refuse_searched(parsed, {"seed", LENGTH})
        here = config.hydra.launcher._target_ in LOCAL_LAUNCHERS
        compose = partial(loader.load_sweep_config, config)
        composed = compose_each(product(parsed), compose, here)
        import_beside(config)
        combinations = describe(composed, self.key, (start, longest), here)
        _refuse_searched(parsed, {combination.key for combination in combinations})
        self._refuse_folders(combinations)
        return [HorizonResult(combination, self._search_of_seeds()) for combination in combinations]

    def _search_of_seeds(self) -> SeedSearch:
        of = self.settings
        search = HorizonSearch(of["start"], of["longest"], of["tolerance"], of["confirm"] > 0)
        return SeedSearch(search, of["seeds"], of["confirm"], of["solved_by"])

    def _refuse_folders(self, combinations: Sequence[Combination]) -> None:
        """Of two lengths and two seeds of each, which are enough to tell if each job has its own."""
        assert self.config is not None
        assert self.hydra_context is not None
        start, longest = self.settings["start"], self.settings["longest"]
        several = self.settings["seeds"] + self.settings["confirm"] > 1
        places = [(start, seed) for seed in range(1 + several)] + [(longest, 0)]
        jobs = [c.at(*place) for c in combinations for place in dict.fromkeys(places)]
        compose = self.hydra_context.config_loader.load_sweep_config
        folders = [job_folder(compose(self.config, list(job)), n) for n, job in enumerate(jobs)]
        refuse_folders(folders, Path(self.config.hydra.sweep.dir))

    def _search(self, horizons: HorizonResults) -> None:
        """Round after round, until no combination has anything to ask about."""
        assert self.callback.sweep is not None
        assert self.callback.sweep.jobs is not None
        known = self.callback.sweep.jobs
        done = {words: _solved(result) for words, result in known.finished().items()}
        known.supersede_unfinished()
        while searching := [horizon for horizon in horizons.results if horizon.searching]:
            rounds = [self._jobs(horizon) for horizon in searching]
            asked = [job for jobs in rounds for same in jobs.values() for job in same]
            new = [job for job in asked if _recorded(job) not in done]
            self._launch(new)
            done |= {_recorded(job): _solved(known.result(job)) for job in new}
            for horizon, jobs in zip(searching, rounds, strict=True):
                answers = {n: [done[_recorded(job)] for job in same] for n, same in jobs.items()}
                self._judge(horizon, answers)
            horizons.write(self.folder)
        if any(horizon.search.undecided is not None for horizon in horizons.results):
            sys.stderr.write(f"to run failed jobs anew: {_again(self.folder)}\n")

    def _jobs(self, horizon: HorizonResult) -> dict[int, list[tuple[str, ...]]]:
        """The overrides of the runs that it asks about, one a seed of each length."""
        at = horizon.combination.at
        return {n: [at(n, seed) for seed in seeds] for n, seeds in horizon.seeds.asked.items()}

    def _judge(self, horizon: HorizonResult, answers: Mapping[int, Sequence[bool | None]]) -> None:
        horizon.seeds.tell(answers)
        counts = {length: horizon.seeds.counts[length] for length in answers}
        verdicts = [f"{n} solved by {count.solved} of {count.seeds}" for n, count in counts.items()]
        line = f"{horizon.combination.label}: {', '.join(verdicts)}; {horizon.bracket()}"
        sys.stdout.write(f"{fitted(line, sys.stdout)}\n")
        sys.stdout.flush()

    def _launch(self, jobs: Sequence[tuple[str, ...]]) -> None:
        assert self.launcher is not None
        assert self.callback.sweep is not None
        self.callback.sweep.progress.begin_round(len(jobs))
        size = self.max_batch_size or max(len(jobs), 1)
        for first in range(0, len(jobs), size):
            batch = [list(job) for job in jobs[first : first + size]]
            self.launcher.launch(batch, initial_job_idx=0)  # it gives the numbers


def _recorded(job: Sequence[str]) -> tuple[str, ...]:
    return tuple(as_recorded(job))


def _solved(result: Result | None) -> bool | None:
    return None if result is None else result.metrics.get("test/solved") == 1


def _again(folder: SweepFolder) -> str:
    again = f"the same command with\n{typed_override('hydra.sweep.dir', folder.path)}"
    return typable(again, "the same command")


def _refuse_searched(overrides: Sequence[Override], keys: Collection[str]) -> None:
    for override in overrides:
        if override.key_or_group in keys:
            seeds = override.key_or_group == "seed"
            settings = f"{KEY}.seeds" if seeds else f"{KEY}.start and {KEY}.longest"
            raise ValueError(
                f"{override.input_line} is what the sweeper sets: choose with {settings}"
            )

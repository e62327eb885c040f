"""The jobs that a command line asks for, where it is Hydra's own sweeper that makes them."""

from collections.abc import Sequence
from functools import cached_property

from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from rnnlab.foundation.run_folder import SweepFolder
from rnnlab.runs.resume_option import without_resume
from rnnlab.sweeps.combinations import product, to_plain
from rnnlab.sweeps.job_list import Identity, JobList, difference, identity

BASIC_SWEEPER = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"


class Plan:
    """All jobs of a sweep, before any is begun.

    Args:
        jobs: The overrides of each, as the sweeper will give them to the launcher.
        config: The sweep's.
        loader: Composes a job.
    """

    def __init__(
        self, jobs: Sequence[tuple[str, ...]], config: DictConfig, loader: ConfigLoader
    ) -> None:
        self.jobs, self.config, self.loader = jobs, config, loader

    @classmethod
    def read(cls, config: DictConfig) -> "Plan | None":
        """What a command line asks for; None of another sweeper, which decides as it goes.

        Raises:
            ValueError: For a sweep without an end to its values.
        """
        sweeper = config.hydra.sweeper
        if sweeper._target_ != BASIC_SWEEPER:
            return None
        loader = GlobalHydra.instance().config_loader()
        params = [f"{key}={value}" for key, value in (sweeper.get("params") or {}).items()]
        overrides = [*params, *config.hydra.overrides.task]
        parsed = OverridesParser.create(config_loader=loader).parse_overrides(overrides)
        return cls(product(parsed), config, loader)

    @cached_property
    def identities(self) -> dict[tuple[str, ...], Identity]:
        """What each job is, by its overrides; all are composed."""
        composed = ((o, self.loader.load_sweep_config(self.config, list(o))) for o in self.jobs)
        return {overrides: identity(to_plain(config)) for overrides, config in composed}

    def refuse_other(self, folder: SweepFolder) -> None:
        """All that the sweep in a folder has must be asked for: then the rest can be added to it.

        Raises:
            ValueError: That says what of the sweep is asked for no longer.
        """
        listed = JobList.read(folder)
        wanted = [(of, without_resume(list(o))) for o, of in self.identities.items()]
        for name, had in listed.known(folder).items():
            if all(had != of for of, _ in wanted):
                differs = difference(had, without_resume(listed.overrides[name]), wanted)
                raise ValueError(
                    f"hydra.sweep.dir={folder.path} holds another sweep: its job {name} {differs}"
                )

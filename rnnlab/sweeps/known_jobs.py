"""Any launcher of Hydra's, given those jobs of a sweep alone that have not finished.

A job is known by what it is: where the product of choices has grown, it has another number than it
had, and still its own folder.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from rnnlab.runs.hydra_loader import CheckedLoader
from rnnlab.runs.hydra_plain import job_folder, to_plain
from rnnlab.runs.resume_option import AUTO, read_resume
from rnnlab.sweeps.callback import CallbacksWithSweep
from rnnlab.sweeps.job import Job
from rnnlab.sweeps.job_list import Identity, identity
from rnnlab.sweeps.plugins import BASIC_LAUNCHER
from rnnlab.sweeps.process_launcher import ProcessLauncher
from rnnlab.sweeps.sweep_jobs import SweepJobs
from rnnlab.tracking.result import read_finished

INSTANTIATE = Plugins.instantiate_launcher


class KnownJobs(Launcher):
    """Knows the jobs of one sweep, and how each is called beside the others.

    Args:
        launcher: Runs them.
        loader: Composes a job.
    """

    def __init__(self, launcher: Launcher, loader: CheckedLoader) -> None:
        self.launcher, self.loader = launcher, loader

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        assert isinstance(hydra_context.callbacks, CallbacksWithSweep)
        self.callback, self.config = hydra_context.callbacks.sweep_callback, config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run those that have not finished; a return for each, in the order of `job_overrides`.

        What a sweeper asks for twice, as one that searches may, is run once and returned twice.
        The numbers are given here: `initial_job_idx` counts jobs that may have others.
        """
        sweep = self.callback.sweep
        assert sweep is not None
        assert sweep.jobs is not None
        jobs = self._placed(sweep.jobs, job_overrides)
        returns: dict[int, JobReturn] = {}
        to_run: list[int] = []
        first_of: dict[str, int] = {}
        for index, job in enumerate(jobs):
            if first_of.setdefault(job.name, index) != index:
                continue
            result = read_finished(sweep.folder.path / job.name) if job.known else None
            if result is None:
                to_run.append(index)
            else:
                returns[index] = _finished(job, result.metrics.get("test/loss"))
        sweep.progress.begin(len(to_run), len(returns), self._at_once())
        if to_run:
            first = jobs[to_run[0]].number
            first = sweep.jobs.listed.next_number() if first is None else first
            given = [jobs[index].as_number(first + n) for n, index in enumerate(to_run)]
            try:
                returned = self.launcher.launch(given, initial_job_idx=first)
            finally:
                sweep.progress.leave()
            if sweep.plan is not None:  # Hydra's sweeper would end at a failed one
                returned = [_kept_quiet(job) for job in returned]
            returns |= dict(zip(to_run, returned, strict=True))
        return [replace(returns[first_of[job.name]], overrides=list(job.overrides)) for job in jobs]

    def _at_once(self) -> int | None:
        """How many jobs the launcher runs at a time, where that is known."""
        if isinstance(self.launcher, ProcessLauncher):
            return self.launcher.n_jobs
        return 1 if self.config.hydra.launcher._target_ == BASIC_LAUNCHER else None

    def _placed(self, had: SweepJobs, job_overrides: Sequence[Sequence[str]]) -> list[Job]:
        """Each job with its folder, which the sweep's list of jobs has from here on.

        Raises:
            ValueError: If two of them would have one folder.
        """
        number = had.listed.next_number()
        names = {_key(of): name for name, of in had.known().items()}
        jobs: list[Job] = []
        for overrides in job_overrides:
            config = self.loader.compose_job(self.config, overrides)
            folder = job_folder(config, number)
            subdir = str(config.hydra.sweep.subdir)
            of = self._planned(overrides, number) or identity(to_plain(config, folder))
            resumes = read_resume(config).run == AUTO
            name = names.get(_key(of))
            if name is None:
                jobs.append(Job(overrides, subdir, number, of, known=False, resumes=resumes))
                names[_key(of)] = subdir
                number += 1
            else:
                jobs.append(Job(overrides, name, None, of, known=True, resumes=resumes))
        _refuse_shared_folders([*had.listed.jobs, *(job.name for job in jobs if not job.known)])
        had.add(jobs)
        return jobs

    def _planned(self, overrides: Sequence[str], number: int) -> Identity | None:
        """What a job is, if it has been looked at before under this number, by which a config may go."""
        plan = None if self.callback.sweep is None else self.callback.sweep.plan
        if plan is None or plan.numbers.get(tuple(overrides)) != number:
            return None
        return plan.identities[tuple(overrides)]


def instantiate_launcher(
    plugins: Plugins,
    hydra_context: HydraContext,
    task_function: TaskFunction,
    config: DictConfig,
) -> Launcher:
    """What stands in for Hydra's own: the launcher that a config names, within `KnownJobs`."""
    loader = hydra_context.config_loader
    assert isinstance(loader, CheckedLoader)
    launcher = INSTANTIATE(plugins, hydra_context, task_function, config)
    known = KnownJobs(launcher, loader)
    known.setup(hydra_context=hydra_context, task_function=task_function, config=config)
    return known


def _finished(job: Job, loss: float | None) -> JobReturn:
    return JobReturn(overrides=list(job.overrides), status=JobStatus.COMPLETED, _return_value=loss)


def _kept_quiet(job: JobReturn) -> JobReturn:
    """One that raises nothing; its failure is in its folder."""
    failed = job.status == JobStatus.FAILED
    return JobReturn(overrides=job.overrides, status=JobStatus.COMPLETED) if failed else job


def _refuse_shared_folders(names: Sequence[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(f"hydra.sweep.subdir={name} is the folder of two jobs")


def _key(of: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset(of.items())

"""Hydra's launcher for one machine: jobs in processes beside the sweep's own, several at once.

Processes are forked from a server that has torch, Lightning and MLflow imported, so that a job
after the first starts in a fraction of a second. A process takes some jobs one after another. A job
that raises, is killed, or runs too long is one failed job: its process ends with it, so that what
broke it breaks no other.
"""

import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from concurrent.futures import Future
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import cloudpickle
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig
from pebble import CONSTS, ProcessExpired, ProcessPool

from rnnlab.foundation import garbage
from rnnlab.foundation.checks import check_bool, check_float, check_int
from rnnlab.foundation.cores import cores
from rnnlab.foundation.masking import masked
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.foundation.signals import stop_on_signals
from rnnlab.foundation.streams import safe_streams
from rnnlab.runs.hydra_job import mask_files
from rnnlab.runs.hydra_loader import CheckedLoader
from rnnlab.runs.hydra_plain import job_folder
from rnnlab.sweeps.callback import CallbacksWithSweep
from rnnlab.sweeps.fork_server import start_fork_server
from rnnlab.sweeps.orphans import end_with_the_sweep
from rnnlab.tracking.result import Result, read_failure, read_finished, write_failure

CONSTS.term_timeout = 20  # seconds from SIGTERM to SIGKILL, for a checkpoint and a slow store
REDRAWN_EVERY = 1.0  # seconds
JOBS_A_PROCESS = 16
"""One after another: the first costs a fork and cold caches. What jobs leave behind ends with it."""


class JobFailedError(Exception):
    """What Hydra's sweeper gets from a failed job, after all jobs have ended."""


class ProcessLauncher(Launcher):
    """`n_jobs` processes at once, each for some jobs one after another.

    Args:
        n_jobs: Jobs at once; null: as many as there are cores that this process may use.
        job_timeout: Seconds after which a job is ended and counts as failed; null: never.
        fail_fast: End at the first failure: jobs at work are stopped as by SIGTERM, others not begun.

    Raises:
        ValueError: For a count below 1, a timeout that is not positive, or another type.
    """

    def __init__(
        self,
        n_jobs: int | None = None,
        job_timeout: float | None = None,
        fail_fast: bool = False,
    ) -> None:
        if n_jobs is not None:
            check_int("hydra.launcher.n_jobs", n_jobs, minimum=1)
        if job_timeout is not None:
            check_float("hydra.launcher.job_timeout", job_timeout, above=0.0)
        check_bool("hydra.launcher.fail_fast", fail_fast)
        self.n_jobs = n_jobs or cores()
        self.job_timeout, self.fail_fast = job_timeout, fail_fast
        self.pools: list[ProcessPool] = []

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        assert isinstance(hydra_context.callbacks, CallbacksWithSweep)
        self.callback = hydra_context.callbacks.sweep_callback
        self.context, self.task_function, self.config = hydra_context, task_function, config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run all jobs and wait for them; a failed one is returned as such.

        Raises:
            JobFailedError: With `fail_fast`, at the first that fails.
        """
        setup_globals()
        mask_files(Path(self.config.hydra.sweep.dir))
        # All are composed before any starts: a typo in the last one must not cost the first.
        composed = set[tuple[str, ...]]()
        configs = [
            self._compose(number, tuple(overrides), composed)
            for number, overrides in enumerate(job_overrides, start=initial_job_idx)
        ]
        garbage.resume()
        shared = self._packed()
        pool = ProcessPool(
            max_workers=min(self.n_jobs, len(configs)),
            max_tasks=JOBS_A_PROCESS,
            context=start_fork_server(),
        )
        self.pools.append(pool)  # its last, idle process may look for its locks once it has ended
        jobs: dict[Future[Any], DictConfig] = {}
        upcoming = iter(configs)

        def give(count: int) -> None:
            for config, folder in islice(upcoming, count):
                job = shared, cloudpickle.dumps(config), folder
                jobs[pool.schedule(_run, job, timeout=self.job_timeout)] = config

        try:
            # A job that a pool has, it begins as soon as another has ended, however that did.
            give(self.n_jobs if self.fail_fast else len(configs))
            self._wait_for(jobs, len(configs), give)
            pool.close()
        except BaseException:
            pool.stop()  # SIGTERM to every job: each ends as KILLED
            raise
        finally:
            pool.join()
        return [_job_return(config, future) for future, config in jobs.items()]

    def _wait_for(
        self, jobs: Mapping[Future[Any], DictConfig], count: int, give: Callable[[int], None]
    ) -> None:
        """Until all have ended, each with its line; `give` gives the pool so many more."""
        sweep = self.callback.sweep
        assert sweep is not None
        assert sweep.jobs is not None
        progress, done = sweep.progress, set[Future[Any]]()
        every = REDRAWN_EVERY if progress.line.terminal else None
        while len(done) < count:
            at_work = jobs.keys() - done
            progress.show(sum(future.running() for future in at_work))
            ended, _ = futures.wait(at_work, every, futures.FIRST_COMPLETED)
            for future in ended:
                config = jobs[future]
                failed = _failure_written(config, future)
                result = Result.read(_folder(config).path) if failed is None else None
                progress.ended(sweep.jobs.label(config.hydra.sweep.subdir), result, failed or "")
                if failed is not None and self.fail_fast:
                    sweep.ended_early = True
                    raise JobFailedError(failed)
            done |= ended
            give(len(ended))
            if ended and count - len(done) < self.n_jobs:  # a core is free
                _import_what_comes_after()

    def _compose(
        self, number: int, overrides: tuple[str, ...], composed: set[tuple[str, ...]]
    ) -> tuple[DictConfig, RunFolder]:
        loader = self.context.config_loader
        assert isinstance(loader, CheckedLoader)
        if overrides in composed:  # jobs that differ in their number alone: each has a config
            config = loader.load_sweep_config(self.config, list(overrides))
        else:
            config = loader.compose_job(self.config, overrides)
        composed.add(overrides)
        folder = job_folder(config, number)
        # A job that dies before its first line has a folder all the same.
        folder.mkdir(parents=True, exist_ok=True)
        return config, RunFolder(folder)

    def _packed(self) -> bytes:
        """What every job needs, with the resolvers and callbacks that pickle itself cannot carry."""
        state = (dict(os.environ), Singleton.get_state())
        return cloudpickle.dumps((*state, self.context, self.task_function))


def _run(shared: bytes, packed: bytes, folder: RunFolder) -> None:
    """One job, whose result is in its folder; everything printed goes to a file.

    A job that fails ends its process.
    """
    stop_on_signals()
    end_with_the_sweep()
    environment, singletons, context, task_function = cloudpickle.loads(shared)
    config = cloudpickle.loads(packed)
    os.environ.clear()
    os.environ.update(environment)
    setup_globals()
    Singleton.set_state(singletons)
    folder.failure.unlink(missing_ok=True)  # of an attempt before
    with folder.output.open("a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    with safe_streams():
        _job(config, folder, context, task_function)


def _job(
    config: DictConfig, folder: RunFolder, context: HydraContext, task_function: TaskFunction
) -> None:
    try:
        returned = run_job(
            task_function=task_function,
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
            hydra_context=context,
        )
        _ = returned.return_value  # raises what the task function raised
        if read_finished(folder.path) is None:  # by which a sweep knows of its jobs
            raise OSError(f"the run has finished, and {folder.result} could not take it")
    except Exception as error:  # noqa: BLE001 it is written down, and the process ends
        traceback.print_exc()
        write_failure(folder.path, error)  # unless job() has
        _end(1)
    except SystemExit as stopped:
        _end(stopped.code if isinstance(stopped.code, int) and stopped.code else 1)


def _end(status: int) -> NoReturn:
    """At once: what a failed job leaves behind is not worth a tidy end."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _import_what_comes_after() -> None:
    """While the last jobs run."""
    from rnnlab.sweeps import report, summary  # noqa: F401


def failure(config: DictConfig, future: Future[Any]) -> Exception | None:
    """Why a job failed, in words, or None; one that has finished has not, however its process ended."""
    error, folder = future.exception(), _folder(config).path
    if error is None or read_finished(folder) is not None:
        return None
    if isinstance(error, ProcessExpired):
        killed = f"its process was killed (exit status {error.exitcode})"
        return RuntimeError(read_failure(folder) or killed)
    if isinstance(error, futures.TimeoutError):
        return RuntimeError(f"it ran longer than job_timeout={error.args[-1]} seconds")
    return error if isinstance(error, Exception) else RuntimeError(repr(error))


def _folder(config: DictConfig) -> RunFolder:
    return RunFolder(Path(config.hydra.sweep.dir, config.hydra.sweep.subdir))


def _failure_written(config: DictConfig, future: Future[Any]) -> str | None:
    """Why a job failed, which its folder has from here on; None of one that has not."""
    if (error := failure(config, future)) is None:
        return None
    write_failure(_folder(config).path, str(error))  # unless it has done so
    return masked(str(error))


def _job_return(config: DictConfig, future: Future[Any]) -> JobReturn:
    error = failure(config, future)
    return JobReturn(
        overrides=list(config.hydra.overrides.task),
        cfg=config,
        status=JobStatus.COMPLETED if error is None else JobStatus.FAILED,
        _return_value=Result.read(_folder(config).path).metrics.get("test/loss")
        if error is None
        else JobFailedError(str(error)),
    )

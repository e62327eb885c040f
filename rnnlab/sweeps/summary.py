"""The table that a sweep ends with: each variant on each task, over its seeds."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rnnlab.masking import masked
from rnnlab.result import Result
from rnnlab.statistics import bootstrap_mean, wilson
from rnnlab.table import markdown_table

TOLD = ("cell", "clip", "task", "task.seq_len", "task.delay", "seed")  # by the other columns


@dataclass(frozen=True)
class Failure:
    """A job that ended without a result."""

    name: str
    reason: str
    run_id: str = ""


@dataclass(frozen=True)
class SweepSummary:
    """All that a sweep's folder tells of its jobs."""

    finished: list[Result]
    failed: list[Failure]

    @property
    def jobs(self) -> int:
        return len(self.finished) + len(self.failed)

    def table(self) -> str:
        """Variant x task: solved k of n with Wilson's interval, the mean loss with a bootstrap's."""
        groups: dict[tuple[str, ...], list[Result]] = defaultdict(list)
        shared = set.intersection(*(set(result.overrides) for result in self.finished))
        for result in self.finished:
            others = [o for o in result.overrides if o not in shared and _key(o) not in TOLD]
            setting = " ".join([result.variant, *sorted(others)])
            groups[setting, result.task, str(result.length)].append(result)
        header = ["variant", "task", "length", "solved (95 %)", "mean test loss (95 %)", "chance"]
        return markdown_table(header, [[*key, *_figures(groups[key])] for key in sorted(groups)])

    def markdown(self) -> str:
        lines = [self.table()] if self.finished else []
        if self.failed:
            lines.append(f"\n{len(self.failed)} of {self.jobs} jobs failed:\n")
            lines += [f"- {job.name}: {job.reason}" for job in self.failed]
        return "\n".join(lines) + "\n"

    __str__ = markdown


def summarise(folder: Path) -> SweepSummary:
    """Read the jobs' folders of a sweep that has ended."""
    finished, failed = [], []
    jobs = [path for path in folder.glob("*") if path.is_dir()]
    for job in sorted(jobs, key=lambda path: (len(path.name), path.name)):
        result = Result.read(job) if (job / "result.json").exists() else None
        if result is not None and result.status == "FINISHED":
            finished.append(result)
        else:
            failed.append(_failure(job, result))
    return SweepSummary(finished, failed)


def _failure(job: Path, result: Result | None) -> Failure:
    overrides = job / ".hydra" / "overrides.yaml"
    words: Any = yaml.safe_load(overrides.read_text("utf-8")) if overrides.exists() else []
    reason = "its process was killed" if words else "it was not started"
    if (job / "failure.txt").exists():
        reason = (job / "failure.txt").read_text("utf-8").strip().splitlines()[-1]
    elif result is not None and result.failure:
        reason = result.failure
    name = f"job {job.name} ({masked(' '.join(words))})" if words else f"job {job.name}"
    return Failure(name, f"{reason}; see {job}", result.run_id if result else "")


def _key(override: str) -> str:
    return override.lstrip("+").partition("=")[0]


def _figures(results: list[Result]) -> list[str]:
    solved = sum(result.metrics["test/solved"] == 1 for result in results)
    low, high = wilson(solved, len(results))
    losses = [r.metrics["test/loss"] for r in results if "test/loss" in r.metrics]
    mean = f"{sum(losses) / len(losses):.4g}" if losses else "-"
    if len(losses) > 1:
        least, most = bootstrap_mean(losses)
        mean += f" [{least:.4g}, {most:.4g}]"
    if 0 < len(losses) < len(results):
        mean += f" of {len(losses)}"
    rate = f"{solved} of {len(results)} [{low:.2f}, {high:.2f}]"
    return [rate, mean, f"{results[0].chance:.4g}"]

"""How MLflow's UI opens on an experiment: runs grouped by variant, the columns that compare them.

MLflow keeps a shared view as a tag of the experiment, under a key that a link can name. That is no
documented interface (seen in 3.17): where a version does not know it, the tag is a tag, and the
link opens the experiment as it is.
"""

import base64
import json
import re
import zlib
from dataclasses import dataclass
from typing import Any

from mlflow import MlflowClient

from rnnlab.tracking.manifest import PARENT_TAG

NAME = "rnnlab"
VARIANT_ON_TASK = "variant_on_task"  # a param of each run: MLflow has no room to show three
COLUMNS = ("test/loss_over_chance", "test/error", "test/solved", "steps_to_solve")
LINES = ("val/loss", "grad/norm", "memory/gradient_horizon")  # over updates
BARS = ("test/loss_over_chance", "test/error")
SECTIONS = {"loss": "Loss and error", "gradient": "Gradients and memory"}


@dataclass(frozen=True)
class View:
    """One way to look at an experiment: all runs, or those of one task at one length, or of a sweep.

    Of one task and length the groups are the variants, and their means are over seeds. Of all runs
    the groups are variants on a task and length, as means over different tasks compare nothing.
    """

    task: str | None = None
    length: int | None = None
    sweep: str | None = None
    """The id of its parent run."""

    @property
    def key(self) -> str:
        """Names the view, in its tag and in links."""
        place = "" if self.task is None else f"-{self.task}-{self.length}"
        if self.sweep is not None:
            place = f"-sweep-{self.sweep}"
        return re.sub(r"[^\w-]", "-", NAME + place, flags=re.ASCII)

    @property
    def tag(self) -> str:
        return f"mlflow.sharedViewState.{self.key}"

    def value(self) -> str:
        """The tag's value."""
        place = "all runs" if self.task is None else f"{self.task} {self.length}"
        if self.sweep is not None:
            place += f", sweep {self.sweep}"
        view = {
            "name": f"{NAME}: variants compared, {place}",
            "createdAt": 0,  # constant, so that a view that is there already is known as this one
            "updatedAt": 0,
            "state": _packed(_state(self)),
        }
        return json.dumps(view)

    def page(self, experiment_id: str) -> str:
        """The page that shows an experiment so, below the address of a server."""
        # Without the first part of the query MLflow shows its pages for language-model evaluations.
        query = f"workflowType=machine_learning&viewStateShareKey={self.key}"
        return f"/#/experiments/{experiment_id}/runs?{query}"


def share(client: MlflowClient, experiment_id: str, view: View) -> None:
    """Give an experiment the view, unless it has it."""
    if client.get_experiment(experiment_id).tags.get(view.tag) != (value := view.value()):
        client.set_experiment_tag(experiment_id, view.tag, value)


def _state(view: View) -> dict[str, Any]:
    searched, group = "tags.`rnnlab.kind` = 'run'", VARIANT_ON_TASK
    if view.task is not None:
        searched += f" and params.task = '{view.task}' and params.length = '{view.length}'"
        group = "variant"
    if view.sweep is not None:
        searched += f" and tags.`{PARENT_TAG}` = '{view.sweep}'"
    return {
        "searchFilter": searched,
        "orderByKey": "metrics.`test/loss_over_chance`",
        "orderByAsc": True,
        "selectedColumns": [f"metrics.`{name}`" for name in COLUMNS],
        "groupBy": {
            "aggregateFunction": "average",
            "groupByKeys": [{"mode": "param", "groupByData": group}],
        },
        "compareRunCharts": [
            *(_bar(metric, "loss") for metric in BARS),
            *(_line(m, "loss" if m == "val/loss" else "gradient") for m in LINES),
        ],
        "compareRunSections": [
            {"uuid": uuid, "name": name, "display": True, "isReordered": True}
            for uuid, name in SECTIONS.items()
        ],
        "isAccordionReordered": True,
    }


def _line(metric: str, section: str) -> dict[str, Any]:
    return {
        "uuid": f"line {metric}",
        "type": "LINE",
        "metricKey": metric,
        "selectedMetricKeys": [metric],
        "xAxisKey": "step",
        "lineSmoothness": 0,  # left out, MLflow smooths the mean, out of its own band
        "scaleType": "linear" if metric.startswith("memory") else "log",
        "metricSectionId": section,
    }


def _bar(metric: str, section: str) -> dict[str, Any]:
    return {
        "uuid": f"bar {metric}",
        "type": "BAR",
        "metricKey": metric,
        "metricSectionId": section,
    }


def _packed(state: dict[str, Any]) -> str:
    packed = base64.b64encode(zlib.compress(json.dumps(state).encode()))
    return f"deflate;{packed.decode()}"

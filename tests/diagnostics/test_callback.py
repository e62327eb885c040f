"""When a run's model is looked at; the oracle for what is seen is a look at its checkpoints."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from rnnlab.diagnostics import Probe
from rnnlab.diagnostics.callback import _due
from rnnlab.diagnostics.gradient_by_lag import GradientByLag
from rnnlab.diagnostics.lyapunov import Lyapunov
from rnnlab.diagnostics.omega import Omega
from rnnlab.runs.run_config import read_diagnostics, read_model
from rnnlab.training import checkpoints
from tests.support.command import SMALL, Command, client, result_of
from tests.support.configs import composed, plain
from tests.support.refusals import refusal
from tests.support.trained import trained

RUN = (
    *("cell=lstm", "cell.hidden_size=6", "train.block=2", "train.val_every=2"),
    *("train.batch_size=4", *SMALL, "tracking.log_model=false"),
)
ALL = ("gradient_by_lag", "jacobian", "lyapunov", "omega", "saturation", "memory_capacity")
NAMES = {*ALL, "error_by_lag"}


def test_due_after_validations_1_4_16_64() -> None:
    assert [n for n in range(300) if _due(n)] == [0, 1, 4, 16, 64, 256]


def test_metrics_arrays_and_figures_of_a_run(command: Command, home: Path) -> None:
    finished = command(*RUN, "train.steps=12")
    assert finished.status == 0, finished.err
    result = result_of(home)
    (run,) = client(home).search_runs(["1"])
    recorded = set(run.data.metrics)
    assert {
        *("memory/gradient_horizon", "memory/gradient_horizon_c", "memory/capacity"),
        *("recurrent/spectral_radius", "recurrent/singular_value_max", "recurrent/lyapunov_max"),
        "recurrent/lyapunov_unsettled",
        *("recurrent/singular_value_median", "recurrent/omega", "recurrent/saturation"),
        *("error/shortest_lags", "error/longest_lags", "perf/diagnostics_seconds"),
    } <= recorded
    history = client(home).get_metric_history(run.info.run_id, "recurrent/lyapunov_max")
    assert [metric.step for metric in history] == [0, 2, 8, 12]  # first, 1st, 4th validation, last
    cost = client(home).get_metric_history(run.info.run_id, "perf/diagnostics_seconds")
    assert [metric.step for metric in cost] == [0, 2, 8, 12]
    assert [metric.value for metric in cost] == sorted(metric.value for metric in cost)
    files = client(home).list_artifacts(run.info.run_id, "diagnostics")
    assert {Path(item.path).stem for item in files} == NAMES
    figures = client(home).list_artifacts(run.info.run_id, "figures")
    assert {Path(f.path).name for f in figures} == {"learning_curve.png", "diagnostics.png"}
    with np.load(Path(result.folder) / "diagnostics" / "gradient_by_lag.npz") as file:
        np.testing.assert_array_equal(file["updates"], [0, 2, 8, 12])
        assert file["h"].shape == file["c"].shape == (4, 10)


def test_the_last_look_is_at_the_model_that_is_tested(command: Command, home: Path) -> None:
    """Of the first weights, too: both against the diagnostics called by hand."""
    command(*RUN, "train.steps=8")
    result = result_of(home)
    saved = checkpoints.load(Path(result.checkpoint))
    config = read_model(saved["rnnlab"]["config"])
    model = config.make().eval()
    for name, diagnostic in (
        ("gradient_by_lag", GradientByLag()),
        ("lyapunov", Lyapunov()),
        ("omega", Omega()),
    ):
        with np.load(Path(result.folder) / "diagnostics" / f"{name}.npz") as file:
            stored = dict(file)
        for row, weights in ((0, None), (-1, saved["state_dict"])):
            fresh = config.make().eval()
            if weights is not None:
                fresh.load_state_dict(
                    {k.removeprefix("model."): v for k, v in weights.items() if k != "model"}
                )
            expected = diagnostic.measure(
                Probe(fresh, config.task, saved["rnnlab"]["config"]["eval"]["seed"])
            )
            for key, array in expected.arrays.items():
                np.testing.assert_allclose(stored[key][row], array, rtol=1e-5)
    assert model.num_params == int(client(home).search_runs(["1"])[0].data.params["num_params"])


@pytest.mark.slow
def test_looking_changes_no_loss(command: Command, home: Path) -> None:
    dropout = ("model.num_layers=2", "model.dropout=0.5", "train.steps=8")
    for choice, folder in (("all", "a"), ("none", "b")):
        command(*RUN, *dropout, f"diagnostics={choice}", f"hydra.run.dir={folder}")
    watched = (home / "a" / "metrics.jsonl").read_text()
    assert "recurrent/omega" in watched
    kinds = ("train/loss", "grad/norm", "val/loss", "test/loss")
    a, b = (_values(home / folder, kinds) for folder in ("a", "b"))
    assert a == b
    assert not (home / "b" / "diagnostics").exists()
    assert "diagnostics_seconds" not in (home / "b" / "metrics.jsonl").read_text()


def _values(folder: Path, keys: tuple[str, ...]) -> list[tuple[str, int, str]]:
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [(p["key"], p["step"], p["value"].hex()) for p in lines if p["key"] in keys]


def test_some_can_be_chosen(command: Command, home: Path) -> None:
    finished = command(*RUN, "train.steps=2", "diagnostics=[omega,lyapunov]")
    assert finished.status == 0, finished.err
    (run,) = client(home).search_runs(["1"])
    measured = {k for k in run.data.metrics if k.startswith(("recurrent/", "memory/", "error/"))}
    lyapunov = {"recurrent/lyapunov_max", "recurrent/lyapunov_unsettled"}
    assert measured == {"recurrent/omega", *lyapunov}
    assert run.data.params["diagnostics.lyapunov.count"] == "8"


def small(task: str) -> tuple[str, ...]:
    return ("task.delay=4", "task.copy_len=2") if task == "copy_memory" else ("task.seq_len=10",)


CELLS = ("elman", "elman_clipped", "gru", "lstm")
TASKS = ("adding", "copy_memory", "temporal_order", "teacher")


@pytest.mark.parametrize(
    ("cell", "task"),
    [
        pytest.param(c, t, marks=() if (i - j) % 4 == 0 else pytest.mark.slow)
        for i, c in enumerate(CELLS)
        for j, t in enumerate(TASKS)
    ],
)
def test_every_cell_on_every_task(tmp_path: Path, cell: str, task: str) -> None:
    run = [o for o in RUN if not o.startswith(("task.", "cell"))]
    chosen = (f"cell={cell}", f"task={task}", "cell.hidden_size=6", "train.steps=2")
    points = trained((*run, *small(task), *chosen), tmp_path).points
    assert 0 <= float.fromhex(points["memory/capacity", 2]) <= 6
    assert float.fromhex(points["recurrent/spectral_radius", 2]) >= 0


@pytest.mark.slow
@pytest.mark.parametrize(("cell", "task"), [*zip(CELLS, TASKS, strict=True)])
def test_each_cell_and_each_task_is_drawn(
    command: Command, home: Path, cell: str, task: str
) -> None:
    run = [o for o in RUN if not o.startswith(("task.", "cell"))]
    chosen = (f"cell={cell}", f"task={task}", "cell.hidden_size=6", "train.steps=2")
    finished = command(*run, *small(task), *chosen)
    assert finished.status == 0, finished.err
    assert (Path(result_of(home).folder) / "figures" / "diagnostics.png").exists()


@pytest.mark.parametrize("precision", ["64-true", "bf16-true", "bf16-mixed"])
def test_in_every_precision(tmp_path: Path, precision: str) -> None:
    points = trained((*RUN, "train.steps=2", f"trainer.precision={precision}"), tmp_path).points
    last = {key: float.fromhex(value) for (key, step), value in points.items() if step == 2}
    assert last["recurrent/lyapunov_max"] < 0.5
    assert last["recurrent/spectral_radius"] < 2
    assert last["memory/gradient_horizon"] == 10


def test_a_diverged_run_shows_what_was_seen(command: Command, home: Path) -> None:
    explode = ("cell.nonlinearity=relu", "optimizer=sgd", "optimizer.lr=1e30", "train.steps=8")
    run = [o for o in RUN if o != "cell=lstm"]
    finished = command("cell=elman", *run, *explode)
    assert finished.status == 0, finished.err
    result = result_of(home)
    assert result.metrics["diverged"] == 1
    assert (Path(result.folder) / "figures" / "diagnostics.png").exists()
    with np.load(Path(result.folder) / "diagnostics" / "omega.npz") as file:
        np.testing.assert_array_equal(file["updates"], [0])


def test_refused_before_anything_trains(home: Path) -> None:
    for override, message in {
        "diagnostics.lyapunov.count=0": "diagnostics.lyapunov.count=0 is too small: at least 1",
        "diagnostics.lyapunov.cuont=1": "diagnostics.lyapunov.cuont is unknown: did you mean",
        "diagnostics=lyapunof": "diagnostics=lyapunof is unknown: did you mean lyapunov?",
        "+diagnostics.mine=3": "diagnostics.mine=3 is not a section",
        "diagnostics.omega._target_=rnnlab.cells.elman.ElmanCell": "is not a Diagnostic",
        "diagnostics.omega.sequences=many": "diagnostics.omega.sequences='many' is not an integer",
    }.items():
        assert message in refusal(*RUN, override, output=home / "a"), override


def test_one_of_the_users_own(command: Command, home: Path) -> None:
    (home / "mine" / "diagnostics").mkdir(parents=True)
    (home / "mine" / "biggest.py").write_text(OWN)
    (home / "mine" / "diagnostics" / "biggest.yaml").write_text("_target_: biggest.Biggest\n")
    finished = command(
        *("--config-dir", "mine", "allow_targets=[biggest]", "diagnostics=[omega,biggest]"),
        *(*RUN, "train.steps=2"),
    )
    assert finished.status == 0, finished.err
    result = result_of(home)
    saved = checkpoints.load(Path(result.checkpoint))["state_dict"]
    weights = [w.abs().max().item() for k, w in saved.items() if "layers" in k]
    assert result.metrics["weights/biggest"] == pytest.approx(max(weights))


OWN = """
from dataclasses import dataclass

import numpy as np

from rnnlab.diagnostics import Diagnostic, Measurement


@dataclass(frozen=True)
class Biggest(Diagnostic):
    def measure(self, probe):
        biggest = max(p.abs().max().item() for p in probe.model.layers.parameters())
        return Measurement({"weights/biggest": biggest}, {"biggest": np.array([biggest])})

    def draw(self, axes, first, last):
        axes.bar(["at first", "at the end"], [first["biggest"][0], last["biggest"][0]])
"""


def test_the_config_names_each_with_its_defaults(command: Command) -> None:

    sections = plain(composed()["diagnostics"])
    assert set(sections) == NAMES
    made = read_diagnostics(sections, [])
    for name, diagnostic in made.items():
        assert diagnostic == type(diagnostic)(), name
        assert {"_target_", *vars(diagnostic)} == set(sections[name])
    assert torch.is_grad_enabled()

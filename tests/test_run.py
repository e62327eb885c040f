"""The command line, from its arguments to what lies in MLflow."""

import json
import re
import subprocess
import sys
from pathlib import Path

import mlflow
import numpy as np
import pytest
import torch
import yaml

from rnnlab.runs.factory import make_model, make_task
from tests.conftest import QUICK, SMALL, Command, client, result_of


def test_a_run_leaves_what_the_design_promises(command: Command, home: Path) -> None:
    finished = command("cell=elman_clipped", "seed=3", "eval.lengths=[20]", *QUICK, *SMALL)
    assert finished.status == 0, finished.err
    (run,) = client(home).search_runs(["1"])
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "elman_clipped · adding 10 · s3"
    params = run.data.params
    assert params["variant"] == "elman_clipped"
    assert params["variant_on_task"] == "elman_clipped · adding 10"
    assert params["cell.hidden_size"] == "64"
    assert params["clip.max_norm"] == "1.0"
    assert params["task.seq_len"] == "10"
    assert params["eval.lengths"] == "[20]"
    assert params["train.data_seed"] == "3"
    assert params["resume.run"] == "null"
    # W, U, b, V, c by hand
    assert params["num_params"] == str(64 * 2 + 64 * 64 + 64 + 64 + 1)
    assert run.data.tags["rnnlab.kind"] == "run"
    assert run.data.tags["rnnlab.version"]
    assert {
        *("train/loss", "train/lr", "val/loss", "val/error", "test/loss", "test/error"),
        *("test/loss_over_chance", "test/solved", "diverged", "perf/steps_per_second"),
        *("grad/norm", "grad/norm_clipped", "grad/clip_fraction", "length/20/error"),
    } <= set(run.data.metrics)
    assert "steps_to_solve" not in run.data.metrics  # it has not solved anything in 4 updates
    history = client(home).get_metric_history(run.info.run_id, "train/loss")
    assert [metric.step for metric in history] == [2, 4]
    names = {item.path for item in client(home).list_artifacts(run.info.run_id)}
    assert names == {"config.yaml", "packages.txt", "figures", "model"}


def test_every_leaf_of_the_config_is_a_param(command: Command, home: Path) -> None:
    command(*QUICK, *SMALL)
    (run,) = client(home).search_runs(["1"])
    folder = Path(result_of(home).folder)
    config = yaml.safe_load((folder / "config.yaml").read_text())

    def keys(node: dict, prefix: str = "") -> set[str]:
        found = set()
        for key, value in node.items():
            found |= (
                keys(value, f"{prefix}{key}.")
                if isinstance(value, dict) and value
                else {f"{prefix}{key}"}
            )
        return found

    assert keys(config) <= set(run.data.params)


def test_the_summary_has_the_numbers_and_says_where_to_look(command: Command, home: Path) -> None:
    finished = command("cell=gru", *QUICK, *SMALL)
    result = result_of(home)
    header, _, row = re.findall(r"^\|.*\|$", finished.out, re.MULTILINE)
    assert [c.strip() for c in header.strip("|").split("|")] == [
        *("cell", "task", "length", "test loss", "loss/chance", "test error", "solved"),
        *("steps to solve", "time"),
    ]
    cells = [c.strip() for c in row.strip("|").split("|")]
    assert cells[:3] == ["gru", "adding", "10"]
    assert float(cells[3]) == pytest.approx(result.metrics["test/loss"], rel=1e-3)
    assert cells[6] == "no"
    assert result.run_id in finished.out
    assert result.checkpoint in finished.out
    lines = finished.out.splitlines()
    page = "http://127.0.0.1:5000/#/experiments/1/runs"
    assert f"in MLflow   {page}/{result.run_id}?workflowType=machine_learning" in lines
    view = "?workflowType=machine_learning&viewStateShareKey=rnnlab-adding-10"
    assert f"compare     {page}{view}" in lines
    assert "served by   mlflow ui" in lines
    assert re.search(r"4/4 +loss [\d.]+, chance 0\.167", finished.out)


def test_the_logged_model_answers_at_any_length(command: Command, home: Path) -> None:
    command(*QUICK, *SMALL)
    result = result_of(home)
    mlflow.set_tracking_uri(f"sqlite:///{home}/mlflow.db")
    served = mlflow.pyfunc.load_model(f"runs:/{result.run_id}/model")
    inputs = np.random.default_rng(0).random((3, 37, 2), dtype=np.float32)
    checkpoint = torch.load(result.checkpoint)  # torch's default: weights_only=True
    config = checkpoint["rnnlab"]["config"]
    model = make_model(config, make_task(config))
    weights = {k.removeprefix("model."): v for k, v in checkpoint["state_dict"].items()}
    model.load_state_dict(weights)
    expected, _ = model.eval()(torch.from_numpy(inputs))
    np.testing.assert_allclose(
        np.asarray(served.predict(inputs)), expected.detach().numpy(), rtol=1e-6
    )


def test_the_model_can_be_left_out(command: Command, home: Path) -> None:
    command("tracking.log_model=false", *QUICK, *SMALL)
    (run,) = client(home).search_runs(["1"])
    names = {item.path for item in client(home).list_artifacts(run.info.run_id)}
    assert names == {"config.yaml", "packages.txt", "figures"}


def test_same_seed_same_run_to_the_last_bit(command: Command, home: Path) -> None:
    deep = ("cell=lstm", "model.num_layers=2", "model.dropout=0.3")
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        command(*deep, f"seed={seed}", *QUICK, *SMALL, f"hydra.run.dir={folder}")
    a, b, c = ([losses(home / name)] for name in "abc")
    assert a == b
    assert a != c


def losses(folder: Path) -> list[tuple[str, int, str]]:
    """Every loss and gradient norm of a run's journal, in hex."""
    points = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [
        (p["key"], p["step"], float(p["value"]).hex())
        for p in points
        if not p["key"].startswith("perf/")
    ]


def test_model_seed_and_data_seed_are_separate(command: Command, home: Path) -> None:
    def first(*more: str, folder: str) -> dict[str, str]:
        command(*QUICK, *SMALL, *more, f"hydra.run.dir={folder}")
        return {key: value for key, step, value in losses(home / folder) if step == 2}

    base = first("seed=1", folder="a")
    other_data = first("seed=1", "train.data_seed=9", folder="b")
    other_model = first("seed=2", "train.data_seed=1", folder="c")
    other_eval = first("seed=1", "eval.seed=5", folder="d")
    assert base["train/loss"] != other_data["train/loss"]
    assert base["train/loss"] != other_model["train/loss"]
    assert base["train/loss"] == other_eval["train/loss"]
    assert base["val/loss"] != other_eval["val/loss"]


def test_the_test_set_is_the_same_for_all(command: Command, home: Path) -> None:
    """An untrained model's test loss depends on its weights alone, not on the training data."""
    still = ("optimizer=sgd", "optimizer.lr=0.0")
    for folder, data_seed in (("a", 1), ("b", 2)):
        more = (f"train.data_seed={data_seed}", f"hydra.run.dir={folder}")
        command(*still, *more, *QUICK, *SMALL)
    tests = [
        [point for point in losses(home / name) if point[0].startswith("test/")] for name in "ab"
    ]
    assert tests[0] == tests[1]


def test_help_names_every_choice(command: Command) -> None:
    finished = command("--help")
    assert finished.status == 0
    for name in ("elman", "elman_clipped", "lstm", "gru", "adding", "copy_memory", "teacher"):
        assert re.search(rf"^ +{name} +\w", finished.out, re.MULTILINE), name
    examples = re.findall(
        r"^ +python -m rnnlab\.run (?!\[|-m key)(.+)$", finished.out, re.MULTILINE
    )
    assert len(examples) == 7


@pytest.mark.parametrize("asked", [["--help"], ["--cfg", "job"]])
def test_what_is_only_asked_about_imports_nothing_heavy(home: Path, asked: list[str]) -> None:
    """Each of these takes longer to import than the answer may."""
    program = f"""
import sys
from rnnlab.run import main
sys.argv[1:] = {asked}
try:
    main()
finally:
    heavy = {{"torch", "mlflow", "pytorch_lightning", "scipy.stats", "matplotlib"}}
    sys.stderr.write(f"imported: {{sorted(heavy & set(sys.modules))}}")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=home, capture_output=True, text=True, check=True
    )
    assert "imported: []" in done.stderr


@pytest.mark.parametrize("more", [[], ["resume=auto"]])
def test_combinations_import_nothing_heavy_before_their_jobs(home: Path, more: list[str]) -> None:
    """They would wait for it: torch and Lightning, 2 s, are the jobs' own."""
    program = f"""
import sys
from pebble import ProcessPool
from rnnlab.run import main
def schedule(*_, **__):
    heavy = {{"torch", "pytorch_lightning", "matplotlib"}}
    sys.stderr.write(f"imported: {{sorted(heavy & set(sys.modules))}}")
    sys.exit()
ProcessPool.schedule = schedule
sys.argv[1:] = ["-m", "seed=0,1", *{more}]
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=home, capture_output=True, text=True, check=True
    )
    assert "imported: []" in done.stderr


def test_examples_of_the_help_compose(command: Command) -> None:
    text = command("--help").out
    examples = re.findall(r"^ +python -m rnnlab\.run (?!\[|-m)(.+)$", text, re.MULTILINE)
    assert len(examples) == 5
    for example in examples:
        finished = command(*example.split(), "--cfg", "job")
        assert finished.status == 0, (example, finished.err)


def test_two_runs_in_one_second_have_two_folders(command: Command, home: Path) -> None:
    for _ in range(2):
        command(*QUICK, *SMALL, "train.steps=2")
    assert len(list(home.glob("outputs/runs/*/*/result.json"))) == 2


@pytest.mark.parametrize(
    ("cell", "clip", "variant"),
    [
        ("lstm", "none", "lstm"),
        ("elman", "norm", "elman_clipped"),
        ("elman_clipped", "none", "elman"),
        ("gru", "value", "gru_clipped_value"),
    ],
)
def test_variant_is_the_cell_with_its_clipping(
    command: Command, home: Path, cell: str, clip: str, variant: str
) -> None:
    command(f"cell={cell}", f"clip={clip}", *QUICK, *SMALL, "train.steps=2")
    assert result_of(home).variant == variant

"""The command line, from its arguments to what lies in MLflow."""

import re
import subprocess
import sys
from pathlib import Path

import mlflow
import numpy as np
import pytest
import torch
import yaml

from rnnlab.run import CONF
from rnnlab.runs.run_config import read_model
from tests.support.command import QUICK, SMALL, Command, client, result_of
from tests.support.configs import leaves
from tests.support.journals import points_in_order

# The groups that say what a run is; trainer and tracking are those of where it runs.
HELPED = {"cell", "task", "clip", "regularizer", "optimizer", "schedule"}
HELPED |= {"diagnostics", "experiment"}


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
    assert (params["state_size"], params["work"], params["depth"]) == ("64", "H^2", "T")
    for group, name in (("cell", "elman_clipped"), ("task", "adding")):
        says = (CONF / group / f"{name}.yaml").read_text("utf-8").splitlines()
        assert f"# {params[f'about_{group}']}" in says
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
    assert leaves(config) <= set(run.data.params)


def test_the_summary_has_the_numbers_and_says_where_to_look(command: Command, home: Path) -> None:
    finished = command("cell=gru", *QUICK, *SMALL)
    result = result_of(home)
    lines = finished.out.splitlines()
    first = lines.index("gru · adding 10 · s0") + 1
    cells = dict(re.split(" {2,}", line) for line in lines[first : first + 9])
    assert list(cells) == [
        *("cell", "task", "length", "test loss", "loss/chance", "test error", "solved"),
        *("steps to solve", "time"),
    ]
    assert [*cells.values()][:3] == ["gru", "adding", "10"]
    assert float(cells["test loss"]) == pytest.approx(result.metrics["test/loss"], rel=1e-3)
    assert cells["solved"] == "no"
    assert f"run         {result.run_id}" in lines
    assert f"checkpoint  {Path(result.checkpoint).relative_to(home)}" in lines
    page = "http://127.0.0.1:5000/#/experiments/1/runs"
    assert f"{page}/{result.run_id}?workflowType=machine_learning" in lines
    view = "?workflowType=machine_learning&viewStateShareKey=rnnlab-adding-10"
    assert f"{page}{view}" in lines
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
    model = read_model(config).make()
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
    a, b, c = ([points_in_order(home / name)] for name in "abc")
    assert a == b
    assert a != c


@pytest.mark.slow
def test_model_seed_and_data_seed_are_separate(command: Command, home: Path) -> None:
    def first(*more: str, folder: str) -> dict[str, str]:
        command(*QUICK, *SMALL, *more, f"hydra.run.dir={folder}")
        return {key: value for key, step, value in points_in_order(home / folder) if step == 2}

    base = first("seed=1", folder="a")
    other_data = first("seed=1", "train.data_seed=9", folder="b")
    other_model = first("seed=2", "train.data_seed=1", folder="c")
    other_eval = first("seed=1", "eval.seed=5", folder="d")
    assert base["train/loss"] != other_data["train/loss"]
    assert base["train/loss"] != other_model["train/loss"]
    assert base["train/loss"] == other_eval["train/loss"]
    assert base["val/loss"] != other_eval["val/loss"]


@pytest.mark.slow
def test_the_test_set_is_the_same_for_all(command: Command, home: Path) -> None:
    """An untrained model's test loss depends on its weights alone, not on the training data."""
    still = ("optimizer=sgd", "optimizer.lr=0.0")
    for folder, data_seed in (("a", 1), ("b", 2)):
        more = (f"train.data_seed={data_seed}", f"hydra.run.dir={folder}")
        command(*still, *more, *QUICK, *SMALL)
    tests = [
        [point for point in points_in_order(home / name) if point[0].startswith("test/")]
        for name in "ab"
    ]
    assert tests[0] == tests[1]


def test_help_names_every_choice(command: Command) -> None:
    """Oracle: the yaml of each group, and what each says of itself."""
    finished = command("--help")
    assert finished.status == 0
    for path in sorted(CONF.glob("*/*.yaml")):
        if path.parent.name in HELPED:
            first = next(x for x in path.read_text().splitlines() if not x.startswith("# @package"))
            words = f"{path.stem} {first.removeprefix('#')}".split()
            assert words in [line.split() for line in finished.out.splitlines()], path


@pytest.mark.parametrize("arguments", [["--help"], ["--cfg", "job"]])
def test_what_is_only_asked_about_imports_nothing_heavy(home: Path, arguments: list[str]) -> None:
    """Each of these takes longer to import than the answer may."""
    program = f"""
import sys
from rnnlab.run import main
sys.argv[1:] = {arguments}
try:
    main()
finally:
    heavy = {{"torch", "mlflow", "pytorch_lightning", "scipy.stats", "matplotlib", "llvmlite"}}
    sys.stderr.write(f"imported: {{sorted(heavy & set(sys.modules))}}")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=home, capture_output=True, text=True, check=True
    )
    assert "imported: []" in done.stderr


@pytest.mark.slow
def test_combinations_import_no_lightning_before_their_jobs(home: Path) -> None:
    """It would take longer than what the jobs need to be imported beside; of resume=auto too."""
    program = """
import os, sys
from pebble import ProcessPool
from rnnlab.run import main
def schedule(*_, **__):
    heavy = {"pytorch_lightning", "mlflow", "torch"}
    sys.stderr.write(f"imported: {sorted(heavy & set(sys.modules))}")
    sys.stderr.flush()
    os._exit(0)  # what would follow imports all of it
ProcessPool.schedule = schedule
sys.argv[1:] = ["-m", "seed=0,1", "resume=auto"]
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=home, capture_output=True, text=True, check=True
    )
    assert "imported: ['mlflow', 'torch']" in done.stderr  # the checks, and the store


def examples(text: str) -> list[list[str]]:
    """The arguments of each command that the help shows, but for those that stand for others."""
    commands = re.findall(r"^ +python -m rnnlab\.run (?!\[|-m key)(.+)$", text, re.MULTILINE)
    return [command.split() for command in commands]


def test_examples_of_the_help_compose(command: Command) -> None:
    """Those of a sweep for the first of its jobs: each of them is a run."""
    shown = examples(command("--help").out)
    assert [arguments for arguments in shown if "-m" not in arguments]
    assert [arguments for arguments in shown if "-m" in arguments]
    for arguments in shown:
        words = [word for word in arguments if word != "-m"]
        if len(words) < len(arguments):
            words = [word.split(",")[0] for word in words]
        finished = command(*words, "--cfg", "job")
        assert finished.status == 0, (arguments, finished.err)


@pytest.mark.slow
def test_two_runs_in_one_second_have_two_folders(command: Command, home: Path) -> None:
    for _ in range(2):
        command(*QUICK, *SMALL, "train.steps=2")
    assert len(list(home.glob("outputs/runs/*/*/result.json"))) == 2


@pytest.mark.slow
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

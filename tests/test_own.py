"""A cell and a task of a user's own: the files and commands of README, run as they stand there."""

import os
import re
import shlex
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.conftest import QUICK, SMALL, client, result_of

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def write_files(folder: Path) -> None:
    """Each block of README that begins with a comment that names a file."""
    for language, text in BLOCKS:
        first, _, rest = text.partition("\n")
        if language in {"python", "yaml"}:
            path = folder / first.removeprefix("# ")
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text(rest, encoding="utf-8")


def commands() -> list[list[str]]:
    """README's commands that name a folder of the user's."""
    lines = [line for language, text in BLOCKS for line in text.splitlines() if language == "bash"]
    return [shlex.split(line)[1:] for line in lines if "--config-dir" in line]


def run(python: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    return subprocess.run(
        [python, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )


def test_readme_has_one_of_each() -> None:
    assert len(commands()) == 2
    assert [arguments[-2:] for arguments in commands()] == [
        ["cell=leaky", "cell.leak=0.2"],
        ["task=first_bit", "cell=gru"],
    ]


@pytest.mark.parametrize("arguments", commands(), ids=["cell", "task"])
def test_readmes_commands_run(arguments: list[str], home: Path) -> None:
    write_files(home)
    finished = run(sys.executable, home, *arguments, *QUICK, *SMALL)
    assert finished.returncode == 0, finished.stderr
    (stored,) = client(home).search_runs(["1"])
    if "cell=leaky" in arguments:
        assert stored.info.run_name == "leaky · adding 10 · s0"
        assert stored.data.params["cell.leak"] == "0.2"
        assert "chance 0.1667" in finished.stdout
    else:
        assert stored.info.run_name == "gru · first_bit 10 · s0"
        assert "chance 0.6931" in finished.stdout
    assert result_of(home).metrics["test/loss"] > 0


def test_a_cell_of_ones_own_in_a_sweep(home: Path) -> None:
    write_files(home)
    own = ["-m", "rnnlab.run", "--config-dir", ".", "-m", "allow_targets=[leaky,first_bit]"]
    sweep = ["cell=leaky,gru", "task=first_bit"]
    finished = run(sys.executable, home, *own, *sweep, *QUICK, *SMALL)
    assert finished.returncode == 0, finished.stderr + finished.stdout
    assert len(client(home).search_runs(["1"])) == 3


def test_a_folder_of_ones_own_is_elsewhere(home: Path) -> None:
    write_files(home / "mine")
    cell = ["--config-dir", "mine", "allow_targets=[leaky]", "cell=leaky"]
    finished = run(sys.executable, home, "-m", "rnnlab.run", *cell, *QUICK, *SMALL)
    assert finished.returncode == 0, finished.stderr


def test_nothing_of_ones_own_runs_unasked(home: Path) -> None:
    write_files(home)
    (home / "leaky.py").write_text("raise SystemExit('it ran')")
    finished = run(
        sys.executable, home, "-m", "rnnlab.run", "--config-dir", ".", "cell=leaky", *QUICK
    )
    assert finished.returncode == 2
    assert "cell._target_='leaky.LeakyCell' is not in an allowed package" in finished.stderr
    assert "allow_targets=[package]" in finished.stderr


def test_own_errors_are_told_by_their_key(home: Path) -> None:
    write_files(home)
    cell, task = commands()
    finished = run(sys.executable, home, *cell[:-1], "cell.leak=1.5")
    assert finished.returncode == 2
    assert "cell.leak=1.5 is not within (0, 1]" in finished.stderr
    finished = run(sys.executable, home, *task, "task.seq_len=1")
    assert finished.returncode == 2
    assert "task.seq_len=1 is too short: at least 2" in finished.stderr


def test_help_lists_ones_own(home: Path) -> None:
    write_files(home)
    finished = run(sys.executable, home, "-m", "rnnlab.run", "--config-dir", ".", "--help")
    assert re.search(r"leaky +h_t = \(1 - a\)", finished.stdout)
    assert re.search(r"first_bit +Tell the first", finished.stdout)


@pytest.mark.slow
def test_an_installed_wheel_in_an_empty_folder(tmp_path: Path, home: Path) -> None:
    """Built, installed in an environment of its own, run where there is no checkout.

    The environment sees this one's other packages by a .pth file, and its own rnnlab before them.
    """
    built = tmp_path / "dist"
    build = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "-o",
        str(built),
        str(ROOT),
    ]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = built.glob("*.whl")
    fresh = tmp_path / "fresh"
    venv.create(fresh, with_pip=True)
    python = str(fresh / "bin" / "python")
    subprocess.run(
        [python, "-m", "pip", "install", "--no-deps", "--no-index", str(wheel)],
        check=True,
        capture_output=True,
    )
    site = next((fresh / "lib").glob("python*/site-packages"))
    others = next(p for p in sys.path if p.endswith("site-packages"))
    (site / "others.pth").write_text(f"{others}\n")

    where = run(python, home, "-c", "import rnnlab.run as r; print(r.__file__, r.CONF)")
    assert where.stdout.split() == [
        str(site / "rnnlab" / "run.py"),
        str(site / "rnnlab" / "conf"),
    ]
    write_files(home)
    for arguments in [["-m", "rnnlab.run"], *commands()]:
        finished = run(python, home, *arguments, *QUICK, *SMALL)
        assert finished.returncode == 0, finished.stderr
    assert len(client(home).search_runs(["1"])) == 3
    sweep = run(python, home, "-m", "rnnlab.run", "-m", "seed=0,1", *QUICK, *SMALL)
    assert sweep.returncode == 0, sweep.stderr

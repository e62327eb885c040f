"""Wrong input: a message of one to three lines, exit status 2, nothing left behind."""

import socket
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from rnnlab.cells.lstm import LSTMCell
from rnnlab.run import CONF
from tests.support.command import QUICK, SMALL, Command, client
from tests.support.refusals import refusal

CELLS = ", ".join(sorted(path.stem for path in (CONF / "cell").glob("*.yaml")))
WRONG = {
    # misspelt: group, choice, key, section, with the nearest match
    "cel=lstm": "cel is unknown: did you mean cell?",
    "cell=lstmm": "cell=lstmm is unknown: did you mean lstm?",
    "task=ading": "task=ading is unknown: did you mean adding?",
    "cell=[lstm,gru]": "cell=[lstm,gru] chooses several, and a run has one: sweep with -m cell=lstm,gru",
    "+cell.foo=3": "cell.foo is unknown: Allowed: hidden_size, forget_bias, chrono",
    "+cell.input_size=3": "cell.input_size cannot be set",
    "clip=": "clip= is unknown: Allowed: none, norm, value",
    "cell=null": f"cell=null is unknown: Allowed: {CELLS}",
    "clip=true": "clip=true is unknown: it is clip=norm. Allowed: none, norm, value",
    "cell=transformer": f"cell=transformer is unknown: Allowed: {CELLS}",
    "cell.hiden_size=3": "cell.hiden_size is unknown: did you mean cell.hidden_size?",
    "train.stepz=4": "train.stepz is unknown: did you mean train.steps?",
    "trian.steps=4": "trian is unknown: did you mean train?",
    "+sead=3": "sead is unknown: did you mean seed?",
    "+train.lr=3": "train.lr is unknown",
    # wrong types and values
    "train.steps=abc": "train.steps='abc' is not an integer",
    "train.steps=1.5": "train.steps=1.5 is not an integer",
    "train.steps=0": "train.steps=0 is too small: at least 1",
    "train.stop_when_solved=maybe": "train.stop_when_solved='maybe' is not true or false",
    "train.val_every=70": "train.val_every=70 is not a multiple of block=50",
    "cell.hidden_size=-1": "cell.hidden_size=-1 is too small: at least 1",
    "cell.forget_bias=abc": "cell.forget_bias='abc' is not a number or null",
    "cell.chrono=100": "cell.chrono=100 and forget_bias=1.0 both set the forget bias",
    "seed=-1": "seed=-1 is too small: at least 0",
    "seed=abc": "seed=abc is not a whole number",
    "num_threads=0": "num_threads=0 is too small: at least 1",
    "model.num_layers=0": "model.num_layers=0 is too small: at least 1",
    "model.dropout=0.5": "model.dropout=0.5 acts between layers",
    "model.output_nonlinearity=tahn": "did you mean tanh?",
    "optimizer.lr=-1": "optimizer: Invalid learning rate: -1",
    "optimizer.lr=fast": "optimizer.lr='fast' is not a number",
    "optimizer.betas=[0.9]": "optimizer.betas=[0.9] is not",
    "task.variant=bai2017": "did you mean bai2018?",
    "eval.sequences=100": "eval.sequences=100 cannot show an error rate below 0.01: at least 381",
    "eval.lengths=[50,50]": "eval.lengths=[50, 50] names a length twice",
    "trainer.accelerator=warp": "trainer",
    "trainer.precision=16-mixed": "Allowed: 32-true, 64-true, bf16-mixed, bf16-true",
    "+trainer.max_steps=3": "trainer.max_steps is unknown",
    "tracking.log_model=7": "tracking.log_model=7 is not true or false",
    # lengths too short
    "task.seq_len=1": "task.seq_len=1 is too short for variant=arjovsky2016: at least 2",
    "train.min_seq_len=1": "train.min_seq_len=1: seq_len=1 is too short for variant=arjovsky2016",
    "train.min_seq_len=51": "train.min_seq_len=51: at most 50, the seq_len of the task",
    "train.min_seq_len=0": "train.min_seq_len=0 is too small: at least 1",
    "train.min_seq_len=2.5": "train.min_seq_len=2.5 is not an integer or null",
    "eval.lengths=[1]": "eval.lengths=1: seq_len=1 is too short",
    # not a class that may be named
    "cell._target_=os.system": "cell._target_='os.system' is not in an allowed package",
    "cell._target_=torch.load": "cell._target_='torch.load' is not a Cell",
    "allow_targets=mine": "allow_targets='mine' is not a list of packages, as [mine]",
    "allow_targets=1": "allow_targets=1 is not a list of packages, as [mine]",
    "allow_targets=null": "allow_targets=None is not a list of packages, as [mine]",
    "allow_targets={a: 1}": "Error merging override allow_targets={a: 1}",
    "eval.lengths={a: 1}": "Cannot merge DictConfig with ListConfig",
    "~train": "train is missing",
    "model=null": "model=None is not a section of keys",
    "seed=4294967296": "seed=4294967296 is too large",
    "num_threads=100000": "num_threads=100000 is too large",
    # not an override
    "cell": "'cell' cannot be read as group=choice or key=value",
    "cell=[a": "'cell=[a' cannot be read",
    # what is not there
    "resume=nowhere": "resume='nowhere': there is no run in",
    "resume=3": "resume=3 is not a run's folder, last checkpoint or id",
    "tracking.uri=sqlite:////proc/no/mlflow.db": "cannot be used",
}


# One of each kind goes through a whole command; what a store refuses does so only there.
WHOLE = (
    *("cel=lstm", "cell=lstmm", "train.steps=abc", "cell.chrono=100", "cell._target_=os.system"),
    *("~train", "cell=[a", "resume=nowhere", "tracking.uri=sqlite:////proc/no/mlflow.db"),
)


@pytest.mark.parametrize("override", [o for o in WRONG if not o.startswith("tracking.uri")])
def test_wrong_input_is_refused_in_words(home: Path, override: str) -> None:
    """By the code of a command up to where its run would begin."""
    message = refusal(override, output=home / "a")
    assert WRONG[override] in message
    assert 1 <= len(message.strip().splitlines()) <= 3


@pytest.mark.parametrize("override", WHOLE)
def test_a_command_ends_with_them(command: Command, home: Path, override: str) -> None:
    finished = command(override)
    assert finished.status == 2
    assert WRONG[override] in finished.err
    assert 1 <= len(finished.err.splitlines()) <= 3
    assert "Error executing job" not in finished.err
    assert "Traceback" not in finished.err + finished.out
    assert [path.name for path in home.iterdir()] == ["mlflow.db"]  # nobody has even opened it
    assert client(home).search_runs(["0", "1"]) == []


def test_a_refused_command_leaves_an_earlier_run_as_it_was(command: Command, home: Path) -> None:
    """In its folder, also where that is the one that the command names."""
    assert command(*QUICK, *SMALL, "hydra.run.dir=a").status == 0

    def everything() -> dict[Path, bytes]:
        files = {path for path in home.rglob("*") if path.is_file()}
        return {path: path.read_bytes() for path in files if "mlflow.db" not in path.name}

    before = everything()
    for refused in (
        (),  # it holds a run
        ("train.steps=0",),
        ("resume=a", "cell=gru"),
        ("resume=nowhere",),
    ):
        finished = command(*QUICK, *SMALL, "hydra.run.dir=a", *refused)
        assert finished.status == 2
        assert "Error executing job" not in finished.err
        assert everything() == before


def test_a_store_that_refuses_leaves_no_folder(command: Command, home: Path) -> None:
    store = client(home)
    store.delete_experiment(store.create_experiment("gone"))
    for sweep in ((), ("-m",)):
        finished = command(*sweep, "tracking.experiment=gone", *QUICK, *SMALL)
        assert finished.status == 2
        assert "tracking.experiment='gone' has been deleted" in finished.err
        assert "Error executing job" not in finished.err
        assert not (home / "outputs").exists()


def test_short_for_one_variant_alone(command: Command) -> None:
    finished = command("task.variant=pascanu2013", "task.seq_len=9")
    assert finished.status == 2
    assert "task.seq_len=9 is too short for variant=pascanu2013: at least 10" in finished.err


def test_missing_config_dir(command: Command) -> None:
    finished = command("--config-dir", "nowhere")
    assert finished.status == 2
    assert "nowhere' not found" in finished.err


def test_full_error_shows_the_traceback(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    finished = command("train.steps=0")
    assert finished.status == 2
    assert "Traceback" in finished.err
    assert "train.steps=0 is too small" in finished.err


def test_server_that_is_no_mlflow(command: Command) -> None:
    """A port that accepts and says nothing that MLflow understands."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        stop = threading.Event()

        def answer() -> None:
            while not stop.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        uri = f"http://127.0.0.1:{server.getsockname()[1]}"
        finished = command(f"tracking.uri={uri}")
        stop.set()
        thread.join()
    assert finished.status == 2
    assert f"tracking.uri={uri} cannot be used" in finished.err


def test_a_fault_in_a_running_cell_keeps_its_traceback(
    command: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the user's input: status 1, the traceback, and the run is FAILED, not RUNNING."""

    sound = LSTMCell.forward

    def broken(cell: LSTMCell, *arguments: Any) -> Any:
        if torch.is_grad_enabled():  # in training, no more where the cell is tried beforehand
            raise ValueError("a fault inside")
        return sound(cell, *arguments)

    monkeypatch.setattr(LSTMCell, "forward", broken)
    finished = command(*QUICK, *SMALL)
    assert finished.status == 1
    assert "Traceback" in finished.err
    assert "a fault inside" in finished.err
    (run,) = client(home).search_runs(["1"])
    assert run.info.status == "FAILED"
    (failure,) = home.glob("outputs/runs/*/*/failure.txt")
    assert "a fault inside" in failure.read_text()

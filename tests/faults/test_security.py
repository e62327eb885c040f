"""What must not run, leak or leave its folder. Oracle: a file that it would touch, and a search."""

import json
import os
import pickle
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from mlflow import MlflowClient

from rnnlab.report.report import make_report, write_report
from rnnlab.tracking.result import Result
from tests.conftest import Command, client
from tests.faults.conftest import TRAIN, Faults, Spawn
from tests.faults.test_outages import sync
from tests.support.made_runs import run
from tests.support.servers import Server

ROOT = Path(__file__).parents[2]
SHORT = (*TRAIN, "train.steps=50")
GADGETS = (
    *("os.system", "os.remove", "os.popen", "posix.system", "subprocess.run", "subprocess.Popen"),
    *("builtins.eval", "builtins.exec", "builtins.open", "shutil.copy", "shutil.rmtree"),
    *(
        "importlib.import_module",
        "runpy.run_path",
        "pickle.loads",
        "cloudpickle.loads",
        "pty.spawn",
    ),
    *("pathlib.Path", "tempfile.mkdtemp", "urllib.request.urlretrieve", "ctypes.CDLL"),
    *("mlflow.utils.process._exec_cmd", "mlflow.pyfunc.load_model", "hydra.utils.instantiate"),
    *("yaml.unsafe_load", "numpy.load", "torch.load", "torch.hub.load", "torch.jit.load"),
    *("torch.utils.cpp_extension.load_inline", "torch.package.PackageImporter", "torch.nn.Linear"),
    *("distutils.spawn.spawn", "logging.FileHandler"),
    *(
        "rnnlab.run.main",
        "rnnlab.sweeps.process_launcher.ProcessLauncher",
        "pytorch_lightning.Trainer",
    ),
)
# Hydra itself refuses os.system and the like by name, but not this one.
CALL = "mlflow.utils.process._exec_cmd"
HOOKS = (
    ("+hydra.callbacks.evil._target_=os.system", "+hydra.callbacks.evil.command='touch ran'"),
    (f"+hydra.callbacks.evil={{_target_:{CALL},cmd:[touch,ran]}}",),
    (f"+evil={{_target_:{CALL},cmd:[touch,ran]}}", "+hydra.callbacks.evil=${evil}"),
    (f"+evil={{evil:{{_target_:{CALL},cmd:[touch,ran]}}}}", "hydra.callbacks=${evil}"),
    (f"+evil={{_target_:{CALL},cmd:[touch,ran]}}", "+hydra.callbacks.evil=${oc.select:evil}"),
    (f"hydra.launcher._target_={CALL}",),
    (f"hydra.sweeper._target_={CALL}",),
    ("+hydra.job_logging.handlers.evil={class:subprocess.Popen,args:[touch,ran]}",),
)
REFUSED = ("is not a class of", "is not written out", "is not one of Python's standard streams")
SECRET = "s3cr3t-pass-word"  # MLflow wants 12 characters


def test_no_gadget_runs_from_overrides(command: Command, home: Path, faults: Faults) -> None:
    assert len(GADGETS) >= 30
    for gadget in GADGETS:
        finished = command(f"cell._target_={gadget}", "+cell.command=touch ran", *SHORT)
        assert finished.status == 2, gadget
        assert f"cell._target_='{gadget}'" in finished.err
        assert "Traceback" not in finished.err
    for hook in HOOKS:
        finished = command(*hook, *SHORT)
        assert finished.status == 2
        assert any(said in finished.err for said in REFUSED), (hook, finished.err)
        assert "Traceback" not in finished.err
    assert not (home / "ran").exists()
    assert not list(home.glob("outputs/runs/*/*/metrics.jsonl"))
    faults("a gadget as _target_, overrides", made=len(GADGETS) + len(HOOKS))


def test_no_gadget_runs_from_a_yaml_for_hydra(command: Command, home: Path, faults: Faults) -> None:
    (home / "conf" / "experiment").mkdir(parents=True)
    evil = home / "conf" / "experiment" / "evil.yaml"
    call = {"_target_": CALL, "cmd": ["touch", "ran"]}
    sections = (
        {"callbacks": {"evil": call}},
        {"callbacks": {"evil": "${evil}"}},
        {"callbacks": {"evil": "${oc.create:{_target_:" + CALL + ",cmd:[touch,ran]}}"}},
        {"callbacks": {"evil": "${oc.create:{a:'}',_target_:" + CALL + ",cmd:[touch,ran]}}"}},
        {"launcher": call},
        {"callbacks": {"evil": call | {"_target_": "${oc.env:EVIL," + CALL + "}"}}},
        {"job_logging": {"handlers": {"evil": {"()": "subprocess.run", "args": ["touch", "ran"]}}}},
        {"hydra_logging": {"formatters": {"evil": {"class": "logging.config.fileConfig"}}}},
        {"job_logging": {"handlers": {"evil": {"class": "ran.Handler"}}}},
        {"job_logging": {"root": {"handlers": ["ext://ran.handler"]}}},
    )
    (home / "conf" / "ran.py").write_text("open('ran', 'w')")  # to import it is to run it
    for section in sections:
        content = yaml.safe_dump({"hydra": section, "evil": call})
        evil.write_text(f"# @package _global_\n{content}")
        for mode in ((), ("-m",)):
            finished = command("--config-dir", "conf", *mode, "experiment=evil", *SHORT)
            assert finished.status == 2, section
            assert any(said in finished.err for said in REFUSED), (section, finished.err)
    assert not (home / "ran").exists()
    faults("a gadget for Hydra, yaml", made=2 * len(sections))


def test_no_pickle_is_run_again(command: Command, home: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return os.system, ("touch ran",)

    (home / "config.pickle").write_bytes(pickle.dumps(Evil()))
    finished = command("--experimental-rerun", "config.pickle")
    assert finished.status == 2
    assert "would run a pickle" in finished.err
    assert not (home / "ran").exists()


def test_no_gadget_runs_from_yaml(command: Command, home: Path, faults: Faults) -> None:
    for section in ("cell", "task", "optimizer", "clip", "schedule", "diagnostics"):
        (home / "conf" / section).mkdir(parents=True)
    for gadget in GADGETS:
        content = {"_target_": gadget, "command": "touch ran"}
        (home / "conf" / "cell" / "evil.yaml").write_text(yaml.safe_dump(content))
        finished = command("--config-dir", "conf", "cell=evil", *SHORT)
        assert finished.status == 2, gadget
    for section in ("task", "optimizer", "clip", "schedule", "diagnostics"):
        content = {"_target_": CALL, "cmd": ["touch", "ran"]}
        content = {"evil": content} if section == "diagnostics" else content
        (home / "conf" / section / "evil.yaml").write_text(yaml.safe_dump(content))
        without = [each for each in SHORT if not each.startswith(section)]
        finished = command("--config-dir", "conf", f"{section}=evil", *without)
        assert finished.status == 2, (section, finished.err)
        assert CALL in finished.err
    tagged = "_target_: rnnlab.cells.lstm.LSTMCell\nhidden_size: !!python/object/apply:os.system ['touch ran']\n"
    (home / "conf" / "cell" / "evil.yaml").write_text(tagged)
    assert command("--config-dir", "conf", "cell=evil", *SHORT).status == 2
    assert not (home / "ran").exists()
    faults("a gadget as _target_, yaml", made=len(GADGETS) + 6)


@pytest.fixture
def stopped(command: Command, home: Path) -> Path:
    """A run's folder that can be resumed."""
    explode = ("cell=elman", "cell.nonlinearity=relu", "optimizer=sgd", "optimizer.lr=1e30")
    finished = command(*explode, *SHORT, "train.nonfinite=raise", "hydra.run.dir=outputs/a")
    assert finished.status == 1
    return home / "outputs" / "a"


def test_no_gadget_runs_from_a_runs_config(
    command: Command, home: Path, stopped: Path, faults: Faults
) -> None:
    path = stopped / "config.yaml"
    good = yaml.safe_load(path.read_text())
    for gadget in GADGETS:
        section = {"_target_": gadget, "command": "touch ran"}
        package = gadget.partition(".")[0]
        evil = good | {"cell": section, "allow_targets": [package]}
        path.write_text(yaml.safe_dump(evil))
        finished = command("resume=outputs/a")
        assert finished.status == 2, gadget
        assert gadget in finished.err
    path.write_text("!!python/object/apply:os.system ['touch ran']")
    finished = command("resume=outputs/a")
    assert finished.status == 2
    assert "cannot be read" in finished.err
    assert not (home / "ran").exists()
    faults("a gadget as _target_, a run's config", made=len(GADGETS) + 1)


def test_names_do_not_leave_the_folder(
    command: Command, home: Path, stopped: Path, faults: Faults
) -> None:
    (home / "secret.txt").write_text(SECRET)
    for name in ("inner", "sound"):
        (stopped / name / "below").mkdir(parents=True)
        (stopped / name / "below" / "own.txt").write_text("own")
    (stopped / "link").symlink_to(home / "secret.txt")
    (stopped / "inner" / "below" / "link").symlink_to(home / "secret.txt")
    (stopped / "sound" / "below" / "link").symlink_to(stopped / "config.yaml")
    record = json.loads((stopped / "tracking.json").read_text())
    names = ["../../secret.txt", str(home / "secret.txt"), "link", "inner", "config.yaml", "sound"]
    (stopped / "tracking.json").write_text(json.dumps(record | {"artifacts": names}))
    result = Result.read(stopped)
    result.delivered = False
    result.write()
    assert sync(home).returncode == 0
    stored = client(home).list_artifacts(result.run_id)
    assert [item.path for item in stored] == ["config.yaml", "sound"]
    (home / "conf" / "diagnostics").mkdir(parents=True)
    own = {"../../../evil": {"_target_": "rnnlab.diagnostics.omega.Omega"}}
    (home / "conf" / "diagnostics" / "evil.yaml").write_text(yaml.safe_dump(own))
    without = [each for each in SHORT if not each.startswith("diagnostics")]
    finished = command("--config-dir", "conf", "diagnostics=evil", *without)
    assert finished.status == 2
    assert "is not a name of letters" in finished.err
    faults("a path out of the folder", made=5)


def test_secrets_are_written_nowhere(spawn: Spawn, home: Path, faults: Faults) -> None:
    uri = f"tracking.uri=http://me:{SECRET}@127.0.0.1:9"
    named, rate = "tracking.experiment=x${oc.env:MY_SECRET}", "optimizer.lr=${oc.env:MY_SECRET}"
    asked = {
        (uri, "hydra.run.dir=outputs/a"): 0,
        (named, "hydra.run.dir=outputs/b"): 0,
        (rate, "hydra.run.dir=outputs/c"): 2,
        (uri, "num_threads=999", "hydra.run.dir=outputs/d"): 2,
        ("-m", "seed=0,1", named, "hydra.sweep.dir=outputs/s"): 0,
        ("-m", "seed=0,1", uri, "num_threads=999", "hydra.sweep.dir=outputs/u"): 1,
        ("-m", "optimizer.lr=0.1,${oc.env:MY_SECRET}", "hydra.sweep.dir=outputs/v"): 1,
        ("cell.nonlinearity=${oc.env:MY_SECRET}", "cell=elman", "hydra.run.dir=outputs/w"): 2,
    }
    for arguments, status in asked.items():  # each in a process of its own, which knows nothing yet
        process = spawn(*arguments, *SHORT, MY_SECRET=SECRET)
        out, _ = process.communicate(timeout=120)
        assert process.returncode == status, out
        assert SECRET not in out, arguments
    for path in (home / "outputs").rglob("*"):
        if path.is_file() and SECRET.encode() in path.read_bytes():
            # What a store is told of, as the name of its experiment, it has to know.
            assert path.name == "tracking.json", path
            record = json.loads(path.read_text())
            assert record.pop("experiment") == f"x{SECRET}"
            assert SECRET not in str(record)
    with sqlite3.connect(home / "mlflow.db") as store:
        for table in ("params", "tags", "runs"):
            rows = store.execute(f"select * from {table}").fetchall()
            assert rows
            assert SECRET not in str(rows)
    faults("a secret in a config", made=len(asked))


def test_a_report_shows_what_runs_say_as_text(tmp_path: Path, faults: Faults) -> None:
    evil = "<script>alert(1)</script>"
    runs = [
        *(run(), run(variant=evil), run(task=evil)),
        *(run(started=1, params={"optimizer.lr": evil}), replace(run(started=2), name=evil)),
    ]
    write_report(make_report(runs), tmp_path)
    text = (tmp_path / "report.html").read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    faults("a script in a run's words", made=len(runs) - 1)


def test_loading_is_safe_everywhere(faults: Faults) -> None:
    text = "\n".join(path.read_text() for path in (ROOT / "rnnlab").rglob("*.py"))
    for unsafe in ("weights_only=False", "yaml.load(", "unsafe_load", "import pickle", "eval("):
        assert unsafe not in text.replace("model.eval(", "").replace(".eval(", ""), unsafe
    faults("an unsafe loader")


@pytest.fixture
def guarded(home: Path) -> Iterator[Server]:
    """As README has it."""
    folder = home / "server"
    folder.mkdir()
    (folder / "auth.ini").write_text(
        "[mlflow]\ndefault_permission = NO_PERMISSIONS\n"
        f"database_uri = sqlite:///{folder}/auth.db\nadmin_username = admin\n"
        f"admin_password = {SECRET}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    made = Server(
        *(folder, f"sqlite:///{folder}/mlflow.db", "--app-name", "basic-auth"),
        MLFLOW_AUTH_CONFIG_PATH=str(folder / "auth.ini"),
        MLFLOW_FLASK_SERVER_SECRET_KEY="of-this-test",
    )
    try:
        made.start()
        yield made
    finally:
        made.kill()


def test_a_server_with_a_password_refuses_without(
    guarded: Server, command: Command, home: Path, monkeypatch: pytest.MonkeyPatch, faults: Faults
) -> None:
    address = guarded.uri.removeprefix("http://")
    search = {"max_results": 5}
    url = f"{guarded.uri}/api/2.0/mlflow/experiments/search"
    assert requests.post(url, json=search, timeout=20).status_code == 401
    refused = command(*SHORT, f"tracking.uri={guarded.uri}", "hydra.run.dir=no")
    assert refused.status == 2
    assert "cannot be used" in refused.err
    assert not (home / "no" / "metrics.jsonl").exists()
    taken = command(*SHORT, f"tracking.uri=http://admin:{SECRET}@{address}", "hydra.run.dir=yes")
    assert taken.status == 0, taken.err
    assert SECRET not in taken.out
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", SECRET)
    result = Result.read(home / "yes")
    assert MlflowClient(guarded.uri).get_run(result.run_id).info.status == "FINISHED"
    written = [path.read_bytes() for path in (home / "yes").rglob("*") if path.is_file()]
    assert not any(SECRET.encode() in content for content in written)
    faults("a request without the password")

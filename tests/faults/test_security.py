"""What must not run, leak or leave its folder. Oracle: a file that it would touch, and a search."""

import os
import pickle
import shlex
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from mlflow import MlflowClient

from rnnlab.foundation.json_file import read_content, write_content
from rnnlab.foundation.masking import HIDDEN
from rnnlab.foundation.yaml_file import sealed, write_yaml
from rnnlab.report.report import make_report, write_report
from rnnlab.tracking.result import Result
from tests.support.command import Command, client
from tests.support.faults import TRAIN, Faults
from tests.support.made_runs import run
from tests.support.pages import blocks
from tests.support.processes import HANG, Spawn
from tests.support.refusals import refusal
from tests.support.servers import Server
from tests.support.unsafe_loading import unsafe_loading

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
REFUSED = (
    *("is not a class of", "is not written out", "is not one of Python's standard streams"),
    "a file cannot, say it on the command line",
)
WHOLE = ("os.system", CALL, "torch.load")  # the gadgets that go through a whole command, too
SECRET = "s3cr3t-pass-word"  # MLflow wants 12 characters


def test_gadgets_are_many() -> None:
    assert len(GADGETS) >= 30
    assert set(WHOLE) < set(GADGETS)


def test_no_gadget_runs_from_overrides(command: Command, home: Path, faults: Faults) -> None:
    for gadget in GADGETS:
        words = (f"cell._target_={gadget}", "+cell.command=touch ran", *SHORT)
        message = refusal(*words, output=home / "a")
        assert f"cell._target_='{gadget}'" in message
    for gadget in WHOLE:
        finished = command(f"cell._target_={gadget}", "+cell.command=touch ran", *SHORT)
        assert finished.status == 2, gadget
        assert f"cell._target_='{gadget}'" in finished.err
        assert "Traceback" not in finished.err
    for hook in HOOKS:
        finished = command(*hook, *SHORT)
        assert finished.status == 2
        assert any(reason in finished.err for reason in REFUSED), (hook, finished.err)
        assert "Traceback" not in finished.err
    assert not (home / "ran").exists()
    assert not list(home.glob("outputs/runs/*/*/metrics.jsonl"))
    faults("a gadget as _target_, overrides", made=len(GADGETS) + len(WHOLE) + len(HOOKS))


def test_no_gadget_runs_from_a_yaml_for_hydra(command: Command, home: Path, faults: Faults) -> None:
    (home / "conf" / "experiment").mkdir(parents=True)
    evil = home / "conf" / "experiment" / "evil.yaml"
    call = {"_target_": CALL, "cmd": ["touch", "ran"]}
    sections = (
        {"callbacks": {"evil": call}},
        {"job_logging": {"handlers": {"evil": {"class": "ran.Handler"}}}},
        {"launcher": call},
        {"callbacks": {"evil": "${evil}"}},
        {"callbacks": {"evil": "${oc.create:{_target_:" + CALL + ",cmd:[touch,ran]}}"}},
        {"callbacks": {"evil": "${oc.create:{a:'}',_target_:" + CALL + ",cmd:[touch,ran]}}"}},
        {"callbacks": {"evil": call | {"_target_": "${oc.env:EVIL," + CALL + "}"}}},
        {"job_logging": {"handlers": {"evil": {"()": "subprocess.run", "args": ["touch", "ran"]}}}},
        {"hydra_logging": {"formatters": {"evil": {"class": "logging.config.fileConfig"}}}},
        {"job_logging": {"root": {"handlers": ["ext://ran.handler"]}}},
    )
    (home / "conf" / "ran.py").write_text("open('ran', 'w')")  # to import it is to run it
    for number, section in enumerate(sections):
        content = yaml.safe_dump({"hydra": section, "evil": call})
        evil.write_text(f"# @package _global_\n{content}")
        for mode in ((), ("-m",)):
            places = {"output": home / "a", "config_dir": home / "conf"}
            message = refusal("experiment=evil", *SHORT, **places, sweep=bool(mode))
            assert any(reason in message for reason in REFUSED), (section, message)
            if number < len(WHOLE):
                finished = command("--config-dir", "conf", *mode, "experiment=evil", *SHORT)
                assert finished.status == 2, section
                assert any(reason in finished.err for reason in REFUSED), (section, finished.err)
    assert not (home / "ran").exists()
    faults("a gadget for Hydra, yaml", made=2 * (len(sections) + len(WHOLE)))


def test_what_changes_once_it_is_checked_is_not_called(
    command: Command, home: Path, faults: Faults
) -> None:
    """What a config has taken from the environment rnnlab notes there, where a config may find it."""
    (home / "conf" / "cell").mkdir(parents=True)
    call = {"_target_": "os.mkdir", "_args_": [str(home / "ran")]}
    cell = {"_target_": "rnnlab.cells.lstm.LSTMCell", "k_a_TOKEN a_TOKEN_TOKEN": call}
    late = '${oc.select:"cell.k_${oc.env:RNNLAB_HIDDEN,a}",1}'
    taken = '${oc.decode:${oc.env:"${oc.env:RNNLAB_HIDDEN,a}_TOKEN",5}}'
    callbacks = (
        *({"x": late, "y": taken}, {"x": "${late}", "y": taken}, {"x": "${hydra:runtime.choices}"}),
        {"x": f"{late}{taken}"},
    )
    for section in callbacks:
        content = {"cell": cell, "late": late, "hydra": {"callbacks": section}}
        text = f"# @package _global_\n{yaml.safe_dump(content)}"
        (home / "conf" / "cell" / "nice.yaml").write_text(text)
        finished = command("--config-dir", "conf", "cell=nice", *SHORT)
        assert finished.status == 2
        assert "nice.yaml sets hydra.callbacks.x: a file cannot" in finished.err
    for value in ("${seed}", "${late}", "${hydra:runtime.choices}", "${oc.decode:5}"):
        typed = (f"hydra.launcher.n_jobs={value}", "+late=1", *SHORT)
        assert "is not written out" in refusal(*typed, output=home / "a"), value
    for value in ("${hydra.job.name}", "${oc.env:A,1}", "${now:%Y}", "${hydra:sweep.dir}"):
        typed = (f"hydra.launcher.n_jobs={value}", *SHORT)
        assert refusal(*typed, output=home / "a") == "", value
    assert not (home / "ran").exists()
    faults("a gadget that comes after the check", made=len(callbacks) + 4)


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
    for section in ("cell", "task", "optimizer", "clip", "regularizer", "schedule", "diagnostics"):
        (home / "conf" / section).mkdir(parents=True)
    for gadget in GADGETS:
        content = {"_target_": gadget, "command": "touch ran"}
        (home / "conf" / "cell" / "evil.yaml").write_text(yaml.safe_dump(content))
        message = refusal("cell=evil", *SHORT, output=home / "a", config_dir=home / "conf")
        assert gadget in message
        if gadget in WHOLE:
            finished = command("--config-dir", "conf", "cell=evil", *SHORT)
            assert finished.status == 2, gadget
            assert gadget in finished.err
    for section in ("task", "optimizer", "clip", "regularizer", "schedule", "diagnostics"):
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
    faults("a gadget as _target_, yaml", made=len(GADGETS) + len(WHOLE) + 7)


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
        write_yaml(path, evil)
        assert gadget in refusal("resume=outputs/a", output=home / "b")
        if gadget in WHOLE:
            finished = command("resume=outputs/a")
            assert finished.status == 2, gadget
            assert gadget in finished.err
    path.write_text(sealed("!!python/object/apply:os.system ['touch ran']"))
    finished = command("resume=outputs/a")
    assert finished.status == 2
    assert "cannot be read" in finished.err
    assert not (home / "ran").exists()
    faults("a gadget as _target_, a run's config", made=len(GADGETS) + len(WHOLE) + 1)


def test_names_do_not_leave_the_folder(
    command: Command, sync: Command, home: Path, stopped: Path, faults: Faults
) -> None:
    (home / "secret.txt").write_text(SECRET)
    for name in ("inner", "figures"):
        (stopped / name / "below").mkdir(parents=True)
        (stopped / name / "below" / "own.txt").write_text("own")
    (stopped / "link").symlink_to(home / "secret.txt")
    (stopped / "inner" / "below" / "link").symlink_to(home / "secret.txt")
    (stopped / "figures" / "below" / "link").symlink_to(stopped / "config.yaml")
    record = read_content(stopped / "tracking.json")
    names = ["../../secret.txt", str(home / "secret.txt"), "link", "inner"]
    names += ["config.yaml", "figures", "checkpoints"]  # of which no run leaves the last
    write_content(stopped / "tracking.json", record | {"artifacts": names})
    result = Result.read(stopped)
    result.delivered = False
    result.write()
    assert sync().status == 0
    stored = client(home).list_artifacts(result.run_id)
    assert [item.path for item in stored] == ["config.yaml", "figures"]
    (home / "conf" / "diagnostics").mkdir(parents=True)
    own = {"../../../evil": {"_target_": "rnnlab.diagnostics.omega.Omega"}}
    (home / "conf" / "diagnostics" / "evil.yaml").write_text(yaml.safe_dump(own))
    without = [each for each in SHORT if not each.startswith("diagnostics")]
    finished = command("--config-dir", "conf", "diagnostics=evil", *without)
    assert finished.status == 2
    assert "is not a name of letters" in finished.err
    faults("a path out of the folder", made=6)


def test_secrets_are_written_nowhere(
    command: Command, spawn: Spawn, home: Path, monkeypatch: pytest.MonkeyPatch, faults: Faults
) -> None:
    uri = f"tracking.uri=http://me:{SECRET}@127.0.0.1:9"
    spelled = ("${ oc.env : MY_SECRET }", "${oc.env:${hydra:job.name}}", "${oc.env:MY_SECRET,no}")
    named = "tracking.uri='sqlite:///x${oc.env:MY_SECRET}.db'"
    rate = "optimizer.lr=${oc.env:MY_SECRET}"
    commands = {
        (uri, "hydra.run.dir=outputs/a"): 0,
        (named, "hydra.run.dir=outputs/b"): 0,
        (rate, "hydra.run.dir=outputs/c"): 2,
        (uri, "num_threads=999", "hydra.run.dir=outputs/d"): 2,
        ("-m", "seed=0,1", named, "hydra.sweep.dir=outputs/s"): 0,
        ("-m", "seed=0,1", uri, "num_threads=999", "hydra.sweep.dir=outputs/u"): 2,
        ("-m", "optimizer.lr=0.1,${oc.env:MY_SECRET}", "hydra.sweep.dir=outputs/v"): 2,
        ("cell.nonlinearity=${oc.env:MY_SECRET}", "cell=elman", "hydra.run.dir=outputs/w"): 2,
        ("tracking.experiment=x${oc.env:MY_SECRET}", "hydra.run.dir=outputs/y"): 2,
    } | {
        (
            f"tracking.uri='sqlite:///x{way}.db'",
            "hydra.job.name=MY_SECRET",
            f"hydra.run.dir=outputs/x{n}",
        ): 0
        for n, way in enumerate(spelled)
    }
    for arguments, status in commands.items():
        monkeypatch.setenv("MY_SECRET", SECRET)
        monkeypatch.delenv(HIDDEN, raising=False)  # as a new process, which knows nothing yet
        finished = command(*arguments, *SHORT)
        assert finished.status == status, finished.err
        assert SECRET not in finished.out + finished.err, arguments
    monkeypatch.delenv(HIDDEN, raising=False)
    for arguments in ((named, "hydra.run.dir=outputs/p"), (rate, "hydra.run.dir=outputs/q")):
        process = spawn(*arguments, *SHORT, MY_SECRET=SECRET)
        out, _ = process.communicate(timeout=HANG)
        assert process.returncode == (2 if rate in arguments else 0), out
        assert SECRET not in out, arguments
    for path in (home / "outputs").rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    with sqlite3.connect(home / f"x{SECRET}.db") as store:
        for table in ("params", "tags", "runs", "experiments"):
            rows = store.execute(f"select * from {table}").fetchall()
            assert rows
            assert SECRET not in str(rows)
    faults("a secret in a config", made=len(commands) + 2)


def test_a_secret_is_no_number(
    command: Command, home: Path, monkeypatch: pytest.MonkeyPatch, faults: Faults
) -> None:
    """Neither typed nor by a file, as a whole or in pieces; and none is shown between quotes."""
    (home / "conf" / "experiment").mkdir(parents=True)
    pin, password = "987654321", "pa\\ss\"wo'rd"
    decoded = (
        {"seed": "${oc.decode:${oc.env:PIN_TOKEN}}"},
        {"eval": {"lengths": '${oc.decode:"[${oc.env:PIN_LIST_TOKEN}]"}'}},
        {"eval": {"lengths": '${oc.create:"[${oc.env:PIN_LIST_TOKEN}]"}'}},
        {"seed": "${oc.decode:${text}}", "text": "${oc.env:PIN_TOKEN}"},
    )
    typed = (
        *(
            ("seed='${oc.decode:${oc.env:PIN_TOKEN}}'",),
            ("cell.hidden_size=${oc.env:DB_PASSWORD}",),
        ),
        (
            "-m",
            "hydra/sweeper=horizon",
            "hydra.sweeper.params={train.data_seed:'${oc.env:PIN_TOKEN},1'}",
        ),
        ("-m", "seed=0,'${oc.decode:${oc.env:PIN_TOKEN}}'"),
    )
    commands = [("--config-dir", "conf", f"experiment=e{n}") for n in range(len(decoded))]
    for number, content in enumerate(decoded):
        text = f"# @package _global_\n{yaml.safe_dump(content)}"
        (home / "conf" / "experiment" / f"e{number}.yaml").write_text(text)
    for words in (*commands, *typed):
        monkeypatch.setenv("PIN_TOKEN", pin)
        monkeypatch.setenv("PIN_LIST_TOKEN", "98765,43210")
        monkeypatch.setenv("DB_PASSWORD", password)
        monkeypatch.delenv(HIDDEN, raising=False)
        own = ["cell.hidden_size=4"] if "cell.hidden_size" not in words[0] else []
        finished = command(*words, *own, *SHORT)
        assert finished.status == 2, (words, finished.err)
        said = finished.out + finished.err
        assert "secret" in said or "***" in said, (words, said)
        assert not any(part in said for part in ("98765", "43210", "wo'rd", "wo\\'rd")), (
            words,
            said,
        )
    assert not list(home.rglob("result.json"))
    for path in home.rglob("*"):
        assert not path.is_file() or pin.encode() not in path.read_bytes(), path
    faults("a secret that becomes a number", made=len(decoded) + len(typed))


def test_a_folder_that_cannot_be_is_refused(command: Command, home: Path, faults: Faults) -> None:
    """Oracle: what lies there, before and after."""
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*")}
    modes = (("hydra.run.dir",), ("hydra.run.dir", "resume=auto"), ("hydra.sweep.dir", "-m"))
    names = {
        "mlflow.db": "mlflow.db is a file",
        "mlflow.db/x": "mlflow.db is a file",
        "x" * 300: "File name too long",
        f"new/{'x' * 300}": "File name too long",
    }
    for name, reason in names.items():
        for key, *others in modes:
            finished = command(*others, f"{key}={name}", *SHORT)
            said = f"{key}={home / name} cannot be used: "
            assert finished.status == 2, finished.err
            assert "".join(finished.err.split()).startswith("".join(said.split()))
            assert reason in " ".join(finished.err.split())
    for section in ("hydra.sweeper", "hydra.launcher"):
        for mode in ((), ("-m",)):
            finished = command(*mode, f"{section}=null", *SHORT)
            message = f"{section}=null leaves nothing that Hydra could use\n"
            assert (finished.status, finished.err) == (2, message)
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*")} == before
    faults("a folder that cannot be", made=len(names) * len(modes))


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


PROGRAMS = sorted([*(ROOT / "rnnlab").rglob("*.py"), *(ROOT / "scripts").rglob("*.py")])


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: str(path.relative_to(ROOT)))
def test_loading_is_safe_everywhere(path: Path) -> None:
    assert unsafe_loading(path.read_text(encoding="utf-8")) == []


def test_what_is_unsafe_is_found(faults: Faults) -> None:
    """Or the test above would hold of anything."""
    for program in UNSAFE:
        assert len(unsafe_loading(program)) == 1, program
    for program in SAFE:
        assert unsafe_loading(program) == [], program
    faults("an unsafe loader", made=len(UNSAFE))


UNSAFE = (
    *("eval('1')", "builtins.exec('1')", "x = compile('1', '', 'exec')", "import pickle"),
    *("from pickle import loads", "import dill as d", "yaml.load(text)", "yaml.unsafe_load(text)"),
    *("from yaml import full_load", "yaml.load(text, Loader=yaml.UnsafeLoader)"),
    *(
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "numpy.load(p, allow_pickle=True)",
    ),
    *("from torch import load", "from builtins import eval", "marshal.loads(data)"),
)
SAFE = (
    *("model.eval()", "re.compile('a')", "yaml.safe_load(text)", "np.load(path)"),
    *("torch.load(path, weights_only=True)", "self.eval(1)", "torch.compile(model)"),
)


@pytest.fixture
def guarded(home: Path, postgres: str) -> Iterator[Server]:
    """As the page on tracking has it, whose options and variables it takes."""
    page = ROOT / "rnnlab" / "tracking" / "README.md"
    commands = [words for block in blocks(page) for words in map(shlex.split, block.commands)]
    (options,) = [words[2:] for words in commands if words[:2] == ["mlflow", "server"]]
    given = dict(zip(options[::2], options[1::2], strict=True))
    exported = {words[1].partition("=")[0] for words in commands if words[0] == "export"}
    folder = home / "server"
    folder.mkdir()
    (folder / "auth.ini").write_text(
        "[mlflow]\ndefault_permission = NO_PERMISSIONS\n"
        f"database_uri = sqlite:///{folder}/auth.db\nadmin_username = admin\n"
        f"admin_password = {SECRET}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    environment = {
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "of-this-test",
    }
    assert exported == set(environment)
    made = Server(folder, postgres, "--app-name", given["--app-name"], **environment)
    assert {option for option in made.command if option.startswith("--")} == {*given, "--workers"}
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
    accepted = command(*SHORT, f"tracking.uri=http://admin:{SECRET}@{address}", "hydra.run.dir=yes")
    assert accepted.status == 0, accepted.err
    assert SECRET not in accepted.out
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", SECRET)
    result = Result.read(home / "yes")
    assert MlflowClient(guarded.uri).get_run(result.run_id).info.status == "FINISHED"
    written = [path.read_bytes() for path in (home / "yes").rglob("*") if path.is_file()]
    assert not any(SECRET.encode() in content for content in written)
    faults("a request without the password")

"""Files from elsewhere: a config folder, a run's folder. Oracle: what they would touch is as it was."""

import json
import shutil
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from hydra._internal.utils import create_config_search_path
from hydra.core.config_store import ConfigStore
from hydra.types import RunMode
from mlflow import MlflowClient
from omegaconf import OmegaConf

from rnnlab.compare import main as compare
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.foundation.signals import Stopped
from rnnlab.foundation.yaml_file import write_yaml
from rnnlab.runs.hydra_calls import CALLED as CALLED_SECTIONS
from rnnlab.runs.hydra_calls import refuse_calls
from rnnlab.runs.hydra_loader import CheckedLoader
from rnnlab.sync import _try as try_to_sync
from rnnlab.tracking.delivery import Delivery
from rnnlab.tracking.manifest import Manifest
from rnnlab.tracking.named_store import store_of
from rnnlab.tracking.result import Result
from rnnlab.tracking.store import FAILURES
from rnnlab.training import checkpoints
from tests.support.command import QUICK, SMALL, Command
from tests.support.faults import Faults
from tests.support.processes import HANG, Spawn
from tests.support.refusals import refusal

SHORT = (*QUICK, *SMALL, "tracking.log_model=false")
TOUCH = {"_target_": "mlflow.utils.process._exec_cmd", "cmd": ["touch", "ran"]}
# What a yaml says, and the key that it is refused for.
TYPED_ONLY: dict[str, tuple[dict[str, Any], str]] = {
    "trust": ({"allow_targets": ["mlflow"]}, "allow_targets"),
    "a store": ({"tracking": {"uri": "sqlite:////{home}/made.db"}}, "tracking.uri"),
    "a store by a detour": ({"tracking": "${evil}", "evil": {"uri": "http://h"}}, "tracking"),
    "a run to go on with": ({"resume": "{home}/other"}, "resume"),
    "its changes": ({"resume": {"allow_changes": True}}, "resume.allow_changes"),
    "a folder": ({"hydra": {"run": {"dir": "{home}/made"}}}, "hydra.run.dir"),
    "a sweep's folder": ({"hydra": {"sweep": {"dir": "{home}/made"}}}, "hydra.sweep.dir"),
    "a job's folder": ({"hydra": {"sweep": {"subdir": "../made"}}}, "hydra.sweep.subdir"),
    "a log's name": ({"hydra": {"job": {"name": "../../made"}}}, "hydra.job.name"),
    "a log": (
        {"hydra": {"job_logging": {"handlers": {"file": {"filename": "{home}/made"}}}}},
        "hydra.job_logging.handlers.file.filename",
    ),
    "where programs lie": (
        {"hydra": {"job": {"env_set": {"PATH": "{home}"}}}},
        "hydra.job.env_set.PATH",
    ),
    "a store by a variable": (
        {"hydra": {"job": {"env_set": {"MLFLOW_TRACKING_URI": "sqlite:////{home}/made.db"}}}},
        "hydra.job.env_set.MLFLOW_TRACKING_URI",
    ),
    "where Hydra writes": ({"hydra": {"output_subdir": "../made"}}, "hydra.output_subdir"),
    "a launcher's command": (
        {"hydra": {"launcher": {"setup": ["touch ran"]}}},
        "hydra.launcher.setup",
    ),
    "a sweeper's store": (
        {"hydra": {"sweeper": {"storage": "sqlite:////{home}/made.db"}}},
        "hydra.sweeper.storage",
    ),
    "a folder for jobs": (
        {"hydra": {"sweeper": {"params": {"hydra.run.dir": "made"}}}},
        "hydra.sweeper.params.hydra.run.dir",
    ),
    "trust for jobs": (
        {"hydra": {"sweeper": {"params": {"+allow_targets": "[os]"}}}},
        "hydra.sweeper.params.+allow_targets",
    ),
    "a log for jobs": (
        {"hydra": {"sweeper": {"params": {"hydra/job_logging": "evil"}}}},
        "hydra.sweeper.params.hydra/job_logging",
    ),
    "nothing of Hydra's": ({"hydra": None}, "hydra"),
    "no callbacks": ({"hydra": {"callbacks": None}}, "hydra.callbacks"),
    "no launcher": ({"hydra": {"launcher": None}}, "hydra.launcher"),
    "no sweeper": ({"hydra": {"sweeper": None}}, "hydra.sweeper"),
    "no run": ({"hydra": {"run": None}}, "hydra.run"),
    "no folder": ({"hydra": {"sweep": {"dir": None}}}, "hydra.sweep.dir"),
    "no log": ({"hydra": {"job_logging": None}}, "hydra.job_logging"),
    "all of Hydra's": ({"hydra": "${evil}", "evil": {"job": {"name": "../a"}}}, "hydra"),
}
CALLED = (
    *("hydra.test_utils.test_utils.run_process", "hydra.utils.get_method", "hydra.utils.get_class"),
    *("hydra.core.utils.configure_log", "rnnlab.foundation.files.Path.write_text"),
    *("rnnlab.foundation.files.write_bytes", "rnnlab.run.main", "hydra.utils.instantiate"),
    *("hydra._internal.core_plugins.basic_launcher.BasicLauncher", "hydra_plugins.mine.Mine"),
    *("rnnlab.sweeps.callback.SweepCallback", "hydra.experimental.callback.Callback"),
)
LOGGED = (
    *(
        "logging.config.fileConfig",
        "logging.handlers.SocketHandler",
        "logging.handlers.HTTPHandler",
    ),
    *("logging.handlers.SMTPHandler", "logging.shutdown", "logging.os.system", "ran.Handler"),
    *("colorlog.basicConfig", "logging.handlers.QueueListener"),
)


def filled(node: Any, home: Path) -> Any:
    return json.loads(json.dumps(node).replace("{home}", str(home)))


def write_experiment(home: Path, content: dict[str, Any]) -> Path:
    folder = home / "conf" / "experiment"
    folder.mkdir(parents=True, exist_ok=True)
    text = f"# @package _global_\n{yaml.safe_dump(filled(content, home))}"
    (folder / "evil.yaml").write_text(text)
    return home / "conf"


def test_what_only_a_command_line_says(command: Command, home: Path, faults: Faults) -> None:
    before, wanted = sorted(home.iterdir()), ""
    for content, key in TYPED_ONLY.values():
        places = {"output": home / "a", "config_dir": write_experiment(home, content)}
        for sweep in (False, True):
            said = refusal("experiment=evil", *SHORT, **places, sweep=sweep)
            wanted = f"experiment/evil.yaml sets {key}: a file cannot, say it on the command line"
            assert said == wanted
    finished = command("--config-dir", "conf", "experiment=evil", *SHORT)
    assert (finished.status, finished.err) == (2, f"{wanted}\n")
    assert sorted(home.iterdir()) == sorted([*before, home / "conf"])
    faults("a file that says what only a command line may", made=2 * len(TYPED_ONLY) + 1)


def test_what_a_file_may_say(home: Path) -> None:
    """What a run is, what a sweep varies, and how many jobs there are at once."""
    sweeper = {"params": {"seed": "0,1", "cell": "gru,lstm"}, "max_batch_size": 2}
    hydra = {"mode": "MULTIRUN", "launcher": {"n_jobs": 1}, "sweeper": sweeper}
    content = {"hydra": hydra, "optimizer": {"lr": 0.01}, "tracking": {"experiment": "mine"}}
    places = {"output": home / "a", "config_dir": write_experiment(home, content)}
    assert refusal("experiment=evil", *SHORT, **places, sweep=True) == ""


def test_a_primary_config_names_no_places(home: Path) -> None:
    """They are refused before they are looked at, which is to import them."""
    (home / "ran.py").write_text("open('ran', 'w')")
    (home / "conf").mkdir()
    (home / "conf" / "mine.yaml").write_text("hydra: {searchpath: [pkg://ran]}\n")
    loader = CheckedLoader(create_config_search_path(str(home / "conf")))
    with pytest.raises(ValueError, match=r"^mine.yaml sets hydra.searchpath: a file cannot"):
        loader.load_configuration("mine", [], RunMode.RUN)
    assert not (home / "ran").exists()


def test_a_default_is_not_looked_for_above(home: Path) -> None:
    (home / "secret.yaml").write_text("a: 1\n")
    conf = write_experiment(home, {"defaults": ["/../secret"]})
    said = refusal("experiment=evil", *SHORT, output=home / "a", config_dir=conf)
    assert "../secret.yaml is not in its config folder" in said


def test_hydra_calls_what_is_listed(home: Path, faults: Faults) -> None:
    """By a file or by an override: classes by name, and a user's own by what they are."""
    made = 0
    for target in CALLED:
        conf = write_experiment(home, {"hydra": {"callbacks": {"x": {"_target_": target}}}})
        for words in (("experiment=evil",), (f"+hydra.callbacks.x._target_={target}",)):
            said = refusal(*words, *SHORT, output=home / "a", config_dir=conf)
            assert said.startswith(f"hydra.callbacks.x._target_={target} is not a class of"), said
            made += 1
    for target in LOGGED:
        said = refusal(f"+hydra.job_logging.handlers.x.class={target}", *SHORT, output=home / "a")
        assert said.startswith(f"hydra.job_logging.handlers.x.class={target} is not a class of"), (
            said
        )
        handler = {"job_logging": {"handlers": {"x": {"()": target}}}}  # no override can say it
        with pytest.raises(ValueError, match="is not a class of Python's logging"):
            refuse_calls(
                OmegaConf.create({"hydra": {name: {} for name in CALLED_SECTIONS} | handler})
            )
        made += 2
    listed = "hydra.experimental.callbacks.LogJobReturnCallback"
    assert refusal(f"+hydra.callbacks.x._target_={listed}", *SHORT, output=home / "a") == ""
    faults("a class that Hydra would call", made=made)


def test_an_allowed_package_is_not_all_that_it_imports(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "seen.py").write_text(
        "import os\nfrom pathlib import Path\nfrom hydra.experimental.callback import Callback\n"
        "class Seen(Callback): ...\nclass Other: ...\ndef function(): ...\n"
    )
    monkeypatch.syspath_prepend(home)
    allowed = ("allow_targets=[seen]", *SHORT)
    said = {
        name: refusal(f"+hydra.callbacks.x._target_=seen.{name}", *allowed, output=home / "a")
        for name in ("Seen", "Other", "function", "os.system", "Path", "Callback")
    }
    assert said.pop("Seen") == ""
    assert "cannot be imported" in said.pop("os.system")
    assert said.pop("Callback").endswith("seen.Callback is not a class of seen itself")
    assert all(message.endswith("is not a Callback") for message in said.values()), said
    nested = "+hydra.callbacks.x={_target_:seen.Seen,a:{_target_:seen.Path}}"
    assert "seen.Path is not a class of seen itself" in refusal(nested, *allowed, output=home / "a")


def test_what_a_plugin_brings_may_be_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As optuna's samplers: its own stored config names them. Oracle: the same class without that."""
    named = "+hydra.sweeper.sampler._target_=samplers.Sampler"
    words = (named, *SHORT)
    assert "is not a class of Hydra's" in refusal(*words, output=home / "a")
    stored: dict[str, Any] = {}
    monkeypatch.setattr(ConfigStore.instance(), "repo", ConfigStore.instance().repo | stored)
    hydra = {**ConfigStore.instance().repo["hydra"]}
    monkeypatch.setitem(ConfigStore.instance().repo, "hydra", hydra)
    node = {"_target_": "samplers.Sampler"}
    ConfigStore.instance().store(group="hydra/sampling", name="one", node=node, provider="a plugin")
    assert refusal(*words, output=home / "a") == ""


def test_code_of_a_folder_does_not_run_unasked(
    spawn: Spawn, command: Command, home: Path, faults: Faults
) -> None:
    """Hydra's plugins, and modules that some tool would import if they were installed."""
    run = f"open({str(home / 'ran')!r}, 'a').write(__name__)\n"
    (home / "hydra_plugins").mkdir()
    (home / "hydra_plugins" / "x.py").write_text(run)
    conf = write_experiment(home, {"seed": 1})
    for name in ("jax", "boto3", "lightning", "torch_xla", "colorlog", "psycopg2", "IPython"):
        (conf / f"{name}.py").write_text(run)
    process = spawn("--config-dir", "conf", "experiment=evil", *SHORT, "hydra.run.dir=a")
    out, _ = process.communicate(timeout=HANG)
    assert process.returncode == 0, out
    assert Result.read(home / "a").status == "FINISHED"
    shutil.move(home / "hydra_plugins", conf / "hydra_plugins")
    refused = command("--config-dir", "conf", *SHORT)
    assert refused.status == 2
    assert refused.err.startswith(f"{Path('conf', 'hydra_plugins')}: a config folder holds no plug")
    assert not (home / "ran").exists()
    faults("code in a folder that is read", made=9)


TRIED = (  # by some library, in case it is installed
    *("dill", "jax", "boto3", "lightning", "torch_xla", "torch_npu", "tensorboardX", "orjson"),
    *("psycopg2", "comet_ml", "simplejson", "habana", "numexpr", "bottleneck", "usercustomize"),
)


def test_an_allowed_package_lets_no_other_run(spawn: Spawn, home: Path, faults: Faults) -> None:
    """Beside it lies what torch and others try to import. What the package itself imports it gets."""
    conf = home / "conf"
    (conf / "cell").mkdir(parents=True)
    for name in TRIED:
        run = f"open({str(home / 'ran')!r}, 'a').write(__name__)\nraise ImportError('no')\n"
        (conf / f"{name}.py").write_text(run)
    (conf / "rates.py").write_text("from importlib import import_module\nimport_module('late')\n")
    (conf / "late.py").write_text("")
    cell = "import rates\nfrom rnnlab.cells.gru import GRUCell\nclass Fading(GRUCell): ...\n"
    (conf / "fading.py").write_text(cell)
    (conf / "cell" / "fading.yaml").write_text("_target_: fading.Fading\nhidden_size: 4\n")
    commands = (
        ("allow_targets=[]", "hydra.run.dir=a"),
        ("allow_targets=[fading]", "cell=fading", "hydra.run.dir=b"),
        ("-m", "allow_targets=[fading]", "cell=fading", "seed=0,1", "hydra.sweep.dir=s"),
    )
    for words in commands:
        process = spawn("--config-dir", "conf", *words, *SHORT)
        out, _ = process.communicate(timeout=HANG)
        assert process.returncode == 0, out
        assert not (home / "ran").exists(), (words, (home / "ran").read_text())
    assert {path.name for path in (home / "b" / "code").iterdir()} == {"fading.py", "rates.py"}
    faults("code beside an allowed package", made=len(commands) * len(TRIED))


@pytest.fixture
def whole(command: Command, home: Path) -> Path:
    """A run's folder."""
    assert command(*SHORT, "hydra.run.dir=outputs/a").status == 0
    return home / "outputs" / "a"


def as_stopped(folder: Path) -> None:
    """A run that goes on."""
    result = Result.read(folder)
    result.status, result.delivered = "KILLED", False
    result.write()


def name_diagnostic(folder: Path, target: str) -> None:
    """As if the run had been made with it, and a full disk had cost it its figure."""
    result = Result.read(folder)
    result.delivered, result.missing = False, ["figures/diagnostics.png"]
    result.write()
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["diagnostics"] = {"x": {"_target_": target}}
    write_yaml(folder / "config.yaml", config)
    for path in (folder / "checkpoints").glob("*.ckpt"):
        content = checkpoints.load(path)
        content["rnnlab"]["config"]["diagnostics"] = config["diagnostics"]
        path.write_bytes(checkpoints.pack(content))


def test_no_program_runs_and_none_ends_sync(
    command: Command, sync: Command, home: Path, whole: Path, faults: Faults
) -> None:
    """To import a program is to run it; this one would end the process as it reads its arguments."""
    shutil.copytree(whole, home / "outputs" / "b")
    name_diagnostic(whole, "torch.utils.model_dump.__main__.X")
    other = Result.read(home / "outputs" / "b")
    other.delivered = False
    other.write()
    finished = sync(str(whole), "outputs/b")
    assert "usage" not in finished.out + finished.err
    assert f"{whole}: a full disk has left out figures/diagnostics.png" in finished.err
    assert Result.read(home / "outputs" / "b").delivered
    as_stopped(whole)
    refused = command("resume=outputs/a")
    assert refused.status == 2
    assert "is in a program, which would run" in refused.err
    target = "torch.utils.model_dump.__main__.X"
    for section in ("cell", "task", "optimizer", "clip"):
        message = refusal(f"{section}._target_={target}", *SHORT, output=home / "c")
        assert message.startswith(f"{section}._target_='{target}' is in a program")
    faults("a program as _target_", made=6)


def test_what_ends_the_process_ends_one_folders_turn(home: Path) -> None:
    def ends(folder: RunFolder, uri: str | None) -> str:
        raise SystemExit(2)

    def stops(folder: RunFolder, uri: str | None) -> str:
        raise Stopped(signal.SIGTERM)

    assert not try_to_sync(ends, RunFolder(home), None)
    with pytest.raises(Stopped):
        try_to_sync(stops, RunFolder(home), None)


WRITTEN = (
    *("packages.txt", "metrics.jsonl", "config.yaml", "result.json", "tracking.json", "rnnlab.log"),
    *("failure.txt", ".lock", "figures", "checkpoints", "diagnostics", "code", "model"),
    *("figures/learning_curve.png", "checkpoints/last.ckpt", "diagnostics/omega.npz"),
)


def test_links_lead_nothing_out(
    command: Command, sync: Command, home: Path, whole: Path, faults: Faults
) -> None:
    """Of all that is written to as a run goes on, or is delivered; other links do not matter."""
    as_stopped(whole)
    (whole / "notes").symlink_to(home)
    for number, name in enumerate(WRITTEN):
        folder, away = home / "outputs" / f"b{number}", home / "away" / name
        shutil.copytree(whole, folder, symlinks=True)
        link = folder / name
        away.parent.mkdir(parents=True, exist_ok=True)
        if link.exists():
            shutil.move(link, away)
        elif "." in name:
            away.write_text("mine")
        else:
            away.mkdir()
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(away)
        before = content(home / "away")
        for words in ((f"resume={folder}",), (*SHORT, f"hydra.run.dir={folder}", "resume=auto")):
            refused = command(*words)
            assert refused.status == 2, (name, refused.err)
            assert f"{link} leads to {away}" in refused.err
        refused = sync(str(folder))
        assert refused.status == 1, name
        assert f"{link} leads to {away}" in refused.err
        assert content(home / "away") == before, name
        shutil.rmtree(folder)
        shutil.rmtree(home / "away")
    assert command("resume=outputs/a").status == 0
    faults("a link out of a run's folder", made=3 * len(WRITTEN))


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Asked(BaseHTTPRequestHandler):
    """A server that takes down what it is sent."""

    heads: list[dict[str, str]]

    def do_GET(self) -> None:
        self.heads.append({k.lower(): v for k, v in self.headers.items()})
        self.send_response(500)
        self.end_headers()

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None: ...


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def listening() -> Iterator[str]:
    Asked.heads = []
    with served(Asked) as uri:
        yield uri


def name_store(folder: Path, uri: str) -> None:
    """As if the run had been made with it."""
    as_stopped(folder)
    result = Result.read(folder)
    result.tracking_uri, result.run_id = uri, ""
    result.write()
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["tracking"]["uri"] = uri
    write_yaml(folder / "config.yaml", config)


def test_a_folder_names_no_store_that_is_made(
    command: Command, sync: Command, home: Path, whole: Path, faults: Faults
) -> None:
    other = home / "other.db"
    with sqlite3.connect(other) as database:
        database.execute("create table mine (a)")
    before = other.read_bytes()
    names = (
        *(f"sqlite:///{home}/made.db", f"sqlite:///{other}", f"{home}/mlruns", f"file://{home}/m"),
        "postgresql://127.0.0.1:9/mine",
    )
    for uri in names:
        name_store(whole, uri)
        refused = sync()
        assert refused.status == 1, uri
        assert f"its store is {uri}, which is not used unasked: --uri {uri} lets it" in refused.err
        refused = command("resume=outputs/a")
        assert refused.status == 2, uri
        assert f"tracking.uri={uri} lets it" in refused.err
    assert other.read_bytes() == before
    assert not any((home / name).exists() for name in ("made.db", "mlruns", "m"))
    # What the user types is the user's; a store that is there already is one.
    assert sync("--uri", f"sqlite:///{home}/made.db").status == 0
    name_store(whole, f"sqlite:///{home}/made.db")
    assert sync().status == 0
    assert len(MlflowClient(f"sqlite:///{home}/made.db").search_experiments()) == 2
    faults("a store that a folder names", made=2 * len(names))


def test_credentials_go_where_the_user_points(
    command: Command,
    sync: Command,
    home: Path,
    whole: Path,
    listening: str,
    monkeypatch: pytest.MonkeyPatch,
    faults: Faults,
) -> None:
    name_store(whole, listening)
    for variables in (
        {"MLFLOW_TRACKING_TOKEN": "of-the-user"},
        {"MLFLOW_TRACKING_USERNAME": "me", "MLFLOW_TRACKING_PASSWORD": "of-the-user"},
    ):
        with monkeypatch.context() as given:
            for name, value in variables.items():
                given.setenv(name, value)
            for refused in (sync(), command("resume=outputs/a")):
                assert refused.status in (1, 2)
                assert f"its store is {listening}, which you have not named" in refused.err
            assert Asked.heads == []
            sync("--uri", listening)
            assert {head["authorization"].split()[0] for head in Asked.heads} <= {"Bearer", "Basic"}
            assert Asked.heads
            Asked.heads.clear()
            given.setenv("MLFLOW_TRACKING_URI", listening)
            sync()
            assert Asked.heads
            Asked.heads.clear()
    sync()  # without anything to sign in with it is asked, as it was when it was named first
    assert Asked.heads
    assert not any("authorization" in head for head in Asked.heads)
    faults("a server that a folder names", made=4)


@pytest.mark.parametrize(
    "place",
    [
        *("/home/me", "file:///home/me", "file://127.0.0.1/home/me", "http://127.0.0.1:9200/x"),
        *("https://127.0.0.1:5000/x", "mlflow-artifacts://elsewhere.example/x", "sftp://evil/x"),
        *("{home}", "file://{home}/outputs", "{home}/outputs/artifacts/../../x", "s3://evil/x"),
    ],
)
@pytest.mark.parametrize("server", ["http://elsewhere.example:5000", "http://127.0.0.1:5000"])
def test_a_server_that_nobody_named_writes_nothing_here(
    place: str, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says where artifacts go; MLflow would write them to any folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "config.yaml").write_text("")
    monkeypatch.setattr("rnnlab.tracking.named_store._BY_FILES", set())
    sent: list[str] = []
    info = SimpleNamespace(artifact_uri=place.replace("{home}", str(tmp_path)))
    evil: Any = SimpleNamespace(
        tracking_uri=server,
        get_run=lambda run_id: SimpleNamespace(info=info),
        log_artifact=lambda run_id, path: sent.append(path),
    )
    manifest = Manifest.new("run", "rnnlab", "a", tmp_path, [], {}, {})
    delivery = Delivery(evil, "1", manifest, "of-the-run")
    delivery.send_artifacts(tmp_path, ["config.yaml"])  # a user's own may share a disk
    assert len(sent) == 1
    assert store_of(server, "--uri ") == server
    with pytest.raises(FAILURES, match=f"you have not named it: rnnlab.sync --uri {server} lets"):
        delivery.send_artifacts(tmp_path, ["config.yaml"])
    assert len(sent) == 1
    for own in ("mlflow-artifacts:/1", f"{tmp_path}/outputs/artifacts/1"):
        info.artifact_uri = own
        delivery.send_artifacts(tmp_path, ["config.yaml"])
    assert len(sent) == 3


def test_a_comparison_stays_below_outputs(
    command: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("..", ".", "../..", "/", "a/../../b"):
        assert command(*SHORT, f"tracking.experiment='{name}'").status == 0
        before = {path for path in home.rglob("*") if "reports" not in path.parts}
        monkeypatch.setattr("rnnlab.report.report.draw", lambda grid: [])
        compare(["--experiment", name])
        after = {path for path in home.rglob("*") if "reports" not in path.parts}
        assert after == before, name
    reports = home / "outputs" / "reports"
    assert len([path for path in reports.iterdir() if (path / "report.md").exists()]) == 5
    assert not list(reports.glob("*.md"))


def test_a_store_in_a_folder_writes_nowhere_else(
    command: Command,
    sync: Command,
    home: Path,
    whole: Path,
    monkeypatch: pytest.MonkeyPatch,
    faults: Faults,
) -> None:
    """Its own run in it says where artifacts go, as its manifest says which. Oracle: the victim's files."""
    victim, store = home / "victim", f"sqlite:///{whole}/mlflow.db"
    victim.mkdir()
    (whole / ".bashrc").write_text("owned")
    shutil.copy(home / "mlflow.db", whole / "mlflow.db")
    own = Result.read(whole).run_id
    with sqlite3.connect(whole / "mlflow.db") as database:
        database.execute("update runs set artifact_uri = ?", [victim.as_uri()])
    name_store(whole, store)
    result, manifest = Result.read(whole), Manifest.read(whole)
    result.run_id = own
    result.write()
    manifest.artifacts = [".bashrc", "config.yaml"]
    manifest.write(whole)
    refused = sync()
    assert refused.status == 1
    wants = f"{store} wants artifacts in {victim.as_uri()}, and you have not named it"
    assert f"{wants}: rnnlab.sync --uri {store} lets it" in refused.err
    assert not Result.read(whole).delivered
    assert command("resume=outputs/a").status == 0
    assert not Result.read(whole).delivered
    assert list(victim.iterdir()) == []
    monkeypatch.setattr("rnnlab.tracking.named_store._BY_FILES", set())  # as in a new process
    # What the user names places artifacts where it likes; a name that no run leaves is not sent.
    manifest = Manifest.read(whole)
    manifest.artifacts.append(".bashrc")
    manifest.write(whole)
    assert sync("--uri", store).status == 0
    assert (victim / "config.yaml").exists()
    assert not (victim / ".bashrc").exists()
    faults("a store that a folder names", made=2)


@pytest.mark.parametrize("entry", ["machine 127.0.0.1", "default"])
def test_a_netrc_signs_in_nowhere_unasked(
    entry: str,
    command: Command,
    sync: Command,
    home: Path,
    whole: Path,
    listening: str,
    monkeypatch: pytest.MonkeyPatch,
    faults: Faults,
) -> None:
    """What MLflow sends its requests with looks there by itself. Oracle: the server's own log."""
    (home / "netrc").write_text(f"{entry} login me password of-the-user\n")
    monkeypatch.setenv("NETRC", str(home / "netrc"))
    name_store(whole, listening)
    for refused in (sync(), command("resume=outputs/a")):
        assert refused.status in (1, 2)
        assert f"its store is {listening}, which you have not named" in refused.err
    assert Asked.heads == []
    sync("--uri", listening)  # the user's own word
    assert {head["authorization"].split()[0] for head in Asked.heads} == {"Basic"}
    faults("a server that a folder names", made=2)


class Endless(BaseHTTPRequestHandler):
    """An MLflow server whose history of a metric has always one page more."""

    asked = 0

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        experiment = {"experiment_id": "1", "name": "rnnlab", "lifecycle_stage": "active"}
        info = {"run_id": "r" * 32, "experiment_id": "1", "status": "RUNNING", "start_time": 1}
        point = {"key": "train/loss", "value": 1.0, "timestamp": 1, "step": Endless.asked}
        answer: dict[str, Any] = {}
        if "experiments/get" in self.path:
            answer = {"experiment": experiment}
        elif "runs/create" in self.path or "runs/get" in self.path:
            answer = {"run": {"info": info, "data": {"metrics": [point]}}}
        elif "get-history" in self.path:
            Endless.asked += 1
            answer = {"metrics": [point], "next_page_token": str(Endless.asked)}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None: ...


def test_a_server_without_an_end_ends_no_sync(
    sync: Command, home: Path, whole: Path, monkeypatch: pytest.MonkeyPatch, faults: Faults
) -> None:
    """Oracle: the number of its pages, which is the bound."""
    monkeypatch.setattr("rnnlab.tracking.pages.MOST_PAGES", 20)
    Endless.asked = 0
    with served(Endless) as uri:
        name_store(whole, uri)
        refused = sync()
    assert refused.status == 1
    assert "does not come to an end of the points of train/loss: 20 pages so far" in refused.err
    assert Endless.asked == 20
    assert not Result.read(whole).delivered
    faults("a server that a folder names")

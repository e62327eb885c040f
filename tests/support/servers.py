"""A PostgreSQL and an MLflow server of a test's own, on loopback, that can be killed."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from tests.faults.conftest import wait_for

PROGRAMS = [
    *Path("/usr/lib/postgresql").glob("*/bin"),
    *(Path(found).parent for found in [shutil.which("pg_ctl")] if found),
]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.fixture
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of an empty database of a server of its own."""
    if not PROGRAMS:
        pytest.skip("PostgreSQL is not installed")
    folder, port = tmp_path_factory.mktemp("postgres"), free_port()
    as_user: list[str] = []
    if os.geteuid() == 0:  # which PostgreSQL refuses
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        for path in (folder, *folder.parents):
            if path.owner() == "root" and path != Path("/") and path.stat().st_mode & 0o077 == 0:
                path.chmod(0o711)
        shutil.chown(folder, "postgres")

    def run(program: str, *arguments: str) -> None:
        command = [*as_user, str(PROGRAMS[0] / program), "-D", str(folder / "data"), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=folder)

    run("initdb", "--auth=trust", "--username=rnnlab", "--no-sync")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    run("pg_ctl", "-o", options, "-l", str(folder / "log"), "-w", "start")
    pid = int((folder / "data" / "postmaster.pid").read_text().split()[0])
    try:
        yield f"postgresql+psycopg2://rnnlab@127.0.0.1:{port}/postgres"
    finally:
        with suppress(ProcessLookupError):  # it may have died by itself
            os.kill(pid, signal.SIGQUIT)
        wait_for(lambda: not Path(f"/proc/{pid}").exists(), seconds=120)


class Server:
    """`mlflow server` on one port, over one store, through its deaths."""

    def __init__(self, folder: Path, store: str, *arguments: str, **environment: str) -> None:
        self.folder, self.port = folder, free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self.command = [
            *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"),
            *("--port", str(self.port), "--backend-store-uri", store, "--workers", "1"),
            *("--artifacts-destination", str(folder / "artifacts"), *arguments),
        ]
        self.environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"} | environment
        self.environment.pop("MLFLOW_TRACKING_URI", None)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        with (self.folder / "log.txt").open("a") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                env=self.environment,
                start_new_session=True,
            )
        wait_for(self.answers, seconds=90)

    def answers(self) -> bool:
        try:
            return requests.get(f"{self.uri}/health", timeout=5).ok
        except requests.RequestException:
            return False

    def kill(self) -> None:
        """Its workers too."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


@pytest.fixture
def server(home: Path, postgres: str) -> Iterator[Server]:
    """Of PostgreSQL; not started yet."""
    made = Server(home / "server", postgres)
    yield made
    made.kill()

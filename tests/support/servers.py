"""A PostgreSQL and an MLflow server of a test's own, on loopback, that can be killed."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests

from tests.support.processes import wait_for

PROGRAMS = [
    *Path("/usr/lib/postgresql").glob("*/bin"),
    *(Path(found).parent for found in [shutil.which("pg_ctl")] if found),
]


# Nobody here asks MLflow for jobs of its own, whose processes take longer to start than the server.
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def answers(uri: str) -> bool:
    """Whether an MLflow server is up."""
    try:
        return requests.get(f"{uri}/health", timeout=5).ok
    except requests.RequestException:
        return False


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """The URI of an empty database of a server of its own, whose files are in an empty folder."""
    if not PROGRAMS:
        pytest.skip("PostgreSQL is not installed")
    port = free_port()
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
        wait_for(lambda: not Path(f"/proc/{pid}").exists())


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
        self.environment = os.environ | QUIET | environment
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
        wait_for(lambda: answers(self.uri))

    def unanswered(self) -> set[str]:
        """Who has asked and waits, while this server stands still: its connections with unread bytes."""
        waiting = set()
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            # Number, own address and port, the other's, state (01: established), bytes to send:to read.
            _, own, other, state, queues, *_ = line.split()
            unread = int(queues.partition(":")[2], 16)
            if int(own.partition(":")[2], 16) == self.port and state == "01" and unread:
                waiting.add(other)
        return waiting

    def kill(self) -> None:
        """Its workers too."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

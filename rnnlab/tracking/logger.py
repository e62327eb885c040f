"""Lightning's logger: the journal at once, and MLflow from a thread, which training never waits for."""

import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger

from rnnlab.foundation.masking import first_line
from rnnlab.foundation.signals import hold_signals
from rnnlab.tracking.delivery import Delivery, batches
from rnnlab.tracking.journal import Journal, Point, drop_seen
from rnnlab.tracking.store import FAILURES

log = logging.getLogger(__name__)

FLUSH_SECONDS = 5.0  # how far `mlflow ui` may lag behind a run
PATIENCE = 15.0  # seconds without a batch taken, after which a store is not waited for at the end


class BufferedMLFlowLogger(Logger):
    """Metrics go to the journal at once, and to MLflow a batch at a time, each (key, step) once.

    One call a point costs MLflow's SQLite store 5 ms, a batch of a hundred 0.13 ms a point. Batches
    go from a thread of their own. While a store is down they wait, and are tried again every few
    seconds; what it has not taken by the end is in the journal, for `rnnlab.sync`.

    Args:
        journal: Where every point is written first.
    """

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self.journal = journal
        self.delivery: Delivery | None = None
        """Brings the run to its store; None where that does not answer."""
        self.waiting: list[Point] = []
        self.failed = False
        """Whether the store took less than it was given when it was last asked."""
        self._seen: set[tuple[str, int]] = set()
        self._queue, self._sending = threading.Lock(), threading.Lock()
        self._moved = time.monotonic()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._send_now_and_then, daemon=True)

    def begin(self, written: Sequence[Point] | None = None) -> None:
        """From now on, send by `delivery`.

        Args:
            written: What the journal has of a run that goes on; what its store has not, is sent.
        """
        if written is not None:
            try:
                self._seen = set() if self.delivery is None else self.delivery.known_points(written)
            except FAILURES as error:  # nothing is sent twice: sync looks again at what is there
                self._fails("does not say what it has", error)
                self.delivery = None
            self._add(written)
        self._thread.start()

    @property
    def name(self) -> str | None:
        return None if self.delivery is None else self.delivery.manifest.experiment

    @property
    def version(self) -> str | None:
        return self.run_id or None

    @property
    def run_id(self) -> str:
        """The store's; empty where none answered."""
        return "" if self.delivery is None else self.delivery.run_id

    def log_hyperparams(self, params: Mapping[str, Any], *_: Any, **__: Any) -> None:
        """Nothing: a run's params are in its manifest, and in the store since it began."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        with hold_signals():  # or a point would be in the journal that nobody sends
            self._add(self.journal.append(metrics, step or 0))

    def _add(self, points: Iterable[Point]) -> None:
        with self._queue:
            self.waiting += drop_seen(points, self._seen)

    def flush(self) -> None:
        """Send what waits; what cannot be sent waits on."""
        if self.delivery is None:
            return
        with self._sending:
            try:
                for batch in batches(self.waiting[:]):
                    self.delivery.send(batch)
                    with self._queue:
                        del self.waiting[: len(batch)]
                    self._moved = time.monotonic()
            except FAILURES as error:
                self._fails("did not take the metrics, which wait", error)
            else:
                self.failed = False

    def _send_now_and_then(self) -> None:
        while not self._ending.wait(FLUSH_SECONDS):
            self.flush()

    def _fails(self, what: str, error: Exception) -> None:
        if not self.failed:
            log.warning("MLflow %s; %s has them: %s", what, self.journal.path, first_line(error))
        self.failed = True

    def finalize(self, status: str = "success") -> None:
        """Nothing: Lightning calls this after each of its stages; `end` ends the run."""

    def end(self, folder: Path, artifacts: Iterable[str], status: str) -> bool:
        """Send what waits, then files and folders of `folder`, then how the run ended.

        Returns:
            Whether the store has all of it.
        """
        self.journal.write()
        self._ending.set()
        if self.delivery is None or not self._is_idle():
            return False
        self.flush()
        if self.failed:
            return False
        try:
            self.delivery.send_artifacts(folder, artifacts)
            self.delivery.end(status)
        except FAILURES as error:
            self._fails(f"did not take the artifacts, or that the run is {status}", error)
        return not self.failed

    def _is_idle(self) -> bool:
        """Whether the thread has ended, once it has sent or given up what it was sending."""
        self._moved = time.monotonic()
        while self._thread.is_alive():
            if time.monotonic() - self._moved > PATIENCE:
                self._fails("does not answer", TimeoutError(f"for {PATIENCE:.0f} seconds"))
                return False
            self._thread.join(0.05)
        return True

"""Lightning's logger: the journal at once, and MLflow from a thread, which training never waits for."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
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
AGAIN_AFTER = 1.0  # second, after which what failed at the end is tried once more
PATIENCE = 15.0  # seconds without a batch taken, after which a store is not waited for at the end


class BufferedMLFlowLogger(Logger):
    """Metrics go to the journal at once, and to MLflow a batch at a time, each (key, step) once.

    One call a point costs MLflow's SQLite store 5 ms, a batch of a hundred 0.13 ms a point. Batches
    go from a thread of their own. While a store is down they wait, and are tried again every few
    seconds, from the run's first request on; what it has not taken by the end is in the journal,
    for `rnnlab.sync`.

    Args:
        journal: Where every point is written first.
    """

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self.journal = journal
        self.delivery: Delivery | None = None
        """Brings the run to its store; None where that has not answered yet."""
        self.reach: Callable[[], Delivery] | None = None
        """Makes the run in its store, or finds it there: asked now and then until it answers."""
        self.waiting: list[Point] = []
        self.failed = False
        """Whether the store took less than it was given when it was last asked."""
        self._seen: set[tuple[str, int]] = set()
        self._written: Sequence[Point] | None = None
        self._queue, self._sending = threading.Lock(), threading.Lock()
        self._moved = time.monotonic()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._send_now_and_then, daemon=True)

    def begin(self, written: Sequence[Point] | None = None) -> None:
        """From now on, send by `delivery`.

        Args:
            written: What the journal has of a run that goes on; what its store has not, is sent.
        """
        self._written = written
        self.failed = self.delivery is None  # which has been told
        if self.delivery is not None and written is not None:
            try:
                written, self._seen = self.delivery.compare(self.journal)
            except FAILURES as error:  # nothing is sent twice: what is there is asked for again
                self._fails("does not say what it has", error)
                self.delivery = None
        self._add(written or ())
        self._thread.start()

    def _is_reached(self) -> bool:
        """Whether there is a store to send to; one that did not answer is asked again."""
        if self.delivery is None and self.reach is not None:
            try:
                delivery = self.reach()
                known = delivery.known_points(self._written or ())
            except (ValueError, *FAILURES) as error:
                self._fails("does not answer", error)
                return False
            with self._queue:
                self._seen |= known
                self.waiting = [p for p in self.waiting if (p.key, p.step) not in known]
            self.delivery = delivery
        return self.delivery is not None

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
        with self._sending:
            if not self._is_reached():
                return
            assert self.delivery is not None
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
        if not self._is_idle():
            return False
        if self._sends_all(folder, artifacts, status):
            return True
        time.sleep(AGAIN_AFTER)  # one request that is dropped leaves no run to be delivered later
        return self._sends_all(folder, artifacts, status)

    def _sends_all(self, folder: Path, artifacts: Iterable[str], status: str) -> bool:
        self.flush()
        if self.delivery is None or self.failed:
            return False
        try:
            try:
                self.delivery.send_artifacts(folder, artifacts)
            finally:
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

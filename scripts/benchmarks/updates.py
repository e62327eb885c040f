"""Updates inside rnnlab's own training against bare loops, turn by turn in one process.

A round is one block of rnnlab's: from the end of the round before to the end of Lightning's hooks,
with its data, its journal and its store; and after it as many updates by each peer, on the same
batches. Losses are compared first: equal science, or no time. Peers share the process, and with it
the freed memory that a run of rnnlab keeps: alone they would be slower, by a fifth where large.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from benchmarks.case import Case
from benchmarks.peers import Peer, bare, hoisted
from rnnlab.data import Stream
from rnnlab.experiment import make_module, make_trainer
from rnnlab.machine import keep_freed_memory, set_num_threads
from rnnlab.model import SequenceModel
from rnnlab.tasks import Task
from rnnlab.tracking.journal import Journal
from rnnlab.tracking.logger import BufferedMLFlowLogger
from rnnlab.tracking.store import open_store
from rnnlab.training import TrainingModule

CLOSE = (
    1e-3  # relative, of the mean loss of the first block: float32 on two different orders of sums
)
MakePeer = Callable[[SequenceModel, Task], Peer]


@dataclass
class Timed:
    """Seconds an update, by round; the first round warms up and is not among them."""

    case: Case
    ours: list[float] = field(default_factory=list)
    logged: list[float] = field(default_factory=list)  # perf/seconds_per_update
    peers: dict[str, list[float]] = field(default_factory=dict)
    losses: dict[str, float] = field(default_factory=dict)  # of the first block

    def ratios(self, peer: str) -> list[float]:
        return [theirs / own for theirs, own in zip(self.peers[peer], self.ours, strict=True)]

    def row(self, peer: str, peak: float) -> list[str]:
        ratios = self.ratios(peer)
        share = self.case.products / statistics.median(self.ours) / peak
        return [
            str(self.case),
            peer,
            f"{statistics.median(ratios):.2f}",
            f"{min(ratios):.2f} to {max(ratios):.2f}",
            f"{1e3 * statistics.median(self.ours):.3g}",
            f"{1e3 * statistics.median(self.peers[peer]):.3g}",
            f"{share:.0%}",
            f"{self.losses['rnnlab']:.6g}",
            f"{self.losses[peer]:.6g}",
        ]

    def as_dict(self) -> dict[str, Any]:
        medians = {peer: statistics.median(self.ratios(peer)) for peer in self.peers}
        return {**asdict(self), "ratios": medians}


HEADER = ["case (H, B, T)", "peer", "ratio", "range", "ms", "peer's ms", "of GEMM peak"]
HEADER += ["loss", "peer's loss"]


class Rounds(pl.Callback):
    """Runs the peers between the blocks of a fit."""

    def __init__(self, case: Case, makers: Sequence[MakePeer]) -> None:
        self.timed, self.makers = Timed(case), makers
        self.warm = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        self.peers = [make(pl_module.model, pl_module.task) for make in self.makers]
        self.began = time.perf_counter()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        count = self.timed.case.block
        ours = (time.perf_counter() - self.began) / count
        assert isinstance(pl_module, TrainingModule)
        module, settings = pl_module, pl_module.train_settings
        stream = Stream(module.task, settings.batch_size, settings.data_seed, "train")
        batches = [stream.batch(t) for t in range(module.updates - count, module.updates)]
        if self.warm:
            self.timed.ours.append(ours)
            self.timed.logged.append(module.recent["perf/seconds_per_update"])
        else:
            self.timed.losses["rnnlab"] = module.recent["train/loss"]
        for peer in self.peers:
            prepared = peer.prepare(batches)
            began = time.perf_counter()
            losses = peer.updates(prepared)
            seconds = (time.perf_counter() - began) / count / peer.runs
            if self.warm:
                self.timed.peers.setdefault(peer.name, []).append(seconds)
            else:
                self.compare(peer, statistics.mean(losses))
        self.warm = True
        self.began = time.perf_counter()

    def compare(self, peer: Peer, loss: float) -> None:
        self.timed.losses[peer.name] = loss
        own = self.timed.losses["rnnlab"]
        if abs(loss - own) > CLOSE * abs(own):
            raise RuntimeError(f"{self.timed.case}: {peer.name} has loss {loss}, rnnlab {own}")


def time_updates(case: Case, makers: Sequence[MakePeer], rounds: int) -> Timed:
    """Train it as rnnlab does, for one round more than asked."""
    steps = case.block * (rounds + 1)
    config = case.config(f"train.steps={steps}", f"train.val_every={steps}")
    callback = Rounds(case, makers)
    set_num_threads(1)
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as name:
        folder, uri = Path(name), f"sqlite:///{name}/mlflow.db"
        open_store(uri, "benchmark")
        logger = BufferedMLFlowLogger(Journal(folder / "metrics.jsonl"), uri, "benchmark")
        trainer = make_trainer(config, folder, [callback], logger)
        trainer.fit(make_module(config))
        logger.end("FINISHED")
    return callback.timed


def gemm_peak(size: int = 1024, seconds: float = 1.0) -> float:
    """Floating-point operations a second of a matrix product at its best, torch's or numpy's."""
    set_num_threads(1)
    a = torch.randn(size, size)
    best, until = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < until:
        for matrix in (a, a.numpy()):
            began = time.perf_counter()
            matrix @ matrix
            best = min(best, time.perf_counter() - began)
    return 2 * size**3 / best


def peers_of(case: Case, jax: bool, compiled: bool) -> list[MakePeer]:
    """Whom a case is compared with; what compiles for minutes is left to the small one."""
    makers: list[MakePeer] = [bare]
    small = case.hidden_size <= 50
    if case.cell != "elman":
        return makers
    makers.append(lambda model, task: bare(model, task, fused=True))
    makers.append(hoisted)
    if compiled and small and case.task == "adding":
        makers.append(lambda model, task: hoisted(model, task, compiled=True))
    if jax:
        from benchmarks.jax_peers import Scan, Vmap

        makers.append(Scan)
        if small and case.task == "adding":
            makers.append(lambda model, task: Vmap(model, task, runs=8))
    return makers

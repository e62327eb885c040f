"""Updates inside rnnlab's own training against bare loops, turn by turn on one core or device.

A round is one block of rnnlab's: from the end of the round before to the end of Lightning's hooks,
with its data, its journal and its store; and after it as many updates by each peer, on the same
batches. The peers have a process of their own, as their users have, which waits while rnnlab works;
what rnnlab asks of its process, as to keep freed memory, is no gift to them. Losses are compared
first: equal science, or no time.
"""

import multiprocessing
import os
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch

from benchmarks.case import Case
from benchmarks.peers import Peer, bare, hoisted
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.foundation.compute import (
    compute_in_float32,
    keep_freed_memory,
    set_flush_denormal,
    set_num_threads,
)
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.runs.factory import make_module, make_trainer
from rnnlab.tasks import Task
from rnnlab.tasks.stream import Stream
from rnnlab.tracking.delivery import Delivery
from rnnlab.tracking.journal import Journal
from rnnlab.tracking.logger import BufferedMLFlowLogger
from rnnlab.tracking.manifest import Manifest
from rnnlab.tracking.store import open_store
from rnnlab.training.checkpoint_on_stop import CheckpointOnStop
from rnnlab.training.checkpoints import AtomicCheckpointIO
from rnnlab.training.module import TrainingModule

CLOSE = {"cpu": 1e-3, "cuda": 1e-2}
"""Relative, of the mean losses of the blocks before: float32 on two different orders of sums.

On a GPU torch's layers and JAX multiply in TF32, where rnnlab keeps to float32.
"""


@dataclass
class Timed:
    """Seconds an update, by round; the rounds that warm up are not among them."""

    case: Case
    ours: list[float] = field(default_factory=list)
    logged: list[float] = field(default_factory=list)  # perf/seconds_per_update
    peers: dict[str, list[float]] = field(default_factory=dict)
    losses: dict[str, float] = field(default_factory=dict)  # of the last block before the timed

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


class Choice(NamedTuple):
    """Of peers, and of what their process does."""

    jax: bool
    compiled: bool
    keep_freed_memory: bool


class Rounds(pl.Callback):
    """Has the peers run between the blocks of a fit."""

    def __init__(self, case: Case, peers: Connection) -> None:
        self.timed, self.peers = Timed(case), peers
        self.rounds = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        state = pl_module.model.state_dict()
        self.peers.send({name: weight.cpu().numpy() for name, weight in state.items()})
        self.peers.recv()  # they are ready
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
        warm = self.rounds >= self.timed.case.warm_up
        if warm:
            self.timed.ours.append(ours)
            self.timed.logged.append(pl_module.recent["perf/seconds_per_update"])
        else:
            self.timed.losses["rnnlab"] = pl_module.recent["train/loss"]
        self.peers.send(range(pl_module.updates - count, pl_module.updates))
        for name, (seconds, loss) in self.peers.recv().items():
            if warm:
                self.timed.peers.setdefault(name, []).append(seconds)
            else:
                self.compare(name, loss)
        self.rounds += 1
        self.began = time.perf_counter()

    def compare(self, peer: str, loss: float) -> None:
        self.timed.losses[peer] = loss
        own = self.timed.losses["rnnlab"]
        if abs(loss - own) > CLOSE[self.timed.case.device] * abs(own):
            raise RuntimeError(f"{self.timed.case}: {peer} has loss {loss}, rnnlab {own}")


def serve_peers(case: Case, choice: Choice, pipe: Connection) -> None:
    """In a process of their own: begin from the weights, then make the updates that are asked for.

    Answers each range of updates with every peer's seconds an update, and its mean loss.
    """
    os.environ |= {"JAX_PLATFORMS": case.device, "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    set_num_threads(1)
    if choice.keep_freed_memory:
        keep_freed_memory()
    module = make_module(case.config())
    weights = pipe.recv()
    module.model.load_state_dict({name: torch.from_numpy(w) for name, w in weights.items()})
    module.model.to(case.device)
    peers = peers_of(case, choice, module.model, module.task)
    settings = module.train_settings
    stream = Stream(module.task, settings.batch_size, settings.data_seed, "train")
    pipe.send("ready")
    while (updates := pipe.recv()) is not None:
        batches = list(stream.batches(updates.start, updates.stop))
        found = {}
        for peer in peers:
            prepared = peer.prepare(batches)
            torch.set_flush_denormal(peer.flushed)
            began = time.perf_counter()
            losses = peer.updates(prepared)
            seconds = (time.perf_counter() - began) / len(updates) / peer.runs
            torch.set_flush_denormal(False)
            found[peer.name] = seconds, statistics.mean(losses)
        pipe.send(found)


def time_updates(case: Case, rounds: int, choice: Choice) -> Timed:
    """Train it as rnnlab does, for the rounds that warm up more than asked."""
    steps = case.block * (rounds + case.warm_up)
    config = case.config(f"train.steps={steps}", f"train.val_every={steps}")
    context = multiprocessing.get_context("spawn")
    pipe, peers_pipe = context.Pipe()
    process = context.Process(target=serve_peers, args=(case, choice, peers_pipe), daemon=True)
    process.start()
    peers_pipe.close()  # the process has it: should that end early, reading here fails
    callback = Rounds(case, pipe)
    set_num_threads(1)
    set_flush_denormal(config.settings.flush_denormal)
    compute_in_float32()
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as name:
        folder, uri = RunFolder(Path(name)), f"sqlite:///{name}/mlflow.db"
        client, experiment_id = open_store(uri, "benchmark")
        manifest = Manifest("benchmark", str(case), {"rnnlab.folder": name}, {}, started=0)
        delivery = Delivery(client, experiment_id, manifest)
        delivery.begin()
        logger = BufferedMLFlowLogger(Journal(folder.journal))
        logger.delivery = delivery
        logger.begin()
        callbacks = [CheckpointOnStop(folder), callback]
        trainer = make_trainer(config, folder, callbacks, logger, AtomicCheckpointIO(folder))
        trainer.fit(make_module(config))
        logger.end(folder.path, [], "FINISHED")
    pipe.send(None)
    process.join()
    return callback.timed


def gemm_peak(device: str, seconds: float = 1.0) -> float:
    """Floating-point operations a second of a float32 matrix product at its best.

    On the CPU torch's or numpy's.
    """
    set_num_threads(1)
    size = 1024 if device == "cpu" else 8192
    a = torch.randn(size, size, device=device)
    best, until = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < until:
        for matrix in (a, a.numpy()) if device == "cpu" else (a,):
            began = time.perf_counter()
            product = matrix @ matrix
            product[0, 0].item()  # by then it is there
            best = min(best, time.perf_counter() - began)
    return 2 * size**3 / best


def peers_of(case: Case, choice: Choice, model: SequenceModel, task: Task) -> list[Peer]:
    """Whom a case is compared with; what compiles for minutes is left to the small one."""
    peers: list[Peer] = [bare(model), bare(model, flushed=True)]
    small = case.hidden_size <= 50
    if case.cell != "elman":
        return peers
    peers += [bare(model, fused=True), hoisted(model)]
    if choice.compiled and small and case.task == "adding":
        peers.append(hoisted(model, compiled=True))
    if choice.jax:
        from benchmarks.jax_peers import Scan, Vmap

        peers.append(Scan(model, task))
        if small and case.task == "adding":
            peers.append(Vmap(model, task, runs=8))
    return peers

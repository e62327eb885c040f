"""Updates inside rnnlab's own training against bare loops, turn by turn on one core or device.

A round is one block of rnnlab's: from the end of the round before to the end of Lightning's hooks,
with its data, its journal and its store; and after it as many updates by each peer, on the same
batches. The peers have a process of their own, as their users have, which waits while rnnlab works;
what rnnlab asks of its process, as to keep freed memory, is no gift to them. Losses are compared
first: equal science, or no time.
"""

import multiprocessing
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from benchmarks.case import Case
from benchmarks.served_peers import Choice, serve_peers
from benchmarks.timed import Timed
from rnnlab.foundation.compute import (
    compute_in_float32,
    keep_freed_memory,
    set_flush_denormal,
    set_num_threads,
)
from rnnlab.foundation.run_folder import RunFolder
from rnnlab.runs.factory import make_module, make_trainer
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
        if not abs(loss - own) <= CLOSE[self.timed.case.device] * abs(own):  # NaN is not close
            raise RuntimeError(f"{self.timed.case}: {peer} has loss {loss}, rnnlab {own}")


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

"""The peers in a process of their own: begun from rnnlab's weights, timed on rnnlab's batches."""

import os
import statistics
import time
from multiprocessing.connection import Connection
from typing import NamedTuple

import torch

from benchmarks.case import Case
from benchmarks.peers import Peer, bare, has_layer, hoisted, own_loop
from rnnlab.cells.sequence_model import SequenceModel
from rnnlab.foundation.compute import keep_freed_memory, set_num_threads
from rnnlab.runs.factory import make_module
from rnnlab.tasks import Task
from rnnlab.tasks.stream import Stream


class Choice(NamedTuple):
    """Of peers, and of what their process does."""

    jax: bool
    compiled: bool
    keep_freed_memory: bool


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


def peers_of(case: Case, choice: Choice, model: SequenceModel, task: Task) -> list[Peer]:
    """Whom a case is compared with; what compiles for minutes is left to the small one."""
    made = bare if has_layer(model) else own_loop
    if case.device == "cuda":
        return [made(model)]
    peers: list[Peer] = [made(model), made(model, flushed=True)]
    if case.cell != "elman":
        return peers
    small = case.hidden_size <= 50
    peers += [bare(model, fused=True), hoisted(model)]
    if choice.compiled and small and case.task == "adding":
        peers.append(hoisted(model, compiled=True))
    if choice.jax:
        from benchmarks.jax_peers import Scan, Vmap

        peers.append(Scan(model, task))
        if small and case.task == "adding":
            peers.append(Vmap(model, task, runs=8))
    return peers

"""Oracles: numpy's Philox and Mersenne twister, Philox written out, a fresh process, uniform moments."""

import hashlib
import itertools
import subprocess
import sys

import numpy as np
import pytest
import torch

from rnnlab.tasks.adding import Adding
from rnnlab.tasks.copy_memory import CopyMemory
from rnnlab.tasks.stream import STREAMS, Lengths, Stream, Words, generator, philox_words
from rnnlab.tasks.teacher import Teacher
from rnnlab.tasks.temporal_order import TemporalOrder

CPU = torch.device("cpu")
FLOAT = torch.float32
TASKS = {
    "adding": Adding(20),
    "copy_memory": CopyMemory(5),
    "temporal_order": TemporalOrder(20),
    "teacher": Teacher(),
}
SCRIPT = """
import hashlib, torch
from rnnlab.tasks.stream import Stream
from rnnlab.tasks.adding import Adding
from rnnlab.tasks.copy_memory import CopyMemory
from rnnlab.tasks.teacher import Teacher
from rnnlab.tasks.temporal_order import TemporalOrder
for task in (Adding(20), CopyMemory(5), TemporalOrder(20), Teacher()):
    batch = Stream(task, 8, 3, "val").batch(17, torch.device("cpu"), torch.float32)
    print(*(hashlib.sha256(x.numpy().tobytes()).hexdigest() for x in batch))
"""


def test_batches_are_the_same_bits_in_a_fresh_process():
    """Oracle: SHA-256 of what another process makes; here, other batches come before."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=60
    )
    here = []
    for task in TASKS.values():
        stream = Stream(task, 8, 3, "val")
        for step in (16, 18):
            stream.batch(step, CPU, FLOAT)
        batch = stream.batch(17, CPU, FLOAT)
        here.append(" ".join(hashlib.sha256(x.numpy().tobytes()).hexdigest() for x in batch))
    assert done.stdout.splitlines() == here


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_seed_stream_and_step_each_make_another_batch(task):
    keys = [(3, "train", 7), (4, "train", 7), (3, "val", 7), (3, "train", 8), (7, "train", 3)]
    batches = [Stream(task, 8, s, name).batch(t, CPU, FLOAT).inputs for s, name, t in keys]
    for first, second in itertools.combinations(batches, 2):
        shortest = min(first.size(1), second.size(1))
        assert not torch.equal(first[:, :shortest], second[:, :shortest])
    again = Stream(task, 8, 3, "train").batch(7, CPU, FLOAT).inputs
    assert torch.equal(again, batches[0])


def test_no_two_generators_are_alike():
    """3 seeds, all streams, 200 steps: distinct states, and distinct first draws."""
    states, draws = set(), set()
    keys = list(itertools.product((0, 1, 2**62), STREAMS, range(200)))
    for key in keys:
        state = generator(*key).get_state().numpy()
        states.add(state.tobytes())
        draws.add(tuple(torch.rand(4, generator=generator(*key)).tolist()))
    assert len(STREAMS) == 7
    assert len(states) == len(draws) == len(keys) == 4200


def test_batches_leave_the_global_generators_alone():
    torch.manual_seed(0)
    torch_state, numpy_state = torch.get_rng_state(), str(np.random.get_state())  # noqa: NPY002
    before = Stream(TASKS["adding"], 8, 0, "train").batch(0, CPU, FLOAT)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert str(np.random.get_state()) == numpy_state  # noqa: NPY002
    torch.manual_seed(1)
    after = Stream(TASKS["adding"], 8, 0, "train").batch(0, CPU, FLOAT)
    assert all(map(torch.equal, before, after))  # and do not depend on them


KEYS = [(0, "train", 0), (3, "val", 7), (2**63 - 1, "dropout", 2**40), (12, "test", 1)]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_words_are_numpys_philox_advanced(key):
    """Oracle: numpy.random.Philox.advance, which adds to the 256-bit counter from the origin."""
    seed, stream, step = key
    origin = np.random.Philox(key=0)
    advanced = origin.advance((step << 64) + (STREAMS[stream] << 128) + (seed << 192))
    raw = advanced.random_raw(312)
    words = philox_words(seed, stream, step, 624)
    assert words.dtype == np.uint32
    low, high = raw & 0xFFFFFFFF, raw >> 32
    assert words.tolist() == np.stack([low, high], axis=1).ravel().tolist()
    assert philox_words(seed, stream, step, 5).tolist() == words[:5].tolist()


def philox_by_hand(counter: list[int]) -> list[int]:
    """Philox-4x64-10 with the key 0, as Salmon et al. (2011) write it."""
    k0 = k1 = 0
    c0, c1, c2, c3 = counter
    word = (1 << 64) - 1
    for _ in range(10):
        m0, m1 = 0xD2E7470EE14C6C93 * c0, 0xCA5A826395121157 * c2
        c0, c1, c2, c3 = (m1 >> 64) ^ c1 ^ k0, m1 & word, (m0 >> 64) ^ c3 ^ k1, m0 & word
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & word, (k1 + 0xBB67AE8584CAA73B) & word
    return [c0, c1, c2, c3]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_words_are_philox_of_the_counter(key):
    """Oracle: Philox written out, and that with the authors' known answer for the counter 0."""
    assert philox_by_hand([0] * 4)[0] == 0x16554D9ECA36314C
    seed, stream, step = key
    expected = []
    for block in (1, 2):  # numpy counts first
        for word in philox_by_hand([block, step, STREAMS[stream], seed]):
            expected += [word & 0xFFFFFFFF, word >> 32]
    assert philox_words(seed, stream, step, 16).tolist() == expected


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_torchs_generator_is_numpys_twister_with_these_words(key):
    """Oracle: numpy.random.MT19937 with the same 624 words, over more than one twist of them.

    torch.rand keeps the lower 24 bits of each word.
    """
    seed, stream, step = key
    twister = np.random.MT19937()
    words = philox_words(seed, stream, step, 624)
    twister.state = {"bit_generator": "MT19937", "state": {"key": words, "pos": 624}}
    expected = (twister.random_raw(2000) & 0xFFFFFF) / 2**24
    drawn = torch.rand(2000, generator=generator(*key))
    assert drawn.double().tolist() == expected.tolist()


def test_no_normal_number_is_cached():
    """Oracle: a cached one would be the first draw, and the same whatever the words."""
    drawn = {torch.randn(1, generator=generator(*key)).item() for key in KEYS}
    assert len(drawn) == len(KEYS)


def test_the_words_do_not_depend_on_numpys_generators():
    words = philox_words(1, "train", 2, 8).tolist()
    np.random.Philox(key=3).random_raw(5)
    assert philox_words(1, "train", 2, 8).tolist() == words


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("name", TASKS)
def test_types(name, dtype):
    """Oracle: the task's own float32 sample from the same generator, converted."""
    task = TASKS[name]
    batch = Stream(task, 4, 0, "train").batch(2, CPU, dtype)
    raw = task.sample(4, generator(0, "train", 2))
    assert batch.inputs.dtype == dtype
    assert torch.equal(batch.inputs, raw.inputs.to(dtype))
    classes = name in ("copy_memory", "temporal_order")
    assert batch.targets.dtype == (torch.int64 if classes else dtype)
    assert torch.equal(batch.targets, raw.targets if classes else raw.targets.to(dtype))


def test_batch_size():
    for size in (1, 7):
        batch = Stream(Adding(5), size, 0, "test").batch(0, CPU, FLOAT)
        assert batch.inputs.shape == (size, 5, 2)


def test_uniforms_and_their_neighbours_are_independent():
    """Oracle: mean 1/2, variance 1/12, no correlation with the next step, stream or seed; 5 SE."""
    num_steps, count = 300, 1000
    drawn = {
        (seed, stream): torch.stack(
            [
                torch.rand(count, generator=generator(seed, stream, t), dtype=torch.float64)
                for t in range(num_steps)
            ]
        )
        for seed in (0, 1)
        for stream in ("train", "val")
    }
    u = drawn[0, "train"]
    n = u.numel()
    assert abs(u.mean().item() - 1 / 2) < 5 / (12 * n) ** 0.5
    assert abs(u.var().item() - 1 / 12) < 5 / (180 * n) ** 0.5
    first = u[:, 0]  # One draw a step, which a weak mixing of the counter would show.
    assert abs(first.mean().item() - 1 / 2) < 5 / (12 * num_steps) ** 0.5
    pairs = [(u[:-1], u[1:]), (u, drawn[0, "val"]), (u, drawn[1, "train"]), (u[:, :-1], u[:, 1:])]
    for a, b in pairs:
        correlation = 12 * ((a - 0.5) * (b - 0.5)).mean().item()
        assert abs(correlation) < 5 / a.numel() ** 0.5
        assert 12 * ((a - 0.5) ** 2).mean().item() > 0.9  # which a repeated batch would give


@pytest.mark.parametrize(
    ("batch_size", "seed", "message"),
    [
        (0, 0, "^batch_size=0 is too small: at least 1"),
        (2.0, 0, "^batch_size=2.0 is not a whole number"),
        (4, -1, "^seed=-1 is too small: at least 0"),
        (4, 0.5, "^seed=0.5 is not a whole number"),
        (4, None, "^seed=None is not a whole number"),
    ],
)
def test_bad_arguments_are_refused(batch_size, seed, message):
    with pytest.raises(ValueError, match=message):
        Stream(Adding(5), batch_size, seed, "train")


def test_an_unknown_stream_is_refused():
    with pytest.raises(ValueError, match=r"^stream=trian .*train"):
        Stream(Adding(5), 4, 0, "trian")


@pytest.mark.parametrize("seed", [2**63, 2**64])
def test_a_seed_of_more_than_63_bits_is_refused(seed):
    with pytest.raises(ValueError, match=f"^seed={seed} "):
        Stream(Adding(5), 4, seed, "train")


def test_words_are_philox_whatever_was_asked_for_before():
    """Oracle: pages of Philox words, drawn at once."""
    words = Words(5, "dropout")
    pages = [philox_words(5, "dropout", page, 1024) for page in range(3)]
    for number in (2050, 0, 1023, 1024, 7, 2050):
        assert words[number] == pages[number // 1024][number % 1024]


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_a_batch_may_draw_its_length(task):
    """Oracle: the task at that length, sampled; every length from the shortest to its own occurs."""
    shortest = task.seq_len - 4 if task.seq_len > 12 else 3
    stream, own = Stream(task, 2, 3, "train", shortest), Stream(task, 2, 3, "train")
    lengths, met = Lengths(task, shortest), set()
    for step in range(200):
        batch = stream.batch(step)
        length = lengths[step].seq_len
        same = task.at_length(length).sample(2, generator(3, "train", step))
        assert all(map(torch.equal, batch, same))
        if length == task.seq_len:
            assert all(map(torch.equal, batch, own.batch(step)))
        met.add(length)
    assert met == set(range(shortest, task.seq_len + 1))


def test_drawn_lengths_are_even_and_the_same_for_all_seeds():
    """Oracle: the binomial law of each of 16 lengths in 8000 batches, within 5 standard deviations."""
    first, other = (Lengths(Adding(20), 5), Stream(Adding(20), 1, 1, "train", 5).lengths)
    assert other is not None
    lengths = [first[step].seq_len for step in range(8000)]
    assert lengths[:200] == [other[step].seq_len for step in range(200)]
    counts = np.bincount(lengths)[5:]
    assert len(counts) == 16
    assert np.abs(counts - 500).max() < 5 * (8000 / 16 * 15 / 16) ** 0.5


@pytest.mark.parametrize(
    ("shortest", "said"),
    [(51, "at most 50, the seq_len of the task"), (9, "seq_len=9 is too short for variant=")],
)
def test_a_shortest_length_that_the_task_has_not_is_refused(shortest, said):
    with pytest.raises(ValueError, match=said):
        Stream(TemporalOrder(50), 2, 0, "train", shortest)

"""Text as a task. Oracle: the text itself, brute force over its test part, and the compressors' files."""

import gzip
import hashlib
import itertools
import math
from collections import Counter
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from rnnlab.tasks import Draws, Part, Stream, check_task, scored_text
from rnnlab.tasks.text import Text

WORDS = ["the ", "cat ", "sat ", "on ", "naïve ", "mat. ", "東京 ", "a\n"]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def written(tmp_path: Path) -> str:
    """2000 words, and at the end one that has a letter of its own."""
    draw = np.random.default_rng(0)
    whole = "".join(WORDS[n] for n in draw.integers(0, len(WORDS), 2000)) + "zebra"
    (tmp_path / "text.txt").write_text(whole, encoding="utf-8")
    return whole


@pytest.fixture
def task(written: str, tmp_path: Path) -> Text:
    return Text(seq_len=20, path=str(tmp_path / "text.txt"))


def spelled(task: Text, numbers: torch.Tensor) -> list[str]:
    return ["".join(task.class_names[n][:1] for n in row) for row in numbers.tolist()]


def test_it_keeps_to_the_contract(task: Text) -> None:
    check_task(task)
    check_task(Text())


def test_windows_are_those_of_the_text_and_answers_the_next_character(
    task: Text, written: str
) -> None:
    count = task.num_sequences("test")
    inputs, targets = task.sample(Draws(0, "test", [Part(0, 0, count)], batch_size=count))
    assert inputs.shape == (count, 20, task.input_size)
    assert (inputs.sum(dim=2) == 1).all()
    start = len(written) * 95 // 100
    shown = "".join(spelled(task, inputs.argmax(dim=2)))
    asked = "".join(spelled(task, targets))
    part = written[start : start + 20 * count + 1].replace("z", "o")  # of "other"
    assert (shown, asked) == (part[:-1], part[1:])
    assert len(written) - start - len(part) < 20


def test_training_windows_lie_in_the_first_nine_tenths(task: Text, written: str) -> None:
    for batch in Stream(task, 8, 0, "train").batches(0, 40):
        both = zip(
            spelled(task, batch.inputs.argmax(dim=2)), spelled(task, batch.targets), strict=True
        )
        for shown, asked in both:
            assert shown[1:] == asked[:-1]
            assert shown + asked[-1] in written[: len(written) * 9 // 10]


def test_classes_are_the_characters_of_the_training_part(task: Text, written: str) -> None:
    expected = sorted(set(written[: len(written) * 9 // 10]))
    assert list(task.class_names) == [*expected, "other"]
    assert "z" not in expected
    assert task.input_size == task.output_size == len(expected) + 1


def test_chance_is_the_loss_of_the_unigram_on_the_test(task: Text, written: str) -> None:
    """Oracle: the counts by hand, and `loss` itself of their logarithms at every step of the test."""
    train = written[: len(written) * 9 // 10]
    counts = Counter(train)
    shares = [(counts[c] + 1) / (len(train) + task.output_size) for c in task.class_names]
    count = task.num_sequences("test")
    targets = task.sample(Draws(0, "test", [Part(0, 0, count)], batch_size=count)).targets
    outputs = torch.tensor(shares).log().expand(*targets.shape, -1)
    assert task.loss(outputs, targets).item() == pytest.approx(task.chance, rel=1e-5)
    assert task.scores(outputs, targets)["bits"].mean().item() == pytest.approx(
        task.baselines["bits/unigram"], rel=1e-5
    )
    assert task.errors(outputs, targets).double().mean().item() == pytest.approx(task.chance_error)


def test_baselines_by_brute_force(task: Text, written: str) -> None:
    train, test = written[: len(written) * 9 // 10], written[len(written) * 95 // 100 :]
    more = len(gzip.compress((train + test).encode(), 9)) - len(gzip.compress(train.encode(), 9))
    assert task.baselines["bits/gzip"] == pytest.approx(8 * more / len(test))
    pairs, firsts, ones = (
        Counter(itertools.pairwise(train)),
        Counter(train[:-1]),
        Counter(train),
    )
    total, scored = 0.0, test[: 20 * task.num_sequences("test") + 1].replace("z", "\0")
    for a, b in itertools.pairwise(scored):
        unigram = (ones[b] + 1) / (len(train) + task.output_size)
        total -= math.log2((pairs[a, b] + unigram) / (firsts[a] + 1))
    assert task.baselines["bits/bigram"] == pytest.approx(total / (len(scored) - 1))
    assert list(task.baselines) == [
        f"bits/{n}" for n in ("unigram", "bigram", "gzip", "bz2", "lzma")
    ]


def test_levels_are_kept_for_the_next_process(task: Text, monkeypatch: pytest.MonkeyPatch) -> None:
    found = task.baselines
    monkeypatch.setattr(scored_text, "compressed_bits", lambda *of: 1 / 0)
    assert Text(20, task.path).baselines == found
    with pytest.raises(ZeroDivisionError):  # of another length they are others
        _ = Text(10, task.path).baselines


def test_scores_by_hand(task: Text) -> None:
    outputs = torch.zeros(2, 3, task.output_size)
    targets = torch.tensor([[1, 2, 3], [1, 2, 3]])
    outputs[0, :, :] = 5.0 * F.one_hot(targets[0], task.output_size)
    outputs[1, 0, 1] = outputs[1, 2, 1] = 1.0
    accuracy = task.accuracy(outputs, targets)
    assert accuracy is not None
    right, first = accuracy.tolist()
    assert (right, first) == (1.0, pytest.approx(1 / 3))
    assert task.errors(outputs, targets).tolist() == [False, True]
    assert task.position_errors(outputs, targets)[1].tolist() == [False, True, True]
    nats = -math.log(math.exp(5) / (math.exp(5) + task.output_size - 1))
    assert task.scores(outputs, targets)["bits"][0].item() == pytest.approx(nats / math.log(2))
    outputs[0, 2] = torch.nan
    assert task.errors(outputs, targets).tolist() == [True, True]


def test_a_text_is_encoded_and_read_back_and_pieces_are_one(task: Text) -> None:
    encoded = task.encode_text("sat on 東京?")
    assert spelled(task, encoded.argmax(dim=1).unsqueeze(0)) == ["sat on 東京o"]
    pieces = [task.encode_text(piece) for piece in ("sat ", "", "on 東京?")]
    assert torch.equal(encoded, torch.cat(pieces))
    assert task.probabilities(torch.zeros(1, 2, task.output_size)).sum(dim=2).tolist() == [
        [pytest.approx(1), pytest.approx(1)]
    ]


def test_what_was_found_makes_the_task_where_the_file_is_not(task: Text, tmp_path: Path) -> None:
    away = Text(20, str(tmp_path / "away.txt"), **task.from_data)
    assert away.class_names == task.class_names
    assert torch.equal(away.encode_text("a cat"), task.encode_text("a cat"))
    assert not away.answers_once
    with pytest.raises(ValueError, match=r"^path=.*away.txt cannot be read: No such file"):
        _ = away.data


def test_the_digest_is_that_of_the_file(task: Text, written: str, tmp_path: Path) -> None:
    (file,) = task.data
    assert file.name == "text.txt"
    assert file.digest == hashlib.sha256((tmp_path / "text.txt").read_bytes()).hexdigest()
    assert file.rows == len(written)
    (tmp_path / "text.txt").write_text(written + "!", encoding="utf-8")
    assert Text(20, task.path).data[0].rows == len(written) + 1  # read anew, as it is another
    assert task.data == (file,)


def test_pythons_topics_in_the_order_of_their_names() -> None:
    whole = "".join(topics[name] for name in sorted(topics))
    (file,) = Text().data
    assert file.digest == hashlib.sha256(whole.encode()).hexdigest()
    assert (file.name, file.rows) == ("pydoc_data.topics", len(whole))


def test_other_lengths(task: Text) -> None:
    shorter = task.at_length(5)
    assert shorter.num_sequences("test") == (len(shorter._windows.steps("test")) - 1) // 5
    assert shorter.class_names == task.class_names
    with pytest.raises(ValueError, match=r"^seq_len=5000 is too long"):
        task.at_length(5000)

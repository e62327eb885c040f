"""Which examples are in which split. Oracle: the rule by hand, and numpy's Philox."""

from collections import Counter

import numpy as np
import pytest

from rnnlab.tasks.splits import KEY, members, split_examples


@pytest.mark.parametrize("counts", [[20, 20], [10, 33, 7], [100]])
def test_of_every_label_eight_one_and_one_tenths(counts: list[int]) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    split = split_examples(labels)
    for label, m in enumerate(counts):
        found = Counter(split[labels == label].tolist())
        places = [(i + 0.5) / m for i in range(m)]
        assert found["train"] == sum(p < 0.8 for p in places)
        assert found["val"] == sum(0.8 <= p < 0.9 for p in places)
        assert found["test"] == sum(p >= 0.9 for p in places)


def test_the_order_is_that_of_one_word_an_example():
    words = [int(word) for word in np.random.Philox(key=KEY).random_raw(10)]
    order = sorted(range(10), key=words.__getitem__)
    expected = np.empty(10, "<U5")
    expected[order] = ["train"] * 8 + ["val", "test"]
    assert split_examples(np.zeros(10)).tolist() == expected.tolist()


def test_it_is_fixed_and_more_examples_of_another_label_leave_it_as_it_is():
    labels = np.array(["a", "b"] * 20)
    split = split_examples(labels)
    assert (split == split_examples(labels)).all()
    longer = split_examples(np.concatenate([labels, ["c"] * 9]))
    assert (longer[:40] == split).all()


def test_members_are_disjoint_and_all():
    found = members(np.array(["val", "train", "test", "train", "test", "val"]))
    assert {name: numbers.tolist() for name, numbers in found.items()} == {
        "train": [1, 3],
        "val": [0, 5],
        "test": [2, 4],
    }


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (["train", "train", "val", "val", "dev"], "split 'dev' is none of train, val, test"),
        (["train", "train", "val", "val", "test"], "split test has 1 examples: at least 2"),
        (["train"] * 5, "split val has 0 examples"),
    ],
)
def test_what_is_refused(split: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        members(np.array(split))

"""Which examples of a data set are trained on, validated and tested, where the data do not say so."""

import numpy as np

SPLITS = ("train", "val", "test")
TRAIN, VAL = 0.8, 0.9
KEY = 0x73706C6974  # of a Philox of its own; the numbers of tasks have key 0
FEWEST = 2
"""Examples in a split, so that a mean over them has an interval."""


def split_examples(labels: np.ndarray) -> np.ndarray:
    """The split of each example, (examples,): of every label 80 % in train, 10 % in val, 10 % in test.

    The examples of a label are put into an order by a random word each (Philox 4x64-10, whose counter is the
    example's number). Of m of them the one at place i is in train where i + 1/2 < 0.8 m, in val where
    i + 1/2 < 0.9 m, and in test otherwise. So the split is a function of the labels alone.

    Args:
        labels: (examples,) of anything that has an order; all the same where there are none.
    """
    order = np.random.Philox(key=KEY).random_raw(len(labels)).argsort(kind="stable")
    split = np.empty(len(labels), dtype="<U5")
    for label in np.unique(labels):
        members = order[labels[order] == label]
        place = (np.arange(len(members)) + 0.5) / len(members)
        split[members] = np.select([place < TRAIN, place < VAL], SPLITS[:2], SPLITS[2])
    return split


def members(split: np.ndarray) -> dict[str, np.ndarray]:
    """The numbers of the examples in each split, in order.

    Raises:
        ValueError: A split has fewer than two, or there is one of another name.
    """
    for name in np.unique(split).tolist():
        if name not in SPLITS:
            raise ValueError(f"split {name!r} is none of {', '.join(SPLITS)}")
    found = {name: np.flatnonzero(split == name) for name in SPLITS}
    for name, numbers in found.items():
        if len(numbers) < FEWEST:
            raise ValueError(f"split {name} has {len(numbers)} examples: at least {FEWEST}")
    return found

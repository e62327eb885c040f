"""The part of a text that is scored, and what others than a model make of it."""

import json
import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rnnlab.foundation import cache
from rnnlab.tasks.alphabet import Alphabet
from rnnlab.tasks.text_file import TextFile
from rnnlab.tasks.text_levels import (
    CONTEXT,
    bigram_bits,
    compressed_bits,
    count_classes,
    unigram_nats,
)
from rnnlab.tasks.windows import Windows

log = logging.getLogger(__name__)

LARGE = 10**7
"""Characters, of which what others need takes long."""


@dataclass(frozen=True)
class ScoredText:
    """Levels of the test part of a text, for those who know the training part.

    Args:
        source: The text.
        windows: How it is cut.
        alphabet: Its classes.
    """

    source: TextFile
    windows: Windows
    alphabet: Alphabet

    @cached_property
    def _counts(self) -> np.ndarray:
        """How often each class occurs in the training part."""
        return count_classes(self._numbers(self.windows.steps("train")), self._classes)

    @property
    def _classes(self) -> int:
        return len(self.alphabet.class_names)

    @cached_property
    def chance(self) -> float:
        """The cross-entropy of the answers under the unigram, in nats a character."""
        scored = count_classes(self._numbers(self.windows.answers("test")), self._classes)
        return unigram_nats(self._counts, scored)

    @cached_property
    def chance_error(self) -> float:
        """The share of windows whose last answer is not the most frequent class of the training part."""
        length, text = self.windows.seq_len, self.source.text
        lasts = self.windows.answers("test")[length - 1 :: length]
        told = self.alphabet.numbers(
            np.concatenate([text.code_points(place, place + 1) for place in lasts])
        )
        return float((told != self._counts.argmax()).mean())

    @cached_property
    def bits(self) -> dict[str, float]:
        """Bits a character of unigram, bigram, gzip, bz2 and lzma; kept on disk but for the first."""
        made_from = [self.source.file.digest, self.windows.seq_len, self.alphabet.characters]
        path = cache.path_of(f"levels of a text, in bits: {json.dumps(made_from)}")
        found = cache.read(path)
        levels = json.loads(found) if found else self._slow_bits()
        if not found:
            cache.write(path, json.dumps(levels).encode())
        return {"unigram": self.chance / math.log(2), **levels}

    def _slow_bits(self) -> dict[str, float]:
        """What takes seconds, and of a large text minutes."""
        text, windows = self.source.text, self.windows
        if text.size > LARGE:
            log.info("compressing the test, to compare with (once, about a minute)")
        train, test, scored = windows.steps("train"), windows.steps("test"), windows.answers("test")
        pairs = self._numbers(range(scored.start - 1, scored.stop))
        context = text.bytes(train.start, train.stop)[-CONTEXT:]
        return {
            "bigram": bigram_bits(self._numbers(train), pairs, self._classes),
            **compressed_bits(context, text.bytes(test.start, test.stop), len(test)),
        }

    def _numbers(self, characters: range) -> Iterator[np.ndarray]:
        """The class numbers of many characters, some of them at a time."""
        return map(self.alphabet.numbers, self.source.text.chunks(characters))

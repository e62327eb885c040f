"""Characters by their number. Oracle: Python's own text, decoded whole."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from rnnlab.tasks import utf8_text
from rnnlab.tasks.utf8_text import Utf8Text

MIXED = "naïve, 東京 💥\r\n\u0301abc" * 50
TEXTS = {"mixed": MIXED, "ascii": "the cat\n" * 40, "wide": "💥" * 333, "one": "é"}


def of(text: str) -> Utf8Text:
    return Utf8Text(np.frombuffer(text.encode(), np.uint8))


def decoded(text: Utf8Text, first: int, stop: int) -> str:
    return "".join(map(chr, text.code_points(first, stop).tolist()))


@pytest.mark.parametrize("block", [4, 16, 4096])
@pytest.mark.parametrize("name", TEXTS)
def test_every_part_of_a_text(name: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of the index so small that characters lie across two."""
    monkeypatch.setattr(utf8_text, "BLOCK", block)
    monkeypatch.setattr(utf8_text, "CHUNK", 4 * block)
    whole = TEXTS[name]
    text = of(whole)
    assert text.size == len(whole)
    for first in range(0, len(whole), 7):
        for stop in {first, *(min(first + n, len(whole)) for n in (1, 10, 10**9))}:
            assert decoded(text, first, stop) == whole[first:stop]
            assert text.bytes(first, stop).tobytes() == whole[first:stop].encode()
    chunks = text.chunks(range(2, len(whole)))
    assert "".join(chr(n) for chunk in chunks for n in chunk.tolist()) == whole[2:]


@pytest.mark.parametrize("place", [0, 3, 4095, 4096, 9000])
@pytest.mark.parametrize("wrong", [b"\xff", b"\xc3(", b"\xed\xa0\x80", b"\x80"])
def test_the_first_wrong_byte_is_named(
    place: int, wrong: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Oracle: Python's decoder on the whole."""
    monkeypatch.setattr(utf8_text, "CHUNK", 4096)
    data = b"a" * place + wrong + "é".encode() * 10
    with pytest.raises(UnicodeDecodeError) as expected:
        data.decode("utf-8")
    with pytest.raises(UnicodeDecodeError) as refused:
        Utf8Text(np.frombuffer(data, np.uint8))
    assert refused.value.start == expected.value.start


def test_a_text_that_ends_within_a_character_is_refused():
    with pytest.raises(UnicodeDecodeError):
        Utf8Text(np.frombuffer("abé".encode()[:-1], np.uint8))


def test_a_large_file_is_not_read_into_memory(tmp_path: Path) -> None:
    """Oracle: Python's own count of what is allocated; the file has 32 MiB."""
    path = tmp_path / "large.txt"
    line = ("naïve text, " * 85 + "\n").encode()
    path.write_bytes(line * (2**25 // len(line)))
    tracemalloc.start()
    text = Utf8Text(np.memmap(path, np.uint8, mode="r"))
    some = decoded(text, text.size - 1000, text.size)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert some == (line.decode() * 2)[-1000:]
    assert peak < 2**25 / 8

"""Streams that take whatever they are given. Oracle: what has come to the file."""

import io
import os

from rnnlab.foundation.streams import SafeStream


def test_each_way_to_write_is_masked_and_fits_the_character_set() -> None:
    file = io.BytesIO()
    stream = SafeStream(io.TextIOWrapper(file, encoding="ascii"))
    stream.write("http://me:secret@host lstm · adding\n")
    stream.writelines(["http://me:secret@host\n", "seed 0 · 1\n"])
    stream.flush()
    assert file.getvalue().decode() == (
        "http://me:***@host lstm ? adding\nhttp://me:***@host\nseed 0 ? 1\n"
    )


def test_a_reader_that_is_gone_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", encoding="utf-8", buffering=1) as file:
        stream = SafeStream(file)
        stream.write("one\n")
        stream.writelines(["two\n", "three\n"])
        stream.flush()
        stream.leave()  # or the file would fail again as it is closed


def test_what_a_terminal_would_obey_is_not_written() -> None:
    """But for what a line of progress needs, and colours."""
    file = io.BytesIO()
    stream = SafeStream(io.TextIOWrapper(file, encoding="utf-8", newline=""))
    stream.write("\x1b]0;evil\x07 \x1b[2J\x9b2J\x08|\r\x1b[K\x1b[1;31mred\x1b[0m\ttab\n")
    stream.flush()
    assert file.getvalue().decode() == "?]0;evil? ?[2J?2J?|\r\x1b[K\x1b[1;31mred\x1b[0m\ttab\n"

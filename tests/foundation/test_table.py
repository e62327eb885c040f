"""Oracle: tables written out."""

import pytest

from rnnlab.foundation.table import fitting_table, markdown_table


def test_columns_are_as_wide_as_their_widest_entry():
    rows = [["elman", "0.1667"], ["lstm", "0.0004 [0.0003, 0.0006]"]]
    assert markdown_table(["cell", "loss"], rows).splitlines() == [
        "| cell  | loss                    |",
        "| ----- | ----------------------- |",
        "| elman | 0.1667                  |",
        "| lstm  | 0.0004 [0.0003, 0.0006] |",
    ]


def test_a_header_wider_than_its_entries():
    expected = "| steps to solve |\n| -------------- |\n| -              |"
    assert markdown_table(("steps to solve",), [("-",)]) == expected


def test_no_rows():
    assert markdown_table(["cell", "n"], []) == "| cell | n |\n| ---- | - |"


def test_letters_beyond_ascii_count_as_one():
    assert markdown_table(["task · T"], [["é"]]).splitlines()[2] == "| é        |"


@pytest.mark.parametrize("row", [["a"], ["a", "b", "c"], []])
def test_rows_have_an_entry_for_each_column(row):
    with pytest.raises(ValueError, match="argument"):
        markdown_table(["cell", "loss"], [["elman", "1"], row])


def test_in_a_width_the_widest_columns_give_way_and_entries_go_on_below():
    rows = [["gru optimizer.lr=0.01 cell.hidden_size=2", "3 of 3"], ["lstm", "0 of 3"]]
    assert markdown_table(["variant", "solved"], rows, width=36).splitlines() == [
        "| variant                 | solved |",
        "| ----------------------- | ------ |",
        "| gru optimizer.lr=0.01   | 3 of 3 |",
        "| cell.hidden_size=2      |        |",
        "| lstm                    | 0 of 3 |",
    ]
    assert markdown_table(["variant", "solved"], rows, width=80) == markdown_table(
        ["variant", "solved"], rows
    )


def test_a_word_wider_than_its_column_is_cut_and_a_column_keeps_six_letters():
    text = markdown_table(["name", "n"], [["abcdefghijkl", "1"]], width=5)
    assert text.splitlines()[2:] == ["| abcdef | 1 |", "| ghijkl |   |"]


def test_what_is_too_wide_becomes_a_line_for_each_entry():
    header, rows = ["cell", "steps to solve"], [["elman", "1100"], ["lstm", "one two three"]]
    assert fitting_table(header, rows, width=26) == markdown_table(header, rows)
    assert fitting_table(header, rows, width=24).splitlines() == [
        "cell            elman",
        "steps to solve  1100",
        "",
        "cell            lstm",
        "steps to solve  one two",
        "                three",
    ]

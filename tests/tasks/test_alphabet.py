"""Characters and their classes. Oracle: the worked example, and a dictionary."""

import numpy as np
import pytest

from rnnlab.tasks.alphabet import Alphabet


def test_the_worked_example():
    assert Alphabet("abc").numbers("cabin").tolist() == [2, 0, 1, 3, 3]
    assert Alphabet("abc").class_names == ("a", "b", "c", "other")


def test_any_characters_against_a_dictionary():
    alphabet = Alphabet("é💥\nA")
    number = {"é": 0, "💥": 1, "\n": 2, "A": 3}
    text = "A\néèB💥💦\x00\U0010ffff\ud800"
    assert alphabet.numbers(text).tolist() == [number.get(c, 4) for c in text]
    assert alphabet.numbers("").tolist() == []


def test_of_a_text_in_the_order_of_code_points():
    chunks = [np.array([98, 97, 98]), np.array([233, 10], np.uint32), np.array([], np.uint8)]
    assert Alphabet.of(chunks).characters == "\nabé"


@pytest.mark.parametrize("characters", ["", "aba"])
def test_none_and_twice_the_same_are_refused(characters: str) -> None:
    with pytest.raises(ValueError, match=r"^alphabet=.* is not one or more different characters"):
        Alphabet(characters)

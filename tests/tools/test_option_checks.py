from dataclasses import dataclass

import pytest

from geocity.errors import InputError
from geocity.tools.option_checks import refuse_below, refuse_unknown


@dataclass
class Chosen:
    draws: float = 5
    colour: str = "red"
    others: tuple[str, ...] = ("blue", "red")


def test_what_fits_passes():
    refuse_below(Chosen(), draws=5)
    refuse_unknown(Chosen(), colour=("red",), others=("red", "blue"))
    refuse_unknown(Chosen(others=()), others=())


@pytest.mark.parametrize("draws", [4, -1, float("nan")])
def test_numbers_that_are_too_small(draws):
    with pytest.raises(InputError, match=rf"^draws is {draws}; give at least 5\.$"):
        refuse_below(Chosen(draws), draws=5)


def test_words_that_stand_for_nothing():
    with pytest.raises(InputError, match=r"^colour is 'red'; choose one of green, blue\.$"):
        refuse_unknown(Chosen(), colour=("green", "blue"))
    with pytest.raises(InputError, match="others is 'blue'"):
        refuse_unknown(Chosen(), others=("red",))

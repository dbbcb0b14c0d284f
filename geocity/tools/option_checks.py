"""Checks that the options of several tools share, so that all refuse in the same words."""

from collections.abc import Sequence

from geocity.errors import InputError


def refuse_below(options: object, **lowest: float) -> None:
    """Refuse numbers that are too small to mean anything.

    Args:
        options: what was chosen.
        lowest: for each field that is checked, the lowest number that it may hold.

    Raises:
        InputError: naming the first field that is below, or no number (NaN).
    """
    for name, least in lowest.items():
        value = getattr(options, name)
        if not value >= least:
            raise InputError(f"{name} is {value}; give at least {least}.")


def refuse_unknown(options: object, **known: Sequence[str]) -> None:
    """Refuse words that stand for nothing.

    Args:
        options: what was chosen.
        known: for each field that is checked, the words that it may hold: itself, or each of its
            items where it is a tuple.

    Raises:
        InputError: naming the first field with another word.
    """
    for name, words in known.items():
        chosen = getattr(options, name)
        for value in chosen if isinstance(chosen, tuple) else (chosen,):
            if value not in words:
                raise InputError(f"{name} is {value!r}; choose one of {', '.join(words)}.")

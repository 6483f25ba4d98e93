"""The unit of a corpus, such as characters or images, in words. Does not import torch."""

from __future__ import annotations

from typing import NamedTuple


class Unit(NamedTuple):
    """One prediction: what it is called, and what a network knows that ignores its input."""

    name: str
    singles: str  # the entropy of ...
    frequencies: str  # it has learned ...
    source: str  # the ...'s entropy is unknown


UNITS = {
    "character": Unit("character", "single letters", "letter frequencies", "text's letter"),
    "token": Unit("token", "single tokens", "token frequencies", "task's token"),
    "image": Unit("image", "the classes", "class frequencies", "images' class"),
}


def unit(name: object) -> Unit:
    """The words of a corpus's unit; runs of before there were images have characters."""
    return UNITS.get(str(name), UNITS["character"])

"""The unit of a corpus, such as characters or images, in words. Does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Unit(NamedTuple):
    """One prediction: what it is called, and what a network knows that ignores its input."""

    name: str
    singles: str  # the entropy of ...
    frequencies: str  # it has learned ...
    source: str  # the ...'s entropy is unknown
    entropy: str = "unigram entropy"  # the line of that loss in charts


UNITS = {
    "character": Unit("character", "single letters", "letter frequencies", "text's letter"),
    "token": Unit("token", "single tokens", "token frequencies", "task's token"),
    # Of tasks whose targets do not occur alike at all places, or of which only answers count.
    "places": Unit(
        "token",
        "single tokens at their places",
        "the token frequencies of each place",
        "task's token",
        "entropy of tokens by place",
    ),
    "answer": Unit("token", "the answers", "answer frequencies", "task's answer", "answer entropy"),
    "image": Unit("image", "the classes", "class frequencies", "images' class", "class entropy"),
}


def unit(name: object, words: object = None) -> Unit:
    """The words of a corpus's unit, or of its baseline where that has its own.

    Runs of before there were images have characters.
    """
    return UNITS.get(str(words)) or UNITS.get(str(name), UNITS["character"])


def corpus_unit(corpus: Mapping[str, object]) -> Unit:
    """The words of a run's corpus, from its corpus.json."""
    return unit(corpus.get("unit"), corpus.get("baseline"))

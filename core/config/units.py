"""The unit of a corpus, such as characters or images, in words. Does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from core.config.families import IMAGES
from core.config.tasks import SYNTHETIC
from core.language import Message, mark


class Unit(NamedTuple):
    """One prediction: what it is called, and what a network knows that ignores its input."""

    name: str
    singles: str  # the entropy of ...
    frequencies: str  # it has learned ...
    source: str  # the ...'s entropy is unknown
    entropy: str  # the line of that loss in charts


def _unit(name: str, *words: str) -> Unit:
    return Unit(Message(name), *map(Message, words))


UNITS = {
    "character": _unit(
        mark("character"),
        mark("single letters"),
        mark("letter frequencies"),
        mark("text's letter"),
        mark("unigram entropy"),
    ),
    "token": _unit(
        mark("token"),
        mark("single tokens"),
        mark("token frequencies"),
        mark("task's token"),
        mark("unigram entropy"),
    ),
    "byte": _unit(
        mark("byte"),
        mark("single bytes"),
        mark("byte frequencies"),
        mark("text's byte"),
        mark("unigram entropy"),
    ),
    # Tokens of a text, of one or more characters each.
    "subword": _unit(
        mark("token"),
        mark("single tokens"),
        mark("token frequencies"),
        mark("text's token"),
        mark("unigram entropy"),
    ),
    # Of tasks whose targets do not occur alike at all places, or of which only answers count.
    "places": _unit(
        mark("token"),
        mark("single tokens at their places"),
        mark("the token frequencies of each place"),
        mark("task's token"),
        mark("entropy of tokens by place"),
    ),
    "answer": _unit(
        mark("token"),
        mark("the answers"),
        mark("answer frequencies"),
        mark("task's answer"),
        mark("answer entropy"),
    ),
    "image": _unit(
        mark("image"),
        mark("the classes"),
        mark("class frequencies"),
        mark("images' class"),
        mark("class entropy"),
    ),
}


def unit(name: object, words: object = None) -> Unit:
    """The words of a corpus's unit, or of its baseline where that has its own.

    Runs of before there were images have characters.
    """
    return UNITS.get(str(words)) or UNITS.get(str(name), UNITS["character"])


def predicted_of(
    corpus: Mapping[str, object], data_corpus: object, tokenizer: object = "characters"
) -> str:
    """What a run predicts, a key of `UNITS`: as its corpus.json says, else as its settings do."""
    known = str(corpus.get("unit", ""))
    if known in UNITS:
        return known
    if data_corpus in IMAGES:
        return "image"
    if data_corpus in SYNTHETIC:
        return "token"
    return {"characters": "character", "bytes": "byte"}.get(str(tokenizer), "token")


def corpus_unit(corpus: Mapping[str, object]) -> Unit:
    """The words of a run's corpus, from its corpus.json."""
    return unit(corpus.get("unit"), corpus.get("baseline"))

"""Which language is spoken: by this thread, on this terminal, with this browser."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from core.language.catalogues import DRAFTS, LANGUAGES, SOURCE

_SPOKEN: ContextVar[str | None] = ContextVar("language", default=None)
_ask: Callable[[], str] | None = None
VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")  # the first that is set decides, as in POSIX


def current() -> str:
    """The language in which this thread, or this request, speaks."""
    spoken = _SPOKEN.get()
    return spoken if spoken is not None else _ask() if _ask else SOURCE


def ask(whom: Callable[[], str]) -> None:
    """Who knows the language of a thread that was not told one: Streamlit begins new ones."""
    global _ask
    _ask = whom


def use(language: str) -> None:
    """From now on this thread, or this request, speaks the language."""
    _SPOKEN.set(language)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak the language within a block."""
    token = _SPOKEN.set(language)
    try:
        yield
    finally:
        _SPOKEN.reset(token)


def known(word: str) -> str | None:
    """The language that a tag names, `zh` for `zh-CN` or `zh_TW.UTF-8`; None for no one of ours."""
    found = word.replace("_", "-").split(".")[0].split("-")[0].strip().lower()
    return found if found in LANGUAGES or found in DRAFTS else None


def best(accepted: str | None) -> str:
    """The language for a browser that sends `Accept-Language: zh-CN,zh;q=0.9,en;q=0.8`."""
    ranked = []
    for place, part in enumerate((accepted or "").split(",")[:20]):
        word, _, quality = part.partition(";")
        try:
            weight = float(quality.partition("=")[2] or 1)
        except ValueError:
            weight = 0.0
        ranked.append((-weight, place, known(word)))
    for weight, _, language in sorted(ranked, key=lambda one: one[:2]):
        if weight < 0 and language in LANGUAGES:
            return language
    return SOURCE


def chosen(word: str | None, accepted: str | None) -> str:
    """The language that a browser's user chose once, else the one for its `Accept-Language`."""
    return known(word or "") or best(accepted)


def of_terminal(environ: Mapping[str, str] = os.environ) -> str:
    """The language of a terminal, from LC_ALL, LC_MESSAGES or LANG."""
    for name in VARIABLES:
        if environ.get(name):
            found = known(environ[name])
            return found if found in LANGUAGES else SOURCE
    return SOURCE

"""How the chosen tokenizer cuts a text that somebody types: coloured pieces with their indices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st
from pydantic import ValidationError

from core.config import DataConfig
from core.config.families import TEXTS
from core.config.groups import NAMED
from core.data.corpora import tokenizer_of
from core.data.downloads import CorpusError
from core.data.tokenizers import Tokenizer
from core.language import Message, t
from core.runs import read_only
from dashboard.settings import held
from dashboard.ui import cards
from dashboard.ui.templates import render

MOST = 400  # pieces that are drawn
LONGEST = 4000  # characters
SEEN = {" ": "·", "\n": "↵", "\t": "⇥", "\r": "␍"}  # as shownToken of the front end


@dataclass(frozen=True)
class Piece:
    """A token as it is shown, and its index."""

    text: str
    id: int


@dataclass(frozen=True)
class Cut:
    """A text in tokens; `said` is what there is to know of them."""

    pieces: list[Piece]
    said: str


def cut(tokenizer: Tokenizer, text: str) -> Cut:
    """The tokens of a text, those that are drawn."""
    known = tokenizer.known(text)
    ids = tokenizer.encode(known)
    shown = tokenizer.pieces(ids[:MOST])
    pieces = [Piece("".join(SEEN.get(c, c) for c in piece) or "∅", id)
              for piece, id in zip(shown, ids, strict=False)]  # fmt: skip
    size = len(known.encode())
    said: str = t(
        "{n:,} token, {each:.2f} bytes each; {vocabulary:,} in the vocabulary.",
        "{n:,} tokens, {each:.2f} bytes each; {vocabulary:,} in the vocabulary.",
        n=len(ids),
        each=size / max(len(ids), 1),
        vocabulary=len(tokenizer.alphabet),
    )
    if len(ids) > MOST:
        said += " " + t("The first {most} are shown.", most=MOST)
    if len(known) < len(text):
        strange = "".join(dict.fromkeys(c for c in text if c not in set(known)))
        letters = " ".join(SEEN.get(c, c) for c in strange[:8])
        said += " " + t("The corpus has no {letters}: left out.", letters=letters)
    return Cut(pieces, said)


def tokens() -> None:
    """A field for a text, and below it its tokens."""
    values = held.widget_values()
    names_files = any(values[f"data.{field}"] for field in NAMED)
    if values["data.corpus"] not in TEXTS or (names_files and read_only.is_read_only()):
        return
    text = st.text_area(
        t("See its tokens"),
        key="tokens_text",
        height=80,
        max_chars=LONGEST,
        placeholder=t("Type a text: it is cut by the tokenizer above."),
        persist_state="session",
    )
    if not text:
        return
    try:
        data = DataConfig.model_validate(_own(values))
        with st.spinner(t("Cuts the text …")):
            tokenizer = tokenizer_of(data)
            found = cut(tokenizer, text) if tokenizer is not None else None
    except (CorpusError, ValidationError) as error:
        sentence = t(error) if isinstance(error, CorpusError) else ""
        cards.problem(sentence or t(Message("Choose the tokenizer's settings first.")))
        return
    if found is None:
        said = t("These tokens are learned from the corpus when the first run of it begins.")
        st.html(f'<p class="token-count">{said}</p>')
        return
    st.html(render("lab/tokens", pieces=found.pieces, said=found.said))


def _own(values: dict[str, Any]) -> dict[str, Any]:
    return {n.removeprefix("data."): v for n, v in values.items() if n.startswith("data.")}

"""Words of users where Streamlit reads Markdown: labels of buttons, segments and captions."""

from __future__ import annotations

import re
import string

MARKS = re.compile(f"([{re.escape(string.punctuation)}])")


def literal(text: str) -> str:
    """Markdown that shows a text as it is: no link, no picture, no formula, no `:red[colour]`.

    Any ASCII punctuation may be escaped (https://spec.commonmark.org/0.31.2/#backslash-escapes).
    """
    return MARKS.sub(r"\\\1", " ".join(text.split()))

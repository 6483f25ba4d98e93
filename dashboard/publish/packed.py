"""Data as files that a page loads as scripts: the one kind that a browser reads from `file://`.

A file calls `addnormFile(name, content)`. The content is JSON or bytes, packed by gzip and written
in base64, which the browser unpacks by itself.
"""

from __future__ import annotations

import base64
import gzip
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray


def packed(content: bytes) -> str:
    """Bytes as text; the same bytes give the same text, whenever it is made."""
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()


def as_json(value: Any) -> str:
    """A value as packed JSON; what is not finite becomes null."""
    return packed(orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY))


def halves(values: NDArray[np.float16]) -> str:
    """Numbers of two bytes: first all upper bytes, then the lower ones, which packs better."""
    pairs = np.ascontiguousarray(values, dtype="<f2").view(np.uint8).reshape(-1, 2)
    return packed(pairs[:, ::-1].T.tobytes())


def script(name: str, content: dict[str, str]) -> str:
    """The text of one file: its packed parts under the name by which the page asks for them."""
    return f"addnormFile({_text(name)}, {orjson.dumps(content).decode()})\n"


def _text(name: str) -> str:
    return orjson.dumps(name).decode()

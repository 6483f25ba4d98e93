"""How layers are counted: people count from 1; the command line and files count from 0.

Every text that a person reads or types on a page goes through here, once on its way in
(:func:`typed`) and once on its way out (:func:`shown`, :func:`named`, :func:`sentence`).
"""

from __future__ import annotations

import re

# In a sentence of the library: `layer 3`, `layers 0-3`, `layers 0 to 5`.
_SAID = re.compile(r"\b([Ll]ayers? )(\d+)(?:(-| to )(\d+))?")
_TYPED = re.compile(r"(\d{1,4})(?:-(\d{1,4}))?")


def shown(layers: str) -> str:
    """Layers as files have them, as people read them: `0-3` -> `1-4`; other text as it is."""
    return _moved(layers, 1)


def typed(layers: str) -> str:
    """The inverse: `1-4` -> `0-3`. Raises ValueError for layer 0: people count from 1."""
    found = _TYPED.fullmatch(re.sub(r"\s", "", layers))
    if found and int(found[1]) == 0:
        raise ValueError(f"{layers.strip()!r}: layers are counted from 1 here")
    return _moved(layers, -1)


def _moved(layers: str, by: int) -> str:
    found = _TYPED.fullmatch(re.sub(r"\s", "", str(layers)))
    if not found:
        return str(layers)
    return "-".join(str(int(number) + by) for number in found.groups() if number is not None)


def named(first: int, last: int | None = None) -> str:
    """`layer 1` or `layers 1 to 4` of layers counted from 0, `last` included."""
    last = first if last is None else last
    return f"layer {first + 1}" if first == last else f"layers {first + 1} to {last + 1}"


def sentence(text: str) -> str:
    """A sentence of the library with its layers, counted from 0, counted from 1."""
    counted = _SAID.sub(
        lambda m: f"{m[1]}{int(m[2]) + 1}" + (f"{m[3]}{int(m[4]) + 1}" if m[3] else ""), text
    )
    return counted.replace(", counted from 0", ", counted from 1")

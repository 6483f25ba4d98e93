"""How layers are counted: people count from 1; the command line and files count from 0.

Every text that a person reads or types on a page goes through here, once on its way in
(:func:`typed`) and once on its way out (:func:`shown`, :func:`named`, :func:`sentence`).
"""

from __future__ import annotations

import re
from typing import Any

from core.language import Message

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
        raise ValueError(
            Message("{text}: layers are counted from 1 here", text=repr(layers.strip()))
        )
    return _moved(layers, -1)


def _moved(layers: str, by: int) -> str:
    found = _TYPED.fullmatch(re.sub(r"\s", "", str(layers)))
    if not found:
        return str(layers)
    return "-".join(str(int(number) + by) for number in found.groups() if number is not None)


def up_to(depth: int) -> str:
    """All layers of a network, counted from 0: `0 to 5`."""
    return "0" if depth == 1 else Message("{layer} to {layer_last}", layer=0, layer_last=depth - 1)


def named(first: int, last: int | None = None) -> str:
    """`layer 1` or `layers 1 to 4` of layers counted from 0, `last` included."""
    last = first if last is None else last
    if first == last:
        return Message("layer {n}", n=first + 1)
    return Message("layers {first} to {last}", first=first + 1, last=last + 1)


def sentence(text: str) -> str:
    """A sentence of the library with its layers, counted from 0, counted from 1.

    Of a message those among its values whose names begin with `layer`.
    """
    if isinstance(text, Message) and text.values:
        values = {name: _counted(name, value) for name, value in text.values.items()}
        return Message(text.template, text.plural, **values)
    plain = _sentence(text)
    return text if plain == text else Message(plain) if isinstance(text, Message) else plain


def _counted(name: str, value: Any) -> Any:
    if isinstance(value, Message):
        return sentence(value)
    if not name.startswith("layer"):
        return value
    return value + 1 if isinstance(value, int) else shown(str(value))


def _sentence(text: str) -> str:
    counted = _SAID.sub(
        lambda m: f"{m[1]}{int(m[2]) + 1}" + (f"{m[3]}{int(m[4]) + 1}" if m[3] else ""), text
    )
    return counted.replace(", counted from 0", ", counted from 1")

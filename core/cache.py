"""What was made from files, kept until one of them changes: one rule, and always a bound."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Cache(Generic[T]):
    """At most `most` values by key; the one that was not asked for the longest goes first.

    Threads may share it. Two that ask at once may both make a value; both then have one that fits.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[Any, T]] = OrderedDict()

    def get(self, key: Hashable, made_from: Hashable, make: Callable[[], T]) -> T:
        """The value of a key, made anew where it was made from something else.

        `made_from` is what it depends on, as a rule `core.files.signature` of the files that `make`
        reads, taken before they are read. With None, and where `make` raises, nothing is kept.
        """
        with self._lock:
            known = self._kept.get(key)
            if known is not None and known[0] == made_from and made_from is not None:
                self._kept.move_to_end(key)
                return known[1]
        value = make()
        with self._lock:
            self._kept.pop(key, None)
            if made_from is not None:
                self._kept[key] = (made_from, value)
                while len(self._kept) > self.most:
                    self._kept.popitem(last=False)
        return value

    def __len__(self) -> int:
        return len(self._kept)

    def clear(self) -> None:
        """Forget everything, as another process would."""
        with self._lock:
            self._kept.clear()

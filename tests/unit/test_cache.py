"""One cache: valid as long as what it was made from, bounded, shared by threads."""

import threading
from pathlib import Path

import pytest

from core.cache import Cache
from core.files import signature


def test_a_value_is_made_again_only_when_its_file_changes(tmp_path: Path) -> None:
    path, made = tmp_path / "file", []
    cache: Cache[str] = Cache(8)

    def read() -> str:
        made.append(1)
        return path.read_text()

    path.write_text("one")
    assert [cache.get(path, signature(path), read) for _ in range(3)] == ["one"] * 3
    assert len(made) == 1
    path.write_text("other")
    assert cache.get(path, signature(path), read) == "other"
    assert len(made) == 2


def test_the_one_unused_for_the_longest_goes_first() -> None:
    cache: Cache[int] = Cache(2)
    for key in (1, 2):
        cache.get(key, "same", lambda key=key: key)
    cache.get(1, "same", lambda: pytest.fail("it was kept"))
    cache.get(3, "same", lambda: 3)
    assert len(cache) == 2
    assert cache.get(1, "same", lambda: pytest.fail("it was used later than 2")) == 1
    assert cache.get(2, "same", lambda: 22) == 22


def test_what_can_not_be_made_is_asked_for_again() -> None:
    cache: Cache[int] = Cache(2)
    with pytest.raises(ZeroDivisionError):
        cache.get("a", 1, lambda: 1 // 0)
    assert cache.get("a", 1, lambda: 5) == 5
    assert cache.get("b", None, lambda: 6) == 6
    assert cache.get("b", None, lambda: 7) == 7, "there is no file to tell whether it fits"


def test_threads_share_it() -> None:
    cache: Cache[int] = Cache(50)

    def ask() -> None:
        for turn in range(2000):
            assert cache.get(turn % 70, turn % 3, lambda turn=turn: turn % 70) == turn % 70

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cache) == 50

"""The one queue: order, holding, and that two can't have the same."""

import os
import threading
from pathlib import Path
from random import Random

import pytest

from core.marker_queue import WHERE, Marker, MarkerQueue


@pytest.fixture
def queue(tmp_path: Path) -> MarkerQueue:
    return MarkerQueue(tmp_path / "queue")


def test_it_keeps_the_order_in_which_things_were_put(queue: MarkerQueue) -> None:
    assert queue.waiting() == queue.held() == []
    for id in ("b_1", "a-2", "c"):
        queue.put(id, f"text of {id}")
    assert queue.waiting() == ["b_1", "a-2", "c"]
    assert queue.read("a-2") == "text of a-2"
    assert queue.read("2") is None
    assert queue.take_all() == [Marker(id, f"text of {id}") for id in ("b_1", "a-2", "c")]
    assert queue.waiting() == []


def test_what_is_put_again_keeps_its_position_and_gets_the_new_text(queue: MarkerQueue) -> None:
    queue.put("a", "old")
    queue.put("b")
    written = next(queue.folder.glob("*_a")).stat()
    queue.put("a", "old")
    assert next(queue.folder.glob("*_a")).stat().st_mtime_ns == written.st_mtime_ns
    queue.put("a", "new")
    assert queue.waiting() == ["a", "b"]
    assert queue.read("a") == "new"
    assert queue.hold("a")
    queue.put("a", "newer")
    assert queue.waiting() == ["a", "b"]
    assert queue.read("a") == "newer"


def test_what_is_appended_waits_as_often_as_it_was(queue: MarkerQueue) -> None:
    for id in ("pause", "resume", "pause"):
        queue.append(id)
    assert [marker.id for marker in queue.take_all()] == ["pause", "resume", "pause"]


def test_what_is_held_is_not_taken_and_goes_back_to_its_position(queue: MarkerQueue) -> None:
    for id in "abc":
        queue.put(id)
    assert queue.hold("b")
    assert not queue.hold("b")
    assert not queue.take("b")
    assert (queue.waiting(), queue.held()) == (["a", "c"], ["b"])
    assert queue.release("b")
    assert not queue.release("b")
    assert queue.waiting() == ["a", "b", "c"]
    queue.hold("c")
    for id in "abc":
        queue.forget(id)
    assert queue.waiting() == queue.held() == []


def test_only_one_takes_it(queue: MarkerQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    queue.put("a")
    assert queue.take("a")
    assert not queue.take("a")
    queue.put("a")
    found = queue.waiting()
    monkeypatch.setattr("core.marker_queue._markers", lambda folder: [f"{1:020d}_a"])
    assert found == ["a"]
    assert not queue.take("a"), "somebody removed it after it was listed"
    assert queue.take_all() == []


def test_what_is_no_marker_is_left_alone(queue: MarkerQueue) -> None:
    queue.put("a")
    for name in (".new-0_1", "between", "readme_md"):
        (queue.folder / name).touch()
    assert queue.waiting() == ["a"]
    (queue.folder / f"{1:020d}_b").write_bytes(b"\xff")
    assert queue.take_all()[0] == Marker("b", "")
    assert len(list(queue.folder.iterdir())) == 3


def test_a_folder_that_is_gone_with_its_run_is_not_made_anew(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        MarkerQueue(tmp_path / "gone" / "control").append("stop")
    assert not (tmp_path / "gone").exists()


def test_the_order_is_changed_by_hand(queue: MarkerQueue) -> None:
    for id in "abcde":
        queue.put(id, f"text of {id}")
    for id, where, then in (
        ("d", "first", "dabce"),
        ("d", "first", "dabce"),
        ("e", "up", "dabec"),
        ("d", "down", "adbec"),
        ("a", "last", "dbeca"),
        ("a", "down", "dbeca"),
        ("d", "up", "dbeca"),
        ("b", "down", "debca"),
    ):
        assert queue.move(id, where)  # type: ignore[arg-type]
        assert "".join(queue.waiting()) == then
    assert all(queue.read(id) == f"text of {id}" for id in "abcde")
    assert not queue.move("x", "first")
    queue.put("f")
    assert queue.waiting()[-1] == "f", "what comes later stands behind what was moved to the end"
    queue.hold("b")
    queue.hold("c")
    assert queue.move("c", "up")
    assert (queue.held(), queue.waiting()) == (["c", "b"], ["d", "e", "a", "f"])


def test_moving_up_and_down_for_ever_finds_room(queue: MarkerQueue) -> None:
    queue.folder.mkdir()
    for number, id in enumerate("abcd"):  # no number is free between them
        (queue.folder / f"{10**15 + number:020d}_{id}").write_text(id)
    order = list("abcd")
    random = Random(0)
    for _ in range(400):
        id, where = random.choice("abcd"), random.choice(WHERE)
        now = order.index(id)
        order.remove(id)
        order.insert({"first": 0, "last": 3, "up": max(now - 1, 0), "down": now + 1}[where], id)
        assert queue.move(id, where)
        assert queue.waiting() == order


def test_whoever_takes_while_others_move_loses_and_doubles_nothing(queue: MarkerQueue) -> None:
    ids = [f"run{i:02d}" for i in range(40)]
    for id in ids:
        queue.put(id, id)
    taken: list[str] = []
    done = threading.Event()

    def shuffle(seed: int) -> None:
        random = Random(seed)
        while not done.is_set():
            queue.move(random.choice(ids), random.choice(WHERE))

    def take() -> None:
        while waiting := queue.waiting():
            text = queue.read(waiting[0])
            if queue.take(waiting[0]):
                assert text in (waiting[0], None)
                taken.append(waiting[0])

    movers = [threading.Thread(target=shuffle, args=(seed,)) for seed in range(2)]
    takers = [threading.Thread(target=take) for _ in range(3)]
    for one in (*movers, *takers):
        one.start()
    for one in takers:
        one.join()
    done.set()
    for one in movers:
        one.join()
    assert sorted(taken) == ids
    assert not [*queue.folder.glob("*run*")]


def test_a_place_may_be_asked_for(queue: MarkerQueue) -> None:
    for id in "abc":
        queue.put(id)
    queue.put("x", place=lambda ids: ids.index("b"))
    queue.put("a", place=lambda ids: len(ids))
    assert queue.waiting() == ["a", "x", "b", "c"]


def test_a_pipe_in_place_of_a_marker_holds_nobody_up(tmp_path: Path):
    queue = MarkerQueue(tmp_path / "queue")
    queue.put("run", "its content")
    (marker,) = (tmp_path / "queue").glob("*_run")
    marker.unlink()
    os.mkfifo(marker)
    assert queue.read("run") == ""

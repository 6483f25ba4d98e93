"""The one queue: order, holding, and that two can't have the same."""

from pathlib import Path

import pytest

from core.marker_queue import Marker, MarkerQueue


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

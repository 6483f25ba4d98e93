"""Runs that are sent to other machines, as far as no cluster is needed."""

import os
import random
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.jobs import control, elsewhere, enqueue, fetched, grids, waiting
from core.jobs.places import places
from core.jobs.queue import run_queue
from core.jobs.ray_node import BUDGET, Copy
from core.jobs.training_worker import Search
from core.runs import Run, RunError, RunStore, Status, lease
from core.runs.locks import is_at_work
from tests.conftest import small


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("", ""), ("local", ""), (" LOCAL ", ""), ("auto", "auto"), ("ray://auto", "auto"),
        ("slurm", "slurm"), ("ray://head:10001", "ray://head:10001"),
        ("ray://[::1]:10001", "ray://[::1]:10001"),
    ],
)  # fmt: skip
def test_addresses(typed: str, meant: str) -> None:
    assert elsewhere.parsed(typed) == meant


@pytest.mark.parametrize(
    "typed", ["ray://", "ray://h", "ray://h:0", "ray://h:70000", "http://h:1", "h:1", "ray://a b:1"]
)
def test_what_names_no_cluster_is_refused(typed: str) -> None:
    with pytest.raises(RunError, match=r"names no cluster; accepted: auto, ray://HOST:PORT"):
        elsewhere.parsed(typed)


def test_the_variable_is_named_where_it_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(elsewhere.VARIABLE, "nowhere")
    with pytest.raises(RunError, match="ADDNORM_CLUSTER: 'nowhere' names no cluster"):
        elsewhere.wanted()
    assert elsewhere.wanted("local") == ""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_a_cluster_that_does_not_answer_leaves_no_run(store: RunStore) -> None:
    address = f"ray://127.0.0.1:{free_port()}"
    with pytest.raises(RunError, match=r"no Ray cluster answers at .*--on local"):
        enqueue(store, small(), on=address)
    assert store.list() == []


def test_who_set_the_variable_is_told_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"ray://127.0.0.1:{free_port()}"
    monkeypatch.setenv(elsewhere.VARIABLE, address)
    with pytest.raises(RunError, match=r"answers at .* without ADDNORM_CLUSTER$"):
        elsewhere.check(address)


def test_a_name_that_is_none_is_a_problem_before_a_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(elsewhere.VARIABLE, "nowhere")
    assert elsewhere.shown() == ""
    assert elsewhere.problem().startswith("ADDNORM_CLUSTER: 'nowhere' names no cluster")
    monkeypatch.setenv(elsewhere.VARIABLE, "auto")
    assert (elsewhere.shown(), elsewhere.problem()) == ("auto", "")
    assert elsewhere.named("auto") == "this machine's Ray cluster"


def test_a_cluster_that_answers_is_not_called_silent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as head:
        address = f"ray://127.0.0.1:{head.getsockname()[1]}"
        assert elsewhere.silence(address) == ""
    said = elsewhere.silence(address)
    assert said == f"the cluster at {address} does not answer; it goes on when it does"


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elsewhere.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RunError, match=r'pip install "ray\[client\]"'):
        elsewhere.check("ray://127.0.0.1:1")


def test_a_machine_of_no_cluster_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(RunError, match="part of no Ray cluster: start one with ray start --head"):
        elsewhere.check("auto")


def test_the_command_line_refuses_in_one_sentence(tmp_path: Path) -> None:
    words = ["train", "--on", "nowhere", "--runs-dir", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "core", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("python -m core: on: 'nowhere' names no cluster")
    assert done.stderr.count("\n") == 1


@pytest.fixture
def sent(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run that waits for a cluster which nobody follows."""
    monkeypatch.setattr(elsewhere, "check", lambda address: None)
    monkeypatch.setattr("core.jobs.launcher.revive", lambda store: None)
    return enqueue(store, small(), on="ray://head:10001")


def test_no_worker_of_this_machine_takes_it(store: RunStore, sent: Run) -> None:
    assert waiting(store) == [sent.id]
    assert Search(store, ("cpu",))() is None
    here = enqueue(store, small(), on="local")
    claim = Search(store, ("cpu",))()
    assert claim is not None
    assert claim.run == here
    claim.give_back()
    place = places(store)[sent.id]
    assert (place.number, place.seconds) == (1, None)
    assert list(elsewhere.clusters(store)) == ["ray://head:10001"]


def test_it_is_taken_back_before_it_has_a_place(store: RunStore, sent: Run) -> None:
    control(store, sent, "stop")
    assert sent.status == "stopped"
    assert waiting(store) == []
    assert list(elsewhere.clusters(store)) == []


def test_a_grid_is_sent_as_a_whole(store: RunStore, sent: Run) -> None:
    from core.grids import grid

    made = grids.start(store, grid("two", small(), {"training.seed": [1, 2]}), on="auto")
    assert {run.on for run in grids.members(store, made)} == {"auto"}
    grids.pause(store, made)
    assert len(run_queue(store).held()) == 2
    grids.cancel(store, made)
    assert {run.status for run in grids.members(store, made)} == {"stopped"}


def test_what_ended_early_goes_on_elsewhere_or_here(store: RunStore, sent: Run) -> None:
    control(store, sent, "stop")
    control(store, sent, "resume")
    assert sent.on == "ray://head:10001"
    control(store, sent, "stop")
    control(store, sent, "resume", on="local")
    assert sent.on == ""
    claim = Search(store, ("cpu",))()
    assert claim is not None
    claim.give_back()


# The lease


def trains_elsewhere(run: Run) -> None:
    lease.write(run.path, lease.Lease("ray://head:10001", "node7 (10.0.0.7)", "t"))
    run.write_status(Status(state="running", step=3, steps=30, host="node7 (10.0.0.7)"))


def test_a_run_that_trains_elsewhere_counts_as_locked(store: RunStore, sent: Run) -> None:
    trains_elsewhere(sent)
    assert sent.alive
    assert is_at_work(sent.path)
    assert sent.status == "running"
    assert sent.where == "node7 (10.0.0.7)"
    assert not sent.lock().acquire()
    with pytest.raises(RunError, match="still training"):
        store.delete(sent.id)
    follower = sent.lock(elsewhere=True)
    assert follower.acquire()
    follower.release()


def test_one_that_is_not_heard_of_any_more_is_interrupted(store: RunStore, sent: Run) -> None:
    trains_elsewhere(sent)
    past = time.time() - lease.SECONDS - 1
    os.utime(sent.path / lease.FILE, (past, past))
    assert not sent.alive
    assert sent.status == "interrupted"
    assert "nothing is heard any more of node7 (10.0.0.7)" in sent.record.message
    lease.renew(sent.path)
    assert sent.status == "running"
    lease.end(sent.path)
    assert lease.read(sent.path) is None
    assert sent.status == "interrupted"


def test_a_damaged_lease_is_none(store: RunStore, sent: Run) -> None:
    for text in ("", "[]", '{"on": 3}', "{"):
        (sent.path / lease.FILE).write_text(text)
        assert lease.read(sent.path) is None


# A copy on a node, fetched


def test_a_copy_is_fetched_whatever_happens_to_its_files(store: RunStore, tmp_path: Path) -> None:
    """Files that grow, are replaced, cut, removed and larger than an answer, in any order."""
    draw = random.Random(4)
    run, there = store.create(small()), tmp_path / "node"
    for folder in ("metrics", "checkpoints", "snapshots", "control"):
        (there / folder).mkdir(parents=True)
    copy = Copy(str(there))
    for name in fetched.wanted(run):
        for at, data in fetched.pieces(run, name):
            copy.put(name, data, at)
    names = [
        *("metrics/step-0.arrow", "events.jsonl", "checkpoints/step-000000003.safetensors"),
        *("checkpoints/step-000000003.json", "status.json", "switches.json", "log.txt"),
    ]
    for turn in range(120):
        for name in draw.sample(names, 3):
            path, what = there / name, draw.random()
            if what < 0.5:
                with open(path, "ab") as file:
                    file.write(draw.randbytes(draw.choice([1, 10, 5000])))
            elif what < 0.8 or name == "status.json":
                made = path.with_name(".new-x")
                made.write_bytes(draw.randbytes(draw.choice([0, 7, 9000])))
                made.rename(path)
            elif what < 0.9 and path.exists():
                os.truncate(path, path.stat().st_size // 2)
            else:
                path.unlink(missing_ok=True)
        if turn == 60:
            (there / names[2]).write_bytes(draw.randbytes(2 * BUDGET + 5))
        if turn % 30 == 29:  # whoever fetches is another process from now on
            copy.known(fetched.manifest(run))
        more = True
        while more:
            files, gone, more = copy.changes()
            fetched.take(run, files, gone)
        for name in names:
            mine, theirs = run.path / name, there / name
            assert theirs.exists() or not mine.exists() or name == "log.txt"
            if theirs.exists() and (theirs.stat().st_size or name != "status.json"):
                assert mine.read_bytes() == theirs.read_bytes(), (turn, name)


def test_what_no_run_has_is_not_written(store: RunStore, tmp_path: Path) -> None:
    run = store.create(small())
    before = sorted(tmp_path.rglob("*"))
    fetched.take(
        run,
        [("../out.json", 0, 1, b"x"), ("/tmp/x", 0, 1, b"x"), ("lock", 0, 1, b"x"),
         ("control/0-stop", 0, 1, b"x")],
        ["../../x", "lock"],
    )  # fmt: skip
    assert sorted(tmp_path.rglob("*")) == before


def test_a_piece_that_continues_nothing_is_refused(store: RunStore) -> None:
    run = store.create(small())
    with pytest.raises(fetched.MissingPieceError):
        fetched.take(run, [("events.jsonl", 100, 110, b"x" * 10)], [])


def test_many_at_once_make_one_file_to_be_known_by(store: RunStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: elsewhere.nonce(store, "auto").read_text(), range(64)))
    assert len(set(told)) == 1
    assert len(told[0]) == 32

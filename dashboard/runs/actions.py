"""What is done to the runs that are ticked. What fails leaves a sentence, and the others go on."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable, Sequence

import streamlit as st

from core import jobs
from core.data.downloads import CorpusError
from core.files import RefusedFileError
from core.jobs.queue import Where
from core.language import t
from core.memory import in_bytes
from core.pretrained.adopt import adopt
from core.runs import Run, RunError, read_only
from core.runs.trash import DAYS, SHORT
from core.transfer.importers import take_in
from core.transfer.tables import import_runs
from dashboard.live.feed import store
from dashboard.runs import ticks

RUNS, TRASH = "runs_table", "trash_table"


def attempt(act: Callable[[], object]) -> bool:
    """Do it, or keep the sentence that says why that fails; returns whether it was done."""
    try:
        act()
    except (RunError, CorpusError, RefusedFileError, OSError) as error:
        st.session_state.setdefault("runs_problems", []).append(t(error))
        return False
    return True


def say(*sentences: str) -> None:
    """Keep sentences for the next look at the page."""
    st.session_state.setdefault("runs_said", []).extend(sentences)


def heard() -> tuple[list[str], list[str]]:
    """The sentences that wait: problems, and what was done."""
    taken = st.session_state.pop
    return taken("runs_problems", []), taken("runs_said", [])


def sweep() -> None:
    """Clear what interrupted deletions left and what is due in the trash, and say so."""
    if not read_only.is_read_only():
        attempt(lambda: say(*map(t, store().trash.sweep().sentences())))


def delete(runs: Iterable[Run], stop: bool = False) -> None:
    """Move runs to the trash, those at work after they have stopped; Undo brings them back."""
    moved: list[str] = []
    size = 0

    def move(run: Run) -> None:
        nonlocal size
        gone = jobs.delete(store(), run, stop=stop)
        assert gone is not None
        moved.append(gone.key)
        size += gone.size()

    for run in runs:
        attempt(lambda run=run: move(run))  # type: ignore[misc]
    if moved:
        st.session_state["runs_undo"] = {"keys": moved, "size": size}
        ticks.clear(RUNS)


def undo() -> tuple[list[str], str] | None:
    """The runs that Undo would bring back and the page's sentence; None where there is nothing."""
    last = st.session_state.get("runs_undo")
    if not last:
        return None
    there = {
        one.key
        for one in store().trash.list()
        # Nothing to undo where the run was imported again; a press that came first is answered.
        if st.session_state.get("undo_delete") or not (store().root / one.id).exists()
    }
    keys = [key for key in last["keys"] if key in there]
    if not keys:
        return None
    said = t(
        "{n:,} run moved to the trash, {size}. It stays there for {days} days, or until less than"
        " {free} GB are free.",
        "{n:,} runs moved to the trash, {size}. They stay there for {days} days, or until less than"
        " {free} GB are free.",
        n=len(keys),
        size=in_bytes(last["size"]),
        days=DAYS,
        free=SHORT // 2**30,
    )
    return keys, said


def restore(keys: Collection[str]) -> None:
    """Bring runs back from the trash."""
    done = [key for key in keys if attempt(lambda key=key: store().restore(key))]  # type: ignore[misc]
    if done:
        say(t("{n:,} run restored.", "{n:,} runs restored.", n=len(done)))
    st.session_state.pop("runs_undo", None)
    ticks.clear(TRASH)


def remove(keys: Collection[str]) -> None:
    """Remove runs of the trash for good."""
    trash = store().trash
    chosen = [one for one in trash.list() if one.key in keys]
    before = len(trash.list())
    freed: list[int] = []
    attempt(lambda: freed.append(trash.remove(chosen).bytes))
    gone = before - len(trash.list())
    if gone:
        say(
            t(
                "{n:,} run removed for good, {size} freed.",
                "{n:,} runs removed for good, {size} freed.",
                n=gone,
                size=in_bytes(sum(freed)),
            )
        )
    ticks.clear(TRASH)


def rename(run: Run, name: str) -> None:
    """Give a run another name; an empty one leaves the old."""
    if name.strip():
        attempt(lambda: run.update_meta(name=name.strip()))


def retag(runs: Sequence[Run], before: Collection[str], after: Sequence[str]) -> None:
    """The tags that all of them had are now these; each keeps what it has of its own."""
    for run in runs:
        own = [tag for tag in map(str, run.meta["tags"]) if tag not in before]
        tags = list(dict.fromkeys([*own, *after]))
        attempt(lambda run=run, tags=tags: run.update_meta(tags=tags))  # type: ignore[misc]


def move(runs: Sequence[Run], where: Where) -> None:
    """Give waiting runs another place in the queue; among themselves they keep their order."""
    order = jobs.waiting(store())
    known = sorted(runs, key=lambda run: order.index(run.id) if run.id in order else -1)
    for run in known if where in ("up", "last") else reversed(known):
        attempt(lambda run=run: jobs.move(store(), run, where))  # type: ignore[misc]


def resume(runs: Iterable[Run]) -> None:
    """Take runs up again from their last checkpoints."""
    for run in runs:
        attempt(lambda run=run: jobs.control(store(), run, "resume"))  # type: ignore[misc]


def adopt_model() -> None:
    """Make a run of the model whose folder or file was named."""
    named = str(st.session_state.get("adopt_path", "")).strip()
    if not named:
        return
    line = st.progress(0.0, t("Reads the model"))

    def take() -> None:
        run = adopt(store(), named, report=lambda share, doing: line.progress(share, t(doing)))
        say(t("{name} is a run now.", name=run.name))

    attempt(take)
    line.empty()


def take_in_named() -> None:
    """Make runs of what another program kept in the file or folder that was named."""
    named = str(st.session_state.get("take_in_path", "")).strip()
    if not named:
        return
    notes: list[str] = []
    taken: list[Run] = []
    if attempt(lambda: taken.extend(take_in(store(), named, say=notes.append))):
        said = t(
            "{n:,} run imported from {file}.",
            "{n:,} runs imported from {file}.",
            n=len(taken),
            file=named,
        )
        say(said, *map(t, notes[:5]))


def import_zip() -> None:
    """Take the runs of an uploaded zip into this folder. A callback."""
    upload = st.session_state["import_runs"]
    if upload is None:
        return
    notes: list[str] = []
    taken: list[Run] = []

    def take() -> None:
        with tempfile.NamedTemporaryFile(suffix=".zip") as file:
            shutil.copyfileobj(upload, file)
            file.flush()
            taken.extend(import_runs(store(), file.name, notes.append))

    if attempt(take):
        said = t(
            "{n:,} run imported from {file}.",
            "{n:,} runs imported from {file}.",
            n=len(taken),
            file=upload.name,
        )
        say(said, *map(t, notes[:5]))

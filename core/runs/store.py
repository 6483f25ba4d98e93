"""The folder of all runs: make, list, open, delete and restore them."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from core.cache import Cache
from core.config import RunConfig
from core.config.describe import described
from core.config.fork_point import ForkPoint
from core.files import (
    NEW,
    Reserve,
    expanded,
    make_private,
    names_stamp,
    signature,
    write_atomically,
    write_json,
)
from core.language import Message, reason, told
from core.runs import fork_files, read_only, schemas
from core.runs.errors import RunError
from core.runs.locks import Lock
from core.runs.run import Run
from core.runs.status import Status
from core.runs.trash import Deleted, Trash

COLOURS = 32  # looks, given out in order: eight Okabe-Ito colours, then each in another dash

# For all stores of a program: a page makes a store anew at each of its runs.
RUNS: Cache[Run] = Cache(20_000)
NAMES: Cache[dict[str, None]] = Cache(16)  # of a folder, in order


class RunStore:
    """The folder of all runs."""

    def __init__(self, root: str | Path | None = None) -> None:
        self.root = expanded(root or os.environ.get("ADDNORM_RUNS") or "runs").absolute()

    def create(
        self,
        config: RunConfig,
        name: str = "",
        fork: ForkPoint | None = None,
        fill: Callable[[Path], None] = lambda made: None,
        **meta: Any,
    ) -> Run:
        """A new run, queued; of a `fork` it has the checkpoint. `fill` adds to its directory before
        anybody sees it, and what it raises leaves none.

        Raises RunError when the folder can't be written or the checkpoint is gone.
        """
        read_only.refuse()
        title = name or config.name or describe(config, fork)
        slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40].strip("-") or "run"
        newest = next(self._ids(), None)
        last = self._run(newest).meta["colour"] if newest else -1
        colour = (last + 1) % COLOURS if isinstance(last, int) else 0
        # Under a name that nobody lists until it is whole, so that no reader meets half a run.
        made = self.root / f"{NEW}{secrets.token_hex(6)}"
        lock = Lock(made / "lock")  # says that somebody is at it
        try:
            make_private(self.root)
            made.mkdir()
            lock.acquire()
            Reserve(made).hold()
            self.trash.expire()  # deleted runs give way where space is short
            for folder in ("metrics", "snapshots", "checkpoints", "control"):
                (made / folder).mkdir()
            about = {"name": title, "colour": colour, **meta}
            write_json(made / "meta.json", schemas.marked("meta.json", about))
            if fork is not None:
                fork_files.lay(self.root, made, fork, config)
            begins = 0 if fork is None else fork.step
            Status(step=begins, steps=config.training.steps).write(made / "status.json")
            write_atomically(made / "config.json", config.model_dump_json(indent=1) + "\n")
            fill(made)
            lock.release()
            path = self._appear(made, slug)
        except fork_files.ForkError as error:
            shutil.rmtree(made, ignore_errors=True)
            raise RunError(told(error)) from error
        except OSError as error:
            shutil.rmtree(made, ignore_errors=True)
            raise RunError(
                Message(
                    "no run can be written to {folder}: {why}; free some room or name another"
                    " folder with ADDNORM_RUNS",
                    folder=self.root,
                    why=reason(error),
                )
            ) from error
        except BaseException:  # of `fill`, or Ctrl-C meanwhile
            shutil.rmtree(made, ignore_errors=True)
            raise
        finally:
            lock.release()
        return self._run(path.name)

    def _appear(self, made: Path, slug: str) -> Path:
        """Give a whole directory the name under which it is a run: the time, then what it is."""
        while True:
            seconds, thousandths = divmod(time.time_ns() // 10**6, 1000)
            stamp = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(seconds))}{thousandths:03}"
            path = self.root / f"{stamp}-{slug}-{secrets.token_hex(2)}"
            if not path.exists():
                os.rename(made, path)
                return path

    def _ids(self) -> Iterator[str]:
        """Newest first."""
        return (name for name in reversed(self.names()) if self.is_run(name))

    def is_run(self, name: str) -> bool:
        """Whether a folder is a run: it has settings, or a state that tells that it had some.

        What stands in their place may be anything.
        """
        folder = f"{self.root}/{name}"
        return any(os.path.lexists(f"{folder}/{file}") for file in ("config.json", "status.json"))

    def names(self) -> list[str]:
        """The folders' names of what may be runs, oldest first; none is opened."""
        return list(self._names())

    def _names(self) -> dict[str, None]:
        try:
            return NAMES.get(self.root, names_stamp(self.root), self._listed)
        except OSError:
            return {}  # nothing was ever written there

    def _listed(self) -> dict[str, None]:
        found = os.listdir(self.root)
        return dict.fromkeys(sorted(name for name in found if not name.startswith(".")))

    def list(self) -> list[Run]:
        """Every readable run, oldest first; damaged ones are in :meth:`unreadable`."""
        return list(self.newest())[::-1]

    def newest(self) -> Iterator[Run]:
        """Every readable run, newest first; each is read when it is asked for."""
        return (run for run, problem in self._all() if problem is None)

    def unreadable(self) -> dict[str, str]:
        """Directories that look like runs but can't be read, each with a sentence."""
        return {run.id: problem for run, problem in self._all() if problem is not None}

    def _all(self) -> Iterator[tuple[Run, str | None]]:
        for name in self._ids():
            run = self._run(name)
            try:
                run.config  # noqa: B018 - reading it is the check
            except RunError as error:
                yield run, told(error)
            else:
                yield run, None

    def open(self, id: str) -> Run:
        """The run with this id. Raises RunError when there is none."""
        if id not in self._names() or not self.is_run(id):
            raise RunError(
                Message(
                    "there is no run {run} in {folder}; `runs list` shows them",
                    run=id,
                    folder=self.root,
                )
            )
        return self._run(id)

    def _run(self, id: str) -> Run:
        path = self.root / id
        return RUNS.get(path, signature(f"{path}/config.json"), lambda: Run(path))

    @property
    def trash(self) -> Trash:
        """The deleted runs that can still be restored."""
        return Trash(self.root)

    def delete(self, id: str, now: bool = False) -> Deleted | None:
        """Move a run to the trash; with `now` remove it for good, which returns None.

        Raises RunError while it is alive, and then the run is as it was. A run that waits is to be
        taken out of the queue as well: `core.jobs.delete` does both.
        """
        read_only.refuse()
        run = self.open(id)
        lock = run.lock()  # held meanwhile, so that no worker takes the run
        deleted = None
        try:
            if not lock.acquire():
                raise RunError(
                    Message("run {run} is still training; stop it first, then delete it", run=id)
                )
            if now:
                self.trash.destroy(run.path)
            else:
                deleted = self.trash.put(run.path)
        except OSError as error:
            raise RunError(
                Message("run {run} can't be deleted: {why}", run=id, why=reason(error))
            ) from error
        finally:
            lock.release()
        return deleted

    def restore(self, name: str) -> Run:
        """Bring a run back from the trash, by its id or by its key there.

        One that waited when it was deleted comes back stopped. Raises RunError where there is none
        or its id is taken, and then the trash is as it was.
        """
        read_only.refuse()
        deleted = self.trash.find(name)
        if deleted is None:
            raise RunError(
                Message(
                    "there is no run {name} in the trash; `runs trash` shows what is there",
                    name=name,
                )
            )
        try:
            with contextlib.suppress(ValueError, FileNotFoundError):  # it shows as failed
                status = Status.read(deleted.path / "status.json")
                if status.state == "queued":  # its place in the queue is gone
                    stopped = status.model_copy(update={"state": "stopped"})
                    stopped.write(deleted.path / "status.json")
            self.trash.take_back(deleted)
        except FileExistsError as error:
            raise RunError(
                Message(
                    "run {run} can't be restored: a run with this id is in {folder} already;"
                    " delete that one first, then restore this one",
                    run=deleted.id,
                    folder=self.root,
                )
            ) from error
        except OSError as error:
            raise RunError(
                Message(
                    "run {run} can't be restored: {why}",
                    run=deleted.id,
                    why=reason(error),
                )
            ) from error
        return self.open(deleted.id)


def describe(config: RunConfig, fork: ForkPoint | None = None) -> str:
    """A short name made from the settings that this laboratory is about, and of a fork whence."""
    return described(config.flat()) + (f", {fork.told}" if fork is not None else "")

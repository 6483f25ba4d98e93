"""A run is a directory, and the directory is the truth.

``<root>/<id>/``: config.json, status.json, meta.json (name, tags, note, colour, twin), lock,
tokenizer.json, corpus.json (name, length and SHA-256, probe tokens), fork.json where it was forked,
metrics/, events.jsonl, snapshots/, checkpoints/, control/, log.txt, and digest.json once it has
ended. Nothing lives only
in a program's memory; copying the directory copies the run. Deleted runs lie in ``<root>/.trash``.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from numpy.typing import NDArray
from pydantic import ValidationError

from core.cache import Cache
from core.config import ModelConfig, RunConfig, Switch, explain
from core.config.describe import described
from core.config.fork_point import ForkPoint
from core.files import (
    NEW,
    Reserve,
    expanded,
    folder_size,
    make_private,
    read_bytes,
    read_json,
    signature,
    write_atomically,
    write_json,
)
from core.metrics.downsample import Steps, thinned
from core.metrics.holes import holes
from core.metrics.names import layer_of
from core.metrics.reader import Rows, Segments
from core.metrics.segment import CADENCES
from core.runs import fork_files, lost, schemas
from core.runs.locks import Lock, is_at_work
from core.runs.schemas import NewerSchemaError
from core.runs.snapshots import Snapshots
from core.runs.status import (
    CHECKPOINT_STATE,
    ENDED,
    NEEDS_WORKER,
    Command,
    State,
    Status,
    append_event,
    read_events,
    send,
)
from core.runs.trash import Deleted, Trash

COLOURS = 32  # looks, given out in order: eight Okabe-Ito colours, then each in another dash


class RunError(ValueError):
    """Something a user asked of a run that can't be done; the sentence says what to do."""


class Run:
    """One run's directory, read anew at each access unless a file can't change."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.name
        self.place = f"{path}/"  # strings join faster, and a listing does it thousands of times

    @cached_property
    def _segments(self) -> Segments:
        return Segments(self.path / "metrics")

    @cached_property
    def snapshots(self) -> Snapshots:
        """Attention of the probe text through training."""
        return Snapshots(self.path / "snapshots")

    def __repr__(self) -> str:
        return f"Run({self.id!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    @cached_property
    def config(self) -> RunConfig:
        """The settings, which never change; raises RunError when the file is missing, damaged or of
        another schema."""
        return _read_config(self.path)

    @property
    def record(self) -> Status:
        """`status.json` as it stands; when its worker is gone `interrupted`, or `out_of_memory`."""
        status = self._status()
        if status.state not in NEEDS_WORKER:
            return status
        # Whether it is alive is read before its state: a worker that ends in between has written
        # its last state by then.
        alive = self.alive
        status = self._status()
        if status.state in NEEDS_WORKER and not alive:
            return lost.noticed(self, status)
        return status

    @property
    def status(self) -> State:
        """One of `STATES`: queued, starting, running, paused, finished, stopped, interrupted,
        diverged, failed, out_of_memory."""
        return self.record.state

    def _status(self) -> Status:
        path = f"{self.place}status.json"
        try:
            return cast(Status, FILES.get(path, signature(path), lambda: Status.read(path)))
        except NewerSchemaError as error:
            return Status(state="failed", message=str(error), changed=0.0)
        except (OSError, ValueError):
            return Status(state="failed", message="status.json is missing or damaged", changed=0.0)

    def write_status(self, status: Status) -> None:
        """Replace `status.json`; only the holder of the lock may.

        Raises RunError where a later release wrote it, and then it is as it was; OSError.
        """
        self._check_schema("status.json")
        reserve = Reserve(self.path)
        reserve.write(lambda: status.write(self.path / "status.json"))
        reserve.release() if status.state in ENDED else reserve.hold()

    def check_release(self) -> None:
        """Raises RunError where any file of it is of a later release than this program."""
        for name in ("status.json", *SHAPES, "switches.json"):
            self._check_schema(name)
        newer = [*self._segments.newer(), *self.snapshots.newer()]
        if newer:
            raise RunError(
                f"run {self.id}: {newer[0]} is of a later release; use this run with the one that"
                " wrote it"
            )

    def _check_schema(self, name: str) -> None:
        try:
            content = read_json(self.place + name)
            for one in content if isinstance(content, list) else [content]:
                schemas.current(name, one)
        except NewerSchemaError as error:
            raise RunError(f"run {self.id}: {error}") from error
        except (OSError, ValueError):
            return  # what is missing or damaged can be written anew

    @property
    def alive(self) -> bool:
        """Whether a process holds the run's lock."""
        return is_at_work(self.place.rstrip("/"))

    def lock(self) -> Lock:
        """The lock that a worker holds for its life."""
        return Lock(self.path / "lock", folder=True)

    @property
    def meta(self) -> dict[str, Any]:
        """name, tags, note, colour (an index) and twin_of; what people may change later."""
        defaults = {"name": self.id, "tags": [], "note": "", "colour": 0, "twin_of": None}
        return {**defaults, **self._json("meta.json")}

    def update_meta(self, **changes: Any) -> None:
        """Change what people say of the run; with another name its first one is kept too.

        Raises RunError where a later release wrote it, and then it is as it was; OSError.
        """
        before = self.meta
        if changes.get("name", before["name"]) != before["name"]:
            changes["first_name"] = before.get("first_name", before["name"])
        self._check_schema("meta.json")
        write_json(self.path / "meta.json", schemas.marked("meta.json", {**before, **changes}))

    @property
    def name(self) -> str:
        """The name that people gave it, or that was made from its settings."""
        return str(self._read("meta.json").get("name", self.id))

    @property
    def corpus(self) -> dict[str, Any]:
        """The facts of its corpus: corpus, length, sha256, vocabulary, unigram_entropy (nats, of
        the training part), unigram_validation, probe_text, probe_tokens; {} until its first
        start."""
        return self._json("corpus.json")

    @property
    def tokenizer(self) -> dict[str, Any]:
        """kind (`characters`) and alphabet; {} until the first start."""
        return self._json("tokenizer.json")

    def _json(self, name: str) -> dict[str, Any]:
        return dict(self._read(name))  # the caller's own

    @property
    def damaged(self) -> list[str]:
        """Which of its small files can't be read or hold what none of them holds."""
        found = [
            name
            for name in SHAPES
            if signature(self.place + name) is not None and not self._is_whole(name)
        ]
        try:
            self.fork  # noqa: B018 - reading it is the check
        except RunError:
            found.append(fork_files.FILE)
        if signature(f"{self.place}switches.json") is not None:
            try:
                _switches(self.path)
            except (OSError, ValueError, TypeError):
                found.append("switches.json")
        return found

    def _is_whole(self, name: str) -> bool:
        try:
            content = _current(name, self.place + name)
            return bool(_shaped(name, content) == content)
        except (OSError, ValueError):
            return False

    def _read(self, name: str) -> Mapping[str, Any]:
        path = self.place + name
        stamp = signature(path)
        if stamp is None:
            return {}
        try:
            read = FILES.get(path, stamp, lambda: _shaped(name, _current(name, path)))
        except (OSError, ValueError):
            return {}
        return cast(dict[str, Any], read)

    def series(self, name: str, max_points: int | None = None) -> tuple[Steps, NDArray[Any]]:
        """A metric as (steps, values); per-layer metrics have values of shape (points, layers).

        `activation/rms/blocks.3.resid_post` is one layer, `activation/rms/resid_post` (or with
        ``blocks.{i}.``) all of them. `max_points` thins in power-of-two buckets that keep every
        spike. Raises KeyError with the names that exist.
        """
        canonical, layer = layer_of(name)
        cadence, width = self.cadence_of(canonical)
        rows = self.rows(cadence, [canonical])
        steps, values = rows.steps, rows.columns[canonical]
        if layer is not None:
            if not 0 <= layer < width:
                raise KeyError(f"run {self.id} has no layer {layer} in {canonical}")
            values = values[:, layer]
        # A cadence whose rows lack this metric (tokens_per_second of the first) hold NaN there;
        # they are points of the run, so they stay.
        if max_points is not None:
            steps, values = thinned(steps, values, max_points)
        return steps, values

    def rows(self, cadence: str, names: Iterable[str]) -> Rows:
        """All rows of a cadence (step, probe, evaluation), read from the disk at each call.

        Who follows a run as it grows keeps a :class:`core.metrics.reader.Reader`.
        """
        return self._segments.read(cadence, names)

    def metrics(self) -> dict[str, int]:
        """Every metric that the run has, with its width in layers (0 for a scalar)."""
        return {n: w for cadence in CADENCES for n, w in self._segments.widths(cadence).items()}

    def cadence_metrics(self, cadence: str) -> dict[str, int]:
        """The metrics of one cadence, each with its width in layers (0 for a scalar)."""
        return self._segments.widths(cadence)

    def every(self, cadence: str) -> int:
        """Steps from one row of a cadence to the next; 0 where they come at no interval."""
        config = self.config
        known = {"probe": config.probes.every, "evaluation": config.training.evaluate_every}
        return known.get(cadence, 1)

    @property
    def holes(self) -> dict[str, list[tuple[int, int]]]:
        """The first and last step of each hole in its metrics, by cadence where there are any."""
        found = {c: holes(self.rows(c, ()).steps, self.every(c)) for c in CADENCES}
        return {cadence: where for cadence, where in found.items() if where}

    def cadence_of(self, name: str) -> tuple[str, int]:
        """Where a metric is written (step, probe, evaluation) and its width in layers.

        `seconds` of training are a metric of each step. Raises KeyError with the names that exist.
        """
        if name == "seconds":
            return "step", 0
        known: list[str] = []
        for cadence in CADENCES:
            names = self._segments.widths(cadence)
            if name in names:
                return cadence, names[name]
            known += names
        raise KeyError(f"run {self.id} has no metric {name}; it has: {', '.join(known) or 'none'}")

    @property
    def events(self) -> list[dict[str, Any]]:
        """Alarms, samples, starts, changes of threads: flat objects with `kind` and `step`."""
        path = self.path / "events.jsonl"
        return EVENTS.get(path, signature(path), lambda: read_events(path))

    def add_event(self, kind: str, step: int, **values: Any) -> None:
        """Append an event; raises OSError when the disk is full."""
        event = {"kind": kind, "step": step, **values}
        Reserve(self.path).write(lambda: append_event(self.path / "events.jsonl", event))

    @property
    def checkpoints(self) -> list[int]:
        """Steps that have a complete checkpoint, in order (its .json is written last)."""
        names = (p.stem.removeprefix("step-") for p in (self.path / "checkpoints").glob("*.json"))
        return sorted(int(n) for n in names if n.isdecimal())

    @property
    def resumable(self) -> list[int]:
        """Steps whose checkpoints have all that going on needs, in order; older ones are thinned
        to their weights."""
        folder = self.path / "checkpoints"
        states = {p.name.partition(".")[0] for p in folder.glob(f"*{CHECKPOINT_STATE}")}
        return [step for step in self.checkpoints if f"step-{step:09d}" in states]

    @property
    def resumes_at(self) -> int | None:
        """The step that resuming goes on from: that of the newest checkpoint with all it needs.

        None where there is none yet, and it starts again at step 0.
        """
        return max(self.resumable, default=None)

    @property
    def fork(self) -> ForkPoint | None:
        """Where another run was left for this one to start; None of one that started at step 0.

        Raises RunError where `fork.json` is damaged or of a later release: without it the run's
        first steps can't be told from those of its parent.
        """
        path = f"{self.place}{fork_files.FILE}"
        stamp = signature(path)
        if stamp is None:
            return None
        try:
            return cast(ForkPoint, FILES.get(path, stamp, lambda: fork_files.read(path)))
        except (OSError, ValueError) as error:
            raise RunError(f"run {self.id}: {error}") from error

    @property
    def first_step(self) -> int:
        """The step that it started at: 0 but for a fork."""
        try:
            fork = self.fork
        except RunError:
            return 0
        return 0 if fork is None else fork.step

    @property
    def seconds_before(self) -> float:
        """Seconds of training that its parents had when it was forked; its own metrics go on from
        there."""
        try:
            fork = self.fork
        except RunError:
            return 0.0
        return 0.0 if fork is None else fork.seconds

    def send(self, command: Command, text: str = "") -> None:
        """Leave a command (pause, resume, stop, step, switch) for the worker."""
        send(self.path / "control", command, text)

    @property
    def switches(self) -> tuple[Switch, ...]:
        """Every switch of a layer in this run, scheduled or turned by hand, in order of steps."""
        # Stable: at one step the schedule comes first, then what was turned, in its order.
        both = (*self.config.training.switches, *self.turned_by_hand)
        return tuple(sorted(both, key=lambda switch: switch.step))

    @property
    def turned_by_hand(self) -> tuple[Switch, ...]:
        """The switches of layers that somebody turned while it trained, in their order."""
        try:
            return _switches(self.path)
        except (OSError, ValueError, TypeError):
            return ()

    def add_switch(self, switch: Switch) -> None:
        """Write down a switch that was turned by hand, so that a resumed run repeats it."""
        known = [s.model_dump() for s in self.switches if s not in self.config.training.switches]
        self._check_schema("switches.json")
        every = [schemas.marked("switches.json", one) for one in (*known, switch.model_dump())]
        write_json(self.path / "switches.json", every)

    def model_at(self, step: int) -> ModelConfig:
        """The network as it is wired at a step, before that step's own switches.

        Up to the step at which a fork starts it is the network that was forked.
        """
        fork = self.fork
        return fork.wiring if fork is not None and step <= fork.step else self.wired(step)

    def wired(self, step: int) -> ModelConfig:
        """As :meth:`model_at`, but by its own settings also where it was forked."""
        model = self.config.model
        for switch in self.switches:
            if switch.step < step:
                model = model.switched(switch.override)
        return model

    def size(self) -> int:
        """Bytes on disk."""
        return folder_size(self.path)


# For all stores of a program: a page makes a store anew at each of its runs.
FILES: Cache[Any] = Cache(100_000)  # small files, as they were read
EVENTS: Cache[list[dict[str, Any]]] = Cache(1000)
RUNS: Cache[Run] = Cache(20_000)


def _read_config(folder: Path) -> RunConfig:
    path = f"{folder}/config.json"
    try:
        return cast(RunConfig, FILES.get(path, signature(path), lambda: _parse_config(path)))
    except OSError as error:
        raise RunError(f"run {folder.name} has no readable config.json: {error}") from error
    except ValidationError as error:
        raise RunError(f"run {folder.name}: config.json: {explain(error)}") from error


def _parse_config(path: str) -> RunConfig:
    return RunConfig.model_validate_json(read_bytes(path))


# What readers take for granted of the small files of a run, where a file has the field.
SHAPES: dict[str, dict[str, type | tuple[type, ...]]] = {
    "meta.json": {
        **{"name": str, "note": str, "tags": list, "colour": int, "twin_of": (str, type(None))},
        **{"grid": str, "grid_name": str, "first_name": str},
    },
    "corpus.json": {
        **{"corpus": str, "sha256": str, "length": int, "vocabulary": int, "unit": str},
        **{"unigram_entropy": (int, float), "unigram_validation": (int, float)},
        **{"probe_text": str, "probe_tokens": list},
    },
    "tokenizer.json": {"kind": str, "alphabet": str},
}


def _shaped(name: str, content: Any) -> dict[str, Any]:
    """The fields of a small file that are of their types; raises ValueError for no object."""
    if not isinstance(content, dict):
        raise ValueError(f"{name} holds no fields")
    shape = SHAPES.get(name, {})
    return {
        field: value
        for field, value in content.items()
        if field not in shape or isinstance(value, shape[field])
    }


def _current(name: str, path: str) -> Any:
    return schemas.current(name, read_json(path))


def _switches(folder: Path) -> tuple[Switch, ...]:
    content = read_json(folder / "switches.json")
    if not isinstance(content, list):
        raise ValueError("it holds no list")
    return tuple(Switch(**schemas.current("switches.json", one)) for one in content)


class RunStore:
    """The folder of all runs."""

    def __init__(self, root: str | Path | None = None) -> None:
        self.root = expanded(root or os.environ.get("ADDNORM_RUNS") or "runs").absolute()

    def create(
        self, config: RunConfig, name: str = "", fork: ForkPoint | None = None, **meta: Any
    ) -> Run:
        """A new run, queued; of a `fork` it has the checkpoint.

        Raises RunError when the folder can't be written or the checkpoint is gone.
        """
        title = name or config.name or describe(config, fork)
        slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40].strip("-") or "run"
        newest = max(self._ids(), default=None)
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
            lock.release()
            path = self._appear(made, slug)
        except fork_files.ForkError as error:
            shutil.rmtree(made, ignore_errors=True)
            raise RunError(str(error)) from error
        except OSError as error:
            shutil.rmtree(made, ignore_errors=True)
            raise RunError(
                f"no run can be written to {self.root}: {error.strerror};"
                " free some room or name another folder with ADDNORM_RUNS"
            ) from error
        finally:
            lock.release()
        return self._run(path.name)

    def _appear(self, made: Path, slug: str) -> Path:
        """Give a whole directory the name under which it is a run: the time, then what it is."""
        while True:
            now = time.time()
            stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now)) + f"{now % 1:.3f}"[2:]
            path = self.root / f"{stamp}-{slug}-{secrets.token_hex(2)}"
            if not path.exists():
                os.rename(made, path)
                return path

    def _ids(self) -> Iterator[str]:
        root = str(self.root)
        for name in self.names():
            if os.path.exists(f"{root}/{name}/config.json"):
                yield name

    def names(self) -> list[str]:
        """The folders' names of what may be runs, oldest first; none is opened."""
        try:
            return sorted(name for name in os.listdir(self.root) if not name.startswith("."))
        except OSError:
            return []  # nothing was ever written there

    def list(self) -> list[Run]:
        """Every readable run, oldest first; damaged ones are in :meth:`unreadable`."""
        return [run for run, problem in self._all() if problem is None]

    def unreadable(self) -> dict[str, str]:
        """Directories that look like runs but can't be read, each with a sentence."""
        return {run.id: problem for run, problem in self._all() if problem is not None}

    def _all(self) -> Iterator[tuple[Run, str | None]]:
        for name in sorted(self._ids()):
            run = self._run(name)
            try:
                run.config  # noqa: B018 - reading it is the check
            except RunError as error:
                yield run, str(error)
            else:
                yield run, None

    def open(self, id: str) -> Run:
        """The run with this id. Raises RunError when there is none."""
        if id not in self.names() or not (self.root / id / "config.json").is_file():
            raise RunError(f"there is no run {id} in {self.root}; `runs list` shows them")
        return self._run(id)

    def _run(self, id: str) -> Run:
        path = self.root / id
        return RUNS.get(path, signature(path / "config.json"), lambda: Run(path))

    @property
    def trash(self) -> Trash:
        """The deleted runs that can still be restored."""
        return Trash(self.root)

    def delete(self, id: str, now: bool = False) -> Deleted | None:
        """Move a run to the trash; with `now` remove it for good, which returns None.

        Raises RunError while it is alive, and then the run is as it was. A run that waits is to be
        taken out of the queue as well: `core.jobs.delete` does both.
        """
        run = self.open(id)
        lock = run.lock()  # held meanwhile, so that no worker takes the run
        deleted = None
        try:
            if not lock.acquire():
                raise RunError(f"run {id} is still training; stop it first, then delete it")
            if now:
                self.trash.destroy(run.path)
            else:
                deleted = self.trash.put(run.path)
        except OSError as error:
            raise RunError(f"run {id} can't be deleted: {error.strerror}") from error
        finally:
            lock.release()
        return deleted

    def restore(self, name: str) -> Run:
        """Bring a run back from the trash, by its id or by its key there.

        One that waited when it was deleted comes back stopped. Raises RunError where there is none
        or its id is taken, and then the trash is as it was.
        """
        deleted = self.trash.find(name)
        if deleted is None:
            raise RunError(f"there is no run {name} in the trash; `runs trash` shows what is there")
        try:
            with contextlib.suppress(ValueError, FileNotFoundError):  # it shows as failed
                status = Status.read(deleted.path / "status.json")
                if status.state == "queued":  # its place in the queue is gone
                    stopped = status.model_copy(update={"state": "stopped"})
                    stopped.write(deleted.path / "status.json")
            self.trash.take_back(deleted)
        except FileExistsError as error:
            raise RunError(
                f"run {deleted.id} can't be restored: a run with this id is in {self.root} already;"
                " delete that one first, then restore this one"
            ) from error
        except OSError as error:
            raise RunError(f"run {deleted.id} can't be restored: {error.strerror}") from error
        return self.open(deleted.id)


def describe(config: RunConfig, fork: ForkPoint | None = None) -> str:
    """A short name made from the settings that this laboratory is about, and of a fork whence."""
    return described(config.flat()) + (f", {fork.told}" if fork is not None else "")

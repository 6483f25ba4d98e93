"""A run is a directory, and the directory is the truth.

``<root>/<id>/``: config.json, status.json, meta.json (name, tags, note, colour, twin), lock,
tokenizer.json, corpus.json (name, length and SHA-256, probe tokens), fork.json where it was forked,
origin.json where its network is not this lab's,
metrics/, events.jsonl, snapshots/, checkpoints/, control/, log.txt, and digest.json once it has
ended. Nothing lives only in a program's memory; copying the directory copies the run. Deleted runs
lie in ``<root>/.trash``.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray
from pydantic import ValidationError

from core.config import ModelConfig, RunConfig, Switch, explain
from core.config.fork_point import ForkPoint
from core.files import Reserve, Usage, signature, usage, write_json
from core.language import Message
from core.metrics.downsample import Steps, thinned
from core.metrics.holes import holes
from core.metrics.names import layer_of
from core.metrics.reader import Rows, Segments
from core.runs import budget, lost, read_only, schemas, small_files
from core.runs.errors import RunError
from core.runs.events import append_event
from core.runs.locks import Lock, is_at_work
from core.runs.schemas import NewerSchemaError
from core.runs.small_files import COMPILED, SWITCHES
from core.runs.snapshots import Snapshots
from core.runs.status import (
    CHECKPOINT_STATE,
    ENDED,
    NEEDS_WORKER,
    Command,
    State,
    Status,
    send,
)

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from core.palette import Mode


class Run:
    """One run's directory, read anew at each access unless a file can't change."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.name
        self.prefix = f"{path}/"  # of the names of its files

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
        try:
            return small_files.config(self.prefix)
        except OSError as error:
            raise RunError(
                Message("run {run} has no readable config.json: {why}", run=self.id, why=error)
            ) from error
        except ValidationError as error:
            raise RunError(
                Message("run {run}: config.json: {why}", run=self.id, why=explain(error))
            ) from error

    @property
    def record(self) -> Status:
        """`status.json` as it stands; when its worker is gone `interrupted`, or `out_of_memory`."""
        status = small_files.status(self.prefix)
        if status.state not in NEEDS_WORKER:
            return status
        # Whether it is alive is read before its state: a worker that ends in between has written
        # its last state by then.
        alive = self.alive
        status = small_files.status(self.prefix)
        if status.state in NEEDS_WORKER and not alive:
            return lost.noticed(self, status)
        return status

    @property
    def status(self) -> State:
        """One of `STATES`: queued, starting, running, paused, finished, stopped, interrupted,
        diverged, failed, out_of_memory."""
        return self.record.state

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
        for name in ("status.json", *small_files.SHAPES, SWITCHES):
            self._check_schema(name)
        newer = [*self._segments.newer(), *self.snapshots.newer()]
        if newer:
            raise RunError(
                Message(
                    "run {run}: {file} is of a later release; use this run with the one that"
                    " wrote it",
                    run=self.id,
                    file=newer[0],
                )
            )

    def _check_schema(self, name: str) -> None:
        try:
            small_files.check_schema(self.prefix, name)
        except NewerSchemaError as error:
            raise RunError(Message("run {run}: {why}", run=self.id, why=error)) from error

    @property
    def alive(self) -> bool:
        """Whether a process holds the run's lock, or it trains on another machine."""
        return is_at_work(self.prefix.rstrip("/"))

    def lock(self, elsewhere: bool = False) -> Lock:
        """The lock that a worker holds for its life; nobody gets that of a run that trains on
        another machine but who follows it there, `elsewhere`."""
        return Lock(self.path / "lock", folder=True, elsewhere=elsewhere)

    @property
    def meta(self) -> dict[str, Any]:
        """name, tags, note, colour (an index) and twin_of; what people may change later."""
        defaults = {"name": self.id, "tags": [], "note": "", "colour": 0, "twin_of": None}
        return {**defaults, **small_files.fields(self.prefix, "meta.json")}

    def update_meta(self, **changes: Any) -> None:
        """Change what people say of the run; with another name its first one is kept too.

        Raises RunError where a later release wrote it, and then it is as it was; OSError.
        """
        read_only.refuse()
        before = self.meta
        if changes.get("name", before["name"]) != before["name"]:
            changes["first_name"] = before.get("first_name", before["name"])
        self._check_schema("meta.json")
        write_json(self.path / "meta.json", schemas.marked("meta.json", {**before, **changes}))

    @property
    def on(self) -> str:
        """The cluster that it is sent to, as its address says; "" for this machine."""
        return str(small_files.fields(self.prefix, "meta.json").get("on", ""))

    @property
    def where(self) -> str:
        """The machine that trains it or did so, or the cluster that it is sent to; "" where it is
        this one's."""
        on = self.on
        return on and (small_files.status(self.prefix).host or on)

    @property
    def name(self) -> str:
        """The name that people gave it, or that was made from its settings."""
        return str(small_files.fields(self.prefix, "meta.json").get("name", self.id))

    @property
    def corpus(self) -> dict[str, Any]:
        """The facts of its corpus: corpus, length, sha256, vocabulary, unigram_entropy (nats, of
        the training part), unigram_validation, probe_text, probe_tokens; of a task floor, its
        optimal loss in nats, and baseline, which words its frequencies have; {} until its first
        start."""
        return dict(small_files.fields(self.prefix, "corpus.json"))  # the caller's own

    @property
    def tokenizer(self) -> dict[str, Any]:
        """kind (`characters`) and alphabet, or kind `subwords`, their size and the SHA-256 of
        `subwords.json`; {} until the first start."""
        return dict(small_files.fields(self.prefix, "tokenizer.json"))

    @property
    def source(self) -> dict[str, Any]:
        """Of a pretrained model that became a run: name, family, sha256, config (its own), writes
        (whether it has an output layer), vocabulary, context; {} of a run that was trained here."""
        return dict(small_files.fields(self.prefix, "source.json"))

    @property
    def origin(self) -> dict[str, Any]:
        """Of a run whose network this lab did not build: by (what recorded it), source, settings
        (its own, by dotted name), layers (the names of what its per-layer metrics are of), model
        (its class), gradients (when their norms were taken); {} of one that was trained here.

        Of such a run `config` says nothing but the seed and the steps, where they are known.
        """
        found = dict(small_files.fields(self.prefix, "origin.json"))
        if not found and signature(f"{self.prefix}origin.json") is not None:
            return {"by": Message("another program")}  # the file is damaged, or of a later release
        return found

    def check_ours(self) -> None:
        """Raises RunError for a run that another program trained: there is nothing to go on with,
        to steer or to look into but what it measured."""
        if origin := self.origin:
            raise RunError(
                Message(
                    "run {run} was recorded by {by}: the lab has its measurements, not its network;"
                    " steer it, go on with it or look into it where it was trained",
                    run=self.id,
                    by=origin.get("by", ""),
                )
            )

    @property
    def damaged(self) -> list[str]:
        """The names of its small files that can't be read or whose fields have wrong types."""
        return small_files.damaged(self.prefix)

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
                raise KeyError(
                    Message(
                        "run {run} has no layer {layer} in {canonical}",
                        run=self.id,
                        layer=layer,
                        canonical=canonical,
                    )
                )
            values = values[:, layer]
        # A cadence whose rows lack this metric (tokens_per_second of the first) hold NaN there;
        # they are points of the run, so they stay.
        if max_points is not None:
            steps, values = thinned(steps, values, max_points)
        return steps, values

    def plot(self, metric: str = "loss", mode: Mode = "light") -> Figure:
        """A metric as a Plotly figure: a line over the steps, of a per-layer one over the layers.

        `metric` is a name of :meth:`metrics`, or `loss`, `validation`, `gradient`, `accuracy`.
        Raises ValueError with a sentence where there is no such metric, or no Plotly.
        """
        from core.plots.runs import drawn

        return drawn([self], metric, [self.name], mode)

    def rows(self, cadence: str, names: Iterable[str]) -> Rows:
        """All rows of one of `cadences`, read from the disk at each call.

        Who follows a run as it grows keeps a :class:`core.metrics.reader.Reader`.
        """
        return self._segments.read(cadence, names)

    def metrics(self) -> dict[str, int]:
        """Every metric that the run has, with its width in layers (0 for a scalar)."""
        return {n: w for one in self.cadences for n, w in self._segments.widths(one).items()}

    @property
    def cadences(self) -> tuple[str, ...]:
        """What its metrics are written in: step, probe, evaluation; where another program measured
        them, also one for each set of steps."""
        return self._segments.cadences()

    def cadence_metrics(self, cadence: str) -> dict[str, int]:
        """The metrics of one cadence, each with its width in layers (0 for a scalar)."""
        return self._segments.widths(cadence)

    def every(self, cadence: str) -> int:
        """Steps from one row of a cadence to the next; 0 where they come at no interval."""
        if self.origin:  # another program wrote rows when it liked
            return 0
        config = self.config
        probes = config.probes
        known = {
            "probe": probes.every,
            "noise": probes.noise_every,
            "hessian": probes.hessian_every,
        }
        if cadence in known:  # as far apart as they came to be, where the budget was exceeded
            return known[cadence] * budget.stretched(self.events)
        return {"evaluation": config.training.evaluate_every}.get(cadence, 1)

    @property
    def holes(self) -> dict[str, list[tuple[int, int]]]:
        """The first and last step of each hole in its metrics, by cadence where there are any."""
        found = {c: holes(self.rows(c, ()).steps, self.every(c)) for c in self.cadences}
        return {cadence: where for cadence, where in found.items() if where}

    def cadence_of(self, name: str) -> tuple[str, int]:
        """Where a metric is written (one of `cadences`) and its width in layers.

        `seconds` of training are a metric of each step. Raises KeyError with the names that exist.
        """
        if name == "seconds":
            return "step", 0
        known: list[str] = []
        for cadence in self.cadences:
            names = self._segments.widths(cadence)
            if name in names:
                return cadence, names[name]
            known += names
        raise KeyError(
            Message(
                "run {run} has no metric {name}; it has: {known}",
                run=self.id,
                name=name,
                known=", ".join(known) or "none",
            )
        )

    @property
    def events(self) -> list[dict[str, Any]]:
        """Alarms, samples, starts, changes of threads and of how steps are computed: flat objects
        with `kind` and `step`."""
        return small_files.events(self.prefix)

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
        try:
            return small_files.fork(self.prefix)
        except (OSError, ValueError) as error:
            raise RunError(Message("run {run}: {why}", run=self.id, why=error)) from error

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
        read_only.refuse()
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
            return small_files.switches(self.prefix)
        except (OSError, ValueError, TypeError):
            return ()

    def add_switch(self, switch: Switch) -> None:
        """Write down a switch that was turned by hand, so that a resumed run repeats it."""
        known = [s.model_dump() for s in self.switches if s not in self.config.training.switches]
        self._check_schema(SWITCHES)
        every = [schemas.marked(SWITCHES, one) for one in (*known, switch.model_dump())]
        write_json(self.path / SWITCHES, every)

    @property
    def compiled(self) -> dict[int, bool]:
        """Steps at which it went over to compiled code (True) or back to eager code, in order."""
        return small_files.compiled(self.prefix)

    def add_compiled(self, step: int, on: bool) -> None:
        """Write down that its steps are compiled from a step on, or eager again, so that a resumed
        run repeats it. Raises OSError."""
        self._check_schema(COMPILED)
        steps = {str(one): how for one, how in sorted({**self.compiled, step: on}.items())}
        write_json(self.path / COMPILED, schemas.marked(COMPILED, {"steps": steps}))

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
        """Bytes on disk, with what a fork shares with its parent."""
        return self.usage().bytes

    def usage(self) -> Usage:
        """What it takes on the disk."""
        return usage(self.path)

"""Each kind of file as a later or an earlier release writes it, while somebody views, resumes or
trains the run.

One of a later release is neither read nor overwritten, and the run is not taken up. One of an
earlier release, which says no version, is read as today's.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from core import jobs
from core.heads.patterns import SUM_BYTES, summed
from core.metrics.segment import CHECKSUMS, VERSION, checksums
from core.runs import Run, RunError, RunStore
from core.runs.checkpoint_files import checksum
from tests.faults.case import Case, sentence, sound, take_up
from tests.faults.kinds.files import OF_FORKS
from tests.faults.laboratory import Laboratory, LostError, Reference, compare, look, train

FILES = (
    *("config.json", "status.json", "meta.json", "corpus.json", "tokenizer.json", "digest.json"),
    *("fork.json", "switches.json", "events.jsonl", "metrics/step-0000.arrow"),
    *("snapshots/attention-000000005.npy", "checkpoints/step-000000020.json"),
    "checkpoints/step-000000020.state.safetensors",
)
LATER = 99


def cases() -> list[Case]:
    """Every file at every moment, of both."""
    moments = {"viewing": _viewing, "resuming": _resuming, "training": _training}
    return [
        Case(f"a file of {release} release, while {moment}", name, _on(act, name, version))
        for release, version in (("a later", LATER), ("an earlier", None))
        for moment, act in moments.items()
        for name in FILES
        if not (name == "digest.json" and moment != "viewing")
    ]


Act = Callable[[Laboratory, random.Random, str, int | None], None]


def _on(act: Act, name: str, version: int | None) -> Callable[[Laboratory, random.Random], None]:
    return lambda lab, rng: act(lab, rng, name, version)


def _of(path: Path, version: int | None) -> bytes:
    """Write a file anew as another release does, and return its content; None says no version."""
    content = path.read_bytes()
    if path.suffix == ".arrow":
        _metrics(path, version)
    elif path.suffix == ".npy":
        array = re.sub(rb"schema \d+ $", b"", content[:-SUM_BYTES])
        path.write_bytes(summed(array + f"schema {version} ".encode()) if version else array)
    elif path.suffix == ".safetensors":  # its version stands in the file beside it
        _of(Path(str(path).replace(".state.safetensors", ".json")), version)
    elif path.suffix == ".jsonl":
        lines = [_said(json.loads(line), version) for line in content.splitlines()]
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    else:
        found = json.loads(content)
        said = [_said(one, version) for one in (found if isinstance(found, list) else [found])]
        path.write_text(json.dumps(said if isinstance(found, list) else said[0]))
    return path.read_bytes()


def _said(content: dict[str, Any], version: int | None) -> dict[str, Any]:
    """With the version, and without the checksum that an earlier release did not know."""
    rest = {k: v for k, v in content.items() if k not in ("schema", "check", "crc32")}
    if version is None:
        return rest
    said = {"schema": version, **rest}
    return {**said, "check": checksum(said)} if "check" in content else said


def _metrics(path: Path, version: int | None) -> None:
    try:
        with pa.OSFile(str(path)) as file:
            stream = pa.ipc.open_stream(file)
            schema, batches = stream.schema, []
            while True:
                try:
                    batches.append(stream.read_next_batch())
                except (StopIteration, pa.ArrowException, OSError):
                    break
    except (pa.ArrowException, OSError):
        return  # nothing was flushed yet
    metadata = {VERSION: str(version)} if version else None
    path.unlink()
    with open(path, "wb") as file, pa.ipc.new_stream(file, schema.with_metadata(metadata)) as out:
        for batch in batches:
            out.write_batch(batch, custom_metadata={CHECKSUMS: checksums(batch)})


def _viewing(lab: Laboratory, rng: random.Random, name: str, version: int | None) -> None:
    killed: Reference = "fork killed" if name in OF_FORKS else "killed"
    with lab.store("whole", killed) as store:
        whole, other = lab.copies(store)
        one = whole if name == "digest.json" else other
        before = _of(one.path / name, version)
        look(store)
        if version is not None:
            _stays(one.path / name, before)
        compare(whole, lab.truth())


def _stays(path: Path, content: bytes) -> None:
    """As it is, or set aside; of events more may follow."""
    there = [p.read_bytes() for p in (path, path.with_suffix(".damaged")) if p.is_file()]
    if not any(one.startswith(content) for one in there):
        raise LostError(f"{path.name} was overwritten")


def _resuming(lab: Laboratory, rng: random.Random, name: str, version: int | None) -> None:
    whole, killed = lab.pair(name in OF_FORKS)
    with lab.store(killed) as store:
        [run] = lab.copies(store)
        before = _of(run.path / name, version)
        if version is None:
            take_up(lab, store, run.id, "lock", whole)
            return
        look(store)
        message = _refused(store, run)
        if name == "events.jsonl":  # they are left out, and the run goes on
            if message:
                raise LostError(f"it is not taken up: {message}")
            sound(lab, store, run.id, run.status, name, whole)
        elif not message or not ("schema" in message or "later release" in message):
            raise LostError(f"it is taken up all the same: {message}")
        _stays(run.path / name, before)
        look(store)


def _refused(store: RunStore, run: Run) -> str:
    """The sentence with which a run is not taken up, or fails at its start; empty for none."""
    try:
        jobs.control(store, Run(run.path), "resume")
    except RunError as error:
        sentence(str(error))
        return str(error)
    if train(run) == "finished":
        return ""
    sentence(run.record.message)
    return run.record.message


def _training(lab: Laboratory, rng: random.Random, name: str, version: int | None) -> None:
    whole, _ = lab.pair(name in OF_FORKS)
    with lab.store() as store:
        run, control = lab.fresh(store, whole)
        written: list[bytes] = []

        def change() -> None:
            if (run.path / name).is_file():
                written.append(_of(run.path / name, version))

        control.also(rng.randrange(1, lab.polls(whole)), change)
        state = train(run, control)
        look(store)
        sound(lab, store, run.id, state, name, whole)
        if written and version is not None:
            _stays(run.path / name, written[0])

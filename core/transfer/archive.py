"""Zips of runs, and what comes out of one: checked as a whole before anything of it is a run.

``<id>/<file>`` as in the runs folder, without locks, commands and logs. What is taken in is data
alone: JSON, Arrow streams, arrays without objects and safetensors; nothing of it is ever executed.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.files import RefusedFileError, make_private, open_named, read_json, replacing, write_json
from core.language import Message, joined, reason, told
from core.runs import read_only
from core.runs.errors import RunError
from core.runs.locks import Lock
from core.runs.run import Run
from core.runs.status import Status
from core.runs.store import RunStore
from core.runs.trash import IMPORTED
from core.runs.validate import KEPT, files_of, problems_of

LEFT = re.compile(r"lock|elsewhere\.json|log\.txt|control/.*|(.*/)?\.[^/]*")
ID = re.compile(r"[A-Za-z0-9][\w.-]{0,150}")
# These may differ and the run be the same: names, tags, the ids of other runs and what is computed
# from the rest.
ABOUT = ("meta.json", "status.json", "digest.json", "fork.json")
FOLDERS = ("metrics", "snapshots", "checkpoints", "control")
MOST_FILES = 500_000
MOST_ZIP = 2**40
MOST_JSON = 64 * 2**20
EXPANSION = 200  # times its own size: more than any run's files compress
SPARE = 100 * 2**20
CHUNK = 2**20


class ArchiveError(RunError):
    """A zip that can't be imported: one sentence for each problem."""

    def __init__(self, problems: Sequence[str]) -> None:
        more = len(problems) - 5
        shown = [*problems[:5], *([Message("and {n} more", n=more)] if more > 0 else [])]
        super().__init__(joined(shown, "; "))
        self.problems = list(problems)


def pack(runs: Sequence[Run], to: Path) -> Path:
    """Write runs into one zip, file by file; it appears when it is whole. Raises OSError."""
    with (
        replacing(to) as temporary,
        zipfile.ZipFile(temporary, "w", strict_timestamps=False) as archive,
    ):
        for run in runs:
            for name in files_of(run.path):
                _add(archive, run.path / name, f"{run.id}/{name}")
    return to


def _add(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    packs = path.suffix in (".json", ".jsonl", ".arrow")
    # A run that trains replaces and thins its files.
    with contextlib.suppress(FileNotFoundError):
        archive.write(
            path, name, zipfile.ZIP_DEFLATED if packs else zipfile.ZIP_STORED, compresslevel=1
        )


@dataclass(frozen=True)
class _Found:
    """One run in a zip: its id there and its files by their names in the run."""

    id: str
    files: dict[str, zipfile.ZipInfo]


def is_zip(source: Path) -> bool:
    """Whether a file is to be read as a zip: by its name, or by how it begins."""
    if source.suffix.lower() == ".zip" or not source.is_file():
        return source.suffix.lower() == ".zip" or not source.exists()
    try:
        return zipfile.is_zipfile(source)
    except OSError:
        return False


def import_runs(
    store: RunStore, path: str | Path, say: Callable[[str], None] = lambda sentence: None
) -> list[Run]:
    """Take the runs of a zip into a store; returns those that are new there.

    Everything is unpacked beside the runs and checked before the first one appears. A run that is
    there already with the same content is left out, and `say` is told; one with the same id and
    other content comes under a new id. A run that waited comes stopped, one that trained comes
    interrupted; both can be resumed. Raises ArchiveError, and then the store is as it was.
    """
    read_only.refuse()
    source = Path(path)
    try:
        with open_named(source, MOST_ZIP) as file, zipfile.ZipFile(file) as archive:
            found = _listed(archive, source, store)
            return _take_in(store, archive, found, say)
    except zipfile.BadZipFile as error:
        raise ArchiveError(
            [Message("{name} is damaged or no zip: {why}", name=source.name, why=error)]
        ) from error
    except (NotImplementedError, RuntimeError, zlib.error) as error:
        raise ArchiveError(
            [Message("{name} can't be unpacked: {why}", name=source.name, why=error)]
        ) from error
    except RefusedFileError as error:
        raise ArchiveError([told(error)]) from error
    except OSError as error:
        raise ArchiveError(
            [Message("{name}: {why}", name=source.name, why=reason(error))]
        ) from error


# Before anything is unpacked


def _listed(archive: zipfile.ZipFile, source: Path, store: RunStore) -> list[_Found]:
    """The runs that a zip lists, before anything is unpacked. Raises ArchiveError."""
    entries = archive.infolist()
    if len(entries) > MOST_FILES:
        raise ArchiveError(
            [
                Message(
                    "{name} has {n:,} files; at most {most:,}",
                    name=source.name,
                    n=len(entries),
                    most=MOST_FILES,
                )
            ]
        )
    problems: list[str] = []
    runs: dict[str, dict[str, zipfile.ZipInfo]] = {}
    for info in entries:
        problem = _problem_of_name(info)
        if problem:
            problems.append(problem)
            continue
        id, _, name = info.filename.partition("/")
        if info.is_dir() or id == "__MACOSX" or LEFT.fullmatch(name) or LEFT.fullmatch(id):
            continue
        if not ID.fullmatch(id) or not KEPT.fullmatch(name):
            problems.append(Message("{file} is not a file of a run", file=_shown(info.filename)))
        elif name in runs.setdefault(id, {}):
            problems.append(Message("{file} is there twice", file=_shown(info.filename)))
        elif name.endswith("json") and info.file_size > MOST_JSON:
            problems.append(
                Message(
                    "{file} is too large for settings or events",
                    file=_shown(info.filename),
                )
            )
        else:
            runs[id][name] = info
    problems += [Message("{run} has no config.json", run=id) for id, files in runs.items()
                 if "config.json" not in files]  # fmt: skip
    if not runs and not problems:
        problems.append(
            Message(
                "{name} has no runs; `runs export --format zip` writes such a zip",
                name=source.name,
            )
        )
    size = sum(info.file_size for files in runs.values() for info in files.values())
    problems += _problems_of_size(size, source, store)
    if problems:
        raise ArchiveError(problems)
    return [_Found(id, files) for id, files in sorted(runs.items())]


def _problem_of_name(info: zipfile.ZipInfo) -> str:
    name = info.filename
    kind = stat.S_IFMT(info.external_attr >> 16)
    parts = name.rstrip("/").split("/")
    if not name.isprintable() or "\\" in name or ":" in name:
        return Message("{name} has characters that no run's file has", name=_shown(name))
    if name.startswith("/") or any(part in ("", ".", "..") for part in parts):
        return Message("{name} points out of the runs folder", name=_shown(name))
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return Message("{name} is a link or a device, which no run has", name=_shown(name))
    return Message("{name} is encrypted", name=_shown(name)) if info.flag_bits & 1 else ""


def _problems_of_size(size: int, source: Path, store: RunStore) -> Iterator[str]:
    if size > EXPANSION * source.stat().st_size + SPARE:
        yield Message(
            "{name} would unpack to {size:,.0f} MB, which no zip of runs does",
            name=source.name,
            size=size / 2**20,
        )
        return
    folder = store.root
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if size + SPARE > free:
        yield Message(
            "{name} needs {size:,.0f} MB and {free:,.0f} MB are free",
            name=source.name,
            size=size / 2**20,
            free=free / 2**20,
        )


def _shown(name: str) -> str:
    return repr(name if len(name) < 80 else f"{name[:77]}…")


# Unpacking


def _take_in(
    store: RunStore,
    archive: zipfile.ZipFile,
    found: Sequence[_Found],
    say: Callable[[str], None],
) -> list[Run]:
    make_private(store.root)
    new: dict[str, str] = {}  # by the id in the zip
    taken = {one.id for one in found}
    for one in found:
        target = store.root / one.id
        if not target.exists():
            new[one.id] = one.id
        elif _same(target, one):
            say(Message("{run} is there already, with the same content", run=one.id))
        else:
            new[one.id] = _free_id(store, one.id, taken)
            taken.add(new[one.id])
            say(
                Message(
                    "{run} is there already, with other content; this one is {new}",
                    run=one.id,
                    new=new[one.id],
                )
            )
    folder = store.root / f"{IMPORTED}{secrets.token_hex(6)}"
    folder.mkdir()
    lock = Lock(folder / "lock")  # says that somebody is at it
    lock.acquire()
    moved: list[Path] = []
    try:
        problems: list[str] = []
        for one in found:
            if one.id in new:
                _unpack(archive, one, folder / new[one.id])
                problems += problems_of(folder / new[one.id], one.id)
        if problems:
            raise ArchiveError(problems)
        for id in new.values():
            _settle(folder / id, new)
        for id in new.values():
            (folder / id).rename(store.root / id)  # from here on it is a run
            moved.append(store.root / id)
    except BaseException:
        for path in moved:
            path.rename(folder / path.name)
        raise
    finally:
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)
    return [store.open(id) for id in new.values()]


def _free_id(store: RunStore, id: str, taken: set[str]) -> str:
    number = 2
    while f"{id}-{number}" in taken or (store.root / f"{id}-{number}").exists():
        number += 1
    return f"{id}-{number}"


def _same(folder: Path, one: _Found) -> bool:
    """Whether a run's directory has the same content; what people may change can differ."""
    own = {name for name in files_of(folder) if name not in ABOUT}
    theirs = {name: info for name, info in one.files.items() if name not in ABOUT}
    return own == theirs.keys() and all(
        (folder / name).stat().st_size == info.file_size and _crc(folder / name) == info.CRC
        for name, info in theirs.items()
    )


def _crc(path: Path) -> int:
    crc = 0
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            crc = zlib.crc32(chunk, crc)
    return crc


def _unpack(archive: zipfile.ZipFile, one: _Found, folder: Path) -> None:
    for name in FOLDERS:
        (folder / name).mkdir(parents=True)
    (folder / "lock").touch()
    for name, info in one.files.items():
        written = 0
        with archive.open(info) as source, open(folder / name, "xb") as target:
            while chunk := source.read(CHUNK):
                written += len(chunk)
                if written > info.file_size:
                    raise ArchiveError(
                        [Message("{file} is larger than it says", file=_shown(info.filename))]
                    )
                target.write(chunk)


def _renamed(fork: dict[str, Any], new: Mapping[str, str]) -> dict[str, Any]:
    """Where a run was forked, with the new ids of its parents."""
    parent = fork.get("parent")
    again = {"parent": _renamed(parent, new)} if isinstance(parent, dict) else {}
    return {**fork, **again, "run": new.get(str(fork["run"]), fork["run"])}


def _settle(folder: Path, new: dict[str, str]) -> None:
    """Write the new ids of other runs where it refers to them; nothing starts by itself."""
    meta = read_json(folder / "meta.json") if (folder / "meta.json").exists() else {}
    twin = str(meta.get("twin_of"))
    if new.get(twin, twin) != twin:
        write_json(folder / "meta.json", {**meta, "twin_of": new[twin]})
    if (folder / "fork.json").exists():
        fork = read_json(folder / "fork.json")
        write_json(folder / "fork.json", _renamed(fork, new))
    try:
        status = Status.read(folder / "status.json")
    except (OSError, ValueError):
        return  # it shows as failed, as it did where it came from
    if status.state == "queued":
        stopped = status.model_copy(update={"state": "stopped"})
        stopped.write(folder / "status.json")

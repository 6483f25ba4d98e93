"""The queue of a runs folder: a marker file for each run that waits, named in their order.

Markers in ``.queue`` are taken by the workers; those in ``.queue/held`` wait until they are put
back, at the same place in the order. Whoever removes a marker has the run: two can't. A marker
holds the environment of whoever queued the run, for a worker that was started in another one.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from pathlib import Path

from core.files import read_json
from core.runs import RunStore
from core.runs.trash import NEW

# What of an environment decides where a run finds its data. `ADDNORM_RUNS` is not of it: a worker
# belongs to one folder.
VARIABLES = (
    *("ADDNORM_DATA", "ADDNORM_CACHE", "XDG_CACHE_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
)


def queue_folder(store: RunStore) -> Path:
    """Markers of the runs that wait, named so that sorting gives their order."""
    return store.root / ".queue"


def held_folder(store: RunStore) -> Path:
    """Markers of the runs that nobody may take for now."""
    return queue_folder(store) / "held"


def waiting(store: RunStore) -> list[str]:
    """Ids of the queued runs that may be taken, next first."""
    return [_id(name) for name in _markers(queue_folder(store))]


def held(store: RunStore) -> list[str]:
    """Ids of the queued runs that are held back, next first."""
    return [_id(name) for name in _markers(held_folder(store))]


def add(store: RunStore, id: str) -> None:
    """Put a run at the end of the queue, or back to its place when it was held.

    It will train with this process's environment. Raises OSError when the folder can't be written.
    """
    folder = queue_folder(store)
    folder.mkdir(parents=True, exist_ok=True)
    put_back(store, id)
    known = [name for name in _markers(folder) if _id(name) == id]
    write_marker(folder / (known[0] if known else f"{time.time_ns():020d}_{id}"))


def write_marker(path: Path) -> None:
    """A marker, whole at once, that holds this process's environment. Raises OSError."""
    made = path.with_name(f"{NEW}{secrets.token_hex(6)}")
    # For this user's eyes: the address of a proxy may have a password in it.
    with open(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(own_environment(), file)
    os.rename(made, path)


def own_environment() -> dict[str, str]:
    """What of this process's environment a marker holds."""
    return {name: os.environ[name] for name in VARIABLES if name in os.environ}


def read_marker(path: Path) -> dict[str, str] | None:
    """The environment that a marker holds; None where it holds none."""
    with contextlib.suppress(OSError, ValueError):
        found = read_json(path)
        if isinstance(found, dict):
            return {n: v for n, v in found.items() if n in VARIABLES and type(v) is str}
    return None


def environment(store: RunStore, id: str) -> dict[str, str] | None:
    """The environment with which a waiting run was queued; None where it is not known."""
    for name in _markers(queue_folder(store)):
        if _id(name) == id:
            return read_marker(queue_folder(store) / name)
    return None


def enter(environment: dict[str, str] | None) -> None:
    """Work in this environment from now on, as the processes do that are started from here."""
    if environment is None:
        return
    for name in VARIABLES:
        if name in environment:
            os.environ[name] = environment[name]
        else:
            os.environ.pop(name, None)


def hold(store: RunStore, id: str) -> bool:
    """Keep a waiting run from being taken; False when it does not wait (any more)."""
    held_folder(store).mkdir(parents=True, exist_ok=True)
    return _move(queue_folder(store), held_folder(store), id)


def put_back(store: RunStore, id: str) -> bool:
    """Let a held run be taken again, at its old place in the order."""
    return _move(held_folder(store), queue_folder(store), id)


def take(store: RunStore, id: str) -> bool:
    """Take a waiting run out of the queue; False when someone else did."""
    taken = False
    for name in _markers(queue_folder(store)):
        if _id(name) == id:
            with contextlib.suppress(FileNotFoundError):
                (queue_folder(store) / name).unlink()
                taken = True
    return taken


def forget(store: RunStore, id: str) -> None:
    """Take a run out of the queue, held or not."""
    take(store, id)
    for name in _markers(held_folder(store)):
        if _id(name) == id:
            (held_folder(store) / name).unlink(missing_ok=True)


def _markers(folder: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if "_" in name)
    except OSError:
        return []  # nothing was ever queued


def _id(name: str) -> str:
    return name.partition("_")[2]


def _move(source: Path, target: Path, id: str) -> bool:
    moved = False
    for name in _markers(source):
        if _id(name) == id:
            with contextlib.suppress(FileNotFoundError):  # a worker was quicker
                os.rename(source / name, target / name)
                moved = True
    return moved

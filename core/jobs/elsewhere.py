"""Where runs train: on this machine, or on a cluster that an address names. Without torch and Ray.

``ray://HOST:PORT`` is a Ray cluster by its client port, ``auto`` the one that this machine is part
of, ``slurm`` what `sbatch` submits to. A run that is sent to one says so in its `meta.json` (`on`),
so that no worker of this machine takes it. What a cluster needs of the runs folder is in
``<root>/.clusters/<name>``: `following/` holds a marker for each run that has to be followed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from core.files import NEW, make_private, write_atomically
from core.jobs.processes import Service, ensure
from core.language import Message, mark
from core.runs import Run, RunError, RunStore

VARIABLE = "ADDNORM_CLUSTER"
LOCAL, AUTO, SLURM = "local", "auto", "slurm"
RAY = re.compile(r"ray://([A-Za-z0-9_.-]{1,253}|\[[0-9a-fA-F:.]+\]):(\d{1,5})")
KEPT = ".clusters"  # the folder of what a runs folder keeps of clusters
ANSWER_SECONDS = 3.0  # that a cluster has to accept a connection
ACCEPTED = mark("auto, ray://HOST:PORT, slurm or local")


def parsed(text: str) -> str:
    """The address of a cluster as it is written down; "" is this machine. Raises RunError."""
    plain = text.strip()
    if plain.lower() in ("", LOCAL):
        return ""
    if plain.lower() in (AUTO, f"ray://{AUTO}"):
        return AUTO
    if plain.lower() == SLURM:
        return SLURM
    found = RAY.fullmatch(plain)
    if found is None or not 0 < int(found[2]) < 65_536:
        raise RunError(
            Message(
                "{text!r} names no cluster; accepted: {accepted}",
                text=plain[:80],
                accepted=Message(ACCEPTED),
            )
        )
    return plain


def wanted(text: str | None = None) -> str:
    """Where what starts now is to train: as `text` says, else ADDNORM_CLUSTER. Raises RunError."""
    if text is not None:
        return parsed(text)
    try:
        return parsed(os.environ.get(VARIABLE, ""))
    except RunError as error:
        raise RunError(Message("{name}: {why}", name=VARIABLE, why=error)) from error


def shown() -> str:
    """The cluster that ADDNORM_CLUSTER names, for pages to say; "" where it names none, also where
    there is a :func:`problem` with it."""
    try:
        return wanted()
    except RunError:
        return ""


def problem() -> str:
    """What is wrong with ADDNORM_CLUSTER, before a run is started; else empty."""
    try:
        wanted()
    except RunError as error:
        return Message("{why}.", why=error)
    return ""


def named(where: str) -> str:
    """A cluster, or a machine of one, as sentences name it: *auto* says nothing to their reader."""
    return Message("this machine's Ray cluster") if where == AUTO else where


def silence(address: str) -> str:
    """What a run says whose cluster does not answer; empty where it does, or can't be asked."""
    try:
        check(address)
    except RunError:
        if address == AUTO:
            return Message("this machine's Ray cluster does not answer; it goes on when it does")
        return Message(
            "the cluster at {address} does not answer; it goes on when it does", address=address
        )
    return ""


def check(address: str) -> None:
    """Raises RunError where runs can't be sent to it, with what to do."""
    if not address:
        return
    if address == SLURM:
        if shutil.which("sbatch") is None:
            raise RunError(
                Message(
                    "there is no sbatch on this machine: log in to a node of the Slurm cluster"
                    " that submits jobs, or leave out slurm"
                )
            )
        return
    if importlib.util.find_spec("ray") is None:
        raise RunError(
            Message(
                "{address} needs Ray, which is not installed here; install it with pip install"
                ' "ray[client]"',
                address=address,
            )
        )
    where = _port(address)
    if where is None:
        raise RunError(
            Message(
                "this machine is part of no Ray cluster: start one with ray start --head, or name"
                " one as ray://HOST:PORT"
            )
        )
    try:
        socket.create_connection(where, ANSWER_SECONDS).close()
    except OSError as error:
        told = {
            "address": address if address != AUTO else f"{where[0]}:{where[1]}",
            "why": error.strerror or str(error),
        }
        if shown() == address:  # a page has no --on
            raise RunError(
                Message(
                    "no Ray cluster answers at {address} ({why}); start it, or train here: start"
                    " the lab without {variable}",
                    variable=VARIABLE,
                    **told,
                )
            ) from error
        raise RunError(
            Message(
                "no Ray cluster answers at {address} ({why}); start it, or train here with"
                " --on local",
                **told,
            )
        ) from error


def _port(address: str) -> tuple[str, int] | None:
    """Host and port that answer for a Ray cluster; None where this machine is part of none."""
    found = RAY.fullmatch(address)
    if found:
        return found[1].strip("[]"), int(found[2])
    said = os.environ.get("RAY_ADDRESS", "")
    if not said:  # where `ray start` writes it
        base = os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()
        try:
            said = (Path(base) / "ray" / "ray_current_cluster").read_text().strip()
        except OSError:
            return None
    host, _, port = said.removeprefix("ray://").rpartition(":")
    return (host.strip("[]"), int(port)) if host and port.isdecimal() else None


# What is kept of a cluster in a runs folder


def folder(root: Path, address: str) -> Path:
    """What the runs folder keeps of a cluster."""
    return root / KEPT / _as_file(address)


def _as_file(address: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "-", address)


def namespace(root: Path) -> str:
    """The name under which a cluster keeps the runs of this folder, apart from those of others.

    Written down at its first use, so that a folder that is moved finds its runs. Raises OSError.
    """
    path = root / KEPT / "name"
    try:
        if known := path.read_text().strip():
            return known
    except FileNotFoundError:
        pass
    make_private(path.parent)
    write_atomically(path, f"addnorm-{secrets.token_hex(8)}\n")
    return path.read_text().strip()


def driver(address: str) -> Service:
    """The process that follows the runs of a folder on a Ray cluster."""
    return Service("core.jobs.ray_driver", f"{KEPT}/{_as_file(address)}/driver", (address,))


def nonce(store: RunStore, address: str) -> Path:
    """A file of the runs folder by which a node knows that it sees the same folder."""
    path = folder(store.root, address) / "seen"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_name(f"{NEW}{secrets.token_hex(6)}")
        made.write_text(secrets.token_hex(16))
        with contextlib.suppress(FileExistsError):  # one file, whoever else makes it meanwhile
            os.link(made, path)
        made.unlink()
    return path


def follow(store: RunStore, run: Run, address: str, asked_in: str = "") -> None:
    """Have a run followed on its cluster from now on, as whoever asked for it in an environment
    (:mod:`core.jobs.environment`). Raises OSError."""
    marks = folder(store.root, address) / "following"
    make_private(store.root)
    marks.mkdir(parents=True, exist_ok=True)
    write_atomically(folder(store.root, address) / "address", f"{address}\n")
    # For this user's eyes: the address of a proxy may have a password in it.
    with open(os.open(marks / run.id, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(asked_in)


def asked_in(store: RunStore, id: str, address: str) -> str:
    """The environment in which a run was asked for; "" where it is not known."""
    try:
        return (folder(store.root, address) / "following" / id).read_text()
    except OSError:
        return ""


def forget(store: RunStore, id: str, address: str) -> None:
    """Nothing of this run has to be followed any more."""
    (folder(store.root, address) / "following" / id).unlink(missing_ok=True)


def followed(store: RunStore, address: str) -> list[str]:
    """The runs that have to be followed on a cluster, oldest first."""
    try:
        return sorted(os.listdir(folder(store.root, address) / "following"))
    except OSError:
        return []


def clusters(store: RunStore) -> Iterator[str]:
    """The Ray clusters on which something has to be followed."""
    try:
        names = sorted(os.listdir(store.root / KEPT))
    except OSError:
        return
    for name in names:
        try:
            address = (store.root / KEPT / name / "address").read_text().strip()
        except OSError:
            continue
        if followed(store, address):
            yield address


def revive(store: RunStore) -> None:
    """Make sure that whatever trains on a Ray cluster is followed. Raises OSError."""
    for address in clusters(store):
        ensure(driver(address), store.root)

"""The files of a checkpoint, and whether they are whole. Without torch.

``step-000000400.safetensors`` the weights, ``.state.safetensors`` what a resume needs besides,
``.json`` what it all belongs to with its checksums; the last is written last, and a checkpoint
without it does not exist.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from core.files import read_bytes, read_json
from core.language import Message
from core.runs.status import CHECKPOINT_STATE

SCHEMA = 1
MASKED = "masked.safetensors"  # in a run's directory: an encoder's own head for masked tokens
WEIGHTS, STATE = ".safetensors", CHECKPOINT_STATE


class CheckpointError(ValueError):
    """A checkpoint that can't be used; the sentence says which."""


class NewerCheckpointError(CheckpointError):
    """A checkpoint of a later release, which this one neither reads nor overwrites."""


def base_of(folder: Path, step: int) -> Path:
    """The files of a checkpoint without their endings."""
    return folder / f"step-{step:09d}"


def about_of(base: Path) -> dict[str, Any]:
    """What a checkpoint's JSON says. Raises CheckpointError. Older ones have no checksums."""
    path = base.with_suffix(".json")
    try:
        found = read_json(path)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            Message("{file} is missing or damaged: {why}", file=path.name, why=error)
        ) from error
    if not isinstance(found, dict):
        raise CheckpointError(Message("{file} is damaged: it holds no fields", file=path.name))
    schema = found.get("schema", SCHEMA)
    if isinstance(schema, int) and schema > SCHEMA:
        raise NewerCheckpointError(
            Message(
                "{file} is of schema {schema}, this program reads {known}; resume it with"
                " the release that wrote it",
                file=path.name,
                schema=schema,
                known=SCHEMA,
            )
        )
    check = found.pop("check", None)
    if check is not None and check != checksum(found):
        raise CheckpointError(Message("{file} is damaged: its checksum differs", file=path.name))
    return found


def checksum(about: dict[str, Any]) -> str:
    """Of what the JSON says, without the checksum itself."""
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def content_of(base: Path, suffix: str, about: dict[str, Any]) -> bytes:
    """One of a checkpoint's files, whole as its JSON says. Raises CheckpointError."""
    path = base.with_suffix(suffix)
    sums = about.get("sha256")
    try:
        found = read_bytes(path)
    except OSError as error:
        raise CheckpointError(
            Message("{file} is missing or damaged: {why}", file=path.name, why=error)
        ) from error
    if isinstance(sums, dict) and hashlib.sha256(found).hexdigest() != sums.get(suffix):
        raise CheckpointError(Message("{file} is damaged: its checksum differs", file=path.name))
    return found


def check_file(path: Path, about: dict[str, Any]) -> None:
    """Raises CheckpointError where a file is not what the JSON says; it is read in pieces."""
    try:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(
            Message("{file} is missing or damaged: {why}", file=path.name, why=error)
        ) from error
    sums = about.get("sha256")
    if isinstance(sums, dict) and found != sums.get(path.suffix):
        raise CheckpointError(Message("{file} is damaged: its checksum differs", file=path.name))


def check(folder: Path, step: int, weights_alone: bool = False) -> dict[str, Any]:
    """What the JSON of a checkpoint says, of which all is there and whole.

    Raises CheckpointError, also where it was thinned to its weights and more is asked for.
    """
    base = base_of(folder, step)
    found = about_of(base)
    if weights_alone:
        check_file(base.with_suffix(WEIGHTS), found)
        return found
    if not base.with_suffix(STATE).exists():
        raise CheckpointError(
            Message(
                "the checkpoint of step {step:,} was thinned to its weights",
                step=step,
            )
        )
    for suffix in (WEIGHTS, STATE):
        content_of(base, suffix, found)
    return found


def share(source: Path, target: Path, step: int, weights_alone: bool = False) -> None:
    """Give another folder the checkpoint of a step: no file is ever written into, so both may have
    the same; where the disk can't do that it is copied. Raises OSError.
    """
    for suffix in (WEIGHTS, ".json") if weights_alone else (WEIGHTS, STATE, ".json"):
        theirs = base_of(source, step).with_suffix(suffix)
        own = target / theirs.name
        try:
            os.link(theirs, own)
        except FileNotFoundError:
            raise
        except OSError:
            shutil.copyfile(theirs, own)

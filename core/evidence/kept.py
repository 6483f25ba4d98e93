"""Where answers are kept: one JSON file a check, beside the runs and in what ships. No torch.

``<runs folder>/.evidence/<claim>.json`` was measured on this machine; ``assets/evidence`` holds
what was measured for this release. A file that is damaged, or of a later release, counts as none.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from core.cache import Cache
from core.evidence.claim import Claim
from core.evidence.record import SCHEMA, Record, made_from
from core.files import make_private, read_bytes, signature, write_atomically
from core.resources import ASSETS

FOLDER = ".evidence"
SHIPPED = ASSETS / "evidence"
_READ: Cache[Record | None] = Cache(400)


def folder(root: Path) -> Path:
    """Where a runs folder keeps what was measured here."""
    return root / FOLDER


def read(path: Path) -> Record | None:
    """The answer in a file, None where there is none that can be read."""
    stamp = signature(path)
    if stamp is None:
        return None

    def parse() -> Record | None:
        try:
            record = Record.model_validate_json(read_bytes(path))
        except (OSError, ValidationError, ValueError):
            return None
        return record if record.schema_ <= SCHEMA else None

    return _READ.get(str(path), stamp, parse)


def here(root: Path, claim: Claim) -> Record | None:
    """What was measured on this machine, whichever code it was; None where nothing was."""
    return _of(claim, read(folder(root) / f"{claim.name}.json"))


def shipped(claim: Claim) -> Record | None:
    """What was measured for this release."""
    return _of(claim, read(SHIPPED / f"{claim.name}.json"))


def _of(claim: Claim, record: Record | None) -> Record | None:
    """The record if it answers this version of the claim."""
    fits = record is not None and (record.claim, record.version) == (claim.name, claim.version)
    return record if fits else None


def is_current(record: Record, claim: Claim) -> bool:
    """Whether the same code and settings would be measured again."""
    seeds = claim.seeds_on(record.device == "cuda")
    return record.made_from == made_from(claim, seeds, record.device)


def keep(root: Path, record: Record) -> Path:
    """Write an answer down; returns its file. Raises OSError."""
    make_private(root)
    where = folder(root)
    where.mkdir(exist_ok=True)
    path = where / f"{record.claim}.json"
    write_atomically(path, record.model_dump_json(by_alias=True, indent=1) + "\n")
    return path

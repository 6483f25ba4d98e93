"""The small JSON files of a run: each is read once until it changes, and checked for its shape.

A run's directory is given as a string that ends in a slash: strings join faster than paths, and a
listing does it thousands of times.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from core.cache import Cache
from core.config import RunConfig, Switch
from core.config.fork_point import ForkPoint
from core.files import read_bytes, read_json, signature
from core.language import Message, told
from core.runs import fork_files, schemas
from core.runs.events import EventLog
from core.runs.schemas import NewerSchemaError
from core.runs.status import Status

SWITCHES = "switches.json"
COMPILED = "compiled.json"

# For all runs of a program: a page makes its store anew at each of its runs.
FILES: Cache[Any] = Cache(100_000)  # as they were read
EVENTS: Cache[EventLog] = Cache(1000)

# What readers take for granted of the small files of a run, where a file has the field.
SHAPES: dict[str, dict[str, type | tuple[type, ...]]] = {
    "meta.json": {
        **{"name": str, "note": str, "tags": list, "colour": int, "twin_of": (str, type(None))},
        **{"grid": str, "grid_name": str, "first_name": str, "priority": int, "on": str},
    },
    "corpus.json": {
        **{"corpus": str, "sha256": str, "length": int, "vocabulary": int, "unit": str},
        **{"unigram_entropy": (int, float), "unigram_validation": (int, float)},
        **{"probe_text": str, "probe_tokens": list, "probe_pieces": list},
        **{"baseline": str, "floor": (int, float), "bytes_per_token": (int, float)},
    },
    "tokenizer.json": {"kind": str, "alphabet": str, "size": int, "sha256": str},
    "source.json": {
        **{"name": str, "family": str, "sha256": str, "config": dict, "writes": bool},
        **{"vocabulary": int, "context": int, "masked": str},
    },
    "origin.json": {
        **{"by": str, "source": str, "settings": dict, "layers": list, "model": str},
        **{"gradients": str, "renamed": dict},
    },
    COMPILED: {"steps": dict},
}


def config(prefix: str) -> RunConfig:
    """The settings in `config.json`; raises OSError and pydantic's ValidationError."""
    path = f"{prefix}config.json"
    return cast(
        RunConfig,
        FILES.get(path, signature(path), lambda: RunConfig.model_validate_json(read_bytes(path))),
    )


def status(prefix: str) -> Status:
    """`status.json` as it was written last, `failed` with a sentence where it can't be read."""
    path = f"{prefix}status.json"
    try:
        return cast(Status, FILES.get(path, signature(path), lambda: Status.read(path)))
    except NewerSchemaError as error:
        return Status(state="failed", message=told(error), changed=0.0)
    except (OSError, ValueError):
        return Status(
            state="failed", message=Message("status.json is missing or damaged"), changed=0.0
        )


def events(prefix: str) -> list[dict[str, Any]]:
    """The whole lines of `events.jsonl`, in their order."""
    return EVENTS.get(prefix, 0, lambda: EventLog(f"{prefix}events.jsonl")).read()


def fork(prefix: str) -> ForkPoint | None:
    """What `fork.json` says, None where there is none; raises OSError and ValueError."""
    path = f"{prefix}{fork_files.FILE}"
    stamp = signature(path)
    if stamp is None:
        return None
    return cast(ForkPoint, FILES.get(path, stamp, lambda: fork_files.read(path)))


def switches(prefix: str) -> tuple[Switch, ...]:
    """The switches that were turned by hand; raises OSError, ValueError and TypeError."""
    content = read_json(prefix + SWITCHES)
    if not isinstance(content, list):
        raise ValueError(Message("it holds no list"))
    return tuple(Switch(**schemas.current(SWITCHES, one)) for one in content)


def compiled(prefix: str) -> dict[int, bool]:
    """At which steps a run went over to compiled steps (True) and back; {} where it never did."""
    kept = fields(prefix, COMPILED).get("steps", {})
    return {int(step): bool(on) for step, on in sorted(kept.items(), key=_step) if step.isdigit()}


def _step(kept: tuple[str, Any]) -> int:
    return int(kept[0]) if kept[0].isdigit() else -1


def fields(prefix: str, name: str) -> Mapping[str, Any]:
    """The fields of one of `SHAPES` that are of their types; {} where it is missing or damaged."""
    path = prefix + name
    stamp = signature(path)
    if stamp is None:
        return {}
    try:
        read = FILES.get(path, stamp, lambda: _shaped(name, _current(name, path)))
    except (OSError, ValueError):
        return {}
    return cast(dict[str, Any], read)


def damaged(prefix: str) -> list[str]:
    """The files that exist and can't be read, or whose fields have other types than `SHAPES`."""
    found = [
        name
        for name in SHAPES
        if signature(prefix + name) is not None and not _is_whole(prefix, name)
    ]
    try:
        fork(prefix)
    except (OSError, ValueError):
        found.append(fork_files.FILE)
    if signature(prefix + SWITCHES) is not None:
        try:
            switches(prefix)
        except (OSError, ValueError, TypeError):
            found.append(SWITCHES)
    return found


def check_schema(prefix: str, name: str) -> None:
    """Raises NewerSchemaError where a later release wrote the file."""
    try:
        content = read_json(prefix + name)
        for one in content if isinstance(content, list) else [content]:
            schemas.current(name, one)
    except NewerSchemaError:
        raise
    except (OSError, ValueError):
        return  # what is missing or damaged can be written anew


def _is_whole(prefix: str, name: str) -> bool:
    try:
        content = _current(name, prefix + name)
        return bool(_shaped(name, content) == content)
    except (OSError, ValueError):
        return False


def _shaped(name: str, content: Any) -> dict[str, Any]:
    """The fields of a small file that are of their types; raises ValueError for no object."""
    if not isinstance(content, dict):
        raise ValueError(Message("{name} holds no fields", name=name))
    shape = SHAPES.get(name, {})
    return {
        field: value
        for field, value in content.items()
        if field not in shape or isinstance(value, shape[field])
    }


def _current(name: str, path: str) -> Any:
    return schemas.current(name, read_json(path))

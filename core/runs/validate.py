"""Which files of a run's directory move to another store, and whether they are whole.

Every file is data alone (JSON, Arrow streams, arrays without objects, safetensors); reading it here
executes nothing of it.
"""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import ValidationError

from core.files import parse_json, read_json
from core.heads.patterns import map_npy
from core.language import Message, told
from core.metrics.segment import read_schema
from core.runs import fork_files
from core.runs.errors import RunError
from core.runs.run import Run
from core.runs.status import Status

# What belongs to a run that moves; what else a run's directory has stays where it is.
KEPT = re.compile(
    r"(config|status|meta|tokenizer|subwords|source|origin|corpus|switches|digest|fork)\.json|events\.jsonl"
    r"|metrics/[\w-]+\.arrow|snapshots/[\w-]+\.npy"
    r"|masked\.safetensors"
    r"|checkpoints/[\w-]+(\.safetensors|\.state\.safetensors|\.json)"
)


def files_of(folder: Path) -> list[str]:
    """The files of a run that move with it."""
    names = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]
    return sorted(name for name in names if KEPT.fullmatch(name))


def problems_of(folder: Path, id: str) -> list[str]:
    """A sentence for each thing that is wrong with a run's files."""
    try:
        Run(folder).config  # noqa: B018 - reading it is the check
    except RunError as error:
        return [_renamed(told(error), folder.name, id)]
    checks = {".json": _check_json, ".arrow": _check_metrics, ".npy": _check_snapshot,
              ".safetensors": _check_weights}  # fmt: skip
    problems: list[str] = []
    for name in files_of(folder):
        check = checks.get(Path(name).suffix)
        if check is None:
            continue
        try:
            check(folder / name)
        except (OSError, ValueError, KeyError, TypeError, EOFError, ValidationError) as error:
            problems.append(
                Message(
                    "{file} can't be read: {why}",
                    file=f"{id}/{name}",
                    why=_first_line(error),
                )
            )
    return problems


def _renamed(sentence: str, folder: str, id: str) -> str:
    """A sentence about a run that is still in another folder."""
    if not isinstance(sentence, Message) or "run" not in sentence.values:
        return sentence.replace(folder, id)
    return Message(sentence.template, sentence.plural, **{**sentence.values, "run": id})


def _first_line(error: BaseException) -> str:
    text = told(error)
    return text if isinstance(text, Message) else text.splitlines()[0][:120]


def _check_json(path: Path) -> None:
    content = read_json(path)
    if path.name == "switches.json":
        if not isinstance(content, list):
            raise ValueError(Message("it holds no list"))
        return
    if not isinstance(content, dict):
        raise ValueError(Message("it holds no settings"))
    if path.name == fork_files.FILE:
        fork_files.read(path)
    if path.name == "status.json":
        Status.model_validate(content)
    if path.name == "meta.json":
        kinds = {"name": str, "note": str, "tags": list, "colour": int}
        for name, kind in kinds.items():
            if name in content and not isinstance(content[name], kind):
                raise ValueError(Message("{name} is of another kind", name=name))


def _check_metrics(path: Path) -> None:
    schema = read_schema(path)
    if path.stat().st_size and (schema is None or "step" not in schema.names):
        raise ValueError(Message("it is not a stream of metrics"))


def _check_snapshot(path: Path) -> None:
    map_npy(path)


def _check_weights(path: Path) -> None:
    """The header of a safetensors file: its length in 8 bytes, then JSON with each tensor's place.

    https://github.com/huggingface/safetensors#format
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(size - 8, 100 * 2**20):
            raise ValueError(Message("it is cut off"))
        header = parse_json(file.read(length))
    if not isinstance(header, dict):
        raise ValueError(Message("its head names no tensors"))
    ends = [one["data_offsets"][1] for name, one in header.items() if name != "__metadata__"]
    if max(ends, default=0) != size - 8 - length:
        raise ValueError(Message("it is cut off"))

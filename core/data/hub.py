"""Datasets by name, with the library `datasets`: streamed once into one text file of the cache.

A folder for each name, configuration, split, column and size: `text.txt` and, written last,
`about.json`. From then on it is a text file like any other, and needs no network. No code of a
dataset is run: the library refuses scripts, and nothing here allows them.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.config import DataConfig
from core.data.documents import BETWEEN, Files, column_of, whole
from core.data.downloads import CorpusError
from core.data.vocabularies import Report, key_of
from core.files import expanded, is_full, read_json, write_json
from core.language import Message, reason

TEXT, ABOUT = "text.txt", "about.json"
MEGABYTE = 2**20
TOLD_EVERY = 2**20  # bytes
SAVED = ("dataset_info.json", "dataset_dict.json", "state.json")  # what `save_to_disk` writes


class Dataset(Files):
    """A dataset that was brought: its text file, called as the dataset is."""

    def __init__(self, path: Path, name: str) -> None:
        super().__init__(str(path))
        self.name = name


def name_of(data: DataConfig) -> str:
    """The dataset's own name, without the folders before it."""
    return re.split(r"[/\\]", str(data.dataset).rstrip("/\\"))[-1] or str(data.dataset)


def is_brought(data: DataConfig, folder: Path) -> bool:
    """Whether its text lies in the cache."""
    return (_place(data, folder) / ABOUT).exists()


def check(data: DataConfig) -> None:
    """Raises CorpusError where the library is missing."""
    _library()


def brought(data: DataConfig, folder: Path, report: Report) -> Dataset:
    """Its text, from the cache, a folder or the network. Raises CorpusError; `report` may raise."""
    place = _place(data, folder)
    try:
        about = read_json(place / ABOUT)
        if os.stat(place / TEXT).st_size == about["bytes"]:
            return Dataset(place / TEXT, name_of(data))
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not there yet, or damaged: brought anew
    new = place.with_name(f"{place.name}.new-{os.getpid()}")
    shutil.rmtree(new, ignore_errors=True)
    try:
        new.mkdir(parents=True)
        size = _write(data, new / TEXT, report)
        write_json(new / ABOUT, {"dataset": data.dataset, "split": data.split, "bytes": size})
        shutil.rmtree(place, ignore_errors=True)
        os.replace(new, place)
    except OSError as error:
        raise _unkept(data, folder, error) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return Dataset(place / TEXT, name_of(data))


def _place(data: DataConfig, folder: Path) -> Path:
    stamp = ""
    local = _local(data)
    if local is not None:  # changed files are another dataset
        found = sorted(p for p in local.rglob("*") if p.is_file())
        stamp = repr([(str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in found])
    key = (data.dataset, data.split, data.column, data.megabytes, stamp)
    return folder / key_of(repr(key))


def _local(data: DataConfig) -> Path | None:
    try:
        path = expanded(str(data.dataset))
        return path if path.is_dir() else None
    except (OSError, ValueError):
        return None


def _write(data: DataConfig, path: Path, report: Report) -> int:
    """The text as a file; its bytes."""
    most = data.megabytes * MEGABYTE
    written = told = 0
    report(0.0, Message("opens the dataset {name}", name=name_of(data)))
    with open(path, "wb") as file:
        for i, text in enumerate(_texts(data)):
            content = (text if not i else BETWEEN + text).encode()
            if most and written + len(content) > most:
                content = content[: most - written]
                content = content.decode(errors="ignore").encode()
                file.write(content)
                written += len(content)
                break
            file.write(content)
            written += len(content)
            if written - told >= TOLD_EVERY:
                told = written
                report(0.3 * written / most if most else 0.0, _words(data, written, most))
        file.flush()
        os.fsync(file.fileno())
    if not written:
        raise CorpusError(
            Message("the dataset {name} has no text in its split {split}",
                    name=name_of(data), split=data.split)
        )  # fmt: skip
    return written


def _words(data: DataConfig, written: int, most: int) -> Message:
    name, now = name_of(data), written / MEGABYTE
    if most:
        return Message("brings {name}: {now:,.0f} of at most {most:,.0f} MB", name=name, now=now,
                       most=most / MEGABYTE)  # fmt: skip
    return Message("brings {name}: {now:,.0f} MB", name=name, now=now)


def _texts(data: DataConfig) -> Iterator[str]:
    """The text of each row. Raises CorpusError."""
    try:
        rows = _rows(data)
        column = ""
        for row in rows:
            if not column:
                texts = [name for name, value in row.items() if isinstance(value, str)]
                column = column_of(name_of(data), data.column, texts)
            text = row.get(column)
            if isinstance(text, str) and text:
                yield whole(text)
    except (CorpusError, GeneratorExit):
        raise
    except OSError as error:
        if is_full(error):
            raise
        raise _unread(data, error) from error
    except Exception as error:  # what the library, its readers and its way to the network raise
        raise _unread(data, error) from error


def _rows(data: DataConfig) -> Any:
    known = _library()
    local = _local(data)
    if local is not None and any((local / name).exists() for name in SAVED):
        found = known.load_from_disk(str(local))
        if isinstance(found, dict):
            if data.split not in found:
                raise CorpusError(
                    Message("data.split: the dataset {name} has no {split}; accepted: {accepted}",
                            name=name_of(data), split=data.split, accepted=", ".join(found))
                )  # fmt: skip
            found = found[data.split]
        return found
    name, _, configuration = str(data.dataset), "", ""
    if local is None:
        name, _, configuration = str(data.dataset).partition(":")
    else:
        name = str(local)
    return known.load_dataset(name, configuration or None, split=data.split, streaming=True)


def _library() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise CorpusError(
            Message(
                "corpus dataset needs the library `datasets`; install it with"
                " `pip install datasets`"
            )
        ) from error
    return datasets


def _unread(data: DataConfig, error: Exception) -> CorpusError:
    said = " ".join(str(error).split())[:200] or type(error).__name__
    return CorpusError(
        Message(
            "the dataset {name} can't be read ({why}); check its name, its configuration after a"
            " colon, data.split and the network, or name a folder that holds it",
            name=data.dataset,
            why=said,
        )
    )


def _unkept(data: DataConfig, folder: Path, error: OSError) -> CorpusError:
    if is_full(error):
        return CorpusError(
            Message(
                "{name}: the disk is full at {folder}; free some room, make data.megabytes smaller,"
                " or name a folder on another disk with ADDNORM_CACHE",
                name=name_of(data),
                folder=folder,
            )
        )
    return CorpusError(
        Message(
            "{name} can't be kept in {folder}: {why}",
            name=name_of(data),
            folder=folder,
            why=reason(error),
        )
    )

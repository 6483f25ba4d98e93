"""Where a text comes from that may be larger than the memory: read in pieces, in one order.

A plain text is one document, so is each file of a folder, each line of a JSONL file and each row of
a Parquet file. Between two documents stands an empty line.
"""

from __future__ import annotations

import codecs
import contextlib
import glob
import gzip
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from core.data.downloads import CorpusError
from core.files import RefusedFileError, expanded, open_named
from core.language import Message, reason, told

BETWEEN = "\n\n"  # two documents
PIECE = 2**20  # bytes read at once
PART = 2**15  # characters that one core cuts into tokens, or learns them from
LONGEST_LINE = 2**28  # bytes of one line of JSONL
ANY = 2**62  # bytes: a file may be of any size
# What a folder is read for; a file that is named alone may end in anything.
PLAIN = (".txt", ".text", ".md", ".rst", ".log", ".csv", ".tsv", ".html", ".xml", ".tex", ".py")
LINES = (".jsonl", ".ndjson")
TABLES = (".parquet",)

Bytes = IO[bytes] | gzip.GzipFile


class Documents(Protocol):
    """A text in pieces."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def size(self) -> int:
        """Bytes on the disk; what is read of them is told beside each piece."""

    def identity(self) -> str:
        """Equal where the text is: where no file was replaced or changed. Raises CorpusError."""

    def pieces(self) -> Iterator[tuple[str, int]]:
        """The text in order, with the bytes read so far. Raises CorpusError."""


@dataclass(frozen=True)
class Held:
    """A text that is in memory already."""

    name: str
    sha256: str
    text: str

    @property
    def size(self) -> int:
        """Of its characters; close enough to bytes to say how far one is."""
        return len(self.text)

    def identity(self) -> str:
        """Its hash."""
        return self.sha256

    def pieces(self) -> Iterator[tuple[str, int]]:
        """All of it."""
        for start in range(0, len(self.text), PIECE):
            piece = self.text[start : start + PIECE]
            yield piece, start + len(piece)


class Files:
    """One file or many, read one after the other. Raises CorpusError where there is none."""

    def __init__(self, path: str, column: str = "") -> None:
        self.paths = _paths(path)
        self.column = column
        self.name = Path(path).name or path
        self.size = sum(_signature(one)[1] for one in self.paths)

    def identity(self) -> str:
        """Paths, sizes and times of all files, and the field that is read."""
        return json.dumps([*([str(p), *_signature(p)] for p in self.paths), self.column])

    def pieces(self) -> Iterator[tuple[str, int]]:
        """The text in order, with the bytes read so far; short pieces are joined."""
        return joined_to(self._pieces(), PIECE)

    def _pieces(self) -> Iterator[tuple[str, int]]:
        done = 0
        for i, path in enumerate(self.paths):
            if i:
                yield BETWEEN, done
            for piece, read in _pieces_of(path, self.column):
                yield piece, done + read
            done += _signature(path)[1]


def joined_to(pieces: Iterator[tuple[str, int]], size: int) -> Iterator[tuple[str, int]]:
    """The same text in pieces of at least so many characters, but for the last."""
    waiting: list[str] = []
    length = read = 0
    for piece, read in pieces:
        waiting.append(piece)
        length += len(piece)
        if length >= size:
            yield "".join(waiting), read
            waiting, length = [], 0
    if waiting:
        yield "".join(waiting), read


def parts(pieces: Iterator[tuple[str, int]], size: int) -> Iterator[tuple[str, int]]:
    """Pieces of about `size` characters that begin with a line, where there are lines.

    Tokenizers that part a text into words cut these as they cut the whole: no word of theirs holds
    the end of a line and what follows it.
    """
    rest, read = "", 0
    for piece, done in joined_to(pieces, size):
        rest, read = rest + piece, done
        start = 0
        while len(rest) - start >= 2 * size:
            at = _cut(rest, start, size)
            yield rest[start:at], read
            start = at
        rest = rest[start:]
    if len(rest) > size:
        at = _cut(rest, 0, size)
        yield rest[:at], read
        rest = rest[at:]
    if rest:
        yield rest, read


def _cut(text: str, start: int, size: int) -> int:
    """A place at most `size` after `start`: where a line begins with a letter, else where a space
    stands between two words, else just there."""
    for mark in ("\n", " "):
        at = text.rfind(mark, start + 1, start + size)
        while at > start:
            after = text[at + 1]
            if mark == "\n" and not after.isspace():
                return at + 1
            if mark == " " and not text[at - 1].isspace() and not after.isspace():
                return at
            at = text.rfind(mark, start + 1, at)
    return start + size


def is_small_text(path: str, most: int) -> bool:
    """Whether a path names one plain text of at most so many bytes, or nothing that is there."""
    try:
        found = expanded(path)
        if _kind(found) != "plain" or _packed(found):
            return False
        if found.is_file():
            return found.stat().st_size <= most
        return not (found.is_dir() or glob.has_magic(path))
    except (OSError, ValueError):
        return True  # reading it gives the sentence


def _paths(path: str) -> Sequence[Path]:
    try:
        named = expanded(path)
        if named.is_dir():
            found = [p for p in sorted(named.rglob("*")) if _is_read(p, named)]
        elif not named.exists() and glob.has_magic(path):
            found = sorted(p for p in map(Path, glob.glob(str(named))) if p.is_file())
        else:
            return [named]
    except RefusedFileError as error:
        raise CorpusError(told(error)) from error
    except (OSError, ValueError) as error:
        why = reason(error) if isinstance(error, OSError) else error
        raise CorpusError(Message("{path} can't be read: {why}", path=path, why=why)) from error
    if not found and named.is_dir():
        raise CorpusError(
            Message(
                "{path} is a folder; name a file, or a folder with files that end in {endings}",
                path=path,
                endings=", ".join((*PLAIN, *LINES, *TABLES)),
            )
        )
    if not found:
        raise CorpusError(Message("no file fits {path}; check the pattern", path=path))
    return found


def _is_read(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return not hidden and _ending(path) in (*PLAIN, *LINES, *TABLES) and path.is_file()


def _packed(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def _ending(path: Path) -> str:
    return Path(path.stem).suffix.lower() if _packed(path) else path.suffix.lower()


def _kind(path: Path) -> str:
    ending = _ending(path)
    return "lines" if ending in LINES else "table" if ending in TABLES else "plain"


def _signature(path: Path) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return 0, 0  # reading it gives the sentence
    return found.st_mtime_ns, found.st_size


def _pieces_of(path: Path, column: str) -> Iterator[tuple[str, int]]:
    """The text of one file in order, with the bytes of it that were read so far."""
    try:
        with open_named(path, ANY) as raw:
            kind = _kind(path)
            if kind == "table":
                yield from _rows(path, raw, column)
                return
            packed = gzip.GzipFile(fileobj=raw) if _packed(path) else contextlib.nullcontext(raw)
            with packed as file:
                pieces = _lines(path, file, column) if kind == "lines" else _plain(path, file)
                for piece in pieces:
                    yield piece, raw.tell()
    except RefusedFileError as error:
        raise CorpusError(told(error)) from error
    except (OSError, EOFError) as error:  # a packed file that is cut short
        why = reason(error) if isinstance(error, OSError) else error
        raise CorpusError(
            Message("{name} can't be read: {why}", name=path.name, why=why)
        ) from error


def _plain(path: Path, file: Bytes) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    done, first = 0, True
    while True:
        block = file.read(PIECE)
        wide = first and block.startswith((b"\xff\xfe", b"\xfe\xff"))
        if b"\0" in block and not wide:
            raise CorpusError(
                Message("{name} is a binary file; choose a plain text file", name=path.name)
            )
        waiting = len(decoder.getstate()[0])
        try:
            piece = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            raise not_utf8(path.name, wide, done - waiting + error.start) from error
        done, first = done + len(block), False
        if piece:
            yield piece
        if not block:
            return


def not_utf8(name: str, wide: bool, place: int) -> CorpusError:
    """What is said of a text in another encoding; `wide`: it begins as UTF-16 does."""
    found = "UTF-16" if wide else Message("another encoding")
    return CorpusError(
        Message(
            "{name} is not UTF-8 (it looks like {found}, first seen at byte {place});"
            " save it as UTF-8",
            name=name,
            found=found,
            place=place,
        )
    )


def _lines(path: Path, file: Bytes, column: str) -> Iterator[str]:
    number, name = 0, ""
    while line := file.readline(LONGEST_LINE):
        number += 1
        if not line.strip():
            continue
        if len(line) == LONGEST_LINE:
            raise CorpusError(
                Message("{name}: line {line} is too long for JSONL", name=path.name, line=number)
            )
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CorpusError(
                Message("{name}: line {line} is no JSON; each line has to be one object",
                        name=path.name, line=number)
            ) from error  # fmt: skip
        if isinstance(row, str):
            text: Any = row
        else:
            row = row if isinstance(row, dict) else {}
            name = name or column_of(
                path.name, column, [k for k, v in row.items() if isinstance(v, str)]
            )
            text = row.get(name)
        if not isinstance(text, str):
            raise CorpusError(
                Message("{name}: line {line} has no text in {column}",
                        name=path.name, line=number, column=name)
            )  # fmt: skip
        yield whole(text) if number == 1 else BETWEEN + whole(text)


def whole(text: str) -> str:
    """A text without halves of surrogate pairs, which no UTF-8 holds."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _rows(path: Path, file: IO[bytes], column: str) -> Iterator[tuple[str, int]]:
    import pyarrow as pa
    from pyarrow import parquet

    size = _signature(path)[1]
    try:
        table = parquet.ParquetFile(file)
        schema = table.schema_arrow
        texts = [f.name for f in schema if pa.types.is_string(f.type)
                 or pa.types.is_large_string(f.type)]  # fmt: skip
        name = column_of(path.name, column, texts)
        rows = table.metadata.num_rows or 1
        done, first = 0, True
        for batch in table.iter_batches(batch_size=256, columns=[name]):
            for value in batch.column(0):
                text = value.as_py()
                if text:
                    yield text if first else BETWEEN + text, size * done // rows
                    first = False
                done += 1
    except (pa.ArrowException, OSError) as error:
        raise CorpusError(
            Message("{name} can't be read as Parquet: {why}", name=path.name, why=str(error)[:200])
        ) from error


def column_of(name: str, wished: str, texts: Sequence[str]) -> str:
    """The field that holds the text. Raises CorpusError naming those that there are."""
    if wished:
        if wished in texts:
            return wished
    elif "text" in texts:
        return "text"
    elif len(texts) == 1:
        return texts[0]
    raise CorpusError(
        Message(
            "{name}: data.column has to name the field of text; accepted: {fields}",
            name=name,
            fields=", ".join(texts[:20]) or Message("none, as no field holds text"),
        )
    )

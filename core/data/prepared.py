"""Texts larger than the memory: cut into tokens once, piece by piece, and kept on the disk.

A folder of the cache for each text and tokenizer: `ids` as bytes, `tokenizer.json` where there is
one, `about.json`, written last. It is made beside its place and moved there when it is whole; what
a killed process left half-made is cleared away. Nothing here needs more memory than a few pieces.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from core.data.documents import PART, Documents, parts
from core.data.downloads import CorpusError
from core.data.subwords import Subwords, TokenizerError
from core.data.texts import TRAINING_SHARE, PreparedText
from core.data.tokenizers import (
    AT_ONCE,
    MOST_LETTERS,
    ByteTokenizer,
    CharacterTokenizer,
    Tokenizer,
    Tokens,
    counted,
)
from core.data.vocabularies import Report, Vocabulary, key_of
from core.files import is_full, read_bytes, read_json, signature, write_atomically, write_json
from core.language import Message, reason

VERSION = 1
BLOCK = 2**20  # characters that are cut at once
SMALL = 2**26  # bytes of ids that are checked whenever they are opened
ABOUT = "about.json"


def quiet(share: float, doing: Message) -> None:
    """Tells nobody."""


@dataclass
class _Survey:
    """What is known of a text once it was read: its hash, sizes, and which characters it has."""

    sha256: str = ""
    bytes: int = 0
    letters: np.ndarray = field(default_factory=lambda: np.zeros(0x110000, bool))


def prepared(
    documents: Documents, vocabulary: Vocabulary | None, folder: Path, report: Report = quiet
) -> PreparedText:
    """The text in tokens, memory-mapped; `vocabulary` None: its own characters.

    What was made before is used while the files are as they were. `report` is told how far it is,
    and may raise to end it: nothing half-made stays. Raises CorpusError.
    """
    known = folder / f"text-{key_of(documents.identity())}.json"
    letters = vocabulary is None
    survey = _known(known)
    if survey is not None:
        found = _opened(folder, documents.name, survey["sha256"], vocabulary)
        if found is not None:
            return found
    surveyed = _survey(documents, letters, report)
    found = _opened(folder, documents.name, surveyed.sha256, vocabulary)
    if found is None:
        with _room(documents.name, folder):
            _make(documents, vocabulary, surveyed, folder, report)
        found = _opened(folder, documents.name, surveyed.sha256, vocabulary)
    if found is None:
        raise CorpusError(
            Message(
                "{name}: its tokens vanished from {folder} while they were written; start again",
                name=documents.name,
                folder=folder,
            )
        )
    with suppress(OSError):
        write_json(known, {"sha256": surveyed.sha256, "bytes": surveyed.bytes})
    return found


def is_prepared(documents: Documents, vocabulary: Vocabulary | None, folder: Path) -> bool:
    """Whether opening the text costs nothing."""
    survey = _known(folder / f"text-{key_of(documents.identity())}.json")
    return survey is not None and (_place(folder, survey["sha256"], vocabulary) / ABOUT).exists()


def _known(path: Path) -> dict[str, Any] | None:
    try:
        found = read_json(path)
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("sha256"), str) else None


def _place(folder: Path, sha: str, vocabulary: Vocabulary | None) -> Path:
    key = "characters" if vocabulary is None else vocabulary.key
    return folder / key_of(f"{VERSION} {sha} {key}")


def _survey(documents: Documents, letters: bool, report: Report) -> _Survey:
    found, sha = _Survey(), hashlib.sha256()
    size, blank = max(documents.size, 1), True
    for piece, read in documents.pieces():
        blank = blank and not piece.strip()
        content = piece.encode()
        sha.update(content)
        found.bytes += len(content)
        if letters:
            found.letters[np.frombuffer(piece.encode("utf-32-le"), "<u4")] = True
        report(0.3 * min(read / size, 1), _words(documents.name, read, size))
    if blank:
        raise CorpusError(
            Message("{name} is empty; choose a file with text in it", name=documents.name)
        )
    found.sha256 = sha.hexdigest()
    return found


def _words(name: str, read: int, size: int) -> Message:
    return Message(
        "reads {name}: {read:,.1f} of {size:,.1f} MB", name=name, read=min(read, size) / 2**20,
        size=size / 2**20,
    )  # fmt: skip


@contextmanager
def _room(name: str, folder: Path) -> Iterator[None]:
    """What a full or failing disk says while tokens are written."""
    try:
        yield
    except Exception as error:
        if is_full(error):
            raise CorpusError(
                Message(
                    "{name}: the disk is full at {folder}; free some room, or name a folder on"
                    " another disk with ADDNORM_CACHE",
                    name=name,
                    folder=folder,
                )
            ) from error
        if isinstance(error, OSError):
            raise CorpusError(
                Message(
                    "{name}: its tokens can't be kept in {folder}: {why}; name another folder with"
                    " ADDNORM_CACHE",
                    name=name,
                    folder=folder,
                    why=reason(error),
                )
            ) from error
        raise


def _make(
    documents: Documents,
    vocabulary: Vocabulary | None,
    survey: _Survey,
    folder: Path,
    report: Report,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _clear(folder)
    place = _place(folder, survey.sha256, vocabulary)
    new = folder / f"{place.name}.new-{os.getpid()}"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    try:
        tokenizer = _tokenizer(documents, vocabulary, survey, report)
        _write(documents, tokenizer, survey, new, report)
        shutil.rmtree(place, ignore_errors=True)  # damaged, or it would have been opened
        os.replace(new, place)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _clear(folder: Path) -> None:
    """Remove what processes that are gone left half-made."""
    for left in folder.glob("*.new-*"):
        pid = left.name.rpartition("-")[2]
        if pid.isdecimal() and int(pid) != os.getpid() and not _lives(int(pid)):
            shutil.rmtree(left, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _tokenizer(
    documents: Documents, vocabulary: Vocabulary | None, survey: _Survey, report: Report
) -> Tokenizer:
    if vocabulary is not None:
        return vocabulary.learn(documents, lambda share, words: report(0.3 + 0.1 * share, words))
    symbols = np.flatnonzero(survey.letters)
    if len(symbols) > MOST_LETTERS:
        raise CorpusError(
            Message(
                "{name} has {n:,} different characters; accepted: at most {most:,}",
                name=documents.name, n=len(symbols), most=MOST_LETTERS,
            )
        )  # fmt: skip
    return CharacterTokenizer("".join(map(chr, symbols)))


def _write(
    documents: Documents, tokenizer: Tokenizer, survey: _Survey, new: Path, report: Report
) -> None:
    size = len(tokenizer.alphabet) if not isinstance(tokenizer, Subwords) else tokenizer.size
    kind = np.dtype(np.uint16 if size <= MOST_LETTERS else np.uint32)
    cut = _cutter(tokenizer)
    lengths: list[int] = []  # tokens of each part
    sizes: list[int] = []  # its bytes
    checksum, whole = 0, max(documents.size, 1)
    sha = hashlib.sha256()
    with open(new / "ids", "wb") as file:
        for block, read in parts(documents.pieces(), BLOCK):
            own = [text for text, _ in parts(iter([(block, 0)]), PART)]
            for text, ids in zip(own, cut(own), strict=True):
                content = text.encode()
                sha.update(content)
                raw = ids.astype(kind).tobytes()
                checksum = zlib.crc32(raw, checksum)
                file.write(raw)
                lengths.append(len(ids))
                sizes.append(len(content))
            words = Message(
                "cuts {name} into tokens: {read:,.1f} of {size:,.1f} MB",
                name=documents.name, read=min(read, whole) / 2**20, size=whole / 2**20,
            )  # fmt: skip
            report(0.4 + 0.55 * min(read / whole, 1), words)
        file.flush()
        os.fsync(file.fileno())
    if sha.hexdigest() != survey.sha256:
        raise CorpusError(
            Message("{name} changed while it was read; start again once it is whole",
                    name=documents.name)
        )  # fmt: skip
    _check_length(documents.name, sum(lengths))
    ids = np.memmap(new / "ids", kind, "r")
    training = int(TRAINING_SHARE * len(ids))
    np.save(new / "counts.npy", _counts(new / "ids", kind, training, size))
    if isinstance(tokenizer, Subwords):
        write_atomically(new / "tokenizer.json", tokenizer.content)
    found = os.stat(new / "ids")
    about = {
        "version": VERSION,
        "sha256": survey.sha256,
        "kind": "characters" if isinstance(tokenizer, CharacterTokenizer)
        else "bytes" if isinstance(tokenizer, ByteTokenizer) else "subwords",
        "alphabet": tokenizer.alphabet if isinstance(tokenizer, CharacterTokenizer) else "",
        "size": size,
        "type": kind.name,
        "tokens": len(ids),
        "bytes": survey.bytes,
        "held_out_bytes": _bytes_after(training, lengths, sizes, ids, tokenizer),
        "crc32": checksum,
        "stamp": [found.st_mtime_ns, found.st_size],
    }  # fmt: skip
    report(1.0, Message("keeps the tokens of {name}", name=documents.name))
    write_json(new / ABOUT, about)


def _read(path: Path, kind: np.dtype[Any]) -> Iterator[np.ndarray]:
    """The tokens in order, some at a time: a mapping that is read from end to end would count as
    memory of this process."""
    with open(path, "rb") as file:
        while len(part := np.fromfile(file, kind, AT_ONCE)):
            yield part


def _counts(path: Path, kind: np.dtype[Any], training: int, size: int) -> np.ndarray:
    """How often each token occurs in the training part and in the rest, (2, V) int64."""
    found, done = np.zeros((2, size), np.int64), 0
    for part in _read(path, kind):
        border = min(max(training - done, 0), len(part))
        found[0] += counted(part[:border], size)
        found[1] += counted(part[border:], size)
        done += len(part)
    return found


def _cutter(tokenizer: Tokenizer) -> Any:
    """Tokens of each of some texts, `(texts) -> list of (n,)`."""
    if isinstance(tokenizer, Subwords):
        return tokenizer.encode_all
    if isinstance(tokenizer, ByteTokenizer):
        return lambda texts: [np.frombuffer(text.encode(), np.uint8) for text in texts]
    points = np.frombuffer("".join(tokenizer.alphabet).encode("utf-32-le"), "<u4")
    table = np.zeros(int(points[-1]) + 1, np.uint16)
    table[points] = np.arange(len(points), dtype=np.uint16)
    return lambda texts: [table[np.frombuffer(t.encode("utf-32-le"), "<u4")] for t in texts]


def _check_length(name: str, tokens: int) -> None:
    training = int(TRAINING_SHARE * tokens)
    if training < 2 or tokens - training < 2:
        raise CorpusError(
            Message(
                "{name} has {n} tokens, which is too short to learn from; choose a longer text",
                name=name,
                n=tokens,
            )
        )


def _bytes_after(
    first: int, lengths: Sequence[int], sizes: Sequence[int], ids: np.ndarray, tokenizer: Tokenizer
) -> int:
    """Bytes of UTF-8 that the tokens from the first on stand for."""
    ends = np.cumsum(lengths)
    part = int(np.searchsorted(ends, first, side="right"))
    if part == len(ends):
        return 0
    inside = ids[first : int(ends[part])]
    return tokenizer.bytes_of(inside) + int(sum(sizes[part + 1 :]))


def _opened(
    folder: Path, name: str, sha: str, vocabulary: Vocabulary | None
) -> PreparedText | None:
    """The tokens that were made before; None where there are none, or where they are damaged."""
    place = _place(folder, sha, vocabulary)
    try:
        about = read_json(place / ABOUT)
        path, kind = place / "ids", np.dtype(str(about["type"]))
        stamp = signature(path)
        whole = int(about["tokens"]) * kind.itemsize
        if about["version"] != VERSION or stamp is None or stamp[1] != whole:
            return None
        ids = np.memmap(path, kind, "r")
        trusted = [stamp[0], stamp[1]] == about["stamp"] and whole > SMALL
        if not trusted and _checksum(path, kind) != about["crc32"]:
            return None
        counts = np.load(place / "counts.npy", allow_pickle=False)
        tokenizer: Tokenizer
        if about["kind"] == "characters":
            tokenizer = CharacterTokenizer(about["alphabet"])
        elif about["kind"] == "bytes":
            tokenizer = ByteTokenizer()
        else:
            tokenizer = Subwords(read_bytes(place / "tokenizer.json"), int(about["size"]))
        return PreparedText.of(name, sha, Tokens(ids, ()), tokenizer, counts,
                               int(about["held_out_bytes"]))  # fmt: skip
    except TokenizerError as error:
        raise CorpusError(*error.args) from error
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _checksum(path: Path, kind: np.dtype[Any]) -> int:
    found = 0
    for part in _read(path, kind):
        found = zlib.crc32(part.tobytes(), found)
    return found

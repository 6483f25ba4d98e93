"""Texts: where their bytes come from, checked and cached by hash.

`python-reference` is inside every CPython, `tiny-shakespeare` is downloaded once, `file` is the
user's own, the tasks of :mod:`core.data.tasks` are made here. Whatever is wrong with one of them is
a :class:`CorpusError`, one sentence long.
"""

from __future__ import annotations

import functools
import hashlib
import re
from pathlib import Path

import numpy as np

from core.config import SYNTHETIC, DataConfig, RunConfig
from core.data import images
from core.data.downloads import CorpusError, Download, cache_folder
from core.data.images import Images
from core.data.subwords import Subwords
from core.data.tasks import Synthetic, check_context, synthetic
from core.data.texts import TRAINING_SHARE, SubwordText, Text
from core.data.tokenizers import Tokens, cross_entropy, encode
from core.files import RefusedFileError, expanded, read_named, write_atomically
from core.language import Message, reason, told

SHAKESPEARE_URL = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
)
SHAKESPEARE_SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
SHAKESPEARE_BYTES = 1_115_394
SHAKESPEARE_LETTERS = 65
LIMIT_BYTES = 100 * 2**20
LONGEST_NAME = 200  # bytes


def load_text(data: DataConfig) -> Text:
    """The corpus that a run with these settings reads. Raises :class:`CorpusError`."""
    stamp = 0
    if data.path:
        try:
            stamp = Path(data.path).expanduser().stat().st_mtime_ns
        except (OSError, RuntimeError, ValueError):
            stamp = -1  # reading it gives the sentence
    return _load_text(data, stamp)


def read_by(data: DataConfig, subwords: Subwords) -> Text:
    """The corpus in the tokens of a pretrained model. Raises :class:`CorpusError`."""
    if data.corpus in SYNTHETIC:
        raise CorpusError(
            Message("{corpus} is a task of its own tokens; a pretrained model needs a text",
                    corpus=data.corpus)
        )  # fmt: skip
    content = _content(data.corpus, data.path)
    name = Path(data.path).name if data.path else data.corpus
    sha = hashlib.sha256(content).hexdigest()
    ids = subwords.corpus(_decoded(content, name), sha, cache_folder() / "tokens")
    return _as_text(name, sha, Tokens(ids, subwords.alphabet), SubwordText)


def load_corpus(config: RunConfig) -> Text | Images:
    """The texts or images of a run, fit for its network. Raises :class:`CorpusError`."""
    if config.image is not None:
        return images.load_images(config.data.corpus)
    text = load_text(config.data)
    check_length(text, config.model.context)
    return text


def letters(data: DataConfig, context: int) -> int:
    """How many letters a text has, known without opening a file or the network.

    0 where that takes reading it: of a user's own text. Raises :class:`CorpusError`.
    """
    if data.path:
        return 0
    if data.corpus == "tiny-shakespeare":  # its hash says all of it
        _check_characters(data.corpus, SHAKESPEARE_BYTES, context)
        return SHAKESPEARE_LETTERS
    text = load_text(data)
    check_length(text, context)
    return text.vocabulary


@functools.lru_cache(maxsize=8)
def _load_text(data: DataConfig, stamp: int) -> Text:
    corpus, path = data.corpus, data.path
    if corpus in SYNTHETIC:
        return synthetic(data)
    name = Path(path).name if path else corpus
    content = _content(corpus, path)
    sha = hashlib.sha256(content).hexdigest()
    text = _decoded(content, name)
    try:
        tokens = encode(text, sha, cache_folder() / "tokens")
    except ValueError as error:
        raise CorpusError(Message("{name} {why}", name=name, why=error)) from error
    return _as_text(name, sha, tokens)


def _as_text(name: str, sha: str, tokens: Tokens, kind: type[Text] = Text) -> Text:
    """A text as its tokens, with what is known of it. Raises :class:`CorpusError`."""
    training = tokens.ids[: int(TRAINING_SHARE * len(tokens.ids))]
    validation = tokens.ids[len(training) :]
    if len(training) < 2 or len(validation) < 2:
        raise CorpusError(
            Message(
                "{name} has {n} characters, which is too short to learn from; choose a longer text",
                name=name,
                n=len(tokens.ids),
            )
        )
    return kind(
        name,
        sha,
        tokens,
        cross_entropy(training, training, len(tokens.alphabet)),
        cross_entropy(validation, training, len(tokens.alphabet)),
    )


def check_length(text: Text, context: int) -> None:
    """Raises :class:`CorpusError` when the training part has no window of `context` tokens."""
    if isinstance(text, Synthetic):
        check_context(text, context)
        return
    _check_characters(text.name, text.length, context)


def _check_characters(name: str, length: int, context: int) -> None:
    if int(TRAINING_SHARE * length) <= context:
        needed = int(np.ceil((context + 1) / TRAINING_SHARE))
        raise CorpusError(
            Message(
                "{name} has {length} characters, but model.context {context} needs at least"
                " {needed}; choose a longer text or a smaller context",
                name=name,
                length=length,
                context=context,
                needed=needed,
            )
        )


def keep_upload(content: bytes, name: str) -> Path:
    """Keep an uploaded text under its hash and return its path. Raises :class:`CorpusError`."""
    _decoded(content, name)
    folder = cache_folder() / "uploads" / hashlib.sha256(content).hexdigest()[:16]
    path = folder / _file_name(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        raise CorpusError(
            Message(
                "{name} can't be kept in {folder}: {why}",
                name=name,
                folder=folder,
                why=reason(error),
            )
        ) from error
    return path


def _file_name(name: str) -> str:
    """The name that somebody gave to a file, as one that any disk takes."""
    last = re.split(r"[/\\]", name)[-1]
    plain = "".join(c if c.isprintable() else "_" for c in last).strip(" .")
    return plain.encode()[-LONGEST_NAME:].decode(errors="ignore") or "text.txt"


def is_upload(path: str | None) -> bool:
    """Whether a path is one that :func:`keep_upload` made, which nobody typed."""
    return bool(path) and Path(str(path)).parent.parent == cache_folder() / "uploads"


def _content(corpus: str, path: str | None) -> bytes:
    if corpus == "python-reference":
        return _python_reference()
    if corpus == "tiny-shakespeare":
        return _shakespeare()
    assert path is not None, "DataConfig gives `file` a path"
    return _file(path)


def _python_reference() -> bytes:
    # It differs between Python versions, which is why its hash belongs to the run.
    from pydoc_data.topics import topics

    return "\n\n".join(f"{title}\n{topics[title]}" for title in sorted(topics)).encode()


def _shakespeare() -> bytes:
    return Download(
        "tiny-shakespeare",
        SHAKESPEARE_URL,
        SHAKESPEARE_BYTES,
        SHAKESPEARE_SHA256,
        instead="python-reference",
    ).content()


def _file(path: str) -> bytes:
    try:
        return read_named(expanded(path), LIMIT_BYTES)
    except RefusedFileError as error:
        raise CorpusError(told(error)) from error


def _decoded(content: bytes, name: str) -> str:
    if len(content) > LIMIT_BYTES:
        raise CorpusError(
            Message(
                "{name} has {size:.0f} MB, the limit is {most} MB; cut it into a smaller file",
                name=name,
                size=len(content) / 2**20,
                most=LIMIT_BYTES // 2**20,
            )
        )
    if not content.strip():
        raise CorpusError(Message("{name} is empty; choose a file with text in it", name=name))
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    if b"\0" in content and not wide:
        raise CorpusError(Message("{name} is a binary file; choose a plain text file", name=name))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = "UTF-16" if wide else Message("another encoding")
        raise CorpusError(
            Message(
                "{name} is not UTF-8 (it looks like {found}, first seen at byte {place});"
                " save it as UTF-8",
                name=name,
                found=found,
                place=error.start,
            )
        ) from error

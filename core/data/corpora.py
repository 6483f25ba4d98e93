"""Texts: where their bytes come from, checked and cached by hash.

`python-reference` is inside every CPython, `tiny-shakespeare` is downloaded once, `file` is the
user's own, `dataset` one of the library `datasets`, the tasks of :mod:`core.data.tasks` are made
here. Whatever is wrong with one of them is a :class:`CorpusError`, one sentence long.

A small text of characters is held in memory; all others are prepared on the disk, piece by piece.
"""

from __future__ import annotations

import functools
import hashlib
import re
from pathlib import Path

import numpy as np

from core.config import SYNTHETIC, DataConfig, RunConfig
from core.data import hub, images, vocabularies
from core.data.documents import Documents, Files, Held, is_small_text, not_utf8
from core.data.downloads import CorpusError, Download, cache_folder
from core.data.images import Images
from core.data.prepared import is_prepared, prepared, quiet
from core.data.subwords import Subwords
from core.data.tasks import Synthetic, check_context, synthetic
from core.data.texts import TRAINING_SHARE, SubwordText, Text
from core.data.tokenizers import Tokenizer, Tokens, counted, cross_entropy, encode
from core.data.vocabularies import Report
from core.files import RefusedFileError, expanded, read_named, write_atomically
from core.language import Message, reason, told

SHAKESPEARE_URL = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
)
SHAKESPEARE_SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
SHAKESPEARE_BYTES = 1_115_394
SHAKESPEARE_LETTERS = 65
LIMIT_BYTES = 100 * 2**20
SHORT_BYTES = 8 * 2**20  # of a text whose tokens are learned while somebody looks
LONGEST_NAME = 200  # bytes


def load_text(data: DataConfig, report: Report = quiet) -> Text:
    """The corpus that a run with these settings reads. Raises :class:`CorpusError`.

    Preparing one on the disk may take long: `report` is told how far it is, and may raise to end
    it.
    """
    if not _is_held(data):
        return _prepared(data, report)
    return _load_text(data, _stamp(data))


def _stamp(data: DataConfig) -> int:
    """Changes with an own text."""
    if not data.path:
        return 0
    try:
        return Path(data.path).expanduser().stat().st_mtime_ns
    except (OSError, RuntimeError, ValueError):
        return -1  # reading it gives the sentence


def _is_held(data: DataConfig) -> bool:
    """Whether a corpus is held in memory: a task, or a text of characters that is small."""
    if data.corpus in SYNTHETIC:
        return True
    if data.tokenizer != "characters" or data.corpus == "dataset":
        return False
    return not data.path or is_small_text(data.path, LIMIT_BYTES)


def documents_of(data: DataConfig, report: Report = quiet) -> Documents:
    """The text of a corpus in pieces; a dataset is brought first. Raises :class:`CorpusError`."""
    if data.corpus == "dataset":
        return hub.brought(data, cache_folder() / "datasets", report)
    if data.path:
        return Files(data.path, data.column)
    content = _content(data.corpus, None)
    return Held(data.corpus, hashlib.sha256(content).hexdigest(), _decoded(content, data.corpus))


def _prepared(data: DataConfig, report: Report) -> Text:
    vocabulary = None if data.tokenizer == "characters" else vocabularies.vocabulary_of(data)
    folder = cache_folder() / "prepared"
    return prepared(documents_of(data, report), vocabulary, folder, report)


def tokenizer_of(data: DataConfig, report: Report = quiet) -> Tokenizer | None:
    """What cuts texts with these settings; None where it has yet to be learned from a large text.

    Raises :class:`CorpusError`.
    """
    if data.tokenizer not in ("characters", "bpe"):
        return vocabularies.vocabulary_of(data).learn(Held("", "", ""), report)
    if data.corpus == "dataset" or (data.path and not is_small_text(data.path, SHORT_BYTES)):
        return load_text(data, report).tokenizer if is_ready(data) else None
    return load_text(data, report).tokenizer


def check_corpus(config: RunConfig) -> None:
    """What can be seen at once of a text of one's own, a dataset or a tokenizer, before a run of it
    waits; what the program knows itself is not read. Raises :class:`CorpusError`."""
    data = config.data
    if config.image is not None or (_is_held(data) and not data.path):
        return
    if is_ready(data):
        load_corpus(config)
        return
    if data.tokenizer != "characters":
        vocabularies.vocabulary_of(data)
    if data.tokenizer == "bpe":
        vocabularies.require_library()
    if data.corpus == "dataset":
        hub.check(data)
    elif data.path:
        next(iter(documents_of(data).pieces()), None)


def ensure(config: RunConfig) -> None:
    """Load a corpus that is ready; of one that is prepared when a run begins, check what can be
    seen at once. Raises :class:`CorpusError`."""
    if config.image is not None or is_ready(config.data):
        load_corpus(config)
    else:
        check_corpus(config)


def is_ready(data: DataConfig) -> bool:
    """Whether loading a corpus takes no time worth telling."""
    if _is_held(data):
        return True
    try:
        if data.corpus == "dataset" and not hub.is_brought(data, cache_folder() / "datasets"):
            return False
        vocabulary = None if data.tokenizer == "characters" else vocabularies.vocabulary_of(data)
        return is_prepared(documents_of(data), vocabulary, cache_folder() / "prepared")
    except CorpusError:
        return True  # loading it gives the sentence


def read_by(data: DataConfig, subwords: Subwords, report: Report = quiet) -> Text:
    """The corpus in the tokens of a pretrained model. Raises :class:`CorpusError`."""
    if data.corpus in SYNTHETIC:
        raise CorpusError(
            Message("{corpus} is a task of its own tokens; a pretrained model needs a text",
                    corpus=data.corpus)
        )  # fmt: skip
    if not _is_held(data):
        folder = cache_folder() / "prepared"
        return prepared(documents_of(data, report), vocabularies.fixed(subwords), folder, report)
    content = _content(data.corpus, data.path)
    name = Path(data.path).name if data.path else data.corpus
    sha = hashlib.sha256(content).hexdigest()
    ids = subwords.corpus(_decoded(content, name), sha, cache_folder() / "tokens")
    facts = _facts(name, Tokens(ids, subwords.alphabet))
    return SubwordText(name, sha, *facts, own=subwords)


def load_corpus(
    config: RunConfig, report: Report = quiet, own: Subwords | None = None
) -> Text | Images:
    """The texts or images of a run, fit for its network. Raises :class:`CorpusError`.

    `own` are the tokens that its directory keeps, which stay its own wherever they came from.
    """
    if config.image is not None:
        return images.load_images(config.data.corpus)
    text = _in_own_tokens(config.data, report, own)
    check_length(text, config.model.context)
    return text


def _in_own_tokens(data: DataConfig, report: Report, own: Subwords | None) -> Text:
    if own is None:
        return load_text(data, report)
    if data.tokenizer == "bpe":  # kept by its settings, for all runs that have them
        text = load_text(data, report)
        if isinstance(text.tokenizer, Subwords) and text.tokenizer.sha256 == own.sha256:
            return text
    return read_by(data, own, report)


def letters(data: DataConfig, context: int) -> int:
    """How many letters a text has, known without opening a file or the network.

    0 where that takes reading it: of a user's own text. Raises :class:`CorpusError`.
    """
    if data.tokenizer != "characters":
        return vocabularies.size_of(data)
    if data.path or data.dataset:
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
    return Text(name, sha, *_facts(name, tokens))


def _facts(name: str, tokens: Tokens) -> tuple[Tokens, float, float]:
    """Tokens with the entropies of their parts. Raises :class:`CorpusError`."""
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
    size = len(tokens.alphabet)
    known, held_out = counted(training, size), counted(validation, size)
    return tokens, cross_entropy(known, known), cross_entropy(held_out, known)


def check_length(text: Text, context: int) -> None:
    """Raises :class:`CorpusError` when the training part has no window of `context` tokens."""
    if isinstance(text, Synthetic):
        check_context(text, context)
        return
    _check_characters(text.name, text.length, context, text.unit)


def _check_characters(name: str, length: int, context: int, unit: str = "character") -> None:
    if int(TRAINING_SHARE * length) <= context:
        needed = int(np.ceil((context + 1) / TRAINING_SHARE))
        if unit != "character":
            raise CorpusError(
                Message(
                    "{name} has {length} tokens, but model.context {context} needs at least"
                    " {needed}; choose a longer text or a smaller context",
                    name=name,
                    length=length,
                    context=context,
                    needed=needed,
                )
            )
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
        raise not_utf8(name, wide, error.start) from error

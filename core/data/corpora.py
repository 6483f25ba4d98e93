"""Corpora: where their bytes come from, checked and cached by hash.

`python-reference` is inside every CPython, `tiny-shakespeare` is downloaded once, `file` is the
user's own. Whatever is wrong with one of them is a :class:`CorpusError`, one sentence long.
"""

from __future__ import annotations

import functools
import hashlib
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs

from core.config import DataConfig
from core.data.tokenizers import Tokens, cross_entropy, encode
from core.runs.files import write_atomically

SHAKESPEARE_URL = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
)
SHAKESPEARE_SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
SHAKESPEARE_BYTES = 1_115_394
DOWNLOAD_SECONDS = 30
LIMIT_BYTES = 100 * 2**20
TRAINING_SHARE = 0.9


class CorpusError(ValueError):
    """A text that can't be used; the sentence says what to do."""


@dataclass(frozen=True)
class Text:
    """A corpus as tokens, with what is known of it before any training.

    Entropies are in nats per token: `unigram_entropy` that of the training part, which is where
    a network that ignores its input ends up; `unigram_validation` the cross-entropy of the
    validation part under the training part's frequencies.
    """

    name: str
    sha256: str
    tokens: Tokens
    unigram_entropy: float
    unigram_validation: float

    @property
    def length(self) -> int:
        """Tokens in all."""
        return len(self.tokens.ids)

    @property
    def vocabulary(self) -> int:
        """Size of the alphabet, V."""
        return len(self.tokens.alphabet)

    @property
    def training(self) -> np.ndarray:
        """The first 90 % of the tokens."""
        return self.tokens.ids[: int(TRAINING_SHARE * self.length)]

    @property
    def validation(self) -> np.ndarray:
        """The rest."""
        return self.tokens.ids[int(TRAINING_SHARE * self.length) :]


def cache_folder() -> Path:
    """Where corpora and their tokens are kept: `ADDNORM_CACHE` or the user's cache folder."""
    named = os.environ.get("ADDNORM_CACHE")
    return Path(named).expanduser() if named else Path(platformdirs.user_cache_dir("addnorm"))


def describe(data: DataConfig) -> Text:
    """The corpus that a run with these settings reads. Raises :class:`CorpusError`."""
    stamp = 0
    if data.path:
        try:
            stamp = Path(data.path).expanduser().stat().st_mtime_ns
        except OSError:
            stamp = -1  # reading it gives the sentence
    return _describe(data.corpus, data.path, stamp)


@functools.lru_cache(maxsize=8)
def _describe(corpus: str, path: str | None, stamp: int) -> Text:
    name = Path(path).name if path else corpus
    content = _content(corpus, path)
    sha = hashlib.sha256(content).hexdigest()
    text = _decoded(content, name)
    tokens = encode(text, sha, cache_folder() / "tokens")
    training = tokens.ids[: int(TRAINING_SHARE * len(tokens.ids))]
    validation = tokens.ids[len(training) :]
    if len(training) < 2 or len(validation) < 2:
        raise CorpusError(
            f"{name} has {len(tokens.ids)} characters, which is too short to learn from;"
            " choose a longer text"
        )
    return Text(
        name,
        sha,
        tokens,
        cross_entropy(training, training, len(tokens.alphabet)),
        cross_entropy(validation, training, len(tokens.alphabet)),
    )


def check_length(text: Text, context: int) -> None:
    """Raises :class:`CorpusError` when the training part has no window of `context` tokens."""
    if len(text.training) <= context:
        needed = int(np.ceil((context + 1) / TRAINING_SHARE))
        raise CorpusError(
            f"{text.name} has {text.length} characters, but model.context {context} needs at"
            f" least {needed}; choose a longer text or a smaller context"
        )


def keep_upload(content: bytes, name: str) -> Path:
    """Keep an uploaded text under its hash and return its path. Raises :class:`CorpusError`."""
    _decoded(content, name)
    folder = cache_folder() / "uploads" / hashlib.sha256(content).hexdigest()[:16]
    path = folder / (Path(name).name or "text.txt")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        raise CorpusError(f"{name} can't be kept in {folder}: {error.strerror}") from error
    return path


def _content(corpus: str, path: str | None) -> bytes:
    if corpus == "python-reference":
        return _python_reference()
    if corpus == "tiny-shakespeare":
        return _shakespeare()
    assert path is not None, "DataConfig gives `file` a path"
    return _file(Path(path).expanduser())


def _python_reference() -> bytes:
    # It differs between Python versions, which is why its hash belongs to the run.
    from pydoc_data.topics import topics

    return "\n\n".join(f"{title}\n{topics[title]}" for title in sorted(topics)).encode()


def _shakespeare() -> bytes:
    for folder in (os.environ.get("ADDNORM_DATA"), cache_folder() / "corpora"):
        found = _matching(Path(folder), SHAKESPEARE_BYTES, SHAKESPEARE_SHA256) if folder else None
        if found is not None:
            return found
    advice = (
        "connect to the network, name a folder that holds the file with ADDNORM_DATA,"
        " or choose corpus python-reference, which needs no download"
    )
    try:
        with urllib.request.urlopen(SHAKESPEARE_URL, timeout=DOWNLOAD_SECONDS) as response:
            content: bytes = response.read(LIMIT_BYTES)
    except (OSError, urllib.error.URLError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise CorpusError(f"tiny-shakespeare can't be downloaded ({reason}); {advice}") from error
    if hashlib.sha256(content).hexdigest() != SHAKESPEARE_SHA256:
        raise CorpusError(f"tiny-shakespeare arrived damaged or changed; {advice}")
    kept = cache_folder() / "corpora" / f"{SHAKESPEARE_SHA256}.txt"
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(kept, content)
    except OSError:
        pass  # without a cache it is downloaded again the next time
    return content


def _matching(folder: Path, size: int, sha: str) -> bytes | None:
    """The file of this size and hash in a folder, whatever it is called."""
    try:
        candidates = [p for p in folder.iterdir() if p.is_file() and p.stat().st_size == size]
        for path in candidates:
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() == sha:
                return content
    except OSError:
        return None
    return None


def _file(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise CorpusError(f"{path} is a folder; name a text file")
        size = path.stat().st_size
        if size > LIMIT_BYTES:
            raise CorpusError(
                f"{path.name} has {size / 2**20:.0f} MB, the limit is"
                f" {LIMIT_BYTES // 2**20} MB; cut it into a smaller file"
            )
        return path.read_bytes()
    except FileNotFoundError as error:
        raise CorpusError(f"there is no file {path}; check the path") from error
    except OSError as error:
        raise CorpusError(f"{path} can't be read: {error.strerror}") from error


def _decoded(content: bytes, name: str) -> str:
    if len(content) > LIMIT_BYTES:
        raise CorpusError(
            f"{name} has {len(content) / 2**20:.0f} MB, the limit is {LIMIT_BYTES // 2**20} MB;"
            " cut it into a smaller file"
        )
    if not content.strip():
        raise CorpusError(f"{name} is empty; choose a file with text in it")
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    if b"\0" in content and not wide:
        raise CorpusError(f"{name} is a binary file; choose a plain text file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = "UTF-16" if wide else "another encoding"
        raise CorpusError(
            f"{name} is not UTF-8 (it looks like {found}, first seen at byte {error.start});"
            " save it as UTF-8"
        ) from error

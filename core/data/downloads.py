"""Files from the network, known by their SHA-256: checked, cached, or found in a named folder."""

from __future__ import annotations

import contextlib
import hashlib
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from core.files import RefusedFileError, read_named, write_atomically
from core.language import Message

DOWNLOAD_SECONDS = 30


class CorpusError(ValueError):
    """A corpus that can't be used; the sentence says what to do."""


def cache_folder() -> Path:
    """Where corpora and their tokens are kept: `ADDNORM_CACHE` or the user's cache folder."""
    named = os.environ.get("ADDNORM_CACHE")
    return Path(named).expanduser() if named else Path(platformdirs.user_cache_dir("addnorm"))


@dataclass(frozen=True)
class Download:
    """One file of a corpus."""

    corpus: str
    url: str
    size: int
    sha256: str
    instead: str = "digits"  # a corpus of the kind that needs no download

    def content(self) -> bytes:
        """The file, from ADDNORM_DATA, the cache or the network. Raises :class:`CorpusError`."""
        for folder in (os.environ.get("ADDNORM_DATA"), cache_folder() / "corpora"):
            found = matching(Path(folder), self.size, self.sha256) if folder else None
            if found is not None:
                return found
        advice = Message(
            "connect to the network, name a folder that holds the file with"
            " ADDNORM_DATA, or choose corpus {instead}, which needs no download",
            instead=self.instead,
        )
        try:
            with urllib.request.urlopen(self.url, timeout=DOWNLOAD_SECONDS) as response:
                content: bytes = response.read(self.size + 1)
        except (OSError, urllib.error.URLError, ValueError) as error:
            why = getattr(error, "reason", error)
            raise CorpusError(
                Message(
                    "{corpus} can't be downloaded ({why}); {advice}",
                    corpus=self.corpus,
                    why=why,
                    advice=advice,
                )
            ) from error
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise CorpusError(
                Message(
                    "{corpus} arrived damaged or changed; {advice}",
                    corpus=self.corpus,
                    advice=advice,
                )
            )
        kept = cache_folder() / "corpora" / f"{self.sha256}{Path(self.url).suffix}"
        with contextlib.suppress(OSError):  # without a cache it is downloaded again the next time
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(kept, content)
        return content


def matching(folder: Path, size: int, sha: str) -> bytes | None:
    """The file of this size and hash in a folder, whatever it is called."""
    try:
        candidates = [p for p in folder.iterdir() if p.is_file() and p.stat().st_size == size]
        for path in candidates:
            content = read_named(path, size)
            if hashlib.sha256(content).hexdigest() == sha:
                return content
    except (OSError, RefusedFileError):
        return None
    return None

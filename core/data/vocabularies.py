"""Which tokenizer a text is cut with, and where its tokens come from: learned, or from a file.

Each is a :class:`Vocabulary`. What is no character and no byte is a `tokenizer.json` in the end, so
that a run keeps it in one form and needs neither the text nor the network again.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from core.config import DataConfig
from core.data.documents import PART, Documents, parts
from core.data.downloads import CorpusError, cache_folder
from core.data.subwords import Subwords, TokenizerError, library
from core.data.tokenizers import ByteTokenizer
from core.files import RefusedFileError, expanded, read_bytes, read_named, write_atomically
from core.language import Message, told

Report = Callable[[float, Message], object]  # a share of 0 to 1 and what is being done; may raise
LEARNED_FROM = 32 * 2**20  # characters that byte-pair encoding is learned from, at most
HELD_OUT_FROM = 0.9  # of a text: what comes later is held out, nothing is learned from it
MOST_BYTES = 2**27  # of a tokenizer.json
VERSION = "bpe-1"  # of how it is learned: a change makes the same settings another tokenizer
# The patterns by which these encodings cut a text before merging, as `tokenizers` reads them. In
# tiktoken's own spelling they have quantifiers that it does not know.
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
PATTERNS = {
    "gpt2": GPT2,
    "r50k_base": GPT2,
    "p50k_base": GPT2,
    "cl100k_base": (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+\z|\s*[\r\n]|\s+(?!\S)|\s"
    ),
    "o200k_base": (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
}
# Tokens of each, those without a text among them.
SIZES = {"gpt2": 50257, "r50k_base": 50257, "p50k_base": 50281, "cl100k_base": 100277,
         "o200k_base": 200019}  # fmt: skip
# What a converted encoding has to cut as tiktoken does, or it is not used.
CHECKED = (
    "Hello, world! It's 12345 o'clock; I'LL go.\n\n  indented\tcode = x_1 + [2, 3];\r\n",
    "naïve café — 残差连接, нормализация 🙂🙃  \n \n   end   ",
    "ThisIsCamelCase and HTTPServer/2.0\n\n\n// path/to/file\n",
)


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer that a text is to be cut with.

    `key` is equal where two give the same tokens of one text. `learn` makes it, from the pieces
    of a text where it is learned.
    """

    key: str
    learn: Callable[[Documents, Report], Subwords | ByteTokenizer]


def vocabulary_of(data: DataConfig) -> Vocabulary:
    """The tokenizer of these settings, not `characters`. Raises CorpusError."""
    if data.tokenizer == "bytes":
        return Vocabulary("bytes", lambda documents, report: ByteTokenizer())
    if data.tokenizer == "bpe":
        size = data.vocabulary
        return Vocabulary(f"{VERSION}-{size}", lambda d, report: learned(d, size, report))
    return fixed(_from_file(data) if data.tokenizer == "file" else _encoding(data.encoding))


def fixed(tokenizer: Subwords) -> Vocabulary:
    """A tokenizer that is there."""
    key = f"{tokenizer.sha256}-{tokenizer.size}"
    return Vocabulary(key, lambda documents, report: tokenizer)


def size_of(data: DataConfig) -> int:
    """How many tokens a text has with these settings, without opening a file; 0: not known."""
    if data.tokenizer == "tiktoken":
        return SIZES[data.encoding]
    return {"bytes": 256, "bpe": data.vocabulary}.get(data.tokenizer, 0)


def learned(documents: Documents, size: int, report: Report) -> Subwords:
    """Byte-pair encoding of at most `size` tokens, learned from parts of a text (Sennrich et al.
    2016, arXiv 1508.07909; on bytes and words with their space, as GPT-2's).

    From all of the part that is trained on, or 32 MB of it, evenly spread. Raises CorpusError.
    """
    try:
        known = library()
        tokenizer = known.Tokenizer(known.models.BPE())
        tokenizer.pre_tokenizer = known.pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = known.decoders.ByteLevel()
        trainer = known.trainers.BpeTrainer(
            vocab_size=size,
            show_progress=False,
            initial_alphabet=sorted(known.pre_tokenizers.ByteLevel.alphabet()),
        )
        tokenizer.train_from_iterator(_spread(documents, report), trainer)
        return Subwords(tokenizer.to_str().encode())
    except TokenizerError as error:
        raise CorpusError(told(error)) from error


def require_library() -> None:
    """Raises CorpusError where `tokenizers` is missing."""
    try:
        library()
    except TokenizerError as error:
        raise CorpusError(told(error)) from error


def _spread(documents: Documents, report: Report) -> Iterator[str]:
    """Parts of the text that is trained on, evenly spread, of `LEARNED_FROM` in all."""
    size = max(documents.size, 1)
    share = min(1.0, LEARNED_FROM / size)
    given = seen = 0
    for piece, read in documents.pieces():
        if read - len(piece) > HELD_OUT_FROM * size:
            return
        seen += len(piece)
        report(min(read / size, 1.0), Message("reads what tokens are learned from"))
        if given <= share * seen:
            room = max(0, int(HELD_OUT_FROM * size) - (read - len(piece)))
            part = piece[:room] if read > HELD_OUT_FROM * size else piece
            given += len(part)
            # The library reads hundreds of texts ahead: they have to be short.
            yield from (text for text, _ in parts(iter([(part, read)]), PART))


def _from_file(data: DataConfig) -> Subwords:
    path = str(data.tokenizer_file)
    try:
        return subwords_of(read_named(expanded(path), MOST_BYTES))
    except (RefusedFileError, TokenizerError) as error:
        raise CorpusError(Message("data.tokenizer_file: {why}", why=told(error))) from error


@functools.lru_cache(maxsize=4)
def subwords_of(content: bytes) -> Subwords:
    """The tokenizer of a `tokenizer.json`. Raises TokenizerError."""
    return Subwords(content)


@functools.lru_cache(maxsize=4)
def _encoding(name: str) -> Subwords:
    kept = cache_folder() / "tokenizers" / f"{name}.json"
    try:
        return Subwords(read_bytes(kept), SIZES[name])
    except (OSError, ValueError):
        pass  # not there yet, or damaged: made anew
    try:
        content = converted(_tiktoken(name), PATTERNS[name])
        found = Subwords(content, SIZES[name])
    except TokenizerError as error:
        raise CorpusError(told(error)) from error
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(kept, content)
    except OSError:
        pass  # converted again the next time
    return found


def _tiktoken(name: str) -> Any:
    try:
        import tiktoken
    except ImportError as error:
        raise CorpusError(
            Message(
                "the encoding {name} needs the library `tiktoken`; install it with"
                " `pip install tiktoken`",
                name=name,
            )
        ) from error
    try:
        return tiktoken.get_encoding(name)
    except Exception as error:  # whatever its way to the network raises
        raise CorpusError(
            Message(
                "the encoding {name} can't be downloaded ({why}); connect to the network once, name"
                " a folder that holds it with TIKTOKEN_CACHE_DIR, or choose tokenizer bpe",
                name=name,
                why=f"{type(error).__name__}: {str(error)[:120]}",
            )
        ) from error


def converted(encoding: Any, pattern: str) -> bytes:
    """A `tiktoken.Encoding` as a `tokenizer.json`, without its tokens that are no text.

    tiktoken joins the two neighbours whose union has the lowest rank: so each way to part a token
    in two is a merge, in the order of ranks. Raises CorpusError where it cuts a text differently.
    """
    ranks: dict[bytes, int] = encoding._mergeable_ranks
    letters = _letters()

    def spelt(token: bytes) -> str:
        return "".join(letters[byte] for byte in token)

    merges = []
    for token in sorted(ranks, key=lambda one: ranks[one]):
        parts = [(token[:i], token[i:]) for i in range(1, len(token))]
        there = [(a, b) for a, b in parts if a in ranks and b in ranks]
        there.sort(key=lambda pair: (ranks[pair[0]], ranks[pair[1]]))
        merges += [[spelt(a), spelt(b)] for a, b in there]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
             "use_regex": False}  # fmt: skip
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated",
             "invert": False}  # fmt: skip
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
             "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
             "ignore_merges": True, "vocab": {spelt(t): i for t, i in ranks.items()},
             "merges": merges}  # fmt: skip
    content = json.dumps(
        {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
         "normalizer": None, "post_processor": None, "decoder": level, "model": model,
         "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, level]}}
    ).encode()  # fmt: skip
    ours = Subwords(content, max(encoding.n_vocab, len(ranks)))
    for text in CHECKED:
        if ours.encode(text) != encoding.encode_ordinary(text):
            raise CorpusError(
                Message(
                    "the encoding {name} of this tiktoken cuts texts in a way that is not known"
                    " here; choose tokenizer bpe, or file with its tokenizer.json",
                    name=encoding.name,
                )
            )
    return content


def _letters() -> dict[int, str]:
    """The letter that each byte is spelt with in vocabularies of bytes (GPT-2's table)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return {**{b: chr(b) for b in plain}, **{b: chr(256 + i) for i, b in enumerate(others)}}


def key_of(text: str) -> str:
    """A name for files, from what decides their contents."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]

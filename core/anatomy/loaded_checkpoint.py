"""What an analysis looks at: one checkpoint of one run, and the text it is judged on.

B windows, T tokens, V size of the alphabet.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.config import ModelConfig, RunConfig
from core.data import corpora
from core.data.images import Images
from core.data.run_tokenizers import tokenizer_in
from core.data.subwords import Subwords, TokenizerError
from core.data.texts import Text
from core.data.tokenizers import ByteTokenizer, CharacterTokenizer
from core.language import Message
from core.models import build_model
from core.models.block import Sublayer
from core.models.initialise import left_empty
from core.models.observe import See, no_observer
from core.models.transformer import Transformer
from core.runs import Run, RunError, RunStore
from core.training.checkpoints import CheckpointError, load_weights, map_weights
from core.training.objectives import IGNORED

BATCH_TOKENS = 8192  # of a forward pass over many windows
KEPT = 8  # measurements of the untouched network
SHOWN = 8  # unknown characters that a sentence names

Found = TypeVar("Found")


class LoadedCheckpoint:
    """A checkpoint as a network in evaluation mode.

    The network is shared by all questions about this checkpoint, so no analysis changes it: a
    callback changes what flows through it, :meth:`copy` gives one to operate on. `wiring` is the
    network's config as the checkpoint has it, switches included.
    """

    def __init__(self, run: Run, step: int, device: torch.device | None = None) -> None:
        self.run, self.step = run, step
        self.config: RunConfig = run.config
        self.wiring: ModelConfig = run.model_at(step)
        self.device = device or device_of(run.config)
        self.model = self._load()
        self._found: dict[tuple[object, ...], Any] = {}

    def _load(self) -> nn.Module:
        config, folder = self.config, self.run.path / "checkpoints"
        try:
            if self.run.source:  # as large as real ones are: its weights stay on the disk
                with left_empty():
                    model = build_model(self.wiring, self.vocabulary, config.image)
                map_weights(folder, self.step, model)
            else:
                model = build_model(self.wiring, self.vocabulary, config.image)
                load_weights(folder, self.step, model)
        except CheckpointError as error:
            raise RunError(Message("run {id}: {error}", id=self.run.id, error=error)) from error
        return model.to(self.device).eval()

    def other(self, named: str) -> LoadedCheckpoint:
        """The checkpoint that ``id@step`` names in this folder; of an ``id`` alone the newest.

        Raises RunError where there is none.
        """
        id, at, typed = named.partition("@")
        if at and not typed.isdecimal():
            raise RunError(
                Message(
                    "others: {named} names no checkpoint; accepted: a run's id, or id@step",
                    named=named,
                )
            )
        step = int(typed) if at else None
        run = RunStore(self.run.path.parent).open(id)
        steps = run.checkpoints
        if not steps or (step is not None and step not in steps):
            raise RunError(
                Message("run {id} has no checkpoint", id=id)
                if step is None
                else Message("run {id} has no checkpoint at step {step}", id=id, step=step)
            )
        return LoadedCheckpoint(run, steps[-1] if step is None else step, self.device)

    def once(self, key: tuple[object, ...], measure: Callable[[], Found]) -> Found:
        """The result of `measure` for this key; the last few are cached."""
        if key not in self._found:
            self._found[key] = measure()
        while len(self._found) > KEPT:
            del self._found[next(iter(self._found))]
        found: Found = self._found[key]
        return found

    def copy(self) -> nn.Module:
        """A network of its own to change."""
        return copy.deepcopy(self.model)

    @property
    def transformer(self) -> Transformer:
        """The network of a run whose family is transformer."""
        assert isinstance(self.model, Transformer), "KINDS says which families have an analysis"
        return self.model

    @property
    def context(self) -> int:
        """Tokens that the network sees at once."""
        return self.wiring.context

    @cached_property
    def vocabulary(self) -> int:
        """Size of the alphabet, or the number of classes."""
        known = self.run.corpus.get("vocabulary")
        return int(known) if known else self.corpus.vocabulary

    @cached_property
    def tokenizer(self) -> CharacterTokenizer | ByteTokenizer | Subwords:
        """The run's own alphabet. Raises RunError where the run reads no text."""
        try:
            found = tokenizer_in(self.run.path, self.run.tokenizer)
        except TokenizerError as error:
            raise RunError(*error.args) from error
        if found is None:
            raise RunError(Message("run {id} reads no text", id=self.run.id))
        return found

    @cached_property
    def corpus(self) -> Text | Images:
        """The run's corpus. Raises RunError where this machine has another text by that name."""
        tokenizer = self.tokenizer if self.run.tokenizer else None
        own = tokenizer if isinstance(tokenizer, Subwords) else None
        corpus = corpora.load_corpus(self.config, own=own)
        known = self.run.corpus.get("sha256")
        if known not in (None, corpus.sha256):
            raise RunError(
                Message(
                    "run {id} learned from {corpus} with SHA-256 {known}…, but here that corpus"
                    " has {sha}…; bring the same data to measure on held-out text",
                    id=self.run.id,
                    corpus=self.run.corpus.get("corpus"),
                    known=str(known)[:12],
                    sha=corpus.sha256[:12],
                )
            )
        return corpus

    @property
    def text(self) -> Text:
        """The corpus of a run on text. Raises RunError."""
        corpus = self.corpus
        if not isinstance(corpus, Text):
            raise RunError(Message("run {id} reads no text", id=self.run.id))
        return corpus

    def encode(self, text: str, name: str = "text") -> list[int]:
        """The text's tokens. Raises ValueError naming the characters that the alphabet lacks."""
        tokenizer = self.tokenizer
        if not isinstance(tokenizer, CharacterTokenizer):
            return tokenizer.encode(text)
        known = set(tokenizer.alphabet)
        unknown = sorted(set(text) - known)
        if unknown:
            shown = " ".join(map(repr, unknown[:SHOWN])) + (" …" if len(unknown) > SHOWN else "")
            raise ValueError(
                Message(
                    "{name}: the run's alphabet of {known} characters lacks {shown}; leave them"
                    " out",
                    name=name,
                    known=len(known),
                    shown=shown,
                )
            )
        return tokenizer.encode(text)

    def pieces(self, ids: list[int]) -> list[str]:
        """The text of each token."""
        return self.tokenizer.pieces(ids)

    def prompt(self, text: str, name: str = "prompt") -> list[int]:
        """The tokens of a prompt; a line break, where the alphabet has none, is the probe text.

        Raises ValueError naming other characters that the alphabet lacks.
        """
        if text == "\n" and not self.tokenizer.known(text):
            return self.tokens("")
        return self.encode(text, name)

    def tokens(self, text: str, name: str = "text", most: int | None = None) -> list[int]:
        """The tokens of what was typed, of the run's probe text where that is empty.

        Raises ValueError for unknown characters and for more than `most` tokens (the context).
        """
        most = self.context if most is None else most
        if not text:
            probe = [int(i) for i in self.run.corpus.get("probe_tokens") or []]
            return (probe or self.text.windows(self.context, 1)[0].tolist())[:most]
        ids = self.encode(text, name)
        if len(ids) > most:
            unit = "characters" if len(ids) == len(text) else "tokens"
            raise ValueError(
                Message(
                    "{name} has {ids} {unit}; this model sees {most} at once",
                    name=name,
                    ids=len(ids),
                    unit=unit,
                    most=most,
                )
            )
        return ids

    def held_out(self, windows: int, length: int | None = None) -> tuple[Tensor, Tensor]:
        """Inputs and next tokens, each (B, T): windows evenly spread over the validation part.

        The same at every call; B is smaller where the text has no more. `length` is the context
        unless said otherwise. Targets that do not count are `IGNORED`.
        """
        length = length or self.context
        found = self.text.windows(length, windows)
        pairs = torch.from_numpy(np.ascontiguousarray(found)).to(self.device)  # (B, T + 1)
        targets, scored = pairs[:, 1:], self.text.scored(length)
        if scored is not None:
            counts = torch.from_numpy(scored).to(self.device)
            targets = targets.where(counts, IGNORED)
        return pairs[:, :-1], targets

    def batches(self, *tensors: Tensor) -> list[tuple[Tensor, ...]]:
        """Windows in portions of at most about 8,000 tokens."""
        each = max(1, BATCH_TOKENS // max(1, tensors[0].shape[1]))
        return list(zip(*(t.split(each) for t in tensors), strict=True))


def sublayers(model: Transformer) -> Iterator[tuple[str, Sublayer]]:
    """Every sublayer in order of computation, by its name: "blocks.0.attn"."""
    for block in model.blocks:
        for sublayer in block.children():
            assert isinstance(sublayer, Sublayer)
            yield sublayer.name, sublayer


def token_losses(
    model: nn.Module, inputs: Tensor, targets: Tensor, see: See = no_observer
) -> Tensor:
    """Cross-entropy of every prediction in nats, (B, T) and (B, T) -> (B, T); 0 of ignored ones."""
    return losses_of(model(inputs, see), targets)


def losses_of(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of every prediction in nats, (B, T, V) and (B, T) -> (B, T)."""
    flat = F.cross_entropy(logits.flatten(0, -2), targets.flatten(), reduction="none")
    return flat.view(targets.shape)


def window_means(nats: Tensor, targets: Tensor) -> Tensor:
    """The mean of the predictions that count, (B, T) and (B, T) -> (B,) float64."""
    counts = (targets != IGNORED).sum(1)
    return nats.double().mean(1) * (targets.shape[1] / counts)


def device_of(config: RunConfig) -> torch.device:
    """Where a run's networks are looked at: on a GPU where there is one and the run may use it."""
    wanted = config.training.device != "cpu" and torch.cuda.is_available()
    return torch.device("cuda" if wanted else "cpu")

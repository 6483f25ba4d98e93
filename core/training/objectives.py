"""What a run learns: its batches, its loss, and what is measured beside it.

A task is all that the trainer knows of a family and a corpus. B sequences, windows or images, T
tokens, V size of the alphabet or number of classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from core.config import ModelConfig, RunConfig
from core.data import corpora
from core.data.batches import ImageBatches
from core.data.images import Images
from core.data.prepared import quiet
from core.data.subwords import Subwords
from core.data.texts import Baseline, Text
from core.data.tokenizers import CharacterTokenizer, Tokenizer, log_frequencies
from core.data.vocabularies import Report
from core.models import build_model
from core.models.mlp import MLP
from core.models.resnet import ResNet
from core.models.sampling import sample
from core.models.transformer import Transformer
from core.training.losses import cross_entropy

SAMPLE_TOKENS = 64
EVALUATION_BATCH = 4096  # tokens or windows: large enough for speed, small enough for any memory
EVALUATION_WINDOWS = 2048  # one prediction each: the standard error is near 0.05 nats
EVALUATION_IMAGES = 1000
PROBE_EXAMPLES = 64
IGNORED = -100  # a target that does not count, as torch's cross-entropy has it
PROBE_PLACES = 4096  # of feature maps, so that probing large images stays cheap


class Batch(NamedTuple):
    """What a step reads, on the processor."""

    inputs: Tensor
    targets: Tensor

    def parts(self, number: int) -> Iterator[Batch]:
        """So many equal parts of it, in order; `number` divides its examples."""
        size = len(self.inputs) // number
        pairs = zip(self.inputs.split(size), self.targets.split(size), strict=True)
        return (Batch(inputs, targets) for inputs, targets in pairs)


class Task(ABC):
    """One family on one corpus; built without a device, `to` moves what is measured again."""

    corpus: Text | Images
    known: Baseline  # what can be known of the targets without the input
    probe: Tensor
    evaluation: tuple[Tensor, Tensor]  # inputs and targets, the same at every evaluation
    per_batch: int  # examples that an evaluation takes at once

    def __init__(self, config: RunConfig, corpus: Text | Images) -> None:
        self.config, self.corpus = config, corpus

    @abstractmethod
    def batch(self, step: int) -> Batch:
        """The batch of a step, a function of (seed, step) alone."""

    @abstractmethod
    def description(self) -> dict[str, Any]:
        """The fields of corpus.json beside those of the corpus itself."""

    @property
    def tokenizer_of_text(self) -> Tokenizer | None:
        """What cuts a text into its tokens; None where there is no text."""
        return None

    def build(self, model: ModelConfig) -> Transformer | MLP | ResNet:
        """The network, from torch's present seed."""
        network = build_model(model, self.corpus.vocabulary, self.config.image)
        network.blocks.recompute = self.config.training.recompute
        return network

    def to(self, device: torch.device) -> None:
        """Move the probe and the evaluation's batch, which stay there."""
        self.probe = self.probe.to(device)
        self.evaluation = (self.evaluation[0].to(device), self.evaluation[1].to(device))

    def loss(self, logits: Tensor, targets: Tensor, reduction: str = "mean") -> Tensor:
        """Cross-entropy in nats, (..., V) and (...) -> ()."""
        return cross_entropy(logits, targets, reduction)

    def baseline(self, targets: Tensor) -> float:
        """The loss of these targets under what is known of them without the input."""
        return self.known.loss(targets.numpy())

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """The metrics of an evaluation, by name; the caller sees to eval mode and gradients."""
        total, right, count = 0.0, 0, 0
        pairs = zip(*(part.split(self.per_batch) for part in self.evaluation), strict=True)
        for inputs, targets in pairs:
            logits = model(inputs)
            # Synchronisations, at evaluations only.
            total += self.loss(logits, targets, "sum").item()
            right += self.right(logits, targets)
            count += self.counted(targets)
        return self.report(total / count, right / count)

    def counted(self, targets: Tensor) -> int:
        """How many of these predictions count."""
        return targets.numel()

    def right(self, logits: Tensor, targets: Tensor) -> int:
        """How many predictions are right, where that is reported."""
        return 0

    def report(self, loss: float, share_right: float) -> dict[str, float]:
        """The metrics of an evaluation."""
        return {"loss/validation": loss}

    def sample(self, model: nn.Module) -> str | None:
        """Text from the model; None where it can't write."""
        return None

    def about(self) -> dict[str, Any]:
        """The contents of corpus.json."""
        corpus = self.corpus
        return {
            "corpus": corpus.name,
            "length": corpus.length,
            "sha256": corpus.sha256,
            "vocabulary": corpus.vocabulary,
            "unit": corpus.unit,
            "unigram_entropy": self.known.entropy,
            "unigram_validation": self.known.validation,
            **({"baseline": self.known.words} if self.known.words else {}),
            **self.description(),
        }


class LanguageTask(Task):
    """A Transformer predicts every next character of its sequences."""

    last = False  # whether only the last token of a window is predicted

    def __init__(self, config: RunConfig, text: Text) -> None:
        super().__init__(config, text)
        self.text, self.tokenizer = text, text.tokenizer
        training = config.training
        self.batches = text.batches(config.model.context, training.batch_size, training.seed)
        self.known = text.baseline(config.model.context, self.last)
        self._scored = text.scored(config.model.context)
        self._set_out()

    def _set_out(self) -> None:
        context = self.config.model.context
        windows = torch.from_numpy(self.text.windows(context))
        self.evaluation = (windows[:, :-1], self._targets(windows))  # each (N, T)
        self.per_batch = max(1, EVALUATION_BATCH // windows.shape[1])
        self.probe_tokens = self._probe_tokens()
        self.probe_text = self.tokenizer.decode(self.probe_tokens)
        self.probe = torch.tensor([self.probe_tokens])  # (1, T)

    def _probe_tokens(self) -> list[int]:
        wanted, length = self.config.probes.text, self.config.probe_length
        wished = self.tokenizer.encode(self.tokenizer.known(wanted))[:length] if wanted else []
        held_out: list[int] = self.text.windows(length, 1)[0, :length].tolist()
        return wished or held_out

    def batch(self, step: int) -> Batch:
        """(B, T) tokens and the ones after each."""
        windows = torch.from_numpy(self.batches.at(step))  # (B, T + 1)
        return Batch(windows[:, :-1], self._targets(windows))

    def _targets(self, windows: Tensor) -> Tensor:
        """What follows each token, (B, T + 1) -> (B, T); `IGNORED` where that does not count."""
        targets = windows[:, 1:]
        if self._scored is None:
            return targets
        return targets.where(torch.from_numpy(self._scored), IGNORED)

    def baseline(self, targets: Tensor) -> float:
        """The loss of these targets under what is known of them without the input."""
        known = targets.numpy()
        if self._scored is None:
            return self.known.loss(known)
        return self.known.loss(known, known != IGNORED)

    def counted(self, targets: Tensor) -> int:
        """All of them, but on tasks of which only answers count."""
        return int((targets != IGNORED).sum()) if self._scored is not None else targets.numel()

    def description(self) -> dict[str, Any]:
        """The probe text, its tokens, the bytes of a token, and the optimal loss in nats where it
        is known."""
        tokens = self.probe_tokens
        optimal = self.text.optimal(self.config.model.context, self.last)
        known: dict[str, Any] = {} if optimal is None else {"floor": optimal}
        if self.text.bytes_per_token is not None:
            known["bytes_per_token"] = self.text.bytes_per_token
        if not isinstance(self.tokenizer, CharacterTokenizer):
            known["probe_pieces"] = self.tokenizer.pieces(tokens)
        return {"probe_text": self.probe_text, "probe_tokens": tokens, **known}

    @property
    def tokenizer_of_text(self) -> Tokenizer:
        """The text's own."""
        return self.tokenizer

    def sample(self, model: nn.Module) -> str:
        """A few dozen tokens that continue the start of the held-out text, or of a sequence.

        Of a task of which only answers count, held-out sequences with the network's own answers.
        """
        if self._scored is not None:
            return self._answered(model)
        ids = sample(
            model,
            self.text.windows(self.config.model.context, 1)[0, : self._prompt].tolist(),
            SAMPLE_TOKENS,
            context=self.config.model.context,
            seed=self.config.training.seed,
        )
        return self.tokenizer.decode(list(ids))

    def _answered(self, model: nn.Module) -> str:
        inputs, targets = (part[: self.per_batch] for part in self.evaluation)
        rows = max(1, SAMPLE_TOKENS // (inputs.shape[1] + 2))
        inputs, targets = inputs[:rows], targets[:rows].reshape(rows, -1)
        answers = model(inputs).reshape(rows, -1, self.text.vocabulary).argmax(-1)  # (N, T or 1)
        shown = torch.cat([inputs, inputs[:, :1]], 1)  # (N, T + 1), its last place to be filled
        own = shown[:, -targets.shape[1] :]
        own[targets != IGNORED] = answers[targets != IGNORED]
        return "\n".join(self.tokenizer.decode(row) for row in shown.tolist())

    @property
    def _prompt(self) -> int:
        return 1 if self.text.length else self.config.model.context


class WindowTask(LanguageTask):
    """A feed-forward network predicts the character after a window of a fixed length."""

    last = True

    def _set_out(self) -> None:
        context = self.config.model.context
        windows = torch.from_numpy(self.text.windows(context, EVALUATION_WINDOWS))  # (N, T + 1)
        self.evaluation = (windows[:, :-1], windows[:, -1])  # (N, T) and (N,)
        self.per_batch = max(1, EVALUATION_BATCH // 8)
        step = max(1, len(windows) // PROBE_EXAMPLES)
        self.probe = windows[::step][:PROBE_EXAMPLES, :-1].contiguous()  # (N, T)
        self.probe_tokens, self.probe_text = [], ""

    def batch(self, step: int) -> Batch:
        """(B, T) tokens and the one after each window, (B,); the Transformer's own windows."""
        windows = torch.from_numpy(self.batches.at(step))
        return Batch(windows[:, :-1], windows[:, -1])

    @property
    def _prompt(self) -> int:
        return self.config.model.context


class ImageTask(Task):
    """A network tells the class of an image."""

    def __init__(self, config: RunConfig, images: Images) -> None:
        super().__init__(config, images)
        self.images = images
        training = config.training
        self.batches = ImageBatches(len(images.training), training.batch_size, training.seed)
        frequencies = log_frequencies(images.training_labels, images.vocabulary)
        entropies = images.unigram_entropy, images.unigram_validation
        self.known = Baseline(frequencies[None], *entropies)
        chosen = np.linspace(0, len(images.validation) - 1, EVALUATION_IMAGES).astype(np.int64)
        chosen = np.unique(chosen)  # all of them, in order, where there are fewer
        self.evaluation = (
            torch.from_numpy(images.standardised(images.validation[chosen])),  # (N, C, H, W)
            torch.from_numpy(images.validation_labels[chosen]),  # (N,)
        )
        self.per_batch = 128
        rows, columns = images.training.shape[2:]
        probed = min(PROBE_EXAMPLES, max(4, PROBE_PLACES // (rows * columns)))
        self.probe = self.evaluation[0][:probed]

    def batch(self, step: int) -> Batch:
        """(B, C, H, W) standardised images and their classes, (B,)."""
        chosen = self.batches.at(step)
        return Batch(
            torch.from_numpy(self.images.standardised(self.images.training[chosen])),
            torch.from_numpy(self.images.training_labels[chosen]),
        )

    def description(self) -> dict[str, Any]:
        """The shape of an image."""
        return {"image": list(self.images.training.shape[1:])}

    def right(self, logits: Tensor, targets: Tensor) -> int:
        """Images whose likeliest class is their own."""
        return int((logits.argmax(-1) == targets).sum())

    def report(self, loss: float, share_right: float) -> dict[str, float]:
        """The loss and the share of images whose class is right."""
        return {"loss/validation": loss, "accuracy/validation": share_right}


def task_of(config: RunConfig, report: Report = quiet, own: Subwords | None = None) -> Task:
    """The objective of a run with these settings, in the tokens of its `own` where it has some.

    `report` is told how far a corpus is that has to be prepared. Raises CorpusError, and what
    `report` raises.
    """
    corpus = corpora.load_corpus(config, report, own)
    if isinstance(corpus, Images):
        return ImageTask(config, corpus)
    kinds = {"transformer": LanguageTask, "mlp": WindowTask}
    return kinds[config.model.family](config, corpus)

"""BLEU and ROUGE of continuations against how the held-out text goes on.

Kind ``continuations``. Prompt i draws with seed + i.

BLEU is sacrebleu's corpus BLEU with its default tokenizer 13a and exponential smoothing (Post
2018, arXiv 1804.08771), 0 to 100. ROUGE (Lin 2004) is the mean F-measure of rouge-score over the
prompts, 0 to 1, with its own tokenizer (lower case, letters and digits) and no stemming.

no arrays
stream: such examples of all prompts, in order
"""

from __future__ import annotations

from typing import Any

from core.anatomy import Answer, Report, parameters, results
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.language import Message
from core.models.sampling import sample


def continuations(
    checkpoint: LoadedCheckpoint, asked: parameters.Continuations, report: Report
) -> Answer[results.Continuations]:
    """Continue held-out places and compare; the module's docstring says what is found."""
    report(0.0, Message("loads sacrebleu and rouge-score"))
    judge = Judge()
    prompts, references = _places(checkpoint, asked)
    tokenizer, written = checkpoint.tokenizer, []
    examples: list[results.Example] = []
    for i, (prompt, reference) in enumerate(zip(prompts, references, strict=True)):
        tokens = []
        for token in sample(
            checkpoint.model,
            prompt,
            asked.length,
            context=checkpoint.context,
            **{**asked.drawing, "seed": (asked.seed + i) % 2**63},
        ):
            tokens.append(token)
            share = len(tokens) / asked.length
            report(
                (i + share) / len(prompts),
                Message("continues place {i} of {prompts}", i=i + 1, prompts=len(prompts)),
            )
        written.append(tokenizer.decode(tokens))
        examples.append(
            {
                "prompt": tokenizer.decode(prompt),
                "held_out": reference,
                "written": written[-1],
                "bleu": judge.sentence(written[-1], reference),
                "rougeL": judge.rouge([written[-1]], [reference])["rougeL"],
            }
        )
        report.emit(examples[-1])
    bleu = judge.corpus(written, references)
    others = references[1:] + references[:1]
    found: results.Continuations = {
        "bleu": bleu.score,
        "precisions": list(bleu.precisions),
        "brevity": bleu.bp,
        "rouge": judge.rouge(written, references),
        "chance": {
            "bleu": judge.corpus(others, references).score,
            "rouge": judge.rouge(others, references),
        },
        "signature": judge.signature,
        "prompts": len(prompts),
        "examples": examples[: asked.examples],
        "step": checkpoint.step,
    }
    return Answer(found)


class Judge:
    """sacrebleu and rouge-score, which only this analysis needs and which load slowly."""

    KINDS = ("rouge1", "rouge2", "rougeL")

    def __init__(self) -> None:
        from rouge_score.rouge_scorer import RougeScorer
        from sacrebleu.metrics.bleu import BLEU

        self._bleu = BLEU()
        self._one = BLEU(effective_order=True)  # of a sentence shorter than four words
        self._rouge = RougeScorer(self.KINDS)

    @property
    def signature(self) -> str:
        """How the corpus BLEU was computed."""
        return str(self._bleu.get_signature())

    def corpus(self, written: list[str], references: list[str]) -> Any:
        """sacrebleu's BLEU score object of all texts together."""
        return self._bleu.corpus_score(written, [references])

    def sentence(self, written: str, reference: str) -> float:
        """BLEU of one text, 0..100."""
        return float(self._one.sentence_score(written, [reference]).score)

    def rouge(self, written: list[str], references: list[str]) -> results.Rouge:
        """Mean F-measures, 0..1."""
        scores = [self._rouge.score(r, w) for w, r in zip(written, references, strict=True)]
        one, two, longest = (sum(s[k].fmeasure for s in scores) / len(scores) for k in self.KINDS)
        return {"rouge1": one, "rouge2": two, "rougeL": longest}


def _places(
    checkpoint: LoadedCheckpoint, asked: parameters.Continuations
) -> tuple[list[list[int]], list[str]]:
    """Prompts as tokens and the held-out text that follows each."""
    head, tail = asked.prompt_length, asked.length
    decode = checkpoint.tokenizer.decode
    if not checkpoint.text.length:  # a task without end, whose sequences are as long as one likes
        drawn = checkpoint.text.windows(head + tail, asked.prompts).tolist()
        return [ids[:head] for ids in drawn], [decode(ids[head : head + tail]) for ids in drawn]
    part = checkpoint.text.validation
    if head + tail > len(part):
        raise ValueError(
            Message(
                "prompt_length and length: {head} + {tail} are more than the {part} held-out"
                " characters; ask for less",
                head=head,
                tail=tail,
                part=len(part),
            )
        )
    room = len(part) - head - tail
    count = min(asked.prompts, room + 1)
    starts = [room * i // max(1, count - 1) for i in range(count)]
    prompts = [part[s : s + head].tolist() for s in starts]
    return prompts, [decode(part[s + head : s + head + tail].tolist()) for s in starts]

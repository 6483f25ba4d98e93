"""BLEU and ROUGE of continuations against how the held-out text goes on.

Kind ``continuations``. Parameters: ``prompts`` (held-out places, evenly spread), ``prompt_length``
and ``length`` (characters), ``examples`` (how many to return), ``temperature``, ``top_k``,
``top_p``, ``seed`` (prompt i draws with seed + i).

BLEU is sacrebleu's corpus BLEU with its default tokenizer 13a and exponential smoothing (Post
2018, arXiv 1804.08771), 0 to 100. ROUGE (Lin 2004) is the mean F-measure of rouge-score over the
prompts, 0 to 1, with its own tokenizer (lower case, letters and digits) and no stemming.

result
    ``bleu``       float, 0..100
    ``precisions`` [float] × 4, n-gram precisions, 0..100
    ``brevity``    float, the brevity penalty, 0..1
    ``rouge``      {"rouge1": float, "rouge2": float, "rougeL": float}, 0..1
    ``chance``     {"bleu": float, "rouge": {...}}: the same of held-out text itself against the
                   continuation of another prompt: what text that fits nothing scores
    ``signature``  str, sacrebleu's
    ``prompts``    int, used
    ``examples``   [{prompt, held_out, written, bleu, rougeL}], bleu of the one sentence
    ``step``       int, the checkpoint's
no arrays
stream: such examples of all prompts, in order
"""

from __future__ import annotations

from typing import Any

from core.anatomy import Answer, Report
from core.anatomy.loaded_checkpoint import Subject
from core.models.sampling import sample


def continuations(subject: Subject, parameters: dict[str, Any], report: Report) -> Answer:
    """Continue held-out places and compare; the module's docstring says what is found."""
    report(0.0, "loads sacrebleu and rouge-score")
    judge = Judge()
    prompts, references = _places(subject, parameters)
    drawing = {name: parameters[name] for name in ("temperature", "top_k", "top_p")}
    tokenizer, written = subject.tokenizer, []
    examples = []
    for i, (prompt, reference) in enumerate(zip(prompts, references, strict=True)):
        tokens = []
        for token in sample(
            subject.model,
            prompt,
            parameters["length"],
            context=subject.context,
            seed=(parameters["seed"] + i) % 2**63,
            **drawing,
        ):
            tokens.append(token)
            share = len(tokens) / parameters["length"]
            report((i + share) / len(prompts), f"continues place {i + 1} of {len(prompts)}")
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
    found = {
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
        "examples": examples[: parameters["examples"]],
        "step": subject.step,
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

    def rouge(self, written: list[str], references: list[str]) -> dict[str, float]:
        """Mean F-measures, 0..1."""
        scores = [self._rouge.score(r, w) for w, r in zip(written, references, strict=True)]
        return {k: sum(s[k].fmeasure for s in scores) / len(scores) for k in self.KINDS}


def _places(subject: Subject, parameters: dict[str, Any]) -> tuple[list[list[int]], list[str]]:
    """Prompts as tokens and the held-out text that follows each."""
    head, tail = parameters["prompt_length"], parameters["length"]
    decode = subject.tokenizer.decode
    if not subject.text.length:  # a task without end, whose sequences are as long as one likes
        drawn = subject.text.windows(head + tail, parameters["prompts"]).tolist()
        return [ids[:head] for ids in drawn], [decode(ids[head : head + tail]) for ids in drawn]
    part = subject.text.validation
    if head + tail > len(part):
        raise ValueError(
            f"prompt_length and length: {head} + {tail} are more than the {len(part)} held-out"
            " characters; ask for less"
        )
    room = len(part) - head - tail
    count = min(parameters["prompts"], room + 1)
    starts = [room * i // max(1, count - 1) for i in range(count)]
    prompts = [part[s : s + head].tolist() for s in starts]
    return prompts, [decode(part[s + head : s + head + tail].tolist()) for s in starts]

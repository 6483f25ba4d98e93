"""What two runs show together: in what they differ, and what became of either. Pure."""

from __future__ import annotations

from core.config import RunConfig
from core.config.alike import differing
from core.config.units import Unit
from core.config.words import format_value, title_in_sentence, title_of
from core.language import Message, joined, mark
from core.verdicts.labels import DEAD_KINDS, nats
from core.verdicts.verdict import Verdict


def compared(
    verdict: Verdict, config: RunConfig, other: Verdict, others: RunConfig, *words: Unit
) -> str:
    """What sets two runs apart and what became of both; empty unless they differ and are judged.

    `words` are those of their corpus, or of the first run's and of the other's.
    """
    apart = differing([config.flat(), others.flat()])
    fates = [_fate(verdict, words[0]), _fate(other, words[-1])]
    if not apart or not all(fates):
        return ""
    pair = (verdict, other)
    if len(apart) > 1:
        told = Message(
            "The two differ in {many} settings: the first {first}, the second {second}.",
            many=len(apart),
            first=fates[0],
            second=fates[1],
        )
        return joined((told, _conclusion(pair, (Message("The first"), Message("the second")))), " ")
    [(name, values)] = apart.items()
    one, two = (format_value(value, grouped=True) for value in values)
    title = title_in_sentence(name)
    told = Message(
        "The two differ only in {title}: with {one} it {first}, with {two} it {second}.",
        title=title,
        one=one,
        two=two,
        first=fates[0],
        second=fates[1],
    )
    who = Message("With {value} it", value=one), Message("with {value} it", value=two)
    return joined((told, _conclusion(pair, who, Message(title_of(name)))), " ")


def _conclusion(pair: tuple[Verdict, Verdict], who: tuple[str, str], title: str = "") -> str:
    """What the pair shows, in words; `title` is the one setting in which they differ, if it is one.

    Both are judged: they have learned, are dead or diverged.
    """
    kinds = [one.kind for one in pair]
    if kinds == ["learned", "learned"]:
        if not title:
            return Message("Both use their input.")
        return Message(
            "Both use their input: this setting alone does not decide whether it learns."
        )
    if "learned" not in kinds:
        both = kinds[0] if kinds[0] == kinds[1] else ""
        if not title:
            return Message(BOTH.get(both, NEITHER))
        return Message(NOT_SAVED.get(both, NOT_SAVED[""]), title=title)
    each = [
        Message(FATES.get(kind, FATES[""]), who=name) for name, kind in zip(who, kinds, strict=True)
    ]
    return Message("{first}, {second}.", first=each[0], second=each[1])


NEITHER = mark("Neither learns.")
BOTH = {"diverged": mark("Both diverged."), "plateau": mark("Both sit on the plateau.")}
NOT_SAVED = {
    "diverged": mark("{title} alone did not save it: both diverged."),
    "plateau": mark("{title} alone did not save it: both sit on the plateau."),
    "": mark("{title} alone did not save it: neither learns."),
}
FATES = {
    "learned": mark("{who} uses its input"),
    "diverged": mark("{who} diverges"),
    "": mark("{who} ignores its input"),
}


def _fate(verdict: Verdict, words: Unit) -> str:
    if verdict.kind == "diverged":
        return Message("diverged")
    if verdict.gap is None or verdict.kind not in ("learned", *DEAD_KINDS):
        return ""
    end = {"gap": nats(verdict.gap), "frequencies": words.frequencies}
    if verdict.gap < 0:
        return Message("ends {gap} nats below {frequencies}", **end)
    return Message("ends {gap} nats above {frequencies}", **end)

"""What two runs show together: in what they differ, and what became of either. Pure."""

from __future__ import annotations

from core.config import RunConfig
from core.config.alike import differing
from core.config.units import Unit
from core.config.words import format_value, title_in_sentence
from core.verdicts.labels import DEAD_KINDS, nats
from core.verdicts.verdict import Verdict


def compared(
    verdict: Verdict, config: RunConfig, other: Verdict, others: RunConfig, words: Unit
) -> str:
    """What sets two runs apart and what became of both; empty unless they differ and are judged."""
    apart = differing([config.flat(), others.flat()])
    fates = [_fate(one, words) for one in (verdict, other)]
    if not apart or not all(fates):
        return ""
    if len(apart) > 1:
        told = f"The two differ in {len(apart)} settings: the first {fates[0]}, the second"
        end = _conclusion((verdict, other), ("The first", "the second"))
        return f"{told} {fates[1]}. {end}"
    [(name, values)] = apart.items()
    first, second = (f"with {format_value(value, grouped=True)} it" for value in values)
    title = title_in_sentence(name)
    told = f"The two differ only in {title}: {first} {fates[0]}, {second} {fates[1]}."
    return f"{told} {_conclusion((verdict, other), (_capital(first), second), title)}"


def _conclusion(pair: tuple[Verdict, Verdict], who: tuple[str, str], title: str = "") -> str:
    """What the pair shows, in words; `title` is the one setting in which they differ, if it is one.

    Both are judged: they have learned, are dead or diverged.
    """
    kinds = [one.kind for one in pair]
    what = f"{_capital(title)} alone" if title else ""
    if kinds == ["learned", "learned"]:
        alone = ": this setting alone does not decide whether it learns" if title else ""
        return f"Both use their input{alone}."
    if kinds == ["diverged", "diverged"]:
        return f"{what} did not save it: both diverged." if title else "Both diverged."
    if kinds == ["plateau", "plateau"]:
        both = "both sit on the plateau"
        return f"{what} did not save it: {both}." if title else f"{_capital(both)}."
    if "learned" not in kinds:
        return f"{what} did not save it: neither learns." if title else "Neither learns."
    said = {"learned": "uses its input", "diverged": "diverges"}
    each = [
        f"{name} {said.get(kind, 'ignores its input')}"
        for name, kind in zip(who, kinds, strict=True)
    ]
    return f"{each[0]}, {each[1]}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _fate(verdict: Verdict, words: Unit) -> str:
    if verdict.kind == "diverged":
        return "diverged"
    if verdict.gap is None or verdict.kind not in ("learned", *DEAD_KINDS):
        return ""
    side = "below" if verdict.gap < 0 else "above"
    return f"ends {nats(verdict.gap)} nats {side} {words.frequencies}"

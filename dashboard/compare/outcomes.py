"""What became of runs, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from core.catalogue.comparable import in_bits, is_mixed
from core.catalogue.entry import Entry
from core.config.units import corpus_unit
from core.language import Message, joined, t
from core.metrics import names as metric_names
from core.metrics.derived import BITS_PER_BYTE
from core.verdicts.judgement import WINDOW
from core.verdicts.labels import BAD_KINDS, VERDICT_LABELS
from dashboard.compare.differences import NOBODY, units
from dashboard.ui.templates import render

MOST = 60  # sentences


def verdicts(
    entries: Sequence[Entry], groups: Mapping[str, str], names: Mapping[str, str] = NOBODY
) -> Markup:
    """One sentence for each run or group, marked with its colour."""
    across = units(entries, groups, names)
    return render(
        "compare/verdicts", rows=[_sentence(name, own) for name, own in across], most=MOST
    )


def _sentence(name: str, entries: Sequence[Entry]) -> tuple[int, str, bool, str, str]:
    """Colour, kind of verdict and whether it is bad, name and what became of it."""
    first = entries[0]
    rest = t(first.summary.verdict.sentence).removeprefix(first.name)
    if len(entries) > 1:
        name, rest = f"{name} ×{len(entries)}", f": {together(entries)}"
    kinds = {entry.summary.verdict.kind for entry in entries}
    kind = kinds.pop() if len(kinds) == 1 else "mixed"
    return first.colour, kind, kind in BAD_KINDS, name, rest


def together(entries: Sequence[Entry]) -> str:
    """The verdict on the runs of a group in one sentence: `all use their input; the means of their
    last 50 ...`.
    """
    found = [entry.summary.verdict for entry in entries]
    counts = Counter(one.kind for one in found).most_common()
    each = [(n, Message(VERDICT_LABELS[kind].many)) for kind, n in counts]
    said = joined(
        [Message("{n} {what}", n=n, what=what) for n, what in each]
        if len(each) > 1
        else [Message("all {what}", what=each[0][1])]
    )
    known = {
        entry: mean
        for entry, one in zip(entries, found, strict=True)
        if (mean := one.last_mean) is not None and one.kind != "diverged"
    }
    means = list(known.values())
    if not means or is_mixed(list(known)):
        return t("{said}.", said=said)
    low, high = f"{min(means):.2f}", f"{max(means):.2f}"
    values = {"said": said, "window": WINDOW, "low": low, "high": high, "known": ""}
    entropies = {one.entropy for one in found}
    entropy = entropies.pop()
    if entropy and not entropies:
        singles = _singles(entries)
        values["known"] = Message(
            "; the entropy of {singles} is {entropy:.3f}", singles=singles, entropy=entropy
        )
    if len(means) < len(found):
        return t(
            "{said}. Of {n} of {of} the mean of the last {window} training losses is {low}{known}.",
            "{said}. Of {n} of {of} the means of the last {window} training losses lie between"
            " {low} and {high}{known}.",
            n=len(means), of=len(found), **values,
        )  # fmt: skip
    if low == high:
        return t(
            "{said}. The means of their last {window} training losses are all {low}{known}.",
            **values,
        )
    return t(
        "{said}. The means of their last {window} training losses lie between {low} and"
        " {high}{known}.",
        **values,
    )


def _singles(entries: Sequence[Entry]) -> str:
    if predicts(entries) == "image":
        return Message("classes")
    return corpus_unit(entries[0].run.corpus).singles


def predicts(entries: Sequence[Entry]) -> str:
    """What a loss in nats is for: a character, a token, an image, or a prediction of several."""
    return metric_names.predicted(entry.predicts for entry in entries)


def told_of_units(entries: Sequence[Entry], metric: str) -> str:
    """What is said beside the curves of runs whose losses do not compare; empty where they do."""
    if metric == BITS_PER_BYTE and in_bits(entries):
        return t("their texts are cut into different tokens: bits per byte compare them")
    if not metric.startswith("loss/") or not is_mixed(entries):
        return ""
    if in_bits(entries):
        return t("losses of different tokens do not compare; bits_per_byte/validation does")
    return t("losses of different units do not compare")


def unit(entries: Sequence[Entry], metric: str) -> str | None:
    """The unit of a metric; None where the chart knows it."""
    if any(entry.origin for entry in entries):  # what it is measured in, only its program knows
        return "loss" if metric.startswith("loss/") else metric_names.unit_of(metric)
    if metric.startswith("loss/"):
        return metric_names.unit_of(metric, predicts(entries))
    return metric_names.NOTES.get(metric.split("/")[0])


def baseline(entries: Sequence[Entry]) -> tuple[str, float] | None:
    """The loss of a network that ignores its input, where it is the same for all of them."""
    if any(run.origin for run in entries):  # whose is not known
        return None
    known = {round(e, 3): e for run in entries if (e := run.summary.verdict.entropy) is not None}
    if len(known) != 1 or is_mixed(entries):
        return None
    # Where it is the same for all of them, the first one's corpus says what it is called.
    return corpus_unit(entries[0].run.corpus).entropy, known.popitem()[1]


def optimal(entries: Sequence[Entry]) -> tuple[str, float] | None:
    """The lowest loss that any network can have, where it is known and the same for all of them."""
    all_of_them = [entry.summary.verdict.optimal for entry in entries]
    known = {round(one, 3): one for one in all_of_them if one is not None}
    if len(known) != 1 or None in all_of_them:
        return None
    return metric_names.OPTIMAL, known.popitem()[1]


def twins(entries: Sequence[Entry], focus: str | None) -> tuple[Entry, Entry] | None:
    """The pair of twins whose difference is drawn: the only two, or the focused run and its own."""
    by_id = {entry.id: entry for entry in entries}
    pairs = [
        (by_id[twin], entry) for entry in entries if (twin := str(entry.meta["twin_of"])) in by_id
    ]
    of_focus = [pair for pair in pairs if focus in (pair[0].id, pair[1].id)]
    if of_focus:
        return of_focus[0]
    return pairs[0] if pairs and len(entries) == 2 else None

"""What runs are called beside each other: by what differs among those that are shown. Pure.

A name that somebody gave stays as it was given. A name that was made from settings (`pre-LN L6`, a
grid's `residual off, placement post`) says the same of every run of a grid before it says what
differs; beside other runs it is made anew from the settings that are not the same among them.
Runs that are equal in every setting get a number. No run's name changes because another is renamed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from core.config import alike
from core.config.alike import FORK, SEED
from core.config.alike import SCHEDULE as REWIRED
from core.config.describe import UNSAID, described, is_made, layers, phrase

LABEL = 24  # letters that have room at the end of a line
# Said first where they differ; the others follow only where these do not tell two runs apart.
WIRING = ("model.family", "model.placement", "model.norm", "model.residual", "model.scaling",
          "model.depth", "model.blocks_per_stage", REWIRED)  # fmt: skip
NEXT = ("model.overrides", "optimizer.learning_rate", "optimizer.warmup_steps", "model.width",
        "model.init", "data.corpus", "data.path", "data.dataset", "data.tokenizer",
        "data.vocabulary", "training.steps", FORK)  # fmt: skip
LAST = (SEED, "training.threads", "training.device", "training.sharding", "training.compile",
        "training.accumulate",
        "training.recompute", "probes.", "training.evaluate_every",
        "training.checkpoint_every")  # fmt: skip
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Subject:
    """What a name is made from: `settings` by dotted name, `name` as the run carries it.

    `switches` are all that changed its layers while it trained, by hand or by schedule, as plain
    settings; `grid` is the id of the grid that it belongs to, `fork` says where a fork started. Ids
    sort by age. `first` is the name that it was created with, where somebody renamed it since.
    """

    id: str
    name: str
    settings: Values
    switches: Sequence[Values] = ()
    grid: str = ""
    first: str = ""
    fork: str = ""

    def value(self, dotted: str) -> Any:
        """A setting's value; of `training.switches` every switch, also those turned by hand."""
        if dotted == REWIRED:
            return tuple(map(dict, self.switches))
        if dotted == FORK:
            return self.fork
        return self.settings.get(dotted)

    @property
    def made(self) -> bool:
        """Whether it was created with a name made from its settings, not one that was given."""
        if "model.placement" not in self.settings:  # a run from elsewhere has a name from there
            return False
        name = self.born.removesuffix(f", {self.fork}") if self.fork else self.born
        return not name or is_made(name, self.settings, bool(self.grid))

    @property
    def born(self) -> str:
        """The name that it was created with."""
        return self.first or self.name

    @property
    def renamed(self) -> bool:
        """Whether somebody gave it a name since then."""
        return bool(self.name) and self.name != self.born


# Names of several


def names(subjects: Sequence[Subject]) -> dict[str, str]:
    """The name of each of these runs beside the others, by id; all different."""
    kept = _born(subjects)
    renamed = [one for one in subjects if one.renamed]
    for one in renamed:
        del kept[one.id]
    told = _refined(renamed, {one.id: one.name for one in renamed})
    return {**kept, **_numbered(told, renamed, kept.values())}


def _born(subjects: Sequence[Subject]) -> dict[str, str]:
    """Their names if nobody had renamed one."""
    found: dict[str, str] = {}
    families: dict[str, list[Subject]] = {}
    for one in subjects:
        if one.made:
            families.setdefault(one.grid, []).append(one)
        else:
            found[one.id] = one.born
    for family in families.values():
        found.update(_beside_each_other(family))
    return _numbered(_refined(subjects, found), subjects)


def _beside_each_other(family: Sequence[Subject]) -> dict[str, str]:
    """Names from what differs; of one run, or of equal ones, from their wiring."""
    varied = differing(family)
    first = [name for name in WIRING if name in varied]
    if family[0].grid or len(first) == 1:
        parts = {one.id: _phrases(one, first) for one in family}
    else:
        parts = {one.id: _phrases(one, [n for n in first if not _usual(one, n)]) for one in family}
    for one in family:  # everything about it is as usual, or nobody rewired it
        usual = _phrases(one, first) or ([described_of(one)] if first else [])
        parts[one.id] = parts[one.id] or usual
    told = _refined(family, {id: ", ".join(words) for id, words in parts.items()})
    return {one.id: _whole(one, told[one.id] or described_of(one)) for one in family}


def _whole(one: Subject, told: str) -> str:
    """The words that tell a run from its family, and what sets it apart from runs outside of it.

    Its twin may carry a given name, and a run that was rewired is not what its settings say.
    """
    said_already = f"{told}, "
    born = one.born.removesuffix(f", {one.fork}") if one.fork else one.born
    apart = born.removeprefix(f"{described_of(one)}, ")
    more = [] if one.grid or apart == born or f"{apart}, " in said_already else [apart]
    if one.switches and "rewired" not in told:
        more.append(_rewired(one.switches))
    if one.fork and not one.grid and one.fork not in told:
        more.append(one.fork)
    return ", ".join([told, *more])


def described_of(one: Subject) -> str:
    """The name made from its wiring; its own where settings are missing."""
    try:
        return described(one.settings)
    except KeyError:
        return one.born or one.id


def _refined(subjects: Sequence[Subject], found: Mapping[str, str]) -> dict[str, str]:
    """Where several have one name, what differs is added, one setting after another."""
    result = dict(found)
    pending: list[tuple[list[Subject], frozenset[str]]] = [
        (same, frozenset()) for same in _together(subjects, lambda one: result[one.id])
    ]
    while pending:
        same, used = pending.pop()
        dotted = next((name for name in _ordered(differing(same)) if name not in used), None)
        if dotted is None:
            continue
        words = {one.id: "".join(_phrases(one, [dotted])) for one in same}
        if len(set(words.values())) > 1:
            for one in same:
                result[one.id] = ", ".join(filter(None, (result[one.id], words[one.id])))
        for still in _together(same, lambda one: result[one.id]):
            pending.append((still, used | {dotted}))
    return result


def _together(subjects: Iterable[Subject], key: Callable[[Subject], str]) -> list[list[Subject]]:
    """Those that share a key with another one."""
    found: dict[str, list[Subject]] = {}
    for one in subjects:
        found.setdefault(key(one), []).append(one)
    return [same for same in found.values() if len(same) > 1]


def _numbered(
    found: Mapping[str, str], subjects: Sequence[Subject], others: Iterable[str] = ()
) -> dict[str, str]:
    """Equal runs get a number, the oldest none; all do where `others` have the name."""
    used = set(others)
    taken = used | set(found.values())
    result = dict(found)
    for one in sorted(subjects, key=lambda one: one.id):
        name = told = found[one.id]
        numbers = itertools.count(2)
        while told in used or (told != name and told in taken):
            told = f"{name} ({next(numbers)})"
        result[one.id] = told
        used.add(told)
    return result


def differing(subjects: Sequence[Subject]) -> list[str]:
    """The settings that are not the same in all of them; what depends on another is left out."""
    own = (REWIRED, FORK)
    varied = list(
        alike.differing([{**s.settings, **{n: s.value(n) for n in own}} for s in subjects])
    )
    if "model.placement" in varied and "model.norm" in varied:
        varied.remove("model.norm")  # both are one word: pre-LN, post-RMS
    if len(varied) > 1 and "model.family" in varied:
        # Another family brings other settings; they differ where the family does not.
        varied = [name for name in varied if name == "model.family" or not _follows(name, subjects)]
    return varied


def _follows(name: str, subjects: Sequence[Subject]) -> bool:
    by_family: dict[Any, set[Hashable]] = {}
    for one in subjects:
        by_family.setdefault(one.value("model.family"), set()).add(repr(one.value(name)))
    return all(len(values) == 1 for values in by_family.values())


def _ordered(varied: Sequence[str]) -> list[str]:
    def rank(name: str) -> tuple[int, int]:
        for turn, listed in enumerate((WIRING, NEXT)):
            if name in listed:
                return turn, listed.index(name)
        last = next((i for i, begin in enumerate(LAST) if name.startswith(begin)), None)
        return (2, 0) if last is None else (3, last)

    return sorted(varied, key=rank)


# Words


def _usual(one: Subject, name: str) -> bool:
    value = one.value(name)
    return value in UNSAID.get(name, ()) or (name == REWIRED and not value)


def _phrases(one: Subject, dotted: Iterable[str]) -> list[str]:
    """What is said of these settings: of a run that nobody rewired, nothing of rewiring."""
    own = {REWIRED: _rewired(one.switches) if one.switches else "", FORK: one.fork}
    said = [own[name] if name in own else phrase(name, one.settings) for name in dotted]
    return [words for words in said if words]


def _rewired(switches: Sequence[Values]) -> str:
    """`rewired at 150 (layer 6: residual off)`."""
    told = ", then ".join(f"{one.get('step', 0)} ({layers(one)})" for one in switches)
    return f"rewired at {told}"


# What has room


@cache
def cut(text: str, most: int = LABEL) -> str:
    """The text, with an ellipsis where it is longer than `most`, after a whole word if possible."""
    return text if len(text) <= most else _beginning(text, most - 1) + "…"


def _beginning(text: str, most: int) -> str:
    """The first `most` letters of a longer text; whole words where they fill half of that."""
    kept = text[:most]
    border = kept.rfind(" ")
    if text[most] not in " ,)" and border >= most / 2:
        kept = kept[:border]
    return kept.rstrip(" ,(")


def labels(found: Mapping[str, str], most: int = LABEL) -> dict[str, str]:
    """Names cut to `most` letters that still differ where the names do.

    Names that begin alike keep their ends; those that end alike too get a number.
    """
    result = {id: cut(name, most) for id, name in found.items()}
    owners: dict[str, set[str]] = {}
    for id, name in found.items():
        owners.setdefault(result[id], set()).add(name)
    taken = {label for label, of in owners.items() if len(of) == 1}
    for label, of in owners.items():
        if len(of) == 1:
            continue
        own = {}
        for name in of:
            wished = name if len(name) <= most else _end_of(name, most)
            number = 1
            while wished in taken:
                number += 1
                wished = f"{cut(name, most - 4)} #{number}"
            own[name] = wished
            taken.add(wished)
        result.update({id: own[name] for id, name in found.items() if result[id] == label})
    return result


def _end_of(name: str, most: int) -> str:
    head = max(3, most // 3)
    end = name[-(most - head - 1) :]
    for border in (", ", " "):  # a whole setting, or else a whole word
        _, found, rest = end.partition(border)
        if found and rest:
            end = rest
            break
    return f"{_beginning(name, head)}…{end.lstrip(' ,')}"

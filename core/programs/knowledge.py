"""What the lab knows besides its runs, for agents: settings, presets, published claims."""

from __future__ import annotations

from pydantic.fields import FieldInfo

from core import presets
from core.config import RunConfig, choices, settings
from core.evidence import CLAIMS, GROUPS, Claim, kept, named
from core.evidence.words import expected_and_measured, measured_where
from core.language import Message
from core.programs.agent_shapes import EvidenceRead, EvidenceRow, PresetAbout, SettingAbout
from core.programs.rows import finite
from core.runs import RunError, RunStore


def settings_about(find: str = "") -> list[SettingAbout]:
    """Settings whose name or help holds a word; all where none is given."""
    return [
        _setting(dotted, field)
        for dotted, field in settings().items()
        if find.lower() in f"{dotted} {field.title} {field.description}".lower()
    ]


def _setting(dotted: str, field: FieldInfo) -> SettingAbout:
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}

    def limit(name: str) -> float | None:
        return finite(next((getattr(m, name) for m in field.metadata if hasattr(m, name)), None))

    return {
        "name": dotted,
        "title": str(field.title),
        "about": str(field.description),
        "default": RunConfig().flat()[dotted],
        "unit": str(extra.get("unit") or ""),
        "choices": list(choices(dotted)),
        "least": limit("ge"),
        "most": limit("le"),
    }


def presets_about() -> list[PresetAbout]:
    """Named settings."""
    defaults = RunConfig().flat()
    found = [presets.load(name) for name in presets.names()]
    return [
        {
            "name": one.name,
            "title": one.title,
            "summary": one.summary,
            "settings": {n: v for n, v in one.config.flat().items() if v != defaults[n]},
        }
        for one in found
    ]


def evidence_rows(store: RunStore, group: str = "") -> list[EvidenceRow]:
    """Published claims and whether they hold here."""
    if group and group not in GROUPS:
        raise RunError(
            Message("group: there is no {group!r}; accepted: {known}", group=group,
                    known=", ".join(GROUPS))
        )  # fmt: skip
    return [_evidence_row(store, one) for one in CLAIMS if group in ("", one.group)]


def evidence_of(store: RunStore, claim: str) -> EvidenceRead:
    """One claim with its numbers, by seed."""
    (one,) = named([claim])
    here = kept.here(store.root, one)
    record = here or kept.shipped(one)
    rows = expected_and_measured(one, record) if record else []
    quantities = zip(one.quantities, rows, strict=True) if rows else ()
    seeds = list(record.seeds) if record else []
    return {
        **_evidence_row(store, one),
        "link": one.paper.link,
        "where": str(one.where),
        "setting": str(one.setting),
        "formula": one.formula,
        "quantities": [
            {
                "words": str(words),
                "expected": str(expected),
                "measured": str(measured),
                "inside": inside,
                "by_seed": list(value.by_seed)
                if record and (value := record.value(quantity.name))
                else [],
            }
            for quantity, (words, expected, measured, inside) in quantities
        ],
        "seeds": seeds,
        "measured_here": here is not None,
        "measured_where": str(measured_where(record)) if record else "",
        "claim_caution": str(one.caution),
        "caution": "This was measured with a single seed." if len(seeds) == 1 else None,
        "repeat": one.command,
    }


def _evidence_row(store: RunStore, claim: Claim) -> EvidenceRow:
    record = kept.here(store.root, claim) or kept.shipped(claim)
    return {
        "claim": claim.name,
        "group": claim.group,
        "sentence": str(claim.sentence),
        "paper": claim.paper.short,
        "verdict": record.verdict if record else None,
    }

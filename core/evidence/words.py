"""What a record says, in words: the command line's table, README's and the page's. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.evidence.claim import Claim
from core.evidence.record import Record
from core.language import Message

Row = tuple[str, str, str, bool]


def expected_and_measured(claim: Claim, record: Record) -> list[Row]:
    """Each quantity in words, what is expected, what was measured, whether it lies inside."""
    rows = []
    for quantity in claim.quantities:
        value = record.value(quantity.name)
        measured = value.words if value else Message("not measured yet")
        rows.append((quantity.words, quantity.expected, measured, bool(value and value.inside)))
    return rows


def measured_where(record: Record) -> str:
    """`30 November 2026, AMD EPYC, 2 cores, torch 2.13.0, Python 3.11.7`."""
    place = Message("a GPU") if record.device == "cuda" else record.hardware
    return Message(
        "{date}, {place}, torch {torch}, Python {python}",
        date=record.date,
        place=place,
        torch=record.torch,
        python=record.python,
    )


def markdown(claims: Sequence[Claim], records: Mapping[str, Record]) -> str:
    """A table of claims, each quantity with what is expected and what was measured."""
    lines = ["| claim | expected | measured | verdict |", "|---|---|---|---|"]
    for claim in claims:
        record = records.get(claim.name)
        paper = f"[{claim.paper.short}]({claim.paper.link})"
        said = f"{claim.sentence} {paper}, {claim.where}".replace("|", "\\|")
        if record is None:
            lines.append(f"| {said} | | | not measured |")
            continue
        rows = expected_and_measured(claim, record)
        expected = "<br>".join(f"{words}: {band}" for words, band, _, _ in rows)
        measured = "<br>".join(value for _, _, value, _ in rows)
        cells = [said, expected.replace("|", "\\|"), measured, record.verdict]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)

"""``python -m tests.science.record RUNS``: what was measured becomes what ships.

Copies the records of a runs folder to assets/evidence and writes README's table anew. What was
measured with other code, or lies outside its band, is refused: run `python -m core evidence` first.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from core.evidence import CLAIMS, Record, kept
from core.evidence.record import counts
from core.evidence.words import markdown, measured_where
from core.runs import RunStore

README = Path(__file__).resolve().parents[2] / "README.md"
MARKED = re.compile(r"(<!-- evidence -->\n).*?(<!-- /evidence -->)", re.DOTALL)


def shipped() -> dict[str, Record]:
    """Every record that ships, by its claim."""
    return {claim.name: r for claim in CLAIMS if (r := kept.shipped(claim)) is not None}


def table() -> str:
    """README's part: where and when, how many, and the table."""
    records = shipped()
    places = sorted({measured_where(record) for record in records.values()})
    found = counts(records)
    said = ", ".join(f"{number} {verdict}" for verdict, number in found.items())
    papers = len({claim.paper for claim in CLAIMS})
    said = f"{len(CLAIMS)} claims of {papers} papers: {said}"
    title = f"<summary>{said} (measured {'; '.join(places)})</summary>"
    return f"<details>{title}\n\n{markdown(CLAIMS, records)}\n\n</details>\n"


def write() -> None:
    """README with the table of the records that ship."""
    text = README.read_text("utf-8")
    README.write_text(MARKED.sub(lambda m: m[1] + table() + m[2], text), "utf-8")


def main() -> int:
    """Copy what is there and right; the status is 1 where something is missing."""
    root = RunStore(sys.argv[1] if len(sys.argv) > 1 else None).root
    wrong = []
    kept.SHIPPED.mkdir(exist_ok=True)
    for claim in CLAIMS:
        record = kept.here(root, claim)
        if record is None:
            wrong.append(f"{claim.name} was not measured")
        elif record.verdict == "outside the band":
            wrong.append(f"{claim.name} lies outside its band")
        elif not kept.is_current(record, claim):
            wrong.append(f"{claim.name} was measured with other code")
        else:
            # The runs stay on the machine that trained them.
            ships = record.model_copy(update={"runs": ()})
            text = ships.model_dump_json(by_alias=True, indent=None) + "\n"
            (kept.SHIPPED / f"{claim.name}.json").write_text(text, "utf-8")
    write()
    print("\n".join(wrong))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())

"""No sentence of the rooms that judge, measure and report is plain text, but a message or a mark.

Read from the sources. A literal that reads like words counts, wherever it stands, but for
docstrings, what is compared or looked up, and what a catalogue is given by way of the tables that
`tests.translations` reads.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.evidence import CLAIMS, kept
from core.language import catalogue
from tests.translations import is_translated, templates

ROOT = Path(__file__).resolve().parents[3]
ROOMS = (
    *("core/probes", "core/verdicts", "core/heads", "core/anatomy", "core/evidence"),
    *("dashboard/evidence", "dashboard/report", "dashboard/figures", "dashboard/launch"),
    *("dashboard/attention", "dashboard/anatomy"),
)
SPEAKS = {"Message", "t", "mark", "joined", "sentences", "about", "setting", "Paper"}
# The tables whose texts `tests.translations.in_tables` collects; parameters of the command line.
TABLES = (
    *("core/evidence/claims/", "core/evidence/papers.py", "core/verdicts/labels.py"),
    *("core/anatomy/parameters.py", "core/anatomy/results.py", "core/verdicts/rules.py"),
)
# Drawings in HTML, formats, styles and what only programmers read.
NO_WORDS = re.compile(
    r"""
    .*[<>{}%\\|].* | --sans.* | rgba.* | [\d.\s]*(px|em)\b.* | .*,\ssans-serif.* | x\sunified
    | (top|bottom)\s(center|right|left) | no\sstandby\sfor.* | [A-Z]\w*\s(et\sal\.|Team|&).*
    """,
    re.VERBOSE,
)


# Literals of two words that are keys, commands, or files' own words.
MEANT = {
    "no residual": "a key of WIRINGS",
    "no norm": "a key of WIRINGS",
    "LayerNorm Scaling": "a method's name",
    "not shown here": "a verdict as files keep it, marked in VERDICTS",
    "outside the band": "a verdict as files keep it, marked in VERDICTS",
    "python -m core evidence --only … --again": "a command",
    " + ½ V of layer 1": "a part of an equation",
    "so far": "the end of an English sentence that is looked for",
    "model name": "a line of /proc/cpuinfo",
    "norm final": "classes of a style sheet",
    "not finite": "a word of an answer, for programs",
    "… · He et al. 2016": "a paper",
    "masked head": "a key of what a checkpoint keeps",
    "The capital of France is [MASK].": "a text for a model, in the language that it has read",
}


def modules() -> list[Path]:
    found = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    return [path for path in found if not named(path).startswith(TABLES)]


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def unsaid(source: str) -> Iterator[str]:
    """Texts of at least two words that are no argument of what speaks."""
    yield from _unsaid(ast.parse(source))


def _unsaid(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue  # a docstring
        if isinstance(child, ast.Call):
            name = getattr(child.func, "id", None) or getattr(child.func, "attr", "")
            if name in SPEAKS:
                continue
        if isinstance(child, ast.Compare | ast.Subscript | ast.Assert):
            continue
        if isinstance(child, ast.Dict):
            for value in child.values:
                yield from _unsaid(ast.Tuple([value]))
            continue
        if isinstance(child, ast.JoinedStr):
            parts = [p.value if isinstance(p, ast.Constant) else "…" for p in child.values]
            yield from _words("".join(map(str, parts)), child.lineno)
            for part in child.values:
                if isinstance(part, ast.FormattedValue):
                    yield from _unsaid(ast.Tuple([part.value]))
        elif isinstance(child, ast.Constant):
            if isinstance(child.value, str):
                yield from _words(child.value, child.lineno)
        else:
            yield from _unsaid(child)


def _words(text: str, line: int) -> Iterator[str]:
    if re.search(r"[A-Za-z]{2,} +[A-Za-z]{2,}", text) and not NO_WORDS.fullmatch(text):
        yield f"line {line}: {text}"


@pytest.mark.parametrize("path", modules(), ids=named)
def test_no_sentence_is_plain_text(path: Path) -> None:
    found = [
        text for text in unsaid(path.read_text("utf-8")) if text.partition(": ")[2] not in MEANT
    ]
    assert found == []


def test_a_plain_sentence_is_found() -> None:
    assert list(unsaid('"""What it does."""\nsay("It has ended.")')) == ["line 2: It has ended."]
    assert list(unsaid('x = f"{n} runs have ended"')) == ["line 1: … runs have ended"]
    assert list(unsaid('say(Message("It has ended."))\nif a == "has ended": pass')) == []


def test_every_text_of_every_claim_is_said_in_chinese() -> None:
    forms = catalogue("zh").forms
    lost = set()
    for claim in CLAIMS:
        texts = [claim.sentence, claim.where, claim.setting, claim.source, claim.caution]
        texts += [claim.axes.x, claim.axes.y]
        texts += [text for q in claim.quantities for text in (q.words, q.theory)]
        record = kept.shipped(claim)
        texts += [line.title for line in record.series] if record else []
        lost |= {
            one
            for text in texts
            for one in templates(text)
            if one and is_translated(one) and one not in forms
        }
    assert not lost

"""``make translations``: brings the catalogues below `assets/languages` up to date with the source.

It collects every text that is shown: what stands in `t("...")`, `Message("...")` and `mark("...")`
in Python, in `t(...)` and `tn(...)` in the front end, in `{{ t("...") }}` in templates, and the
words of settings, presets, metrics, states and verdicts from the tables that hold them. Each room
of the source has a file of its own, which keeps its translations; a text that is gone is left out.
Prints what is not translated yet; ends with 1 where a language that is offered lacks something.
"""

from __future__ import annotations

import ast
import re
import string
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_javascript
from babel.messages.pofile import read_po, write_po

from core.language import Message
from core.language.catalogues import DRAFTS, FOLDER, LANGUAGES, SOURCE

ROOT = Path(__file__).resolve().parents[1]
# Where the template stands among the arguments of each function that is given one.
CALLS = {"t": 0, "Message": 0, "mark": 0, "PydanticCustomError": 1}
# Lines of a file's head that say nothing, or change at every call.
UNUSED = (
    r'"(POT-Creation-Date|PO-Revision-Date|Report-Msgid|Last-Translator|Language-Team|Generated)'
)
COMMENT = "Translations of the Add & Norm Lab, written with `make translations`."


@dataclass
class Text:
    """A text that is shown: its plural, if it has one, and the files where it stands."""

    id: str
    plural: str = ""
    places: set[str] = field(default_factory=set)


def in_python(source: str) -> Iterator[tuple[str, str]]:
    """Texts in the source of a module, each with its plural."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else None
        name = node.func.id if isinstance(node.func, ast.Name) else name
        if name not in CALLS:
            continue
        texts = [
            arg.value
            for arg in node.args[CALLS[name] :][:2]
            if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
        ]
        if texts and texts[0]:
            yield texts[0], texts[1] if len(texts) > 1 else ""


def in_javascript(path: Path) -> Iterator[tuple[str, str]]:
    """Texts in a module of the front end."""
    with path.open("rb") as file:
        options = {"encoding": "utf-8", "parse_template_string": True}
        found = extract_javascript(file, ["t", "tn"], [], options)
        for _, function, said, _ in found:
            texts = [said] if isinstance(said, str) else [one for one in said if one]
            if texts:
                yield texts[0], texts[1] if function == "tn" and len(texts) > 1 else ""


def in_template(source: str) -> Iterator[tuple[str, str]]:
    """Texts in a template of HTML."""
    from jinja2 import Environment

    for _, _, said in Environment(extensions=["jinja2.ext.i18n"]).extract_translations(
        source, ["t"]
    ):
        # None of t(name), where a name of a table is shown.
        texts = [said] if isinstance(said, str) else [one for one in said or () if one]
        if texts:
            yield texts[0], texts[1] if len(texts) > 1 else ""


def in_tables() -> Iterator[tuple[str, str]]:
    """The room and each text of the tables that say what things are called."""
    from core.config import settings
    from core.evidence import CLAIMS, kept
    from core.glossary import terms
    from core.jobs.inspections import State as WorkState
    from core.language import JOINTS, REASONS
    from core.lessons import lessons
    from core.metrics import names
    from core.runs.status import COMMANDS, STATES
    from core.verdicts.labels import STATE_LABELS, VERDICT_LABELS
    from dashboard.ui import navigation

    for name in navigation.names():
        yield "dashboard.app_pages", navigation.title(name)
    for text in (*JOINTS.values(), *REASONS):
        yield "core.language", text
    for text in (*STATES, *COMMANDS):
        yield "core.runs", text
    for text in get_args(WorkState):
        yield "core.jobs", text
    for info in settings().values():
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        for text in (info.title, info.description, extra.get("unit")):
            yield "core.config", str(text or "")
    for text in (*_strings(names.for_browser()), *names.NOTES.values()):
        yield "core.metrics", text
    for label in (*STATE_LABELS.values(), *VERDICT_LABELS.values()):
        for text in label:
            yield "core.verdicts", text if isinstance(text, str) else ""
    for claim in CLAIMS:
        for text in (claim.sentence, claim.where, claim.setting, claim.source, claim.caution):
            yield from (("core.evidence", one) for one in templates(text))
        for text in (claim.axes.x, claim.axes.y):
            yield "core.evidence", text
        for quantity in claim.quantities:
            for text in (quantity.words, quantity.theory):
                yield from (("core.evidence", one) for one in templates(text))
        if record := kept.shipped(claim):
            for line in record.series:
                yield from (("core.evidence", one) for one in templates(line.title))
    for term in terms().values():
        for text in (term.name, term.group, term.also, term.text, *(said for said, _ in term.see)):
            yield "assets.glossary", text
    for lesson in lessons().values():
        for text in lesson.texts:
            yield "assets.lessons", text
    for folder in ("presets", "sweeps"):
        for path in sorted((ROOT / "assets" / folder).glob("*.toml")):
            told = tomllib.loads(path.read_text(encoding="utf-8"))
            for key in ("title", "summary", "question", "look"):
                yield f"assets.{folder}", str(told.get(key, ""))


def templates(text: str) -> Iterator[str]:
    """The text, or what a message was made from: its template, and those of its values."""
    if not isinstance(text, Message):
        yield text
        return
    yield text.template
    for value in text.values.values():
        if isinstance(value, Message):
            yield from templates(value)


def _strings(table: object) -> Iterator[str]:
    if isinstance(table, str):
        yield table
    elif isinstance(table, dict):
        for value in table.values():
            yield from _strings(value)
    elif isinstance(table, list | tuple):
        for value in table:
            yield from _strings(value)


def room_of(path: Path) -> str:
    """The room of a file: `core.verdicts`, `dashboard.lab`, `dashboard.frontend.lab`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[1] == "frontend" and parts[3:4] == ("views",):
        return f"dashboard.frontend.{parts[4]}"
    if parts[1] == "frontend" and parts[3:4] == ("notice",):
        return "dashboard.frontend.notice"
    return ".".join(parts[: 2 if len(parts) > 2 or parts[0] == "core" else 1])


def texts() -> dict[str, dict[str, Text]]:
    """Every text by its room; one that stands in several belongs to the first by name."""
    found: dict[str, Text] = {}
    rooms: dict[str, str] = {}

    def add(room: str, place: str, id: str, plural: str = "") -> None:
        if not is_translated(id):
            return
        text = found.setdefault(id, Text(id))
        text.plural = text.plural or plural
        text.places.add(place)
        rooms[id] = min(rooms.get(id, room), room)

    for top in ("core", "dashboard"):
        for path in sorted((ROOT / top).rglob("*")):
            if "node_modules" in path.parts or "test" in path.parts or not path.is_file():
                continue
            if path.suffix == ".py" and "language" not in path.parts:
                pairs = in_python(path.read_text(encoding="utf-8"))
            elif path.suffix == ".js":
                pairs = in_javascript(path)
            elif path.suffix == ".html":
                pairs = in_template(path.read_text(encoding="utf-8"))
            else:
                continue
            for id, plural in pairs:
                add(room_of(path), path.relative_to(ROOT).as_posix(), id, plural)
    for room, id in in_tables():
        add(room, room.replace(".", "/"), id)
    sorted_into: dict[str, dict[str, Text]] = {}
    for id in sorted(found):
        sorted_into.setdefault(rooms[id], {})[id] = found[id]
    return sorted_into


def is_translated(id: str) -> bool:
    """Whether languages write it differently: it has letters, or points between or after values."""
    rest = re.sub(r"\{[^}]*\}", "", id)
    joins = ("{" in id or id.endswith(" ")) and (re.search(r"[.,:;()?]", rest) or rest == " ")
    return bool(re.search(r"[^\W\d_]", rest) or joins)


def names_of(template: str) -> set[str]:
    """The values that a template asks for."""
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def known(language: str) -> dict[str, tuple[str, ...]]:
    """What the files of a language say now, by template."""
    found: dict[str, tuple[str, ...]] = {}
    for path in sorted((FOLDER / language).glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=language):
                ids = message.id if isinstance(message.id, tuple | list) else (message.id,)
                said = message.string
                forms = tuple(said) if isinstance(said, tuple | list) else (said,)
                if ids[0] and all(forms):
                    found[str(ids[0])] = tuple(map(str, forms))
    return found


def missing(language: str) -> dict[str, list[str]]:
    """By room: what has no translation, or one with other values than its template."""
    said = known(language)
    lacks: dict[str, list[str]] = {}
    for room, there in texts().items():
        for id, text in there.items():
            names = names_of(text.plural or id) if "{" in id else set()
            forms = said.get(id, ())
            wrong = any(names_of(form) - names for form in forms) if "{" in id else False
            lost = bool(forms) and names - {"n"} - set().union(*map(names_of, forms))
            if not forms or wrong or lost:
                lacks.setdefault(room, []).append(id)
    return lacks


def update(language: str) -> None:
    """Write the files of a language anew: every text of today, with the translation it has."""
    said = known(language)
    folder = FOLDER / language
    folder.mkdir(parents=True, exist_ok=True)
    old = set(folder.glob("*.po"))
    for room, there in texts().items():
        catalog = Catalog(
            locale=language,
            header_comment=f"# {COMMENT}",
            project="Add & Norm Lab",
            version="1",
            fuzzy=False,
        )
        for text in there.values():
            forms = said.get(text.id)
            id = (text.id, text.plural) if text.plural else text.id
            string: str | tuple[str, ...] | None = None
            if forms:
                string = forms if text.plural else forms[0]
            catalog.add(id, string, locations=[(place, 0) for place in sorted(text.places)])
        path = folder / f"{room}.po"
        old.discard(path)
        with path.open("wb") as file:
            write_po(file, catalog, width=100, omit_header=False, include_lineno=False)
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not re.match(UNUSED, line)]
        path.write_text("".join(kept), encoding="utf-8")
    for path in old:
        path.unlink()


def main() -> int:
    whole = True
    for language in [*LANGUAGES, *DRAFTS]:
        if language == SOURCE:
            continue
        update(language)
        lacks = missing(language)
        for room, ids in lacks.items():
            print(f"{language} {room}: {len(ids)} to translate")
        whole &= language not in LANGUAGES or not lacks
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())

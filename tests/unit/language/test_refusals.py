"""What a user is refused is a message: no raise of these rooms holds a text that can't be said.

Read from the sources, so that a sentence that no test provokes counts too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.language import catalogue
from tests.translations import is_translated

CORE = Path(__file__).resolve().parents[3] / "core"
ROOMS = (
    *("catalogue", "cli", "config", "data", "jobs", "metrics", "models", "runs", "training"),
    *("transfer", "."),  # the modules beside the rooms
)
SPEAKS = {"Message", "t", "reason", "told", "joined", "explain", "refusal", "mark"}
# Texts in a raise that nobody reads, by module.
UNREAD = {
    "core/__init__.py": "a name that is none is a programmer's mistake",
    "core/config/rough.py": "a number that is none is a programmer's mistake",
    "core/jobs/ray_node.py": "it travels to nodes, where there is no catalogue; they pass it on",
}


def modules() -> Iterator[Path]:
    for room in ROOMS:
        found = CORE.glob("*.py") if room == "." else (CORE / room).rglob("*.py")
        yield from sorted(found)


def named(path: Path) -> str:
    return path.relative_to(CORE.parent).as_posix()


def raises(path: Path) -> Iterator[ast.Raise]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            yield node


def plain(node: ast.AST) -> Iterator[str]:
    """Texts with a space, f-strings and `str(...)` that a call is given, outside of messages."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            name = getattr(child.func, "id", None) or getattr(child.func, "attr", "")
            if name in SPEAKS:
                continue
            if name == "str" and "error" in ast.unparse(child):
                yield ast.unparse(child)
        if isinstance(child, ast.JoinedStr):
            yield ast.unparse(child)
        elif isinstance(child, ast.Constant):
            if isinstance(child.value, str) and " " in child.value.strip(" ,;"):
                yield child.value
        else:
            yield from plain(child)


def templates(node: ast.AST) -> Iterator[str]:
    for child in ast.walk(node):
        if isinstance(child, ast.Call) and getattr(child.func, "id", "") == "Message":
            for text in child.args[:1]:
                if isinstance(text, ast.Constant):
                    yield str(text.value)


@pytest.mark.parametrize("path", list(modules()), ids=named)
def test_what_is_raised_is_a_message(path: Path):
    found = {
        f"line {node.lineno}: {text}"
        for node in raises(path)
        for text in plain(node.exc)  # type: ignore[arg-type]
    }
    assert named(path) in UNREAD or not found


@pytest.mark.parametrize("path", [p for p in modules() if any(raises(p))], ids=named)
def test_what_is_raised_is_said_in_chinese(path: Path):
    catalogue.cache_clear()
    said = catalogue("zh")
    lacks = {
        text
        for node in raises(path)
        for text in templates(node)
        if said.form(text) is None and is_translated(text)
    }
    assert lacks == set()


@pytest.mark.parametrize("path", list(modules()), ids=named)
def test_what_was_raised_is_passed_on_as_a_message(path: Path):
    """`str(error)` is English alone; `told(error)` and `Message("{why}", why=error)` are not."""
    lines = [line for line in path.read_text("utf-8").splitlines() if "str(error)" in line]
    passed = re.compile(r"\b(return|yield)\b|append\(|message=")
    assert [one for one in lines if passed.search(one) and "search(" not in one] == []


def test_a_plain_text_would_be_found():
    source = (
        'raise A(f"{b} is wrong")\nraise A("it is wrong")\nraise A(str(error)) from error\n'
        'raise A(Message("it is {b}", b=str(c)))\n'
        'raise A(errno.EINVAL, Message("a b"))\nraise A("x")'
    )
    told = [list(plain(node.exc)) for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Raise) and node.exc]  # fmt: skip
    assert [len(one) for one in told] == [1, 1, 1, 0, 0, 0]

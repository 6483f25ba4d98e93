"""No submodule hides what its package offers under the same name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = sorted(
    file
    for top in ("core", "dashboard", "tests")
    for file in (ROOT / top).rglob("__init__.py")
    if file.stat().st_size
)


def top_level(tree: ast.AST) -> Iterator[ast.AST]:
    """Its nodes, without what stands inside of a class or a function."""
    for node in ast.iter_child_nodes(tree):
        yield node
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from top_level(node)


def bound(package: Path) -> set[str]:
    """Names at the top level of a package that are something else than its own submodule.

    Read and not imported: an import of the submodule replaces the name, which is the very harm.
    """
    dotted = ".".join(package.parent.relative_to(ROOT).parts)
    found: set[str] = set()
    for node in top_level(ast.parse(package.read_text(encoding="utf-8"))):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.add(name)
            case ast.ClassDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                found.add(name)
            case ast.Import(names=names):
                found |= {n.asname or n.name.split(".")[0] for n in names}
            case ast.ImportFrom(module=module, names=names, level=level):
                own = (level == 1 and module is None) or (level == 0 and module == dotted)
                found |= {n.asname or n.name for n in names if not own or n.asname}
    return found


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: str(p.parent.relative_to(ROOT)))
def test_no_submodule_has_the_name_of_something_else_in_its_package(package: Path) -> None:
    modules = {f.stem for f in package.parent.glob("*.py")} | {
        f.parent.name for f in package.parent.glob("*/__init__.py")
    }
    assert not bound(package) & modules

"""The front end's modules as one classic script, which a page of a folder may load.

A browser loads no module from `file://`: there every file is an origin of its own. So each module
becomes a function that takes what it imports from those before it and leaves what it exports for
those after it. The modules are written in a small part of the language's ways to import and export,
and whatever else one of them would do is refused here, by its name.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.[^"]+)"(?: *//.*)?$', re.M)
EXPORT = re.compile(r"^export (?=(?:async function|function|class|const) (\w+))", re.M)
LEFT = re.compile(r"^(?:import|export)\b.*", re.M)


def bundle(modules: Mapping[str, str], entry: str) -> str:
    """The script of the modules that `entry` needs, each once, those that are imported first.

    `modules` are sources by their paths below one folder. The same sources give the same script.
    Raises ValueError for a module that is missing, imports itself through others, or imports or
    exports in another way than by names.
    """
    parts = [_wrapped(name, modules[name]) for name in order(modules, entry)]
    return "\n".join(['(async () => {\n"use strict"\nconst modules = {}', *parts, "})()\n"])


def order(modules: Mapping[str, str], entry: str) -> list[str]:
    """The paths of the modules that `entry` needs, itself the last. Raises ValueError as above."""
    done: dict[str, None] = {}
    open_: list[str] = []

    def visit(name: str, by: str) -> None:
        if name in done:
            return
        if name in open_:
            raise ValueError(f"{name} imports itself through {by}")
        if name not in modules:
            raise ValueError(f"{by} imports {name}, which is not there")
        open_.append(name)
        for _, path in IMPORT.findall(modules[name]):
            visit(_from(name, path), name)
        open_.pop()
        done[name] = None

    visit(entry, entry)
    return list(done)


def _from(name: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), path))


def _wrapped(name: str, source: str) -> str:
    """A module as a function that is called at once; one may wait, so all are waited for."""
    exports: list[str] = EXPORT.findall(source)

    def taken(found: re.Match[str]) -> str:
        names = re.sub(r"(\w+) as (\w+)", r"\1: \2", found[1]).strip()
        return f'const {{ {names} }} = modules["{_from(name, found[2])}"]'

    body = EXPORT.sub("", IMPORT.sub(taken, source))
    if left := LEFT.search(body):
        raise ValueError(f"{name} can't be bundled because of the line {left[0]!r}")
    given = ", ".join(exports)
    return (
        f"// {name}\nawait (async () => {{\n{body.rstrip()}\n"
        f'modules["{name}"] = {{ {given} }}\n}})()'
    )

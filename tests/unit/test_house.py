"""The shape of the house: who may import whom, and that nothing goes round in a circle.

Read from the sources, so that an import inside a function counts too; one that only a type checker
sees (`if TYPE_CHECKING`) does not.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests import house

ROOT = Path(__file__).resolve().parents[2]

# What each room of `core` may import of the others. `core.cli` and `core.__main__` stand above all,
# and every room may speak: below all is `core.language`.
MAY_IMPORT: dict[str, set[str]] = {
    "config": {"language"},
    "resources": set(),
    "language": {"resources"},
    "glossary": {"config", "resources"},
    "memory": set(),
    "machine": {"memory"},
    "presets": {"config", "resources"},
    "grids": {"config", "files", "presets", "resources"},
    "estimate": {"config", "estimate_resnet"},
    "estimate_resnet": {"config"},
    "fitting": {"config", "estimate", "memory"},
    "files": set(),
    "cache": set(),
    "marker_queue": {"files"},
    "palette": set(),
    "plots": {"config", "metrics", "palette"},
    "shown": set(),
    "data": {"cache", "config", "files"},
    "models": {"config"},
    "metrics": {"cache", "config", "files"},
    "heads": {"cache", "files"},
    "runs": {
        *("cache", "config", "files", "fitting", "heads", "marker_queue", "memory", "metrics"),
        "plots",
    },
    "verdicts": {"config", "metrics", "runs"},
    "catalogue": {"cache", "config", "estimate", "files", "metrics", "runs", "verdicts"},
    "pretrained": {"config", "data", "files", "language", "runs"},
    "transfer": {"catalogue", "files", "metrics", "runs"},
    "durations": {"config", "data", "estimate", "machine", "runs"},
    "probes": {"config", "metrics", "models", "verdicts"},
    "record": {"metrics", "probes", "runs"},
    "trackers": {"metrics"},
    "training": {
        *("config", "data", "files", "memory", "metrics", "models", "probes", "runs", "trackers"),
    },
    "anatomy": {"config", "data", "files", "heads", "models", "probes", "runs", "training"},
    "evidence": {
        *("anatomy", "cache", "config", "data", "files", "language", "models", "presets"),
        *("probes", "resources", "runs", "training"),
    },
    "lessons": {
        *("catalogue", "config", "estimate", "evidence", "files", "heads", "language", "metrics"),
        *("resources", "runs", "verdicts"),
    },
    "jobs": {
        *("anatomy", "cache", "catalogue", "config", "data", "durations", "estimate", "evidence"),
        *("files", "fitting", "grids", "machine", "marker_queue", "memory", "metrics"),
        *("models", "runs", "training", "transfer"),
    },
    "bench": {
        *("config", "data", "jobs", "language", "machine", "models", "probes", "runs", "training"),
    },
    "programs": {
        *("anatomy", "catalogue", "config", "data", "durations", "estimate", "evidence", "files"),
        *("grids", "jobs", "machine", "metrics", "plots", "presets", "runs", "shown"),
        *("training", "verdicts"),
    },
}
# What each room of `dashboard` may import of the others. Its scripts stand above all: `app` and
# `main`, which Streamlit is given, and the pages.
DASHBOARD_SCRIPTS = {"__main__", "app", "main", "app_pages"}
DASHBOARD_MAY_IMPORT: dict[str, set[str]] = {
    "ui": set(),
    "live": set(),
    "web": {"ui"},
    "figures": {"ui"},
    "address": {"ui"},
    "notice": {"figures"},
    "settings": {"address"},
    "catalogue": {"live", "settings", "ui"},
    "components": {"address", "catalogue", "live", "ui", "web"},
    "report": {"catalogue", "figures", "ui", "web"},
    "api": {"live", "web"},
    "launch": {"live", "settings", "ui"},
    "lab": {
        *("address", "catalogue", "components", "figures", "launch", "live", "notice", "settings"),
        "ui",
    },
    "compare": {
        *("address", "catalogue", "components", "launch", "live", "notice", "report", "settings"),
        "ui",
    },
    "attention": {"address", "catalogue", "ui"},
    "anatomy": {"address", "catalogue", "components", "figures", "live", "notice", "ui"},
    "evidence": {"address", "components", "figures", "live", "notice", "ui"},
    "runs": {"address", "catalogue", "compare", "components", "live", "ui"},
    "publish": {"api", "attention", "catalogue", "compare", "components", "report", "ui", "web"},
    "glossary": {"figures", "ui"},
    "learn": {"address", "components", "figures", "launch", "live", "report", "ui"},
}
# What of `core` the dashboard may use: rooms that know no torch.
FOR_THE_DASHBOARD = {
    *("anatomy", "cache", "catalogue", "config", "data", "durations", "estimate", "evidence"),
    *("files", "grids"),
    *("heads", "jobs", "machine", "memory", "metrics", "presets", "resources", "runs", "transfer"),
    "glossary",
    "language",
    "lessons",
    "palette",
    "plots",
    "pretrained",
    "shown",
    "verdicts",
}


def modules(top: str) -> dict[str, Path]:
    """Dotted name of each module below a folder, and its file."""
    found = {}
    for path in (ROOT / top).rglob("*.py"):
        if "node_modules" in path.parts:
            continue
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules("core") | modules("dashboard")


def imports(node: ast.AST) -> Iterator[str]:
    """The project's modules that a syntax tree imports, wherever in it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        if isinstance(child, ast.ImportFrom) and child.module:
            for alias in child.names:
                whole = f"{child.module}.{alias.name}"
                yield whole if whole in MODULES else child.module
        elif isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        yield from imports(child)


GRAPH = {
    name: {one for one in imports(ast.parse(path.read_text("utf-8"))) if one in MODULES} - {name}
    for name, path in MODULES.items()
}


def room(module: str) -> str:
    """The second part of a dotted name: a package, or a module beside the packages."""
    return ".".join(module.split(".")[:2])


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of names that reach one another (Tarjan's strongly connected components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in graph.get(name, ()):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(sorted(group))

    for name in graph:
        if name not in index:
            visit(name)
    return found


def rooms() -> dict[str, set[str]]:
    """Which rooms each room imports."""
    graph: dict[str, set[str]] = {}
    for name, others in GRAPH.items():
        graph.setdefault(room(name), set()).update(
            room(other) for other in others if room(other) != room(name)
        )
    return graph


def test_circles_are_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def test_no_file_imports_itself_through_others():
    assert circles(GRAPH) == []


def test_no_room_imports_itself_through_others():
    assert circles(rooms()) == []


def test_each_room_of_core_imports_only_what_it_may():
    found = {
        name.removeprefix("core."): {other.removeprefix("core.") for other in others} - {"core"}
        for name, others in rooms().items()
        if name.startswith("core.") and name not in ("core.cli", "core.__main__")
    }
    assert set(found) == set(MAY_IMPORT), "a room without a rule, or a rule without a room"
    spoken = {"language"}
    assert {name: others - MAY_IMPORT[name] - spoken for name, others in found.items()} == {
        name: set() for name in found
    }


def test_each_room_of_the_dashboard_imports_only_what_it_may():
    found = {
        name.removeprefix("dashboard."): {
            other.removeprefix("dashboard.") for other in others if other.startswith("dashboard.")
        }
        for name, others in rooms().items()
        if name.startswith("dashboard.")
    }
    scripts = {name: others for name, others in found.items() if name in DASHBOARD_SCRIPTS}
    assert set(scripts) == DASHBOARD_SCRIPTS
    kept = {name: others for name, others in found.items() if name not in DASHBOARD_SCRIPTS}
    assert set(kept) == set(DASHBOARD_MAY_IMPORT), "a room without a rule, or the other way round"
    assert {name: others - DASHBOARD_MAY_IMPORT[name] for name, others in kept.items()} == {
        name: set() for name in kept
    }


def test_what_a_page_shows_is_read_without_streamlit():
    models = [n for n in MODULES if n.startswith("dashboard.") and n.endswith(".model")]
    assert len(models) >= 4
    for name in (*models, "dashboard.address.param", "dashboard.settings.form"):
        source = ast.parse(MODULES[name].read_text("utf-8"))
        imported = {
            alias.name if isinstance(node, ast.Import) else str(node.module)
            for node in ast.walk(source)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        assert not [one for one in imported if one.split(".")[0] == "streamlit"], name


def test_core_knows_no_dashboard_and_the_dashboard_only_what_knows_no_torch():
    reached = {name: others for name, others in rooms().items() if name.startswith("core")}
    assert not [other for others in reached.values() for other in others if "dashboard" in other]
    used = {
        other.removeprefix("core.")
        for name, others in rooms().items()
        if name.startswith("dashboard")
        for other in others
        if other.startswith("core.")
    }
    assert used <= FOR_THE_DASHBOARD


def test_the_picture_shows_every_room_and_each_row_imports_only_rows_below_it():
    rows = [(top, row) for top, rows in house.ROWS.items() for row in rows]
    boxes = {
        f"{top}.{room}": (height, box.rooms)
        for height, (top, row) in enumerate(rows)
        for box in row
        for room in box.rooms.split()
    }
    sources = {name for name in rooms() if "." in name}
    assert set(boxes) == sources | {"dashboard.frontend"}  # whose own tests hold it
    upwards = [
        f"{name} imports {other}"
        for name, others in rooms().items()
        for other in others & set(boxes)
        if name in boxes and boxes[other] != boxes[name] and boxes[other][0] <= boxes[name][0]
    ]
    assert upwards == []
    text = house.PICTURE.read_text("utf-8")
    assert text == house.svg(), "python -m tests.house draws it anew"


def test_contributing_names_files_that_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    top = r"`((?:core|dashboard|tests|assets|frontend)/[\w./-]*)`"
    written = set(re.findall(top, text)) - {"core/probes/growth.py", "dashboard/app_pages/notes.py"}
    assert len(written) > 40
    missing = [
        path
        for path in written
        if not (ROOT / path).exists() and not (ROOT / "dashboard" / path).exists()
    ]
    assert missing == []

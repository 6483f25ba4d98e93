"""The browser's files, served once under addresses that change with their content.

The front end is native modules, the files below `frontend/src`, which import one another by
relative paths; the browser fetches them below one address that holds a hash of them all. Nothing is
built.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from functools import cache
from importlib.resources import files
from pathlib import Path

from core import glossary
from core.anatomy.operations import ACTIONS
from core.metrics import limits, names
from core.verdicts import labels, rules

FRONTEND = Path(__file__).resolve().parents[1] / "frontend"
SOURCES = FRONTEND / "src"
ENTRY = "mount.js"  # what loader.js imports
PUBLISHED = "published/"  # modules of pages that have no dashboard behind them
LABELS = SOURCES / "protocol" / "labels.js"


def text(name: str) -> str:
    """A file of the front end that travels inside a page."""
    return (FRONTEND / name).read_text(encoding="utf-8")


def labels_module() -> str:
    """`labels.js`: words of states and verdicts, names of metrics, terms, rules, limits, what
    operations do."""
    told = labels.for_browser()
    told |= {"glossary": glossary.for_browser(), "rules": rules.for_browser()}
    told |= {"metrics": names.for_browser(), "limits": limits.for_browser(), "operations": ACTIONS}
    table = json.dumps(told, ensure_ascii=False, indent=2)
    return (
        "// Words of states and verdicts, of metrics and terms; rules, limits. Written from core\n"
        "// by `python -m dashboard.web.assets`; a test holds them together.\n\n"
        f"export const LABELS = {table}\n"
    )


@cache
def sources() -> dict[str, bytes]:
    """All modules by their paths below `frontend/src`."""
    found = sorted(SOURCES.rglob("*.js"))
    return {path.relative_to(SOURCES).as_posix(): path.read_bytes() for path in found}


@cache
def modules() -> dict[str, bytes]:
    """Those that the dashboard's own pages load."""
    return {n: content for n, content in sources().items() if not n.startswith(PUBLISHED)}


@cache
def _version() -> str:
    found = hashlib.sha256()
    for name, content in modules().items():
        found.update(name.encode() + b"\0" + content + b"\0")
    return found.hexdigest()[:12]


@cache
def plotly() -> bytes:
    """plotly.js as the installed package ships it."""
    return files("plotly").joinpath("package_data/plotly.min.js").read_bytes()


def module_urls() -> list[str]:
    """Where the browser finds each module, the entry first."""
    names = sorted(modules(), key=lambda name: (name != ENTRY, name))
    return [f"/api/assets/{_version()}/{name}" for name in names]


def hub_url() -> str:
    """Where the browser finds the module that mounts a view."""
    return module_urls()[0]


def plotly_url() -> str:
    """Where the browser finds plotly.js."""
    import plotly as package

    return f"/api/assets/plotly-{package.__version__}.js"


@cache
def compressed(path: str) -> bytes | None:
    """The gzipped content of an address given out above; None for any other."""
    if path == plotly_url():
        return gzip.compress(plotly(), 6)
    base = f"/api/assets/{_version()}/"
    module = modules().get(path.removeprefix(base)) if path.startswith(base) else None
    return None if module is None else gzip.compress(module, 9)


if __name__ == "__main__":
    LABELS.write_text(labels_module(), encoding="utf-8")

"""The browser's pure functions, called in Node from a test."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest

from dashboard.web import assets

# What the sources touch while they load; a test that needs more of a browser belongs into one.
BROWSER = """
globalThis.window = globalThis
globalThis.document = { hidden: false, addEventListener() {}, head: { appendChild() {} },
  createElement: () => ({ style: {}, classList: { add() {}, toggle() {} }, append() {},
    setAttribute() {}, getContext: () => ({ measureText: (t) => ({ width: 6.2 * t.length }) }) }) }
globalThis.addEventListener = () => {}
"""
# What runs a published page, which has to be there.
OF_A_PAGE = {assets.SOURCES / "published" / name for name in ("page.js", "start.js")}


def evaluate(code: str, **values: Any) -> Any:
    """What `code` returns, as JSON, with the live parts' functions and `values` in scope.

    `code` is the body of an async function. Skips the test where Node is not installed.
    """
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed, so JavaScript can't be run outside a browser")
    loads = "".join(
        f"Object.assign(globalThis, await import({json.dumps(path.as_uri())}));\n"
        for path in sorted(assets.SOURCES.rglob("*.js"))
        if path not in OF_A_PAGE
    )
    given = "".join(f"const {name} = {json.dumps(value)}\n" for name, value in values.items())
    call = f"(async () => {{ {given}{code}\n}})().then((r) => console.log(JSON.stringify(r)))"
    done = subprocess.run(
        [node, "--input-type=module", "-"],
        input=f"{BROWSER}{loads}\n{call}",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.strip().splitlines()[-1])

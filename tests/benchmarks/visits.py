"""What the server computes for a visit, without a browser: until Train or a table is sent, in all.

``python -m tests.benchmarks.visits FOLDER``, in which ``tests.benchmarks.many`` made its runs. Of
each folder the first visit of a server that was just started, which has read none of its runs, and
a second one. A browser adds the same whatever is in the folder; seconds of processor hold on a
busy machine, too.
"""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from core.catalogue.summary import FILE
from tests.benchmarks.processes import processor_seconds
from tests.browser.driver import Dashboard

CASES = (
    ("no run: Lab", "none", "", "Train"),
    ("one run of 1,000,000 steps: Lab", "long", "", "Train"),
    ("3,000 runs without a digest: Lab", "many", "", "Train"),
    ("3,000 runs without a digest: Compare", "many", "compare", "runs_table"),
    ("10,000 runs without a digest: Runs", "more", "runs", "runs_table"),
)


@dataclass(frozen=True)
class Visit:
    """Seconds of the server's processor until it sent what was waited for, and to the end of the
    script; bytes of all that it sent."""

    sent: float
    whole: float
    bytes: int


async def visit(dashboard: Dashboard, page: str = "", wanted: str = "Train") -> Visit:
    """Run a page's script as a new tab does."""
    assert dashboard.process is not None
    pid, before = dashboard.process.pid, processor_seconds(dashboard.process.pid)
    address = f"ws://127.0.0.1:{dashboard.port}/_stcore/stream"
    async with websockets.connect(
        address, origin=dashboard.url, subprotocols=["streamlit"], max_size=None
    ) as connection:
        asked = BackMsg()
        asked.rerun_script.page_name = page
        await connection.send(asked.SerializeToString())
        said, sent, size = ForwardMsg(), None, 0
        while said.WhichOneof("type") != "script_finished":
            answer = await connection.recv()
            size += len(answer)
            said.ParseFromString(answer)
            if sent is None and _is(said, wanted):
                sent = processor_seconds(pid) - before
    return Visit(sent or float("nan"), processor_seconds(pid) - before, size)


def _is(said: ForwardMsg, wanted: str) -> bool:
    """Whether a message puts the button or the live view onto the page."""
    element = said.delta.new_element
    if element.WhichOneof("type") == "button":
        return bool(element.button.label == wanted)
    return said.WhichOneof("type") == "delta" and wanted in element.bidi_component.id


def main() -> None:
    """Print a table, a row as soon as it is known."""
    folder = Path(sys.argv[1])
    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    print("| processor, s | first visit: sent | whole | second: sent | whole |")
    print("|---|--:|--:|--:|--:|")
    for name, which, page, wanted in CASES:
        for digest in (folder / which).glob(f"*/{FILE}"):
            digest.unlink()
        with Dashboard(folder / which) as dashboard:
            found = [asyncio.run(visit(dashboard, page, wanted)) for _ in range(2)]
        cells = " | ".join(f"{one.sent:.2f} | {one.whole:.2f}" for one in found)
        print(f"| {name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()

"""An agent speaks the protocol with ``python -m core mcp`` over standard input and output."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import StdioServerParameters
from mcp.client import Client
from mcp.client.stdio import stdio_client

from core.cli.options import UsageError
from core.runs import RunStore
from tests.conftest import SMALL, small
from tests.fake_runs import finished

ROOT = Path(__file__).resolve().parents[3]
Talk = Callable[[Client], Awaitable[None]]
READ = {
    "list_runs", "describe_run", "read_series", "compare_runs", "read_sweep", "list_settings",
    "list_presets", "list_evidence", "read_evidence", "price", "wait_for_runs",
}  # fmt: skip
CHANGE = {"start_run", "start_twin", "start_sweep", "stop_run"}


@asynccontextmanager
async def served(store: RunStore, *words: str) -> AsyncIterator[Client]:
    """A client of a server in a process of its own."""
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "core", "mcp", "--runs-dir", str(store.root), *words],
        env={**os.environ, "LC_ALL": "zh_CN.UTF-8"},  # agents are answered in English
        cwd=str(ROOT),
    )
    async with Client(stdio_client(parameters)) as client:
        yield client


def talk(store: RunStore, about: Talk, *words: str) -> None:
    async def whole() -> None:
        async with served(store, *words) as client:
            await about(client)

    asyncio.run(asyncio.wait_for(whole(), 240))


async def ask(client: Client, tool: str, **arguments: Any) -> Any:
    """What a tool answers, as plain values."""
    found = await client.call_tool(tool, arguments)
    assert not found.is_error, found.content
    answer = found.structured_content
    return answer["result"] if answer is not None and set(answer) == {"result"} else answer


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    """The sentence with which a tool refuses."""
    found = await client.call_tool(tool, arguments)
    assert found.is_error
    return str(found.content[0].text)


def end(store: RunStore) -> None:
    """End the worker of a runs folder."""
    import signal

    from core.jobs.processes import STANDBY

    pid = STANDBY.lock(store.root).read_text().strip()
    if pid.isdecimal():
        os.kill(int(pid), signal.SIGTERM)


@pytest.mark.slow
def test_an_agent_starts_a_twin_waits_and_reads_the_verdict(store: RunStore) -> None:
    async def about(client: Client) -> None:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        assert tools == READ | CHANGE
        changes = {**SMALL, "training.steps": 60}
        price = await ask(client, "price", changes=changes)
        assert price["steps"] == 60
        assert price["budget_left"] == {"runs": 3, "steps": 150, "flops": None}
        base = (await ask(client, "start_run", changes=changes, name="base"))["runs"][0]
        told = await ask(client, "start_twin", run=base, setting="model.placement", value="post")
        twin = told["runs"][0]
        assert told["budget_left"] == {"runs": 1, "steps": 30, "flops": None}
        waited = {"ended": False}
        while not waited["ended"]:
            waited = await ask(client, "wait_for_runs", runs=[base, twin], seconds=20)
        assert [run["state"] for run in waited["runs"]] == ["finished", "finished"]
        assert "single seed" in waited["comparison"]["caution"]
        verdict = (await ask(client, "describe_run", run=twin))["verdict"]
        assert not verdict["so_far"]
        assert verdict["sentence"] == waited["runs"][1]["verdict"]["sentence"]
        series = await ask(client, "read_series", run=twin, metric="loss/train")
        assert series["rows"] == 60
        sentence = await refused(
            client, "start_sweep", name="more", values={"model.depth": [1, 2]}, changes=SMALL
        )
        assert sentence.startswith("this needs 6 runs, and 1 are left of the budget")

    try:
        limits = ("--budget-runs", "3", "--budget-steps", "150")
        talk(store, about, "--allow-training", *limits)
        base, twin = store.list()
        assert twin.meta["twin_of"] == base.id
    finally:
        end(store)


def test_without_the_flag_nothing_can_be_started_or_changed(store: RunStore) -> None:
    run = finished(store, "one", steps=200)
    waits = store.create(small(), "waits")

    async def about(client: Client) -> None:
        assert {tool.name for tool in (await client.list_tools()).tools} == READ
        assert "only reads" in (client.instructions or "")
        for tool in CHANGE:
            assert "--allow-training" in await refused(client, tool, run=run.id)
        listed = await ask(client, "list_runs", filter="state == finished")
        assert [one["id"] for one in listed["runs"]] == [run.id]
        assert "there is no run 'x'" in await refused(client, "describe_run", run="x")
        assert "did you mean" in await refused(client, "list_runs", filter="dept > 3")
        evidence = await ask(client, "list_evidence", group="norms")
        assert len(evidence) >= 3

    talk(store, about)
    assert {one.id: one.status for one in store.list()} == {run.id: "finished", waits.id: "queued"}


def test_a_missing_package_is_said_in_one_sentence(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.__main__ import parser_of_commands

    monkeypatch.setitem(sys.modules, "mcp", None)
    monkeypatch.setitem(sys.modules, "mcp.server.mcpserver", None)
    monkeypatch.delitem(sys.modules, "core.programs.server", raising=False)
    options = parser_of_commands().parse_args(["mcp"])
    with pytest.raises(UsageError, match=r"pip install 'mcp>=2\.3,<3'"):
        options.run(options)

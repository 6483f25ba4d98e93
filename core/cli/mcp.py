"""``python -m core mcp``: the lab's tools for agents, over standard input and output."""

from __future__ import annotations

import argparse
from typing import Any

from core.cli.options import UsageError, add_store, store_of
from core.language import Message, t
from core.programs.budget import RUNS, STEPS, Budget


def add_parser(commands: Any) -> None:
    """``mcp`` and its options."""
    parser = commands.add_parser(
        "mcp",
        help=t("tools for agents, over the Model Context Protocol"),
        description=t(
            "A server of the Model Context Protocol on standard input and output. An agent lists,"
            " describes and compares runs, reads their series, verdicts and the evidence. It"
            " changes nothing, unless --allow-training lets it train within a budget."
        ),
    )
    parser.add_argument(
        "--allow-training",
        action="store_true",
        help=t("let it start runs, twins and sweeps, and stop those that it started"),
    )
    parser.add_argument(
        "--budget-runs", type=int, default=RUNS, metavar="N",
        help=t("how many runs it may start (default: {n})", n=RUNS),
    )  # fmt: skip
    parser.add_argument(
        "--budget-steps", type=int, default=STEPS, metavar="N",
        help=t("how many steps they may take in all (default: {n:,})", n=STEPS),
    )  # fmt: skip
    parser.add_argument(
        "--budget-flops", type=float, metavar="N",
        help=t("how many floating-point operations, as 1e15 (default: not counted)"),
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help=t("refusals as JSON too"))
    add_store(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve until standard input ends."""
    for name in ("budget_runs", "budget_steps", "budget_flops"):
        given = getattr(options, name)
        if given is not None and not given >= 0:
            raise UsageError(
                Message(
                    "--{name}: {given}; accepted: 0 or more",
                    name=name.replace("_", "-"),
                    given=given,
                )
            )
    budget = None
    if options.allow_training:
        budget = Budget(options.budget_runs, options.budget_steps, options.budget_flops)
    try:
        from core.programs.server import build
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        raise UsageError(
            Message("mcp: the package of the protocol is missing; pip install 'mcp>=2.3,<3'")
        ) from error
    build(store_of(options), budget).run()
    return 0

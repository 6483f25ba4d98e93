"""`python -m core publish`, for whom the dashboard's packages are installed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.language import t
from core.runs import Run, RunStore
from dashboard.publish.page import as_values, publish, size_said


def command(
    store: RunStore, runs: Sequence[Run], to: Path, title: str, megabytes: float
) -> tuple[dict[str, Any], list[str]]:
    """Publish, and tell it for programs and in lines for people. Raises as `publish` does."""
    os.environ["ADDNORM_RUNS"] = str(store.root)  # whose names the page's runs have
    found = publish(runs, to, title, int(megabytes * 2**20))
    lines = [size_said(found.size, found.runs), *found.left_out]
    return as_values(found), [*lines, t("Open {file}", file=found.folder / "index.html")]

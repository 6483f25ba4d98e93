"""How much is shown at once: one table for the routes, the report and the browser."""

from __future__ import annotations

import math

RUNS = 250  # in one chart, and in one request
CHART_POINTS = 75_000  # of one metric, over all lines of a chart
POINTS = 1024  # of a scalar series, two for each bucket; a power of two, as are fewer
COLUMNS = 400  # of a per-layer series, one for each bucket
RANGE_POINTS = 4096  # of one series in a zoom


def points_for(lines: int) -> int:
    """The points of each line where a chart has so many: a power of two, at most `POINTS`."""
    each = max(CHART_POINTS / max(lines, 1), 2)
    return int(min(POINTS, 2 ** math.floor(math.log2(each))))


def for_browser() -> dict[str, int]:
    """The limits that the live views keep to themselves."""
    return {"runs": RUNS, "chart_points": CHART_POINTS, "points": POINTS}

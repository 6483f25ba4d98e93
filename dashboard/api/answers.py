"""What all routes share: how they answer, and how they say that something is wrong."""

from __future__ import annotations

import gzip
import json
import logging
import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from core.language import t
from core.runs import RunError
from core.shown import one_line

FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
LONG = 20_000  # bytes
FEW = 24  # numbers that are faster said one by one
FRESH = {"Cache-Control": "no-store"}
Route = Callable[[Request], Response]


class BadRequestError(ValueError):
    """A request that can't be answered; the sentence says what is accepted."""


def as_json(value: Any, status: int = 200, request: Request | None = None) -> Response:
    """JSON in its shortest form; what is not finite becomes null. Long answers are packed.

    orjson writes the points of 250 runs in 6 ms where the standard library takes 95. Streamlit's
    own middleware would pack them at level 9: 110 ms instead of 8.
    """
    try:
        content = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
    except (
        orjson.JSONEncodeError
    ):  # half a surrogate pair in a name: escaped, a browser can read it
        content = json.dumps(value, separators=(",", ":")).encode()
    headers = dict(FRESH)
    if request and len(content) > LONG and "gzip" in request.headers.get("accept-encoding", ""):
        content = gzip.compress(content, 1)
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(content, status, headers, media_type="application/json")


def route(answer: Route) -> Route:
    """Errors become one sentence: 404 for what does not exist, 400 for what can't be meant."""

    @wraps(answer)
    def guarded(request: Request) -> Response:
        try:
            return answer(request)
        except (KeyError, RunError) as error:
            return as_json({"error": t(error)}, 404)
        except ValueError as error:
            return as_json({"error": t(error)}, 400)
        except (OSError, TypeError, AttributeError, IndexError, EOFError):
            logging.exception("%s", one_line(request.url.path))
            return as_json({"error": t("a file that this needs is damaged")}, 404)

    return guarded


def words(request: Request, name: str) -> list[str]:
    """The words of `?name=a,b`."""
    return [w for w in request.query_params.get(name, "").split(",") if w]


def number(request: Request, name: str, default: int) -> int:
    """`?name=12`. Raises BadRequestError for anything but a whole number."""
    text = request.query_params.get(name, "")
    try:
        return int(text) if text else default
    except ValueError:
        raise BadRequestError(f"{name} is {text!r}; accepted: a whole number") from None


def rounded(value: Any, digits: int = 6) -> Any:
    """A number, or a row of them, as short as it can be said; null where it is not finite."""
    if isinstance(value, list):
        return [rounded(v, digits) for v in value]
    if value is None or not math.isfinite(value):
        return None
    short = float(f"{value:.{digits}g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


def shortened(values: NDArray[Any], digits: int) -> list[Any]:
    """An array of numbers as :func:`rounded` says them, in one go."""
    if values.size <= FEW:
        return list(rounded(values.tolist(), digits))
    exact = values.astype(np.float64)
    finite = np.isfinite(exact)
    size = np.where(finite & (exact != 0), np.abs(exact), 1)
    places = digits - 1 - np.floor(np.log10(size))
    # Powers of ten above 1 only: those below are not exact and would print long tails of digits.
    up, down = 10.0 ** np.maximum(places, 0), 10.0 ** np.maximum(-places, 0)
    said = (np.rint(np.where(finite, exact, 0) * up / down) / up * down).tolist()
    return said if finite.all() else _without(said, finite)


def _without(said: list[Any], finite: NDArray[Any]) -> list[Any]:
    if finite.ndim == 2:
        return [_without(row, kept) for row, kept in zip(said, finite, strict=True)]
    return [value if kept else None for value, kept in zip(said, finite.tolist(), strict=True)]


def points_of(request: Request, default: int, most: int) -> int:
    """`?points=256`: of a scalar series. Raises BadRequestError unless it is a power of two."""
    points = number(request, "points", default)
    if not 16 <= points <= most or points & (points - 1):
        raise BadRequestError(f"points is {points}; accepted: a power of two from 16 to {most}")
    return points


def binary(array: NDArray[Any]) -> Response:
    """An array that never changes, as bytes; `X-Shape` says its shape."""
    shape = ",".join(str(n) for n in array.shape)
    return Response(array.tobytes(), 200, {**FOREVER, "X-Shape": shape}, "application/octet-stream")

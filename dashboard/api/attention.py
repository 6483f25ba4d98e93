"""Attention as bytes: small pictures of all heads, whole heads on demand."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from dashboard.api.answers import as_json, binary, route
from dashboard.live import store

THUMBNAIL = 32


@route
def snapshots(request: Request) -> Response:
    """The steps at which a run's attention was kept."""
    return as_json({"steps": store().open(request.path_params["run"]).snapshots.steps})


def thumbnails(pattern: NDArray[Any]) -> NDArray[np.uint8]:
    """(L, H, T, T) attention as at most 32 x 32 bytes a head: the largest value of each patch."""
    size = pattern.shape[-1]
    patch = -(-size // THUMBNAIL)
    small = -(-size // patch)
    padded = np.zeros((*pattern.shape[:2], small * patch, small * patch), dtype=np.float32)
    padded[..., :size, :size] = pattern
    top = padded.reshape(*pattern.shape[:2], small, patch, small, patch).max(axis=(3, 5))
    return np.asarray(np.sqrt(np.clip(np.nan_to_num(top), 0, 1)) * 255 + 0.5, dtype=np.uint8)


@route
def grid(request: Request) -> Response:
    """Thumbnails of every head at one step."""
    run = store().open(request.path_params["run"])
    return binary(thumbnails(run.snapshots.pattern(request.path_params["step"])))


@route
def head(request: Request) -> Response:
    """One whole head at one step, float32."""
    path = request.path_params
    pattern = store().open(path["run"]).snapshots.pattern(path["step"])
    layer, index = path["layer"], path["head"]
    if layer >= pattern.shape[0] or index >= pattern.shape[1]:
        raise KeyError(
            f"no layer {layer}, head {index}; the run has {pattern.shape[0]} layers of"
            f" {pattern.shape[1]} heads, counted from 0"
        )
    return binary(pattern[layer, index].astype("<f4"))

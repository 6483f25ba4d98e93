"""Attention as bytes: small pictures of all heads, whole heads and scores on demand.

A `source` is the step of a snapshot of the probe text, or `text-` and the id of a question about
an own text, which must have been answered.
`?v=` changes when a snapshot is taken anew; addresses with the same `v` never change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from core.cache import Cache
from core.heads import scores as heads
from core.heads.patterns import Patterns, difference, map_npy, map_npz
from core.jobs import inspections
from core.jobs.inspections import Inspection
from core.language import Message
from core.runs import Run
from dashboard.api.answers import BadRequestError, as_json, binary, number, rounded, route
from dashboard.api.replies import Scores, Snapshots
from dashboard.live.feed import opened

TEXT = "text-"
THUMBNAIL = 32
THUMBNAILS = (128, 64, THUMBNAIL)
MOST_BYTES = 2**20  # of a grid whose thumbnails are larger than the smallest
Source = tuple[str, int]  # a file and its stamp


@route
def snapshots(request: Request) -> Response:
    """The steps at which a run's attention was kept, each with its stamp."""
    kept = opened(request.path_params["run"]).snapshots
    steps = kept.steps
    reply: Snapshots = {"steps": steps, "stamps": [str(kept.stamp(step)) for step in steps]}
    return as_json(reply)


@route
def grid(request: Request) -> Response:
    """Thumbnails of every head, (L, H, n, n) bytes: 255 √p, p the largest of each patch.

    `?side=` wishes an n; with `?minus=run&at=source` 128 + 127 · sign(d) √|d|, d being the
    difference to that source that is furthest from zero.
    """
    query = request.query_params
    source = _source(request.path_params["run"], request.path_params["source"])
    side = number(request, "side", THUMBNAIL)
    if "minus" not in query:
        return binary(_thumbnails(source, side))
    other = _source(query["minus"], query.get("at", ""))
    return binary(_differences(source, other, side))


@route
def head(request: Request) -> Response:
    """One whole head, (T, T) float32."""
    path = request.path_params
    patterns = _open(_source(path["run"], path["source"]))
    layers, count, *_ = patterns.shape
    layer, index = path["layer"], path["head"]
    if layer >= layers or index >= count:
        raise KeyError(
            f"no layer {layer}, head {index}; the run has {layers} layers of {count} heads,"
            " counted from 0"
        )
    return binary(patterns.head(layer, index).astype("<f4"))


@route
def scores(request: Request) -> Response:
    """Scores of each head, `{score: [[layers of heads]]}`, from the patterns alone.

    `?without=sink`: of the attention that does not go to the first token.
    """
    run, name = opened(request.path_params["run"]), request.path_params["source"]
    without = request.query_params.get("without", "")
    if without not in ("", "sink"):
        raise BadRequestError(
            Message("without: {without!r} is not known; accepted: sink", without=without[:40])
        )
    whole, rest = _scores(_source(run.id, name), tuple(_tokens(run, name)))
    found = rest if without else whole
    reply: Scores = {score: rounded(values) for score, values in found.items()}
    return as_json(reply)


def thumbnails(patterns: Patterns, side: int = THUMBNAIL) -> NDArray[np.uint8]:
    """See :func:`grid`; not a number is drawn as 0."""
    top = np.nan_to_num(patterns.largest(_side(patterns, side)), posinf=0)
    return np.asarray(np.sqrt(np.clip(top, 0, 1)) * 255 + 0.5, dtype=np.uint8)


def _side(patterns: Patterns, wished: int) -> int:
    """The largest thumbnail that is not larger than wished and keeps the reply small."""
    layers, count, *_ = patterns.shape
    fitting = (n for n in THUMBNAILS if n <= wished and layers * count * n * n <= MOST_BYTES)
    return next(fitting, THUMBNAIL)


# About 150 kB each for 12 x 12 heads: what a reader scrubs through, back and forth.
PICTURES: Cache[NDArray[np.uint8]] = Cache(256)
ByHead = dict[str, list[list[float]]]  # by score, layer and head
SCORES: Cache[tuple[ByHead, ByHead]] = Cache(256)


def _thumbnails(source: Source, side: int) -> NDArray[np.uint8]:
    path, stamp = source
    return PICTURES.get((path, side), stamp, lambda: thumbnails(_open(source), side))


def _differences(source: Source, other: Source, side: int) -> NDArray[np.uint8]:
    paths, stamps = zip(source, other, strict=True)
    return PICTURES.get((paths, side), stamps, lambda: _apart(source, other, side))


def _apart(source: Source, other: Source, side: int) -> NDArray[np.uint8]:
    a, b = _open(source), _open(other)
    apart = np.nan_to_num(difference(a, b, _side(a, side)))
    return np.asarray(np.sign(apart) * np.sqrt(np.abs(apart)) * 127 + 128.5, dtype=np.uint8)


def _scores(source: Source, tokens: tuple[int, ...]) -> tuple[ByHead, ByHead]:
    path, stamp = source
    return SCORES.get(path, (stamp, tokens), lambda: _measured(source, tokens))


def _measured(source: Source, tokens: tuple[int, ...]) -> tuple[ByHead, ByHead]:
    """Scores of the whole attention, and of what does not go to the first token."""
    patterns = _open(source)
    ids = np.array(tokens) if len(tokens) == patterns.size else None
    # One layer at a time: the whole of 24 x 16 heads over 512 tokens is 200 MB.
    layers = (patterns.layer(i)[None] for i in range(patterns.shape[0]))
    found = [(heads.scores(one, ids), heads.without_sink(one, ids)) for one in layers]
    whole, rest = zip(*found, strict=True)
    return _by_head(whole), _by_head(rest)


def _by_head(layers: Sequence[Mapping[str, heads.Scores]]) -> ByHead:
    # Induction is measured on repeated random tokens; on a text it would be luck.
    names = [name for name in layers[0] if name != "induction"]
    return {name: [layer[name][0].tolist() for layer in layers] for name in names}


def _tokens(run: Run, source: str) -> list[int]:
    found = _question(run, source).result["ids"] if _is_text(source) else run.corpus["probe_tokens"]
    return [int(token) for token in found]


def _is_text(source: str) -> bool:
    return source.startswith(TEXT)


def _question(run: Run, source: str) -> Inspection:
    return inspections.find(run, source.removeprefix(TEXT))


def _source(id: str, name: str) -> Source:
    """The file of a run's snapshot or of an answer. Raises KeyError, RunError where it has none."""
    run = opened(id)
    if _is_text(name):
        question = _question(run, name)
        path = question.folder / "arrays.npz"
        if question.kind != "attention" or not path.exists():
            raise KeyError(
                Message(
                    "{kind} has no attention to show yet: {state}",
                    kind=question.kind,
                    state=question.state,
                )
            )
        return str(path), path.stat().st_mtime_ns
    if not name.isdecimal():
        raise KeyError(Message("{name!r} is not a step of run {id}", name=name, id=id))
    kept, step = run.snapshots, int(name)
    if not (stamp := kept.stamp(step)):
        kept.open(step)  # says which is near
    return str(kept.path(step)), stamp


def _open(source: Source) -> Patterns:
    path = Path(source[0])
    try:
        if path.suffix == ".npz":
            return Patterns(map_npz(path, "pattern"))
        return Patterns(map_npy(path))
    except ValueError as error:
        raise KeyError(
            Message(
                "{file} can't be read: {error}; choose another step", file=path.name, error=error
            )
        ) from error
    except OSError as error:
        raise KeyError(
            Message("{file} can't be read; it may have been thinned out", file=path.name)
        ) from error

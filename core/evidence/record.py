"""What a check found, as it is kept in a file. Without torch."""

from __future__ import annotations

import ast
import functools
import hashlib
import math
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

from core.evidence.claim import Claim, Measured, Quantity, Series, Verdict, number, spread
from core.language import Message, said

SCHEMA = 1
HOME = Path(__file__).resolve().parents[2]
# What every check's numbers are made by, below `core`; a thorough one's by the training too.
NETWORKS = ("models", "config/wiring.py", "config/model.py", "evidence/measure/networks.py")
TRAINING = (
    "evidence/measure/trained.py",
    *(f"training/{name}.py" for name in ("trainer", "step", "optimizers", "objectives")),
)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Value(_Frozen):
    """One quantity: its values by seed, their middle and standard deviation; None is not finite."""

    name: str
    by_seed: tuple[float | None, ...]
    middle: float | None
    spread: float
    inside: bool

    @property
    def words(self) -> str:
        """`0.503 ± 0.012`."""
        if self.middle is None:
            return Message("not finite")
        if len(self.by_seed) < 2 or not self.spread:
            return number(self.middle)
        spread = number(float(f"{self.spread:.2g}"))
        return Message("{middle} ± {spread}", middle=number(self.middle), spread=spread)


class Line(_Frozen):
    """One series of the picture; None is not finite."""

    name: str
    kind: Literal["measured", "theory"]
    x: tuple[float | None, ...]
    y: tuple[float | None, ...]
    spread: tuple[float | None, ...] | None = None
    said: dict[str, Any] | None = None  # what its name was made from

    @property
    def title(self) -> str:
        """Its name, which can be said in other languages."""
        return Message.restored(self.said, self.name) if self.said else self.name

    @model_serializer(mode="wrap")
    def _short(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {k: v for k, v in write(self).items() if k != "said" or v}


class Record(_Frozen):
    """One check's answer and where it was found.

    `made_from` is the hash of the code and settings that it was measured with.
    """

    schema_: int
    claim: str
    version: int
    made_from: str
    seeds: tuple[int, ...]
    verdict: Verdict
    values: tuple[Value, ...]
    series: tuple[Line, ...]
    runs: tuple[str, ...]
    seconds: float
    date: str
    hardware: str
    device: str
    threads: int
    python: str
    torch: str
    lab: str
    commit: str

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=lambda n: n.rstrip("_"), populate_by_name=True
    )

    def value(self, name: str) -> Value | None:
        """One quantity's value."""
        return next((value for value in self.values if value.name == name), None)


def made(claim: Claim, found: Measured, seeds: Sequence[int], seconds: float, device: str,
         threads: int) -> Record:  # fmt: skip
    """The record of what a check found here and now."""
    values = [_value(q, found.values.get(q.name, [])) for q in claim.quantities]
    return Record(
        schema_=SCHEMA,
        claim=claim.name,
        version=claim.version,
        made_from=made_from(claim, seeds, device),
        seeds=tuple(seeds),
        verdict=claim.verdict(found.values),
        values=tuple(values),
        series=tuple(_line(series) for series in found.series),
        runs=tuple(found.runs),
        seconds=round(seconds, 2),
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        hardware=hardware(),
        device=device,
        threads=threads,
        python=platform.python_version(),
        torch=_version("torch"),
        lab=_version("add-and-norm-lab"),
        commit=commit(),
    )


def _value(quantity: Quantity, values: Sequence[float]) -> Value:
    middle = quantity.middle(values)
    return Value(
        name=quantity.name,
        by_seed=_numbers(values),
        middle=middle if math.isfinite(middle) else None,
        spread=spread(values),
        inside=quantity.holds(middle),
    )


def _line(series: Series) -> Line:
    return Line(
        name=series.name,
        kind=series.kind,
        x=_numbers(series.x),
        y=_numbers(series.y),
        spread=None if series.spread is None else _numbers(series.spread),
        said=said(series.name).get("said"),
    )


def _numbers(values: Iterable[float]) -> tuple[float | None, ...]:
    """Six digits of each; a picture shows no more, and a band is never so narrow."""
    return tuple(float(f"{v:.6g}") if math.isfinite(v) else None for v in values)


def made_from(claim: Claim, seeds: Sequence[int], device: str) -> str:
    """The hash of what decides the numbers: code, settings, seeds, torch and kind of device."""
    settings = (claim.name, claim.version, tuple(seeds), device)
    asked = (claim.function, sorted(claim.arguments.items()))
    training = () if claim.quick else TRAINING
    parts = (*NETWORKS, claim.module.removeprefix("core/"), *training)
    return _hash(repr((settings, asked, _version("torch"))), parts)


def training_code() -> str:
    """The hash of what decides a run that a check trains, its settings aside."""
    return _hash(_version("torch"), (*NETWORKS, *TRAINING))


def _hash(start: str, parts: Iterable[str]) -> str:
    digest = hashlib.sha256(start.encode())
    for part in parts:
        path = HOME / "core" / part
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(what_computes(file).encode())
    return digest.hexdigest()[:16]


@functools.lru_cache(maxsize=200)
def what_computes(file: Path) -> str:
    """The code of a module without its comments, docstrings, refusals, reports of progress and the
    names of what it draws: a sentence that is said better must not send anybody back to an hour of
    training."""

    class Silent(ast.NodeTransformer):
        def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
            is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
            return None if is_text else node

        def visit_Raise(self, node: ast.Raise) -> ast.Raise:
            return ast.Raise()

        def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom | None:
            return None if node.module == "core.language" else node

        def visit_Call(self, node: ast.Call) -> ast.AST:
            self.generic_visit(node)
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            if name == "mark":
                return node.args[0]
            if name == "Message":
                return ast.Constant("")
            if name in ("points", "curve"):
                node.args[0] = ast.Constant("")
            if isinstance(node.func, ast.Attribute) and node.func.attr == "report":
                node.args[1:] = []
            return node

    return ast.unparse(Silent().visit(ast.parse(file.read_text("utf-8"))))


@functools.cache
def hardware() -> str:
    """The processor of this machine and how many cores this process may use."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        name = names[0] if names else name
    except (OSError, ValueError):
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {cores} cores"


@functools.cache
def commit() -> str:
    """The commit of the checkout that this is; empty where it is none."""
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"],
            cwd=HOME, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()


@functools.cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def counts(records: Mapping[str, Record]) -> dict[Verdict, int]:
    """How many claims have each verdict."""
    found: dict[Verdict, int] = {"shown": 0, "not shown here": 0, "outside the band": 0}
    for record in records.values():
        found[record.verdict] += 1
    return found

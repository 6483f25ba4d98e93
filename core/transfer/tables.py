"""Runs as files for other programs: CSV, Parquet, TensorBoard events, and zips that import again.

A CSV or Parquet export is a folder of tables, one for each cadence, with the runs below each
other: ``step``, ``probe`` and ``evaluation``, beside ``runs.csv`` with one row for each run (its
settings, state and losses). A row of a table is one step of one run: ``run`` (the id), ``step``,
``seconds`` and one column for each metric; a per-layer metric is one column for each layer in CSV
(``grad_norm/block/layer_3``, counted from 0) and a list in Parquet. What a run does not have is
empty; a loss that is not finite is ``nan``.

Metrics are float32 and are written with as many digits as tell two of them apart, so
``pandas.read_csv(...).astype({"loss/train": "float32"})`` has the very bits that were measured.
"""

from __future__ import annotations

import csv
import difflib
import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from core.catalogue import index
from core.language import Message, reason
from core.metrics.names import flat_names
from core.runs.errors import RunError
from core.runs.run import Run
from core.transfer.archive import import_runs, pack

# What a spreadsheet would compute, in a name or note; with ' before it, it is text.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
__all__ = ["FORMATS", "Format", "export", "import_runs", "pack", "to_csv", "to_parquet"]

Format = Literal["csv", "parquet", "tensorboard", "zip"]
FORMATS: tuple[Format, ...] = get_args(Format)
METADATA = b"addnorm"  # the key of the settings in a Parquet file
Widths = dict[str, int]


def export(
    runs: Sequence[Run], form: Format, to: Path, metrics: Sequence[str] | None = None
) -> Path:
    """Write runs to a new file or folder `to` and return it.

    `zip` is always one file. The other forms are folders, or one zip of such a folder where `to`
    ends with .zip. `metrics` keeps only these (CSV, Parquet, TensorBoard). Raises RunError when
    `to` exists, a metric is unknown, or the disk does not take it; nothing half-written stays.
    """
    if to.exists():
        raise RunError(Message("{to} exists already; name another place or move it away", to=to))
    if not runs:
        raise RunError(Message("there is no run to export"))
    for run in runs:
        if not (run.path / "config.json").is_file():
            raise RunError(
                Message(
                    "run {run} has gone from {folder}; export the others",
                    run=run.id,
                    folder=run.path.parent,
                )
            )
    if metrics is not None:
        _check(runs, metrics)
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        if form == "zip":
            return pack(runs, to)
        folder = Path(tempfile.mkdtemp(prefix=f".{to.name}-", dir=to.parent))
        try:
            _write(runs, form, folder, metrics)
            if to.suffix == ".zip":
                _zip_folder(folder, to)
            else:
                folder.chmod(0o755)
                folder.rename(to)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise RunError(
            Message("nothing can be written to {to}: {why}", to=to, why=reason(error))
        ) from error
    return to


def _write(runs: Sequence[Run], form: Format, folder: Path, metrics: Sequence[str] | None) -> None:
    if form == "tensorboard":
        from core.transfer.tensorboard import to_tensorboard

        to_tensorboard(runs, folder, metrics)
    else:
        {"csv": to_csv, "parquet": to_parquet}[form](runs, folder, metrics)


def _check(runs: Sequence[Run], metrics: Sequence[str]) -> None:
    known = {name for run in runs for name in run.metrics()}
    for name in metrics:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
            hint = Message("; near it are {known}", known=", ".join(near)) if near else ""
            raise RunError(Message("no run has a metric {name}{hint}", name=name, hint=hint))


def _zip_folder(folder: Path, to: Path) -> None:
    temporary = folder.with_suffix(".zipping")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
            for path in sorted(p for p in folder.rglob("*") if p.is_file()):
                archive.write(path, path.relative_to(folder))
        temporary.rename(to)
    finally:
        temporary.unlink(missing_ok=True)


# Tables


def to_csv(runs: Sequence[Run], folder: Path, metrics: Sequence[str] | None = None) -> list[Path]:
    """Write the tables of runs as CSV into a folder; the files written."""
    paths = [_write_runs(runs, folder)]
    for cadence, widths in _cadences(runs, metrics):
        schema = pa.schema([*_keys(), *_flat_fields(widths)])
        path = folder / f"{cadence}.csv"
        with pyarrow.csv.CSVWriter(path, schema) as writer:
            for run in runs:
                writer.write_table(_table(run, cadence, widths, schema, flat=True))
        paths.append(path)
    return paths


def to_parquet(
    runs: Sequence[Run], folder: Path, metrics: Sequence[str] | None = None
) -> list[Path]:
    """Write the tables of runs as Parquet into a folder; the files written.

    Each file's metadata has, under `addnorm`, settings and state of every run by its id, as JSON.
    """
    paths = [_write_runs(runs, folder)]
    about = {METADATA: json.dumps({"schema": 1, "runs": _about(runs)}).encode()}
    for cadence, widths in _cadences(runs, metrics):
        fields = [pa.field(n, pa.list_(pa.float32()) if w else pa.float32()) for n, w in
                  widths.items()]  # fmt: skip
        schema = pa.schema([*_keys(), *fields], metadata=about)
        path = folder / f"{cadence}.parquet"
        with pyarrow.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
            for run in runs:
                writer.write_table(_table(run, cadence, widths, schema, flat=False))
        paths.append(path)
    return paths


def _keys() -> list[pa.Field]:
    return [
        pa.field("run", pa.string()),
        pa.field("step", pa.int64()),
        pa.field("seconds", pa.float64()),
    ]


def _flat_fields(widths: Widths) -> list[pa.Field]:
    names = [flat for name, width in widths.items() for flat in flat_names(name, width)]
    return [pa.field(name, pa.float32()) for name in names]


def _cadences(runs: Sequence[Run], metrics: Sequence[str] | None) -> Iterator[tuple[str, Widths]]:
    """The cadences that any run has, with the metrics of all runs and their greatest widths."""
    for cadence in dict.fromkeys(one for run in runs for one in run.cadences):
        widths: Widths = {}
        for run in runs:
            for name, width in run.cadence_metrics(cadence).items():
                if metrics is None or name in metrics:
                    widths[name] = max(widths.get(name, 0), width)
        if widths:
            yield cadence, widths


def _table(run: Run, cadence: str, widths: Widths, schema: pa.Schema, flat: bool) -> pa.Table:
    own = run.cadence_metrics(cadence)
    rows = run.rows(cadence, [*(n for n in widths if n in own), "seconds"])
    count = len(rows.steps)
    columns: dict[str, Any] = {
        "run": pa.array([run.id] * count, pa.string()),
        "step": rows.steps,
        "seconds": np.asarray(rows.columns["seconds"], dtype=np.float64),
    }
    for name in widths:
        values = rows.columns.get(name)
        if values is None:
            continue
        if values.ndim == 1:
            columns[name] = values.astype(np.float32)
        elif flat:
            columns |= dict(zip(flat_names(name, values.shape[1]), values.T, strict=True))
        else:
            offsets = np.arange(0, values.size + 1, values.shape[1], dtype=np.int32)
            columns[name] = pa.ListArray.from_arrays(offsets, pa.array(values.reshape(-1)))
    arrays = [
        pa.array(columns[f.name], f.type) if f.name in columns else pa.nulls(count, f.type)
        for f in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _write_runs(runs: Sequence[Run], folder: Path) -> Path:
    """One row for each run: what filters know of it."""
    path = folder / "runs.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = [index.told(run) for run in runs]
        every = dict.fromkeys(name for row in rows for name in row)
        names = ["id", *(name for name in every if name not in ("id", "words"))]
        writer = csv.writer(file)
        writer.writerow(names)
        for row in rows:
            writer.writerow(_cell(row.get(name)) for name in names)
    return path


def _cell(value: Any) -> Any:
    if isinstance(value, tuple | list):
        value = "; ".join(map(str, value))
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return "" if value is None else value


def _about(runs: Sequence[Run]) -> dict[str, Any]:
    return {
        run.id: {
            "name": run.name,
            **(
                {"origin": run.origin}
                if run.origin
                else {"config": run.config.model_dump(mode="json")}
            ),
            **({"fork": run.fork.key} if run.fork else {}),
            "status": run.record.model_dump(mode="json"),
            "corpus": {k: v for k, v in run.corpus.items() if k != "probe_tokens"},
        }
        for run in runs
    }

"""Runs that other programs kept, taken into a runs folder: a module a program.

Each says what it recognises and gives its runs as :class:`Taken`; none needs its program
installed, and nothing of what is read is ever executed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from core.files import expanded
from core.language import Message
from core.runs import Run, RunStore
from core.transfer.importers import (
    mlflow_store,
    neptune_parquet,
    tensorboard_events,
    trackio_store,
    wandb_csv,
    wandb_file,
)
from core.transfer.importers.taken import ImportRefusedError, Taken, write

__all__ = ["PROGRAMS", "ImportRefusedError", "Taken", "read", "take_in"]


class Program(NamedTuple):
    """Another program: what people call it, and how its runs are read."""

    by: str
    recognises: Callable[[Path], bool]
    runs: Callable[[Path], Iterator[Taken]]


# By the word that the command line takes, in the order in which a source is tried.
PROGRAMS: dict[str, Program] = {
    word: Program(one.BY, one.recognises, one.runs)
    for word, one in {
        "wandb": wandb_file,
        "wandb-csv": wandb_csv,
        "neptune": neptune_parquet,
        "mlflow": mlflow_store,
        "trackio": trackio_store,
        "tensorboard": tensorboard_events,
    }.items()
}


def read(source: str | Path, program: str = "") -> Iterator[tuple[str, Taken]]:
    """The runs of a file or folder, each with the name of the program that kept it.

    `program`, one of `PROGRAMS`, where it is not to be told from what is there. Raises
    ImportRefusedError.
    """
    path = expanded(source)
    if not path.exists():
        raise ImportRefusedError(Message("there is no {file}", file=str(path)))
    if program and program not in PROGRAMS:
        raise ImportRefusedError(
            Message("{word} is not a program that is read here; accepted: {known}",
                    word=program, known=", ".join(PROGRAMS))
        )  # fmt: skip
    tried = [program] if program else list(PROGRAMS)
    own = next((PROGRAMS[word] for word in tried if PROGRAMS[word].recognises(path)), None)
    if own is None:
        raise ImportRefusedError(
            Message(
                "{file} holds no runs that are read here; accepted: a zip of `export`,"
                " TensorBoard's event files, a .wandb file or CSV of W&B, MLflow's mlruns or"
                " mlflow.db, a .db of trackio, Parquet of Neptune's exporter, or a folder of any",
                file=str(path),
            )
        )
    for one in own.runs(path):
        yield own.by, one


def take_in(
    store: RunStore,
    source: str | Path,
    program: str = "",
    say: Callable[[Message], object] = lambda sentence: None,
) -> list[Run]:
    """Make a run of each run of a source; `say` hears which were left out.

    One that is there already is left out. Raises ImportRefusedError where nothing can be read, and
    RunError where none can be written; what was taken in before stays.
    """
    known = {
        (str(origin.get("by")), str(origin.get("source"))): run.name
        for run in store.list()
        if (origin := run.origin)
    }
    found: list[Run] = []
    empty = True
    for by, one in read(source, program):
        empty = False
        if (by, one.source) in known:
            say(Message("{name} is there already; delete it to import it anew", name=one.name))
        elif not one.metrics and not one.settings:
            say(Message("{name} has neither metrics nor settings; it was left out", name=one.name))
        else:
            found.append(write(store, one, by))
            known[by, one.source] = one.name
    if empty:
        raise ImportRefusedError(Message("{file} holds no run", file=str(source)))
    return found

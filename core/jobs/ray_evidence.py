"""Published claims, checked on a Ray cluster: a task each, which runs `core evidence` there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from core.evidence import Record, kept
from core.files import make_private
from core.jobs import elsewhere, environment
from core.jobs.ray import Cluster
from core.language import Message
from core.runs import RunStore


def checked(
    names: Sequence[str], store: RunStore, again: bool, address: str
) -> Iterator[tuple[str, Record | None, str]]:
    """Each claim's name with its record, or with a sentence; records are kept in the runs folder.

    Raises RunError where the cluster can't be joined.
    """
    make_private(store.root)
    cluster = Cluster.connect(address, elsewhere.namespace(store.root))
    surroundings = environment.read(environment.written()) or {}
    more = ["--again"] if again else []
    words = {name: ["evidence", "--only", name, "--json", *more] for name in names}
    try:
        nonce = elsewhere.nonce(store, address)
        for name, printed, problem in cluster.commands(words, store.root, nonce, surroundings):
            try:
                (found,) = json.loads(printed) if printed else [{}]
                record = Record.model_validate(found["record"]) if found.get("record") else None
                problem = problem or found.get("problem") or ""
            except (ValueError, TypeError, AttributeError, ValidationError) as error:
                record, problem = None, Message("its answer can't be read: {why}", why=str(error))
            if record is not None:
                kept.keep(store.root, record)
            yield name, record, problem
    finally:
        cluster.leave()

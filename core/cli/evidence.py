"""``python -m core evidence``: do published claims hold here?"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from tqdm import tqdm

from core.cli.options import UsageError, add_on, add_store, on_of, store_of
from core.data.downloads import CorpusError
from core.evidence import CLAIMS, GROUPS, Claim, Record, kept, named
from core.evidence.record import counts
from core.evidence.words import expected_and_measured, markdown
from core.jobs.elsewhere import SLURM
from core.language import Message, mark, t, told
from core.machine import cores
from core.runs import RunError, RunStore
from core.shown import one_line, printable_json

Answered = tuple[str, Record | None, str]


def add_parser(commands: Any) -> None:
    """``evidence`` and its options."""
    parser = commands.add_parser(
        "evidence",
        help=t("check published claims on this machine"),
        description=t(
            "Check published claims on this machine. What was measured with the same"
            " code and settings is not measured again. The status is 1 where something"
            " lies outside its band or can't be measured."
        ),
    )
    parser.add_argument("--quick", action="store_true", help=t("only checks that take seconds"))
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", default=[], help=t("these claims alone")
    )
    parser.add_argument(
        "--again",
        action="store_true",
        help=t("measure even what is known; of runs that are there, from their files"),
    )
    parser.add_argument("--list", action="store_true", help=t("the claims; measures nothing"))
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help=t("as JSON"))
    form.add_argument("--markdown", action="store_true", help=t("as a table in Markdown"))
    add_on(parser)
    add_store(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure what is not known, print a table."""
    store = store_of(options)
    try:
        claims = named(options.only) if options.only else list(CLAIMS)
    except ValueError as error:
        raise UsageError(Message("only: {why}", why=error)) from error
    if options.quick:
        claims = [claim for claim in claims if claim.quick]
        if not claims:
            raise UsageError(Message("only: none of these is a quick check; leave out --quick"))
    if options.list:
        records = {c.name: r for c in claims if (r := kept.here(store.root, c) or kept.shipped(c))}
        return _print(options, claims, records, {})
    on = on_of(options)
    if on == SLURM:
        raise UsageError(
            Message("on: evidence goes to a Ray cluster; on Slurm run it inside a job of its own")
        )
    records, failed = _answers(claims, store, options.again, on)
    _print(options, claims, records, failed)
    return int(bool(failed) or counts(records)["outside the band"] > 0)


def _answers(
    claims: Sequence[Claim], store: RunStore, again: bool, on: str
) -> tuple[dict[str, Record], dict[str, str]]:
    """Every claim's record, and a sentence for each that can't be measured."""
    records: dict[str, Record] = {}
    failed: dict[str, str] = {}
    # The longest first, so that no core waits long for the last.
    order = sorted(claims, key=lambda claim: -claim.seconds)
    with tqdm(total=len(order), unit=t("check"), file=sys.stderr, mininterval=0.2) as bar:
        done = _done_elsewhere(order, store, again, on) if on else _done(order, store.root, again)
        for name, record, sentence in done:
            bar.set_postfix_str(name, refresh=False)
            bar.update()
            if record is None:
                failed[name] = sentence
            else:
                records[name] = record
    return records, failed


def _done(claims: Sequence[Claim], root: Path, again: bool) -> Iterator[Answered]:
    """Answers as they come, one process a core."""
    workers = min(cores(), len(claims))
    if workers < 2:
        yield from (_answer(claim.name, root, again) for claim in claims)
        return
    # Before torch is imported there: one thread each, or they take the cores from one another.
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        waiting = [pool.submit(_answer, claim.name, root, again) for claim in claims]
        for one in as_completed(waiting):
            yield one.result()


def _done_elsewhere(
    claims: Sequence[Claim], store: RunStore, again: bool, on: str
) -> Iterator[Answered]:
    """Answers as they come from a Ray cluster, a task each; what is known here stays here."""
    from core.jobs.ray_evidence import checked

    known = {
        claim.name: record
        for claim in claims
        if not again and (record := kept.here(store.root, claim)) and kept.is_current(record, claim)
    }
    yield from ((name, record, "") for name, record in known.items())
    missing = [claim.name for claim in claims if claim.name not in known]
    if missing:
        yield from checked(missing, store, again, on)


def _answer(name: str, root: Path, again: bool) -> Answered:
    import torch

    from core.evidence.run import answer

    torch.set_num_threads(1)
    (claim,) = named([name])
    try:
        record, _ = answer(claim, RunStore(root), again=again)
    except (CorpusError, RunError, OSError) as error:
        return name, None, told(error)
    return name, record, ""


def _print(
    options: argparse.Namespace,
    claims: Sequence[Claim],
    records: dict[str, Record],
    failed: dict[str, str],
) -> int:
    if options.json:
        found = [
            {
                "claim": claim.name,
                "group": claim.group,
                "sentence": claim.sentence,
                "paper": claim.paper.short,
                "link": claim.paper.link,
                "where": claim.where,
                "quick": claim.quick,
                "expected": {q.name: q.expected for q in claim.quantities},
                "record": records[claim.name].model_dump(mode="json", by_alias=True)
                if claim.name in records
                else None,
                "problem": failed.get(claim.name),
            }
            for claim in claims
        ]
        print(printable_json(found, 1))
    elif options.markdown:
        print(markdown(claims, records))
    else:
        print("\n".join(_table(claims, records, failed)))
    return 0


def _table(
    claims: Sequence[Claim], records: dict[str, Record], failed: dict[str, str]
) -> Iterator[str]:
    group = ""
    for claim in claims:
        if claim.group != group:
            group = claim.group
            yield f"\n{t(GROUPS[group])}"
        record = records.get(claim.name)
        if claim.name in failed:
            verdict = Message("can't be measured: {why}", why=one_line(t(failed[claim.name])))
        else:
            verdict = Message(record.verdict if record else mark("not measured yet"))
        if record:
            verdict = Message("{verdict}, {seconds:.1f} s", verdict=verdict, seconds=record.seconds)
        elif not claim.quick:
            verdict = Message("{verdict}, takes minutes", verdict=verdict)
        yield f"  {claim.name}: {t(verdict)}"
        yield f"    {t(claim.sentence)} ({claim.paper.short}, {t(claim.where)})"
        if record:
            for words, expected, measured, inside in expected_and_measured(claim, record):
                line = t(
                    "{words}: {measured}, expected {expected}",
                    words=words,
                    measured=measured,
                    expected=expected,
                )
                yield f"  {' ' if inside else '!'}   {line}"
    found = counts(records)
    yield ""
    said = Message(
        "{shown} shown, {missing} not shown here, {outside} outside the band",
        shown=found["shown"],
        missing=found["not shown here"],
        outside=found["outside the band"],
    )
    if failed:
        said = Message("{counts}, {n} not measured", counts=said, n=len(failed))
    yield t(said)

"""The facts of a run that live views are told, since they do not come with the live replies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.catalogue.summary import summary_of
from core.config.alike import SEED
from core.jobs import elsewhere
from core.language import t
from core.runs import Run, RunError
from core.runs.origins import own_of
from core.runs.status import ENDED
from core.verdicts.labels import BAD_KINDS, LIVE
from dashboard.catalogue import run_names
from dashboard.live.facts import together
from dashboard.live.feed import opened
from dashboard.ui.cost import step_work


def seed_of(seed: Any, origin: Mapping[str, Any]) -> str:
    """What stands beside a run's name: its seed, and of a run from elsewhere what recorded it."""
    told = [] if seed is None else [t("seed {seed}", seed=seed)]
    if origin:
        told.append(t("recorded by {by}", by=origin.get("by", "")))
    return " · ".join(told)


def about(run: Run, *, group: str | None = None, tokens: bool = False) -> dict[str, Any]:
    """The facts of a run that a view shows and that do not change while it trains.

    Runs of one `group` are drawn as their mean with a band. `flops_per_step` is None until the run
    knows its alphabet; `tokens` adds those of the probe text.
    """
    meta, config = run.meta, run.config
    vocabulary = run.corpus.get("vocabulary")
    told: dict[str, Any] = {
        "id": run.id,
        "name": run_names.name_of(run),
        "label": run_names.label_of(run),
        "given": str(meta["name"]),
        "colour": meta["colour"],
        "state": run.status,
        "steps": config.training.steps,
        "detail": t("seed {seed}", seed=config.training.seed),
        "tokens_per_step": config.tokens_per_step,
        "layers": config.model.blocks,
        "unit": "images" if config.image else "tokens",
        "heads": config.model.heads,
        "causal": config.model.causal,
        "flops_per_step": step_work(config, vocabulary) if isinstance(vocabulary, int) else None,
        "group": group,
    }
    if origin := run.origin:  # of its settings only its own are known
        own = own_of(origin)
        told |= {
            "steps": run.record.steps,
            "detail": seed_of(own.get(SEED), origin),
            "tokens_per_step": None,
            "layers": len(origin.get("layers", ())),
            "heads": 0,
        }
    elif run.status not in LIVE:  # while it trains, the newest reply says where
        where = run.where and t("on {host}", host=t(elsewhere.named(run.where)))
        told["detail"] = " · ".join(filter(None, [told["detail"], where, t(together(run))]))
    if run.source:  # a pretrained model: no seed or batch of the lab's made it
        told |= {"detail": t("pretrained model"), "tokens_per_step": None}
    optimal = run.corpus.get("floor")
    if isinstance(optimal, int | float):
        told["optimal"] = optimal
    if fork := run_names.forked(run):
        told["fork"] = fork
    if meta["twin_of"]:
        try:
            told["twin"] = run_names.name_of(opened(str(meta["twin_of"])))
        except RunError:
            told["twin"] = t("a deleted run")
    if tokens:
        pieces = run.corpus.get("probe_pieces") or list(str(run.corpus.get("probe_text", "")))
        told["tokens"] = pieces[: config.probe_length]
    return told


def outcome(run_id: str) -> list[Any] | None:
    """Step, level and verdict of a run that has ended; None of one under way or gone."""
    try:
        run = opened(run_id)
        found = summary_of(run)
    except RunError:
        return None
    if found.state not in ENDED:
        return None
    kind = found.verdict.kind
    level = "good" if kind == "learned" else "warning" if kind in BAD_KINDS else "note"
    said = t(found.verdict.sentence).removeprefix(run.name).lstrip(":： ")
    return [found.step, level, said[:1].upper() + said[1:]]

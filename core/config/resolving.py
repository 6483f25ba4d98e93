"""What else has to change because one setting did, so that all of them can stand together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.config.families import adapt
from core.config.run import RunConfig
from core.config.wiring import NEEDS

DEFAULTS = RunConfig().flat()


def resolve(values: Mapping[str, Any], changed: str) -> dict[str, Any]:
    """The settings, by dotted name, that have to change because `changed` did.

    No placement means no norm, both ways; a scaling brings the placement that it needs, and a
    placement that a scaling can't have sends the scaling back.
    """
    if changed in ("model.family", "data.corpus"):
        return adapt(values, DEFAULTS, changed)
    if values["model.family"] == "resnet":
        return {}
    now = dict(values)
    needed = NEEDS.get(now["model.scaling"])
    if changed == "model.scaling" and needed and now["model.placement"] != needed:
        now["model.placement"] = needed
        changed = "model.placement"
    placement, norm = now["model.placement"], now["model.norm"]
    if (placement == "none") != (norm == "none"):
        if changed == "model.placement":
            now["model.norm"] = "none" if placement == "none" else "layer"
        elif changed == "model.norm":
            now["model.placement"] = "none" if norm == "none" else "pre"
    if NEEDS.get(now["model.scaling"], now["model.placement"]) != now["model.placement"]:
        now["model.scaling"] = "one"
    if now["model.norm"] == "none":
        if now["model.final_norm"] == "on":
            now["model.final_norm"] = "auto"
        now["model.qk_norm"], now["model.embedding_norm"] = "off", False
    return {dotted: value for dotted, value in now.items() if value != values[dotted]}

"""Every claim, in the order in which they are shown."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from core.evidence.claim import Claim
from core.evidence.claims import at_scale, attention, collapse, gradients, norms, sizes, training
from core.language import Message, mark

# The groups by their words, in order.
GROUPS: dict[str, str] = {
    "norms": mark("Norms"),
    "sizes": mark("Stream"),
    "gradients": mark("Gradients"),
    "collapse": mark("Collapse"),
    "attention": mark("Attention"),
    "training": mark("Training"),
}
CLAIMS: tuple[Claim, ...] = (
    *norms.CLAIMS,
    *sizes.CLAIMS,
    *gradients.CLAIMS,
    *collapse.CLAIMS,
    *attention.CLAIMS,
    *training.CLAIMS,
    *at_scale.CLAIMS,
)


def named(names: Sequence[str]) -> list[Claim]:
    """The claims of these names, in the registry's order. Raises ValueError with a hint."""
    known = {claim.name: claim for claim in CLAIMS}
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            if near:
                raise ValueError(
                    Message(
                        "there is no claim '{name}'; did you mean {near}?", name=name, near=near[0]
                    )
                )
            raise ValueError(
                Message("there is no claim '{name}'; `evidence --list` shows all", name=name)
            )
    return [claim for claim in CLAIMS if claim.name in names]

"""Words that the type checker must refuse: `make lint` fails when one of these passes.

Each line carries the error that mypy has to find; an ignored error that does not occur is one
itself (`warn_unused_ignores`). Nothing here is run.
"""

from core.config import NORMS, ModelConfig
from core.config.norms import NormRow
from core.config.wiring import NEEDS


def typos(model: ModelConfig) -> list[bool]:
    """Comparisons that can never be true."""
    return [
        model.placement == "per",  # type: ignore[comparison-overlap]
        model.norm == "layernorm",  # type: ignore[comparison-overlap]
        model.scaling == "deep_norm",  # type: ignore[comparison-overlap]
        model.residual == "none",  # type: ignore[comparison-overlap]
        model.at(0).placement == "per",  # type: ignore[comparison-overlap]
    ]


NORMS["rmsnorm"] = NormRow("RMS", "a row without its word")  # type: ignore[index]
NEEDS["deep_norm"] = "post"  # type: ignore[index]
NEEDS["deepnorm"] = "after"  # type: ignore[assignment]

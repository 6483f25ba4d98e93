"""A measurement whose corpus is not there."""

from typing import Any

from core.data.downloads import CorpusError


def fails(lab: Any) -> Any:
    """Raises CorpusError."""
    raise CorpusError("tiny-shakespeare can't be downloaded (no network); connect to the network")

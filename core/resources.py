"""Where the files that ship with the lab are: presets, sweeps, logos.

In a checkout they stand in `assets/` beside this package; an installed wheel carries them inside.
"""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent
_INSTALLED = _HERE / "_assets"  # written by the wheel's build, see pyproject.toml

ASSETS = _INSTALLED if _INSTALLED.is_dir() else _HERE.parent / "assets"

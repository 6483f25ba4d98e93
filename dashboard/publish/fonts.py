"""The dashboard's own typefaces, inside of a page that asks nothing of the outside."""

from __future__ import annotations

import base64
from pathlib import Path

import streamlit

# Source Sans and Source Code (SIL Open Font License 1.1), as Streamlit brings them along.
FACES = {"Source Sans 3": "SourceSansVF-Upright", "Source Code Pro": "SourceCodeVF-Upright"}
FOLDER = Path(streamlit.__file__).parent / "static" / "static" / "media"


def faces() -> str:
    """A style sheet with them; a face that this release of Streamlit lacks is left out, and the
    page is set in the reader's own.
    """
    rules = []
    for family, name in FACES.items():
        found = next(iter(sorted(FOLDER.glob(f"{name}.*.woff2"))), None)
        if found is None:
            continue
        content = base64.b64encode(found.read_bytes()).decode()
        rules.append(
            f'@font-face{{font-family:"{family}";font-weight:200 900;font-display:swap;'
            f"src:url(data:font/woff2;base64,{content}) format('woff2')}}"
        )
    return "".join(rules)

"""``add-norm-lab`` and ``python -m dashboard``: open the dashboard on this machine.

``PORT`` moves it, ``ADDNORM_RUNS`` names the folder of runs; what else is given goes to
``streamlit run`` as it is.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

APP = Path(__file__).resolve().parent / "app.py"


def main() -> None:
    """Never returns: Streamlit's own command line takes over."""
    from streamlit.web import cli

    port = os.environ.get("PORT", "8501")
    sys.argv = ["streamlit", "run", str(APP), "--server.port", port, *sys.argv[1:]]
    cli.main(prog_name="streamlit")


if __name__ == "__main__":
    main()

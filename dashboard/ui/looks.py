"""Parts of a page that run by themselves, every second or so, and may ask for the page anew."""

from __future__ import annotations

from streamlit.runtime.scriptrunner import get_script_run_ctx


def is_later_look() -> bool:
    """Whether such a part runs by itself now, and not as a piece of the page's own script.

    Only then may it ask for the page anew: what the script has drawn would be thrown away unseen.
    """
    context = get_script_run_ctx()
    return context is not None and bool(context.fragment_ids_this_run)

"""Words of users where Streamlit reads Markdown."""

from __future__ import annotations

from dashboard.ui.markdown import literal


def test_every_mark_is_escaped() -> None:
    said = literal(":red[x] **b** $y$ [z](javascript:1) <b>\n# h")
    assert said.startswith("\\:red\\[x\\] \\*\\*b\\*\\* \\$y\\$ \\[z\\]\\(javascript")
    assert "\n" not in said
    assert literal("depth 12 é") == "depth 12 é"

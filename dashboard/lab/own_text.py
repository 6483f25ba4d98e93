"""A text of the user's own as a run's corpus: its path, or an upload."""

from __future__ import annotations

from html import escape

import streamlit as st

from core.config.words import file_name
from core.data.corpora import is_upload, keep_upload
from core.data.downloads import CorpusError
from core.language import t
from core.runs import RunError, read_only
from dashboard.lab.switch import setting
from dashboard.ui import cards, changes

# The uploader stands below the corpus, where the foot may cover it: it comes into sight by itself.
# Twice, as its own parts come a moment after it.
INTO_SIGHT = """<script>(() => {
const show = () => {
  const [upload, foot] = [".st-key-upload_field", ".st-key-foot"].map((at) =>
    document.querySelector(at))
  if (!upload) return
  upload.style.scrollMarginBottom = `${(foot?.offsetHeight ?? 0) + 12}px`
  upload.scrollIntoView({ block: "nearest" })
}
requestAnimationFrame(show)
setTimeout(show, 400)
})()</script>"""


def own_text() -> None:
    """The field of the text's path, the uploader, and what was wrong with the last upload."""
    _path()
    with st.container(key="upload_field"):
        changes.file_uploader(
            t("Upload a text file"),
            type=["txt", "md", "csv", "json", "py", "log", "jsonl", "ndjson"],
            key=_upload_key(),
            on_change=_keep_upload,
        )
    if problem := st.session_state.get("upload_problem"):
        cards.problem(problem)
    if not st.session_state.get("data_path"):
        st.html(INTO_SIGHT, unsafe_allow_javascript=True)


def _path() -> None:
    """The field of an own text's path; of an upload its name, for its path is the server's."""
    path = st.session_state.get("data_path")
    with st.container(key="uploaded_path" if is_upload(path) else "typed_path"):
        setting("data.path")
    if is_upload(path):
        name = escape(file_name("data.path", path))
        with st.container(key="uploaded", horizontal=True, gap="small"):
            st.html(f"<p>{t('Text file {name}', name=f'<b>{name}</b>')}</p>", width="stretch")
            st.button(t("Another file"), key="other_text", type="tertiary", on_click=_forget_text)


def _upload_key() -> str:
    """`upload`, and another one each time that another file was asked for."""
    forgotten = st.session_state.get("uploads_forgotten", 0)
    return f"upload_{forgotten}" if forgotten else "upload"


def _forget_text() -> None:
    st.session_state["data_path"] = ""
    # An empty field: the old one would still show the file, and hear nothing of the same one again.
    st.session_state["uploads_forgotten"] = st.session_state.get("uploads_forgotten", 0) + 1


def _keep_upload() -> None:
    st.session_state["upload_problem"] = ""
    upload = st.session_state[_upload_key()]
    if upload is None:
        return
    try:
        read_only.refuse()
        path = keep_upload(upload.getvalue(), upload.name)
    except (CorpusError, RunError) as error:
        st.session_state["upload_problem"] = t(error)
    else:
        st.session_state["data_path"] = str(path)

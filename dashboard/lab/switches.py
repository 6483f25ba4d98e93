"""The switches: one widget for every setting of `core.config`, made from its words and limits.

A widget's key is the setting's dotted name with underscores, which is also its name in the address.
A widget's default is always `RunConfig`'s; a preset only turns the switches.
"""

from __future__ import annotations

from html import escape
from typing import Any

import streamlit as st

from core import presets
from core.config import accepted, applies, choices, impossible
from core.config.words import file_name
from core.data.corpora import is_upload, keep_upload
from core.data.downloads import CorpusError
from dashboard.address import page
from dashboard.lab.preset import nearest_preset, preset_row
from dashboard.settings import held
from dashboard.settings.address import arrived_settings, rewrite_address
from dashboard.settings.form import DEFAULTS, SETTINGS, is_auto, key, to_widget
from dashboard.ui import cards

FIRST = (
    "model.family",
    "model.residual",
    "model.placement",
    "model.norm",
    "model.depth",
    "model.blocks_per_stage",
    "model.init",
    "optimizer.warmup_steps",
)
SEGMENTED = (
    "model.family",
    "model.residual",
    "model.placement",
    "model.norm",
    "model.init",
    "model.final_norm",
    "model.scaling",
    "model.qk_norm",
    "model.sublayers",
    "optimizer.schedule",
    "training.device",
)
# Settings of one sublayer: nothing reads them where it is absent.
ATTENTION = ("model.qk_norm", "model.value_residual", "model.causal", "model.heads")
FEEDFORWARD = ("model.feedforward_width", "model.activation")
# Choosing one of these turns the others that it needs.
RESOLVED = ("placement", "norm", "scaling")
# Steps of the sliders; a value between them, from a preset or an address, is added.
LADDERS: dict[str, tuple[int, ...]] = {
    "model.depth": (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 18, 20, 24, 32, 48, 64, 96, 128),
    "model.blocks_per_stage": (1, 2, 3, 4, 5, 6, 8, 12, 16),
    "optimizer.warmup_steps": (0, 5, 10, 20, 50, 100, 150, 200, 300, 400, 500, 1000, 2000, 5000),
}
PLACEHOLDERS = {
    "model.overrides": "1-3: placement=post; 5: residual=off",
    "training.switches": "150/5: residual=off",
}
# What people type counts layers from 1; the settings' own words are those of the command line.
COUNTED_FROM_1 = {
    "model.overrides": "Layers that differ, counted from 1: `1-3: placement=post; 5: residual=off`;"
    " any of residual, placement, norm and scaling, and the last one wins.",
    "training.switches": "Layers that change while training, counted from 1, each from a step on:"
    " `150/5: residual=off` changes layer 5 at step 150; any of residual, placement, norm and"
    " scaling.",
}
SMALL_STEPS = {
    "optimizer.learning_rate": 1e-4,
    "model.norm_epsilon": 1e-6,
    "model.rotary_base": 1000.0,
    "training.steps": 100,
    "model.width": 16,
    "model.context": 16,
}
FOLDED = {
    "model": "Model",
    "data": "Data",
    "optimizer": "Optimizer",
    "training": "Training",
    "probes": "Probes",
}


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


def switches() -> dict[str, Any]:
    """Draw all switches; the settings that they hold."""
    _seed()
    preset_row()
    with held.held():
        return _switches()


def _switches() -> dict[str, Any]:
    for dotted in FIRST:
        if applies(dotted, held.widget_values()):
            continue
        with st.container(key=f"switch_{key(dotted)}"):
            setting(dotted)
            st.html(aside(dotted))
    values = held.widget_values()
    for group, title in FOLDED.items():
        with st.container(key=f"fold_{group}"):
            with st.expander(title, key=f"open_{group}"):
                _folded(group)
            st.html(f'<span class="fold-values">{escape(summary(group, values))}</span>')
    held.remember_settings()
    return held.widget_values()


def _seed() -> None:
    """Turn every widget to what the address says, at each arrival on the page.

    A widget takes the address as it was when the run began, so an address that has to be mended is
    mended first, and the values wait.
    """
    remembered = st.session_state
    if how := page.take_arrival():
        address = page.query()
        values, problems, said = arrived_settings(how, address)
        page.blame(problems)
        remembered["arrived_settings"] = values
        if address.get("preset") in presets.names():
            remembered["preset"] = address["preset"]
        elif said:
            remembered["preset"] = nearest_preset(values)
        if rewrite_address(address, values):
            st.rerun()
    for dotted, value in remembered.pop("arrived_settings", {}).items():
        remembered[key(dotted)] = to_widget(dotted, value)


# One setting


def setting(dotted: str) -> None:
    """The widget of one setting."""
    _draw(dotted)
    held.reread(dotted)


def _draw(dotted: str) -> None:
    field = SETTINGS[dotted]
    default = DEFAULTS[dotted]
    reason = pointless(dotted)
    common: dict[str, Any] = {
        "key": key(dotted),
        "help": _help(dotted, reason),
        "on_change": held.changed,
        "args": (dotted,),
        "bind": "query-params",
        "disabled": bool(reason),
    }
    title = field.title or dotted
    words = offered(dotted)
    if dotted in LADDERS:
        value = _held(dotted)
        options = sorted({*LADDERS[dotted], *([value] if isinstance(value, int) else [])})
        st.select_slider(title, options, default, **common)
    elif words and dotted in SEGMENTED:
        st.segmented_control(
            title,
            words,
            default=default,
            required=True,
            width="stretch",
            wrap=len(words) > 4,
            **common,
        )
    elif words:
        # A family that can't take the default starts with the first word that it takes.
        st.selectbox(title, words, words.index(default) if default in words else 0, **common)
    elif isinstance(default, bool):
        st.toggle(title, default, **common)
    elif is_auto(dotted):
        st.text_input(
            title,
            str(default),
            validate=(r"^(auto|[0-9]+)$", "auto or a whole number"),
            **common,
        )
    elif isinstance(default, int | float):
        _number(dotted, title, default, common)
    elif dotted == "probes.text":
        st.text_area(title, default, height=80, max_chars=20000, **common)
    elif dotted in PLACEHOLDERS:
        st.text_input(title, "", placeholder=PLACEHOLDERS[dotted], **common)
    else:
        st.text_input(title, default or "", **common)


def offered(dotted: str) -> tuple[str, ...]:
    """The words of a choice that the family takes, and the one that is chosen."""
    values, words = held.widget_values(), choices(dotted)
    taken = accepted(dotted, words, values)
    return tuple(word for word in words if word in taken or word == values[dotted])


def _number(dotted: str, label: str, default: float, common: dict[str, Any]) -> None:
    # Without limits: a browser keeps back what is beyond one, and Train would take the old number.
    whole = isinstance(default, int)
    step = SMALL_STEPS.get(dotted, 1 if whole else 0.01)
    kind = int if whole else float
    st.number_input(
        label,
        value=default,
        step=kind(step),
        format="%d" if whole else "%.8g",
        **common,
    )


def _unit(dotted: str) -> str:
    return str((SETTINGS[dotted].json_schema_extra or {}).get("unit", ""))


def _help(dotted: str, reason: str = "") -> str:
    unit = _unit(dotted)
    described = str(SETTINGS[dotted].description)
    if dotted in COUNTED_FROM_1:
        described = COUNTED_FROM_1[dotted]
    described = f"{described} Counted in {unit}." if unit.endswith("s") else described
    if reason:
        return f"{described} **Off: {reason}.**"
    if choices(dotted) and dotted.startswith("model."):
        described += "".join(f" Not now: {why}." for why in _not_now(dotted))
    return described


def _not_now(dotted: str) -> list[str]:
    """Words of a choice that can't stand with the other settings, grouped by what they need."""
    field = dotted.removeprefix("model.")
    if field in RESOLVED:  # choosing one of these turns the others with it
        return []
    found = impossible(held.model_values(), field)
    return [f"{word} ({why})" for word, why in found.items()]


def aside(dotted: str) -> str:
    """The word at the right of a switch's label: Add, Norm or the value."""
    if dotted == "model.residual":
        return '<span class="aside add">Add</span>'
    if dotted in ("model.placement", "model.norm"):
        return '<span class="aside norm">Norm</span>'
    if dotted in LADDERS:
        value, unit = _held(dotted), _unit(dotted)
        unit = unit.removesuffix("s") if value == 1 else unit
        return f'<span class="aside">{value:,} {unit}</span>'
    return '<span class="aside"></span>'


def _held(dotted: str) -> Any:
    value = held.widget_values()[dotted]
    return value if isinstance(value, int) else DEFAULTS[dotted]


def pointless(dotted: str) -> str:
    """Why nothing reads a setting with the present ones; empty where something does."""
    values = held.widget_values()
    one = {name: values[f"model.{name}"] for name in ("norm", "sublayers", "positions")}
    if dotted in ("model.norm_epsilon", "model.qk_norm", "model.embedding_norm"):
        if one["norm"] == "none" and values[dotted] == DEFAULTS[dotted]:
            return "there is no norm (model.norm is none)"
        if dotted == "model.norm_epsilon" and one["norm"] == "dyt":
            return "DyT has no ε (model.norm is dyt)"
    if dotted in ATTENTION and one["sublayers"] == "feedforward":
        return "the blocks have no attention (model.sublayers is feedforward)"
    if dotted in FEEDFORWARD and one["sublayers"] == "attention":
        return "the blocks have no feed-forward (model.sublayers is attention)"
    if dotted == "model.rotary_base" and one["positions"] != "rotary":
        return f"only rotary positions have one (model.positions is {one['positions']})"
    return ""


# The folded groups


def _folded(group: str) -> None:
    for dotted in SETTINGS:
        if not dotted.startswith(f"{group}.") or dotted in FIRST or dotted == "data.path":
            continue
        values = held.widget_values()  # of another family, hidden unless they are in the way
        if not applies(dotted, values) or values[dotted] != DEFAULTS[dotted]:
            setting(dotted)
    if group == "training":
        st.text_input(
            "Name",
            key="run_name",
            max_chars=120,
            placeholder="made from the settings",
            help="What the next runs are called.",
            persist_state="session",
        )
    if group == "data" and st.session_state.get("data_corpus") == "file":
        _own_text()
        with st.container(key="upload_field"):
            st.file_uploader(
                "Upload a text file",
                type=["txt", "md", "csv", "json", "py", "log"],
                key=_upload_key(),
                on_change=_keep_upload,
            )
        if problem := st.session_state.get("upload_problem"):
            cards.problem(problem)
        if not st.session_state.get("data_path"):
            st.html(INTO_SIGHT, unsafe_allow_javascript=True)


def _own_text() -> None:
    """The field of an own text's path; of an upload its name, for its path is the server's."""
    path = st.session_state.get("data_path")
    with st.container(key="uploaded_path" if is_upload(path) else "typed_path"):
        setting("data.path")
    if is_upload(path):
        name = escape(file_name("data.path", path))
        with st.container(key="uploaded", horizontal=True, gap="small"):
            st.html(f"<p>Text file <b>{name}</b></p>", width="stretch")
            st.button("Another file", key="other_text", type="tertiary", on_click=_forget_text)


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
        path = keep_upload(upload.getvalue(), upload.name)
    except CorpusError as error:
        st.session_state["upload_problem"] = str(error)
    else:
        st.session_state["data_path"] = str(path)


def summary(group: str, values: dict[str, Any]) -> str:
    """The values of a folded group in a few words."""
    v = values
    rate = f"{v['optimizer.learning_rate']:g}"
    corpus = str(file_name("data.path", v["data.path"]) or "file")
    wide = f"{v['model.width']} wide"
    more = {"transformer": f" · {v['model.heads']} heads", "resnet": f" · stem {v['model.stem']}"}
    return {
        "model": wide + more.get(v["model.family"], ""),
        "data": corpus if v["data.corpus"] == "file" else v["data.corpus"],
        "optimizer": f"AdamW {rate}",
        "training": f"{v['training.steps']:,} steps · seed {v['training.seed']}",
        "probes": f"every {v['probes.every']} steps" if v["probes.every"] else "off",
    }[group]

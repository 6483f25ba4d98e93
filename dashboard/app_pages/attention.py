"""Attention: what every head of a run looks at, through training, and against another run."""

import streamlit as st

from dashboard import chosen, state
from dashboard.attention import choices
from dashboard.components.attention_page import attention_page, chosen_checkpoint
from dashboard.ui import cards

PROBE = "Probe text. Type your own to see it here."


def remembered(key, options, default):
    """A widget's value from this session, else from the address, else a default."""
    held = st.session_state.get(key, default)
    st.session_state[key] = held if held in options else default


# Widgets whose words for people are not those of the address: kept there by `chose`.
WORDS = {"sort": choices.SORTS, "view": tuple(choices.SIDES)}


def address_problems():
    """Take sort and view from the address, once; what it got wrong is said until a change."""
    if "attention_problems" not in st.session_state:
        given = {n: st.query_params[k] for n in WORDS if (k := f"attention_{n}") in st.query_params}
        st.session_state["attention_problems"] = [
            f"The address says {name} {word[:40]}; accepted: {', '.join(WORDS[name])}."
            for name, word in given.items()
            if word not in WORDS[name]
        ]
        for name, word in given.items():
            st.session_state[f"attention_{name}"] = word
    return st.session_state["attention_problems"]


def chose():
    """Widgets say something new: the address follows, its mistakes are forgotten."""
    st.session_state["attention_problems"] = []
    ids = [st.session_state.get(key) for key in ("attention_run", "attention_other")]
    state.put_runs("attention_runs", [id for id in ids if id])
    chosen.told("attention", *ids)
    chosen.remember(*ids)
    for name, words in WORDS.items():
        word = st.session_state.get(f"attention_{name}") or words[0]
        if word != words[0]:
            st.query_params[f"attention_{name}"] = word
        elif f"attention_{name}" in st.query_params:
            del st.query_params[f"attention_{name}"]


def controls():
    """One line: two runs, a text, which of the two, how the cards are sorted."""
    named, wrong = state.runs_in_address("attention_runs")
    problems = [*wrong, *(f"{r.name} has no attention." for r in named if r not in runs)]
    ids = [run.id for run in named if run in runs]
    names = choices.labels(runs)
    told = chosen.news("attention", chosen.named("attention", ids), names)
    if told:
        st.session_state["attention_run"] = told[0]
    remembered("attention_run", names, runs[0].id)
    a = next(run for run in runs if run.id == st.session_state["attention_run"])
    beside = [run.id for run in choices.others(runs, a)]
    twin = a.meta["twin_of"] if a.meta["twin_of"] in beside else None
    if told:
        st.session_state["attention_other"] = told[1] if told[1:] else twin
    remembered("attention_other", [None, *beside], twin)
    with st.container(horizontal=True, key="attention_bar", gap="small"):
        st.selectbox(
            "Run A", list(names), key="attention_run", format_func=names.__getitem__,
            on_change=chose, label_visibility="collapsed", width=176, persist_state="session",
        )  # fmt: skip
        other = st.selectbox(
            "Run B", beside, index=None, key="attention_other", format_func=names.__getitem__,
            on_change=chose, label_visibility="collapsed", width=176, persist_state="session",
            placeholder="Compare with a run",
        )  # fmt: skip
        text = st.text_input(
            "Own text", key="attention_text", placeholder=PROBE, bind="query-params",
            label_visibility="collapsed", width="stretch", max_chars=20_000,
        )  # fmt: skip
        b = next((run for run in runs if run.id == other), None)
        if not named:
            chosen.own("attention", a.id, other)
            state.put_runs("attention_runs", filter(None, (a.id, other)))
        side = view(a, b, choices.unfit(a, b, bool(text)) if b else "", names)
        remembered("attention_sort", choices.SORTS, choices.SORTS[0])
        sort = st.selectbox(
            "Heads sorted by", choices.SORTS, key="attention_sort", on_change=chose,
            label_visibility="collapsed", width=238, format_func=lambda s: f"Heads by {s}",
            persist_state="session",
        )  # fmt: skip
    return a, b, text, side, sort, problems


def view(a, b, unfit, names):
    """Which of the two is shown, or how they differ."""
    sides = ["a"] if b is None else ["a", "b"] if unfit else list(choices.SIDES)
    words = {"a": f"A {short(names[a.id])}", "b": f"B {short(names[b.id])}" if b else ""}
    remembered("attention_view", sides, "a")
    if b is None:
        return "a"
    side = st.segmented_control(
        "View", sides, key="attention_view", required=True, on_change=chose,
        format_func=lambda s: words.get(s) or choices.SIDES[s],
        label_visibility="collapsed", width="content", persist_state="session",
    )  # fmt: skip
    if unfit:
        cards.problem(unfit)
    return side


def short(name):
    """A name that leaves room for others."""
    return name if len(name) <= 16 else name[:15] + "…"


def empty():
    """What would be here."""
    with cards.card("first"):
        cards.empty(
            "No run with attention yet" if everything else "No runs yet",
            "Train a Transformer: what each of its heads looks at stands here, from the first step"
            " of training to the last.",
        )
        if st.button("Open the Lab", key="open_lab", type="primary"):
            st.switch_page("app_pages/lab.py")


everything = state.store().list()[::-1]
runs = [run for run in everything if choices.has_attention(run)]
said = address_problems()
if not runs:
    empty()
else:
    a, b, text, side, sort, problems = controls()
    shown = {"a": [a], "b": [b], "difference": [a, b]}[side]
    opened, mistakes = choices.opened(dict(st.query_params), shown[0])
    wanted = chosen_checkpoint() if chosen_checkpoint() is not None else opened["step"]
    asked = choices.Asked({})
    if text:
        strange = [p for run in shown if (p := choices.text_problem(run, text))]
        problems += strange
        if not strange:
            asked = choices.ask(state.store(), shown, "attention", wanted, text=text)
    induction = choices.Asked({})
    if any(run.checkpoints for run in shown):
        able = [run for run in shown if run.checkpoints]
        induction = choices.ask(state.store(), able, "heads", wanted)
    for sentence in [*said, *problems, *mistakes, *asked.problems, *induction.problems]:
        cards.problem(sentence)
    attention_page(
        [run for run in (a, b) if run],
        side=side,
        sort=sort,
        opened=opened,
        text=text,
        asked=asked.found if len(asked.found) == len(shown) else None,
        induction=induction.found,
        checkpoint=choices.nearest(shown[0].checkpoints, wanted),
    )

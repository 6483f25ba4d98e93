"""A LayerNorm operated by hand: type a vector, see every number, and the gradient."""

from __future__ import annotations

import streamlit as st

from core.language import t
from core.lessons import by_hand
from core.lessons.by_hand import ByHand, Numbers
from dashboard.ui import cards
from dashboard.ui.templates import render

VECTOR, OUTPUT, GAMMA, BETA, EPSILON = (
    *("hand_vector", "hand_output", "hand_gamma", "hand_beta"),
    "hand_epsilon",
)
LAST = "hand_last"  # the vector that could be read last
FIRST = "2, -1, 0.5, 6"


def card() -> None:
    """The vector, what is done to it, and the tutorials' formula beside it."""
    with cards.card(
        "hand",
        t("A LayerNorm, operated by hand"),
        below=t("One token's features go in; every number on the way is shown."),
    ):
        left, right = st.columns([34, 66], gap="medium")
        with left:
            text = st.text_input(
                t("Vector x, the features of one token"), FIRST, key=VECTOR, max_chars=200
            )
            with st.container(horizontal=True, gap="small", key="hand_moves"):
                st.button(t("× 10"), key="hand_times", on_click=_move, args=(10.0, 0.0))
                st.button(t("+ 5"), key="hand_plus", on_click=_move, args=(1.0, 5.0))
                st.button(t("As it was"), key="hand_back", on_click=_back)
            with st.container(horizontal=True, gap="small", key="hand_numbers"):
                gamma = st.number_input("γ", -10.0, 10.0, 1.0, 0.5, key=GAMMA, width=110)
                beta = st.number_input("β", -10.0, 10.0, 0.0, 0.5, key=BETA, width=110)
                epsilon = st.number_input(
                    "ε", 0.0, 1.0, by_hand.EPSILON, 1e-5, "%.5f", key=EPSILON, width=130
                )
        try:
            x = st.session_state[LAST] = by_hand.vector(text)
        except ValueError as error:
            with left:
                cards.problem(t(error))
            x = st.session_state.get(LAST, by_hand.vector(FIRST))
            with right:
                st.caption(t("These numbers are of the last vector that could be read."))
        with left:
            outputs = list(range(len(x)))
            if st.session_state.get(OUTPUT, 0) not in outputs:
                st.session_state[OUTPUT] = 0
            output = st.segmented_control(
                t("Gradient of the output"), outputs, default=0, required=True, key=OUTPUT,
                format_func=lambda at: f"y{at + 1}",
            )  # fmt: skip
        with right:
            try:
                found = by_hand.layer_norm(x, int(output or 0), gamma, beta, epsilon)
            except ValueError as error:
                cards.problem(t(error))
                return
            st.html(render("learn/by_hand", **_shown(found, int(output or 0))))


def _shown(found: ByHand, output: int) -> dict[str, object]:
    largest = max(float(abs(found.y).max()), 1e-9)
    steepest = max(float(abs(found.gradient).max()), 1e-9)
    rows = [
        {
            "x": _said(found.x[i]),
            "centred": _said(found.centred[i]),
            "printed": "" if found.printed is None else _said(found.printed[i]),
            "y": _said(found.y[i]),
            "bar": _bar(float(found.y[i]) / largest),
            "gradient": _said(found.gradient[i]),
            "slope": _bar(float(found.gradient[i]) / steepest),
        }
        for i in range(len(found.x))
    ]
    return {
        "rows": rows,
        "mean": _said(found.mean),
        "sigma": _said(found.sigma),
        "root": _said(found.root),
        "output": output + 1,
        "apart": None if found.apart is None else f"{found.apart:.2g}",
        "total": _said(float(found.gradient.sum())),
        "size": _said(float((found.gradient**2).sum() ** 0.5)),
    }


def _said(number: float) -> str:
    """Four figures; what is rounding error is 0."""
    return "0" if abs(number) < 1e-12 else f"{number:.4g}".replace("-", "\N{MINUS SIGN}")


def _bar(share: float) -> tuple[str, int]:
    """Which way a bar goes, and its length in percent of one side."""
    return ("minus" if share < 0 else "plus", round(100 * abs(share)))


def _move(times: float, plus: float) -> None:
    """Multiply the typed vector, or add to each of its numbers."""
    try:
        x: Numbers = by_hand.vector(st.session_state[VECTOR]) * times + plus
    except ValueError:
        return  # the page says what is wrong with it
    st.session_state[VECTOR] = ", ".join(f"{number:g}" for number in x)


def _back() -> None:
    st.session_state[VECTOR] = FIRST

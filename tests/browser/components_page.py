"""Nothing but the live parts, for the browser test; `?show=many` has those of many runs."""

import streamlit as st

from dashboard import components as live
from dashboard.live.feed import store

st.set_page_config(layout="wide")
st.session_state.setdefault("reruns", 0)
st.session_state.reruns += 1
live.preload()
runs = [run.id for run in store().list()]
left, right = st.columns([2, 1])
with left:
    st.markdown(f"reruns: {st.session_state.reruns}")
with right:
    live.topbar()
if st.query_params.get("show") == "many":
    ask = st.query_params
    options = {"metric": ask.get("metric", "loss/train"), "x": ask.get("x", "step")}
    logs = {"log_x": "log_x" in ask, "log_y": "log_y" in ask}
    groups = {run.id: run.name for run in store().list()} if "grouped" in ask else None
    smooth = float(ask.get("smooth", "0.9"))
    left, right = st.columns([2, 1])
    with left:
        live.curves(
            runs[-250:], key="loss", follow=True, height=460, groups=groups, smooth=smooth,
            **options, **logs,
        )  # fmt: skip
        live.difference(*runs[:2], key="difference", follow=True, smooth=smooth, **options)
    with right:
        live.depth_profile(
            runs[-250:], key="profile", metric="grad_norm/block", follow=True, cursor=True
        )
        live.depth_profile(
            runs[-250:], key="entropy", metric="attention/entropy", follow=True, cursor=True
        )
elif runs:
    top, side = st.columns([1, 1])
    with top:
        live.run_state(runs[-1], key="state", height=150)
    with side:
        live.run_state(runs[0], key="state_first", height=150)
    wide, narrow = st.columns([2.5, 1])
    with wide:
        live.curves(
            runs,
            key="loss",
            title="Loss: one learns, its twin sits on the unigram plateau",
            baseline=("unigram entropy", 3.309),
            height=360,
        )
    with narrow:
        live.happening(runs, key="happening", height=360)
    first, second, third = st.columns([1.1, 1, 1.1])
    with first:
        live.layer_map(runs[-1], key="map")
    with second:
        live.depth_profile(runs, key="profile")
    with third:
        live.attention(runs[-1], key="attention", height=300)
    one, two = st.columns(2)
    with one:
        live.activation_lines(runs[-1], key="lines")
    with two:
        live.curves(runs, key="grad", metric="grad_norm/total", log_y=True)
else:
    live.happening([], key="happening", height=200)
    live.curves([], key="loss")

"""Lab: turn a switch, train, watch."""

import streamlit as st

from dashboard import components
from dashboard.address import page
from dashboard.lab import advice, cards, focus, forking, model, switches, view
from dashboard.live.feed import store
from dashboard.settings.form import to_config
from dashboard.ui import kept

forking.arrive()
with st.sidebar:
    values = switches.switches()
    with st.container(key="foot"):
        fork, problem = forking.current()
        vocab, cost = cards.start(*to_config(values), fork, problem)

lab = model.load(page.query(), store(), values, focus.kept())
focus.settle(lab.ids)
page.show(lab.problems)
with st.container(key="newcomer"):
    if not kept.kept(kept.TOUR):
        st.html('<span class="tour-expected"></span>')
    components.newcomer("tour", st.session_state[view.KEY])
left, right = st.columns([42, 58], gap="small")
with left:
    cards.block(lab)
with right:
    cards.state(lab.focus, lab.config)
if lab.focus is None:
    cards.first_run(lab.drawn)
else:
    left, right = st.columns([72, 28], gap="small")
    with left:
        cards.loss(lab)
    with right:
        components.happening(lab.ids, key="happening", height=320)
    advice.card(lab.shown, lab.verdicts)
    cards.depth(lab.focus, lab.ids)
    cards.activation(lab.focus)
if lab.config and vocab:
    with cost:
        cards.price(lab.config, vocab, fork.step if fork else 0)

"""Learn: predict, run, see, explain, answer."""

import streamlit as st

from core.lessons import lessons, problems
from dashboard.address import page
from dashboard.learn import answers, cards, charts, model, reading
from dashboard.live.feed import store

lesson = page.read(model.lesson_param())["lesson"]
hidden = page.read(model.hidden_param())["hide"]
page.show(also=problems() if not lesson else ())
if not lesson:
    cards.overview()
else:
    shown = model.shown(lessons()[lesson], reading.of(lesson), frozenset(hidden), store())
    cards.about(shown)
    left, right = st.columns(2, gap="small")
    with left:
        cards.predict(shown)
    with right:
        cards.run(shown)
    if shown.runs:
        charts.see(shown)
    if shown.ended:
        left, right = st.columns([54, 46], gap="small")
        with left:
            answers.explain(shown)
        with right:
            answers.ask(shown)

"""The cards of a lesson: what it is about, and its five steps."""

from __future__ import annotations

import streamlit as st

from core import durations
from core.config import settings
from core.config.command import command
from core.config.words import format_value
from core.language import t
from core.lessons import Lesson, lessons
from core.lessons.lesson import Control
from dashboard.figures.diagram import diagram
from dashboard.figures.equation import equation
from dashboard.launch import enqueue
from dashboard.learn import actions, hand, model, reading
from dashboard.learn.model import Shown
from dashboard.learn.words import label
from dashboard.live.feed import store
from dashboard.ui import cards, changes
from dashboard.ui.cost import in_time
from dashboard.ui.markdown import literal
from dashboard.ui.templates import render

CHART = 300  # pixels
COLUMNS = 2
MARKS = {"new": "○", "begun": "◐", "done": "●"}


def overview() -> None:
    """The list of lessons, each with how far the reader is."""
    kept = reading.every()
    done = sum(model.state_of(kept.get(id)) == "done" for id in lessons())
    st.html(render("learn/overview", done=done, number=len(lessons())))
    every = list(enumerate(lessons().values(), 1))
    for first in range(0, len(every), COLUMNS):  # row by row, as they are read in one column too
        for (number, lesson), where in zip(
            every[first : first + COLUMNS], st.columns(COLUMNS, gap="small"), strict=False
        ):
            with where:
                _entry(lesson, number, model.state_of(kept.get(lesson.id)))


def _entry(lesson: Lesson, number: int, state: model.State) -> None:
    words = {"new": t("not begun"), "begun": t("begun"), "done": t("done")}
    with st.container(border=True, key=f"card_lesson_{lesson.id}"):
        st.button(
            literal(f"{number} · {t(lesson.title)}"),
            key=f"open_{lesson.id}",
            type="tertiary",
            on_click=actions.open_lesson,
            args=(lesson.id,),
        )
        st.html(
            render(
                "learn/entry",
                lesson=lesson,
                state=state,
                mark=MARKS[state],
                word=words[state],
            )
        )


# One lesson


def about(shown: Shown) -> None:
    """The way back, the title, what the lesson is about, the block that it trains."""
    lesson = shown.lesson
    place = list(lessons()).index(lesson.id) + 1
    with st.container(horizontal=True, gap="small", key="lesson_head", vertical_alignment="center"):
        if not shown.hides("lessons"):
            st.button(t("All lessons"), key="all_lessons", on_click=actions.open_lesson, args=("",))
        st.html(render("learn/title", lesson=lesson, place=place, number=len(lessons())))
        if not shown.hides("link"):
            _link(shown)
    with cards.card("about"):
        left, right = st.columns([54, 46], gap="medium")
        with left:
            st.html(render("learn/about", lesson=lesson))
        with right:
            if lesson.equation:
                st.latex(lesson.equation)
            _blocks(lesson)
    if lesson.hands_on == "layernorm":
        hand.card()


def _blocks(lesson: Lesson) -> None:
    """The block of each run, once where they are all the same."""
    drawn: dict[str, str] = {}
    for planned in lesson.runs:
        own = lesson.config(planned.name).model
        drawn.setdefault(f"{equation(own)}{diagram(own, times=False)}", t(planned.title))
    for picture, title in drawn.items():
        name = render("learn/block", title=title) if len(drawn) > 1 else ""
        st.markdown(f"{name}{picture}", unsafe_allow_html=True)


def _link(shown: Shown) -> None:
    """What a teacher sends to a class: this lesson, with some of it hidden."""
    lesson = shown.lesson
    words = {
        "lessons": t("the other lessons"),
        "controls": t("all controls"),
        **{one.key: _label(one) for one in lesson.controls},
        "recorded": t("recorded runs"),
        "theory": t("what theory says"),
        "settings": t("commands"),
        "export": t("the page with the answer key"),
        "link": t("this button"),
    }
    with st.popover(t("Link for a class"), key="class_link"):
        hidden = st.multiselect(
            t("Hide"), list(words), format_func=words.__getitem__, key=f"hide_{lesson.id}",
            placeholder=t("nothing"),
        )  # fmt: skip
        address = str(st.context.url or "/learn").partition("?")[0]
        said = f"&hide={','.join(hidden)}" if hidden else ""
        st.code(f"{address}?lesson={lesson.id}{said}", language=None, wrap_lines=True)


def predict(shown: Shown) -> None:
    """1: what the reader expects."""
    lesson, kept = shown.lesson, shown.kept
    with cards.card("predict", f"1 · {t('Predict')}", height="stretch"):
        options = list(range(len(lesson.predict.options)))
        settled = bool(shown.runs)
        label(t(lesson.predict.question))
        st.radio(
            t(lesson.predict.question),
            options,
            index=kept.predicted,
            format_func=lambda place: literal(t(lesson.predict.options[place].text)),
            key=f"predict_{lesson.id}",
            label_visibility="collapsed",
            disabled=settled,
            on_change=actions.predict,
            args=(lesson.id,),
        )
        if kept.predicted is None and not settled:
            st.caption(t("Choose one; there is nothing to lose. You can't change it once it runs."))


def run(shown: Shown) -> None:
    """2: what is trained, and the button that does it."""
    lesson, kept = shown.lesson, shown.kept
    with cards.card("steps_run", f"2 · {t('Run')}", height="stretch"):
        if kept.recorded:
            _recorded(shown)
            return
        for control in lesson.controls:
            if not shown.hides("controls", control.key):
                _control(shown, control)
        configs = [lesson.config(one.name, actions.chosen_of(lesson)) for one in lesson.runs]
        cost = durations.cost(store(), configs, read=False)
        guess = "" if cost.measured else t(", a guess until the first run")
        st.html(
            render(
                "learn/plan",
                runs=[t(one.title) for one in lesson.runs],
                time=t("about {time}", time=in_time(cost.seconds)) + guess,
            )
        )
        ready = kept.predicted is not None and not shown.under_way and not cost.problem
        with st.container(horizontal=True, gap="small"):
            changes.button(
                t("Run again") if shown.runs else t("Run"),
                key="lesson_run",
                type="secondary" if shown.ended else "primary",
                on_click=actions.train,
                args=(lesson.id,),
                disabled=not ready,
            )
            if shown.under_way:
                changes.button(
                    t("Stop"), key="lesson_stop", on_click=actions.stop, args=(lesson.id,)
                )
            elif shown.has_recorded and not shown.hides("recorded"):
                st.button(
                    t("See recorded runs"),
                    key="lesson_recorded",
                    on_click=actions.read_recorded,
                    args=(lesson.id,),
                    disabled=kept.predicted is None,
                )
        if kept.predicted is None:
            st.caption(t("Predict first."))
        elif shown.under_way:
            st.caption(t("They train now. Below, 3 shows them live; 4 explains what came out."))
        for sentence in filter(None, (enqueue.problem(), cost.problem)):
            cards.problem(sentence)
        if not shown.hides("settings"):
            _commands(shown)


def _recorded(shown: Shown) -> None:
    """That these are recorded runs, and how to have one's own."""
    lesson = shown.lesson
    one = next(iter(shown.runs.values()), None)
    device = one.record.device if one else ""
    st.html(render("learn/recorded", lesson=lesson, device=device))
    with st.container(horizontal=True, gap="small"):
        changes.button(
            t("Train them myself"), key="own_runs", on_click=actions.own_runs, args=(lesson.id,)
        )
    if not shown.hides("settings"):
        _commands(shown)


def _commands(shown: Shown) -> None:
    """What trains the same on a command line."""
    lesson = shown.lesson
    with st.expander(t("Commands that repeat these runs"), key="lesson_commands"):
        for planned in lesson.runs:
            own = shown.runs.get(planned.name)
            config = own.config if own else lesson.config(planned.name, actions.chosen_of(lesson))
            named = config.model_copy(update={"name": f"{lesson.id} {planned.name}"})
            st.caption(literal(t(planned.title)))
            st.code(command(named), language=None, wrap_lines=True)


def _label(control: Control) -> str:
    return t(control.label or str(settings()[control.setting].title))


def _control(shown: Shown, control: Control) -> None:
    """A setting that the reader may change; locked while the runs train."""
    lesson = shown.lesson
    now = shown.kept.chosen.get(control.setting, control.values[0])
    of = [t(lesson.run(name).title) for name in control.runs]
    words = f"{_label(control)} ({', '.join(of)})" if of else _label(control)
    label(words, small=True)
    st.segmented_control(
        words,
        control.values,
        default=now if now in control.values else control.values[0],
        format_func=lambda value: literal(format_value(value)),
        key=actions.control_key(lesson, control.key),
        label_visibility="collapsed",
        required=True,
        disabled=shown.under_way,
    )

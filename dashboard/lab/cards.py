"""The Lab's cards; each is given what it shows."""

from __future__ import annotations

import contextlib
from functools import partial
from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.catalogue.index import of_run
from core.config import ModelConfig, RunConfig, choices, layers
from core.config.fork_point import ForkPoint
from core.config.words import title_of
from core.language import mark, t
from core.metrics.names import OBSERVABLES, OPTIMAL, SPLIT_BY_HEADS
from core.runs import Run, RunError
from core.verdicts.labels import LIVE
from core.verdicts.why import NORM
from dashboard import components
from dashboard.address import widgets
from dashboard.catalogue import run_names
from dashboard.catalogue.differences import written
from dashboard.components import beside
from dashboard.figures.block import published, title
from dashboard.figures.diagram import diagram
from dashboard.figures.equation import equation
from dashboard.lab import actions, forking, headline
from dashboard.lab.model import Lab
from dashboard.launch import enqueue, grid_dialog, twins
from dashboard.live.feed import store
from dashboard.notice import pages as notice
from dashboard.ui import cards, changes, cost, units
from dashboard.ui.language import named

# One word each; the chart below says it whole.
SHORT_STATISTICS = {
    "rms": mark("rms"),
    "mean": mark("mean"),
    "std": mark("std"),
    "kurtosis": mark("kurtosis"),
    "max": mark("max"),
    "dead": mark("dead"),
}
WAITING = (
    (mark("Gradient norm, layer × step"), mark("Which layers still learn.")),
    (mark("Residual stream by depth"), mark("How x grows from layer to layer.")),
    (mark("Attention"), mark("What every head looks at in the probe text.")),
)


def block(lab: Lab) -> None:
    """The wiring as equation and drawing: of the run in focus, and of the next one's settings."""
    if lab.focus is not None and lab.focus.origin:
        _elsewhere(lab.focus)
    if not lab.next_differs:
        with cards.card("block", t(title(lab.drawn)), t(published(lab.drawn))):
            components.explained(notice.block(lab.drawn).told(), key="block")
            st.html(equation(lab.drawn))
            _drawing(lab.drawn)
        return
    with cards.card("block"):  # one below the other: side by side too small
        components.explained(notice.block(lab.drawn).told(), key="block")
        both = (("this", t("This run"), lab.now), ("next", t("Next run"), lab.drawn))
        for key, name, model in both:
            with st.container(gap=None, key=f"network_{key}"):
                wiring = t(published(model))
                st.html(
                    f'<div class="network"><b>{name}</b><span title="{escape(wiring)}">'
                    f"{escape(wiring.split(' · ')[0])}</span>{equation(model)}</div>"
                )
                _drawing(model)


def _elsewhere(run: Run) -> None:
    """What is known of a network that the lab did not build: its own settings, and its layers."""
    origin, entry = run.origin, of_run(run)
    with cards.card("elsewhere", t("Recorded by {by}", by=origin.get("by", "")), run.name):
        said = t(
            "The lab has what was measured and not the network, so it shows no equation, attention"
            " or anatomy of it and trains no twin of it. The network below is that of the switches,"
            " which Train and Train twin start."
        )
        gradients = origin.get("gradients")
        facts = {
            t("Network"): origin.get("model"),
            t("Layers"): ", ".join(map(str, origin.get("layers", ()))),
            t("Gradient norms"): t(str(gradients)) if gradients else "",
            t("Source"): origin.get("source"),
            **{t(title_of(name)): written(name, value) for name, value in entry.own.items()},
        }
        rows = "".join(
            f"<dt>{escape(str(name))}</dt><dd>{escape(str(value))}</dd>"
            for name, value in facts.items()
            if value
        )
        st.html(f'<p class="advice">{escape(said)}</p><dl class="elsewhere">{rows}</dl>')


def _drawing(model: ModelConfig) -> None:
    st.markdown(diagram(model), unsafe_allow_html=True)  # st.html drops drawings


def state(focus: Run | None, config: RunConfig | None) -> None:
    """The run in focus, and the buttons that steer it."""
    with cards.card("state", height="stretch"):
        pressed = actions.steering(focus, config)
        with st.container(horizontal=True, key="steering", gap="small"):
            for button, key, shortcut, act in zip(
                pressed,
                ("pause", "step", "stop"),
                ("p", "s", None),
                (actions.pause, actions.step, actions.stop),
                strict=True,
            ):
                changes.button(
                    button.label,
                    key=key,
                    shortcut=shortcut,
                    on_click=act,
                    disabled=not button.enabled,
                )
            if focus is not None and not focus.origin:
                if focus.config.model.family == "transformer":
                    _rewire(focus)
                _fork(focus)
            # Here and not below Train: a taller foot would cover switches in a low window.
            grid = changes.button(t("Ablation grid"), key="ablation_grid", disabled=config is None)
        if grid and config:
            fork, _ = forking.current()
            points = _points(None if focus is not None and focus.origin else focus, fork)
            grid_dialog.dialog(config, None, "app_pages/compare.py", points, fork)
        if focus is None:
            cards.empty(
                t("No run yet"), t("Step, loss, gradient norm, speed and time left stand here.")
            )
        else:
            components.run_state(focus.id, key="run_state", frame=False)
        if sentence := enqueue.problem(actions.PROBLEM):
            cards.problem(sentence)


def _fork(run: Run) -> None:
    """Choose the checkpoint of a run from which the next one starts."""
    able = forking.steps(run)
    with changes.popover(t("Fork"), key="fork", disabled=not able, on_change="rerun"):
        name = escape(run_names.name_of(run))
        said = t(
            "The next run goes on from a checkpoint of {name}, with its settings on the switches."
            " Turn some, then press Train.",
            name=name,
        )
        st.html(f'<div class="cost">{said}</div>')
        st.selectbox(
            t("From step"),
            able,
            key=forking.STEP,
            format_func=lambda step: f"{step:,}",
            help=t("Older checkpoints are kept without what going on needs."),
        )
        changes.button(
            t("Start from here"),
            key="fork_from",
            type="primary",
            on_click=forking.enter,
            args=(run,),
        )
        if sentence := enqueue.problem("fork_problem"):
            cards.problem(sentence)


def _points(focus: Run | None, fork: ForkPoint | None) -> list[ForkPoint]:
    """The checkpoints that a grid may start from: the one that is chosen first."""
    found = [fork] if fork else []
    if focus is not None:
        for step in forking.steps(focus):
            with contextlib.suppress(RunError):
                found.append(forking.point(focus, step))
    return list({one.key: one for one in found}.values())


def _rewire(run: Run) -> None:
    """Change a layer while the network trains."""
    # It reports whether it is open, so that a switch that was taken can close it over its result.
    with changes.popover(
        t("Rewire"), key="rewire", disabled=not actions.can_rewire(run), on_change="rerun"
    ):
        when = t(
            "Takes effect before the next step of {name}. The curves mark it.",
            name=run_names.name_of(run),
        )
        st.html(f'<div class="cost">{escape(when)}</div>')
        depth = run.config.model.depth
        st.text_input(
            t("Layers, 1 to {depth}", depth=depth) if depth > 1 else t("Layer, 1"),
            str(depth),
            key="switch_layers",
            help=t("One layer, as 5, or some, as 1-3."),
        )
        what = st.selectbox(
            t("Setting"),
            actions.REWIRABLE,
            key="switch_setting",
            format_func=lambda name: named(name, title_of(f"model.{name}")),
        )
        options = choices(f"model.{what}")
        other = actions.first_other(options, getattr(run.config.model, what))
        st.selectbox(t("Becomes"), options, other, key="switch_value")
        changes.button(t("Switch"), key="switch", type="primary", on_click=actions.rewire)
        if sentence := enqueue.problem("rewire_problem"):  # here: it would be covered below
            cards.problem(sentence)


def loss(lab: Lab) -> None:
    """The curves, with the plateau of a network that ignores its input."""
    entropy, left_out = headline.baseline(lab.verdicts, lab.shown)
    optimal, others = headline.optimal(lab.verdicts)
    said = [units.nats(lab.shown), left_out, others if not left_out else ""]
    components.curves(
        lab.ids,
        key="loss",
        metric="loss/train",
        height=320,
        baseline=(t(units.baseline(lab.shown)), entropy) if entropy else None,
        optimal=None if optimal is None else (t(OPTIMAL), optimal),
        title=headline.loss_title(lab.shown, lab.verdicts),
        unit=t(said[0]),
        verdicts={run.id: one.kind for run, one in zip(lab.shown, lab.verdicts, strict=True)},
        subtitle=" · ".join(map(t, filter(None, said))),
    )


def depth(focus: Run, ids: list[str]) -> None:
    """The card that shows layer by layer: gradients, the residual stream, attention where there is
    any.
    """
    # Of another network it is not known whether what a layer puts out is a residual stream.
    streams = "activation/rms/resid_post"
    if focus.origin and streams not in focus.metrics():
        streams = "activation/rms/layer.out"
    if focus.origin and not _measured(focus, "grad_norm/block", streams):
        return
    attends = not focus.origin and "attention" in focus.config.model.parts
    first, second, *third = st.columns([33, 31, 36] if attends else [52, 48], gap="small")
    with first:
        components.layer_map(focus.id, key="gradients", metric="grad_norm/block", height=318)
    with second:
        chart = st.container()
        model = None if focus.origin else beside.chosen("lab_beside")
        with chart:
            components.depth_profile(ids, key="residual", metric=streams, height=318, beside=model)
    if attends:
        # A view of its own for each run: one that never trained would show the last one's heads.
        with third[0], st.container(key="attention"):
            components.attention(focus.id, key=f"attention_of_{focus.id}", height=318)


def _measured(run: Run, *metrics: str) -> bool:
    """Whether a run from elsewhere has one of these metrics, or may have it still."""
    return run.status in LIVE or any(metric in run.metrics() for metric in metrics)


def observables(run: Run) -> list[str]:
    """The observables that the activation card can show of a run.

    Without a final norm its place repeats the stream before it, so it is left out.
    """
    known = {n.split("/", 2)[2] for n in run.metrics() if n.startswith("activation/")}
    normed = run.origin or run.config.model.has_final_norm
    offered = (one for one in OBSERVABLES if one not in SPLIT_BY_HEADS)
    there = [one for one in offered if normed or one != "final_norm.out"]
    return [o for o in there if o in known] or there


def activation(focus: Run) -> None:
    """One statistic of one observable, a line for each layer."""
    options = observables(focus)
    if focus.origin and not _measured(focus, *(f"activation/rms/{one}" for one in options)):
        return
    with cards.card("activation"):
        with st.container(horizontal=True, key="activation_choice", gap="small"):
            statistic = widgets.segments(
                "lab_statistic",
                t("Statistic"),
                {name: t(word) for name, word in SHORT_STATISTICS.items()},
                label_visibility="collapsed",
            )
            observable = widgets.selection(
                "lab_observable",
                t("Observable"),
                {name: name for name in options},
                label_visibility="collapsed",
                width=160,
            )
        components.activation_lines(
            focus.id,
            key="activations",
            statistic=statistic,
            observable=observable,
            height=250,
            frame=False,
        )


def first_run(drawn: ModelConfig) -> None:
    """A sentence that says what the page is for, and the button that leads to its story."""
    with cards.card("first"):  # as tall as its text: a fixed height cut the button off on phones
        cards.empty(
            t("See why a deep Transformer needs Add and Norm"),
            t(
                "Train small Transformers side by side to predict the next letter of the Python"
                " documentation, and watch which of them learn: here, twelve layers with the norm"
                " after each addition (post-LN) only guess by how often each letter occurs, a loss"
                " that is called the unigram entropy, and the same twelve with the norm before each"
                " sublayer (pre-LN) learn. The loss is \N{MINUS SIGN}ln of the probability that the"
                " right letter was given, in nats: 0 for certainty, ln n for a blind guess among n"
                " letters. {norm} Or turn the switches at the left and press Train.",
                norm=t(NORM),
            ),
        )
        with st.container(horizontal=True, gap="small"):
            changes.button(
                t("Train both: post-LN dies, pre-LN lives"),
                key="train_first",
                type="primary",
                on_click=actions.train_story,
            )
            if st.button(t("Begin with a lesson"), key="to_lessons"):
                st.switch_page("app_pages/learn.py", query_params={})
    waiting = WAITING[: 3 if "attention" in drawn.parts else 2]
    widths = [33, 31, 36][: len(waiting)]
    for column, (what, text) in zip(st.columns(widths, gap="small"), waiting, strict=True):
        column.html(f'<div class="waiting"><b>{t(what)}</b>{t(text)}</div>')


def start(
    config: RunConfig | None, wrong: str, fork: ForkPoint | None = None, problem: str = ""
) -> tuple[int | None, DeltaGenerator]:
    """The buttons that start a run; letters of the corpus, and the place for what it would cost.

    They are drawn before anything that reads runs: what is wrong with one must not take them away.
    `fork` is the checkpoint that the run starts from, `problem` what is wrong with the one that the
    address names.
    """
    forking.line(fork, config, problem)
    refusal = fork.refusal(config) if fork and config else problem
    if refusal:
        config, wrong = None, layers.sentence(refusal)
    vocab, problem = cost.vocabulary(config) if config else (None, wrong)
    pressed = enqueue.problem()
    lacking = cost.lacking(config) if config and vocab and not pressed else ""
    # One place whatever stands in it: else Train moves, and is there twice for a moment.
    above = st.empty()
    if wrong_now := [*filter(None, (problem, pressed or lacking))]:
        with above.container():
            for sentence in wrong_now:
                cards.problem(sentence)
    place = st.container(key="cost")
    with st.container(horizontal=True, key="start", gap="small"):
        changes.button(
            t("Train"),
            key="train",
            type="primary",
            shortcut="t",
            on_click=actions.train,
            disabled=not vocab,
        )
        asked = changes.button(t("Train twin"), key="train_twin", disabled=not vocab)
    if asked and config:
        twins.dialog(config, partial(actions.train_pair, config))
    return vocab, place


def price(config: RunConfig, vocab: int, first: int = 0) -> None:
    """The line that says what time and memory the run would take; `first` is where it starts."""
    speed = cost.measured_speed(store(), config, vocab)
    size, duration = cost.size(config, vocab), cost.duration(config, vocab, speed, first)
    st.html(f'<div class="cost">{escape(size)}<br>{escape(duration)}</div>')

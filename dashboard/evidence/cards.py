"""The cards of the Evidence page."""

from __future__ import annotations

import streamlit as st

from core.evidence import CLAIMS, Axes, Record
from core.jobs import checks
from core.jobs.checks import Asked
from core.language import t
from core.palette import Mode
from core.runs import RunError
from dashboard.address import page
from dashboard.address.widgets import segments
from dashboard.components import anatomy
from dashboard.evidence import model
from dashboard.evidence.model import Evidence, Shown
from dashboard.figures.evidence import coincide, has_spread, picture
from dashboard.live.feed import store
from dashboard.notice import pages as notice
from dashboard.ui import cards, changes
from dashboard.ui.cost import in_time
from dashboard.ui.markdown import literal
from dashboard.ui.templates import render

PICTURE = 300
OPENED, PROBLEM = "evidence_open", "evidence_problem"


def opened() -> str:
    """The claim that is open: the one last pressed, else the address's, else the first."""
    arrival = page.take_arrival()
    named = model.OPEN.name in st.query_params
    if OPENED not in st.session_state or arrival == "by_address" or (arrival and named):
        st.session_state[OPENED] = page.read(model.OPEN)[model.OPEN.name]
    name = str(st.session_state[OPENED])
    page.write(model.OPEN, name)
    return name


def _open(name: str) -> None:
    """A row was pressed."""
    st.session_state[OPENED] = name
    st.session_state.pop(PROBLEM, None)
    page.forgive(model.OPEN.name)


def summary(evidence: Evidence) -> None:
    """How many claims are shown, are not, or lie outside."""
    number = len(evidence.every)
    here, recorded = evidence.measured_here, evidence.recorded
    origin = t("{here} measured here, {recorded} recorded for this release",
               here=here, recorded=recorded)  # fmt: skip
    title = t("{number} claims of published papers", number=number)
    st.html(render("evidence/summary", title=title, counts=evidence.counts, origin=origin))


def claims(evidence: Evidence) -> None:
    """The table of claims; a press opens one."""
    with cards.card("claims"):
        group = segments("evidence_group", t("Group"), evidence.groups,
                         label_visibility="collapsed")  # fmt: skip
        with st.container(key="claims_table"):
            for one in evidence.of_group(group):
                _row(one, one.claim.name == evidence.open.claim.name)


def _row(one: Shown, is_open: bool) -> None:
    name = one.claim.name
    with st.container(key=f"claim_row_{'open_' if is_open else ''}{name}", gap=None):
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.html(render("evidence/verdict", kind=one.kind, mark=one.mark, word=one.verdict),
                    width="content")  # fmt: skip
            st.html(render("evidence/source", paper=one.claim.paper.short, where=t(one.claim.where),
                           going=t("is being measured") if one.under_way else ""))  # fmt: skip
        st.button(
            literal(t(one.claim.sentence)), key=f"claim_{name}", type="tertiary",
            on_click=_open, args=(name,),
        )  # fmt: skip
        st.html(render("evidence/measured", text=one.first))


def claim(evidence: Evidence, mode: Mode) -> None:
    """The open claim: what it says, its picture, what was measured, how to repeat it."""
    one = evidence.open
    with cards.card("claim", t(one.claim.sentence)):
        paper = one.claim.paper
        st.html(
            render(
                "evidence/head", kind=one.kind, mark=one.mark, word=one.verdict, link=paper.link,
                paper=paper.short, title=paper.title, where=t(one.claim.where),
                arxiv=f"arXiv {paper.arxiv}" if paper.arxiv else t("read it"),
                origin=one.origin, plainly=_plainly(one),
            )
        )  # fmt: skip
        st.latex(one.claim.formula)
        heads = [t("measured quantity"), t("expected"), t("measured"), ""]
        st.html(render("evidence/values", heads=heads, rows=one.rows))
    if one.record is not None:
        axes = one.claim.axes
        anatomy.figure(
            picture(one.record.series, axes, mode, PICTURE),
            key="fig_evidence", title=t(axes.y), subtitle=_drawn(one.record, axes),
            about=f"{one.claim.name} {one.here}", label=f"{t(one.claim.sentence)} {one.first}",
            notice=notice.claim(one.claim, one.record).told(),
        )  # fmt: skip
    with cards.card("repeat", t("Repeat it")):
        _run_it(one, evidence)
        facts = [
            (t("Setting"), t(one.claim.setting)),
            (t("Seeds"), ", ".join(map(str, one.record.seeds if one.record else one.claim.seeds))),
            (t("Band from"), t(one.claim.source)),
            (t("Caution"), t(one.claim.caution)),
            (t("Recorded"), _recorded(one)),
            (t("Code"), one.claim.module),
        ]
        st.html(render("evidence/facts", facts=[fact for fact in facts if fact[1]]))
        st.code(one.claim.command, language=None, wrap_lines=True)


def _drawn(record: Record, axes: Axes) -> str:
    """What the picture holds: no spread of one seed, no dashed line where there is none."""
    n, x = len(record.seeds), t(axes.x)
    if any(map(has_spread, record.series)):
        points = t("against {x}; points with their spread over {n} seeds", x=x, n=n)
    elif n > 1:
        points = t("against {x}; points are the mean of {n} seeds", x=x, n=n)
    else:
        points = t("against {x}; one seed", x=x)
    if not any(one.kind == "theory" for one in record.series):
        return points
    if coincide(record.series, axes.log_y):
        return t("{points}; the theory's dashed line lies under the measured one", points=points)
    return t("{points}; dashed: theory", points=points)


def _plainly(one: Shown) -> str:
    """What a verdict that is not "shown" means."""
    if one.record is None or one.record.verdict == "shown":
        return ""
    if one.record.verdict == "not shown here" and one.undecided:
        return t(
            "What was measured lies inside the band on average, but the seeds scatter so much that"
            " they do not decide it: more seeds would. That says nothing against the paper."
        )
    if one.record.verdict == "not shown here":
        return t(
            "At this scale the lab does not show it. That says nothing against the paper, whose"
            " networks are larger."
        )
    return t(
        "A measured value lies outside the band that a correct implementation lands in: either the"
        " network or the band is wrong."
    )


def _recorded(one: Shown) -> str:
    """The shipped answer beside one of this machine."""
    if not one.here or one.shipped is None:
        return ""
    value = t(one.shipped.values[0].words)
    return t("{verdict}, {value} on {date}, {hardware}", verdict=t(one.shipped.verdict),
             value=value, date=one.shipped.date, hardware=one.shipped.hardware)  # fmt: skip


def _run_it(one: Shown, evidence: Evidence) -> None:
    """The button, or how far the check is."""
    problem = str(st.session_state.get(PROBLEM, "")) or one.problem
    if one.under_way:
        _progress(one.claim.name)
        return
    if problem:
        cards.problem(t(problem))
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        changes.button(
            t("Run it here"), key="run_check", type="primary", on_click=_ask,
            args=(one.claim.name,),
        )  # fmt: skip
        # What was measured elsewhere may have found its runs there already.
        took = one.record.seconds if one.record and one.here else one.claim.seconds
        st.html(
            render("evidence/source", paper="", going="",
                   where=t("about {time}", time=in_time(max(took, 1)))),
            width="content",
        )  # fmt: skip
        ids = model.runs_of(evidence.store, one)
        if ids and st.button(t("Compare its runs"), key="check_runs"):
            st.switch_page(
                "app_pages/compare.py", query_params={"compare_runs": ",".join(ids[:20])}
            )


def _ask(name: str) -> None:
    """Have a check done in the background."""
    st.session_state.pop(PROBLEM, None)
    claim = next(claim for claim in CLAIMS if claim.name == name)
    try:
        checks.ask(store(), claim)
    except RunError as error:
        st.session_state[PROBLEM] = t(error)


@st.fragment(run_every=1.0)
def _progress(name: str) -> None:
    """How far a check is; looks by itself once a second and draws the page when it has ended."""
    asked = Asked(store().root, name)
    state = asked.record
    if state is None or state.state not in ("waiting", "working"):
        st.rerun()
        return
    words = t(state.message) if state.message else t("measures")
    st.progress(state.progress, text=literal(f"{words} · {state.progress:.0%}"))
    if changes.button(t("Cancel"), key="cancel_check"):
        asked.cancel()
        st.rerun()

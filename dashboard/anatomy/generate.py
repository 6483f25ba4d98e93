"""Generate: text token by token, and how well it fits text that was held out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st
from markupsafe import Markup

from core.config.units import corpus_unit
from core.language import mark, t
from core.palette import Mode
from core.runs import Run
from dashboard.address.widgets import number, slider, text
from dashboard.anatomy import asking, masked
from dashboard.anatomy.asking import done, standing
from dashboard.anatomy.choice import Choice, colour
from dashboard.catalogue.run_names import name_of
from dashboard.components import anatomy, explained
from dashboard.figures import text as figures
from dashboard.notice import parts as notice
from dashboard.ui import cards
from dashboard.ui.templates import render

Answered = tuple[Run, dict[str, Any], Any]
PROMPT_LETTERS = 24  # of the run's probe text, with which a text begins unless told otherwise
LENGTH = 160
# What is said of runs whose tokens are no letters.
OF_TOKENS = {
    "perplexity": (
        mark("perplexity"),
        mark("how many tokens it hesitates between: e to the loss"),
    ),
    "accuracy": (
        mark("accuracy"),
        mark("how often the likeliest token is right"),
    ),
}
MEASURES = {
    "perplexity": (
        mark("perplexity"),
        mark("how many letters it hesitates between: e to the loss"),
    ),
    "bits_per_character": (
        mark("bits per character"),
        mark("the loss in bits: what a perfect compressor would need"),
    ),
    "accuracy": (mark("accuracy"), mark("how often the likeliest letter is the right one")),
}


def section(choice: Choice, mode: Mode) -> None:
    """The drawing's settings, the text and the scores; of an encoder its masked tokens."""
    if masked.encodes(choice.run):
        masked.section(choice)
        return
    with cards.card("drawing", horizontal=True, gap="small", vertical_alignment="top"):
        first = beginning(choice.run)
        prompt = text("anatomy_prompt", t("Prompt"), first, 2000, width=330)
        temperature = slider(
            "anatomy_temperature", t("Temperature"), 0.8, 0.0, 2.0, step=0.05, width=150
        )
        top_p = slider("anatomy_top_p", t("Top p"), 1.0, 0.05, 1.0, step=0.05, width=150)
        top_k = number("anatomy_top_k", t("Top k (0: all)"), 0, 0, 10_000, width=120)
        length = number("anatomy_length", t("Length"), LENGTH, 1, 5000, step=20, width=120)
        seed = number("anatomy_seed", t("Seed"), 0, 0, 2**31 - 1, width=110)
    settings = {
        "prompt": prompt, "temperature": temperature, "top_k": top_k, "top_p": top_p,
        "length": length, "seed": seed,
    }  # fmt: skip
    if not prompt:
        cards.problem(
            t("The prompt is empty; type at least one letter for the text to begin with.")
        )
    else:
        asked = [standing(run, "generate", step, **settings) for run, step in choice.shown]
        written = [one for one in asked if one is not None]
        if written:
            anatomy.tokens(
                written, key="tokens", prompt=prompt,
                title=t("The same prompt, the same seed")
                if len(written) > 1
                else t("What it writes"),
            )  # fmt: skip
    left, right = st.columns([52, 48], gap="small")
    with left:
        scores(choice, mode)
    with right:
        continuations(choice, {k: settings[k] for k in ("temperature", "top_k", "top_p", "seed")})


def beginning(run: Run) -> str:
    """The first words of the run's probe text: a prompt that its alphabet has."""
    lines = [
        line for line in str(run.corpus.get("probe_text", "")).split("\n") if len(line.strip()) > 5
    ]
    return lines[0][:PROMPT_LETTERS] if lines else "\n"


def scores(choice: Choice, mode: Mode) -> None:
    """Perplexity, bits per character and accuracy on held-out text."""
    asked = asking.by_button(choice.shown, "score")
    if not asking.offered(
        asked, "score", t("Score on held-out text"),
        t("Perplexity, bits per character and accuracy on the part of the corpus that training"
          " never saw, and the loss by how much of a text was seen before."),
        t("Score"), t("a few seconds"),
    ):  # fmt: skip
        return
    answers = done(asked)
    with cards.card("scored"):
        unit = corpus_unit(answers[0][0].corpus)
        said = notice.scored([(name_of(run), result) for run, result, _ in answers], unit)
        explained(said.told(), key="scored", title=t("On held-out text"))
        st.html(score_table(answers))
    curves = [
        (
            name_of(run),
            colour(run),
            inspection.arrays["position"],
            inspection.arrays["position_nats"],
        )
        for run, _, inspection in answers
    ]
    anatomy.figure(
        figures.by_position(curves, mode, 190, answers[0][1]["unigram"]), key="fig_position",
        title=t(figures.what_context_brings(curves)), subtitle=t("loss by letters seen before")
        if unit.name == "character" else t("loss by tokens seen before"),
        about=" ".join(inspection.id for *_, inspection in answers),
        notice=notice.by_position(
            [(c[0], [float(v) for v in c[3]]) for c in curves], answers[0][1]["unigram"], unit
        ).told(),
    )  # fmt: skip


def continuations(choice: Choice, drawing: dict[str, Any]) -> None:
    """BLEU and ROUGE of continuations against how the held-out text goes on."""
    asked = asking.by_button(choice.shown, "continuations", **drawing)
    if not asking.offered(
        asked, "continuations", t("Continuations against held-out text"),
        t("16 held-out passages are continued with the settings above; BLEU and ROUGE count the"
          " words and phrases that the true continuation has too."),
        t("Continue and compare"), t("half a minute"),
    ):  # fmt: skip
        return
    with cards.card("continued"):
        said = notice.continued([(name_of(run), result) for run, result, _ in done(asked)])
        title = t("Continuations against held-out text")
        explained(said.told(), key="continued", title=title)
        st.html(overlap_table(done(asked)))
        st.html(examples(done(asked)))


def score_table(answers: Sequence[Answered]) -> Markup:
    """The measures with what they mean, one column a run."""
    errors = [f" ± {r['nats_error']:.3f}" if r["nats_error"] else "" for _, r, _ in answers]
    losses = [f"{r['nats']:.3f}{error}" for (_, r, _), error in zip(answers, errors, strict=True)]
    letters = corpus_unit(answers[0][0].corpus).name == "character"
    meaning = (
        t("nats a letter, ± standard error") if letters else t("nats a token, ± standard error")
    )
    rows = [(t("loss"), meaning, losses)]
    for name, (title, meaning) in (MEASURES if letters else MEASURES | OF_TOKENS).items():
        values = [
            f"{r[name] * 100:.1f} %" if name == "accuracy" else f"{r[name]:.3f}"
            for _, r, _ in answers
        ]
        rows.append((t(title), t(meaning), values))
    first = answers[0][1]
    foot = t(
        "{predictions:,} predictions in {windows} windows",
        predictions=first["predictions"],
        windows=first["windows"],
    )
    if first["unigram"]:
        foot += t(
            "; a network that ignores its input reaches {loss:.3f} nats", loss=first["unigram"]
        )
    return render("anatomy/measures", heads=_heads(answers), rows=rows, foot=foot, chance=False)


def overlap_table(answers: Sequence[Answered]) -> Markup:
    """BLEU and ROUGE beside what text that fits nothing scores."""
    results = [result for _, result, _ in answers]
    results.append(results[0]["chance"])
    bleu = [f"{r['bleu']:.2f}" for r in results]
    rows = [("BLEU", t("phrases of one to four words, of 100"), bleu)]
    for name, meaning in (
        ("rouge1", t("words")), ("rouge2", t("pairs of words")),
        ("rougeL", t("longest common sequence")),
    ):  # fmt: skip
        values = [f"{r['rouge'][name]:.3f}" for r in results]
        rows.append((name.replace("rouge", "ROUGE-"), meaning, values))
    foot = t(
        "{n} passages; chance: held-out text against another passage's", n=results[0]["prompts"]
    )
    return render("anatomy/measures", heads=_heads(answers), rows=rows, foot=foot, chance=True)


def examples(answers: Sequence[Answered]) -> Markup:
    """How a few passages went on, and how they were continued."""
    passages = [
        (
            example["prompt"],
            example["held_out"],
            [
                (colour(run), name_of(run), result["examples"][i]["written"])
                for run, result, _ in answers
                if i < len(result["examples"])
            ],
        )
        for i, example in enumerate(answers[0][1]["examples"][:4])
    ]
    return render("anatomy/passages", passages=passages)


def _heads(answers: Sequence[Answered]) -> list[tuple[int, str]]:
    return [(colour(run), name_of(run)) for run, *_ in answers]

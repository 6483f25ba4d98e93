"""Every colour of the lab, once: figures, notebooks, the page's CSS and the live parts share it.

`dead` is the ground of a network that is dead, under the warning's text.
`add`, `norm` and the like are for fills and lines, which reach 3 : 1 on ground, sidebar and card
alike; `*_text` are their twins for text, which reach 4.5 : 1. Run colours are Okabe and Ito's in a
fixed order, on light ground as much darker as that takes; their yellow and black, which vanish on
white or on night, gave way to a brown and a slate.
"""

from __future__ import annotations

from typing import Literal

Mode = Literal["light", "dark"]

LIGHT = {
    "ground": "#faf9f6",
    "sidebar": "#f2f0ea",
    "card": "#ffffff",
    "line": "#e4e1d8",
    "grid": "#e9e6de",
    "ink": "#1d2136",
    "muted": "#626677",
    "add": "#c57600",
    "norm": "#00856a",
    "attention": "#2f7fc1",
    "feedforward": "#7a5bb5",
    "warning": "#c8452c",
    "dead": "#f5ded9",
    "add_text": "#8f5600",
    "norm_text": "#006e58",
    "attention_text": "#1f669f",
    "feedforward_text": "#68499f",
    "warning_text": "#b03a23",
}
DARK = {
    "ground": "#11131c",
    "sidebar": "#161926",
    "card": "#1a1e2c",
    "line": "#2a2f42",
    "grid": "#2a2f42",
    "ink": "#ecebe6",
    "muted": "#9a9db0",
    "add": "#f0a93a",
    "norm": "#37c2a1",
    "attention": "#6db6ee",
    "feedforward": "#b49be6",
    "warning": "#f0755b",
    "dead": "#412e34",
    "add_text": "#f3b455",
    "norm_text": "#4fd0b1",
    "attention_text": "#84c3f3",
    "feedforward_text": "#c0abec",
    "warning_text": "#f58a73",
}
COLOURS: dict[Mode, dict[str, str]] = {"light": LIGHT, "dark": DARK}

# By `run.meta["colour"]`: blue, vermilion, green, pink, amber, sky, brown, slate.
RUNS: dict[Mode, tuple[str, ...]] = {
    "light": (
        "#0072b2",
        "#d55e00",
        "#009c72",
        "#be719b",
        "#b77e00",
        "#4591bc",
        "#7d4f2a",
        "#5b6275",
    ),
    "dark": (
        "#4fb0f0",
        "#ff8c4b",
        "#2ec99a",
        "#e79cc4",
        "#f7c04a",
        "#a6ddfb",
        "#c99b74",
        "#a9b0c4",
    ),
}
# The same for the runs' names, which are text.
RUNS_TEXT: dict[Mode, tuple[str, ...]] = {
    "light": (
        "#0067a1",
        "#ab4b00",
        "#00714f",
        "#9b4676",
        "#8a5f00",
        "#1f6f9c",
        "#7d4f2a",
        "#5b6275",
    ),
    "dark": RUNS["dark"],
}

# Cividis (Nunez, Anderton and Renslow 2018) for magnitudes, in eleven even steps.
CIVIDIS = (
    "#00224e",
    "#083370",
    "#35456c",
    "#4f576c",
    "#666970",
    "#7d7c78",
    "#948e77",
    "#aea371",
    "#c8b866",
    "#e5cf52",
    "#fee838",
)
# One blue ramp for attention, from the card's colour (no attention) to the strongest.
ATTENTION: dict[Mode, tuple[str, ...]] = {
    "light": ("#fbfaf7", "#d9e0e6", "#8aa9c6", "#2f6ca8", "#123f75"),
    "dark": ("#1c2130", "#24364c", "#33608a", "#5aa2dc", "#c5e6ff"),
}
# What a network learned, from hardly anything to the best: the Norm green, and as far as ink reads.
LEARNED: dict[Mode, tuple[str, str]] = {
    "light": ("#cce7e1", "#339d88"),
    "dark": ("#203f43", "#287066"),
}
# Diverging, for differences: below zero, zero, above zero.
DIVERGING: dict[Mode, tuple[str, str, str]] = {
    "light": ("#2f6ca8", "#f7f5f0", "#c8562c"),
    "dark": ("#5aa2dc", "#1f2432", "#f08a5b"),
}


def run_colour(index: int, mode: Mode = "light", text: bool = False) -> str:
    """The colour of a run by its `meta["colour"]`; the same on every page."""
    colours = (RUNS_TEXT if text else RUNS)[mode]
    return colours[index % len(colours)]


DASHES = ("solid", "dash", "dot", "dashdot")


def run_dash(index: int) -> str:
    """The dash of a run's line: from the ninth run on, runs that share a colour differ in it."""
    return DASHES[index // len(RUNS["light"]) % len(DASHES)]


def contrast(a: str, b: str) -> float:
    """The WCAG contrast ratio of two hex colours, 1 to 21."""
    low, high = sorted((_luminance(a), _luminance(b)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def for_browser() -> dict[str, object]:
    """The palette as the live views get it."""
    return {
        mode: {
            **COLOURS[mode],
            "runs": RUNS[mode],
            "runs_text": RUNS_TEXT[mode],
            "ramp": ATTENTION[mode],
            "cividis": CIVIDIS,
            "learned": LEARNED[mode],
            "diverging": DIVERGING[mode],
        }
        for mode in COLOURS
    }

"""What is typed, sent or uploaded by somebody who means no good, and what is said to it."""

from __future__ import annotations

import os

from hypothesis import settings, strategies

from core.shown import one_line

TIMES = int(os.environ.get("INPUTS", "1"))
LONGEST = 1100  # characters of a sentence

TEXTS = [
    "",
    " ",
    "\t",
    "\0",
    "\n",
    "\r\n",
    "\x1b[2J",
    "\x1b]0;title\x07",
    "\x9b31m",
    "\u202e\u2066",
    "\ud800",
    "\udcff",
    "\ufeff",
    "\ufffd",
    "é\u0301",
    "ﬁ",
    "İ",
    "漢字",
    "🧑‍🔬",
    "a" * 5000,
    "9" * 5000,
    "-0",
    "1e9",
    "1e999",
    "-1e999",
    "nan",
    "NaN",
    "inf",
    "0x10",
    "1_000",
    "١٢",
    "²",
    "½",
    "1,5",
    "true",
    "null",
    "none",
    "None",
    "auto",
    "{}",
    "[]",
    "[{}]",
    "[" * 100_000,
    "{" * 5000,
    '{"a":' * 3000,
    "(" * 500,
    "not " * 500,
    "..",
    "../..",
    "../../../../etc/passwd",
    "/etc/passwd",
    "/dev/zero",
    "/proc/self/environ",
    "~root/x",
    "C:\\x",
    "\\\\host\\x",
    "file:///etc/passwd",
    "http://127.0.0.1:1/",
    "%2e%2e%2f",
    "%00",
    "%",
    "%s%n",
    "{0.__class__}",
    "${x}",
    "$(id)",
    "`id`",
    "; rm -rf /",
    "' OR 1=1 --",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    ":red[x]",
    "$$x$$",
    "[x](javascript:1)",
    "![x](http://x)",
    "=cmd()",
    "__import__('os')",
    "lambda: 1",
    "().__class__",
    "f'{1}'",
    "1 if 1 else 2",
    "a.b.c",
    "a:=1",
    "0-3: placement=post",
    "5: residual=off; 0: norm=none",
    "1/2: norm=rms",
    "²/0: residual=off",
]

texts = strategies.sampled_from(TEXTS) | strategies.text(max_size=40)
numbers = (
    strategies.integers(-(10**20), 10**20)
    | strategies.floats(allow_subnormal=False)  # a run that trained here flushes them to 0
    | strategies.sampled_from([0, -1, 1, 2**31, 2**63, 10**400, -0.0, 1e-320])
)
plain = texts | numbers | strategies.booleans() | strategies.none()
values = strategies.recursive(
    plain,
    lambda inner: (
        strategies.lists(inner, max_size=3) | strategies.dictionaries(texts, inner, max_size=3)
    ),
    max_leaves=6,
)


def some(count: int) -> settings:
    """So many inputs."""
    return settings(max_examples=count * TIMES)


def check(refusal: object) -> None:
    """A refusal is one that a reader can take: one line, and no program's own words."""
    assert is_sentence(one_line(refusal)), refusal


def is_sentence(said: str) -> bool:
    """Whether a text is one line of a reader's length that a terminal does not obey."""
    return (
        0 < len(said) <= LONGEST
        and len(said.splitlines()) == 1
        and "Traceback" not in said
        and all(c.isprintable() or c in "\u200c\u200d\u00a0\u202f\u3000" for c in said)
    )

"""The synthetic tasks that there are: each one's word, its help and the settings that it alone has.

A task has its word in `Corpus`, a row here, and what it draws, its optimal loss and its baseline in
a class of `core.data.tasks`; a test refuses one without the others. Its settings are fields of
`DataConfig`, which belong to no other corpus.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.language import Message

NUMBERS = 113  # largest modulus: a letter for each number, and the one of Nanda et al. 2023
LETTERS = 62  # digits and letters without accents
MOST_ROWS = 4096  # contexts of Markov text, each with its own probabilities
KINDS = "()[]{}<>"


@dataclass(frozen=True)
class TaskRow:
    """A task as help and forms know it: what a sequence is, and its own settings by field."""

    summary: str
    settings: tuple[str, ...] = ()


# In the order in which a page offers them.
TASKS: dict[str, TaskRow] = {
    "repeat": TaskRow("random tokens that repeat with a random period"),
    "copy": TaskRow("random tokens, then the same again"),
    "sort": TaskRow("random tokens, then the same in order"),
    "reverse": TaskRow("random tokens, then the same backwards"),
    "addition": TaskRow(
        "sums such as 3+5=1 modulo a number, of which only the answer counts",
        ("modulus", "held_out"),
    ),
    "brackets": TaskRow("brackets that close in the right order", ("kinds", "nesting")),
    "markov": TaskRow(
        "letters with fixed random probabilities that depend on the last few letters",
        ("letters", "order"),
    ),
}
SYNTHETIC = tuple(TASKS)
# Which task reads a field of `DataConfig`.
OWNER = {field: task for task, row in TASKS.items() for field in row.settings}


def rows(letters: int, order: int) -> int:
    """Contexts of a Markov text that have probabilities of their own."""
    return int(letters**order)


def impossible_brackets(kinds: int, nesting: int) -> str:
    """Why brackets of these settings are no task, or nothing."""
    if kinds > 1 or nesting > 1:
        return ""
    return Message(
        "1 leaves nothing to learn with one kind of brackets, as each opens and closes; accepted"
        " with data.kinds 1: 2 or more"
    )


def impossible_text(letters: int, order: int) -> str:
    """Why a Markov text of this order can't be made, or nothing."""
    if rows(letters, order) <= MOST_ROWS:
        return ""
    most = max(n for n in range(1, order) if rows(letters, n) <= MOST_ROWS)
    return Message(
        "{order} letters of {letters} give {contexts:,} contexts, each with its own probabilities,"
        " and {most:,} are the most; accepted with data.letters {letters}: {accepted}",
        order=order,
        letters=letters,
        contexts=rows(letters, order),
        most=MOST_ROWS,
        accepted="1" if most == 1 else Message("1 to {most}", most=most),
    )

"""What people read, in their language: messages that know their parts, catalogues, the choice.

The source is written in English. A sentence that reaches a user is a :class:`Message`: its English
text, and beside it the template and the values it was made from, so that whoever shows it can say
it in the reader's language, now or when it is read from a file a year later. Imports no other room.
"""

from core.language.catalogues import DRAFTS, LANGUAGES, SOURCE, Catalogue, catalogue
from core.language.choice import ask, best, chosen, current, known, of_terminal, speaking, use
from core.language.message import Message, mark, said, t, told
from core.language.phrases import JOINTS, REASONS, joined, reason

__all__ = [
    "DRAFTS",
    "JOINTS",
    "LANGUAGES",
    "REASONS",
    "SOURCE",
    "Catalogue",
    "Message",
    "ask",
    "best",
    "catalogue",
    "chosen",
    "current",
    "joined",
    "known",
    "mark",
    "of_terminal",
    "reason",
    "said",
    "speaking",
    "t",
    "told",
    "use",
]

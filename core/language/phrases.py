"""What sentences are put together from: lists of messages, and the system's reasons."""

from __future__ import annotations

from collections.abc import Iterable

from core.language.message import Message

# What stands between the parts of a list, as a template, because languages punctuate otherwise.
JOINTS = {
    ", ": "{first}, {last}",
    "; ": "{first}; {last}",
    ": ": "{first}: {last}",
    ". ": "{first}. {last}",
    " ": "{first} {last}",
    " and ": "{first} and {last}",
    " or ": "{first} or {last}",
    " with ": "{first} with {last}",
}


def joined(parts: Iterable[str], between: str = ", ", last: str = "") -> str:
    """Messages as one, like `between.join`; `last` stands before the last part, where given.

    Raises KeyError for what is not in JOINTS.
    """
    found = list(parts)
    if last and len(found) > 1:
        return Message(JOINTS[last], first=joined(found[:-1], between), last=found[-1])
    if between == ", " and not any(isinstance(part, Message) for part in found):
        return between.join(found)  # numbers and names, which need no template each
    whole = found[0] if found else ""
    for part in found[1:]:
        whole = Message(JOINTS[between], first=whole, last=part)
    return whole


# Reasons of the system's that people meet, as `OSError.strerror` has them.
REASONS = (
    "Cannot allocate memory",
    "Device or resource busy",
    "Directory not empty",
    "Disk quota exceeded",
    "File exists",
    "File name too long",
    "File too large",
    "Input/output error",
    "Invalid argument",
    "Invalid cross-device link",
    "Is a directory",
    "No such device or address",
    "No such file or directory",
    "No space left on device",
    "Not a directory",
    "Operation not permitted",
    "Operation not supported",
    "Permission denied",
    "Read-only file system",
    "Stale file handle",
    "Too many levels of symbolic links",
    "Too many open files",
)


def reason(error: OSError) -> str:
    """Why the system refused, `No space left on device`; what it says in all where it gives none.

    Of the reasons that are in `REASONS` a message.
    """
    why = error.strerror
    return why if isinstance(why, Message) else Message(why) if why else str(error)

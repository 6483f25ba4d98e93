"""What a run says of itself, its state, and the commands it is sent."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_serializer,
    model_validator,
)

from core.files import read_json, write_atomically
from core.language import Message, said
from core.marker_queue import MarkerQueue
from core.runs import schemas

State = Literal[
    "queued",
    "starting",
    "running",
    "paused",
    "finished",
    "stopped",
    "interrupted",
    "diverged",
    "failed",
    "out_of_memory",
]
STATES: tuple[State, ...] = get_args(State)
# States that only a living worker can be in: without one the run is interrupted.
NEEDS_WORKER: tuple[State, ...] = ("starting", "running", "paused")
# States from which a run can be taken up again.
RESUMABLE: tuple[State, ...] = ("interrupted", "stopped", "failed", "out_of_memory")
ENDED: tuple[State, ...] = ("finished", "diverged", *RESUMABLE)
# A checkpoint's part that only going on needs; older checkpoints are thinned to their weights.
CHECKPOINT_STATE = ".state.safetensors"

# The machine that trains, in the environment of a process that does so for another one.
HOST = "ADDNORM_HOST"


def goes_on(resumes_at: int | None, step: int) -> str:
    """Where a run at `step` goes on once it is resumed, for a sentence whose subject is the run.

    `resumes_at`: the step of the checkpoint that it is resumed from, None where it has none.
    """
    if resumes_at is not None:
        return Message("goes on from its checkpoint at step {step:,}", step=resumes_at)
    if step > 0:
        return Message(
            "has no checkpoint yet: it starts again at step 0 and its 1 step is drawn anew",
            "has no checkpoint yet: it starts again at step 0 and its {n:,} steps are drawn anew",
            n=step,
        )
    return Message("has no checkpoint yet: it starts again at step 0")


Command = Literal["pause", "resume", "stop", "step", "switch"]
COMMANDS: tuple[Command, ...] = get_args(Command)


def _kept(value: Any, handler: ValidatorFunctionWrapHandler) -> str:
    """A message stays one; pydantic makes a plain text of what is more than one."""
    return value if isinstance(value, Message) else str(handler(value))


class Status(BaseModel):
    """`status.json`, replaced as a whole at each change."""

    model_config = ConfigDict(
        extra="ignore", serialize_by_alias=True, validate_by_name=True, validate_by_alias=True
    )

    schema_: Literal[1] = Field(1, alias="schema")
    state: State = "queued"
    step: int = 0
    steps: int = 0
    message: Annotated[str, WrapValidator(_kept)] = ""
    device: str = ""
    ranks: int = 1  # processes that train it together
    host: str = Field(default_factory=lambda: os.environ.get(HOST, ""))  # "" is this machine
    pid: int | None = None  # of the worker, for people who look; the lock is the truth
    # Processes that the kernel had killed for want of memory, by the file that counts them.
    oom_kills: dict[str, int] = Field(default_factory=dict)
    tokens_per_second: float | None = None
    seconds_left: float | None = None
    changed: float = Field(default_factory=time.time)

    @model_validator(mode="before")
    @classmethod
    def _restored(cls, values: Any) -> Any:
        """The message of a file knows its parts again."""
        if isinstance(values, dict) and "said" in values:
            text = values.get("message", "")
            return {**values, "message": Message.restored(values["said"], text)}
        return values

    @model_serializer(mode="wrap")
    def _with_parts(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {**handler(self), **said(self.message)}

    def write(self, path: Path) -> None:
        """Replace the file; raises OSError when the disk is full."""
        write_atomically(path, self.model_dump_json() + "\n")

    @classmethod
    def read(cls, path: str | Path) -> Status:
        """Raises OSError or ValueError when it is missing or unreadable, the latter as
        NewerSchemaError where a later release wrote it."""
        return cls.model_validate(schemas.current("status.json", read_json(path)))


@dataclass(frozen=True)
class Order:
    """A command and, for `switch`, what is to change (`5: residual=off`)."""

    command: Command
    text: str = ""


def send(folder: Path, command: Command, text: str = "") -> None:
    """Leave a command for the worker; commands are obeyed in the order they were sent."""
    _commands(folder).append(command, text)


def receive(folder: Path) -> list[Order]:
    """Take the commands that are waiting, oldest first."""
    taken = _commands(folder).take_all()
    return [Order(c, marker.text) for marker in taken for c in COMMANDS if c == marker.id]


def _commands(folder: Path) -> MarkerQueue:
    return MarkerQueue(folder, "-")

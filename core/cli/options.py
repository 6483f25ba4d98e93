"""Settings on the command line, made from core.config: ``--model.depth 12``."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from pydantic import ValidationError

from core import presets
from core.cli.help import HelpFormatter
from core.config import RunConfig, adapt, choices, explain, settings
from core.config.fork_point import ForkPoint
from core.config.resolving import named
from core.files import keep_as_private_as
from core.jobs import elsewhere, forks
from core.jobs.queue import HIGHEST
from core.language import SOURCE, Message, current, joined, t, told
from core.runs import Run, RunError, RunStore, read_only


class UsageError(ValueError):
    """What was typed can't be done; the sentence names the setting and what is accepted."""


def refuse_invalid_text(arguments: Sequence[str]) -> None:
    """Raises UsageError for an argument that is not UTF-8: no name or path of ours can hold it."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError as error:
            said = argument.encode("utf-8", "backslashreplace").decode()
            said = Message("{word} is not UTF-8; type it as text", word=said[:80])
            raise UsageError(said) from error


class Parser(argparse.ArgumentParser):
    """A parser that refuses in one line, takes no abbreviations, and hints at what was meant."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(
            *args, **{"formatter_class": HelpFormatter, **kwargs, "allow_abbrev": False}
        )

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As the base class, but an unknown word is refused here, with a hint at similar ones."""
        known, unknown = super().parse_known_args(args, namespace)
        unknown = self._gathered(known, unknown)
        if unknown:
            word = unknown[0].partition("=")[0]
            near = difflib.get_close_matches(word, self._option_string_actions, n=1)
            hint = Message("; did you mean {word}?", word=near[0]) if near else ""
            raise UsageError(
                Message(
                    "{option} is not an option of {command}{hint}",
                    option=word.lstrip("-"),
                    command=self.prog,
                    hint=hint,
                )
            )
        return known, unknown

    def _gathered(self, known: Any, unknown: list[str]) -> list[str]:
        """What is left of `unknown` when the command's list has its words.

        argparse takes a list only from one place, so words behind an option that stands amid them
        (``inspect RUN score --step 30 windows=31``) come back as unknown.
        """
        for action in self._get_positional_actions():
            if action.nargs in ("*", "+") and all(not word.startswith("-") for word in unknown):
                getattr(known, action.dest).extend(unknown)
                return []
        return unknown

    def error(self, message: str) -> NoReturn:
        """One line instead of the whole usage."""
        raise UsageError(Message("{message} (--help shows what is accepted)", message=message))


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Every setting by its dotted name, the preset, and the usual short forms."""
    parser.add_argument(
        "--preset", metavar="NAME", help=t("one of: {known}", known=", ".join(presets.names()))
    )
    parser.add_argument("--steps", dest="training.steps", metavar="N", help="--training.steps")
    parser.add_argument("--device", dest="training.device", metavar="DEVICE", help="auto|cpu|cuda")
    parser.add_argument(
        "--devices", dest="training.devices", metavar="N", help="--training.devices"
    )
    group = parser.add_argument_group(t("settings"))
    for dotted, field in settings().items():
        unit = (field.json_schema_extra or {}).get("unit") or "VALUE"
        # Chinese units follow a number, and there is none here.
        words = "|".join(choices(dotted)) or (unit if current() == SOURCE else t("VALUE"))
        text = t(
            "{description} (default: {default})",
            description=Message(field.description),
            default=field.default,
        ).replace("%", "%%")
        group.add_argument(f"--{dotted}", dest=dotted, metavar=words, help=text)


def add_store(parser: argparse.ArgumentParser) -> None:
    """The runs folder."""
    parser.add_argument(
        "--runs-dir", metavar="DIR", help=t("the runs folder (default: ADDNORM_RUNS or ./runs)")
    )


def add_priority(parser: argparse.ArgumentParser, what: str) -> None:
    """Who goes first in the queue."""
    parser.add_argument(
        "--priority",
        metavar="N",
        default="0",
        help=t(
            "{what} before all that wait with a lower number, -{highest} to {highest}"
            " (default: 0); within one number grids take turns",
            what=Message(what),
            highest=HIGHEST,
        ),
    )


def add_on(parser: argparse.ArgumentParser) -> None:
    """The cluster that it is sent to."""
    parser.add_argument(
        "--on",
        metavar="CLUSTER",
        help=t(
            "where it trains: {accepted} (default: ADDNORM_CLUSTER, else here)",
            accepted=Message(elsewhere.ACCEPTED),
        ),
    )


def on_of(options: argparse.Namespace) -> str:
    """The address of the cluster that the options or ADDNORM_CLUSTER name, "" for this machine; it
    answers. Raises UsageError."""
    try:
        address = elsewhere.wanted(options.on)
    except RunError as error:
        if options.on is None:
            raise
        raise UsageError(joined(["on", told(error)], ": ")) from error
    elsewhere.check(address)
    return address


def priority_of(options: argparse.Namespace) -> dict[str, Any]:
    """What a run is queued with, for its `meta.json`; nothing where it is 0. Raises UsageError."""
    text = str(options.priority)
    if not re.fullmatch(r"[+-]?[0-9]{1,9}", text) or abs(int(text)) > HIGHEST:
        raise UsageError(
            Message(
                "priority: {text!r} is none; accepted: a whole number from -{highest} to"
                " {highest}, the higher first",
                text=text[:40],
                highest=HIGHEST,
            )
        )
    return {"priority": int(text)} if int(text) else {}


def store_of(options: argparse.Namespace) -> RunStore:
    """The store that the options name; what is written from now on is as private as it is, and
    where runs are only to look at this process writes nothing there."""
    store = RunStore(options.runs_dir)
    if read_only.is_read_only():
        read_only.guard(store.root)
    keep_as_private_as(store.root)
    return store


def find(store: RunStore, part: str, damaged: bool = False, option: str = "id") -> Run:
    """The run with this id, or with this part of one; a `damaged` one too.

    Raises UsageError, which begins with the name of the `option`.
    """
    runs = store.list()
    if damaged:
        runs += [store.open(id) for id in store.unreadable()]
    fitting = [r for r in runs if r.id == part] or [r for r in runs if part in r.id]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        bad = {id: problem for id, problem in store.unreadable().items() if part in id}
        if bad:
            problem = next(iter(bad.values()))
            raise UsageError(problem if option == "id" else joined([option, problem], ": "))
        raise UsageError(
            Message(
                "{option}: there is no run {part!r} in {folder}; `runs list` shows them",
                option=option,
                part=part,
                folder=store.root,
            )
        )
    raise UsageError(
        Message(
            "{option}: {part!r} fits {n} runs; give more of the id",
            option=option,
            part=part,
            n=len(fitting),
        )
    )


def add_fork(parser: argparse.ArgumentParser, what: str) -> None:
    """The checkpoint of another run to start from."""
    parser.add_argument(
        "--fork",
        metavar="RUN[@STEP]",
        help=t(
            "{what} from a checkpoint of this run, with its settings but for those"
            " given here; without a step from the newest that leaves something to train",
            what=Message(what),
        ),
    )


def fork_of(store: RunStore, text: str, steps: Any = None) -> ForkPoint:
    """The checkpoint that ``--fork RUN[@STEP]`` names; `steps` in all, where they are typed.

    Raises UsageError.
    """
    try:
        part, step = forks.named(text)
        return forks.point(find(store, part, option="fork"), step, _number(steps))
    except RunError as error:
        raise UsageError(told(error)) from error


def _number(typed: Any) -> int | None:
    return int(typed) if str(typed).isdecimal() else None


def config_of(
    options: argparse.Namespace, fork: ForkPoint | None = None, /, **defaults: Any
) -> RunConfig:
    """The preset, or what is forked, with the settings that were typed.

    Raises UsageError naming the setting.
    """
    if fork is not None and options.preset is not None:
        raise UsageError(
            Message(
                "preset: a fork has the settings of {run}; accepted: single ones",
                run=fork.name,
            )
        )
    try:
        preset = RunConfig() if options.preset is None else presets.load(options.preset).config
    except ValueError as error:
        raise UsageError(told(error)) from error
    base = preset if fork is None else fork.config
    typed = {n: getattr(options, n) for n in settings() if getattr(options, n, None) is not None}
    values = {**base.flat(), **defaults, **typed}
    values |= named(values, typed)
    if "model.family" in typed:
        fitting = adapt(values, RunConfig().flat(), "model.family")
        values.update({name: value for name, value in fitting.items() if name not in typed})
    try:
        config = RunConfig.from_flat(values, "" if fork else base.name)
        if fork is not None:
            forks.admit(fork, config)
    except ValidationError as error:
        raise UsageError(explain(error)) from error
    except RunError as error:
        raise UsageError(told(error)) from error
    return config

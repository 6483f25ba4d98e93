"""``python -m core generate``: text from a run's checkpoint."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from core.anatomy.parameters import Drawing, Generate
from core.cli.options import UsageError, add_store, find, store_of
from core.language import Message, t, told
from core.shown import lines, printable_json


def add_parser(commands: Any) -> None:
    """``generate`` and its options."""
    parser = commands.add_parser("generate", help=t("text from a run's checkpoint"))
    parser.add_argument("id", help=t("the run's id, or a part that only it has"))
    parser.add_argument("--prompt", default="\n", help=t("the text to continue"))
    parser.add_argument("--tokens", type=int, default=300, help=t("how many tokens to add"))
    parser.add_argument("--temperature", type=float, default=0.8, help=t("0 takes the likeliest"))
    parser.add_argument("--top-k", type=int, default=0, help=t("among the k likeliest; 0: all"))
    parser.add_argument(
        "--top-p", type=float, default=1.0, help=t("among the likeliest that sum to p; 1: all")
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--step", type=int, help=t("the checkpoint's step (default: the last)"))
    parser.add_argument("--json", action="store_true", help=t("as JSON"))
    add_store(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the prompt and its continuation as it is drawn."""
    one = find(store_of(options), options.id)
    one.check_ours()
    steps = one.checkpoints
    if not steps:
        raise UsageError(Message("run {run} has no checkpoint yet; train it further", run=one.id))
    step = steps[-1] if options.step is None else options.step
    if step not in steps:
        raise UsageError(
            Message(
                "--step: there is none at {step}; accepted: {known}",
                step=step,
                known=", ".join(map(str, steps)),
            )
        )
    _check(options)
    if one.config.image is not None:
        raise UsageError(Message("run {run} tells images apart and writes no text", run=one.id))
    if not one.source.get("writes", True):
        raise UsageError(
            Message("run {run} is an encoder: it has no output layer and writes no text",
                    run=one.id)
        )  # fmt: skip
    from core.anatomy.loaded_checkpoint import LoadedCheckpoint
    from core.models.sampling import sample

    checkpoint = LoadedCheckpoint(one, step)
    if not options.prompt:
        raise UsageError(Message("--prompt is empty; type at least one character"))
    try:
        prompt = checkpoint.prompt(options.prompt, "--prompt")
    except ValueError as error:
        raise UsageError(told(error)) from error
    # A text that trained it may hold what a terminal obeys; a file gets every character as it is.
    say = lines if sys.stdout.isatty() else str
    drawn = sample(
        checkpoint.model,
        prompt,
        options.tokens,
        context=checkpoint.context,
        temperature=options.temperature,
        top_k=options.top_k,
        top_p=options.top_p,
        seed=options.seed,
    )
    begin = checkpoint.tokenizer.decode(prompt)
    if options.json:
        tokens = list(drawn)
        text = "".join(checkpoint.tokenizer.decode([token]) for token in tokens)
        about = {"id": one.id, "step": step, "prompt": begin, "text": text, "tokens": len(tokens)}
        print(printable_json(about))
        return 0
    sys.stdout.write(say(begin))
    for token in drawn:
        sys.stdout.write(say(checkpoint.tokenizer.decode([token])))
        sys.stdout.flush()
    print()
    return 0


def _check(options: argparse.Namespace) -> None:
    """Raises UsageError for an option beyond its limits, those of the same analysis."""
    given = {name: getattr(options, name) for name in Drawing.model_fields}
    try:
        Generate.checked("generate", {**given, "length": options.tokens or 1})
    except ValueError as error:
        raise UsageError(_as_option(told(error))) from error


def _as_option(sentence: str) -> str:
    """A refusal of the analysis, which begins with a parameter's name, with the option's."""
    if isinstance(sentence, Message) and "name" in sentence.values:
        changed = {**sentence.values, "name": _option(sentence.values["name"])}
        return Message(sentence.template, sentence.plural, **changed)
    name, _, rest = sentence.partition(" ")
    return f"{_option(name)} {rest}"


def _option(parameter: str) -> str:
    return "--tokens" if parameter == "length" else f"--{parameter.replace('_', '-')}"

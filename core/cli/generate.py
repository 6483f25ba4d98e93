"""``python -m core generate``: text from a run's checkpoint."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from core.anatomy.parameters import Drawing, Generate
from core.cli.options import UsageError, add_store, find, store_of
from core.shown import lines


def add_parser(commands: Any) -> None:
    """``generate`` and its options."""
    parser = commands.add_parser("generate", help="text from a run's checkpoint")
    parser.add_argument("id", help="the run's id, or a part that only it has")
    parser.add_argument("--prompt", default="\n", help="the text to continue")
    parser.add_argument("--tokens", type=int, default=300, help="how many tokens to add")
    parser.add_argument("--temperature", type=float, default=0.8, help="0 takes the likeliest")
    parser.add_argument("--top-k", type=int, default=0, help="among the k likeliest; 0: all")
    parser.add_argument(
        "--top-p", type=float, default=1.0, help="among the likeliest that sum to p; 1: all"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--step", type=int, help="the checkpoint's step (default: the last)")
    add_store(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the prompt and its continuation as it is drawn."""
    one = find(store_of(options), options.id)
    steps = one.checkpoints
    if not steps:
        raise UsageError(f"run {one.id} has no checkpoint yet; train it further")
    step = steps[-1] if options.step is None else options.step
    if step not in steps:
        raise UsageError(f"--step: there is none at {step}; accepted: {', '.join(map(str, steps))}")
    _check(options)
    if one.config.image is not None:
        raise UsageError(f"run {one.id} tells images apart and writes no text")
    from core.anatomy.loaded_checkpoint import LoadedCheckpoint
    from core.models.sampling import sample

    checkpoint = LoadedCheckpoint(one, step)
    if not options.prompt:
        raise UsageError("--prompt is empty; type at least one character")
    try:
        prompt = checkpoint.prompt(options.prompt, "--prompt")
    except ValueError as error:
        raise UsageError(str(error)) from error
    # A text that trained it may hold what a terminal obeys; a file gets every character as it is.
    say = lines if sys.stdout.isatty() else str
    sys.stdout.write(say(checkpoint.tokenizer.decode(prompt)))
    for token in sample(
        checkpoint.model,
        prompt,
        options.tokens,
        context=checkpoint.context,
        temperature=options.temperature,
        top_k=options.top_k,
        top_p=options.top_p,
        seed=options.seed,
    ):
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
        name, _, rest = str(error).partition(" ")
        option = "tokens" if name == "length" else name.replace("_", "-")
        raise UsageError(f"--{option} {rest}") from error

"""``python -m core generate``: text from a run's checkpoint."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from core.cli.options import UsageError, add_store, find, store_of


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
    if options.temperature < 0 or options.tokens < 0 or options.top_k < 0:
        raise UsageError("--temperature, --tokens and --top-k: accepted: 0 or more")
    if not 0 <= options.top_p <= 1:
        raise UsageError("--top-p: accepted: 0 to 1")
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
    sys.stdout.write(checkpoint.tokenizer.decode(prompt))
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
        sys.stdout.write(checkpoint.tokenizer.decode([token]))
        sys.stdout.flush()
    print()
    return 0

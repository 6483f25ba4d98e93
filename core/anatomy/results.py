"""What each analysis answers: the JSON object by key. Where a number is not finite there is null.

Typed dictionaries and not models: an answer may have a hundred thousand entries, and is written as
it is. Arrays, which JSON does not hold, are described in the analyses' own modules.

L layers, H heads, T tokens, n points along an axis.
"""

from __future__ import annotations

from typing import Annotated, Any, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

Number = float | None  # null where it is not finite or there is none


def about(words: str) -> Any:
    """What a key holds, for the schema."""
    return Field(description=words)


Step = Annotated[int, about("The checkpoint's.")]
Windows = Annotated[int, about("Held-out windows, used.")]
Counted = Annotated[int, about("How many the network has.")]
Unigram = Annotated[Number, about("Nats of held-out text under single-letter frequencies.")]
Nats = Annotated[Number, about("Mean cross-entropy, nats a token.")]
Made = Annotated[
    dict[str, Any] | None, about("Of what the sentence was made, for other languages.")
]
Error = Annotated[Number, about("Its standard error over windows.")]


class Attention(TypedDict):
    text: Annotated[str, about("As it was read.")]
    tokens: Annotated[list[str], about("How it is split, T of them.")]
    ids: Annotated[list[int], about("The tokens' indices.")]
    layers: Counted
    heads: Counted
    causal: Annotated[bool, about("Whether the pattern is 0 above the diagonal.")]
    step: Step


class BlockStep(TypedDict):
    key: Annotated[str, about('Its place in a layer: "x", "attn.q", "mlp.leaves"; its array.')]
    symbol: str
    title: str
    equation: str
    observables: Annotated[list[str], about("Names under which trace has these very numbers.")]
    made_of: Annotated[list[str], about("Where trace has none: what it was computed from.")]
    by_head: Annotated[bool, about("Whether it is of the chosen head alone.")]


class Block(TypedDict):
    text: Annotated[str, about("As it was read.")]
    tokens: Annotated[list[str], about("How it is split, T of them.")]
    ids: list[int]
    layer: Annotated[int, about("Counted from 0.")]
    head: Annotated[int, about("Counted from 0.")]
    steps: Annotated[list[BlockStep], about("In the order in which the layer computes.")]
    step: Step


class Token(TypedDict):
    text: str
    p: Annotated[float, about("Its probability under softmax(logits), whatever the temperature.")]
    entropy: Annotated[Number, about("Of that distribution, nats.")]
    alternatives: Annotated[
        list[tuple[str, Number]], about("At most 5 tokens with their p, likeliest first.")
    ]


class Generate(TypedDict):
    prompt: str
    text: Annotated[str, about("The continuation.")]
    tokens: Annotated[list[Token], about("All objects of the stream.")]
    nats: Annotated[Number, about("Mean of -log p over the continuation.")]
    ended: Annotated[
        str, about('"length", or "not finite" where the logits were not and it ended early.')
    ]
    step: Step


class Scored(TypedDict):
    text: str
    p: Number
    nats: Number
    rank: Annotated[int | None, about("0 is the likeliest; null for the first character.")]


class Score(TypedDict):
    on: Annotated[str, about('"held-out" or "text".')]
    nats: Nats
    nats_error: Error
    bits_per_character: Annotated[Number, about("nats / ln 2.")]
    perplexity: Annotated[Number, about("exp(nats).")]
    accuracy: Annotated[float, about("Share of characters that are the likeliest.")]
    predictions: Annotated[int, about("Characters predicted.")]
    windows: Windows
    unigram: Unigram
    tokens: Annotated[list[Scored], about("Of a typed text; none for held-out text.")]
    step: Step


class Rouge(TypedDict):
    rouge1: float
    rouge2: float
    rougeL: float


class Example(TypedDict):
    prompt: str
    held_out: Annotated[str, about("How the text goes on.")]
    written: Annotated[str, about("How the network goes on.")]
    bleu: Annotated[float, about("Of this one text, 0 to 100.")]
    rougeL: float


class Chance(TypedDict):
    bleu: float
    rouge: Rouge


class Continuations(TypedDict):
    bleu: Annotated[float, about("Corpus BLEU, 0 to 100.")]
    precisions: Annotated[list[float], about("Of 1- to 4-grams, 0 to 100.")]
    brevity: Annotated[float, about("The brevity penalty, 0 to 1.")]
    rouge: Annotated[Rouge, about("Mean F-measures, 0 to 1.")]
    chance: Annotated[
        Chance, about("The same of held-out text against the continuation of another prompt.")
    ]
    signature: Annotated[str, about("sacrebleu's.")]
    prompts: Annotated[int, about("Used.")]
    examples: list[Example]
    step: Step


class Lens(TypedDict):
    text: str
    tokens: list[str]
    ids: list[int]
    rows: Annotated[
        list[str], about('Observables: "embed", "blocks.0.resid_mid", "blocks.0.resid_post", ...')
    ]
    labels: Annotated[list[str], about('In words: "embedding", "layer 0 attention", ...')]
    alphabet: Annotated[
        str | list[str], about("Character i, or text i, is what `top_ids` calls i.")
    ]
    loss: Annotated[list[Number], about("By row, nats a token on held-out text.")]
    loss_error: Annotated[list[Number], about("By row, standard error over windows.")]
    model_loss: Annotated[Number, about("The network's own, which the last row equals.")]
    unigram: Unigram
    windows: Windows
    step: Step


class Loss(TypedDict):
    nats: Nats
    error: Error


class Side(Loss):
    text: Annotated[str, about("What it writes.")]


class Operate(TypedDict):
    operations: Annotated[list[str], about('In words: "head 3.2 off".')]
    before: Side
    after: Side
    delta: Annotated[Number, about("After - before, nats.")]
    delta_error: Annotated[Number, about("Of the paired difference over windows.")]
    windows: Windows
    prompt: str
    common: Annotated[int, about("Characters that both written texts begin with.")]
    text: Annotated[str, about("The text that the arrays are of.")]
    tokens: list[str]
    step: Step


class LesionRow(TypedDict):
    group: Annotated[
        str, about('"block", "swap" (with the next layer), "attention", "feedforward" or "head".')
    ]
    layer: int
    head: Annotated[int | None, about("Null but for heads.")]
    words: str
    operation: Annotated[dict[str, Any], about("As `operate` takes it.")]
    nats: Number
    delta: Annotated[Number, about("nats after - before.")]
    error: Annotated[Number, about("Standard error over windows, paired.")]


class Lesion(TypedDict):
    before: Annotated[Loss, about("Of the whole network.")]
    rows: list[LesionRow]
    windows: Windows
    complete: Annotated[bool, about("False if time ran out before the last row.")]
    layers: Counted
    heads: Counted
    step: Step


class Paths(TypedDict):
    """By path length k from 0 to the number of sublayers, then by source."""

    lengths: list[int]
    paths: Annotated[
        list[float],
        about("How many have this length, without value residual's ways beside the stream."),
    ]
    norm: Annotated[list[Number], about("‖g_k‖.")]
    share: Annotated[list[Number], about("‖g_k‖ / Σ_j ‖g_j‖.")]
    projection: Annotated[list[Number], about("<g_k, g> / ‖g‖²: sums to 1, may be negative.")]
    total: Annotated[Number, about("‖g‖.")]
    mean_length: Annotated[Number, about("Σ k · share.")]
    sources: Annotated[list[str], about('"embed", "blocks.0.attn", "blocks.0.mlp", ..., "bias".')]
    depth: Annotated[list[int | None], about('Of each source; null for "bias".')]
    logit: Annotated[list[Number], about("What each source contributes.")]
    logit_share: Annotated[list[Number], about("|contribution| / Σ |contributions|.")]
    logit_total: Annotated[Number, about("Their sum: the mean of right logit - mean logit.")]
    loss: Annotated[Number, about("Nats on the same windows.")]
    windows: Windows
    step: Step


class Best(TypedDict):
    layer: int
    head: int
    value: float


class Uniform(TypedDict):
    entropy: float
    first: Number


class Heads(TypedDict):
    scores: Annotated[
        dict[str, list[list[Number]]],
        about("(L, H) by name; entropy, previous, first, duplicate, matching, induction."),
    ]
    without_sink: Annotated[
        dict[str, list[list[Number]]],
        about("The same of the attention that does not go to token 0; rest: how much that is."),
    ]
    best: Annotated[dict[str, Best | None], about("The highest, of entropy the lowest.")]
    uniform: Annotated[Uniform, about("Of a head that attends evenly.")]
    layers: Counted
    heads: Counted
    tokens: Annotated[int, about("T of a window.")]
    windows: Windows
    periods: Annotated[list[int], about("Of the repeated tokens; none in a short context.")]
    step: Step


class MaskedOne(TypedDict):
    place: Annotated[int, about("Of the mask among the tokens, from 0.")]
    entropy: Annotated[Number, about("Of what it says, nats.")]
    alternatives: Annotated[
        list[tuple[str, Number]], about("At most 10 tokens with their p, likeliest first.")
    ]


class Masked(TypedDict):
    text: Annotated[str, about("As it was read.")]
    tokens: Annotated[list[str], about("How it is split, those of the model around it too.")]
    ids: list[int]
    masked: Annotated[list[MaskedOne], about("Each masked token.")]
    step: Step


class Profile(TypedDict):
    metrics: Annotated[
        dict[str, Number | list[Number]],
        about("By the names that runs have them under; of the blocks one number a layer."),
    ]
    layers: Counted
    tokens: Annotated[int, about("Of the probe text.")]
    step: Step


class MassiveOne(TypedDict):
    place: str
    token: Annotated[int, about("Position in its window.")]
    feature: int
    value: float
    times_median: Number


class Massive(TypedDict):
    seen: bool
    sentence: str
    said: NotRequired[Made]
    found: Annotated[list[MassiveOne], about("At most 20, largest first.")]


class Sink(TypedDict):
    layer: int
    head: int
    share: Annotated[float, about("Mean attention to token 0.")]


class Sinks(TypedDict):
    seen: bool
    sentence: str
    said: NotRequired[Made]
    threshold: Number
    uniform: Annotated[Number, about("What even attention has.")]
    found: list[Sink]


class Part(TypedDict):
    name: Annotated[str, about('"blocks.{i}.attn" or "blocks.{i}.mlp".')]
    layer: int
    part: str


class Streams(TypedDict):
    """By place of the stream, then by sublayer, then of the whole."""

    places: Annotated[
        list[str],
        about('"embed", "blocks.{i}.resid_mid", "blocks.{i}.resid_post", ..., "final_norm.out"'),
    ]
    layer: Annotated[list[int], about("-1 for embed, L for the final norm.")]
    rms: Annotated[list[Number], about("Root mean square of the stream.")]
    similarity: Annotated[list[Number], about("Mean cosine of two tokens of a window.")]
    effective_rank: Annotated[list[Number], about("exp(H(σ / Σσ)), 1 to rank_most.")]
    participation: Annotated[list[Number], about("(Σσ²)² / Σσ⁴, 1 to rank_most.")]
    residual_ratio: Annotated[list[Number], about("‖X - mean over tokens‖ / ‖X‖.")]
    median: Annotated[list[Number], about("Of |a| in a window, mean over windows.")]
    largest: Annotated[list[Number], about("|a|.")]
    rank_most: Annotated[int, about("min(T, width).")]
    sublayers: list[Part]
    skip_rms: Annotated[list[Number], about("Of what the skip carries to the Add box.")]
    branch_rms: Annotated[list[Number], about("Of the scaled branch there.")]
    branch_share: Annotated[list[Number], about("branch / (skip + branch), 1 without a skip.")]
    angle: Annotated[
        list[Number], about("By block: arccos(cosine of input and output) / π, 0 to 1.")
    ]
    massive: Massive
    tokens: Annotated[int, about("T of a window.")]
    windows: Windows
    step: Step
    sinks: Sinks


class Checkpoint(TypedDict):
    run: Annotated[str, about("Its id.")]
    name: str
    step: int


class Cka(TypedDict):
    matrix: Annotated[
        list[list[Number]], about("0 to 1; null where a layer is constant or not finite.")
    ]
    rows: Annotated[list[str], about("Places of the first run.")]
    columns: Annotated[list[str], about("Places of the other.")]
    runs: Annotated[list[Checkpoint], about("Both.")]
    tokens: Annotated[int, about("Compared.")]


Line = list[Number]


class Curve(Checkpoint):
    centre: Annotated[Number, about("Loss at the checkpoint.")]
    loss: Annotated[Line, about("At each of a.")]
    not_finite: int


class Surface(Checkpoint):
    centre: Annotated[Number, about("Loss at the checkpoint.")]
    loss: Annotated[list[Line], about("loss[j][i] at a[i], b[j].")]
    not_finite: int


class Grid(TypedDict):
    low: Annotated[Number, about("Of all finite losses: the one scale.")]
    high: Number
    points: Annotated[int, about("Along an axis.")]
    evaluations: Annotated[int, about("Losses measured.")]
    seconds_each: float
    tokens: Annotated[int, about("Predictions in one loss.")]
    sentence: Annotated[str, about("What the grid is, and whether time cut it.")]
    said: NotRequired[Made]


class Landscape1d(Grid):
    a: list[float]
    runs: list[Curve]
    radius: float


class Landscape2d(Grid):
    a: list[float]
    b: list[float]
    runs: list[Surface]
    radius: float


class Trajectory(Grid):
    steps: Annotated[list[int], about("At least 3.")]
    path: Annotated[list[list[float]], about("Coordinates of each step.")]
    path_loss: Annotated[list[Number], about("At each checkpoint itself, not at its projection.")]
    explained: Annotated[list[Number], about("Share of the variance along either axis.")]
    distance: Annotated[list[float], about("‖θ_s - θ_last‖.")]
    centre: Annotated[Number, about("Loss of the last checkpoint.")]
    a: Annotated[list[float], about("Covers the path with a margin, as b does.")]
    b: list[float]
    loss: Annotated[list[Line], about("loss[j][i] at a[i], b[j].")]
    not_finite: int

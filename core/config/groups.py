"""The settings around the network: its text, its optimizer, its training and its probes."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import field_validator, model_validator

from core.config.base import Group, refusal, setting
from core.config.overrides import Switch, parse_switches
from core.config.tasks import KINDS, LETTERS, NUMBERS, TASKS, impossible_brackets, impossible_text
from core.language import Message

Corpus = Literal[
    "python-reference",
    "tiny-shakespeare",
    "file",
    "dataset",
    "repeat",
    "copy",
    "sort",
    "reverse",
    "addition",
    "brackets",
    "markov",
    "digits",
    "fashion-mnist",
    "cifar-10",
]
Tokenizer = Literal["characters", "bytes", "bpe", "file", "tiktoken"]
Encoding = Literal["gpt2", "r50k_base", "p50k_base", "cl100k_base", "o200k_base"]
Schedule = Literal["constant", "cosine"]
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "float32", "bfloat16"]
Sharding = Literal["auto", "ddp", "fsdp"]
Compile = Literal["auto", "on", "off"]

# A field that says by itself what another one has to be: (that field, its word).
NAMED: dict[str, tuple[str, str]] = {
    "path": ("corpus", "file"),
    "dataset": ("corpus", "dataset"),
    "tokenizer_file": ("tokenizer", "file"),
}


def _told() -> str:
    return "; ".join(f"{name}, {row.summary}" for name, row in TASKS.items())


class DataConfig(Group):
    """The text, or the images, that the model learns."""

    corpus: Corpus = setting(
        "python-reference",
        "Corpus",
        "python-reference: Python's language reference, part of every Python. tiny-shakespeare:"
        " downloaded once (1.1 MB). file: a UTF-8 text file of your own, or a folder of them."
        " dataset: one by name, read with the library `datasets`. Tasks, drawn without end,"
        f" whose optimal loss is known: {_told()}. Images: digits, 1,797 of"
        " 8×8 pixels, part of scikit-learn; fashion-mnist (31 MB) and cifar-10 (170 MB),"
        " downloaded once.",
    )
    path: str | None = setting(
        None,
        "Text file",
        "Path of your own text, with corpus `file`: a text file or JSONL, also packed as .gz,"
        " Parquet, a folder with such files, or a pattern such as `texts/*.jsonl`. It may be larger"
        " than the memory.",
        "path",
    )
    dataset: str | None = setting(
        None,
        "Dataset",
        "Of corpus `dataset`: a name on the Hugging Face hub, with a configuration after a colon,"
        " such as roneneldan/TinyStories, Salesforce/wikitext:wikitext-2-raw-v1,"
        " wikimedia/wikipedia:20231101.simple, allenai/c4:en or HuggingFaceFW/fineweb:sample-10BT;"
        " or a dataset folder of your own.",
        "name",
        max_length=400,
    )
    split: str = setting(
        "train",
        "Split",
        "Of corpus `dataset`: which part of it is read.",
        min_length=1,
        max_length=100,
    )
    column: str = setting(
        "",
        "Column",
        "Of JSONL, Parquet and datasets: the field that holds the text; empty takes `text`, or the"
        " only field that holds text.",
        max_length=200,
    )
    megabytes: int = setting(
        1000,
        "At most",
        "Of corpus `dataset`: how much of its text is read, from its start; 0 reads all of it,"
        " which of C4 or FineWeb no disk holds.",
        "MB",
        ge=0,
        le=10**7,
    )
    tokenizer: Tokenizer = setting(
        "characters",
        "Tokenizer",
        "What a text is cut into. characters: the letters that occur in it. bytes: those of"
        " UTF-8, 256 in all. bpe: byte-pair encoding, learned from the text. file: a"
        " `tokenizer.json`. tiktoken: one of OpenAI's encodings. Losses per token of different"
        " tokenizers do not compare; bits per byte do.",
    )
    vocabulary: int = setting(
        2048,
        "Vocabulary",
        "Of tokenizer `bpe`: how many tokens it learns at most, the 256 bytes among them.",
        "tokens",
        ge=257,
        le=200_000,
    )
    tokenizer_file: str | None = setting(
        None,
        "Tokenizer file",
        "Of tokenizer `file`: path of a `tokenizer.json`, as the library `tokenizers` writes it.",
        "path",
    )
    encoding: Encoding = setting(
        "gpt2",
        "Encoding",
        "Of tokenizer `tiktoken`: GPT-2's 50,257 tokens, or those of a later model; downloaded"
        " once.",
    )
    modulus: int = setting(
        23,
        "Modulus",
        "Of corpus `addition`: a + b is taken modulo this number, and every number below it is one"
        " token.",
        "",
        ge=2,
        le=NUMBERS,
    )
    held_out: float = setting(
        0.0,
        "Held out",
        "Of corpus `addition`: the share of all pairs a + b that no training step shows. The"
        " validation loss is then that of these pairs alone, which tells a rule that was found from"
        " a table that was memorised; with 0 it is that of all pairs.",
        "",
        ge=0,
        le=0.9,
    )
    kinds: int = setting(
        2,
        "Kinds of brackets",
        f"Of corpus `brackets`: how many kinds there are, in the order {KINDS}.",
        "",
        ge=1,
        le=len(KINDS) // 2,
    )
    nesting: int = setting(
        4,
        "Deepest nesting",
        "Of corpus `brackets`: how many brackets may be open at once.",
        "brackets",
        ge=1,
        le=64,
    )
    letters: int = setting(
        8, "Letters", "Of corpus `markov`: the size of its alphabet.", "letters", ge=2, le=LETTERS
    )
    order: int = setting(
        2,
        "Order",
        "Of corpus `markov`: how many of the last letters decide the next one's probabilities.",
        "letters",
        ge=1,
        le=12,
    )

    @model_validator(mode="before")
    @classmethod
    def _what_a_name_means(cls, values: Any) -> Any:
        """A path means corpus `file`, a dataset's name `dataset`, where no corpus is named."""
        if isinstance(values, dict):
            for field, (chosen, word) in NAMED.items():
                if values.get(field) and chosen not in values:
                    values = {**values, chosen: word}
        return values

    @field_validator("path", "dataset", "tokenizer_file")
    @classmethod
    def _path_of_a_file(cls, value: Any) -> Any:
        if value and "\0" in value:
            raise ValueError(
                Message("no file's path has a NUL in it; accepted: the path of a text file")
            )
        return value

    @model_validator(mode="after")
    def _path_with_file(self) -> DataConfig:
        if (self.corpus == "file") != bool(self.path):
            raise refusal(
                Message(
                    "{field}: corpus `file` needs a path and only `file` takes one; accepted: a"
                    " path together with corpus file, or none with {others}",
                    field="path",
                    others=", ".join(c for c in get_args(Corpus) if c != "file"),
                )
            )
        return self

    @model_validator(mode="after")
    def _names_with_their_words(self) -> DataConfig:
        if (self.corpus == "dataset") != bool(self.dataset):
            raise refusal(
                Message(
                    "{field}: corpus `dataset` needs a name and only `dataset` takes one; accepted:"
                    " a name or a folder together with corpus dataset",
                    field="dataset",
                )
            )
        if (self.tokenizer == "file") != bool(self.tokenizer_file):
            raise refusal(
                Message(
                    "{field}: tokenizer `file` needs a path and only `file` takes one; accepted:"
                    " the path of a tokenizer.json together with tokenizer file",
                    field="tokenizer_file",
                )
            )
        return self

    @model_validator(mode="after")
    def _tasks_that_can_be(self) -> DataConfig:
        wrong = {
            "order": impossible_text(self.letters, self.order),
            "nesting": impossible_brackets(self.kinds, self.nesting),
        }
        for field, sentence in wrong.items():
            if sentence:
                raise refusal(Message("{field}: {sentence}", field=field, sentence=sentence))
        return self


class OptimizerConfig(Group):
    """AdamW (Loshchilov & Hutter 2019) with a linear warm-up."""

    learning_rate: float = setting(
        1e-3, "Learning rate", "Peak learning rate of AdamW.", "", gt=0, le=10
    )
    warmup_steps: int = setting(
        0, "Warm-up", "Steps over which the learning rate rises from 0.", "steps", ge=0, le=10**7
    )
    schedule: Schedule = setting(
        "constant",
        "Schedule",
        "After the warm-up: constant, or a cosine that falls to a tenth of the peak.",
    )
    beta1: float = setting(0.9, "β₁", "Decay of the gradient's running mean.", "", ge=0, lt=1)
    beta2: float = setting(0.95, "β₂", "Decay of the squared gradient's running mean.", ge=0, lt=1)
    weight_decay: float = setting(
        0.0, "Weight decay", "Decoupled weight decay on matrices.", "", ge=0, le=10
    )
    clip: float = setting(
        0.0, "Clipping", "Largest norm of the whole gradient; 0 does not clip.", "", ge=0, le=1e6
    )


class TrainingConfig(Group):
    """How long, with what data order, and on which device."""

    seed: int = setting(
        0,
        "Seed",
        "Decides the initial weights and the order of the batches.",
        "",
        ge=0,
        le=2**32 - 1,
    )
    steps: int = setting(600, "Steps", "Optimizer updates in all.", "steps", ge=1, le=10**8)
    batch_size: int = setting(
        16,
        "Batch size",
        "Sequences per step, of all devices together.",
        "sequences",
        ge=1,
        le=16384,
    )
    accumulate: int = setting(
        1,
        "Accumulate",
        "Equal parts that a batch is read in, one after the other; their gradients are added up to"
        " the batch's own, and less memory is needed. It divides training.batch_size. The losses"
        " are the whole batch's but for rounding, of which a high learning rate makes more.",
        "parts",
        ge=1,
        le=16384,
    )
    recompute: bool = setting(
        False,
        "Recompute",
        "Compute the activations of each block again in the backward pass instead of keeping them:"
        " the same numbers with less memory, in a third more time on a GPU and up to twice the time"
        " on a processor.",
    )
    evaluate_every: int = setting(
        100,
        "Evaluate every",
        "Steps between validation losses and text samples; 0 is only first and last.",
        "steps",
        ge=0,
        le=10**8,
    )
    checkpoint_every: int = setting(
        200,
        "Checkpoint every",
        "Steps between checkpoints; 0 keeps only the last.",
        "steps",
        ge=0,
        le=10**8,
    )
    device: Device = setting(
        "auto", "Device", "auto takes a CUDA GPU where there is one, else the processor."
    )
    devices: int = setting(
        1,
        "Devices",
        "Processes that train the one model together, each on a GPU of its own, or on processors"
        " with its part of the cores. The batch size is the whole batch's: each reads an equal part"
        " of it. The losses are the whole batch's but for rounding; dropout draws other masks than"
        " one process does.",
        "processes",
        ge=1,
        le=1024,
    )
    sharding: Sharding = setting(
        "auto",
        "Sharding",
        "Over several devices. ddp: each has the whole network, and gradients are averaged. fsdp:"
        " each has a part of every tensor, for networks that are too large for one (FSDP2). auto is"
        " ddp where the network fits on one device.",
    )
    precision: Precision = setting(
        "auto",
        "Precision",
        "Of the matrix products: auto is bfloat16 on a CUDA GPU and float32 on a processor.",
    )
    compile: Compile = setting(
        "auto",
        "Compile",
        "torch.compile makes fewer and larger kernels of the network. auto measures beside a long"
        " run, once for each network and machine, and goes over to compiled steps where the rest of"
        " the run wins the time back; on compiles before the first step, off never. Losses differ"
        " in their last digits; the step at which a run went over is kept with it.",
    )
    threads: int | Literal["auto"] = setting(
        "auto",
        "Threads",
        "Processor threads; auto shares the cores among all active runs.",
        "threads",
    )

    switches: tuple[Switch, ...] = setting(
        (),
        "Scheduled switches",
        "Layers, counted from 0, that change while training, each from a step on:"
        " `150/5: residual=off`, or the same"
        " as a JSON list; any of residual, placement, norm and scaling.",
    )

    @field_validator("switches", mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return parse_switches(value)

    @model_validator(mode="after")
    def _compiled_or_recomputed(self) -> TrainingConfig:
        if self.compile == "on" and self.recompute:
            raise refusal(
                Message(
                    "{field}: on decides by itself which activations it computes again; accepted"
                    " with training.recompute true: auto, off",
                    field="compile",
                )
            )
        return self

    @field_validator("threads")
    @classmethod
    def _positive_threads(cls, value: Any) -> Any:
        if value != "auto" and not 1 <= value <= 1024:
            raise ValueError(
                Message("{value} is out of range; accepted: auto or 1 to 1024", value=value)
            )
        return value


class ProbesConfig(Group):
    """What is measured while training. It never changes the losses."""

    every: int = setting(
        20,
        "Probe every",
        "Steps between activation statistics; gradient norms are taken at every step. 0 turns all"
        " probes off.",
        "steps",
        ge=0,
        le=10**8,
    )
    text: str = setting(
        "",
        "Probe text",
        "The text whose activations and attention are shown; empty takes the start of the"
        " validation text.",
        max_length=20000,
    )
    tokens: int | Literal["auto"] = setting(
        "auto",
        "Probe length",
        "Tokens of the probe text; auto is the context, at most 256.",
        "tokens",
    )
    attention: bool = setting(
        True, "Keep attention", "Keep attention maps of the probe text at log-spaced steps."
    )
    budget: float = setting(
        5.0,
        "Probe budget",
        "Share of the training's time that probes may take. Where they take more over 500 steps and"
        " 30 seconds, all their intervals are doubled, up to three times at once, and the run's"
        " alarms say from which step on. 0 is no limit.",
        "% of step time",
        ge=0,
        le=100,
    )
    noise_every: int = setting(
        0,
        "Gradient noise every",
        "Steps between measurements of the gradient noise scale, from four batches of its own: the"
        " batch size above which larger batches help less. 0 is off.",
        "steps",
        ge=0,
        le=10**8,
    )
    hessian_every: int = setting(
        0,
        "Hessian every",
        "Steps between measurements of the Hessian's largest eigenvalue, the sharpest curvature of"
        " the loss, on a part of the training batch. One costs as much as dozens of steps. 0 is"
        " off.",
        "steps",
        ge=0,
        le=10**8,
    )

    @field_validator("tokens")
    @classmethod
    def _positive_tokens(cls, value: Any) -> Any:
        if value != "auto" and not 1 <= value <= 8192:
            raise ValueError(
                Message("{value} is out of range; accepted: auto or 1 to 8192", value=value)
            )
        return value

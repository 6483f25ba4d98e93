"""BLEU and ROUGE of continuations against how the held-out text goes on.

Kind ``continuations``. Parameters: ``prompts`` (held-out places, evenly spread), ``prompt_length``
and ``length`` (characters), ``examples`` (how many to return), ``temperature``, ``top_k``,
``top_p``, ``seed`` (prompt i draws with seed + i).

BLEU is sacrebleu's corpus BLEU with its default tokenizer 13a and exponential smoothing (Post
2018, arXiv 1804.08771), 0 to 100. ROUGE (Lin 2004) is the mean F-measure of rouge-score over the
prompts, 0 to 1, with its own tokenizer (lower case, letters and digits) and no stemming.

result
    ``bleu``       float, 0..100
    ``precisions`` [float] × 4, n-gram precisions, 0..100
    ``brevity``    float, the brevity penalty, 0..1
    ``rouge``      {"rouge1": float, "rouge2": float, "rougeL": float}, 0..1
    ``chance``     {"bleu": float, "rouge": {...}}: the same of held-out text itself against the
                   continuation of another prompt: what text that fits nothing scores
    ``signature``  str, sacrebleu's
    ``prompts``    int, used
    ``examples``   [{prompt, held_out, written, bleu, rougeL}], bleu of the one sentence
    ``step``       int, the checkpoint's
no arrays
stream: the examples, all prompts, in order
"""

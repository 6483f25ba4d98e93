"""The kind `heads`: every head of a checkpoint, scored on held-out text and on repeated tokens.

L layers, H heads, T tokens.

Parameters
    ``windows`` (int, 8): held-out windows that the scores of text are averaged over.
    ``seed`` (int, 0): of the repeated random tokens.

Result
    ``scores``: by name, (L, H) nested lists; null where a score does not exist.
        ``entropy previous first duplicate matching``, as core.runs.heads.scores defines them, means
        over held-out windows; ``induction``: mean over sequences of random tokens that repeat with
        a random period, several periods.
    ``best``: by name, {layer, head, value} of the highest (of entropy the lowest) score.
    ``uniform``: by name, what a head that attends evenly would have: entropy and first.
    ``layers``, ``heads``, ``tokens`` (T), ``windows``, ``periods`` (list of int, those tried).
Arrays
    Each score by its name, (L, H) float32, NaN where it does not exist.
"""

"""How well a checkpoint predicts text.

Kind ``score``. Parameters: ``text`` ("" is held-out text, the validation part of the run's corpus;
else up to 100,000 characters, each but the first predicted once, in windows of model.context),
``windows`` (of held-out text). T tokens of a window.

result
    ``on``                 "held-out" or "text"
    ``nats``               float, mean cross-entropy a character
    ``nats_error``         float or null, its standard error over windows
    ``bits_per_character`` float, nats / ln 2
    ``perplexity``         float, exp(nats)
    ``accuracy``           float, share of characters that are the likeliest
    ``predictions``        int, characters predicted
    ``windows``            int, windows used
    ``unigram``            float or null, nats of held-out text under single-letter frequencies
    ``tokens``             of ``text``: [{text, p, nats, rank}], rank 0 is the likeliest; p, nats,
                           rank are null for the first character; [] for held-out text
    ``step``               int, the checkpoint's
arrays
    ``position``           int32 (T,), characters that were seen before, from 1; (1,) for a
                           feed-forward network, which predicts after a whole window
    ``position_nats``      float32 (T,), mean nats at this position
    ``position_accuracy``  float32 (T,)
    ``position_error``     float32 (T,), standard error of position_nats over windows
"""

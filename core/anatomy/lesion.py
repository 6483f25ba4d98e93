"""A lesion sweep: each part taken out by itself, and what the loss says (Veit et al. 2016).

Kind ``lesion``. Parameters: ``windows`` (of held-out text), ``seconds`` (the time it may take: it
measures on fewer windows if the parts would take longer). L layers, H heads. Operations are those
of :mod:`core.anatomy.operate`.

result
    ``before``   {"nats": float, "error": float}, held-out loss of the whole network
    ``rows``     [{"group", "layer", "head", "words", "operation", "nats", "delta", "error"}]:
                 group is "block", "swap" (with the next layer), "attention", "feedforward" or
                 "head"; head is null but for heads; operation is what `operate` takes; delta is
                 nats after - before, error its standard error over windows, paired; nats and
                 delta are null where the loss is not finite
    ``windows``  int, used
    ``complete`` bool, false if time ran out before the last row
    ``layers`` ``heads`` int, L and H
    ``step``     int, the checkpoint's
arrays, NaN where not measured or absent
    ``block`` ``attention`` ``feedforward``   float32 (L,), Δloss in nats
    ``swap``     float32 (L - 1,)
    ``head``     float32 (L, H)
stream: the rows, as they are measured
"""

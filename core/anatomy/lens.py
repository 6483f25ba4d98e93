"""The logit lens: what the network would say if it stopped at a layer (nostalgebraist 2020).

head(final_norm(h)) of the stream h after the embedding and after each layer; the last row is the
network's own output. Kind ``lens``. Parameters: ``text`` ("" is the run's probe text), ``top``
(tokens listed a place), ``middle`` (the stream between attention and feed-forward too), ``windows``
(of held-out text, for the loss by layer). N rows from embedding to output, T tokens, K = ``top``.

result
    ``text``        str
    ``tokens``      [str] × T
    ``ids``         [int] × T
    ``rows``        [str] × N, observables: "embed", "blocks.0.resid_mid" (with ``middle``),
                    "blocks.0.resid_post", ...
    ``labels``      [str] × N, in words: "embedding", "layer 1 attention", "layer 1", ...
    ``alphabet``    str, character i is the token with index i
    ``loss``        [float] × N, nats a token on held-out text
    ``loss_error``  [float] × N, standard error over windows
    ``model_loss``  float, the network's own loss on the same text, which loss[-1] equals
    ``unigram``     float or null, nats under single-letter frequencies
    ``windows``     int, used
    ``step``        int, the checkpoint's
arrays, of ``text``
    ``top_ids``     int32 (N, T, K), likeliest first
    ``top_p``       float32 (N, T, K)
    ``right_p``     float32 (N, T), probability of the token that follows; NaN at the last place
    ``right_rank``  int32 (N, T), 0 if it is the likeliest; -1 at the last place
    ``entropy``     float32 (N, T), nats
    ``kl``          float32 (N, T), KL(output ‖ row) in nats: 0 in the last row
"""

"""Change parts of a trained network and see what it costs.

Kind ``operate``. Parameters: ``operations`` (a list, see :mod:`core.anatomy.targets`), ``windows``
(of held-out text), ``text`` ("" is the run's probe text), ``prompt``, ``length`` (0: write
nothing), ``temperature``, ``top_k``, ``top_p``, ``seed``. T tokens of the text. Losses before and
after are of the same windows; texts before and after are drawn with the same seed.

An operation is a JSON object ``{"target": ..., "layer": ..., "action": ...}``, layers and heads
counted from 0:

    target            also        action
    ``head``          ``head``    ``off``, ``scale``, ``mean``
    ``attention``                 ``off``, ``scale``, ``mean``
    ``feedforward``               ``off``, ``scale``, ``mean``
    ``block``                     ``off`` (the stream passes by), ``swap`` (with the next one)
    ``norm``          ``place``   ``off`` (the identity)
    ``residual``      ``sublayer`` ``off`` (the branch alone goes on), ``scale`` (of the skip)

``scale`` needs ``"scale": number``. ``place`` is one of "attention.pre", "attention.inner",
"attention.post", "feedforward.pre", ..., what the block has; "final" and "embedding" have no layer.
``mean`` replaces each output by its mean over the held-out windows and their positions.
``off`` of a head, attention or feed-forward makes what it adds to the stream 0: a head's values
become 0 before W_O, a sublayer's F gives 0 (its bias included) and a norm after F is passed by.

result
    ``operations``  [str], in words: "head 3.2 off"
    ``before``      {"nats": float, "error": float, "text": str}: held-out loss with its standard
                    error over windows, and the text written
    ``after``       the same
    ``delta``       float, after - before, nats
    ``delta_error`` float, standard error of the paired difference over windows
    ``windows``     int, used
    ``prompt``      str
    ``common``      int, characters that both written texts begin with
    ``text``        str, the text that the arrays are of
    ``tokens``      [str] × T
    ``step``        int, the checkpoint's
arrays
    ``before``      float32 (T - 1,), nats of token 1, 2, ... of ``text``
    ``after``       float32 (T - 1,)
"""

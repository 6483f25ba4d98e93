"""Record a network of one's own: its losses, and gradient norms and activations by layer.

    from core import record

    record.start("my network", settings={"lr": 3e-4, "depth": 12})
    record.watch(model)
    for step, batch in enumerate(batches):
        ...                                    # any PyTorch loop
        record.log(loss=loss, lr=rate)
    record.finish()

What is logged becomes a run directory that the dashboard lists, filters and compares with others
while it grows. The functions speak to the process's one recording, which the first of them begins;
`start` returns it for who wants several, and it may stand in a `with`. Nothing here can stop the
training: what can't be measured or written costs one warning.
"""

from core.record.recording import Recording, finish, log, start, watch

__all__ = ["Recording", "finish", "log", "start", "watch"]

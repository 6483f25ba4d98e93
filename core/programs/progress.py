"""The progress of a run that trains in this process, on standard error."""

from __future__ import annotations

from tqdm import tqdm

from core.language import mark, t
from core.metrics.reader import Reader, Segments
from core.runs import Run, Status
from core.shown import one_line


class Bar:
    """The progress of a run on standard error."""

    def __init__(self, run: Run) -> None:
        segments = Segments(run.path / "metrics")
        self._readers = {
            mark("loss"): Reader(segments, "step", ["loss/train"]),
            mark("validation"): Reader(segments, "evaluation", ["loss/validation"]),
        }
        self.status: Status | None = None  # the last that was told
        self._words: dict[str, str] = {}
        self._bar = tqdm(
            total=run.config.training.steps,
            initial=run.first_step,
            unit=t("step"),
            desc=one_line(run.name),
            mininterval=0.5,
        )

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def show(self, status: Status) -> None:
        """Follow the run's state."""
        self.status = status
        if status.state == "starting" and status.message:
            self._bar.set_postfix_str(one_line(t(status.message)))
        self._bar.update(status.step - self._bar.n)
        for word, reader in self._readers.items():
            rows = reader.read()
            if rows is not None and len(rows.steps):
                self._words[word] = f"{rows.columns[reader.names[0]][-1]:.3f}"
        if status.tokens_per_second:
            self._words["tokens/s"] = f"{status.tokens_per_second:,.0f}"
        self._bar.set_postfix(
            {t(name): text for name, text in self._words.items()}, refresh=False
        )  # the bar has a rhythm of its own

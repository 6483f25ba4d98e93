"""What was measured, sent to other programs as well."""

from __future__ import annotations

import contextlib
from functools import partial

from core.runs import Run
from core.trackers import Sending, UnknownTrackerError, named
from core.trackers.tracker import About
from core.training.disk import Disk
from core.training.hooks.hook import Hook, Rows
from core.training.hooks.report_status import ReportStatus
from core.training.metric_log import MetricLog
from core.training.state import TrainingState


class Send(Hook):
    """Sends every row to the trackers that ADDNORM_LOG_TO names. Each warning is a note and the
    run's message; nothing of it can stop or slow a step."""

    def __init__(self, run: Run, disk: Disk, log: MetricLog, report: ReportStatus) -> None:
        self._run, self._disk, self._report = run, disk, report
        self._step = run.record.step
        self._sending: Sending | None = None
        try:
            kinds = named()
        except UnknownTrackerError as error:
            self._warn(error.args[0])
            return
        if kinds:
            began = (run.path / "config.json").stat().st_mtime
            about = About(run.id, run.name, run.config.flat(), run.path.parent, began)
            self._sending = Sending(kinds, about, layers_every=run.config.probes.every)
            log.listen(self._sending.take)

    def on_flush(self, state: TrainingState, rows: Rows | None) -> None:
        self._step = state.step
        if self._sending is not None:
            for sentence in self._sending.warnings:
                self._warn(sentence)

    def end(self, ended: str) -> None:
        """The run has ended: send the rest."""
        if self._sending is None:
            return
        sending, self._sending = self._sending, None
        with contextlib.suppress(OSError):
            for sentence in sending.end(ended):
                self._report.say(sentence)
                self._run.add_event("note", self._step, text=sentence)

    def _warn(self, sentence: str) -> None:
        self._report.say(sentence)
        self._disk.later(partial(self._run.add_event, "note", self._step, text=sentence))

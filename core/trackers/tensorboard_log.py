"""Event files that TensorBoard shows as a run trains: `tensorboard --logdir RUNS/tensorboard`."""

from __future__ import annotations

from collections.abc import Sequence

from core.trackers.tracker import About, Row


class TensorBoardTracker:
    """One folder of events for each run, below `tensorboard` in the folder of runs."""

    def __init__(self, about: About) -> None:
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._event, self._summary = event_pb2.Event, summary_pb2.Summary
        self._began = about.began
        path = about.folder / "tensorboard" / about.id
        self._writer = EventFileWriter(str(path), max_queue_size=1000, flush_secs=5)

    def log(self, rows: Sequence[Row]) -> None:
        value = self._summary.Value
        for row in rows:
            values = [value(tag=name, simple_value=one) for name, one in row.values.items()]
            self._writer.add_event(
                self._event(
                    wall_time=self._began + row.seconds,
                    step=row.step,
                    summary=self._summary(value=values),
                )
            )
        self._writer.flush()

    def end(self, state: str) -> None:
        self._writer.close()

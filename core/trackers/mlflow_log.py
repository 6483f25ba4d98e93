"""Runs in MLflow: the server that MLFLOW_TRACKING_URI names, else `mlflow.db` among the runs."""

from __future__ import annotations

import os
from collections.abc import Sequence

from core.trackers.tracker import PROJECT, About, Row

AT_ONCE = 1000  # metrics that one request takes
PARAMS = 100  # settings that one request takes
LONGEST = 500  # letters of a setting that every release takes
ENDS = {"finished": "FINISHED", "stopped": "KILLED", "interrupted": "KILLED"}


class MlflowTracker:
    """A run of MLflow, in the experiment that MLFLOW_EXPERIMENT_NAME names."""

    def __init__(self, about: About) -> None:
        from mlflow.entities import Metric, Param
        from mlflow.tracking import MlflowClient

        self._metric, self._began = Metric, about.began
        where = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{about.folder / 'mlflow.db'}"
        self._client = MlflowClient(where)
        called = os.environ.get("MLFLOW_EXPERIMENT_NAME") or PROJECT
        found = self._client.get_experiment_by_name(called)
        experiment = found.experiment_id if found else self._client.create_experiment(called)
        made = self._client.create_run(
            experiment,
            start_time=int(about.began * 1000),
            tags={"addnorm.run": about.id},
            run_name=about.name,
        )
        self._id = made.info.run_id
        params = [Param(name, str(value)[:LONGEST]) for name, value in about.settings.items()]
        for start in range(0, len(params), PARAMS):
            self._client.log_batch(self._id, params=params[start : start + PARAMS])

    def log(self, rows: Sequence[Row]) -> None:
        metrics = [
            self._metric(name, value, int((self._began + row.seconds) * 1000), row.step)
            for row in rows
            for name, value in row.values.items()
        ]
        for start in range(0, len(metrics), AT_ONCE):
            self._client.log_batch(self._id, metrics=metrics[start : start + AT_ONCE])

    def end(self, state: str) -> None:
        self._client.set_terminated(self._id, ENDS.get(state, "FAILED"))

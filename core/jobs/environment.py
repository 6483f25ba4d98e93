"""The environment that work is done in: that of whoever asked for it.

A worker that was started in another one never saw what was set since. So what waits carries the
asker's environment along, and the worker takes it over before it begins.
"""

from __future__ import annotations

import json
import os

from core.files import parse_json

# What of an environment decides where a run finds its data. `ADDNORM_RUNS` is not of it: a worker
# belongs to one folder.
VARIABLES = (
    *("ADDNORM_DATA", "ADDNORM_CACHE", "XDG_CACHE_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    "ADDNORM_COHORTS",  # how many of the runs may train as one program
    # Which trackers a run is sent to, and where these are.
    *("ADDNORM_LOG_TO", "WANDB_MODE", "WANDB_PROJECT", "WANDB_API_KEY", "WANDB_BASE_URL"),
    *("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "TRACKIO_DIR", "TRACKIO_PROJECT"),
)


def written() -> str:
    """This process's environment, as a marker holds it."""
    return json.dumps({name: os.environ[name] for name in VARIABLES if name in os.environ})


def read(text: str | None) -> dict[str, str] | None:
    """The environment that a marker holds; None where it holds none."""
    try:
        found = parse_json(text or "")
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    return {n: v for n, v in found.items() if n in VARIABLES and type(v) is str}


def same(text: str | None, other: str) -> bool:
    """Whether two markers mean one environment; one that says none takes any."""
    return (read(text) or read(other)) == read(other)


def enter(text: str | None) -> None:
    """Take over a marker's environment, for this process and all that it starts.

    Nothing changes where the marker holds none.
    """
    environment = read(text)
    if environment is None:
        return
    for name in VARIABLES:
        if name in environment:
            os.environ[name] = environment[name]
        else:
            os.environ.pop(name, None)

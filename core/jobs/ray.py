"""A Ray cluster as a place where runs train: connecting, asking for places, finding what is there.

Of all that the lab does only this module and :mod:`core.jobs.ray_driver`, which uses it, import
Ray. What happens on the nodes is :mod:`core.jobs.ray_node`.
"""

from __future__ import annotations

import hashlib
import io
import logging
import math
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import ray
from ray.exceptions import (
    ActorUnavailableError,
    GetTimeoutError,
    RayActorError,
    RayError,
    RayTaskError,
)

from core.config import RunConfig
from core.config.fork_point import ForkPoint
from core.jobs import admission, ray_node
from core.jobs.elsewhere import AUTO
from core.jobs.processes import HOME, WAITING
from core.language import Message, joined, told
from core.machine import DeviceKind
from core.memory import in_bytes
from core.runs import RunError, RunStore
from core.transfer.archive import import_runs

SHARE = 0.05  # of a GPU: the smallest, and the steps between shares
SETUP_SECONDS = 300.0  # for one call of a node that is to begin


class Needs(NamedTuple):
    """What a run needs of a node: processors, bytes of main memory, and a share of a GPU."""

    threads: int
    memory: int
    gpu: float

    @property
    def words(self) -> str:
        """`1 processor, 120 MB of memory, .25 of a GPU`."""
        parts: list[str] = [
            Message("{n} processor", "{n} processors", n=self.threads),
            Message("{size} of memory", size=in_bytes(self.memory)),
        ]
        if self.gpu:
            parts.append(Message("{share:.2f} of a GPU", share=self.gpu))
        return joined(parts, ", ")


class Program(NamedTuple):
    """The lab as it is sent to nodes: its hash and a zip."""

    code: str
    archive: bytes


@cache
def program() -> Program:
    """This lab's `core`, with the assets that it reads."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in _sources():
            info = zipfile.ZipInfo(path.relative_to(HOME).as_posix())  # the same bytes each time
            info.external_attr = 0o644 << 16
            packed.writestr(info, path.read_bytes(), zipfile.ZIP_DEFLATED)
    content = data.getvalue()
    return Program(hashlib.sha256(content).hexdigest()[:32], content)


def _sources() -> Iterator[Path]:
    folders = [HOME / "core", *(HOME / "assets" / name for name in ("presets", "sweeps", "evidence",
               "glossary", "lessons", "languages"))]  # fmt: skip
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
                yield path


@dataclass
class Cluster:
    """A connection to a Ray cluster, in the namespace of one runs folder."""

    address: str
    namespace: str

    @classmethod
    def connect(cls, address: str, namespace: str) -> Cluster:
        """Raises RunError with what to do where the cluster does not let this process in."""
        ray.cloudpickle.register_pickle_by_value(ray_node)  # nodes need not have the lab
        try:
            ray.init(
                address=os.environ.get("RAY_ADDRESS") or AUTO if address == AUTO else address,
                namespace=namespace,
                log_to_driver=False,
                logging_level=logging.WARNING,
            )
        except (ConnectionError, TimeoutError, RuntimeError, ValueError, RayError) as error:
            text = str(error).strip().splitlines()
            raise RunError(
                Message(
                    "the Ray cluster at {address} can't be joined ({why}); start it, with the same"
                    " versions of Python and Ray as here",
                    address=address,
                    why=text[-1].strip() if text else type(error).__name__,
                )
            ) from error
        return cls(address, namespace)

    def leave(self) -> None:
        """End the connection; what trains there goes on."""
        ray.shutdown()

    def needs(self, config: RunConfig, fork: ForkPoint | None = None) -> Needs:
        """What a run needs here, from its settings: on a GPU where the cluster has some and the
        run does not ask for a processor."""
        wish, there = config.training.device, ray.cluster_resources()
        kind: DeviceKind = "cuda" if wish == "cuda" or (wish == "auto" and there.get("GPU")) else (
            "cpu"
        )  # fmt: skip
        threads, many = config.training.threads, config.training.devices
        need = admission.needed(config, kind, fork)
        if kind == "cpu":
            each = 1 if threads == "auto" else threads
            return Needs(each * many, need, 0.0)
        if many > 1:
            return Needs(many, 0, float(many))
        whole = self._gpu_bytes()
        share = math.ceil(need / whole / SHARE) * SHARE if whole and need else 1.0
        return Needs(1, 0, round(min(max(share, SHARE), 1.0), 2))

    def lacks(self, needs: Needs) -> str:
        """Why no node of the cluster could ever take this, in a sentence; else empty."""
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        able = [
            node
            for node in nodes
            if node.get("CPU", 0) >= needs.threads
            and node.get("memory", 0) >= needs.memory
            and node.get("GPU", 0) >= needs.gpu
        ]
        if able:
            return ""
        return Message(
            "it waits: no node of {address} has {needs}",
            address=self.address,
            needs=needs.words,
        )

    def has_free(self, needs: Needs) -> bool:
        """Whether the cluster has as much free now; not by node, so a place may still lack."""
        free = ray.available_resources()
        return bool(
            free.get("CPU", 0) >= needs.threads
            and free.get("memory", 0) >= needs.memory
            and free.get("GPU", 0) >= needs.gpu
        )

    def trainer(self, name: str, needs: Needs) -> Any:
        """The actor that trains a run: the one that is there, else a new one that waits for a
        place. It outlives this connection."""
        made = ray.remote(ray_node.Trainer)
        options: dict[str, Any] = {
            "num_cpus": needs.threads,
            "num_gpus": needs.gpu,
            "max_restarts": 0,  # a new one begins from the last checkpoint, which this side knows
        }
        if needs.memory:
            options["memory"] = needs.memory
        return made.options(
            name=name,
            namespace=self.namespace,
            lifetime="detached",
            get_if_exists=True,
            **options,
        ).remote()

    def found(self, name: str) -> Any | None:
        """The actor that trains a run; None where there is none."""
        try:
            return ray.get_actor(name, namespace=self.namespace)
        except ValueError:
            return None

    def kill(self, actor: Any) -> None:
        """End an actor and its process."""
        try:
            ray.kill(actor)
        except (RayError, ValueError) as error:
            logging.info("an actor can't be ended: %s", error)

    def commands(
        self,
        words: Mapping[str, Sequence[str]],
        root: Path,
        nonce: Path,
        environment: dict[str, str],
    ) -> Iterator[tuple[str, str, str]]:
        """Run commands of the lab on the nodes, one task each, and yield as they end: the key of
        `words`, what it printed, and a sentence where it printed nothing.

        Runs that a command trained come back into `root`, where the node does not see it by
        `nonce`, a file in it.
        """
        code, archive = program()
        task = ray.remote(ray_node.measured).options(num_cpus=1, max_retries=3)
        packed, known = ray.put(archive), (str(nonce), nonce.read_text())
        variables = {**WAITING, "OMP_NUM_THREADS": "1", **environment}
        waiting = {
            task.remote(code, packed, str(root), known, list(each), variables): key
            for key, each in words.items()
        }
        while waiting:
            ready, _ = ray.wait(list(waiting), num_returns=1)
            key = waiting.pop(ready[0])
            try:
                status, printed, problem, runs = ray.get(ready[0])
            except RayError as error:
                yield key, "", told(error).strip().splitlines()[-1]
                continue
            if runs:
                _take_in(root, runs)
            last = (problem.strip().splitlines() or [""])[-1]
            yield key, printed, "" if printed.strip() else f"{last} ({status})"

    def _gpu_bytes(self) -> int:
        """The memory of the smallest GPU of the cluster; 0 where no node says it."""
        sizes = []
        for node in ray.nodes():
            if node["Alive"] and node["Resources"].get("GPU"):
                at = {f"node:{node['NodeManagerAddress']}": 0.001}
                asked = ray.remote(ray_node.gpu_bytes).options(num_cpus=0, resources=at).remote()
                try:
                    sizes.append(_GPUS.setdefault(node["NodeID"], ray.get(asked, timeout=30)))
                except (RayError, TimeoutError) as error:
                    logging.info("the GPU of %s is unknown: %s", node["NodeID"], error)
        return min((size for size in sizes if size), default=0)


def _take_in(root: Path, runs: bytes) -> None:
    """Keep runs that a node trained, packed as a zip."""
    with tempfile.NamedTemporaryFile(suffix=".zip") as packed:
        packed.write(runs)
        packed.flush()
        import_runs(RunStore(root), packed.name)


_GPUS: dict[str, int] = {}  # by node, which are asked once

__all__ = [
    "SETUP_SECONDS",
    "ActorUnavailableError",
    "Cluster",
    "GetTimeoutError",
    "Needs",
    "Program",
    "RayActorError",
    "RayError",
    "RayTaskError",
    "program",
    "ray",
]

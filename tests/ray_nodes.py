"""A Ray cluster of several nodes on this machine, for tests: real raylets, which can be killed.

Where this user may, a node stands in a network namespace of its own, and folders can be hidden from
it in a mount namespace of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MARK = "ADDNORM_TEST_NODE"  # in the environment of every process of a node
# A node that was killed is given up after a few seconds rather than half a minute.
HEALTH = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 1000,
    "health_check_timeout_ms": 3000,
    "health_check_failure_threshold": 4,
}


def can_hide() -> bool:
    """Whether folders can be hidden from a node here."""
    tried = ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"]
    return (
        bool(shutil.which("unshare")) and not subprocess.run(tried, capture_output=True).returncode
    )


def can_part() -> bool:
    """Whether a node can have a network of its own here."""
    name = f"anl-{secrets.token_hex(3)}"
    if not shutil.which("ip") or _ip("netns", "add", name):
        return False
    _ip("netns", "del", name)
    return True


class Nodes:
    """Nodes of one cluster; the first that is started is its head."""

    def __init__(self, hidden: tuple[Path, ...] = (), parted: bool = False) -> None:
        self.hidden, self.parted = hidden, parted
        self.folder = Path(tempfile.mkdtemp(prefix="rn", dir="/tmp"))  # sockets want short paths
        self.tokens: list[str] = []
        self._subnet = 64 + secrets.randbelow(128)
        self._bridge = f"anl{self._subnet}"
        self._spaces: list[str] = []
        self.gcs, self.client = _ports(2)

    @property
    def address(self) -> str:
        """Where clients connect to."""
        return f"ray://{self._ip_of(0)}:{self.client}"

    def start(self, cpus: int = 1) -> int:
        """Start one more node; returns its number."""
        number = len(self.tokens)
        self.tokens.append(secrets.token_hex(8))
        where = self._ip_of(number)
        words = [sys.executable, "-m", "ray.scripts.scripts", "start", f"--num-cpus={cpus}",
                 f"--node-ip-address={where}", "--object-store-memory=80000000",
                 "--disable-usage-stats"]  # fmt: skip
        if number == 0:
            words += ["--head", f"--port={self.gcs}", "--include-dashboard=false",
                      f"--ray-client-server-port={self.client}",
                      f"--system-config={json.dumps(HEALTH)}"]  # fmt: skip
        else:
            words += [f"--address={self._ip_of(0)}:{self.gcs}"]
        words = [*self._space(number, where), *self._curtain(), *words]
        with open(self.folder / f"node{number}.log", "wb") as log:
            done = subprocess.run(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=120,
                env=self.environment | {MARK: self.tokens[number]}, cwd=self.folder,
            )  # fmt: skip
        if done.returncode:
            raise RuntimeError((self.folder / f"node{number}.log").read_text()[-2000:])
        return number

    @property
    def environment(self) -> dict[str, str]:
        """That of a node; nothing of the lab is on its path."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("ADDNORM_") and name not in ("PYTHONPATH", "RAY_ADDRESS")
        }
        return kept | {
            "RAY_TMPDIR": str(self.folder), "RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1",
            "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0", "RAY_worker_num_grpc_internal_threads": "1",
        }  # fmt: skip

    def kill(self, number: int) -> None:
        """SIGKILL to every process of a node, as when its power fails."""
        for _ in range(5):
            pids = _marked(self.tokens[number])
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if not pids:
                return
            time.sleep(0.1)

    def stop(self) -> None:
        """End all nodes and remove what they left."""
        for number in reversed(range(len(self.tokens))):
            self.kill(number)
        for name in self._spaces:
            _ip("netns", "del", name)
        if self._spaces:
            _ip("link", "del", self._bridge)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _ip_of(self, number: int) -> str:
        if self.parted:
            return f"10.77.{self._subnet}.{number + 1}"
        return f"127.0.{self._subnet}.{number + 1}"

    def _space(self, number: int, where: str) -> list[str]:
        """A network of its own for a node but the head, over a bridge that is the head's."""
        if not self.parted:
            return []
        if number == 0:
            _ip("link", "add", self._bridge, "type", "bridge")
            _ip("addr", "add", f"{where}/24", "dev", self._bridge)
            _ip("link", "set", self._bridge, "up")
            self._spaces = []
            return []
        name, outer = f"{self._bridge}-{number}", f"{self._bridge}v{number}"
        self._spaces.append(name)
        _ip("netns", "add", name)
        _ip("link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("link", "set", outer, "master", self._bridge, "up")
        within = ["netns", "exec", name, "ip"]
        _ip(*within, "addr", "add", f"{where}/24", "dev", "eth0")
        _ip(*within, "link", "set", "eth0", "up")
        _ip(*within, "link", "set", "lo", "up")
        return ["ip", "netns", "exec", name]

    def _curtain(self) -> list[str]:
        if not self.hidden:
            return []
        hides = " && ".join(f"mount -t tmpfs none '{folder}'" for folder in self.hidden)
        return [
            "unshare",
            "-m",
            "--propagation",
            "private",
            "sh",
            "-c",
            f'{hides} && exec "$@"',
            "sh",
        ]


def _ip(*words: str) -> int:
    return subprocess.run(["ip", *words], capture_output=True).returncode


def _ports(count: int) -> list[int]:
    """Free ports below those that Ray gives its workers."""
    found: list[int] = []
    while len(found) < count:
        port = 6400 + secrets.randbelow(3000)
        with contextlib.suppress(OSError), socket.socket() as one:
            one.bind(("", port))
            found.append(port)
    return found


def _marked(token: str) -> list[int]:
    sought, found = f"{MARK}={token}".encode(), []
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            with contextlib.suppress(OSError):
                environment = Path(f"/proc/{entry}/environ").read_bytes()
                if sought in environment.split(b"\0"):
                    found.append(int(entry))
    return found

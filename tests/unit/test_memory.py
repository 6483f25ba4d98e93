"""What the machine says of its memory, read from folders that stand for /proc and /sys."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from core import memory
from core.memory import Gpu, Memory, in_bytes, oom_kills, ram, was_killed
from core.runs import RunStore, Status
from tests.conftest import small

GB, MB = 10**9, 10**6


def machine(root: Path, cgroup: str = "", total: int = 8 * GB, free: int = 6 * GB) -> Path:
    """A machine's /proc."""
    (root / "proc/self").mkdir(parents=True)
    kilo = f"MemTotal: {total // 1024} kB\nMemFree: 5 kB\nMemAvailable: {free // 1024} kB\n"
    (root / "proc/meminfo").write_text(kilo)
    (root / "proc/self/cgroup").write_text(cgroup)
    (root / "proc/vmstat").write_text("nr_free_pages 7\noom_kill 3\n")
    return root


def group(folder: Path, **files: object) -> Path:
    """A control group whose files these are, dots as double underscores."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".", 1)).write_text(f"{text}\n")
    return folder


def about(found: Memory | None) -> tuple[int, int]:
    """In whole megabytes, since /proc counts in kB."""
    assert found is not None
    return found.total // MB, found.free // MB


def test_without_control_groups_the_machine_counts(tmp_path: Path) -> None:
    assert about(ram(machine(tmp_path))) == (8000, 6000)
    assert ram(tmp_path / "nothing") is None


def test_a_group_of_version_2_with_files_that_the_kernel_gives_up(tmp_path: Path) -> None:
    root = machine(tmp_path, "0::/user.slice/mine\n")
    top = root / "sys/fs/cgroup"
    stat = f"anon 5\ninactive_file {500 * MB}\nactive_file {200 * MB}\nslab_reclaimable {100 * MB}"
    group(top / "user.slice/mine", memory__max="max", memory__high="max", memory__current=GB)
    assert about(ram(root)) == (8000, 6000)
    used = {"memory__current": 1500 * MB, "memory__stat": stat}
    group(top / "user.slice/mine", memory__max=2 * GB, **used)
    assert about(ram(root)) == (2000, 1300)
    group(top / "user.slice/mine", memory__high=1600 * MB)
    assert about(ram(root)) == (1600, 900)
    # A group around it has less: its limit holds too.
    group(top / "user.slice", memory__max=GB, memory__current=950 * MB)
    assert about(ram(root)) == (1000, 50)


def test_in_a_container_the_group_is_the_top(tmp_path: Path) -> None:
    root = machine(tmp_path, "0::/docker/of-the-host\n")
    group(root / "sys/fs/cgroup", memory__max=GB, memory__current=MB)
    assert about(ram(root)) == (1000, 999)


def test_a_group_of_version_1(tmp_path: Path) -> None:
    root = machine(tmp_path, "5:cpu:/x\n4:hugetlb,memory:/jobs/one\n0::/\n")
    one = root / "sys/fs/cgroup/memory/jobs/one"
    stat = f"total_inactive_file {300 * MB}\ntotal_active_file {100 * MB}"
    usage = {"memory__usage_in_bytes": 900 * MB, "memory__stat": stat}
    group(one, memory__limit_in_bytes=9223372036854771712, **usage)
    assert about(ram(root)) == (8000, 6000)
    group(one, memory__limit_in_bytes=GB)
    assert about(ram(root)) == (1000, 500)
    group(one, memory__oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 2")
    assert list(oom_kills(root).values()) == [2, 3]


def test_the_counters_of_the_kernel(tmp_path: Path) -> None:
    root = machine(tmp_path, "0::/mine\n")
    assert list(oom_kills(root).values()) == [3]  # of the machine alone
    mine = group(root / "sys/fs/cgroup/mine", memory__events="low 0\noom 4\noom_kill 1")
    counted = oom_kills(root)
    assert counted == {str(mine / "memory.events"): 1, str(root / "proc/vmstat"): 3}
    now = time.time()
    assert not was_killed(os.getpid(), counted, now)
    (root / "proc/vmstat").write_text("oom_kill 9\n")
    assert not was_killed(os.getpid(), counted, now)  # in another group
    group(mine, memory__events="oom_kill 2")
    assert was_killed(os.getpid(), counted, now)
    (mine / "memory.events").unlink()  # the group went with its process
    assert was_killed(os.getpid(), counted, now)
    assert not was_killed(None, {}, now)


def test_the_kernels_log_names_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    records = [
        b"6,339,5140900,-;eth0: link up",
        b"3,340,5150900,-;Out of memory: Killed process 4242 (python) total-vm:1kB, anon-rss:1kB",
        b"3,341,5160900,c;Memory cgroup out of memory: Killed process 17 (python), UID 0",
    ]
    monkeypatch.setattr(memory, "_records", lambda path: iter(records))
    booted = time.time() - time.monotonic()
    assert was_killed(4242, {}, booted + 4)
    assert was_killed(17, {}, booted + 4)
    assert not was_killed(18, {}, booted + 4)
    assert not was_killed(4242, {}, booted + 60)  # another one that had the number before


def test_what_nvidia_smi_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(
        "#!/bin/sh\ncase $1 in\n"
        "--query-gpu=*) echo '0, GPU-aa, 80000, 70000'; echo '1, GPU-bb, 40000, 39000';;\n"
        "*) echo 'GPU-aa, 12, 900'; echo 'GPU-bb, 13, [N/A]'; echo 'GPU-bb, 14, 100';;\nesac\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    mebi = memory.MEBI
    first = Gpu(Memory(80000 * mebi, 70000 * mebi), {12: 900 * mebi})
    second = Gpu(Memory(40000 * mebi, 39000 * mebi), {14: 100 * mebi})
    for visible, found in ((None, first), ("1,0", second), ("GPU-bb", second), ("", None)):
        assert memory._asked(visible) == found, visible
    program.write_text("#!/bin/sh\nexit 9\n")  # a driver that does not answer
    assert memory._asked(None) is None


def test_an_answer_of_nvidia_smi_that_is_not_new_is_given_while_another_is_fetched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, asked = [1000.0], threading.Event()
    answers = iter([Gpu(Memory(9, 8), {}), Gpu(Memory(9, 7), {}), Gpu(Memory(9, 6), {})])

    def answer(visible: str | None) -> Gpu:
        asked.set()
        return next(answers)

    monkeypatch.setattr(memory, "_ANSWERS", {})
    monkeypatch.setattr(memory, "_asked", answer)
    monkeypatch.setattr(memory.time, "monotonic", lambda: now[0])

    def free() -> int:
        found = memory.gpu()
        assert found is not None
        return found.memory.free

    assert [free(), free()] == [8, 8]
    asked.clear()
    now[0] += memory.GPU_SECONDS + 1
    assert free() == 8
    assert asked.wait(60)
    with memory._ASKING:
        assert free() == 7
    now[0] += memory.OLD_SECONDS + 1
    assert free() == 6  # nobody has looked for long


def test_sizes_in_words() -> None:
    assert [in_bytes(n) for n in (999, 9.8e6, 13.2e12, 5e15)] == [
        *("999 B", "9.8 MB", "13.2 TB", "5,000 TB")
    ]


V1 = Path("/sys/fs/cgroup/memory")
V2 = Path("/sys/fs/cgroup")
EATER = """
import os, sys, time
from pathlib import Path
from core import memory
from core.runs import RunStore, Status
run = RunStore(sys.argv[1]).open(sys.argv[2])
lock = run.lock()
lock.acquire()
Path(sys.argv[3], "cgroup.procs").write_text(str(os.getpid()))
state = Status(state="running", step=7, pid=os.getpid(), oom_kills=memory.oom_kills())
run.write_status(state)
held = []
while True:
    held.append(bytearray(os.urandom(1 << 20) * 8))
"""


def own_group(limit: int) -> Path:
    """A real control group; skips the test where none can be made."""
    for top, name in ((V1, "memory.limit_in_bytes"), (V2, "memory.max")):
        folder = top / f"addnorm-test-{os.getpid()}"
        try:
            folder.mkdir()
            (folder / name).write_text(str(limit))
        except OSError:
            if folder.is_dir():
                folder.rmdir()
            continue
        return folder
    pytest.skip("no control group can be made here")


def test_a_process_that_the_kernel_really_kills(store: RunStore) -> None:
    run = store.create(small())
    folder = own_group(96 * MB)
    try:
        asked = [sys.executable, "-c", EATER, str(store.root), run.id, str(folder)]
        ended = subprocess.run(asked, capture_output=True, text=True)
        assert ended.returncode == -9, ended.stderr
        assert run.status == "out_of_memory"
        assert "the kernel killed its process for want of memory" in run.record.message
    finally:
        for _ in range(100):  # until the kernel has let go of the process
            try:
                folder.rmdir()
                break
            except OSError:
                time.sleep(0.05)
    # Its group and what counted are gone; what was noticed stays.
    assert Status.read(run.path / "status.json").state == "out_of_memory"

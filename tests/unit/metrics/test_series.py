"""Metrics on disk: appended, read while they grow, damaged, resumed, thinned."""

import errno
import os
import resource
import signal
from pathlib import Path

import numpy as np
import polars
import pyarrow as pa
import pytest

from core.metrics.downsample import thin, thinned
from core.metrics.header import header_of
from core.metrics.limits import CHART_POINTS, POINTS, points_for
from core.metrics.reader import Cursor, Reader, Rows, Segments
from core.metrics.segment import SegmentFile, read_schema
from core.metrics.writer import SeriesWriter


def rows(first: int, last: int, layers: int = 3) -> dict[str, np.ndarray]:
    steps = np.arange(first, last)
    return {
        "step": steps,
        "seconds": steps / 10,
        "loss": steps * 1.0,
        "norm": np.repeat(steps[:, None], layers, 1),
    }


def write(folder: Path, segment: int, first: int, last: int, flush: int = 8) -> SeriesWriter:
    writer = SeriesWriter(folder, "step", segment)
    for start in range(first, last, flush):
        writer.write(rows(start, min(start + flush, last)))
    return writer


def read(folder: Path, *names: str) -> Rows:
    return Segments(folder).read("step", names)


def test_incremental_reading_equals_one_read(tmp_path: Path) -> None:
    writer = SeriesWriter(tmp_path, "step", 0)
    reader, seen = Reader(Segments(tmp_path), "step", ["loss"]), []
    for start in range(0, 200, 8):
        writer.write(rows(start, start + 8))
        found = reader.read()
        assert found is not None
        seen += found.steps.tolist()
    assert seen == list(range(200))
    writer.close()  # compaction replaces the file under the reader
    assert reader.read() is None
    whole = read(tmp_path, "loss", "norm")
    np.testing.assert_array_equal(whole.columns["loss"], np.arange(200.0))
    assert whole.columns["norm"].shape == (200, 3)


def test_a_later_segment_wins_from_its_first_step(tmp_path: Path) -> None:
    write(tmp_path, 0, 0, 50).close()
    reader = Reader(Segments(tmp_path), "step", ["loss"])
    first = reader.read()
    assert first is not None
    assert first.steps.tolist() == list(range(50))
    assert reader.cursor == Cursor(0, 50)
    write(tmp_path, 1, 40, 60)
    again = reader.read()
    assert again is not None
    assert again.anew, "the rows from step 40 on are void"
    assert reader.firsts[1] == 40
    assert again.steps.tolist() == list(range(60))
    assert reader.cursor == Cursor(1, 20)
    assert read(tmp_path, "loss").steps.tolist() == list(range(60))


def test_a_torn_reader_keeps_what_was_flushed(tmp_path: Path) -> None:
    path = write(tmp_path, 0, 0, 32).path
    whole = path.read_bytes()
    for cut in (1, 20, 200):
        path.write_bytes(whole[:-cut])
        assert read(tmp_path, "loss").steps.tolist() == list(range(24))
    path.write_bytes(whole[:100])  # torn within the header
    assert len(read(tmp_path, "loss").steps) == 0


def flip(path: Path, value: float) -> None:
    """One bit of the row of the steps 16 to 23 that has this value."""
    data = bytearray(path.read_bytes())
    at = data.index(np.float32(value).tobytes(), data.index(np.arange(16, 24).tobytes()))
    data[at] ^= 1
    path.write_bytes(data)


def test_a_flipped_bit_costs_the_rows_of_its_flush_and_no_others(tmp_path: Path) -> None:
    path = write(tmp_path, 0, 0, 32).path
    flip(path, 17)
    found = read(tmp_path, "loss", "norm")
    assert found.steps.tolist() == [*range(16), *range(24, 32)]
    reader = Reader(Segments(tmp_path), "step", ["loss"])
    again = reader.read()
    assert again is not None
    assert again.steps.tolist() == found.steps.tolist()
    assert reader.read() is None


@pytest.mark.parametrize("at", [0, 4, 8, 20, 64])
def test_what_can_not_be_read_in_the_middle_ends_at_the_next_whole_batch(
    tmp_path: Path, at: int
) -> None:
    """Wherever in a message the damage is: its length, its description, its numbers."""
    writer = write(tmp_path, 0, 0, 16)
    begin = writer.path.stat().st_size
    reader = Reader(Segments(tmp_path), "step", ["loss"])
    first = reader.read()
    assert first is not None
    for start in (16, 24, 32):
        writer.write(rows(start, start + 8))
    content = bytearray(writer.path.read_bytes())
    content[begin + at : begin + at + 4] = b"\xab\xcd\xef\x7f"
    writer.path.write_bytes(content)
    found = read(tmp_path, "loss")
    assert found.steps.tolist() == [*range(16), *range(24, 40)]
    later = reader.read()
    assert later is not None
    assert [*first.steps.tolist(), *later.steps.tolist()] == found.steps.tolist()
    content = writer.path.read_bytes()
    writer.close()
    assert writer.path.read_bytes().startswith(content), "what is damaged is not made anew"
    assert read(tmp_path, "loss").steps.tolist() == found.steps.tolist()


@pytest.mark.parametrize("left", [0, 100, 1000, 2000, 2600, 3000, 3240])
def test_a_file_that_is_cut_while_it_grows_goes_on(tmp_path: Path, left: int) -> None:
    writer = write(tmp_path, 0, 0, 32)
    reader = Reader(Segments(tmp_path), "step", ["loss"])
    assert reader.read() is not None
    os.truncate(writer.path, left)
    writer.write(rows(32, 40))
    found = read(tmp_path, "loss").steps.tolist()
    assert found[-8:] == list(range(32, 40))
    again = reader.read()
    assert again is not None
    assert again.steps.tolist()[-8:] == list(range(32, 40))


@pytest.mark.parametrize("instead", ["nothing", "a folder", "a file", "a link"])
def test_a_file_that_is_taken_away_while_it_grows_is_brought_back(
    tmp_path: Path, instead: str
) -> None:
    writer = write(tmp_path, 0, 0, 16)
    writer.path.unlink()
    if instead == "a folder":
        writer.path.mkdir()
    elif instead == "a file":
        writer.path.write_text("something else")
    elif instead == "a link":
        writer.path.symlink_to(tmp_path / "nowhere")
    writer.write(rows(16, 24))
    assert read(tmp_path, "loss").steps.tolist() == list(range(24))
    writer.path.unlink() if instead != "nothing" else None
    writer.close()
    assert read(tmp_path, "loss").steps.tolist() == list(range(24))


def test_a_file_system_that_maps_nothing_into_memory_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: str) -> None:
        raise OSError(19, "No such device")

    write(tmp_path, 0, 0, 16).close()
    monkeypatch.setattr(pa, "memory_map", refused)
    assert read(tmp_path, "loss").steps.tolist() == list(range(16))


def test_other_programs_read_it(tmp_path: Path) -> None:
    writer = write(tmp_path, 0, 0, 20)
    writer.close()
    with pa.ipc.open_stream(writer.path) as stream:
        frame = stream.read_pandas()
    assert frame["loss"].tolist() == list(range(20))
    assert polars.read_ipc_stream(writer.path)["step"].to_list() == list(range(20))


def test_a_full_disk_loses_nothing_written(tmp_path: Path) -> None:
    writer = write(tmp_path, 0, 0, 16)
    before, limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = writer.path.stat().st_size
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, limit))  # a part of the batch fits
    try:
        for _ in range(2):
            with pytest.raises(OSError, match="large"):
                writer.write(rows(16, 24))
            assert writer.path.stat().st_size == size
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, limit))
    assert read(tmp_path, "loss").steps.tolist() == list(range(16))
    writer.write(rows(16, 24))
    assert read(tmp_path, "loss").steps.tolist() == list(range(24))
    writer.close()
    assert read(tmp_path, "loss").steps.tolist() == list(range(24))


def test_missing_columns_are_nan(tmp_path: Path) -> None:
    write(tmp_path, 0, 0, 10)
    found = read(tmp_path, "loss", "unknown")
    assert np.isnan(found.columns["unknown"]).all()


@pytest.mark.parametrize("count", [1, 999, 2000, 2001, 100_000])
def test_buckets_keep_every_spike_and_stay_within_the_limit(count: int) -> None:
    random = np.random.default_rng(count)
    values = random.normal(size=count).astype(np.float32)
    spikes = random.choice(count, size=min(count, 20), replace=False)
    values[spikes] = np.where(np.arange(len(spikes)) % 2, 100, -100)
    steps, fewer = thinned(np.arange(count), values, 2000)
    size = max(2 ** int(np.ceil(np.log2(count / 1000))), 1)
    assert len(steps) <= 2000
    assert (np.diff(steps) > 0).all()
    np.testing.assert_array_equal(fewer, values[steps])
    assert fewer.max() == values.max()
    assert fewer.min() == values.min()
    for spike in spikes:  # a spike may share a bucket with another of its sign
        near = fewer[np.abs(steps - spike) < size]
        assert values[spike] in near


def test_buckets_do_not_move_while_a_run_grows() -> None:
    values = np.random.default_rng(0).normal(size=4096).astype(np.float32)
    before, _ = thin(np.arange(3000), values[:3000], 16)
    after, _ = thin(np.arange(4096), values, 16)
    complete = 3000 // 16 * 16
    np.testing.assert_array_equal(before[before < complete], after[after < complete])


def test_buckets_keep_what_is_no_number() -> None:
    values = np.ones(1000, dtype=np.float32)
    values[700:] = np.nan
    steps, fewer = thin(np.arange(1000), values, 64)
    assert np.isnan(fewer[steps >= 704]).any()
    assert 700 in steps


def test_thinning_by_steps_is_the_same_in_one_go_and_in_two() -> None:
    random = np.random.default_rng(3)
    steps = np.flatnonzero(random.random(5000) < 0.7)  # some steps were not measured
    values = random.normal(size=len(steps)).astype(np.float32)
    values[random.choice(len(values), 9)] = np.nan
    once = thin(steps, values, 128)
    twice = thin(*thin(steps, values, 16), 128)
    np.testing.assert_array_equal(once[0], twice[0])
    np.testing.assert_array_equal(once[1], twice[1])
    for bucket in np.unique(steps // 128):
        rows, kept = values[steps // 128 == bucket], once[1][once[0] // 128 == bucket]
        assert np.nanmin(rows) == np.nanmin(kept)
        assert np.nanmax(rows) == np.nanmax(kept)
        assert np.isnan(rows).any() == np.isnan(kept).any()


def test_a_reader_gives_each_row_once(tmp_path: Path) -> None:
    reader, seen = Reader(Segments(tmp_path), "step", ["loss", "norm"]), []
    writer = SeriesWriter(tmp_path, "step", 0)
    for start in range(0, 80, 8):
        writer.write(rows(start, start + 8))
        found = reader.read()
        assert found is not None
        assert found.anew == (start == 0)
        assert found.columns["norm"].shape == (8, 3)
        seen += found.steps.tolist()
    assert reader.read() is None
    writer.close()  # compaction replaces the file and adds nothing
    assert reader.read() is None
    assert seen == list(range(80))
    write(tmp_path, 1, 60, 70)
    found = reader.read()
    assert found is not None
    assert found.anew
    assert found.steps.tolist() == list(range(70))
    assert reader.firsts == {0: 0, 1: 60}
    assert Reader(Segments(tmp_path / "gone"), "step", ["loss"]).read() is None


def test_names_need_no_rows(tmp_path: Path) -> None:
    write(tmp_path, 0, 0, 32).close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reader, "read", lambda _: pytest.fail("rows were read"))
        assert Segments(tmp_path).widths("step") == {"loss": 0, "norm": 3}


def test_a_thinned_profile_stands_at_steps_that_were_measured() -> None:
    steps = np.arange(7, 5000, 10)
    kept, fewer = thinned(steps, np.repeat(steps[:, None] * 1.0, 3, 1), 40)
    assert len(kept) <= 40
    assert set(kept.tolist()) <= set(steps.tolist())
    assert fewer.max() == steps.max()


def test_whatever_number_of_lines_keeps_within_the_points_of_a_chart() -> None:
    for lines in (1, 2, 73, 74, 250, 1000):
        assert lines * points_for(lines) <= max(CHART_POINTS, lines * 2)
        assert points_for(lines) & (points_for(lines) - 1) == 0
    assert points_for(1) == points_for(73) == POINTS
    assert points_for(250) == 256


def test_a_pipe_in_place_of_a_file_holds_nobody_up(tmp_path: Path) -> None:
    write(tmp_path, 0, 0, 16).close()
    os.mkfifo(tmp_path / "step-0001.arrow")
    assert read(tmp_path, "loss").steps.tolist() == list(range(16))


@pytest.mark.parametrize("ended", [True, False])
def test_no_flipped_bit_of_a_header_costs_a_row(tmp_path: Path, ended: bool) -> None:
    writer = SeriesWriter(tmp_path, "step", 0)
    for first in (0, 10, 20):
        steps = np.arange(first, first + 10)
        layers = np.arange(30, dtype=np.float32).reshape(10, 3)
        writer.write({"step": steps, "seconds": steps / 3, "loss/train": steps, "norm": layers})
    if ended:
        writer.close()
    content = writer.path.read_bytes()
    with pa.OSFile(str(writer.path)) as file:
        size = len(header_of(file))
    known = read_schema(writer.path)
    for bit in range(0, 8 * size, 5):
        harmed = bytearray(content)
        harmed[bit // 8] ^= 1 << bit % 8
        writer.path.write_bytes(harmed)
        segment = SegmentFile(writer.path)
        assert segment.changed()
        found = segment.read(["step", "norm"])
        assert read_schema(writer.path) == known, f"bit {bit}"
        assert np.concatenate(found["step"]).tolist() == list(range(30)), f"bit {bit}"
        assert np.concatenate(found["norm"]).shape == (30, 3)


def test_a_disk_that_is_full_at_the_first_flush_costs_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "no room")

    writer = SeriesWriter(tmp_path, "step", 0)
    rows = [{"step": np.arange(n, n + 5), "loss/train": np.ones(5)} for n in (0, 5)]
    with monkeypatch.context() as patched:
        patched.setattr("core.metrics.writer.append_whole", full)
        for _ in range(2):
            with pytest.raises(OSError, match="no room"):
                writer.write(rows[0])
    for one in rows:
        writer.write(one)
    segment = SegmentFile(writer.path)
    assert segment.changed()
    assert np.concatenate(segment.read(["step"])["step"]).tolist() == list(range(10))


def test_what_still_grows_is_read_without_a_memory_map(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapped: list[str] = []
    real = pa.memory_map
    monkeypatch.setattr(pa, "memory_map", lambda path: mapped.append(path) or real(path))
    writer = SeriesWriter(tmp_path, "step", 0)
    writer.write({"step": np.arange(5), "loss/train": np.ones(5)})
    for many in (0, 1):
        segment = SegmentFile(writer.path)
        assert segment.changed()
        assert segment.read(["step"])
        assert len(mapped) == many, "its writer may cut it, which would end who reads a map"
        writer.close()
        mapped.clear()

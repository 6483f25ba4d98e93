"""Attention as bytes: what the routes give is what the snapshots hold."""

import numpy as np
import pytest

from core.heads import scores as heads
from core.heads.patterns import Patterns, difference, map_npz
from core.jobs import inspections
from core.runs import RunStore
from dashboard.api.attention_bytes import thumbnails
from tests import routes
from tests.fake_runs import Faker, config


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("ADDNORM_RUNS", str(tmp_path))
    return RunStore(tmp_path)


@pytest.fixture
def client(store):
    return routes.client()


def random_pattern(layers, heads, size, seed=0, causal=True):
    scores = np.random.default_rng(seed).normal(0, 2, (layers, heads, size, size))
    if causal:
        scores = np.where(np.tril(np.ones((size, size), dtype=bool)), scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return (weights / weights.sum(-1, keepdims=True)).astype(np.float16)


def with_pattern(store, name, pattern, step=10, causal=True):
    layers, count, size, _ = pattern.shape
    flat = {"model__depth": layers, "model__heads": count, "model__width": 8 * count}
    run = store.create(config(name, model__context=size, model__causal=causal, **flat))
    Faker(run)._describe()
    run.snapshots.write(step, pattern, causal)
    return run


def floats(reply):
    shape = [int(n) for n in reply.headers["x-shape"].split(",")]
    return np.frombuffer(reply.content, "<f4").reshape(shape)


def octets(reply):
    assert reply.status_code == 200, reply.text
    shape = [int(n) for n in reply.headers["x-shape"].split(",")]
    return np.frombuffer(reply.content, np.uint8).reshape(shape)


def patches(pattern, side):
    """The largest of each patch, the slow and plain way."""
    size = pattern.shape[-1]
    patch = -(-size // side)
    n = -(-size // patch)
    cells = [pattern[..., i * patch : (i + 1) * patch, :].max(-2) for i in range(n)]
    rows = np.stack(cells, -2)
    return np.stack([rows[..., j * patch : (j + 1) * patch].max(-1) for j in range(n)], -1)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("size", [1, 31, 64, 100])
def test_thumbnails_hold_the_largest_of_each_patch(store, client, size, causal):
    pattern = random_pattern(2, 3, size, causal=causal)
    run = with_pattern(store, "a", pattern, causal=causal)
    found = octets(client.get(f"/api/attention/{run.id}/10"))
    expected = np.sqrt(patches(pattern.astype(np.float32), 32)) * 255 + 0.5
    np.testing.assert_array_equal(found, expected.astype(np.uint8))
    assert found.shape[-1] <= 32


def test_a_larger_side_is_given_while_the_reply_stays_small(store, client):
    few = with_pattern(store, "few", random_pattern(1, 2, 128))
    many = with_pattern(store, "many", random_pattern(12, 12, 128))
    assert octets(client.get(f"/api/attention/{few.id}/10?side=128")).shape[-1] == 128
    assert octets(client.get(f"/api/attention/{many.id}/10?side=128")).shape[-1] == 64


@pytest.mark.parametrize("causal", [True, False])
def test_a_head_is_exact(store, client, causal):
    pattern = random_pattern(3, 2, 50, causal=causal)
    run = with_pattern(store, "a", pattern, causal=causal)
    for layer in range(3):
        for head in range(2):
            found = floats(client.get(f"/api/attention/{run.id}/10/{layer}/{head}"))
            np.testing.assert_array_equal(found, pattern[layer, head])


def test_what_is_not_a_number_is_drawn_as_nothing():
    pattern = np.full((1, 1, 4, 4), np.nan, dtype=np.float16)
    assert not thumbnails(Patterns(pattern)).any()


@pytest.mark.parametrize("masks", [(True, True), (True, False), (False, False)])
def test_a_difference_is_signed_and_anti_symmetric(store, client, masks):
    one, other = (random_pattern(2, 2, 70, seed, causal) for seed, causal in enumerate(masks))
    a = with_pattern(store, "a", one, causal=masks[0])
    b = with_pattern(store, "b", other, 20, causal=masks[1])
    found = octets(client.get(f"/api/attention/{a.id}/10?minus={b.id}&at=20")).astype(int)
    back = octets(client.get(f"/api/attention/{b.id}/20?minus={a.id}&at=10")).astype(int)
    minus = one.astype(np.float32) - other.astype(np.float32)
    above, below = patches(minus, 32), -patches(-minus, 32)
    furthest = np.where(above >= -below, above, below)
    expected = np.sign(furthest) * np.sqrt(np.abs(furthest)) * 127 + 128.5
    np.testing.assert_array_equal(found, expected.astype(np.uint8))
    assert np.abs((found - 128) + (back - 128)).max() <= 1
    same = octets(client.get(f"/api/attention/{a.id}/10?minus={a.id}&at=10"))
    assert (same == 128).all()


def test_scores_are_those_of_the_pattern_and_its_tokens(store, client):
    pattern = random_pattern(2, 3, 64)
    run = with_pattern(store, "a", pattern)
    found = client.get(f"/api/attention/{run.id}/10/scores").json()
    expected = heads.scores(pattern, run.corpus["probe_tokens"])
    assert set(found) == {"entropy", "previous", "first", "duplicate", "matching"}
    for name, values in found.items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-4)
    rest = client.get(f"/api/attention/{run.id}/10/scores?without=sink").json()
    expected = heads.without_sink(pattern, run.corpus["probe_tokens"])
    assert set(rest) == {"rest", "entropy", "previous", "duplicate", "matching"}
    for name, values in rest.items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-3, atol=1e-6)
    refused = client.get(f"/api/attention/{run.id}/10/scores?without=row")
    assert (refused.status_code, "accepted: sink" in refused.text) == (400, True)


def test_a_snapshot_that_is_taken_anew_has_another_stamp(store, client):
    run = with_pattern(store, "a", random_pattern(1, 1, 20))
    before = client.get(f"/api/attention/{run.id}").json()
    octets(client.get(f"/api/attention/{run.id}/10"))
    other = random_pattern(1, 1, 20, seed=5)
    run.snapshots.write(10, other)
    after = client.get(f"/api/attention/{run.id}").json()
    assert before["steps"] == after["steps"] == [10]
    assert before["stamps"] != after["stamps"]
    found = octets(client.get(f"/api/attention/{run.id}/10"))
    np.testing.assert_array_equal(found, thumbnails(Patterns(other)))


def answered(run, pattern, text="First"):
    """A question about an own text as the inspector answers it."""
    (run.path / "checkpoints").mkdir(exist_ok=True)
    (run.path / "checkpoints" / "step-000000010.json").write_text("{}")
    asked = inspections.prepare(run, "attention", 10, {"text": text})
    asked.write(inspections.Record("working"))
    np.savez(asked.folder / "arrays.npz", pattern=pattern)
    (asked.folder / "result.json").write_text('{"tokens": ["a"], "ids": [0, 1, 2, 0, 1]}')
    asked.write(inspections.Record("done", 1.0))
    return asked


def test_an_own_text_is_served_as_a_snapshot_is(store, client):
    run = with_pattern(store, "a", random_pattern(2, 2, 64))
    pattern = random_pattern(2, 2, 5, seed=3)
    asked = answered(run, pattern)
    found = octets(client.get(f"/api/attention/{run.id}/text-{asked.id}"))
    np.testing.assert_array_equal(found, thumbnails(Patterns(pattern)))
    head = floats(client.get(f"/api/attention/{run.id}/text-{asked.id}/1/0"))
    np.testing.assert_array_equal(head, pattern[1, 0])
    scores = client.get(f"/api/attention/{run.id}/text-{asked.id}/scores").json()
    np.testing.assert_allclose(
        scores["duplicate"], heads.scores(pattern, [0, 1, 2, 0, 1])["duplicate"], rtol=1e-4
    )
    (asked.folder / "arrays.npz").unlink()
    assert "to show yet" in client.get(f"/api/attention/{run.id}/text-{asked.id}").text


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_one_array_of_an_archive(tmp_path, save):
    wanted = random_pattern(2, 2, 9)
    save(tmp_path / "x.npz", other=np.arange(5), pattern=wanted)
    np.testing.assert_array_equal(map_npz(tmp_path / "x.npz", "pattern"), wanted)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("{run}/11", "nearest is 10"),
        ("{run}/10/2/0", "2 layers of 2 heads"),
        ("{run}/10/0/9", "2 layers of 2 heads"),
        ("{run}/ten", "is not a step"),
        ("{run}/text-..", "inspection"),
        ("{run}/text-0123456789abcdef", "inspection"),
        ("nobody/10", "no run nobody"),
        ("{run}/10?minus=nobody&at=10", "no run nobody"),
        ("{run}/10?minus={run}", "is not a step"),
        ("{run}/10?minus={other}&at=10", "no difference"),
        ("{run}/10?side=large", "whole number"),
    ],
)
def test_errors_are_sentences(store, client, path, says):
    run = with_pattern(store, "a", random_pattern(2, 2, 20))
    other = with_pattern(store, "b", random_pattern(1, 2, 20))
    reply = client.get("/api/attention/" + path.format(run=run.id, other=other.id))
    assert reply.status_code in (400, 404)
    assert says in reply.json()["error"]


def test_a_damaged_snapshot_is_said(store, client):
    run = with_pattern(store, "a", random_pattern(1, 1, 20))
    run.snapshots.path(10).write_bytes(b"half")
    reply = client.get(f"/api/attention/{run.id}/10")
    assert reply.status_code == 404
    assert "can't be read" in reply.json()["error"]


def test_shapes_that_differ_have_no_difference():
    with pytest.raises(ValueError, match="no difference"):
        difference(Patterns(random_pattern(1, 1, 4)), Patterns(random_pattern(1, 2, 4)), 32)

"""Which trained: axes, cells, what is averaged, colours that can be read, the live count."""

import pytest

from core import grids
from core.catalogue import index
from core.jobs import grids as jobs
from core.palette import COLOURS, LEARNED, contrast
from core.runs import RunStore
from dashboard import api
from dashboard.compare import matrix
from tests import routes
from tests.conftest import small
from tests.fake_runs import finished

DEEP = {"probes__every": 0}


def trained(store, fate, depth, placement="pre", seed=0, **meta):
    return finished(
        store,
        f"{placement} {depth} {seed}",
        fate,
        steps=160,  # fewer are too early to judge
        model__depth=depth,
        model__placement=placement,
        training__seed=seed,
        **DEEP,
    )


@pytest.fixture
def entries(store: RunStore):
    for depth in (12, 4):
        for seed in (0, 1):
            trained(store, "lives", depth, "pre", seed)
            trained(store, "diverges" if depth == 12 else "plateau", depth, "post", seed)
    return index.entries(store)


def test_axes_are_what_differs_with_values_in_their_own_order(entries):
    found = matrix.axes(entries)
    assert found == {
        "model.placement": ["pre", "post"],
        "model.depth": [4, 12],
        "training.seed": [0, 1],
    }
    assert list(found)[-1] == "training.seed"
    assert list(matrix.axes(entries, ["model.depth", "model.width"])) == ["model.depth"]
    assert matrix.default_axes(found) == ("model.placement", "model.depth")
    assert matrix.default_axes({"model.depth": [1, 2]}) == ("model.depth", None)
    assert matrix.default_axes({"training.seed": [1, 2]}) == ("training.seed", None)
    quiet = {"probes.budget": [1, 2, 3], "training.devices": [1, 2]}
    assert matrix.default_axes({"model.depth": [1, 2], **quiet}) == ("model.depth", None)
    assert matrix.default_axes({"training.seed": [1, 2], **quiet}) == ("training.seed", None)
    assert matrix.default_axes({"probes.budget": [1, 2]}) == ("probes.budget", None)
    words = {"model.residual": ["on", "off"], "model.norm": ["layer", "rms", "none"]}
    assert matrix.default_axes(words) == ("model.norm", "model.residual")


def test_every_run_is_in_one_cell_and_no_other(entries):
    found = matrix.axes(entries)
    table = matrix.cells(
        entries, ("model.placement", ["pre", "post"]), ("model.depth", found["model.depth"])
    )
    assert sorted(i for row in table for cell in row for i in cell["runs"]) == list(range(8))
    for r, placement in enumerate(("pre", "post")):
        for c, depth in enumerate((4, 12)):
            flats = [entries[i].flat for i in table[r][c]["runs"]]
            assert len(flats) == 2
            assert {(f["model.placement"], f["model.depth"]) for f in flats} == {(placement, depth)}
    column = matrix.cells(entries, ("model.depth", [4, 12]), (None, [""]))
    assert [len(row[0]["runs"]) for row in column] == [4, 4]


def test_an_impossible_cell_says_why_unless_it_has_runs(entries):
    down, across = ("model.placement", ["pre", "post"]), ("model.depth", [4, 99])
    cells = [
        {"values": {"model.placement": "pre", "model.depth": 99}, "reason": "too deep"},
        {"values": {"model.placement": "pre", "model.depth": 4}, "reason": "never said"},
        {"values": {"model.placement": "mix", "model.depth": 4}, "reason": "not shown"},
    ]
    table = matrix.cells(entries, down, across, cells)
    assert [cell.get("reason") for row in table for cell in row] == [None, "too deep", None, None]


def test_what_a_run_came_to(entries):
    told = {(e.flat["model.placement"], e.flat["model.depth"]): matrix.row(e) for e in entries}
    kinds = {place: row["kind"] for place, row in told.items()}
    assert kinds == {
        ("pre", 4): "learned",
        ("pre", 12): "learned",
        ("post", 4): "plateau",
        ("post", 12): "diverged",
    }
    by_id = {e.id: one.loss for e, one in zip(entries, matrix.outcomes(entries), strict=True)}
    assert by_id[told["post", 12]["id"]] is None
    entry = next(e for e in entries if e.flat["model.placement"] == "pre")
    assert by_id[entry.id] == entry.summary.validation
    assert matrix.title(entries) == "Which trained? 4 of 8"


def test_what_waits_is_still_to_come(store):
    trained(store, "lives", 4)
    store.create(small())
    found = index.entries(store)
    assert matrix.title(found) == "Which trained? 1 of 1, 1 to go"
    assert matrix.title(found[:1]) == "Which trained? 1 to go"
    assert matrix.row(found[0])["kind"] == "live"


def test_what_a_paused_grid_holds_back_is_paused(store):
    run = store.create(small())
    found = index.entries(store)
    assert [one.state for one in matrix.outcomes(found)] == ["queued"]
    assert [one.state for one in matrix.outcomes(found, {run.id})] == ["paused"]


def test_a_stopped_run_is_not_counted_as_trained(store):
    run = trained(store, "lives", 4)
    run.write_status(run.record.model_copy(update={"state": "stopped"}))
    [entry] = index.entries(store)
    assert matrix.kind(entry) == "stopped"
    assert matrix.title([entry]) == "Which trained? 0 of 1"


def test_words_of_axes():
    assert matrix.label("model.depth", 1) == "1 layer"
    assert matrix.label("model.depth", 12) == "12 layers"
    assert matrix.label("optimizer.learning_rate", 0.0005) == "0.0005"
    assert matrix.label("model.tie_embeddings", True) == "on"
    found = {"model.depth": [1, 2], "model.norm": ["layer", "rms"], "training.seed": [0, 1, 2]}
    assert (
        matrix.subtitle(found, "model.norm", "model.depth") == "norm by depth · mean over seed (3)"
    )
    assert matrix.subtitle({"model.depth": [1, 2]}, "model.depth", None) == "depth"


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_numbers_on_the_cells_can_be_read(mode):
    colours = COLOURS[mode]
    pale, deep = ([int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in LEARNED[mode])
    for tenth in range(11):
        mixed = [round(a + (b - a) * tenth / 10) for a, b in zip(pale, deep, strict=True)]
        assert contrast("#" + "".join(f"{v:02x}" for v in mixed), colours["ink"]) >= 4.5
    assert contrast(colours["dead"], colours["warning_text"]) >= 4.5
    assert contrast(colours["sidebar"], colours["muted"]) >= 4.5  # what waits or trains


def test_the_live_reply_tells_of_a_grid_at_work(store, monkeypatch):
    monkeypatch.setattr("core.jobs.launcher.revive", lambda store: None)
    client = routes.client()

    monkeypatch.setattr(api.live, "COUNT_EVERY", 1e-9)

    def counts():
        return client.get("/api/live").json()["counts"]

    assert counts() == {"training": 0, "paused": 0, "waiting": 0}
    id = jobs.start(store, grids.grid("Depths", small(), {"model.depth": [1, 2, 3]}))
    store.create(small())
    [told] = counts()["grids"]
    assert (told["id"], told["name"], told["total"]) == (id, "Depths", 3)
    assert (told["done"], told["waiting"], told["seconds_left"]) == (0, 3, None)
    jobs.cancel(store, id)
    assert "grids" not in counts()

"""Anatomy without a browser: operations in the address, the drawn network, the choice of runs."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.anatomy import operations as targets
from core.runs import Status
from dashboard.address.param import among, within
from dashboard.anatomy import block, choice, operations
from dashboard.anatomy.generate import beginning
from dashboard.anatomy.streams import growth
from tests.conftest import small

WIRINGS = [
    {"model__placement": "post"},
    {"model__placement": "sandwich", "model__qk_norm": "head"},
    {"model__placement": "hybrid"},
    {"model__placement": "normformer", "model__embedding_norm": True},
    {"model__placement": "none", "model__norm": "none", "model__residual": "attention"},
    {"model__sublayers": "feedforward"},
    {"model__residual": "off"},
]


def parts(drawn):
    """One operation for every part that the drawing shows."""
    for row in drawn["layers"]:
        layer = row["layer"]
        yield {"target": "block", "layer": layer, "action": "off"}
        if layer + 1 < len(drawn["layers"]):
            yield {"target": "block", "layer": layer, "action": "swap"}
        for sublayer in row["sublayers"]:
            part = sublayer["part"]
            yield {"target": part, "layer": layer, "action": "mean"}
            yield {"target": part, "layer": layer, "action": "scale", "scale": -0.25}
            for place in sublayer["norms"]:
                place = f"{part}.{place}"
                yield {"target": "norm", "layer": layer, "place": place, "action": "off"}
            if sublayer["residual"]:
                one = {"target": "residual", "layer": layer, "sublayer": part}
                yield {**one, "action": "scale", "scale": 2.0}
            if part == "attention":
                for head in range(row["heads"]):
                    yield {"target": "head", "layer": layer, "head": head, "action": "off"}
    for place in ("final", "embedding"):
        if drawn[place]:
            yield {"target": "norm", "place": place, "action": "off"}


@pytest.mark.parametrize("changes", WIRINGS)
def test_every_part_of_the_drawing_survives_the_address_and_exists(changes):
    model = small(**changes).model
    every = list(parts(operations.network(model)))
    assert operations.from_text(operations.to_text(every), model) == every
    assert operations.fitting(every, model) == every


@pytest.mark.parametrize("changes", WIRINGS)
def test_every_part_of_the_network_is_drawn(changes):
    model = small(**changes).model
    drawn = list(parts(operations.network(model)))
    norms = {(o.get("layer"), o["place"]) for o in drawn if o["target"] == "norm"}
    expected = {(i, p) for i in range(model.depth) for p in targets.norm_places(model, i)}
    assert norms == expected | {(None, place) for place in targets.whole_norms(model)}
    skips = {(o["layer"], o["sublayer"]) for o in drawn if o["target"] == "residual"}
    assert skips == {(i, s) for i in range(model.depth) for s in targets.skips(model, i)}


@pytest.mark.parametrize(
    "text",
    ["h0.9=off", "q1=off", "h0.1=mean=off", "n0.attention.post=off", "b1=swap", "a0=x", "🙂"],
)
def test_operations_that_can_t_be_are_refused_in_words(text):
    with pytest.raises(ValueError, match=r"operation|accepted|no "):
        operations.from_text(text, small().model)


def test_what_another_network_lacks_is_left_out():
    deep, flat = small(model__depth=4).model, small(model__depth=2).model
    chosen = operations.from_text("h3.1=off,a0=mean", deep)
    assert operations.to_text(operations.fitting(chosen, flat)) == "a0=mean"
    assert operations.fitting("nonsense", flat) == []


def run_with(store, name, state="finished", checkpoints=(10,), **changes):
    run = store.create(small(**changes), name)
    run.write_status(Status(state=state, step=10, steps=30))
    for step in checkpoints:
        (run.path / "checkpoints" / f"step-{step:09d}.json").write_text("{}")
    return run


def test_the_newest_finished_transformer_with_weights_comes_first(store):
    old = run_with(store, "old")
    wanted = run_with(store, "wanted")
    run_with(store, "without", checkpoints=())
    run_with(store, "stopped", state="stopped")
    newest_first = store.list()[::-1]
    assert choice.first_choice(newest_first) == wanted.id
    store.delete(wanted.id)
    assert choice.first_choice(store.list()[::-1]) == old.id
    for run in store.list():
        if run.name != "without":
            store.delete(run.id)
    assert store.open(choice.first_choice(store.list()[::-1])).name == "without"


def test_what_the_page_can_t_look_into_is_said(store):
    assert choice.cannot(run_with(store, "good")) == ""
    waits = choice.cannot(run_with(store, "young", state="queued", checkpoints=()))
    assert "step 10" in waits
    assert "Checkpoint every" in waits
    assert "Resume" in choice.cannot(run_with(store, "dead", state="stopped", checkpoints=()))
    digits = {
        "model__family": "mlp",
        "model__heads": 4,
        "data__corpus": "digits",
        "model__context": 64,
    }
    assert "is an MLP" in choice.cannot(run_with(store, "digits", **digits))


def test_a_run_before_its_first_checkpoint_is_waited_for_and_no_error(store):
    run = run_with(store, "young", state="queued", checkpoints=())
    page = Path(__file__).resolve().parents[3] / "dashboard" / "app_pages" / "anatomy.py"
    at = AppTest.from_file(page, default_timeout=120).run()
    said = "".join(one.proto.body for one in at.get("html"))
    assert "young can be looked into from step 10 on" in said
    assert "It waits for its turn" in said
    assert 'class="problem"' not in said
    run.write_status(Status(state="running", step=4, steps=30, seconds_left=52))
    worker = run.lock()
    assert worker.acquire()
    assert "at step 4, about 12 s away" in choice.until_checkpoint(run)[1]
    run.write_status(Status(state="paused", step=4, steps=30))
    assert "paused at step 4" in choice.until_checkpoint(run)[1]
    worker.release()
    run.write_status(Status(state="stopped", step=4, steps=30))
    assert not choice.waits(run)
    seldom = run_with(store, "seldom", "queued", (), training__checkpoint_every=0)
    assert "from step 30 on" in choice.until_checkpoint(seldom)[0]


def test_two_wirings_of_one_block_are_named_and_say_where_they_differ(store):
    run = run_with(store, "mixed", model__placement="mix", model__depth=4)
    model = run.config.model
    title, found = block.lane(model, 0, 0)
    assert title == "post-LN"  # as Mix-LN's first quarter is
    assert block.lane(model, 1, 0)[0] == "pre-LN"
    sent = block.shown(title, found)["steps"]
    assert [one["key"] for one in sent][:3] == ["x", "attn_q", "attn_k"]
    assert [["norm", "LN("], ["", " S "], ["norm", ")"]] in [one["equation"][1:] for one in sent]
    assert any(kind == "add" for one in sent for kind, _ in one["equation"])
    assert "trained: γ, β" in next(o["where"] for o in sent if o["key"] == "attn_leaves")
    assert block.lacks(run, model, 3, 0) == ""
    assert "mixed has no layer 5; it has 4." in block.lacks(run, model, 4, 0)
    assert "has no head 3; it has 2 a layer." in block.lacks(run, model, 0, 2)


def test_values_of_an_address_are_kept_within_their_limits():
    assert within(float, 0, 2)("0.5") == 0.5
    assert within(int, 0, 10)("7") == 7
    for text, kind in (("x", int), ("3.5", int), ("11", int), ("nan", float), ("-1", float)):
        with pytest.raises(ValueError, match="accepted: a"):
            within(kind, 0, 10)(text)
    with pytest.raises(ValueError, match="lens"):
        among(["lens"])("x")


def test_a_prompt_begins_with_the_first_line_that_says_something(store, monkeypatch):
    run = run_with(store, "one")
    assert beginning(run) == "\n"
    monkeypatch.setattr(
        type(run), "corpus", {"probe_text": "?\n\nFirst Citizen: Before we proceed"}
    )
    assert beginning(run) == "First Citizen: Before we"


def test_titles_say_what_the_numbers_say():
    def result(*rms):
        places = ["embed", *(f"blocks.{i}.resid_post" for i in range(len(rms) - 1))]
        return {"places": places, "rms": list(rms)}

    assert growth([("one", 0, result(1.0, 2.0, 5.0))]) == "The stream grows 5 ×"
    both = growth([("one", 0, result(1.0, 1.1)), ("two", 1, result(1.0, 0.25))])
    assert both == "The stream: A keeps its size, B shrinks to 0.25 ×"

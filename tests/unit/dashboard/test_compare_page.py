"""What Compare is made of: listing, groups, the address, rows, differences."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace

import pytest

from core.catalogue import comparable
from core.catalogue import entry as catalogue_entry
from core.catalogue import index as catalogue
from core.config.overrides import Switch
from core.files import write_json
from core.metrics.derived import BITS_PER_BYTE
from core.runs import Run, RunStore
from dashboard.catalogue import run_names
from dashboard.compare import address, differences, groups, listing, matrix, outcomes, rows
from dashboard.compare.address import Choice
from tests.fake_runs import finished


@pytest.fixture
def entries(store: RunStore) -> list[catalogue.Entry]:
    """Newest first: a deep one, a dead pair of seeds, a living pair of seeds."""
    for name, fate, placement in (("lives", "lives", "pre"), ("dies", "plateau", "post")):
        for seed in (0, 1):
            finished(
                store, name, fate, 160, model__placement=placement, training__seed=seed,
                training__evaluate_every=80,
            )  # fmt: skip
    finished(store, "deep", steps=160, model__depth=12, training__evaluate_every=80)
    return catalogue.entries(store)


def names(entries: list[catalogue.Entry]) -> list[str]:
    return [entry.name for entry in entries]


# The listing


def test_entries_are_as_the_store_has_them(store: RunStore, entries: list) -> None:
    assert names(entries) == ["deep", "dies", "dies", "lives", "lives"]
    for entry in entries:
        run = store.open(entry.id)
        assert dict(entry.flat) == run.config.flat()
        assert list(entry.flat) == list(run.config.flat())
        assert entry.tokens_per_step == run.config.tokens_per_step
        assert entry.layers == run.config.model.blocks
        assert entry.summary.validation == pytest.approx(
            float(run.series("loss/validation")[1][-1])
        )


def test_a_known_run_is_not_read_again(store: RunStore, entries: list, monkeypatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("an unchanged run was read")

    monkeypatch.setattr(catalogue, "read_json", never)
    monkeypatch.setattr("core.catalogue.entry.summary_of", never)
    assert [id(e) for e in catalogue.entries(store)] == [id(e) for e in entries]


def test_what_people_change_is_seen(store: RunStore, entries: list) -> None:
    before = store.open(entries[0].id).path / "meta.json"
    store.open(entries[0].id).update_meta(name="deeper", tags=["b", "a"], colour=5)
    os.utime(before, ns=(1, 1))  # a clock that counts in coarse steps must not hide it
    again = catalogue.entries(store)[0]
    assert (again.name, again.tags, again.colour) == ("deeper", ["b", "a"], 5)
    store.delete(entries[1].id)
    assert names(catalogue.entries(store)) == ["deeper", "dies", "lives", "lives"]


def test_a_rename_changes_no_other_name_of_the_folder(store: RunStore) -> None:
    for placement in ("pre", "post", "sandwich"):
        finished(store, "", steps=60, model__placement=placement, model__depth=2)
    before = run_names.among(catalogue.entries(store)).names
    one, *others = before
    for name in ("mine", "mine too", before[others[0]]):
        store.open(one).update_meta(name=name)
        after = run_names.among(catalogue.entries(store)).names
        assert {id: after[id] for id in others} == {id: before[id] for id in others}
        assert after[one].startswith(name)
    store.open(one).update_meta(name=store.open(one).meta["first_name"], note="as it was")
    assert run_names.among(catalogue.entries(store)).names == before


def test_damaged_folders_are_left_out(store: RunStore, entries: list) -> None:
    config = store.root / entries[0].id / "config.json"
    whole = json.loads(config.read_text())
    for broken in ("{", "[]", json.dumps({**whole, "schema": 99})):
        config.write_text(broken)
        assert entries[0].id not in [e.id for e in catalogue.entries(store)]
    config.write_text(json.dumps({**whole, "model": {**whole["model"], "depth": -3}}))
    assert entries[0].id not in [e.id for e in catalogue.entries(store)]
    (store.root / "notes").mkdir()
    assert len(catalogue.entries(store)) == 4


def test_a_setting_that_a_run_was_written_without_has_its_default(
    store: RunStore, entries: list
) -> None:
    config = store.root / entries[0].id / "config.json"
    whole = json.loads(config.read_text())
    del whole["training"]["precision"]
    config.write_text(json.dumps(whole))
    again = catalogue.entries(store)[0]
    assert again.flat["training.precision"] == store.open(again.id).config.training.precision


def test_filters_search_and_refuse(entries: list) -> None:
    found, problem = listing.filtered(entries, 'placement == "post" or depth >= 12')
    assert (names(found), problem) == (["deep", "dies", "dies"], "")
    assert names(listing.filtered(entries, "liv")[0]) == ["lives", "lives"]
    assert names(listing.filtered(entries, "verdict == plateau")[0]) == ["dies", "dies"]
    found, problem = listing.filtered(entries, "depth >> 3")
    assert found == entries
    assert "column" in problem
    assert listing.counted(found[:2], entries) == "2 of 5 runs"


def test_a_run_is_found_by_what_the_page_calls_it(store: RunStore, entries: list) -> None:
    for seed in (0, 1):
        finished(store, "", "lives", 160, model__placement="sandwich", training__seed=seed)
    entries = catalogue.entries(store)
    shown = run_names.everywhere().names
    for entry in entries:
        called = f'"{shown[entry.id]}"'
        assert entry in listing.filtered(entries, called)[0], called
    own = next(shown[entry.id] for entry in entries if entry.flat["model.placement"] == "sandwich")
    assert own.lower() not in " ".join(str(entry.values) for entry in entries).lower()


def test_metrics_of_all_runs(entries: list) -> None:
    found = listing.metrics(entries)
    assert found[:2] == ["loss/train", "loss/validation"]
    assert "activation/rms/resid_post" in found
    assert len(found) == len(set(found))


# Groups


def test_runs_that_differ_in_the_seed_are_a_group(entries: list) -> None:
    labels = groups.labels(entries, groups.SEED)
    assert sorted(labels.values()) == ["dies", "dies", "lives", "lives"]
    assert entries[0].id not in labels
    assert groups.labels(entries, groups.NOTHING) == {}


def test_groups_by_a_setting_a_tag_a_grid(store: RunStore, entries: list) -> None:
    assert set(groups.labels(entries, "model.placement").values()) == {
        "placement pre",
        "placement post",
    }
    assert set(groups.labels(entries, "model.depth").values()) == {"depth 6"}
    for entry in entries[:2]:
        entry.run.update_meta(tags=["odd"], grid="g1", grid_name="placement × depth")
    again = catalogue.entries(store)
    assert list(groups.labels(again, groups.TAG).values()) == ["odd", "odd"]
    assert set(groups.labels(again, groups.GRID).values()) == {"placement × depth"}
    assert groups.ways(again)[:2] == [groups.SEED, groups.NOTHING]
    assert {groups.TAG, groups.GRID, "model.placement"} <= set(groups.ways(again))


def test_a_rewired_run_is_told_and_averaged_with_none_but_its_like(store: RunStore) -> None:
    runs = [finished(store, "", steps=40, training__seed=seed) for seed in range(4)]
    finished(store, "", steps=40, model__placement="post")
    for run in runs[:2]:
        run.add_switch(Switch(step=21, layers="1", residual="off"))
    listed = catalogue.entries(store)
    found = groups.labels(listed, "model.placement")
    assert {found[run.id] for run in runs[:2]} == {"placement pre, rewired"}
    assert {found[run.id] for run in runs[2:]} == {"placement pre"}
    assert "training.switches" in groups.ways(listed)
    told = differences.table(listed, found)
    assert "Switches while training" in told
    assert "from step 21, layer 2: residual off" in told


def test_groups_of_one_name_are_told_apart(store: RunStore) -> None:
    for warmup in (0, 200):
        for seed in (0, 1):
            finished(
                store, f"pre seed {seed}", steps=20,
                optimizer__warmup_steps=warmup, training__seed=seed,
            )  # fmt: skip
    labels = groups.labels(catalogue.entries(store), groups.SEED)
    assert set(labels.values()) == {"pre, warm-up 0", "pre, warm-up 200"}


# The address


def test_an_address_says_a_choice_and_nothing_else(entries: list) -> None:
    ids = [entry.id for entry in entries]
    assert address.read({}, ids) == (Choice(), {})
    query = {
        "compare_runs": f"{ids[1]},{ids[0]}",
        "compare_focus": ids[1],
        "compare_step": "40",
        "compare_zoom": "0,40,2.5,4",
        "compare_sort": "-model.depth.best",
    }
    choice, problems = address.read(query, ids)
    assert problems == {}
    assert choice == Choice(
        "only", (ids[1], ids[0]), ids[1], 40, (0, 40, 2.5, 4), "-model.depth.best"
    )
    assert choice.drawn(ids) == ids[:2], "in the order of the list"
    hidden, _ = address.read({"compare_hidden": ids[0]}, ids)
    assert hidden.drawn(ids) == ids[1:]
    none, problems = address.read({"compare_runs": "none"}, ids)
    assert (none.drawn(ids), problems) == ([], {})
    assert Choice().drawn([str(i) for i in range(300)]) == [str(i) for i in range(250)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("runs", "nobody"),
        ("focus", "nobody"),
        ("step", "soon"),
        ("step", "-4"),
        ("zoom", "1,2"),
        ("zoom", "2,1,0,4"),
        ("zoom", "nan,1,0,4"),
        ("sort", "beauty"),
    ],
)
def test_what_an_address_gets_wrong_is_one_sentence(name: str, text: str) -> None:
    choice, problems = address.read({f"compare_{name}": text}, ["a", "b"])
    assert choice == Choice()
    assert list(problems) == [f"compare_{name}"]
    (sentence,) = problems[f"compare_{name}"]
    assert text in sentence


def test_many_unknown_runs_are_counted() -> None:
    unknown = ",".join(f"run{i}" for i in range(9))
    _, problems = address.read({"compare_runs": unknown}, [])
    assert len(problems["compare_runs"]) == 4
    assert "6 more runs" in problems["compare_runs"][-1]


# The table


def test_rows_hold_what_the_table_and_the_charts_show(entries: list) -> None:
    labels = groups.labels(entries, groups.SEED)
    columns = rows.columns(entries)
    assert {c["name"] for c in columns} == {"model.depth", "model.placement", "training.seed"}
    assert columns[-1] == {"name": "training.seed", "title": "seed", "number": True}
    made = rows.rows(entries, columns, labels, {}, flops=True)
    json.dumps(made, allow_nan=False)
    deep, dead = made[0], made[1]
    assert (deep["words"], deep["bad"], deep["group"]) == ("finished", "", None)
    assert (dead["words"], dead["bad"], dead["group"]) == ("plateau", "plateau", "dies")
    assert deep["flops_per_step"] > made[-1]["flops_per_step"] > 0
    assert deep["layers"] == 12
    last, best = deep["validation"]
    assert best <= last


def test_a_diverged_run_is_told_from_a_dead_one(store: RunStore) -> None:
    finished(store, "bursts", "diverges", 200)
    (entry,) = catalogue.entries(store)
    (row,) = rows.rows([entry], [], {}, {})
    assert (row["words"], row["bad"]) == ("diverged 121", "diverged")


# Words


def test_what_differs_side_by_side_or_counted(entries: list) -> None:
    labels = groups.labels(entries, groups.SEED)
    side = differences.table(entries, labels)
    assert side.count("<th style") == 3, "two groups and a run stand side by side"
    assert "Norm placement" in side
    assert "settings equal" in side
    copies = [Run(entry.run.path.with_name(f"{entry.id}-copy")) for entry in entries]
    many = entries + [replace(e, run=run) for e, run in zip(entries, copies, strict=True)]
    assert "pre ×6 · post ×4" in differences.table(many, {}), "ten runs are counted"
    assert "differ in nothing" in differences.table(entries[:1] * 2, {})


def test_names_are_escaped(store: RunStore, entries: list) -> None:
    entries[0].run.update_meta(name="<b>bold</b>")
    again = catalogue.entries(store)
    for html in (differences.table(again, {}), outcomes.verdicts(again, {})):
        assert "<b>bold" not in html
        assert "&lt;b&gt;bold" in html


def test_groups_are_judged_together(entries: list) -> None:
    html = outcomes.verdicts(entries, groups.labels(entries, groups.SEED))
    assert "dies ×2" in html
    assert "all sit on the plateau" in html
    assert "all use their input" in html
    assert "it uses its input" in html, "the one that stands alone"
    assert outcomes.baseline(entries) == ("unigram entropy", pytest.approx(3.309))


def test_twins_are_found(store: RunStore, entries: list) -> None:
    first, second = entries[0], entries[1]
    second.run.update_meta(twin_of=first.id)
    again = catalogue.entries(store)
    assert outcomes.twins(again, None) is None
    pair = outcomes.twins(again, second.id)
    assert pair
    assert (pair[0].id, pair[1].id) == (first.id, second.id)
    assert outcomes.twins(again[:2], None)


def cut_as(run: Run, unit: str, size: float, sha: str = "") -> None:
    """Make a run look as if its text had been cut so."""
    write_json(run.path / "corpus.json", {**run.corpus, "unit": unit, "bytes_per_token": size})
    if sha:
        write_json(run.path / "tokenizer.json", {"kind": "subwords", "sha256": sha, "size": 300})


def test_runs_of_different_tokens_are_compared_in_bits_per_byte(store: RunStore) -> None:
    first, second = (finished(store, name, "lives", 160) for name in ("letters", "pairs"))
    cut_as(first, "character", 1.0)
    cut_as(second, "character", 1.0)
    alike = catalogue.entries(store)
    assert not comparable.is_mixed(alike)
    assert outcomes.unit(alike, "loss/train") == "nats per character"
    assert outcomes.told_of_units(alike, "loss/train") == ""

    cut_as(second, "token", 2.5, "a" * 64)
    mixed = catalogue.entries(store)
    assert comparable.in_bits(mixed)
    assert outcomes.unit(mixed, "loss/train") == "nats per prediction"
    assert "do not compare" in outcomes.told_of_units(mixed, "loss/validation")
    assert "bits per byte compare them" in outcomes.told_of_units(mixed, BITS_PER_BYTE)
    assert outcomes.baseline(mixed) is None
    found = matrix.outcomes(mixed, in_bits=True)
    for entry, one in zip(mixed, found, strict=True):
        size = {"letters": 1.0, "pairs": 2.5}[entry.name]
        assert one.loss == pytest.approx(entry.summary.validation / math.log(2) / size)

    cut_as(first, "token", 2.0, "b" * 64)  # the same unit, and not the same tokens
    both = catalogue.entries(store)
    assert comparable.in_bits(both)
    assert outcomes.unit(both, "loss/train") == "nats per token"

    write_json(first.path / "corpus.json", {**first.corpus, "bytes_per_token": 0})
    assert not comparable.in_bits(catalogue.entries(store))
    assert outcomes.told_of_units(catalogue.entries(store), "loss/train").endswith("do not compare")


def test_what_only_another_tokenizer_reads_is_no_difference(store: RunStore) -> None:
    finished(store, "letters", "lives", 160)
    finished(store, "pairs", "lives", 160, data__tokenizer="bpe", data__vocabulary=512)
    found = catalogue_entry.differing(catalogue.entries(store))
    assert found["data.tokenizer"] == ["bpe", "characters"]
    assert found["data.vocabulary"] == [512, None]
    assert "data.encoding" not in found

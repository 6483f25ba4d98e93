"""Claims, their bands and verdicts, and what is kept of a check."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

from core.anatomy import CancelledError, load
from core.evidence import CLAIMS, GROUPS, Claim, Measured, Quantity, Record, Series, kept, named
from core.evidence.claim import number
from core.evidence.record import made, what_computes
from core.evidence.run import answer, measure
from core.evidence.words import expected_and_measured, markdown
from core.runs import RunStore
from tests.science import record as recording

ROOT = Path(__file__).resolve().parents[3]


def claim(*quantities: Quantity) -> Claim:
    return dataclasses.replace(CLAIMS[0], name="made-up", quantities=quantities)


def record_of(one: Claim, **values: list[float]) -> Record:
    series = [Series("measured", "measured", [1.0, 2.0], [1.0, math.nan], [0.0, 0.1])]
    return made(one, Measured(values, series), (0, 1), 1.0, "cpu", 1)


@pytest.mark.parametrize("one", CLAIMS, ids=lambda one: one.name)
def test_a_claim_is_whole(one: Claim) -> None:
    assert re.fullmatch(r"[a-z0-9-]+", one.name)
    assert one.group in GROUPS
    assert one.sentence.endswith(".")
    assert one.formula
    assert one.where
    assert one.setting
    assert one.source
    assert one.paper.link.startswith("https://")
    assert 2014 < one.paper.year < 2027
    assert one.quantities
    assert len({q.name for q in one.quantities}) == len(one.quantities)
    for q in one.quantities:
        assert q.low <= q.high
        assert math.isfinite(q.low) or math.isfinite(q.high), "a band that nothing can miss"
    assert (ROOT / one.module).is_file()
    assert callable(load(one.function))
    assert one.seeds
    assert one.name in one.command


def test_names_are_given_once() -> None:
    assert len({one.name for one in CLAIMS}) == len(CLAIMS) >= 40
    assert {one.group for one in CLAIMS} == set(GROUPS)


def test_a_wrong_name_is_refused_with_a_hint() -> None:
    with pytest.raises(ValueError, match="did you mean theorem-1"):
        named(["theorem1"])
    assert [one.name for one in named(["theorem-1", "lemma-2-post"])] == [
        "lemma-2-post",
        "theorem-1",
    ]


def test_the_registry_is_read_without_torch() -> None:
    program = (
        "import sys, core.evidence, core.evidence.kept, core.evidence.words, core.jobs.checks\n"
        "print('torch' in sys.modules)"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("low", "high", "theory", "words"),
    [
        (1.3, 1.7, "3/2", "3/2 (1.3 to 1.7)"),
        (-math.inf, 0.003, "", "below 0.003"),
        (0.5, math.inf, "", "above 0.5"),
        (-0.75, -0.3, "", "−0.75 to −0.3"),
    ],
)
def test_a_band_in_words(low: float, high: float, theory: str, words: str) -> None:
    assert Quantity("q", "q", low, high, theory=theory).expected == words


def test_numbers_as_tables_say_them() -> None:
    values = (1, 0.0001234, 80_000, 1e10, -0.5, 3.206, 12.34, 0, math.nan)
    words = ["1", "0.00012", "80,000", "1e+10", "−0.5", "3.206", "12.34", "0", "not finite"]
    assert [number(v) for v in values] == words


def test_seeds_become_one_number() -> None:
    assert Quantity("q", "q").middle([1, 2, 3]) == 2
    assert Quantity("q", "q", average="geometric").middle([1, 100]) == pytest.approx(10)
    assert math.isnan(Quantity("q", "q").middle([1, math.nan]))
    assert math.isnan(Quantity("q", "q").middle([]))
    assert math.isnan(Quantity("q", "q", average="geometric").middle([0, 1]))


@pytest.mark.parametrize(
    ("strict", "value", "verdict"),
    [
        (True, 1.0, "shown"),
        (True, 3.0, "outside the band"),
        (True, math.nan, "outside the band"),
        (False, 1.0, "shown"),
        (False, 3.0, "not shown here"),
        (False, math.nan, "not shown here"),
    ],
)
def test_the_rule_of_the_verdict(strict: bool, value: float, verdict: str) -> None:
    one = claim(Quantity("q", "q", 0, 2, strict=strict))
    assert one.verdict({"q": [value]}) == verdict
    assert one.verdict({}) != "shown", "what was not measured is not shown"


@pytest.mark.parametrize(
    ("strict", "values", "standing"),
    [
        (False, [0.395, 0.174, 0.073, 0.499], "undecided"),  # 0.29 ± 0.10 at a band of 0.3
        (True, [0.395, 0.174, 0.073, 0.499], "inside"),
        (False, [0.1, 0.2, 0.1, 0.2], "inside"),
        (False, [0.4, 0.5], "outside"),
        (False, [0.29], "inside"),  # one seed has no spread
        (False, [0.2, math.nan], "outside"),
    ],
)
def test_what_the_seeds_do_not_decide_is_not_called_shown(
    strict: bool, values: list[float], standing: str
) -> None:
    quantity = Quantity("q", "q", -0.3, 0.3, strict=strict)
    assert quantity.standing(values) == standing
    if not strict:
        assert (claim(quantity).verdict({"q": values}) == "shown") is (standing == "inside")


def test_the_spread_of_a_geometric_mean_is_one_of_factors() -> None:
    quantity = Quantity("q", "q", high=12, strict=False, average="geometric")
    assert quantity.standing([9, 10, 11]) == "inside"
    assert quantity.standing([1, 100]) == "undecided"


def test_a_strict_miss_outweighs_another() -> None:
    one = claim(Quantity("a", "a", 0, 1, strict=False), Quantity("b", "b", 0, 1))
    assert one.verdict({"a": [5.0], "b": [5.0]}) == "outside the band"
    assert one.verdict({"a": [5.0], "b": [0.5]}) == "not shown here"


def test_a_thorough_check_takes_twice_the_seeds_on_a_gpu() -> None:
    slow = dataclasses.replace(CLAIMS[0], quick=False, seeds=(0, 1))
    assert slow.seeds_on(gpu=True) == (0, 1, 2, 3)
    assert slow.seeds_on(gpu=False) == (0, 1)
    assert CLAIMS[0].seeds_on(gpu=True) == CLAIMS[0].seeds


def test_a_record_is_read_as_it_was_written(store: RunStore) -> None:
    one = claim(Quantity("q", "words", 0, 2), Quantity("bad", "bad", 0, 2, strict=False))
    record = record_of(one, q=[1.0, 1.5], bad=[math.inf, 1.0])
    path = kept.keep(store.root, record)
    assert kept.read(path) == record
    assert kept.here(store.root, one) == record
    assert "NaN" not in path.read_text()
    assert json.loads(path.read_text())["schema"] == 1
    assert record.values[0].words == "1.25 ± 0.35"
    assert record.values[1].middle is None
    assert record.series[0].y == (1.0, None)
    rows = expected_and_measured(one, record)
    assert rows[0] == ("words", "0 to 2", "1.25 ± 0.35", True)
    assert rows[1][2:] == ("not finite", False)
    assert "| not shown here |" in markdown([one], {one.name: record})


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 1}', "null", "\x00"])
def test_a_damaged_record_counts_as_none(store: RunStore, text: str) -> None:
    one = claim(Quantity("q", "q", 0, 2))
    path = kept.keep(store.root, record_of(one, q=[1.0]))
    path.write_text(text)
    assert kept.here(store.root, one) is None


def test_a_record_of_another_release_or_version_counts_as_none(store: RunStore) -> None:
    one = claim(Quantity("q", "q", 0, 2))
    path = kept.keep(store.root, record_of(one, q=[1.0]))
    assert kept.here(store.root, dataclasses.replace(one, version=2)) is None
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, "schema": 99}))
    assert kept.here(store.root, one) is None


def test_what_was_measured_with_the_same_code_is_not_measured_again(store: RunStore) -> None:
    (one,) = named(["one-token"])
    first, now = answer(one, store)
    assert now
    assert answer(one, store) == (first, False)
    assert answer(one, store, again=True)[1]
    kept.keep(store.root, first.model_copy(update={"made_from": "other code"}))
    assert answer(one, store)[1]


CODE = "def f(x):\n    if x < 0:\n        raise ValueError('no')\n    return x * 2\n"


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("'no'", "Message('{x} is below 0', x=x)", True),
        ("    if", "    # why\n    if", True),
        ("def", "from core.language import Message\ndef", True),
        ("* 2", "* 3", False),
        ("x < 0", "x < 1", False),
    ],
)
def test_words_and_refusals_make_no_record_old(
    tmp_path: Path, old: str, new: str, same: bool
) -> None:
    for name, code in ("before", CODE), ("after", CODE.replace(old, new)):
        (tmp_path / f"{name}.py").write_text(code)
    before, after = (what_computes(tmp_path / f"{name}.py") for name in ("before", "after"))
    assert (before == after) is same


def test_a_check_can_be_cancelled_and_draws_from_no_generator_of_others(store: RunStore) -> None:
    import torch

    class Cancelling:
        def __call__(self, progress: float, message: str = "") -> None:
            raise CancelledError

        def emit(self, item: object) -> None:
            """Nothing."""

    (one,) = named(["lns-stream"])
    state = torch.random.get_rng_state()
    with pytest.raises(CancelledError):
        measure(one, store, Cancelling())
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("one", [c for c in CLAIMS if c.quick], ids=lambda one: one.name)
def test_a_record_of_each_claim_ships(one: Claim) -> None:
    record = kept.shipped(one)
    assert record is not None, "make evidence"
    assert record.verdict != "outside the band"
    assert {v.name for v in record.values} == {q.name for q in one.quantities}
    assert record.runs == (), "they stay on the machine that trained them"
    # By the band of today, which may have been changed since.
    finite = {v.name: [x for x in v.by_seed if x is not None] for v in record.values}
    assert one.verdict(finite) == record.verdict


def test_readme_has_the_table_of_what_ships() -> None:
    """Else: `make evidence`."""
    found = recording.MARKED.search(recording.README.read_text("utf-8"))
    assert found is not None
    assert found[0] == f"{found[1]}{recording.table()}{found[2]}"

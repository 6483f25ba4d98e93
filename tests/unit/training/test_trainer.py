"""The training loop: exact, resumable, and honest about what goes wrong."""

import copy
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from core import presets
from core.config import RunConfig
from core.jobs.execute_run import FileControl, work
from core.jobs.slots import Slot
from core.runs import Run, RunError, RunStore, Status
from core.training import metric_log
from core.training.control import NullControl
from core.training.optimizers import build_optimizer
from core.training.state import TrainingState
from core.training.step import Step
from core.training.timing import Pace
from core.training.trainer import Trainer
from tests.conftest import small
from tests.loops import Script, losses, train


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of the small settings from start to end; tests only read it."""
    return train(RunStore(tmp_path_factory.mktemp("plain")), small())


@pytest.fixture(scope="module")
def stopped_once(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(RunStore(tmp_path_factory.mktemp("stopped")), small(), Script({25: "stop"}))


@pytest.fixture
def stopped(store: RunStore, stopped_once: Run) -> Run:
    """A copy of one that was stopped after step 25, to damage and to resume."""
    shutil.copytree(stopped_once.path, store.root / stopped_once.id)
    return store.open(stopped_once.id)


def test_a_run_from_start_to_end(plain: Run) -> None:
    run = plain
    assert run.status == "finished"
    assert run.record.step == 30
    steps, values = run.series("loss/train")
    assert steps.tolist() == list(range(30))
    assert np.isfinite(values).all()
    assert run.series("loss/validation")[0].tolist() == [0, 10, 20, 30]
    assert run.checkpoints == [10, 20, 30]
    assert run.snapshots.steps == [0, 5, 10, 15, 20, 25, 30]
    pattern = run.snapshots.pattern(10).astype(np.float32)
    assert pattern.shape == (2, 2, 16, 16)
    np.testing.assert_allclose(pattern.sum(-1), 1, atol=1e-2)
    kinds = {e["kind"] for e in run.events}
    assert {"start", "threads", "sample"} <= kinds
    assert run.corpus["probe_tokens"] == [
        run.tokenizer["alphabet"].index(c) for c in run.corpus["probe_text"]
    ]


def test_metrics_of_the_contract(store: RunStore) -> None:
    run = train(store, small(model__activation="swiglu"))
    names = run.metrics()
    for name in ("loss/train", "loss/validation", "learning_rate", "tokens_per_second"):
        assert names[name] == 0
    groups = (*(f"attn.{x}" for x in "qkvo"), "mlp.in", "mlp.gate", "mlp.out", "norm", "block")
    for group in groups:
        values = run.series(f"grad_norm/{group}")[1]
        assert values.shape == (30, 2)
        assert (values > 0).all()
        ratios = run.series(f"update_ratio/{group}")[1]
        assert ratios.shape == (6, 2)
        assert (ratios > 0).all(), group
    for single in ("total", "embed", "head"):
        assert names[f"grad_norm/{single}"] == 0
    for statistic in ("rms", "mean", "std", "kurtosis", "max", "dead"):
        assert run.series(f"activation/{statistic}/resid_post")[1].shape == (6, 2)
        one = run.series(f"activation/{statistic}/blocks.1.mlp.post")[1]
        np.testing.assert_array_equal(one, run.series(f"activation/{statistic}/mlp.post")[1][:, 1])
        assert run.series(f"activation/{statistic}/blocks.{{i}}.mlp.post")[1].shape == (6, 2)
        assert run.series(f"activation/{statistic}/embed")[1].shape == (6,)
    with pytest.raises(KeyError, match="loss/train"):
        run.series("loss/trian")
    with pytest.raises(KeyError, match="no layer 2"):
        run.series("activation/rms/blocks.2.resid_post")


def test_tied_embeddings_are_reported_as_embed(store: RunStore) -> None:
    run = train(store, small(model__tie_embeddings=True, training__steps=3))
    assert "grad_norm/head" not in run.metrics()
    assert "grad_norm/embed" in run.metrics()


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_probes_do_not_change_the_losses(store: RunStore, dropout: float) -> None:
    on = train(store, small(model__dropout=dropout, probes__every=1))
    off = train(store, small(model__dropout=dropout, probes__every=0))
    np.testing.assert_array_equal(losses(on), losses(off))
    assert "grad_norm/block" not in off.metrics()
    assert len(off.snapshots) == 0


def test_evaluation_and_sampling_do_not_change_the_losses(store: RunStore) -> None:
    ten = {"model__dropout": 0.2, "training__steps": 10}
    often = train(store, small(**ten, training__evaluate_every=1))
    never = train(store, small(**ten, training__evaluate_every=0))
    np.testing.assert_array_equal(losses(often), losses(never))


def test_same_seed_same_losses_other_seed_others(store: RunStore, plain: Run) -> None:
    np.testing.assert_array_equal(losses(train(store, small())), losses(plain))
    assert (losses(train(store, small(training__seed=1))) != losses(plain)).any()


DROPPING = {"model__dropout": 0.2, "optimizer__schedule": "cosine", "optimizer__warmup_steps": 5}


@pytest.fixture(scope="module")
def dropping(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that draws random numbers at every step, and was never stopped."""
    return train(RunStore(tmp_path_factory.mktemp("dropping")), small(**DROPPING))


@pytest.mark.parametrize("stop_after", [4, 10, 17])
def test_a_stopped_run_resumes_exactly(store: RunStore, dropping: Run, stop_after: int) -> None:
    whole = dropping
    run = train(store, small(**DROPPING), Script({stop_after: "stop"}))
    assert run.status == "stopped"
    assert run.record.step == stop_after
    Trainer(run, NullControl()).train()
    assert run.status == "finished"
    np.testing.assert_array_equal(losses(run), losses(whole))
    for name in ("loss/validation", "grad_norm/block", "activation/rms/resid_post"):
        for mine, theirs in zip(run.series(name), whole.series(name), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    assert run.snapshots.steps == whole.snapshots.steps
    samples = [[e["text"] for e in r.events if e["kind"] == "sample"] for r in (run, whole)]
    assert samples[0] == samples[1]


def test_a_damaged_last_checkpoint_falls_back_to_the_one_before(plain: Run, stopped: Run) -> None:
    whole, run = plain, stopped
    newest = run.path / "checkpoints" / "step-000000025.safetensors"
    newest.write_bytes(newest.read_bytes()[:100])
    Trainer(run, NullControl()).train()
    np.testing.assert_array_equal(losses(run), losses(whole))
    assert run.events[-1]["kind"] == "sample"


@pytest.mark.parametrize("suffix", [".safetensors", ".state.safetensors", ".json"])
def test_a_flipped_bit_in_a_checkpoint_falls_back_and_is_said(
    plain: Run, stopped: Run, suffix: str
) -> None:
    whole, run = plain, stopped
    newest = run.path / "checkpoints" / f"step-000000025{suffix}"
    content = bytearray(newest.read_bytes())
    content[-20] ^= 1
    newest.write_bytes(bytes(content))
    Trainer(run, NullControl()).train()
    np.testing.assert_array_equal(losses(run), losses(whole))
    assert run.record.message.startswith(("step-", "the checkpoint of step"))
    assert "training goes on from step" in run.record.message
    notes = [e["text"] for e in run.events if e["kind"] == "note"]
    assert len(notes) == 1
    assert "step-000000025" in notes[0]
    assert "goes on from step 20" in notes[0]


def test_a_checkpoint_of_a_later_release_is_neither_used_nor_overwritten(stopped: Run) -> None:
    run = stopped
    newest = run.path / "checkpoints" / "step-000000025.json"
    newest.write_text(newest.read_text().replace('"schema": 1', '"schema": 2'))
    kept = newest.read_bytes()
    with pytest.raises(ValueError, match="schema 2"):
        Trainer(run, NullControl()).train()
    assert newest.read_bytes() == kept


def test_a_checkpoint_without_checksums_still_resumes(plain: Run, stopped: Run) -> None:
    whole, run = plain, stopped
    newest = run.path / "checkpoints" / "step-000000025.json"
    newest.write_text('{"schema": 1, "step": 25, "seconds": 1.0}')
    Trainer(run, NullControl()).train()
    np.testing.assert_array_equal(losses(run), losses(whole))
    assert not [e for e in run.events if e["kind"] == "note"]


def test_steps_are_counted_through_a_resume_at_the_last_step(store: RunStore) -> None:
    run = train(store, small(training__steps=30))
    run.write_status(Status(state="interrupted", step=30, steps=30))  # killed after its checkpoint
    told: list[tuple[str, int]] = []
    assert (
        Trainer(run, NullControl(), lambda s: told.append((s.state, s.step))).train() == "finished"
    )
    assert (run.record.step, run.record.steps) == (30, 30)
    assert {step for _, step in told} == {30}


def test_time_left_leaves_the_first_step_out_and_counts_evaluations(store: RunStore) -> None:
    pace = Pace(steps=1000, evaluate_every=100)
    pace.evaluated(6.0)  # torch sets itself up in the first evaluation
    pace.note(1, 10.0)  # and in the first step
    assert pace.left is None
    for step in range(2, 102):
        pace.note(step, 10.0 + 0.2 * (step - 1))
    assert pace.left == pytest.approx(899 * 0.2 + 9 * 6.0)
    pace.evaluated(1.0)
    pace.note(102, 31.2)
    assert pace.left == pytest.approx(898 * 0.2 + 9 * 1.0)
    for step in range(103, 203):  # another run came, and each step takes twice as long
        pace.note(step, 31.2 + 0.4 * (step - 102))
    assert pace.left == pytest.approx(798 * 0.4 + 8 * 1.0)
    none = Pace(steps=10, evaluate_every=0)
    none.note(1, 5.0)
    none.note(4, 8.0)
    assert none.left == pytest.approx(6.0)
    told: list[tuple[int, float | None]] = []
    run = store.create(small(training__steps=40))
    Trainer(run, NullControl(), lambda s: told.append((s.step, s.seconds_left))).train()
    assert [left for step, left in told if step == 1] == [None] * sum(s == 1 for s, _ in told)


def test_pause_step_and_resume(store: RunStore) -> None:
    # The trainer asks once a step, and again and again while it is paused.
    control = Script({3: "pause", 5: "step", 8: "step", 12: "resume"})
    states: list[tuple[str, int]] = []
    run = store.create(small(training__steps=8))
    Trainer(run, control, lambda s: states.append((s.state, s.step))).train()
    paused = [step for state, step in states if state == "paused"]
    assert paused == [3, 4, 5]
    assert control.left == 3
    assert run.status == "finished"
    np.testing.assert_array_equal(losses(run), losses(train(store, small(training__steps=8))))


def test_the_first_point_is_on_the_disk_before_the_first_evaluation(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = store.create(small(model__dropout=0.2, training__steps=4))
    trainer = Trainer(run, NullControl())
    evaluate = trainer.task.evaluate
    found: list[tuple[int, list[int], float]] = []

    def looked(model: torch.nn.Module) -> dict[str, float]:
        weights = float(sum(p.detach().double().abs().sum() for p in model.parameters()))
        other = store.open(run.id)  # as another process reads it
        found.append((trainer.state.step, other.series("loss/train")[0].tolist(), weights))
        return evaluate(model)

    begun = float(sum(p.detach().double().abs().sum() for p in trainer.state.model.parameters()))
    monkeypatch.setattr(trainer.task, "evaluate", looked)
    trainer.train()
    assert found[0] == (0, [0], begun)  # it is the network of step 0 that is measured
    assert [step for step, _, _ in found] == [0, 4]
    assert run.series("loss/train")[0].tolist() == [0, 1, 2, 3]
    assert run.series("loss/validation")[0].tolist() == [0, 4]
    assert np.isfinite(run.series("tokens_per_second")[1]).all()


def test_running_statistics_are_evaluated_before_a_batch_changes_them(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset = {**presets.load("resnet-digits").config.flat(), "model.blocks_per_stage": 1}
    preset |= {"model.width": 4, "model.norm": "batch", "training.steps": 2}
    trainer = Trainer(store.create(RunConfig.from_flat(preset)), NullControl())
    evaluate = trainer.task.evaluate
    means: list[float] = []

    def looked(model: torch.nn.Module) -> dict[str, float]:
        known = [b for name, b in model.named_buffers() if name.endswith("running_mean")]
        means.append(float(sum(b.abs().sum() for b in known)))
        return evaluate(model)

    monkeypatch.setattr(trainer.task, "evaluate", looked)
    trainer.train()
    assert means[0] == 0 < means[-1]


@pytest.mark.parametrize("slow", [False, True], ids=["quick", "slow"])
def test_a_run_that_pauses_or_diverges_at_its_first_step_says_step_1(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, slow: bool
) -> None:
    if slow:  # so that a flush is due right after it
        monkeypatch.setattr(metric_log, "FLUSH_SECONDS", 0.0)
    states: list[tuple[str, int]] = []
    run = store.create(small(training__steps=8))
    control = Script({0: "step", 5: "stop"})
    Trainer(run, control, lambda s: states.append((s.state, s.step))).train()
    assert ("paused", 1) in states
    assert (run.status, run.record.step) == ("stopped", 1)
    broken = store.create(small(training__steps=8))
    trainer = Trainer(broken, NullControl())
    with torch.no_grad():
        next(trainer.state.model.parameters()).fill_(torch.nan)
    assert trainer.train() == "diverged"
    assert broken.record.step == 1


def test_a_paused_run_can_be_stopped(store: RunStore) -> None:
    run = train(store, small(), Script({3: "pause", 4: "stop"}))
    assert (run.status, run.record.step, run.checkpoints) == ("stopped", 3, [3])


def test_divergence_ends_the_run_and_keeps_what_it_measured(store: RunStore) -> None:
    config = small(
        model__placement="none",
        model__norm="none",
        model__depth=24,
        model__residual="on",
        model__init="xavier",
        optimizer__learning_rate=10,
        training__steps=5000,
        training__evaluate_every=0,
    )
    run = train(store, config)
    assert run.status == "diverged"
    alarm = next(e for e in run.events if e.get("name") == "diverged")
    steps, values = run.series("loss/train")
    bad = ~np.isfinite(values) | ~np.isfinite(run.series("grad_norm/total")[1])
    assert steps[np.argmax(bad)] == alarm["step"]
    assert len(steps) > alarm["step"]


def test_twins_share_batches_and_common_tensors(store: RunStore, plain: Run) -> None:
    pre, post = plain, train(store, small(model__placement="post"))
    np.testing.assert_array_equal(pre.series("loss/unigram")[1], post.series("loss/unigram")[1])


def test_gradient_norms_are_what_autograd_gives(store: RunStore) -> None:
    trainer = Trainer(store.create(small(optimizer__clip=1e-3)), NullControl())
    inputs, targets = trainer.task.batch(0)
    logits = trainer.state.model(inputs)
    torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()).backward()
    expected: dict[str, list[float]] = {"attn.q": [], "attn.v": [], "mlp.out": [], "block": []}
    for block in trainer.state.model.blocks:
        qkv = block.attn.f.qkv
        for part, group in ((0, "attn.q"), (2, "attn.v")):
            rows = slice(16 * part, 16 * (part + 1))
            both = torch.cat([qkv.weight.grad[rows].flatten(), qkv.bias.grad[rows]])
            expected[group].append(both.norm().item())
        out = block.mlp.f.w_out
        both = torch.cat([out.weight.grad.flatten(), out.bias.grad])
        expected["mlp.out"].append(both.norm().item())
        every = torch.cat([p.grad.flatten() for p in block.parameters()])
        expected["block"].append(every.norm().item())
    total = torch.cat([p.grad.flatten() for p in trainer.state.model.parameters()]).norm().item()
    trainer.state.optimizer.zero_grad()
    trainer.advance()
    trainer.flush()
    for group, values in expected.items():
        measured = trainer.run.series(f"grad_norm/{group}")[1][0]
        np.testing.assert_allclose(measured, values, rtol=1e-5)  # and before clipping
    np.testing.assert_allclose(trainer.run.series("grad_norm/total")[1][0], total, rtol=1e-5)


def test_vanishing_gradients_are_measured_and_not_rounded_to_zero(store: RunStore) -> None:
    run = train(
        store,
        small(
            model__depth=24,
            model__residual="off",
            model__placement="none",
            model__norm="none",
            training__steps=2,
        ),
    )
    first = run.series("grad_norm/attn.q")[1][0]
    assert (first < 1e-15).any()
    assert (run.series("grad_norm/mlp.out")[1][0] > 0).all()


def test_update_ratio_is_the_optimizers_real_step(store: RunStore) -> None:
    trainer = Trainer(store.create(small(probes__every=1)), NullControl())
    before = trainer.state.model.blocks[1].mlp.f.w_in.weight.detach().clone()
    trainer.advance()
    trainer.flush()
    after = trainer.state.model.blocks[1].mlp.f.w_in.weight.detach()
    measured = trainer.run.series("update_ratio/mlp.in")[1][0, 1]
    assert measured == pytest.approx(((after - before).std() / before.std()).item(), rel=1e-4)


def test_statistics_match_their_definitions(store: RunStore) -> None:
    trainer = Trainer(store.create(small(model__activation="relu")), NullControl())
    with torch.no_grad():
        hidden = (
            trainer.state.model.eval().trace(trainer.task.probe)["blocks.1.mlp.post"][0].double()
        )
    trainer.state.model.train()
    trainer.advance()
    trainer.flush()
    centred = hidden - hidden.mean()
    expected = {
        "rms": hidden.square().mean().sqrt(),
        "mean": hidden.mean(),
        "std": centred.square().mean().sqrt(),
        "kurtosis": centred.pow(4).mean() / centred.square().mean().square(),
        "max": hidden.abs().max(),
        "dead": (hidden == 0).all(0).double().mean(),
    }
    for name, value in expected.items():
        measured = trainer.run.series(f"activation/{name}/blocks.1.mlp.post")[1][0]
        assert measured == pytest.approx(value.item(), rel=1e-4, abs=1e-6), name


def do(store: RunStore, config: RunConfig) -> Run:
    run = store.create(config)
    slot = Slot("cpu")
    assert slot.enter()
    work(run, FileControl(run, slot))
    slot.leave()
    return run


def test_a_run_that_cannot_start_fails_with_a_sentence(store: RunStore, tmp_path: Path) -> None:
    run = do(store, small(data__corpus="file", data__path=str(tmp_path / "absent.txt")))
    assert run.status == "failed"
    assert "there is no file" in run.record.message


def test_a_changed_corpus_is_not_resumed_silently(store: RunStore, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("abcdefgh " * 100)
    config = small(data__corpus="file", data__path=str(path))
    run = train(store, config, Script({12: "stop"}))
    path.write_text("something else " * 100)
    with pytest.raises(RunError, match="SHA-256"):
        Trainer(run, NullControl()).train()


def test_out_of_memory_and_a_full_disk_say_what_to_do(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(error: Exception) -> Run:
        def raising(self: Step, state: TrainingState) -> None:
            raise error

        monkeypatch.setattr(Step, "take", raising)
        return do(store, small())

    short = fail(torch.OutOfMemoryError()).record
    assert short.state == "out_of_memory"
    assert "resume it, or lower model.context" in short.message
    assert "disk is full" in fail(OSError(28, "No space left on device")).record.message
    assert "RuntimeError: broken" in fail(RuntimeError("broken\nlong")).record.message


def test_probe_text_of_ones_own(store: RunStore) -> None:
    run = train(store, small(probes__text="a☃b class", probes__tokens=5, training__steps=3))
    assert run.corpus["probe_text"] == "ab cl"
    assert run.snapshots.pattern(0).shape[-1] == 5
    fallback = train(store, small(probes__text="☃☃", training__steps=3))
    assert len(fallback.corpus["probe_text"]) == 16


def test_clipping_is_torchs(store: RunStore) -> None:
    # Without biases: that of the keys has no gradient but rounding, which Adam blows up.
    config = small(optimizer__clip=0.05, model__bias=False)
    trainer = Trainer(store.create(config), NullControl())
    twin = copy.deepcopy(trainer.state.model)
    optimizer = build_optimizer(twin, trainer.config.optimizer)
    for step in range(3):
        windows = torch.from_numpy(trainer.task.batches.at(step))
        logits = twin(windows[:, :-1])
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten()).backward()
        assert torch.nn.utils.clip_grad_norm_(twin.parameters(), 0.05) > 0.05
        optimizer.step()
        optimizer.zero_grad()
        trainer.advance()
    for mine, theirs in zip(trainer.state.model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-6)

"""Every value that a probe writes is the one that a plain float64 program computes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from core.config import RunConfig
from core.models import parameter_groups
from core.probes.activations import statistics
from core.probes.gradients import GradientNorms
from core.runs import RunStore
from core.training import hooks
from core.training.control import NullControl
from core.training.state import TrainingState
from core.training.trainer import Trainer
from tests.conftest import small

BARE = {"model__norm": "none", "model__placement": "none"}
WIRINGS = {
    "pre": {},
    "post": {"model__placement": "post"},
    "none": {**BARE, "model__residual": "off"},
    "identity": BARE,
    "RMSNorm, SwiGLU": {"model__norm": "rms", "model__activation": "swiglu"},
    "DeepNorm": {"model__placement": "post", "model__scaling": "deepnorm"},
    "sandwich": {"model__placement": "sandwich"},
    "reordered": {"model__placement": "reordered", "model__qk_norm": "width"},
    "NormFormer": {"model__placement": "normformer"},
    "ReZero": {**BARE, "model__scaling": "rezero"},
    "DyT": {"model__norm": "dyt", "model__scaling": "layerscale"},
    "attention alone": {"model__sublayers": "attention"},
    "vanishing": {**BARE, "model__residual": "off", "model__depth": 5, "model__init": "gpt2"},
    "exploding": {**BARE, "model__init": "uniform", "model__depth": 6, "optimizer__clip": 1.0},
}
OTHER = {
    name: RunConfig.from_flat({
        "model.family": name, "data.corpus": "digits", "training.batch_size": 8,
        "training.threads": 1, "training.device": "cpu", "training.evaluate_every": 0,
        "training.steps": 5, "probes.every": 4, **own,
    })
    for name, own in {
        "mlp": {"model.depth": 3, "model.width": 16},
        "resnet": {"model.blocks_per_stage": 1, "model.width": 4},
    }.items()
}  # fmt: skip
LAST = 4  # the step that is looked at: the moments are moments by then


class Naive(hooks.Hook):
    """Computes one step's probe values again, with numpy in float64, from the tensors alone."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        self.found: dict[str, np.ndarray | float] = {}
        self.before: dict[str, np.ndarray] = {}

    def on_backward(self, state: TrainingState) -> None:
        if state.step != LAST:
            return
        state.model.eval()
        with torch.no_grad():
            trace = state.model.trace(self.trainer.task.probe)
        state.model.train()
        self.found = {**of_activations(trace), **self.of_gradients(state)}
        self.before = {n: wide(p) for n, p in state.model.named_parameters()}

    def of_gradients(self, state: TrainingState) -> dict[str, np.ndarray | float]:
        groups = parameter_groups(state.model)
        split = {n: layers for n, layers in groups.items() if not n.endswith("_norm")}
        found: dict[str, np.ndarray | float] = {
            f"grad_norm/{group}": np.array([length([rowed(p.grad, r) for _, p, r in layer])
                                            for layer in layers])
            for group, layers in split.items()
        }  # fmt: skip
        for single in ("embed", "head"):
            if single in groups:
                found[f"grad_norm/{single}"] = found[f"grad_norm/{single}"][0]
        found["grad_norm/total"] = length([wide(p.grad) for p in state.model.parameters()])
        return found

    def on_update(self, state: TrainingState) -> None:
        if state.step != LAST:
            return
        for group, layers in parameter_groups(state.model).items():
            if group in ("scale", "embed", "head", "final_norm", "embedding_norm"):
                continue
            values = [self.ratio(group, layer) for layer in layers]
            self.found[f"update_ratio/{group}"] = np.array(values)

    def ratio(self, group: str, layer: list) -> float:
        if group in ("norm", "block"):
            moved = [wide(p) - self.before[n] for n, p, _ in layer]
            return length(moved) / length([self.before[n] for n, _, _ in layer])
        for name, parameter, rows in layer:
            if parameter.ndim >= 2:
                old = self.before[name] if rows is None else self.before[name][rows]
                return (rowed(parameter, rows) - old).std(ddof=1) / old.std(ddof=1)
        return np.nan


def wide(x: Tensor) -> np.ndarray:
    return x.detach().double().numpy().copy()


def rowed(x: Tensor, rows: slice | None) -> np.ndarray:
    return wide(x) if rows is None else wide(x)[rows]


def length(parts: list[np.ndarray]) -> float:
    return np.sqrt(sum((part**2).sum() for part in parts)) if parts else np.nan


def of_activations(trace: dict[str, Tensor]) -> dict[str, np.ndarray | float]:
    found: dict[str, list[float]] = {}
    alone = set()
    for name, tensor in trace.items():
        layer = name.startswith("blocks.")
        what = name.split(".", 2)[2] if layer else name
        x = wide(tensor)
        if what == "attn.pattern":
            terms = np.where(x > 0, -x * np.log(np.where(x > 0, x, 1)), 0)
            found.setdefault("attention/entropy", []).append(terms.sum(-1).mean())
        if what in ("attn.pattern", "attn.scores"):
            continue
        if not layer:
            alone |= {f"activation/{s}/{what}" for s in ("rms", "mean", "std", "kurtosis", "max",
                                                         "dead")}  # fmt: skip
        if what == "resid_pre" and any(n.endswith("attn.pattern") for n in trace):
            found.setdefault("activation/token_cosine/resid_pre", []).append(cosine(x))
        if what == "resid_post" and equal_width(trace):
            found.setdefault("activation/effective_rank/resid_post", []).append(rank(x))
        centred = x - x.mean()
        features = x.ndim - 1 if x.ndim < 4 else 1
        by_feature = np.moveaxis(x, features, -1).reshape(-1, x.shape[features])
        if what in ("attn.q", "attn.k", "attn.v"):
            by_feature = x.transpose(0, 2, 1, 3).reshape(x.shape[0] * x.shape[2], -1)
        with np.errstate(invalid="ignore"):
            values = {
                "rms": np.sqrt((x**2).mean()),
                "mean": x.mean(),
                "std": x.std(),
                "kurtosis": (centred**4).mean() / (centred**2).mean() ** 2,
                "max": np.abs(x).max(),
                "dead": (by_feature == 0).all(0).mean(),
            }
        for statistic, value in values.items():
            found.setdefault(f"activation/{statistic}/{what}", []).append(value)
    return {n: v[0] if n in alone else np.array(v) for n, v in found.items()}


def equal_width(trace: dict[str, Tensor]) -> bool:
    shapes = {x.shape for name, x in trace.items() if name.endswith("resid_post")}
    return len(shapes) == 1 and all(len(s) < 4 for s in shapes)


def cosine(x: np.ndarray) -> float:
    unit = x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)
    each = unit @ unit.swapaxes(-1, -2)
    tokens = x.shape[-2]
    others = ~np.eye(tokens, dtype=bool)
    return float(np.mean([one[others].mean() for one in each.reshape(-1, tokens, tokens)]))


def rank(x: np.ndarray) -> float:
    sigma = np.linalg.svd(x.reshape(-1, x.shape[-1])[:64], compute_uv=False)
    share = sigma / sigma.sum()
    return float(np.exp(-(share[share > 0] * np.log(share[share > 0])).sum()))


def config_of(wiring: str) -> RunConfig:
    if wiring in OTHER:
        return OTHER[wiring]
    few = {"training__steps": LAST + 1, "training__evaluate_every": 0, "probes__every": LAST}
    return small(**few, **WIRINGS[wiring])


@pytest.mark.parametrize("wiring", [*WIRINGS, *OTHER])
def test_a_probes_values_are_those_of_float64(store: RunStore, wiring: str) -> None:
    trainer = Trainer(store.create(config_of(wiring)), NullControl())
    naive = Naive(trainer)
    trainer.hooks.insert(0, naive)
    trainer.train()
    run = trainer.run
    probed = run.cadence_metrics("probe")
    paths = {name for name in probed if name.startswith(("skip/", "branch/"))}
    assert bool(paths) == (wiring != "resnet")  # test_skip_paths.py has their equations
    assert set(naive.found) == {
        *(set(probed) - paths),
        *(n for n in run.metrics() if n.startswith("grad_norm/")),
    }
    for name, expected in naive.found.items():
        steps, values = run.series(name)
        measured = values[steps.tolist().index(LAST)]
        np.testing.assert_allclose(measured, expected, rtol=1e-5, atol=0, err_msg=name)


def test_a_mean_far_from_zero_and_one_at_zero():
    base = torch.randn(1, 64, 48, generator=torch.Generator().manual_seed(3))
    for x in (base + 3e4, base * 1e-12, base * 1e12, base - base.mean(-1, keepdim=True)):
        found = statistics({"embed": x})
        expected = of_activations({"embed": x})
        for name, value in found.items():
            np.testing.assert_allclose(value, expected[name], rtol=1e-5, atol=0, err_msg=name)


def test_what_is_measured_in_parts_is_as_together(monkeypatch: pytest.MonkeyPatch):
    trace = {f"blocks.{i}.resid_post": torch.randn(1, 8, 16) for i in range(5)}
    whole = statistics(trace)
    monkeypatch.setattr("core.probes.activations.TOGETHER", 300)
    for name, value in statistics(trace).items():
        torch.testing.assert_close(value, whole[name], rtol=1e-12, atol=0)


def test_the_gradient_of_a_large_matrix_keeps_its_digits():
    class Wide(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token = torch.nn.Linear(1500, 2000)
            self.blocks = torch.nn.ModuleList()

    model = Wide()
    random = torch.Generator().manual_seed(0)
    for p in model.parameters():
        p.grad = torch.randn(p.shape, generator=random)
    norms = GradientNorms(model)
    measured = norms.measure()
    expected = length([wide(p.grad) for p in model.parameters()])
    assert float(measured[0]) == pytest.approx(expected, rel=1e-6)

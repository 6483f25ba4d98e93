"""The LayerNorm that is operated by hand computes what torch does, gradient included."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.lessons.by_hand import layer_norm, vector


@pytest.mark.parametrize("output", [0, 3])
@pytest.mark.parametrize(("gamma", "beta", "epsilon"), [(1.0, 0.0, 1e-5), (-2.5, 1.5, 0.1)])
def test_it_is_torch_s(output: int, gamma: float, beta: float, epsilon: float):
    typed = vector("2, -1  0.5；6")
    found = layer_norm(typed, output, gamma, beta, epsilon)
    x = torch.tensor(typed, requires_grad=True)
    weight = torch.full((4,), gamma, dtype=torch.float64)
    bias = torch.full((4,), beta, dtype=torch.float64)
    y = torch.nn.functional.layer_norm(x, (4,), weight, bias, epsilon)
    y[output].backward()
    np.testing.assert_allclose(found.y, y.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(found.gradient, x.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_the_printed_formula_is_the_same_without_epsilon():
    found = layer_norm(vector("1 2 4"), epsilon=0.0)
    np.testing.assert_allclose(found.printed, found.normed, rtol=1e-12)
    assert found.printed.mean() == pytest.approx(0, abs=1e-12)
    assert found.printed.std() == pytest.approx(1)
    assert layer_norm(vector("1 2 4"), epsilon=0.1).apart > 0.01


def test_scale_and_shift_leave_the_result_and_scale_the_gradient():
    x = vector("1, 2, 4")
    base = layer_norm(x, epsilon=0.0)
    np.testing.assert_allclose(layer_norm(10 * x + 5, epsilon=0.0).y, base.y, rtol=1e-12)
    moved = layer_norm(10 * x, epsilon=0.0)
    np.testing.assert_allclose(moved.gradient, base.gradient / 10, rtol=1e-9)
    assert base.gradient.sum() == pytest.approx(0, abs=1e-12)


def test_equal_numbers():
    found = layer_norm(vector("3 3 3"), beta=0.5)
    assert found.printed is None
    assert found.apart is None
    np.testing.assert_allclose(found.y, 0.5)
    with pytest.raises(ValueError, match="0 divided by 0"):
        layer_norm(vector("3 3 3"), epsilon=0.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "type 2 to 12 numbers; there are 0"),
        ("1", "there are 1"),
        ("1, two", "two is not a number"),
        ("1, nan", "nan is too large"),
        ("1, 1e9", "1e9 is too large"),
        ("1 " * 13, "there are 13"),
    ],
)
def test_what_is_no_vector_is_refused_in_a_sentence(text: str, said: str):
    with pytest.raises(ValueError, match=said):
        vector(text)

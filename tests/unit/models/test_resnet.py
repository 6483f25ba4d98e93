"""The ResNet against one written by hand, its observables, and its gradient groups."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn

from core.config import IMAGES, ModelConfig, Shape
from core.models import build_model, parameter_groups
from core.models.resnet import ResNet


class ReferenceBlock(nn.Module):
    """The tutorial's ResidualBlock, word for word."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, stride=1, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return self.relu(out)


class Reference(nn.Module):
    """The tutorial's ResNet with the channels, strides and argument that it lost."""

    def __init__(self, blocks: int, base: int, num_classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, base, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(base)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._make_layer(base, base, blocks, stride=1)
        self.layer2 = self._make_layer(base, 2 * base, blocks, stride=2)
        self.layer3 = self._make_layer(2 * base, 4 * base, blocks, stride=2)
        self.layer4 = self._make_layer(4 * base, 8 * base, blocks, stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(8 * base, num_classes)

    def _make_layer(self, inward: int, outward: int, blocks: int, stride: int) -> nn.Sequential:
        layers = [ReferenceBlock(inward, outward, stride)]
        layers += [ReferenceBlock(outward, outward) for _ in range(blocks - 1)]
        return nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


def copied(ours: ResNet, reference: Reference) -> None:
    """Every tensor of ours into the reference, in the order of computation."""
    mine, theirs = ours.state_dict(), reference.state_dict()
    assert [v.shape for v in mine.values()] == [v.shape for v in theirs.values()]
    reference.load_state_dict(dict(zip(theirs, mine.values(), strict=True)))


@pytest.mark.parametrize("blocks", [1, 2])
def test_equals_the_tutorials_network(blocks):
    image = Shape(3, 64, 48)
    config = ModelConfig(
        family="resnet", norm="batch", blocks_per_stage=blocks, stem="large", head_bias=True
    )
    ours, reference = build_model(config, 12, image), Reference(blocks, 64, 12)
    copied(ours, reference)
    ours.double()
    reference.double()
    images = torch.randn(4, *image, dtype=torch.float64)
    for _ in range(2):  # in training mode, where the running statistics move
        torch.testing.assert_close(ours(images), reference(images), atol=1e-10, rtol=0)
    ours(images).square().mean().backward()
    reference(images).square().mean().backward()
    for mine, theirs in zip(ours.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, atol=1e-9, rtol=1e-7)
    for mine, theirs in zip(ours.buffers(), reference.buffers(), strict=True):
        torch.testing.assert_close(mine, theirs)
    torch.testing.assert_close(ours.eval()(images), reference.eval()(images), atol=1e-10, rtol=0)


def test_published_sizes():
    def count(blocks: int, image: Shape, classes: int) -> int:
        config = ModelConfig(family="resnet", norm="batch", blocks_per_stage=blocks, head_bias=True)
        return sum(p.numel() for p in build_model(config, classes, image).parameters())

    assert count(2, Shape(3, 224, 224), 1000) == 11_689_512  # torchvision's resnet18
    assert count(2, IMAGES["cifar-10"], 10) == 11_173_962  # with the 3×3 stem, as often printed


CONFIGS = [
    ModelConfig(family="resnet", width=8, norm=norm, residual=residual, blocks_per_stage=blocks)
    for norm, residual, blocks in itertools.product(
        ("batch", "group", "layer", "none"), ("on", "off"), (1, 2)
    )
]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_names_shapes_and_gradients(config):
    model = build_model(config, 10, Shape(1, 9, 8))
    images = torch.randn(3, 1, 9, 8)
    trace = model.trace(images)
    stages = [(8, 9, 8), (16, 5, 4), (32, 3, 2), (64, 2, 1)]
    expected = {"embed": (3, *stages[0])}
    inward = stages[0]
    for i in range(config.blocks):
        stage = stages[i // config.blocks_per_stage]
        expected[f"blocks.{i}.resid_pre"] = (3, *inward)
        names = ["conv1.pre", "conv1.post", "conv2.out", "shortcut.out", "conv2.sum", "resid_post"]
        if config.residual == "off":
            names.remove("shortcut.out")
        expected |= {f"blocks.{i}.{name}": (3, *stage) for name in names}
        inward = stage
    expected |= {"pool.out": (3, 64), "logits": (3, 10)}
    assert {name: tuple(value.shape) for name, value in trace.items()} == expected
    assert list(trace) == list(expected)
    if config.norm != "batch":  # whose second pass has moved nothing but its statistics
        torch.testing.assert_close(model(images), trace["logits"])
    model(images).logsumexp(-1).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_every_parameter_is_in_one_group(config):
    model = build_model(config, 10, Shape(1, 8, 8))
    groups = parameter_groups(model)
    names = [n for g, layers in groups.items() if g != "block" for p in layers for n, _, _ in p]
    assert sorted(names) == sorted(n for n, _ in model.named_parameters())
    wanted = {"embed", "conv1", "conv2", "block", "head"}
    wanted |= {"norm"} if config.norm != "none" else set()
    wanted |= {"shortcut"} if config.residual == "on" else set()
    assert set(groups) == wanted
    assert len(groups["block"]) == config.blocks
    projected = [bool(layer) for layer in groups.get("shortcut", [])]
    first = [i % config.blocks_per_stage == 0 and i > 0 for i in range(config.blocks)]
    assert not projected or projected == first


def test_twins_share_what_both_have():
    shape = Shape(1, 8, 8)
    torch.manual_seed(3)
    on = dict(build_model(CONFIGS[0], 10, shape).named_parameters())
    off = dict(build_model(CONFIGS[2], 10, shape).named_parameters())
    assert CONFIGS[2].residual == "off"
    assert set(off) < set(on)
    assert all(torch.equal(on[name], tensor) for name, tensor in off.items())


@pytest.mark.parametrize("init", ["torch", "xavier", "gpt2", "uniform"])
def test_initial_spread(init):
    config = ModelConfig(family="resnet", width=16, norm="none", init=init)
    weight = build_model(config, 10, Shape(1, 8, 8)).blocks[1].conv2.weight
    fan = 16 * 9
    expected = {"gpt2": 0.02, "xavier": fan**-0.5}.get(init, (3 * fan) ** -0.5)
    assert weight.std().item() == pytest.approx(expected, rel=0.05)

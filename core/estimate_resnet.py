"""Parameters, operations and memory of a ResNet, by walking its layers. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from core.config import SMALL_IMAGE, ModelConfig, Shape
from core.config.families import STAGES


class Layer(NamedTuple):
    """One convolution: where it belongs, its channels and kernel, and the pixels that it fills."""

    part: str  # embed, conv or shortcut
    in_channels: int
    out_channels: int
    kernel: int
    pixels: int
    read: int  # pixels of its input

    @property
    def weights(self) -> int:
        """Its parameters."""
        return self.in_channels * self.out_channels * self.kernel**2


class Kept(NamedTuple):
    """Numbers per token (window, image) that a backward pass needs: around the blocks, what each
    block reads, and all that is kept within it."""

    around: int
    read: tuple[int, ...]
    inside: tuple[int, ...]

    @property
    def all(self) -> int:
        """Everything is kept."""
        return self.around + sum(self.inside)

    @property
    def recomputed(self) -> int:
        """What each block reads is kept, and the rest of one block at a time."""
        return self.around + sum(self.read) + max(self.inside)


def layers(model: ModelConfig, image: Shape) -> Iterator[Layer]:
    """Every convolution, in the order of computation."""
    sides = (image.height, image.width)
    pixels = sides[0] * sides[1]
    small = model.stem == "small" or (model.stem == "auto" and max(sides) <= SMALL_IMAGE)
    if not small:
        sides = _halved(sides)
    channels, kernel = model.width, 3 if small else 7
    yield Layer("embed", image.channels, channels, kernel, sides[0] * sides[1], pixels)
    if not small:
        sides = _halved(sides)
    for times, stride in STAGES:
        for first in [True] + [False] * (model.blocks_per_stage - 1):
            out_channels, read = times * model.width, sides[0] * sides[1]
            halved = first and stride == 2
            if halved:
                sides = _halved(sides)
            pixels = sides[0] * sides[1]
            yield Layer("conv", channels, out_channels, 3, pixels, read)
            yield Layer("conv", out_channels, out_channels, 3, pixels, pixels)
            if model.residual == "on" and (halved or channels != out_channels):
                yield Layer("shortcut", channels, out_channels, 1, pixels, read)
            channels = out_channels


def breakdown(model: ModelConfig, classes: int, image: Shape) -> dict[str, int]:
    """Parameters by part: ``embed`` (the stem), ``conv``, ``shortcut``, ``norm``, ``head``."""
    found = {"embed": 0, "conv": 0, "shortcut": 0, "norm": 0, "head": 0}
    for layer in layers(model, image):
        found[layer.part] += layer.weights
        found["norm"] += 2 * layer.out_channels * (model.norm != "none")
    found["head"] = classes * (8 * model.width + model.head_bias)
    return found


def flops(model: ModelConfig, classes: int, image: Shape) -> float:
    """Forward and backward of one image: 6 for each weight at each place, as in a Transformer.

    4 in the stem, whose input needs no gradient.
    """
    total = 6.0 * classes * 8 * model.width
    for layer in layers(model, image):
        total += (4.0 if layer.part == "embed" else 6.0) * layer.weights * layer.pixels
    return total


def kept_floats(model: ModelConfig, classes: int, image: Shape) -> Kept:
    """Numbers kept per image for the backward pass, a close estimate.

    What each convolution and each norm reads, what the large stem's pooling reads and, as 64-bit
    numbers, which pixels it took, and what the last ReLU gives. Then the logits, their logarithms
    and their gradient.
    """
    walked = list(layers(model, image))
    stem, pooled, last = walked[0], walked[1].read, walked[-1]
    around = 3 * classes + 8 * model.width * (1 + last.pixels) + _kept_by(model, stem)
    if pooled != stem.pixels:
        around += model.width * (stem.pixels + 2 * pooled)
    read: list[int] = []
    inside: list[int] = []
    convolutions = 0
    for layer in walked[1:]:
        if layer.part == "conv" and convolutions % 2 == 0:  # the first of a block's two
            read.append(layer.in_channels * layer.read)
            inside.append(0)
        convolutions += layer.part == "conv"
        inside[-1] += _kept_by(model, layer)
    return Kept(around, tuple(read), tuple(inside))


def _kept_by(model: ModelConfig, layer: Layer) -> int:
    """What one convolution reads, a shortcut's beside conv1 once, and what its norm reads."""
    read = 0 if layer.part == "shortcut" else layer.in_channels * layer.read
    return read + layer.out_channels * layer.pixels * (model.norm != "none")


def _halved(sides: tuple[int, int]) -> tuple[int, int]:
    return (sides[0] + 1) // 2, (sides[1] + 1) // 2

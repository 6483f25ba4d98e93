"""The residual network (He et al. 2016, arXiv 1512.03385), where *Add* comes from.

B images, C channels, H and W their rows and columns, D channels of the first stage, V classes.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from core.config import SMALL_IMAGE, ModelConfig, Shape
from core.config.families import STAGES
from core.models.initialise import initialise
from core.models.layers import Convolution, Linear
from core.models.observe import See, Traced, no_observer
from core.models.stack import Stack

GROUP_CHANNELS = 16  # Wu & He 2018, section 4.1: as good as 32 groups, and fits narrow networks


class Block(nn.Module):
    """y = ReLU( skip(x) + F(x) ) with F = norm2 conv2 ReLU norm1 conv1, (B, C, H, W) -> the same.

    ::

        x ─┬──────────────── shortcut ────────────────┐
           └─ conv1 ─ norm1 ─ ReLU ─ conv2 ─ norm2 ─ (+) ─ ReLU ─ y
                         pre    post           out   sum

    Where the shape changes the shortcut is a projection with a norm, elsewhere the identity;
    without Add there is none. Observables: ``conv1.pre conv1.post conv2.out shortcut.out
    conv2.sum`` between ``resid_pre`` and ``resid_post``, as with a feed-forward sublayer.
    """

    def __init__(self, config: ModelConfig, in_channels: int, channels: int, stride: int, i: int):
        super().__init__()
        self.name = f"blocks.{i}"
        self.conv1 = Convolution(in_channels, channels, 3, stride)
        self.norm1 = norm(config, channels)
        self.conv2 = Convolution(channels, channels, 3)
        self.norm2 = norm(config, channels)
        self.relu = nn.ReLU()
        self.has_skip = config.residual == "on"
        self.shortcut: nn.Module = nn.Identity()
        if self.has_skip and (stride != 1 or in_channels != channels):
            parts = (Convolution(in_channels, channels, 1, stride), norm(config, channels))
            self.shortcut = nn.Sequential(*parts)

    def forward(self, x: Tensor, see: See = no_observer) -> Tensor:
        x = see(self.name + ".resid_pre", x)
        pre = see(self.name + ".conv1.pre", self.norm1(self.conv1(x)))
        post = see(self.name + ".conv1.post", self.relu(pre))
        y = see(self.name + ".conv2.out", self.norm2(self.conv2(post)))
        if self.has_skip:
            y = see(self.name + ".shortcut.out", self.shortcut(x)) + y
        return see(self.name + ".resid_post", self.relu(see(self.name + ".conv2.sum", y)))


class ResNet(Traced):
    """Images to classes, (B, C, H, W) -> (B, V) logits.

    ::

        images ─ conv ─ norm ─ ReLU (─ max-pool) ─ 4 stages of blocks ─ average ─ head ─ logits
                                               embed                   pool.out

    The large stem is 7×7 with stride 2 and a 3×3 max-pool with stride 2, as published; the small
    one 3×3 at full resolution, for images of few pixels (He et al. 2016, section 4.2).
    """

    def __init__(self, config: ModelConfig, vocab_size: int, image: Shape) -> None:
        super().__init__()
        self.config = config
        self.vocab_size = vocab_size
        small = small_stem(config, image)
        stem = (image.channels, config.width, 3 if small else 7, 1 if small else 2)
        self.conv = Convolution(*stem)
        self.norm = norm(config, config.width)
        self.relu = nn.ReLU()
        self.pool = nn.Identity() if small else nn.MaxPool2d(3, stride=2, padding=1)
        blocks: list[Block] = []
        channels = config.width
        for times, stride in STAGES:
            for first in [True] + [False] * (config.blocks_per_stage - 1):
                out_channels = times * config.width
                step = stride if first else 1
                blocks.append(Block(config, channels, out_channels, step, len(blocks)))
                channels = out_channels
        self.blocks = Stack(blocks)
        self.head = Linear(channels, vocab_size, config.head_bias)
        initialise(self, config)

    def forward(self, images: Tensor, see: See = no_observer) -> Tensor:
        """Logits (B, V); every observable passes through `see` on its way."""
        x = see("embed", self.pool(self.relu(self.norm(self.conv(images)))))  # (B, D, H, W)
        x = self.blocks(x, see)
        x = see("pool.out", x.mean((2, 3)))  # (B, 8 D)
        return see("logits", self.head(x))


def small_stem(config: ModelConfig, image: Shape) -> bool:
    """Whether the stem keeps the resolution, `stem: auto` resolved."""
    if config.stem == "auto":
        return max(image.height, image.width) <= SMALL_IMAGE
    return config.stem == "small"


NORMS: dict[str, Callable[[int, float], nn.Module]] = {
    "batch": lambda channels, epsilon: nn.BatchNorm2d(channels, epsilon),
    "group": lambda channels, epsilon: nn.GroupNorm(_groups(channels), channels, epsilon),
    "layer": lambda channels, epsilon: nn.GroupNorm(1, channels, epsilon),
    "none": lambda channels, epsilon: nn.Identity(),
}


def norm(config: ModelConfig, channels: int) -> nn.Module:
    """The config's norm of a feature map, (B, C, H, W) -> the same.

    BatchNorm (Ioffe & Szegedy 2015) measures each channel over the batch, LayerNorm each image
    over all channels and pixels, GroupNorm (Wu & He 2018) each image over 16 channels at a time.
    """
    return NORMS[config.norm](channels, config.norm_epsilon)


def _groups(channels: int) -> int:
    wanted = max(1, channels // GROUP_CHANNELS)
    return max(g for g in range(1, wanted + 1) if channels % g == 0)

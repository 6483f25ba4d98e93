"""The words that the settings of the network accept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from core.config.norms import NORMS
from core.config.wiring import PLACEMENTS, SCALINGS

Residual = Literal["on", "off", "attention", "feedforward"]
Positions = Literal["sinusoidal", "learned", "rotary", "alibi", "none"]
Activation = Literal["relu", "gelu", "gelu_tanh", "swiglu"]
Initialisation = Literal["torch", "gpt2", "xavier", "uniform"]
QKNorm = Literal["off", "head", "width"]
Sublayers = Literal["both", "attention", "feedforward"]
AutoOnOff = Literal["auto", "on", "off"]
Stem = Literal["auto", "large", "small"]

# Norms of convolutions, which core.models.resnet knows.
CONVOLUTIONAL = ("batch", "group")

if TYPE_CHECKING:
    Placement = str
    Norm = str
    Scaling = str
else:  # one for each row or module that there is
    Placement = Literal[tuple(PLACEMENTS)]
    Norm = Literal[tuple(n for n in NORMS if n != "none") + CONVOLUTIONAL + ("none",)]
    Scaling = Literal[tuple(SCALINGS)]

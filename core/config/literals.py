"""The words that settings of the network accept; norms.py and wiring.py have those of theirs."""

from __future__ import annotations

from typing import Any, Literal

Residual = Literal["on", "off", "attention", "feedforward"]
Positions = Literal["sinusoidal", "learned", "rotary", "alibi", "none"]
Activation = Literal["relu", "gelu", "gelu_tanh", "swiglu"]
Initialisation = Literal["torch", "gpt2", "xavier", "uniform"]
QKNorm = Literal["off", "head", "width"]
Sublayers = Literal["both", "attention", "feedforward"]
AutoOnOff = Literal["auto", "on", "off"]
Stem = Literal["auto", "large", "small"]


def on_or_off(value: Any) -> Any:
    """Booleans as the words `on` and `off`: writers of JSON and TOML naturally give them."""
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else value

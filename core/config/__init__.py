"""Every setting of a run, once: the command line, the widgets and their help derive from it.

Plain data: importing this package does not import torch. A setting is named by its dotted path
(``model.depth``); a widget's key is that path with underscores (``model_depth``).
"""

from core.config.families import (
    CLASSES,
    IMAGES,
    SMALL_IMAGE,
    Shape,
    accepted,
    adapt,
    applies,
)
from core.config.groups import DataConfig, OptimizerConfig, ProbesConfig, TrainingConfig
from core.config.model import ModelConfig
from core.config.norms import NORMS
from core.config.overrides import Override, Switch
from core.config.refusals import explain
from core.config.resolving import idle, impossible, resolve
from core.config.rules import conflicts
from core.config.run import SCHEMA, RunConfig, choices, nested, settings
from core.config.tasks import SYNTHETIC
from core.config.wiring import PLACEMENTS

__all__ = [
    "CLASSES",
    "IMAGES",
    "NORMS",
    "PLACEMENTS",
    "SCHEMA",
    "SMALL_IMAGE",
    "SYNTHETIC",
    "DataConfig",
    "ModelConfig",
    "OptimizerConfig",
    "Override",
    "ProbesConfig",
    "RunConfig",
    "Shape",
    "Switch",
    "TrainingConfig",
    "accepted",
    "adapt",
    "applies",
    "choices",
    "conflicts",
    "explain",
    "idle",
    "impossible",
    "nested",
    "resolve",
    "settings",
]

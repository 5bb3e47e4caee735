"""A small model learns from a large one: its outputs, or what goes on within it."""

from __future__ import annotations

from hornbeam.distillation.distiller import Distiller
from hornbeam.distillation.losses import DistillationLoss, FeatureDistillation, LogitsDistillation

__all__ = ["DistillationLoss", "Distiller", "FeatureDistillation", "LogitsDistillation"]

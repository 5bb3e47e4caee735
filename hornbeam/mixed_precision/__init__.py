"""Computing in small floats: the policies under their older names, and loss scaling."""

from __future__ import annotations

from hornbeam.dtype_policies.policy import DTypePolicy, dtype_policy, set_dtype_policy
from hornbeam.optimizers.loss_scale import LossScaleOptimizer

Policy = DTypePolicy
global_policy = dtype_policy
set_global_policy = set_dtype_policy

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]

from . import (
    activations,
    applications,
    backend,
    callbacks,
    compat,
    config,
    constraints,
    datasets,
    distillation,
    dtype_policies,
    export,
    initializers,
    layers,
    legacy,
    losses,
    metrics,
    mixed_precision,
    models,
    ops,
    optimizers,
    preprocessing,
    quantizers,
    random,
    regularizers,
    saving,
    tree,
    utils,
    visualization,
    wrappers,
)
from ._version import __version__, version
from .autodiff import grad, value_and_grad
from .backends.registry import device, use_backend
from .backends.symbolic import KerasTensor
from .dtype_policies import DTypePolicy, FloatDTypePolicy
from .initializers import Initializer
from .layers.core.input_layer import Input
from .layers.input_spec import InputSpec
from .layers.layer import Layer
from .layers.rematerialization import RematScope, remat
from .losses import Loss
from .metrics import Metric
from .models import Function, Model, Sequential
from .naming import name_scope
from .ops.operation import Operation
from .optimizers import Optimizer
from .quantizers import Quantizer
from .regularizers import Regularizer
from .scopes import StatelessScope, SymbolicScope
from .variables import Variable

__all__ = [
    "DTypePolicy",
    "FloatDTypePolicy",
    "Function",
    "Initializer",
    "Input",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Operation",
    "Optimizer",
    "Quantizer",
    "Regularizer",
    "RematScope",
    "Sequential",
    "StatelessScope",
    "SymbolicScope",
    "Variable",
    "__version__",
    "activations",
    "applications",
    "backend",
    "callbacks",
    "compat",
    "config",
    "constraints",
    "datasets",
    "device",
    "distillation",
    "dtype_policies",
    "export",
    "grad",
    "initializers",
    "layers",
    "legacy",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "name_scope",
    "ops",
    "optimizers",
    "preprocessing",
    "quantizers",
    "random",
    "regularizers",
    "remat",
    "saving",
    "tree",
    "use_backend",
    "utils",
    "value_and_grad",
    "version",
    "visualization",
    "wrappers",
]

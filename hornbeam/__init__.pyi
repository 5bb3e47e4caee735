from . import config, ops, random, saving, tree
from ._version import __version__, version
from .autodiff import grad, value_and_grad
from .backends.registry import use_backend
from .backends.symbolic import KerasTensor
from .layers.input_spec import InputSpec
from .naming import name_scope
from .variables import Variable

__all__ = [
    "InputSpec",
    "KerasTensor",
    "Variable",
    "__version__",
    "config",
    "grad",
    "name_scope",
    "ops",
    "random",
    "saving",
    "tree",
    "use_backend",
    "value_and_grad",
    "version",
]

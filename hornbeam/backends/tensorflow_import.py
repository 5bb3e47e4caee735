"""TensorFlow's import, without those of Keras and JAX; to be imported before TensorFlow itself.

TensorFlow 2.18 to 2.21 import Keras at the end of their own import, for the names that its optimizers
have in SavedModels, and JAX on the way, for one function of `tf.lite`; where Keras finds scikit-learn,
pandas and Matplotlib, it imports these too.  That is half of the time (3.8 s, 1.9 without) and 200 MB.
`tf.keras`, and what reads SavedModels, import Keras by themselves when they are used.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any


class _Refuse(Loader):
    """A loader that loads nothing: whoever can do without goes on, as if it were not installed."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        raise ModuleNotFoundError(
            f"{spec.name} is not imported for the sake of another package", name=spec.name
        )

    def exec_module(self, module: ModuleType) -> None:
        """Never called, but without it Python warns."""


class _PutOff(MetaPathFinder):
    """Finds some packages where they are, so that their paths are known, but does not load them.

    Only in the thread that made it: others may import what they like in the meantime.
    """

    def __init__(self, packages: Sequence[str]) -> None:
        self.packages = frozenset(packages)
        self.thread = threading.get_ident()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self.packages or threading.get_ident() != self.thread:
            return None
        found = PathFinder.find_spec(fullname, path, target)
        if found is not None:
            found.loader = _Refuse()
        return found


@contextmanager
def put_off(*packages: str) -> Iterator[None]:
    """A context in which imports of `packages` fail in this thread, unless they are imported already."""
    finder = _PutOff(packages)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def _jit(function: Callable[..., Any]) -> Any:
    """What `tf.lite` wants JAX for; ImportError says if it is not installed, as without us."""
    from jax import jit

    return jit(function)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # read when TensorFlow is imported

with put_off("keras", "tf_keras", "jax"):
    import tensorflow as tf

for _module in ("tensorflow.lite.python.util", "tensorflow.lite.python.lite"):
    if getattr(sys.modules.get(_module), "_jit", tf) is None:
        sys.modules[_module]._jit = _jit  # type: ignore[attr-defined]

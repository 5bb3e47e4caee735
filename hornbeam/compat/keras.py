"""A stand-in for the package `keras`: after `install()`, ``import keras`` means Hornbeam.

    import hornbeam.compat.keras
    hornbeam.compat.keras.install()

    from keras.layers import Dense
    from keras.layers.convolutional import Convolution2D  # modules of Keras 1 and 2 are found too

It works through a finder in front of `sys.meta_path`, so packages that were written for Keras run on
Hornbeam unmodified, as far as they keep to the public names, or to names below `keras.src` that are
public elsewhere.  Without `install()` this module can be used as it is: ``from hornbeam.compat import
keras``, then ``keras.layers.core.Dense``.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import hornbeam
from hornbeam.compat.paths import MODULES, OLD, PLACES, lookup, resolve
from hornbeam.compat.source import lend_private_names
from hornbeam.errors import InputError

KERAS_VERSION = "3.15.1"
"""The version that the stand-in says it is: that whose API Hornbeam has."""

SOURCE: dict[str, str] = {
    "api_export.keras_export": "hornbeam.compat.source.keras_export",
    "backend.compute_output_spec": "hornbeam.compat.source.compute_output_spec",
    "backend.get_keras_mask": "hornbeam.layers.call_context.get_mask",
    "backend.set_keras_mask": "hornbeam.layers.call_context.set_mask",
    "backend.common.backend_utils.canonicalize_axis": "hornbeam.compat.source.canonicalize_axis",
    "saving.serialization_lib.deserialize_keras_object": "hornbeam.saving.deserialize_keras_object",
    "saving.serialization_lib.serialize_keras_object": "hornbeam.saving.serialize_keras_object",
    "utils.naming.auto_name": "hornbeam.naming.unique_name",
    "utils.naming.to_snake_case": "hornbeam.naming.to_snake_case",
    "utils.python_utils.default": "hornbeam.compat.source.default",
}
"""Names below `keras.src` that are not public under any name."""

AREAS = (
    "activations applications backend callbacks constraints datasets distribution dtype_policies export "
    "initializers layers legacy losses metrics models ops optimizers quantizers random regularizers "
    "saving trainers tree utils visualization wrappers"
).split()

PRIVATE = (
    "autodiff",
    "backends",
    "cli",
    "compat",
    "errors",
    "naming",
    "scopes",
    "settings",
    "training",
    "variables",
)
"""Modules of Hornbeam that Keras has none of."""


OF_MODULES = ("applications", "datasets", "ops", "preprocessing")
PUBLIC = ("optimizers.schedules", "utils.bounding_boxes", "utils.legacy")
"""Areas, and modules in other areas, that are public modules today."""


class StandIn(types.ModuleType):
    """A module of Keras whose names are looked up in Hornbeam when they are asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in ("__all__", "__version__"):
            raise AttributeError(name)
        found = _name_in(self.__name__.partition(".")[2], name)
        if not isinstance(found, types.ModuleType):
            setattr(self, name, found)
        return found

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """``keras.layers.merge`` was a function in Keras 1 and a module in Keras 2."""
        area, module = _split(self.__name__.partition(".")[2])
        if module not in OLD.get(area, {}):
            raise TypeError(f"{self.__name__!r} is a module, not a function.")
        return lookup(area, "", module)(*args, **kwargs)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_names_of(self.__name__.partition(".")[2])})


def _split(dotted: str) -> tuple[str, str]:
    area, _, module = dotted.partition(".")
    return area, module


def _names_of(dotted: str) -> list[str]:
    """What a star-import of ``keras.<dotted>`` brings: the public names of its area."""
    if not dotted:
        return sorted({*hornbeam.__all__, *MODULES} - {*PRIVATE, "engine"})
    area, module = _split(dotted)
    area = _split(module)[0] if area == "src" else area
    for place in PLACES.get(area, (f"hornbeam.{area}" if area else "hornbeam",)):
        if _exists(place):
            return list(getattr(importlib.import_module(place), "__all__", []))
    return []


def _name_in(dotted: str, name: str) -> Any:
    """The name `name` in the module that Keras calls ``keras.<dotted>``."""
    if name == "__all__":
        return _names_of(dotted)
    area, module = _split(dotted)
    if area == "src":
        return _source(module, name)
    inner = f"{dotted}.{name}" if dotted else name
    if is_module(inner):
        return module_of(inner)
    if not dotted:
        return _top(name)
    if dotted in PUBLIC:
        return resolve(f"hornbeam.{dotted}.{name}")
    return lookup(area, module, name)


def _top(name: str) -> Any:
    if name == "__version__":
        return KERAS_VERSION
    if name == "version":
        return lambda: KERAS_VERSION
    try:
        return resolve(f"hornbeam.{name}")
    except AttributeError:
        raise AttributeError(f"module 'keras' has no attribute {name!r}") from None


def _source(dotted: str, name: str) -> Any:
    """A name below `keras.src`: its area's, wherever within the area it was defined."""
    inner = f"{dotted}.{name}" if dotted else name
    if inner in SOURCE:
        return resolve(SOURCE[inner])
    if is_module(f"src.{inner}"):
        return module_of(f"src.{inner}")
    for place in _places(dotted):
        try:
            return resolve(f"{place}.{name}")
        except AttributeError:
            continue
    raise AttributeError(f"module 'keras.src.{dotted}' has no attribute {name!r}")


def _places(dotted: str) -> list[str]:
    """Where to look for the names of ``keras.src.<dotted>``, from the inside out."""
    area, rest = _split(dotted)
    if area == "backend":
        return ["hornbeam.backend", "hornbeam.config", "hornbeam.compat.backend", "hornbeam"]
    parts = [area, *rest.split(".")] if rest else [area]
    found = [f"hornbeam.{'.'.join(parts[:n])}" for n in range(len(parts), 0, -1)]
    return [place for place in found if _exists(place)] + ["hornbeam"]


def _is_deeper(dotted: str, name: str) -> bool:
    """Whether ``keras.src.<dotted>.<name>`` may be a module: names of those are in lower case."""
    return _split(dotted)[0] in AREAS and name.islower()


def _exists(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("hornbeam"):
            raise
        return False
    return True


def is_module(dotted: str) -> bool:
    """Whether ``keras.<dotted>`` is a module of Keras 1, 2 or 3.

    Example:

    >>> is_module("layers.core"), is_module("layers.Dense")
    (True, False)
    """
    area, module = _split(dotted)
    if area == "src":
        return not module or module in (*AREAS, "api_export", "version")
    if dotted in PLACES or (area in MODULES and module in ("", *MODULES[area].split())):
        return True
    public = not module or area in OF_MODULES or dotted in PUBLIC
    return public and area not in PRIVATE and _exists(f"hornbeam.{dotted}")


def module_of(dotted: str) -> types.ModuleType:
    """The stand-in for ``keras.<dotted>``, or for `keras` itself if that is "".

    Example:

    >>> module_of("layers").Dense.__name__
    'Dense'
    """
    name = f"keras.{dotted}" if dotted else "keras"
    if name not in _made:
        module = _made[name] = StandIn(name, __doc__)
        module.__path__ = []  # a package, so that the modules below it are looked for
        module.__package__ = name
    return _made[name]


_made: dict[str, StandIn] = {}


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Answers for `keras` and everything below it."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        """A spec for a module of Keras, None for all others."""
        root, _, dotted = fullname.partition(".")
        if root != "keras":
            return None
        below, _, last = dotted.removeprefix("src.").rpartition(".")
        deeper = dotted.startswith("src.") and _is_deeper(below, last)
        if dotted and not deeper and not is_module(dotted):
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: Any) -> types.ModuleType:
        """The stand-in."""
        return module_of(spec.name.partition(".")[2])

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing is left to do."""


_finder = Finder()


def install() -> None:
    """Let ``import keras`` mean Hornbeam, in this process, from now on.

    Raises:
        InputError: if the package `keras` has been imported already.

    Example:

    >>> import hornbeam
    >>> with installed():
    ...     from keras.layers.core import Dense
    >>> Dense is hornbeam.layers.Dense
    True
    """
    there = sys.modules.get("keras")
    if there is not None and not isinstance(there, StandIn):
        raise InputError(
            "`keras` has been imported already, so a stand-in comes too late: call "
            "hornbeam.compat.keras.install() before anything imports it."
        )
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    lend_private_names()


def uninstall() -> None:
    """Let ``import keras`` mean what it meant before `install`."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    for name in [n for n in sys.modules if n.partition(".")[0] == "keras"]:
        if isinstance(sys.modules[name], StandIn):
            del sys.modules[name]


@contextmanager
def installed() -> Iterator[types.ModuleType]:
    """A context with the stand-in in the place of `keras`, also if that has been imported already."""
    before = {n: m for n, m in sys.modules.items() if n.partition(".")[0] == "keras"}
    for name in before:
        del sys.modules[name]
    install()
    try:
        yield module_of("")
    finally:
        uninstall()
        sys.modules.update(before)


def __getattr__(name: str) -> Any:
    """What `keras` has, so that this module itself can be used as the package."""
    if name.startswith("__") and name != "__version__":
        raise AttributeError(name)
    return _name_in("", name)


__all__ = ["KERAS_VERSION", "install", "installed", "uninstall"]

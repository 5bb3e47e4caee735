"""Which engines there are, which one is current, and to which one an array belongs."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

from hornbeam.backends.protocol import Backend
from hornbeam.errors import EngineNotFoundError, InputError, UnsupportedError, suggest

ENGINES: dict[str, tuple[str, str]] = {
    "jax": ("hornbeam.backends.jax", "jax"),
    "numpy": ("hornbeam.backends.numpy", "numpy"),
    "pytensor": ("hornbeam.backends.pytensor", "pytensor"),
    "torch": ("hornbeam.backends.torch", "torch"),
    "tensorflow": ("hornbeam.backends.tensorflow", "tensorflow"),
    "symbolic": ("hornbeam.backends.symbolic", "numpy"),
}
"""Name -> (module with a ``make()`` function, the package that has to be installed)."""

EXPORTERS = {"tf_saved_model": "tensorflow", "onnx": "torch", "torch": "torch"}
"""Format of programs -> the engine that writes it."""

DEFAULT = "jax"
ENTRY_POINTS = "hornbeam.backends"

_made: dict[str, Backend] = {}
_factories: dict[str, Callable[[], Backend]] = {}
_lock = threading.RLock()
_default: Backend | None = None
_scoped: ContextVar[Backend | None] = ContextVar("hornbeam_backend", default=None)
_by_type: dict[type, Backend | None] = {}


def register(name: str, factory: Callable[[], Backend]) -> None:
    """Make an engine known under `name`; `factory` builds its backend when it is first used."""
    _factories[name] = factory


def _plugins() -> dict[str, Any]:
    from importlib.metadata import entry_points

    return {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}


def known() -> list[str]:
    """The names of all engines that can be asked for, plug-ins included."""
    return sorted(({*ENGINES, *_factories, *_plugins()}) - {"symbolic"})


def installed() -> list[str]:
    """The known engines whose package can be imported here."""
    found = []
    for name in known():
        package = ENGINES[name][1] if name in ENGINES else None
        if package is None or importlib.util.find_spec(package) is not None:
            found.append(name)
    return found


def _make(name: str) -> Backend:
    if name in _factories:
        return _factories[name]()
    if name not in ENGINES:
        plugins = _plugins()
        if name in plugins:
            made = plugins[name].load()()
            assert isinstance(made, Backend)
            return made
        raise EngineNotFoundError(
            f"There is no engine named {name!r}; known are {', '.join(map(repr, known()))}."
            + suggest(name, known())
        )
    module, package = ENGINES[name]
    if importlib.util.find_spec(package) is None:
        raise EngineNotFoundError(
            f"The engine {name!r} needs the package {package!r}, which is not installed. "
            f"Run `pip install hornbeam[{name}]`, or choose one of the installed engines: "
            f"{', '.join(map(repr, installed()))}."
        )
    with _lasting():
        made = importlib.import_module(module).make()
    assert isinstance(made, Backend)
    return made


@contextmanager
def _lasting() -> Iterator[None]:
    """A context whose objects count as old for the garbage collector: it does not go through them.

    An engine's import makes 150,000 that stay, and the collector would see them again and again: 70
    of 510 ms with JAX 0.10.2.  To freeze all objects and thaw them moves them to the oldest generation
    as they are, where a collection at the end takes 20 to 100 ms.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
            if gc.get_freeze_count() < 1000:  # Python 3.12 has 375, more is a user's
                gc.freeze()
                gc.unfreeze()


def get(name: str | Backend) -> Backend:
    """The backend of that name, made on first use.

    Raises:
        EngineNotFoundError: if it is unknown or its package is not installed; the text says what
            to install.
    """
    if isinstance(name, Backend):
        return name
    found = _made.get(name)
    if found is None:
        with _lock:
            found = _made.get(name)
            if found is None:
                found = _made[name] = _make(name)
                _by_type.clear()
    return found


def exporter(format: str) -> Backend:
    """The backend that writes programs of a format.

    Raises:
        UnsupportedError: if none does; the text lists those that are written.
        EngineNotFoundError: if its package is not installed.
    """
    if format not in EXPORTERS:
        raise UnsupportedError(
            f"There is no format {format!r} to export to; there are "
            f"{', '.join(map(repr, EXPORTERS))}." + suggest(str(format), EXPORTERS)
        )
    return get(EXPORTERS[format])


def _config_file() -> str:
    home = os.environ.get("HORNBEAM_HOME") or os.path.join(os.path.expanduser("~"), ".hornbeam")
    return os.path.join(home, "hornbeam.json")


def _initial_name() -> str:
    name = os.environ.get("HORNBEAM_BACKEND")
    if name:
        return name
    try:
        with open(_config_file(), encoding="utf-8") as file:
            return str(json.load(file).get("backend", DEFAULT))
    except (OSError, ValueError, AttributeError):
        return DEFAULT


def current() -> Backend:
    """The backend on which things are made now: the innermost `use_backend`, else the default."""
    scoped = _scoped.get()
    if scoped is not None:
        return scoped
    if _default is None:
        set_backend(_initial_name())
    assert _default is not None
    return _default


def backend() -> str:
    """The name of the current engine.

    Example:

    >>> import hornbeam
    >>> hornbeam.config.backend()
    'jax'
    """
    return current().name


def set_backend(backend: str) -> None:
    """Make `backend` the engine of everything that is made from now on, in all threads.

    Models that exist already stay on the engine they were built on.

    Args:
        backend: "jax", "torch", "numpy", or the name of a registered engine.

    Raises:
        EngineNotFoundError: if it is unknown or its package is not installed.

    Example:

    >>> import hornbeam
    >>> hornbeam.config.set_backend("numpy")
    >>> type(hornbeam.ops.zeros(2)).__name__
    'ndarray'
    >>> hornbeam.config.set_backend("jax")
    """
    global _default
    _default = get(backend)


@contextmanager
def use_backend(name: str | Backend) -> Iterator[Backend]:
    """A context in which `name` is the current engine, for this thread or task only.

    Example:

    >>> import hornbeam
    >>> with hornbeam.use_backend("numpy"):
    ...     type(hornbeam.ops.zeros(2)).__name__
    'ndarray'
    """
    chosen = get(name)
    token = _scoped.set(chosen)
    try:
        yield chosen
    finally:
        _scoped.reset(token)


_NOTHING = nullcontext()


def on(backend: Backend) -> AbstractContextManager[Any]:
    """`use_backend`, or nothing where that engine is the current one: a context takes 3 us."""
    return _NOTHING if backend is current() else use_backend(backend)


@contextmanager
def device(device_name: str) -> Iterator[None]:
    """A context in which the current engine makes new arrays and variables on a device.

    What exists already stays where it is.

    Args:
        device_name: kind and number, such as "cpu:0" or "gpu:1"; without a number it is the first.
            "gpu" and "cuda" mean the same.

    Raises:
        InputError: if the engine sees no such device; the text lists those that it sees.

    Example:

    >>> import hornbeam
    >>> with hornbeam.device("cpu:0"):
    ...     x = hornbeam.ops.ones((2,))
    >>> x.tolist()
    [1.0, 1.0]
    """
    backend = current()
    with backend.on_device(_device_of(backend, device_name)):
        yield


_GPU = ("gpu", "cuda", "rocm")
"""What engines call one kind of device."""


def _device_of(backend: Backend, device_name: Any) -> str:
    """The name that the engine itself has for a device."""
    there = backend.devices()
    kind, _, index = str(device_name).lower().partition(":")
    kinds = _GPU if kind in _GPU else (kind,)
    found = [name for name in there if name in {f"{k}:{index or 0}" for k in kinds}]
    if not found or not isinstance(device_name, str):
        raise InputError(
            f"The engine {backend.name!r} sees no device {device_name!r} here, only "
            f"{', '.join(map(repr, there))}: choose one of these, or install the engine for the "
            "device that you have."
        )
    return found[0]


def engine_of(kind: type) -> Backend | None:
    """The backend whose arrays are of type `kind`, or None (NumPy arrays belong to every engine).

    Only engines that are imported already are asked: an array of another cannot exist.
    """
    try:
        return _by_type[kind]
    except KeyError:
        pass
    found = None
    for name in ENGINES:
        if name != "numpy" and (name in _made or _could_own(kind, name)):
            candidate = get(name)
            if issubclass(kind, candidate.array_types()):
                found = candidate
                break
    for name in _factories:
        if found is None and name in _made and issubclass(kind, _made[name].array_types()):
            found = _made[name]
    _by_type[kind] = found
    return found


def engine_behind(thing: Any) -> Backend | None:
    """The engine whose package `thing` comes from, or None: a module, say, or a loader of data."""
    roots = {kind.__module__.partition(".")[0] for kind in type(thing).__mro__}
    found = [name for name, (_, package) in ENGINES.items() if package in roots]
    return get(found[0]) if found else None


def _could_own(kind: type, name: str) -> bool:
    module, package = ENGINES[name]
    root = kind.__module__.partition(".")[0]
    return kind.__module__.startswith(module) or (
        package in sys.modules and root.startswith(package)
    )

"""The narrow waist: one object per tensor engine, all of them with the same protocol.

This package is the only place where an engine's name may stand.  `protocol` says what a backend
provides, `registry` finds and selects backends, and each engine has one module.
"""

from hornbeam.backends.protocol import Backend
from hornbeam.backends.registry import (
    backend,
    current,
    engine_of,
    get,
    installed,
    known,
    register,
    set_backend,
    use_backend,
)

__all__ = [
    "Backend",
    "backend",
    "current",
    "engine_of",
    "get",
    "installed",
    "known",
    "register",
    "set_backend",
    "use_backend",
]

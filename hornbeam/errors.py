"""The errors that Hornbeam raises, all of them also of the built-in kind a caller would expect.

HornbeamError
├── MixedEnginesError(TypeError)        arrays of two engines in one op
├── EngineNotFoundError(ImportError)    an engine that is unknown or not installed
├── UnsupportedError(NotImplementedError)   the engine cannot do this; the text names one that can
├── UnknownNameError(ValueError)        a string identifier that nothing is registered under
├── InputError(ValueError)              data or arguments of the wrong shape, dtype or range
└── FileError(ValueError)               a file that may not or cannot be loaded
    ├── UnsafeFileError                 it asks for something that a file may not ask for
    ├── CorruptFileError                its content does not fit together
    ├── LimitExceededError              it is larger than the caller allowed
    └── UnknownObjectError              it names a class that is not registered
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HornbeamError(Exception):
    """The base of all errors that Hornbeam raises itself."""


class MixedEnginesError(HornbeamError, TypeError):
    """Arrays of two engines met in one op."""


class EngineNotFoundError(HornbeamError, ImportError):
    """An engine that is unknown or not installed was asked for."""


class UnsupportedError(HornbeamError, NotImplementedError):
    """The engine cannot do what was asked."""


class MissingPrimitiveError(UnsupportedError, AttributeError):
    """The engine's backend lacks a primitive; for `hasattr` it is not there."""


class UnknownNameError(HornbeamError, ValueError):
    """A string identifier that nothing is registered under."""


class InputError(HornbeamError, ValueError):
    """Data or arguments of the wrong shape, dtype or range."""


class FileError(HornbeamError, ValueError):
    """A file that may not or cannot be loaded."""


class UnsafeFileError(FileError):
    """A file asks for something that a file may not ask for."""


class CorruptFileError(FileError):
    """The content of a file does not fit together."""


class LimitExceededError(FileError):
    """A file is larger than the caller allowed."""


class UnknownObjectError(FileError):
    """A file names a class that is not registered."""


def suggest(name: str, known: Iterable[str]) -> str:
    """A sentence with the nearest known names, or an empty string.

    >>> suggest("sofmax", ["softmax", "relu"])
    " Did you mean 'softmax'?"
    """
    names = sorted(set(known))
    folded: dict[str, str] = {n.lower(): n for n in reversed(names)}
    near = difflib.get_close_matches(str(name).lower(), list(folded), n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(repr(folded[n]) for n in near)}?" if near else ""

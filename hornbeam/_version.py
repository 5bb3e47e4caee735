"""The version, in one place: the build reads it from here too."""

from __future__ import annotations

__version__ = "0.1.0"


def version() -> str:
    """The version of Hornbeam, "major.minor.patch".

    Example:

    >>> import hornbeam
    >>> hornbeam.version() == hornbeam.__version__
    True
    """
    return __version__

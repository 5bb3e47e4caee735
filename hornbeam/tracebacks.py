"""Short tracebacks: the frames of the user's code and of the engine, without Hornbeam's own.

On by default; `config.disable_traceback_filtering` shows everything.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from types import TracebackType
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_HOME = os.path.dirname(os.path.abspath(__file__)) + os.sep
_enabled = True


def set_filtering(enabled: bool) -> None:
    """Turn the filtering on or off."""
    global _enabled
    _enabled = enabled


def is_filtering() -> bool:
    """Whether tracebacks are shortened."""
    return _enabled


def without_own_frames(traceback: TracebackType | None) -> TracebackType | None:
    """The same traceback without the frames of this package, the innermost one excepted."""
    frames: list[TracebackType] = []
    while traceback is not None:
        frames.append(traceback)
        traceback = traceback.tb_next
    kept = [
        frame
        for frame in frames
        if not frame.tb_frame.f_code.co_filename.startswith(_HOME) or frame is frames[-1]
    ]
    result: TracebackType | None = None
    for frame in reversed(kept):
        result = TracebackType(result, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return result


def short(fn: Callable[P, R]) -> Callable[P, R]:
    """`fn`, whose errors come with short tracebacks."""

    @functools.wraps(fn)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return fn(*args, **kwargs)
        except Exception as error:
            if not _enabled:
                raise
            raise error.with_traceback(without_own_frames(error.__traceback__)) from error.__cause__

    return wrapped

"""Files that are read are regular ones: no folder, pipe or device, and where it matters no link."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import IO

from hornbeam.errors import UnsafeFileError


def open_regular(path: Path, follow_links: bool = True) -> IO[bytes]:
    """A file, open for reading, if it is a regular one.

    It is looked at before it is opened, since opening a pipe waits for its other end, and again when it
    is open, since it may have become another one.

    Args:
        path: the file.
        follow_links: whether it may be a symbolic link to a file.

    Raises:
        FileNotFoundError: if there is none.
        UnsafeFileError: if it is of another kind.
    """
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    if not follow_links:
        flags |= getattr(os, "O_NOFOLLOW", 0)
    try:
        _check(os.stat(path, follow_symlinks=follow_links).st_mode, path)
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no file {str(path)!r}.") from None
    try:
        _check(os.fstat(descriptor).st_mode, path)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _check(mode: int, path: Path) -> None:
    if stat.S_ISLNK(mode):
        raise UnsafeFileError(f"{str(path)!r} is a link.")
    if not stat.S_ISREG(mode):
        raise UnsafeFileError(f"{str(path)!r} is no regular file.")


__all__ = ["open_regular"]

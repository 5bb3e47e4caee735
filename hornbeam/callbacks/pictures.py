"""Pictures in shades of gray as PNG files."""

from __future__ import annotations

import struct
import zlib
from typing import Any


def gray_png(pixels: Any) -> bytes:
    """The content of a PNG file.

    Args:
        pixels: uint8 NumPy array of shape ``(height, width)``.

    Example:

    >>> import numpy
    >>> from hornbeam.callbacks.pictures import gray_png
    >>> gray_png(numpy.zeros((2, 3), numpy.uint8))[1:4]
    b'PNG'
    """
    height, width = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in parts
    )

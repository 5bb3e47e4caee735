"""Event files of TensorBoard, written without TensorFlow.

An event file is a sequence of records: length, checksum, content, checksum.  The content is a protocol
buffer (`Event`), of which only the few fields below are needed, so they are encoded by hand.
"""

from __future__ import annotations

import itertools
import os
import socket
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np

_TABLE: list[int] = []
_count = itertools.count()


def crc32c(content: bytes) -> int:
    """The Castagnoli checksum.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    if not _TABLE:
        for value in range(256):
            for _ in range(8):
                value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
            _TABLE.append(value)
    crc = 0xFFFFFFFF
    for byte in content:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def record(content: bytes) -> bytes:
    """`content` between its length and its checksums."""
    length = struct.pack("<Q", len(content))
    return length + _masked(length) + content + _masked(content)


def _masked(content: bytes) -> bytes:
    crc = crc32c(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _varint(value: int) -> bytes:
    value &= 2**64 - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _int(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _float(field: int, value: float) -> bytes:
    return _varint(field << 3 | 5) + struct.pack("<f", value)


def _bytes(field: int, value: bytes | str) -> bytes:
    content = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _doubles(field: int, values: Any) -> bytes:
    return _bytes(field, np.asarray(values, "<f8").tobytes())


class EventWriter:
    """One event file.

    Args:
        folder: where to; it is made.

    Example:

    >>> import tempfile, os
    >>> from hornbeam.callbacks.events import EventWriter
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     writer = EventWriter(folder)
    ...     writer.scalar("loss", 0.5, step=1)
    ...     writer.close()
    ...     [name.startswith("events.out.tfevents.") for name in os.listdir(folder)]
    [True]
    """

    def __init__(self, folder: Any) -> None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        host = socket.gethostname().replace("/", "_") or "localhost"
        name = f"events.out.tfevents.{int(time.time())}.{host}.{os.getpid()}.{next(_count)}.v2"
        self.path = Path(folder) / name
        self.path.write_bytes(record(_double(1, time.time()) + _bytes(3, "brain.Event:2")))

    def _write(self, value: bytes, step: int) -> None:
        event = _double(1, time.time()) + _int(2, step) + _bytes(5, _bytes(1, value))
        with self.path.open("ab") as file:  # nothing stays open, nothing is lost with the process
            file.write(record(event))

    def scalar(self, tag: str, value: float, step: int) -> None:
        """A number."""
        self._write(_bytes(1, tag) + _float(2, value), step)

    def histogram(self, tag: str, values: Any, step: int, bins: int = 30) -> None:
        """The distribution of the finite values of an array."""
        flat = np.asarray(values, np.float64).ravel()
        flat = flat[np.isfinite(flat)]
        counts, edges = np.histogram(flat, bins) if flat.size else ([0.0], [0.0, 0.0])
        content = b"".join(
            [
                _double(1, flat.min() if flat.size else 0.0),
                _double(2, flat.max() if flat.size else 0.0),
                _double(3, flat.size),
                _double(4, flat.sum()),
                _double(5, (flat**2).sum()),
                _doubles(6, edges[1:]),
                _doubles(7, counts),
            ]
        )
        self._write(_bytes(1, tag) + _bytes(5, content), step)

    def image(self, tag: str, png: bytes, height: int, width: int, step: int) -> None:
        """A picture, as the content of a PNG file in shades of gray."""
        content = _int(1, height) + _int(2, width) + _int(3, 1) + _bytes(4, png)
        self._write(_bytes(1, tag) + _bytes(4, content), step)

    def text(self, tag: str, value: str, step: int, plugin: str = "text") -> None:
        """Text, for one of TensorBoard's plugins."""
        metadata = _bytes(1, _bytes(1, plugin))
        tensor = _int(1, 7) + _bytes(2, b"") + _bytes(8, value)  # a scalar of type string
        self._write(_bytes(1, tag) + _bytes(8, tensor) + _bytes(9, metadata), step)

    def close(self) -> None:
        """Make sure that everything is on the disk."""
        with self.path.open("rb+") as file:
            os.fsync(file.fileno())

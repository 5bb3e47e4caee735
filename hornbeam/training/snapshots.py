"""Snapshots: nested plain data and arrays in one file that is whole, or refused.

A snapshot is JSON for what is plain data and raw bytes for arrays, with checksums of both.  It names no
class and nothing is run because it says so.  Layout: eight bytes of magic, the length of the header
(little-endian, 64 bits), the SHA-256 of the header, the header (JSON), the arrays one after another.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hornbeam.backends.numpy import native_dtype
from hornbeam.errors import CorruptFileError
from hornbeam.saving.atomic import atomic_write

MAGIC = b"HBSNAP01"
TAG = "~"
"""The key that marks a JSON object as something other than a dict with string keys."""
_HEAD = struct.Struct("<8sQ32s")


def is_plain(value: Any) -> bool:
    """Whether `value` is data that a snapshot can hold: numbers, text, arrays, nested in containers.

    >>> is_plain({"wait": 3, "best": (1.5, None)}), is_plain([print])
    (True, False)
    """
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return True
    if isinstance(value, (np.ndarray, np.generic)):
        return not value.dtype.hasobject and value.dtype.kind in "biufcV" and not value.dtype.names
    if isinstance(value, (list, tuple)):
        return type(value) in (list, tuple) and all(is_plain(item) for item in value)
    if isinstance(value, Mapping):
        return type(value) is dict and all(is_plain(k) and is_plain(v) for k, v in value.items())
    return False


def to_bytes(value: Any) -> list[bytes]:
    """`value` as the pieces of a snapshot, one after another.

    Raises:
        TypeError: naming the type of what is no plain data.
    """
    arrays: list[Any] = []
    body = _encode(value, arrays)
    table = [[a.dtype.name, list(a.shape)] for a in arrays]
    data = [np.ascontiguousarray(a).tobytes() for a in arrays]
    digest = hashlib.sha256()
    for piece in data:
        digest.update(piece)
    header = json.dumps({"arrays": table, "sha256": digest.hexdigest(), "value": body}).encode()
    head = _HEAD.pack(MAGIC, len(header), hashlib.sha256(header).digest())
    return [head, header, *data]


def write(path: str | Path, value: Any) -> None:
    """Write a snapshot; at every moment the file is the whole old one or the whole new one."""
    pieces = to_bytes(value)
    with atomic_write(path) as file:
        for piece in pieces:
            file.write(piece)


def read(path: str | Path) -> Any:
    """The value of a snapshot.

    Raises:
        CorruptFileError: if it is damaged in any way.
    """
    content = Path(path).read_bytes()
    shown = repr(str(path))
    if len(content) < _HEAD.size or content[:8] != MAGIC:
        raise CorruptFileError(f"{shown} is not a snapshot of a run.")
    _, length, digest = _HEAD.unpack_from(content)
    header = content[_HEAD.size : _HEAD.size + length]
    if len(header) != length or hashlib.sha256(header).digest() != digest:
        raise CorruptFileError(
            f"The snapshot {shown} is damaged: its header is not what was written."
        )
    parsed = json.loads(header)
    data = memoryview(content)[_HEAD.size + length :]
    if hashlib.sha256(data).hexdigest() != parsed["sha256"]:
        raise CorruptFileError(
            f"The snapshot {shown} is damaged: its arrays are not what was written."
        )
    arrays, place = [], 0
    for name, shape in parsed["arrays"]:
        dtype = native_dtype(name)
        count = int(np.prod(shape, dtype=np.int64))
        arrays.append(np.frombuffer(data, dtype, count, place).reshape(shape).copy())
        place += count * dtype.itemsize
    return _decode(parsed["value"], arrays)


def _encode(value: Any, arrays: list[Any]) -> Any:
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, np.generic):
        arrays.append(np.asarray(value))
        return {TAG: "scalar", "v": len(arrays) - 1}
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, bytes):
        return {TAG: "bytes", "v": value.hex()}
    if isinstance(value, np.ndarray) and is_plain(value):
        arrays.append(value)
        return {TAG: "array", "v": len(arrays) - 1}
    if isinstance(value, tuple):
        return {TAG: "tuple", "v": [_encode(item, arrays) for item in value]}
    if isinstance(value, list):
        return [_encode(item, arrays) for item in value]
    if isinstance(value, Mapping):
        if all(isinstance(key, str) and key != TAG for key in value):
            return {key: _encode(item, arrays) for key, item in value.items()}
        pairs = [[_encode(k, arrays), _encode(v, arrays)] for k, v in value.items()]
        return {TAG: "dict", "v": pairs}
    raise TypeError(f"A snapshot holds numbers, text and arrays, but no {type(value).__name__}.")


def _decode(value: Any, arrays: list[Any]) -> Any:
    if isinstance(value, list):
        return [_decode(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value.get(TAG)
    if kind is None:
        return {key: _decode(item, arrays) for key, item in value.items()}
    found = value["v"]
    if kind == "array":
        return arrays[found]
    if kind == "scalar":
        return arrays[found][()]
    if kind == "bytes":
        return bytes.fromhex(found)
    if kind == "tuple":
        return tuple(_decode(item, arrays) for item in found)
    return {_decode(k, arrays): _decode(v, arrays) for k, v in found}

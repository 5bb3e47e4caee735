"""Safetensors files: an 8-byte length, a JSON header, and the tensors one behind the other.

Reader and writer are Hornbeam's own: the format is small, and bfloat16 and float8 come out as they are.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import IO, Any

import numpy as np

from hornbeam.backends.numpy import empty_array, native_dtype
from hornbeam.errors import CorruptFileError, LimitExceededError
from hornbeam.saving import json_format
from hornbeam.saving.tensors import StoredTensor, raw_bytes

MAX_HEADER = 100_000_000
CODES = {
    "bool": "BOOL", "uint8": "U8", "int8": "I8", "uint16": "U16", "int16": "I16", "uint32": "U32",
    "int32": "I32", "uint64": "U64", "int64": "I64", "float16": "F16", "bfloat16": "BF16",
    "float32": "F32", "float64": "F64", "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2",
    "complex64": "C64",
}  # fmt: skip
_NAMES = {code: name for name, code in CODES.items()}
CHECKSUMS = "hornbeam.sha256"


def write(
    file: IO[bytes], specs: Mapping[str, Any], arrays: Any, metadata: Mapping[str, str]
) -> None:
    """Write tensors in the order of `specs`.

    Args:
        file: an empty file.
        specs: name -> (dtype, shape, check sum) of each tensor.
        arrays: an iterator over the arrays, in the same order.
        metadata: text that goes into the header.
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    sums = {name: digest for name, (_, _, digest) in specs.items()}
    header["__metadata__"][CHECKSUMS] = json.dumps(sums)
    offset = 0
    for name, (dtype, shape, _) in specs.items():
        if dtype not in CODES:
            raise ValueError(f"Safetensors files cannot hold {dtype} ({name!r}).")
        size = int(np.prod(shape, dtype=np.int64)) * native_dtype(dtype).itemsize
        header[name] = {
            "dtype": CODES[dtype],
            "shape": list(shape),
            "data_offsets": [offset, offset + size],
        }
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    file.write(struct.pack("<Q", len(text)) + text)
    for array in arrays:
        file.write(raw_bytes(array))


def read(file: IO[bytes], source: str) -> dict[str, StoredTensor]:
    """Name -> tensor; the header is checked as a whole first.

    Raises:
        CorruptFileError: if it is malformed, or the tensors do not cover the file exactly.
        LimitExceededError: if the header has over 100 MB.
    """
    total = file.seek(0, 2)
    file.seek(0)
    head = file.read(8)
    if len(head) < 8:
        raise CorruptFileError(f"{source!r} is no safetensors file: it has {total} bytes.")
    (length,) = struct.unpack("<Q", head)
    if length > MAX_HEADER:
        raise LimitExceededError(f"The header of {source!r} has {length} bytes; that is too many.")
    if length > total - 8:
        raise CorruptFileError(f"{source!r} is no safetensors file, or cut off in its header.")
    header = json_format.parse(file.read(length))
    if not isinstance(header, dict):
        raise CorruptFileError(f"The header of {source!r} is no JSON object.")
    metadata = header.pop("__metadata__", {})
    sums = _sums(metadata, source)
    begin = 8 + length
    found = {name: _entry(file, source, begin, name, e, sums) for name, e in header.items()}
    position = 0
    for name in sorted(header, key=lambda name: header[name]["data_offsets"]):
        start, end = header[name]["data_offsets"]
        if start != position:
            raise CorruptFileError(
                f"The tensors of {source!r} overlap or leave a hole at {name!r}."
            )
        position = end
    if position != total - begin:
        raise CorruptFileError(f"{source!r} is cut off, or has bytes that belong to no tensor.")
    return found


def _sums(metadata: Any, source: str) -> Mapping[str, Any]:
    if not isinstance(metadata, dict):
        raise CorruptFileError(f"The metadata of {source!r} is malformed.")
    sums = json_format.parse(metadata[CHECKSUMS]) if CHECKSUMS in metadata else {}
    if not isinstance(sums, dict):
        raise CorruptFileError(f"The check sums of {source!r} are malformed.")
    return sums


def _entry(
    file: IO[bytes], source: str, begin: int, name: str, entry: Any, sums: Mapping[str, Any]
) -> StoredTensor:
    def natural(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63

    well = isinstance(entry, dict) and set(entry) == {"dtype", "shape", "data_offsets"}
    shape, offsets = (entry["shape"], entry["data_offsets"]) if well else (None, None)
    if (
        not isinstance(shape, list)
        or not isinstance(offsets, list)
        or len(offsets) != 2
        or not all(map(natural, [*shape, *offsets]))
        or entry["dtype"] not in _NAMES
    ):
        raise CorruptFileError(f"The entry of {name!r} in {source!r} is malformed.")
    dtype = _NAMES[entry["dtype"]]
    size = native_dtype(dtype).itemsize
    for n in shape:
        size *= n
    if offsets[1] - offsets[0] != size:
        raise CorruptFileError(
            f"{name!r} in {source!r} should have {size} bytes, and has {offsets[1] - offsets[0]}."
        )

    def load() -> Any:
        array = empty_array(shape, dtype)
        file.seek(begin + offsets[0])
        if array.nbytes and file.readinto(raw_bytes(array)) != array.nbytes:  # type: ignore[attr-defined]
            raise CorruptFileError(f"{source!r} is cut off at {name!r}.")
        return array

    digest = sums.get(name)
    return StoredTensor(
        name, tuple(shape), dtype, digest if isinstance(digest, str) else None, load
    )


__all__ = ["read", "write"]

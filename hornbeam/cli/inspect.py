"""``hornbeam inspect FILE``: what is in a file, without building anything of it."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hornbeam.errors import CorruptFileError, FileError, LimitExceededError
from hornbeam.saving import hdf5, json_format, legacy_h5
from hornbeam.saving.archive import ArchiveReader
from hornbeam.saving.opening import open_regular
from hornbeam.saving.tensors import StoredTensor
from hornbeam.saving.weight_files import MEMBERS, open_weights


def inspect_file(filepath: str, verify: bool = True) -> int:
    """Print the layers and tensors of a file.

    Args:
        filepath: the file.
        verify: whether to read the values and verify their check sums.

    Returns:
        0, or 1 if a tensor is damaged.
    """
    from rich.console import Console
    from rich.tree import Tree

    metadata, config = architecture(Path(filepath))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
    top = Tree(filepath)
    for key, value in metadata.items():
        top.add(f"{key}: {value}")
    if config is not None:
        layers = top.add("architecture")
        _add_layers(layers, config)
    damaged = 0
    with open_weights(filepath) as opened:
        tensors = opened.tensors
        count = sum(math.prod(t.shape) for t in tensors.values())
        size = sum(t.nbytes for t in tensors.values())
        held = top.add(f"{len(tensors)} tensors, {count:,} numbers, {size:,} bytes")
        for name, tensor in sorted(tensors.items()):
            state = _state(tensor, verify)
            damaged += state.startswith("DAMAGED")
            shape = "x".join(map(str, tensor.shape)) or "scalar"
            held.add(f"{name}: {tensor.dtype} {shape}, {tensor.nbytes:,} bytes, {state}")
    console.print(top, markup=False)
    return 1 if damaged else 0


def inspect_elsewhere(filepath: str, verify: bool, timeout: float) -> int:
    """Inspect a file in a process of its own: a file that crashes a library, or keeps it, ends that one.

    Args:
        filepath: the file.
        verify: whether to read the values and verify their check sums.
        timeout: how long it may take, in seconds.

    Returns:
        The exit status of `inspect_file`.

    Raises:
        LimitExceededError: if it takes longer.
        CorruptFileError: if the process crashes.
    """
    words = ["inspect", filepath] if verify else ["inspect", "--no-verify", filepath]
    program = "import sys; from hornbeam.cli import main; sys.exit(main(sys.argv[1:]))"
    try:
        status = subprocess.run(
            [sys.executable, "-c", program, *words], timeout=timeout, check=False
        ).returncode
    except subprocess.TimeoutExpired:
        raise LimitExceededError(
            f"{filepath!r} was not read within {timeout:g} seconds. It may be large, or made so that "
            "reading never ends: load it only if you trust it."
        ) from None
    if status not in (0, 1):
        raise CorruptFileError(f"Reading {filepath!r} crashed (status {status}); do not load it.")
    return status


def _state(tensor: StoredTensor, verify: bool) -> str:
    shown = "no check sum" if tensor.sha256 is None else f"sha256 {tensor.sha256[:12]}"
    if not verify:
        return shown
    try:
        tensor.read()
    except FileError as error:
        return f"DAMAGED: {error}"
    return shown if tensor.sha256 is None else f"{shown} verified"


def architecture(path: Path) -> tuple[Mapping[str, Any], Any]:
    """Metadata and config of a model file; ({}, None) for weights."""
    if path.suffix == ".keras":
        with open_regular(path) as file:
            archive = ArchiveReader(file, str(path), MEMBERS)
            metadata = json_format.parse(archive.read("metadata.json", 2**20))
            config = json_format.parse(archive.read("config.json", json_format.MAX_CONFIG_BYTES))
        if not isinstance(metadata, Mapping):
            raise CorruptFileError(f"The metadata of {str(path)!r} is no object.")
        return metadata, config
    if path.suffix in (".h5", ".hdf5"):
        with open_regular(path) as file, hdf5.H5File(file, str(path)) as opened:
            about = {
                key: opened.attribute(opened.root, key) for key in ("keras_version", "backend")
            }
            config = legacy_h5.attribute_json(opened, "model_config")
        return {key: value for key, value in about.items() if value is not None}, config
    return {}, None


def _add_layers(tree: Any, record: Any) -> None:
    if not isinstance(record, Mapping):
        tree.add(f"(no layer: {str(record)[:60]})")
        return
    inner = record.get("config")
    name = record.get("name") or (inner.get("name") if isinstance(inner, Mapping) else None)
    shape = _shape(record)
    branch = tree.add(f"{name or '?'} ({record.get('class_name')}){shape}")
    for layer in _layers_in(inner):
        _add_layers(branch, layer)


def _shape(record: Mapping[str, Any]) -> str:
    build, inner = record.get("build_config"), record.get("config")
    shape = build.get("input_shape") if isinstance(build, Mapping) else None
    if shape is None and isinstance(inner, Mapping):
        shape = inner.get("batch_shape") or inner.get("batch_input_shape")
    return "" if shape is None else f" on {shape}"


def _layers_in(inner: Any) -> Iterator[Any]:
    if isinstance(inner, list):
        yield from inner
    elif isinstance(inner, Mapping):
        layers = inner.get("layers")
        yield from layers if isinstance(layers, list) else ()
        for key in ("layer", "cell", "forward_layer", "backward_layer"):
            if isinstance(inner.get(key), Mapping):
                yield inner[key]


__all__ = ["inspect_elsewhere", "inspect_file"]

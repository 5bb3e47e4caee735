"""Assets: what layers keep beside their config and weights, such as a vocabulary that was learnt.

A layer that has ``save_assets(dir_path)`` and ``load_assets(dir_path)`` writes files to a folder and
reads them from one.  In an archive they are members ``assets/<the layer's path>/<name>``, as in Keras 3.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hornbeam.errors import InputError, UnsafeFileError
from hornbeam.layers import Layer
from hornbeam.naming import to_snake_case
from hornbeam.saving.archive import ArchiveReader, ArchiveWriter
from hornbeam.saving.weights import _children, _join

FOLDER = "assets"
MAX_ASSET_BYTES = 256 * 2**20


def layers_with_assets(model: Any) -> dict[str, Any]:
    """Path in the file -> layer, of all layers of a model that have assets."""
    if not any(map(_has_assets, model._flatten_layers())):
        return {}
    return {path: layer for path, layer in _walk(model, "", set()) if _has_assets(layer)}


def _has_assets(layer: Any) -> bool:
    """Whether a layer has both methods; asking the class first is quick where it has none."""
    kind = type(layer)
    return all(
        hasattr(kind, name) or name in layer.__dict__ for name in ("save_assets", "load_assets")
    )


def _walk(obj: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    if id(obj) in seen or not isinstance(obj, Layer):
        return
    seen.add(id(obj))
    yield path, obj
    for name, child in _children(obj):
        where = _join(path, name)
        if isinstance(child, (list, tuple, Mapping)):
            yield from _walk_container(child, where, seen)
        else:
            yield from _walk(child, where, seen)


def _walk_container(container: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    counts: dict[str, int] = {}
    for item in container.values() if isinstance(container, Mapping) else container:
        if isinstance(item, (list, tuple, Mapping)):
            yield from _walk_container(item, path, seen)
            continue
        name = to_snake_case(type(item).__name__)
        count = counts.get(name, 0)
        counts[name] = count + 1
        yield from _walk(item, f"{path}/{name}_{count}" if count else f"{path}/{name}", seen)


def write(archive: ArchiveWriter, model: Any) -> None:
    """Add the assets of a model's layers to an archive."""
    for path, layer in layers_with_assets(model).items():
        with tempfile.TemporaryDirectory() as folder:
            layer.save_assets(folder)
            for file in sorted(Path(folder).iterdir()):
                if not file.is_file():
                    raise InputError(
                        f"{type(layer).__name__}.save_assets() made {file.name!r}, which is no file: "
                        "write files into the directory, without folders."
                    )
                archive.add("/".join(p for p in (FOLDER, path, file.name) if p), file.read_bytes())


def read(archive: ArchiveReader, model: Any) -> None:
    """Let the layers of a model read their assets from an archive, from copies in a folder of ours.

    Raises:
        UnsafeFileError: if the name of an asset is none of a plain file.
    """
    layers = layers_with_assets(model)
    held: dict[str, list[str]] = {}
    for member in archive.names:
        if member.startswith(f"{FOLDER}/") and not member.endswith("/"):
            path, _, _ = member.removeprefix(f"{FOLDER}/").rpartition("/")
            held.setdefault(path, []).append(member)
    for path, members in held.items():
        if path not in layers:
            continue
        with tempfile.TemporaryDirectory() as folder:
            for member in members:
                name = member.rpartition("/")[2]
                if name in ("", ".", "..") or "\\" in name or ":" in name:
                    raise UnsafeFileError(f"The asset {member!r} has a name that is not accepted.")
                (Path(folder) / name).write_bytes(archive.read(member, MAX_ASSET_BYTES))
            layers[path].load_assets(folder)


__all__ = ["layers_with_assets", "read", "write"]

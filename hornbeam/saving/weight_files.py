"""Files of weights: ``.weights.h5``, sharded, safetensors, ``.npz``, and what ``.keras`` holds."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from hornbeam._version import __version__
from hornbeam.errors import CorruptFileError, InputError, UnsafeFileError
from hornbeam.saving import (
    checkpoints,
    hdf5,
    hdf5_writing,
    json_format,
    legacy_h5,
    npz_format,
    safetensors_format,
)
from hornbeam.saving.archive import ArchiveReader
from hornbeam.saving.atomic import atomic_write
from hornbeam.saving.matching import (
    IN_ATTENTION,
    LoadReport,
    by_layer_name,
    by_path,
    by_structure,
    fill,
)
from hornbeam.saving.opening import open_regular
from hornbeam.saving.tensors import StoredTensor, checksum
from hornbeam.saving.weights import named_variables, named_variables_and_layers
from hornbeam.variables import AllocationBudget, Variable, size_in_bytes

MEMBERS = ("metadata.json", "config.json", "model.weights.h5", "assets/")
WEIGHTS_MEMBER = "model.weights.h5"
SUFFIXES = (".weights.h5", ".weights.json", ".safetensors", ".npz")
MAX_INDEX_BYTES = 64 * 2**20
SHARD_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*\.weights\.h5")
DEFAULT_SHARD_GB = 10


def numpy_values(variables: Mapping[str, Variable]) -> Iterator[tuple[str, Any]]:
    """(name, array) of each variable, one at a time."""
    for name, variable in variables.items():
        yield name, variable.numpy()


def write_h5(file: Any, model: Any, keras_version: int = 3) -> None:
    """Write the variables of a model, its optimizer's included, in the layout of Keras 3.

    Args:
        file: a binary file, open for reading and writing.
        model: the model.
        keras_version: 2 or 3; whose names the layers in attention have.
    """
    variables, layers = named_variables_and_layers(model)
    renamed = _names_of_keras_2(model, variables) if keras_version == 2 else {}
    names = {"vars": model.name}  # Keras 3.4 wants it, even if empty
    for path, layer in layers.items():
        first = f"{path}/vars/0" if path else "vars/0"
        names[renamed.get(first, first).removesuffix("/0")] = layer.name
    size = sum(size_in_bytes(v.shape, v.dtype) for v in variables.values())
    with hdf5_writing.writing(file, size) as root:
        writer = hdf5_writing.H5Writer(root)
        for name, array in numpy_values(variables):
            name = renamed.get(name, name)
            writer.tensor(name, array, checksum(name, array))
        for group, name in names.items():
            writer.text(group, "name", name)


def _names_of_keras_2(model: Any, variables: Mapping[str, Variable]) -> dict[str, str]:
    """Name in a file -> its name in tf-keras, of the weights of attention."""
    from hornbeam.layers import MultiHeadAttention

    heads = [part for part in model._flatten_layers() if isinstance(part, MultiHeadAttention)]
    within = {id(variable) for layer in heads for variable in layer.weights}
    return {
        name: IN_ATTENTION.sub(r"/_\1", name)
        for name, variable in variables.items()
        if id(variable) in within
    }


# ------------------------------------------------------------------------------------------- writing


def save_weights(
    model: Any,
    filepath: Any,
    overwrite: bool = True,
    max_shard_size: float | None = None,
    **kwargs: Any,
) -> None:
    """Save the weights of a model or layer.

    The name of the file says the format: ``.weights.h5`` (Keras 3's), ``.weights.json`` (an index beside
    several such files), ``.safetensors`` or ``.npz``; the latter two name tensors by the paths of the
    variables, and hold no optimizer state.

    Args:
        model: the model or layer; its variables must exist.
        filepath: the file.
        overwrite: whether to replace a file that exists (else it is an error).
        max_shard_size: for ``.weights.json``: how large a single file may become, in GB (10**9 bytes).
        **kwargs: for ``.weights.h5``, ``keras_version=2`` names the weights of attention as tf-keras
            does; other names raise TypeError.

    Raises:
        InputError: if the name says no format, or there are no weights yet.
        FileExistsError: if the file exists and `overwrite` is False.

    Example:

    >>> import hornbeam, tempfile, os
    >>> model = hornbeam.Sequential([hornbeam.Input((4,)), hornbeam.layers.Dense(2)])
    >>> path = os.path.join(tempfile.mkdtemp(), "model.weights.h5")
    >>> hornbeam.saving.save_weights(model, path)
    >>> hornbeam.saving.load_weights(model, path).complete
    True
    """
    in_h5 = str(filepath).endswith(".weights.h5")
    keras_version = checked_version(kwargs.pop("keras_version", 3)) if in_h5 else 3
    if kwargs:
        raise TypeError(f"save_weights() got unknown arguments {sorted(kwargs)}.")
    path = checked_path(filepath, SUFFIXES, overwrite, "save_weights")
    if not model.built and not model.weights:
        raise InputError(
            f"Model {model.name!r} has no weights to save yet: build it, or call it on data, first."
        )
    sharded = str(path).endswith(".weights.json")
    if max_shard_size is not None and not sharded:
        raise InputError(
            f"`max_shard_size` is for files that end in '.weights.json', got {str(path)!r}."
        )
    if sharded:
        _save_shards(model, path, max_shard_size or DEFAULT_SHARD_GB)
        return
    with atomic_write(path) as file:
        if path.suffix == ".h5":
            write_h5(file, model, keras_version)
        elif path.suffix == ".npz":
            npz_format.write(file, numpy_values(by_path(model)))
        else:
            variables = by_path(model)
            specs = {
                name: (v.dtype, v.shape, checksum(name, v.numpy())) for name, v in variables.items()
            }
            arrays = (array for _, array in numpy_values(variables))
            about = {"format": "hornbeam", "hornbeam_version": __version__}
            safetensors_format.write(file, specs, arrays, about)


def checked_version(version: Any) -> int:
    """The version of Keras that a file is for: 2 or 3.

    Raises:
        InputError: if it is another.
    """
    if version not in (2, 3):
        raise InputError(f"`keras_version` must be 2 or 3, got {version!r}.")
    return int(version)


def checked_path(filepath: Any, suffixes: tuple[str, ...], overwrite: bool, what: str) -> Path:
    """The path, if its name says a format and it may be written.

    Raises:
        InputError: if it ends in none of `suffixes`.
        FileExistsError: if it exists and `overwrite` is False.
    """
    path = Path(filepath)
    if not path.name.endswith(suffixes):
        shown = " or ".join(repr(suffix) for suffix in suffixes)
        raise InputError(
            f"{what}() needs a path that ends in {shown}, got {str(path)!r}."
            + (" Whole models are saved by `save()`." if path.suffix == ".keras" else "")
        )
    if path.exists() and not overwrite:
        raise FileExistsError(f"{str(path)!r} exists; pass `overwrite=True` to replace it.")
    return path


def _save_shards(model: Any, path: Path, max_gb: float) -> None:
    """Files of whole variable groups, and an index that is written last."""
    limit, stem = max_gb * 1e9, path.name.removesuffix(".weights.json")
    groups: dict[str, dict[str, Variable]] = {}
    for name, variable in named_variables(model, optimizer=False).items():
        groups.setdefault(name.rpartition("/")[0], {})[name] = variable
    shards: list[dict[str, Variable]] = [{}]
    filled, total = 0.0, 0
    weight_map: dict[str, list[str]] = {}
    for group, variables in groups.items():
        size = sum(v.numpy().nbytes for v in variables.values())
        if filled and filled + size > limit:
            shards.append({})
            filled = 0.0
        shards[-1].update(variables)
        filled, total = filled + size, total + size
        weight_map[f"/{group}"] = [f"{stem}_{len(shards) - 1:05d}.weights.h5"]
    for i, shard in enumerate(shards):
        with atomic_write(path.with_name(f"{stem}_{i:05d}.weights.h5")) as file:
            hdf5_writing.write_tensors(file, numpy_values(shard))
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    with atomic_write(path) as file:
        file.write(json.dumps(index, indent=4).encode())


# ------------------------------------------------------------------------------------------- reading


class OpenWeights:
    """The tensors of an open file.

    Args:
        tensors: name -> tensor.
        layout: "structure" (names along the model's structure), "paths" (of variables) or "legacy"
            (layers by name, in order).
        find_layers: finds name of a layer -> its tensors in order, where the file says the names of
            layers; it is called when somebody asks for `layers`.
    """

    def __init__(
        self,
        tensors: Mapping[str, StoredTensor],
        layout: str,
        find_layers: Callable[[], dict[str, list[StoredTensor]]] = dict,
    ) -> None:
        self.tensors, self.layout, self._find_layers = dict(tensors), layout, find_layers

    @functools.cached_property
    def layers(self) -> dict[str, list[StoredTensor]]:
        """Name of a layer -> its tensors in order."""
        return self._find_layers()


@contextmanager
def open_weights(filepath: Any) -> Iterator[OpenWeights]:
    """The tensors of a file of any format; their values are read when they are asked for.

    Raises:
        FileNotFoundError: if there is no such file.
        FileError: (a ValueError) if the file is refused, see `hornbeam.errors`.
    """
    path = Path(filepath)
    with ExitStack() as stack:
        file = stack.enter_context(open_regular(path))
        if path.suffix == ".keras":
            archive = ArchiveReader(file, str(path), MEMBERS)
            member = archive.open(WEIGHTS_MEMBER)
            yield h5_weights(stack.enter_context(hdf5.H5File(member, str(path))))
        elif path.suffix in (".h5", ".hdf5"):
            yield h5_weights(stack.enter_context(hdf5.H5File(file, str(path))))
        elif path.suffix == ".safetensors":
            yield _by_paths(safetensors_format.read(file, str(path)))
        elif path.suffix == ".npz":
            yield _by_paths(npz_format.read(file, str(path)))
        elif path.name.endswith(".weights.json"):
            yield _open_shards(path, file, stack)
        else:
            raise InputError(
                f"{str(path)!r} says no format: weights are read from files that end in '.weights.h5', "
                "'.weights.json', '.keras', '.h5', '.hdf5', '.safetensors' or '.npz'."
            )


def h5_weights(file: hdf5.H5File) -> OpenWeights:
    """The tensors of an HDF5 file, in Keras 3's layout or an older one."""
    older = legacy_h5.weights_group(file)
    if older is not None:
        layers = legacy_h5.layer_tensors(file, older)
        tensors = {t.path: t for held in layers.values() for t in held}
        return OpenWeights(tensors, "legacy", lambda: layers)
    tensors = file.tensors()
    return OpenWeights(tensors, "structure", lambda: _named(file, tensors))


def _named(file: hdf5.H5File, tensors: Mapping[str, StoredTensor]) -> dict[str, list[StoredTensor]]:
    found: dict[str, list[StoredTensor]] = {}
    groups: dict[str, list[StoredTensor]] = {}
    for path, tensor in tensors.items():
        groups.setdefault(path.rpartition("/")[0], []).append(tensor)
    for path, held in groups.items():
        name = file.attribute(file.find(path), "name") if path else None
        if isinstance(name, str) and not path.startswith("optimizer"):
            found[name] = sorted(held, key=lambda t: _number(t.path))
    return found


def _number(path: str) -> int:
    last = path.rpartition("/")[2]
    return int(last) if last.isdigit() else 0


def _by_paths(tensors: Mapping[str, StoredTensor]) -> OpenWeights:
    layers: dict[str, list[StoredTensor]] = {}
    for name, tensor in tensors.items():
        parts = name.split("/")
        if len(parts) > 1:
            layers.setdefault(parts[-2], []).append(tensor)
    return OpenWeights(tensors, "paths", lambda: layers)


def _open_shards(path: Path, file: Any, stack: ExitStack) -> OpenWeights:
    content = file.read(MAX_INDEX_BYTES + 1)
    index = json_format.parse(content)
    weight_map = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(weight_map, dict):
        raise CorruptFileError(f"{str(path)!r} is no index of weights: it has no `weight_map`.")
    names: set[str] = set()
    for value in weight_map.values():
        for name in value if isinstance(value, list) else [value]:
            if not isinstance(name, str) or not SHARD_NAME.fullmatch(name):
                raise UnsafeFileError(
                    f"{str(path)!r} names the file {name!r}; files of weights stand beside their index "
                    "and end in '.weights.h5'."
                )
            names.add(name)
    tensors: dict[str, StoredTensor] = {}
    for name in sorted(names):
        shard = path.with_name(name)
        opened = stack.enter_context(open_regular(shard, follow_links=False))
        found = stack.enter_context(hdf5.H5File(opened, str(shard))).tensors()
        twice = sorted(set(found) & set(tensors))
        if twice:
            raise UnsafeFileError(f"{str(path)!r} has {twice[0]!r} in two of its files.")
        tensors.update(found)
    return OpenWeights(tensors, "structure")


def load_weights(
    model: Any,
    filepath: Any,
    skip_mismatch: bool = False,
    by_name: bool = False,
    **kwargs: Any,
) -> LoadReport:
    """Load weights into a model or layer: all of them, or none if the file does not fit.

    Args:
        model: the model or layer; its variables must exist.
        filepath: a ``.weights.h5``, ``.weights.json``, ``.keras``, ``.safetensors`` or ``.npz`` file, or
            an ``.h5`` file of Keras 1 or 2; or a directory of `OrbaxCheckpoint`.
        skip_mismatch: whether to leave variables alone that the file lacks or has in another shape.
        by_name: whether to load just those layers whose names are in the file.
        **kwargs: nothing; unknown names raise TypeError.

    Returns:
        What was loaded, what not, and how much of it had check sums.

    Raises:
        FileNotFoundError: if there is no such file.
        InputError: if the model has no variables yet.
        FileError: (a ValueError) if the file is damaged, refused, or does not fit.

    Example:

    >>> import hornbeam, tempfile, os
    >>> model = hornbeam.Sequential([hornbeam.Input((4,)), hornbeam.layers.Dense(2)])
    >>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
    >>> model.save_weights(path)
    >>> print(hornbeam.saving.load_weights(model, path))
    2 variables loaded, 2 with a check sum
    """
    if kwargs:
        raise TypeError(f"load_weights() got unknown arguments {sorted(kwargs)}.")
    filepath = checkpoints.file_in(filepath, weights_suffice=True)
    if not filepath.exists():
        raise FileNotFoundError(f"There is no file {str(filepath)!r}.")
    if not model.built and not model.weights:
        raise InputError(
            f"Model {model.name!r} has no variables to load into yet: build it, or call it on data, "
            "first."
        )
    with open_weights(filepath) as opened:
        return fill_from(model, opened, str(filepath), skip_mismatch, by_name)


def fill_from(
    model: Any,
    opened: OpenWeights,
    source: str,
    skip_mismatch: bool = False,
    by_name: bool = False,
    optimizer: bool = False,
    fresh: AllocationBudget | None = None,
) -> LoadReport:
    """Set the variables of `model` to those of an open file."""
    if by_name:
        wanted = by_layer_name(model, opened.layers)
        return fill(model, opened.tensors, wanted, source, skip_mismatch, partial=True)
    if opened.layout == "legacy":
        tensors, wanted = legacy_h5.in_order(model, opened.layers, source)
    elif opened.layout == "paths":
        tensors, wanted = opened.tensors, by_path(model)
    else:
        tensors, wanted = opened.tensors, by_structure(model, opened.tensors, optimizer)
    return fill(model, tensors, wanted, source, skip_mismatch, fresh=fresh)


__all__ = ["LoadReport", "OpenWeights", "load_weights", "open_weights", "save_weights"]

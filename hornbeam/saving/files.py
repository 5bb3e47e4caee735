"""Models as files: ``.keras`` archives and ``.weights.h5``.

A ``.keras`` file is a zip of ``metadata.json``, ``config.json`` (the architecture, by registered names)
and ``model.weights.h5``.  Loading parses and checks everything before a single value of the model is
set: a file that is refused changes nothing.
"""

from __future__ import annotations

import datetime
import io
import json
import zipfile
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from hornbeam._version import __version__
from hornbeam.backends.numpy import native_dtype
from hornbeam.errors import CorruptFileError, InputError, LimitExceededError, UnsafeFileError
from hornbeam.saving import json_format
from hornbeam.saving.atomic import atomic_write
from hornbeam.saving.objects import (
    CustomObjectScope,
    deserialize_keras_object,
    ignoring_compile_config,
    serialize_keras_object,
)
from hornbeam.saving.weights import named_variables
from hornbeam.variables import Variable

MEMBERS = ("metadata.json", "config.json", "model.weights.h5")
MAX_METADATA_BYTES = 2**20
BEFORE_TRAINING = ("optimizer/vars/0", "optimizer/vars/1")
"""What an optimizer holds before it has seen a variable: iteration and learning rate."""
KERAS_FORMAT = "3.15.1"
"""The version of Keras whose file format is written."""


def save_model(
    model: Any, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any
) -> None:
    """Save a model to a ``.keras`` file; see `Model.save`.

    Example:

    >>> import hornbeam, tempfile, os
    >>> model = hornbeam.Sequential([hornbeam.Input((4,)), hornbeam.layers.Dense(2)])
    >>> path = os.path.join(tempfile.mkdtemp(), "model.keras")
    >>> hornbeam.saving.save_model(model, path)
    >>> hornbeam.saving.load_model(path).output_shape
    (None, 2)
    """
    if kwargs:
        raise TypeError(f"save_model() got unknown arguments {sorted(kwargs)}.")
    if zipped is False:
        raise InputError("A `.keras` file is one archive: leave `zipped` at None.")
    path = _checked_path(filepath, ".keras", overwrite, "save")
    config = serialize_keras_object(model)
    metadata = {
        "keras_version": KERAS_FORMAT,
        "hornbeam_version": __version__,
        "date_saved": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d@%H:%M:%S"),
    }
    weights = _weights_bytes(model)
    with atomic_write(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("metadata.json", json.dumps(metadata))
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", weights)


def load_model(
    filepath: Any,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Load a model from a ``.keras`` file.

    The file is data: it can only name classes that are built in, registered, or passed in here.

    Args:
        filepath: the file.
        custom_objects: name -> class or function, for what is not registered.
        compile: whether to compile the model as it was, with its optimizer's state.
        safe_mode: must be True.

    Raises:
        FileError: (a ValueError) of one of four kinds (`hornbeam.errors`), saying what was refused.

    Example:

    >>> import hornbeam, tempfile, os
    >>> model = hornbeam.Sequential([hornbeam.Input((4,)), hornbeam.layers.Dense(2)])
    >>> path = os.path.join(tempfile.mkdtemp(), "model.keras")
    >>> model.save(path)
    >>> hornbeam.saving.load_model(path).count_params()
    10
    """
    path = Path(filepath)
    if not path.exists():
        raise FileNotFoundError(f"There is no file {str(path)!r}.")
    if path.suffix in (".h5", ".hdf5"):
        raise UnsafeFileError(
            f"{str(path)!r} is a whole model in Keras's old HDF5 format, which this version does not "
            "read. Load it in Keras and save it as '.keras'; weights alone load with `load_weights`."
        )
    with CustomObjectScope(custom_objects or {}), _open_archive(path) as archive:
        config = json_format.parse(_member(archive, "config.json", json_format.MAX_CONFIG_BYTES))
        with nullcontext() if compile else ignoring_compile_config():
            model = deserialize_keras_object(config, safe_mode=safe_mode)
        values = read_weights(io.BytesIO(_member(archive, "model.weights.h5", None)))
    compiled = bool(compile and getattr(model, "optimizer", None) is not None)
    fill(model, values, optimizer=compiled, source=str(path))
    return model


def save_weights(model: Any, filepath: Any, overwrite: bool = True, **kwargs: Any) -> None:
    """Save the weights of a model or layer to a ``.weights.h5`` file.

    Args:
        model: the model or layer; its variables must exist.
        filepath: the file; it must end in ``.weights.h5``.
        overwrite: whether to replace a file that exists (else it is an error).
        **kwargs: nothing; unknown names raise TypeError.

    Example:

    >>> import hornbeam, tempfile, os
    >>> model = hornbeam.Sequential([hornbeam.Input((4,)), hornbeam.layers.Dense(2)])
    >>> path = os.path.join(tempfile.mkdtemp(), "model.weights.h5")
    >>> hornbeam.saving.save_weights(model, path)
    >>> hornbeam.saving.load_weights(model, path)
    """
    if kwargs:
        raise TypeError(f"save_weights() got unknown arguments {sorted(kwargs)}.")
    path = _checked_path(filepath, ".weights.h5", overwrite, "save_weights")
    if not model.built and not model.weights:
        raise InputError(
            f"Model {model.name!r} has no weights to save yet: build it, or call it on data, first."
        )
    content = _weights_bytes(model)
    with atomic_write(path) as file:
        file.write(content)


def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False, **kwargs: Any) -> None:
    """Load weights into a model or layer from a ``.weights.h5`` or ``.keras`` file.

    Args:
        model: the model or layer; its variables must exist.
        filepath: the file.
        skip_mismatch: whether to leave variables alone whose shapes differ (else it is an error).
        **kwargs: nothing; unknown names raise TypeError.

    Example:

    >>> import hornbeam, tempfile, os
    >>> model = hornbeam.Sequential([hornbeam.Input((4,)), hornbeam.layers.Dense(2)])
    >>> path = os.path.join(tempfile.mkdtemp(), "model.weights.h5")
    >>> model.save_weights(path)
    >>> hornbeam.saving.load_weights(model, path)
    """
    if kwargs:
        raise TypeError(f"load_weights() got unknown arguments {sorted(kwargs)}.")
    path = Path(filepath)
    if not path.exists():
        raise FileNotFoundError(f"There is no file {str(path)!r}.")
    if not model.built and not model.weights:
        raise InputError(
            f"Model {model.name!r} has no variables to load into yet: build it, or call it on data, "
            "first."
        )
    if path.suffix == ".keras":
        with _open_archive(path) as archive:
            content = _member(archive, "model.weights.h5", None)
    else:
        content = path.read_bytes()
    values = read_weights(io.BytesIO(content))
    fill(model, values, optimizer=False, source=str(path), skip_mismatch=skip_mismatch)


def _checked_path(filepath: Any, suffix: str, overwrite: bool, what: str) -> Path:
    path = Path(filepath)
    if not str(path).endswith(suffix):
        raise InputError(
            f"{what}() needs a path that ends in {suffix!r}, got {str(path)!r}."
            + (" Whole models are saved by `save()`." if path.suffix == ".keras" else "")
        )
    if path.exists() and not overwrite:
        raise FileExistsError(f"{str(path)!r} exists; pass `overwrite=True` to replace it.")
    return path


# -------------------------------------------------------------------------------------- the archive


def _open_archive(path: Path) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise CorruptFileError(f"{str(path)!r} is not a `.keras` archive: {error}.") from None
    names = [info.filename for info in archive.infolist()]
    if len(set(names)) != len(names):
        archive.close()
        raise UnsafeFileError(f"{str(path)!r} holds two members of the same name.")
    strange = [n for n in names if n not in MEMBERS and not n.startswith("assets/")]
    if strange:
        archive.close()
        raise UnsafeFileError(f"{str(path)!r} holds unexpected members: {sorted(strange)[:5]}.")
    return archive


def _member(archive: zipfile.ZipFile, name: str, limit: int | None) -> bytes:
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise CorruptFileError(f"{archive.filename!r} lacks the member {name!r}.") from None
    if info.flag_bits & 0x1:
        raise UnsafeFileError(f"The member {name!r} of {archive.filename!r} is encrypted.")
    if limit is not None and info.file_size > limit:
        raise LimitExceededError(
            f"The member {name!r} of {archive.filename!r} has {info.file_size} bytes; at most {limit} "
            "are accepted."
        )
    if info.compress_size and info.file_size > 100 * info.compress_size:
        raise LimitExceededError(
            f"The member {name!r} of {archive.filename!r} unpacks to over 100 times its size."
        )
    try:
        return archive.read(info)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError) as error:
        raise CorruptFileError(
            f"The member {name!r} of {archive.filename!r} is damaged: {error}."
        ) from None


# -------------------------------------------------------------------------------------- the weights


def _weights_bytes(model: Any) -> bytes:
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for path, variable in named_variables(model).items():
            group = file.require_group(path.rsplit("/", 1)[0])
            value = variable.numpy()
            if value.dtype.kind == "V":  # bfloat16 and float8, which HDF5 does not know
                dataset = group.create_dataset(
                    path.rsplit("/", 1)[1], data=value.view(_raw_of(value))
                )
                dataset.attrs["dtype"] = value.dtype.name
            else:
                group.create_dataset(path.rsplit("/", 1)[1], data=value)
    return buffer.getvalue()


def _raw_of(value: Any) -> Any:
    return np.dtype(f"V{value.dtype.itemsize}")


def read_weights(file: io.BytesIO) -> dict[str, Any]:
    """Path -> lazily read array, of every ``vars`` entry in an HDF5 file.

    Raises:
        CorruptFileError: if it is no HDF5 file.
        UnsafeFileError: if it holds links, external storage or types other than numbers.
    """
    import h5py

    try:
        root = h5py.File(file, "r")
    except OSError as error:
        raise CorruptFileError(f"The weights are not a readable HDF5 file: {error}.") from None
    found: dict[str, Any] = {}
    stack: list[tuple[str, Any]] = [("", root)]
    while stack:
        path, group = stack.pop()
        for key in group:
            link = group.get(key, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise UnsafeFileError(f"The weights file holds a link at '{path}/{key}'.")
            item, where = group[key], f"{path}/{key}" if path else key
            if isinstance(item, h5py.Group):
                if len(where) > 4096 or where.count("/") > 100:
                    raise LimitExceededError(
                        "The groups of the weights file are nested too deeply."
                    )
                stack.append((where, item))
            elif isinstance(item, h5py.Dataset):
                found[where] = _checked_dataset(item, where)
            else:
                raise UnsafeFileError(
                    f"The weights file holds a {type(item).__name__} at '{where}'."
                )
    return found


def _checked_dataset(item: Any, where: str) -> Any:
    if item.external or item.is_virtual:
        raise UnsafeFileError(f"The weights file stores '{where}' in another file.")
    if item.dtype.kind not in "biufcV" or item.dtype.hasobject:
        raise UnsafeFileError(f"The weights file holds no numbers at '{where}' but {item.dtype}.")
    return item


def fill(
    model: Any,
    values: Mapping[str, Any],
    optimizer: bool,
    source: str,
    skip_mismatch: bool = False,
) -> None:
    """Set the variables of `model` to the values of a file, all of them or none.

    Raises:
        CorruptFileError: naming everything that is missing or has another shape.
    """
    wanted = named_variables(model, optimizer=optimizer)
    if not any(path.startswith("optimizer/") and path not in BEFORE_TRAINING for path in values):
        # the model was saved before its first step: its optimizer had no state per variable
        wanted = {
            path: variable
            for path, variable in wanted.items()
            if not path.startswith("optimizer/") or path in values
        }
    plan: list[tuple[Variable, str]] = []
    problems = []
    for path, variable in wanted.items():
        stored = values.get(path)
        if stored is None:
            problems.append(f"{variable.path} (as '{path}') is missing")
        elif tuple(stored.shape) != variable.shape:
            problems.append(f"{variable.path} has shape {variable.shape}, the file {stored.shape}")
        else:
            plan.append((variable, path))
    left_over = [p for p in values if p not in wanted and not p.startswith("optimizer/")]
    problems += [f"'{path}' of the file belongs to nothing in the model" for path in left_over]
    if problems and not skip_mismatch:
        shown = "; ".join(problems[:8]) + (
            f"; and {len(problems) - 8} more" if problems[8:] else ""
        )
        raise CorruptFileError(
            f"The weights in {source!r} do not fit {type(model).__name__} {model.name!r}: {shown}. Pass "
            "`skip_mismatch=True` to `load_weights` to load what fits."
        )
    arrays = [_read_array(values[path], path) for _, path in plan]
    for (variable, _), array in zip(plan, arrays, strict=True):
        variable.assign(array)


def _read_array(dataset: Any, path: str) -> Any:
    try:
        array = dataset[()]
    except (OSError, ValueError) as error:
        raise CorruptFileError(f"The weights at '{path}' are damaged: {error}.") from None
    name = dataset.attrs.get("dtype")
    if name is not None and array.dtype.kind == "V":
        return np.asarray(array).view(native_dtype(str(name)))
    return array

"""Models as files: ``.keras`` archives, and the ``.h5`` files of Keras 1, Keras 2 and tf.keras.

A ``.keras`` file is a zip of ``metadata.json``, ``config.json`` (the architecture, by registered names)
and ``model.weights.h5``.  Loading parses and checks everything before a single value of the model is
set: a file that is refused changes nothing.
"""

from __future__ import annotations

import datetime
import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import IO, Any

from hornbeam._version import __version__
from hornbeam.errors import CorruptFileError, FileError, InputError, UnsupportedError
from hornbeam.saving import (
    assets,
    checkpoints,
    hdf5,
    json_format,
    legacy,
    legacy_h5,
    legacy_writer,
    schema,
)
from hornbeam.saving.archive import ArchiveReader, ArchiveWriter
from hornbeam.saving.atomic import atomic_write
from hornbeam.saving.objects import (
    CustomObjectScope,
    deserialize_keras_object,
    ignoring_compile_config,
    serialize_for_file,
)
from hornbeam.saving.opening import open_regular
from hornbeam.saving.weight_files import (
    MEMBERS,
    WEIGHTS_MEMBER,
    OpenWeights,
    checked_path,
    checked_version,
    fill_from,
    h5_weights,
    load_weights,
    save_weights,
    write_h5,
)
from hornbeam.variables import AllocationBudget

KERAS_FORMAT = "3.15.1"
"""The version of Keras whose file format is written."""
H5_SUFFIXES = (".h5", ".hdf5")
MAX_METADATA_BYTES = 2**20
ROOM = 64 * 2**20
"""What a model may hold, in bytes, beyond twice what its file has values for."""


def save_model(
    model: Any, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any
) -> None:
    """Save a model to a ``.keras`` file, or to an ``.h5`` file in the layout of Keras 2.

    Args:
        model: the model; for ``.h5`` a functional or sequential one that applies ops in layers only.
        filepath: where to; its end says the format: ".keras", ".h5" or ".hdf5".
        overwrite: whether an existing file may be replaced.
        zipped: must not be False; a ``.keras`` file is one archive.
        **kwargs: for ``.h5`` files.  ``include_optimizer=False`` leaves out how the model was compiled;
            ``keras_version=2`` writes the optimizer's state, and calls of layers with more than their
            first tensors (attention, initial states), for tf-keras, where by default Keras 3 reads them;
            all else both read.

    Raises:
        NotSerializableError: (a TypeError) naming everything that could not be loaded again.
        UnsupportedError: if an ``.h5`` file cannot hold the model's architecture.
        FileExistsError: if the file exists and `overwrite` is False.

    Example:

    >>> import hornbeam, tempfile, os
    >>> model = hornbeam.Sequential([hornbeam.Input((4,)), hornbeam.layers.Dense(2)])
    >>> path = os.path.join(tempfile.mkdtemp(), "model.keras")
    >>> hornbeam.saving.save_model(model, path)
    >>> hornbeam.saving.load_model(path).output_shape
    (None, 2)
    """
    legacy_layout = str(filepath).endswith(H5_SUFFIXES)
    include_optimizer, keras_version = True, 3
    if legacy_layout:
        include_optimizer = kwargs.pop("include_optimizer", True)
        keras_version = checked_version(kwargs.pop("keras_version", 3))
    if kwargs:
        raise TypeError(f"save_model() got unknown arguments {sorted(kwargs)}.")
    if zipped is False:
        raise InputError("A `.keras` file is one archive: leave `zipped` at None.")
    path = checked_path(filepath, (".keras", *H5_SUFFIXES), overwrite, "save")
    if path.name.endswith(".weights.h5"):
        raise InputError(
            f"{str(path)!r} is a file of weights: call `save_weights`, or name it '.h5'."
        )
    config = serialize_for_file(model)
    if legacy_layout and not include_optimizer:
        config.pop("compile_config", None)
    with atomic_write(path) as file:
        if legacy_layout:
            legacy_writer.write(file, model, config, keras_version)
        else:
            write_archive(file, model, config)


def write_archive(file: IO[bytes], model: Any, config: Any) -> None:
    """Write the archive of a model to an empty file; tensors go through one at a time."""
    metadata = {
        "keras_version": KERAS_FORMAT,
        "hornbeam_version": __version__,
        "hornbeam_schema": schema.CURRENT,
        "date_saved": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d@%H:%M:%S"),
    }
    archive = ArchiveWriter(file)
    archive.add("metadata.json", json.dumps(metadata).encode())
    archive.add("config.json", json.dumps(config).encode())
    with archive.member(WEIGHTS_MEMBER) as window:
        write_h5(window, model)
    assets.write(archive, model)
    archive.close()


def load_model(
    filepath: Any,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Load a model from a ``.keras`` file, or from an ``.h5`` file of Keras 1, Keras 2 or tf.keras.

    The file is data: it can only name classes that are built in, registered, or passed in here.

    Args:
        filepath: the file; or a directory of `OrbaxCheckpoint`, for the model written last.
        custom_objects: name -> class or function, for what is not registered.
        compile: whether to compile the model as it was, with its optimizer's state.
        safe_mode: must be True.

    Raises:
        FileNotFoundError: if there is no such file.
        FileError: (a ValueError) of one of four kinds (`hornbeam.errors`), saying what was refused.

    Example:

    >>> import hornbeam, tempfile, os
    >>> model = hornbeam.Sequential([hornbeam.Input((4,)), hornbeam.layers.Dense(2)])
    >>> path = os.path.join(tempfile.mkdtemp(), "model.keras")
    >>> model.save(path)
    >>> hornbeam.saving.load_model(path).count_params()
    10
    """
    path = checkpoints.file_in(filepath)
    with open_regular(path) as file, CustomObjectScope(custom_objects or {}):
        if path.suffix in H5_SUFFIXES:
            with hdf5.H5File(file, str(path)) as opened, _reported(str(path)):
                return _load_h5(opened, str(path), compile, safe_mode)
        return read_archive(file, str(path), compile, safe_mode)


def read_archive(file: IO[bytes], source: str, compile: bool = True, safe_mode: bool = True) -> Any:
    """The model in an open ``.keras`` file."""
    archive = ArchiveReader(file, source, MEMBERS)
    metadata = json_format.parse(archive.read("metadata.json", MAX_METADATA_BYTES))
    config = json_format.parse(archive.read("config.json", json_format.MAX_CONFIG_BYTES))
    config = schema.upgrade(config, metadata, source)
    with hdf5.H5File(archive.open(WEIGHTS_MEMBER), source) as opened, _reported(source):
        held = h5_weights(opened)
        model, budget = _build(config, held, source, compile, safe_mode)
        compiled = bool(compile and getattr(model, "optimizer", None) is not None)
        fill_from(model, held, source, optimizer=compiled, fresh=budget)
        budget.finish()
        assets.read(archive, model)
        return model


def _build(
    config: Any, held: OpenWeights, source: str, compile: bool, safe_mode: bool
) -> tuple[Any, AllocationBudget]:
    """The model that a config describes, if it is no larger than the file can hold values for.

    Its large variables are blank until they are filled, or until the `finish` of the budget.
    """
    stored = sum(tensor.nbytes for tensor in held.tensors.values())
    from hornbeam.layers import Layer

    compiling = nullcontext() if compile else ignoring_compile_config()
    with AllocationBudget(2 * stored + ROOM, repr(source)) as budget, compiling:
        model = deserialize_keras_object(config, safe_mode=safe_mode)
    if not (isinstance(model, Layer) and hasattr(model, "save")):
        raise CorruptFileError(f"{source!r} holds a {type(model).__name__} and no model.")
    return model, budget


@contextmanager
def _reported(source: str) -> Iterator[None]:
    """A config of the wrong form ends in an error about the file, whatever it met on its way."""
    try:
        yield
    except (FileError, UnsupportedError, NotImplementedError):
        raise
    except (
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
        AssertionError,
        RecursionError,
    ) as error:
        raise CorruptFileError(
            f"The config in {source!r} does not describe a model: {type(error).__name__}: {error}"
        ) from error
    except OverflowError as error:
        raise CorruptFileError(
            f"The config in {source!r} holds a number that is too large."
        ) from error


def _load_h5(opened: hdf5.H5File, source: str, compile: bool, safe_mode: bool) -> Any:
    config = legacy_h5.attribute_json(opened, "model_config")
    if config is None:
        raise CorruptFileError(
            f"{source!r} holds no model, only weights: build the model and call "
            "`model.load_weights(...)`."
        )
    training = legacy_h5.attribute_json(opened, "training_config")
    held = h5_weights(opened)
    if legacy.is_legacy(config):
        config = legacy.modern_config(config)
    elif isinstance(config, Mapping) and "module" not in config:
        config = {"module": "keras", **config}
    model, budget = _build(config, held, source, False, safe_mode)
    fill_from(model, held, source, fresh=budget)
    budget.finish()
    arguments = legacy.modern_training(training) if compile else None
    if arguments is not None:
        model.compile_from_config(arguments)
        _load_optimizer(model, opened, source)
    return model


def _load_optimizer(model: Any, opened: hdf5.H5File, source: str) -> None:
    """The state of the optimizer, if it was stored in the order that is today's."""
    group = opened.find("optimizer_weights")
    if group is None:
        return
    tensors = legacy_h5.group_tensors(opened, group)
    variables = list(model.optimizer.variables)
    # Keras 3 stores the learning rate, tf.keras does not
    if len(tensors) < len(variables):
        variables = [v for v in variables if v.name != "learning_rate"]
    if [t.shape for t in tensors] != [v.shape for v in variables]:
        warnings.warn(
            f"The state of the optimizer in {source!r} is not in the order of today's "
            f"{type(model.optimizer).__name__}; it starts anew.",
            stacklevel=4,
        )
        return
    values = [tensor.read() for tensor in tensors]
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


__all__ = ["load_model", "load_weights", "save_model", "save_weights"]

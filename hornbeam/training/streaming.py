"""Predictions for more data than fits in memory: batch by batch, or into a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from hornbeam import tree
from hornbeam.backends import registry
from hornbeam.errors import InputError
from hornbeam.ops.record import owner_of
from hornbeam.saving.atomic import atomic_write
from hornbeam.training.data import make_data

_HEADER = 256
"""Bytes of the header of the file; the shape is written into it when it is known."""


def predict_batches(
    model: Any, x: Any, batch_size: int | None = None, steps: int | None = None
) -> Iterator[Any]:
    """See `Trainer.predict_batches`."""
    backend = model._model_backend()
    with registry.use_backend(backend):
        data = make_data(x, batch_size=batch_size, steps=steps, what="predict")
    with closing(data):
        batches = data.epoch()
        step: Any = None
        while True:  # the consumer's code runs between two batches, on its own engine
            with registry.use_backend(backend):
                if step is None:
                    model._check(*data.peek(), "predict")
                    step = model._step("predict")
                batch = next(batches, None)
                if batch is None:
                    return
                outputs = tree.map_structure(_read, step(batch))
            yield outputs


def predict_to_file(
    model: Any, path: Any, x: Any, batch_size: int | None = None, steps: int | None = None
) -> Any:
    """See `Trainer.predict_to_file`."""
    target = Path(path)
    if target.suffix != ".npy":
        raise InputError(
            f"predict_to_file() writes an .npy file, got the path {os.fspath(path)!r}."
        )
    rows, shape, dtype = 0, None, None
    with atomic_write(target) as file:
        file.write(bytes(_HEADER))
        for outputs in predict_batches(model, x, batch_size, steps):
            if tree.is_nested(outputs):
                raise InputError(
                    f"predict_to_file() needs a model with one output, but {model.name!r} has "
                    f"{len(tree.flatten(outputs))}. Use `predict_batches`."
                )
            if shape is None:
                shape, dtype = outputs.shape[1:], outputs.dtype
            if outputs.shape[1:] != shape:
                raise InputError(
                    f"predict_to_file(): a batch of outputs has rows of shape {outputs.shape[1:]}, "
                    f"those before had {shape}."
                )
            file.write(np.ascontiguousarray(outputs).tobytes())
            rows += len(outputs)
        file.seek(0)
        file.write(_header((rows, *(shape or ())), np.dtype(dtype)))
    return np.load(target, mmap_mode="r", allow_pickle=False)


def _header(shape: tuple[int, ...], dtype: Any) -> bytes:
    if dtype.kind not in "biufc":
        raise InputError(
            f"predict_to_file() cannot write {dtype.name}, which .npy files do not have."
        )
    text = f"{{'descr': {np.lib.format.dtype_to_descr(dtype)!r}, 'fortran_order': False, "
    text += f"'shape': {shape!r}}}"
    room = _HEADER - 10
    return b"\x93NUMPY\x01\x00" + room.to_bytes(2, "little") + text.ljust(room - 1).encode() + b"\n"


def _read(leaf: Any) -> Any:
    owner = owner_of(leaf)
    return np.asarray(leaf) if owner is None else np.array(owner.to_numpy(leaf))

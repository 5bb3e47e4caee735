"""Fits whose time goes into bringing data: a large array, a generator, loaders of other packages.

The model is one Dense layer, so that next to nothing is computed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.programs import Builder, Program
from benchmarks.timing import Scale

WIDTH = 784
BATCH = 256
LARGE = 637_755
"""Rows of 784 float32 that make 2 GB."""


def _model(package: Any) -> Any:
    model = package.Sequential(
        [package.Input((WIDTH,)), package.layers.Dense(10, activation="softmax")]
    )
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _data(rows: int) -> tuple[Any, Any]:
    x = np.zeros((rows, WIDTH), "float32")
    x[:] = np.random.default_rng(0).random(WIDTH, dtype="float32")  # every page of it is there
    return x, np.arange(rows, dtype="int32") % 10


def large_array(package: Any, scale: Scale) -> tuple[Program, int]:
    """An epoch over 2 GB in memory, shuffled; units are steps of batch 256."""
    model = _model(package)
    x, y = _data(scale.size(LARGE))
    return (
        lambda: model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0),
        -(-len(x) // BATCH),
    )


def generator(package: Any, scale: Scale) -> tuple[Program, int]:
    """Batches from a Python generator; units are steps."""
    model, steps = _model(package), 10 * scale.steps
    x, y = _data(BATCH)

    def batches() -> Iterator[tuple[Any, Any]]:
        while True:
            yield x, y

    return lambda: model.fit(batches(), steps_per_epoch=steps, epochs=1, verbose=0), steps


def torch_loader(package: Any, scale: Scale) -> tuple[Program, int]:
    """Shuffled batches from PyTorch's DataLoader; units are steps."""
    from torch import from_numpy
    from torch.utils.data import DataLoader, TensorDataset

    model, steps = _model(package), 2 * scale.steps
    x, y = _data(BATCH * steps)
    loader = DataLoader(TensorDataset(from_numpy(x), from_numpy(y)), BATCH, shuffle=True)
    return lambda: model.fit(loader, epochs=1, verbose=0), steps


def tf_data(package: Any, scale: Scale) -> tuple[Program, int]:
    """Batches from tf.data; units are steps."""
    import tensorflow as tf

    model, steps = _model(package), 10 * scale.steps
    x, y = _data(BATCH * steps)
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH).prefetch(2)
    return lambda: model.fit(batches, epochs=1, verbose=0), steps


PROGRAMS: dict[str, tuple[str, Builder, float]] = {
    "2 GB in an array, fit, per step": ("data", large_array, 0.9),
    "a generator, fit, per step": ("data", generator, 0.9),
    "a DataLoader, fit, per step": ("data", torch_loader, 0.9),
    "tf.data, fit, per step": ("data", tf_data, 0.9),
}
"""As in `programs`."""

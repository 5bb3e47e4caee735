"""The whole public surface in an environment with few engines: a program, not a test.

    python -m tests.isolated jax --without torch tensorflow pytensor keras

It fails if one of the packages can be imported. Then it looks up every public name, runs every layer of
the layers' table, trains, saves and loads, all on the engine that is named. `make isolated` runs it in
two fresh environments: one with JAX alone, one with PyTorch and without JAX.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import pkgutil
import tempfile
import types
from pathlib import Path
from typing import Any

import numpy as np

from hornbeam.errors import UnsupportedError

EXTRAS = {"sklearn", "matplotlib"}
"""What modules that are an extra's may need; the package around them says how to install it."""


def public_modules() -> list[str]:
    """The modules of the package that are not private, nor some engine's."""
    import hornbeam

    found = [name for _, name, _ in pkgutil.walk_packages(hornbeam.__path__, "hornbeam.")]
    return [n for n in found if "._" not in n and not n.startswith("hornbeam.backends.")]


def look_everywhere() -> tuple[int, int]:
    """Import every module, look up every name in every `__all__`; (modules, names)."""
    names = 0
    modules = public_modules()
    for module_name in modules:
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            if error.name not in EXTRAS:
                raise
            continue
        for name in getattr(module, "__all__", ()):
            try:
                getattr(module, name)
            except (
                ImportError,
                UnsupportedError,
            ) as error:  # what needs an optional package says which
                if "pip install" not in str(error):
                    raise
            names += 1
    return len(modules), names


def run_layers() -> int:
    """Each layer of the table, called on its inputs."""
    import hornbeam
    from tests.layers.table import ROWS

    for row in ROWS:
        layer = row.make(hornbeam.layers)
        layer(*row.arguments(row.inputs()), **row.call)
    return len(ROWS)


def train_and_save() -> None:
    """A convolutional and a recurrent model: fit, evaluate, predict, save, load."""
    import hornbeam
    from hornbeam import layers

    rng = np.random.default_rng(0)
    models = {
        (8, 8, 1): [layers.Conv2D(4, 3), layers.BatchNormalization(), layers.Flatten()],
        (5, 4): [layers.Masking(), layers.LSTM(6), layers.Dropout(0.1)],
    }
    for shape, body in models.items():
        x, y = rng.normal(size=(64, *shape)).astype("float32"), rng.integers(0, 3, 64)
        model = hornbeam.Sequential([hornbeam.Input(shape), *body, layers.Dense(3)])
        error = hornbeam.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", error, metrics=["accuracy"])
        model.fit(x, y, batch_size=20, epochs=2, verbose=0, validation_split=0.25)
        model.evaluate(x, y, verbose=0)
        expected = model.predict(x, verbose=0)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.keras"
            model.save(path)
            again: Any = hornbeam.saving.load_model(path)
        np.testing.assert_array_equal(again.predict(x, verbose=0), expected)


def main() -> None:
    """Check what is absent, then run everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine")
    parser.add_argument("--without", nargs="+", default=[])
    arguments = parser.parse_args()
    present = [name for name in arguments.without if importlib.util.find_spec(name) is not None]
    if present:
        raise SystemExit(f"This environment has {present}; it proves nothing about being without.")
    import hornbeam

    assert isinstance(hornbeam, types.ModuleType)
    hornbeam.config.set_backend(arguments.engine)
    modules, names = look_everywhere()
    layers = run_layers()
    train_and_save()
    print(  # noqa: T201
        f"{arguments.engine} without {', '.join(arguments.without)}: {modules} modules, {names} names, "
        f"{layers} rows of layers, two models trained, saved and loaded."
    )


if __name__ == "__main__":
    main()

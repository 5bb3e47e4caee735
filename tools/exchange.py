"""The exchange of files between Hornbeam and any Keras 3: models with a step of training behind them.

    python tools/exchange.py write hornbeam FOLDER     files and what was computed, by Hornbeam
    python tools/exchange.py check keras FOLDER        read in that Keras: predictions and the next step
    python tools/exchange.py write keras FOLDER        the other way: files for tests/saving/corpus
    python tools/exchange.py check hornbeam FOLDER

Run it with the Python that has the package.  Names of models may follow.  Beside each file is a JSON of
the data, the predictions, the loss of the next step on the same data (optimizer state included), and the
predictions after it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
LOW_PRECISION = "mixed"


def library(name: str) -> Any:
    """The package by that name; Keras runs on JAX."""
    if name == "keras":
        os.environ.setdefault("KERAS_BACKEND", "jax")
        import keras  # noqa: TID251

        return keras
    sys.path.insert(0, str(ROOT))
    import hornbeam

    return hornbeam


def cnn(k: Any) -> Any:
    """A Sequential with batch normalization."""
    layers = k.layers
    return k.Sequential(
        [
            k.Input((6, 6, 1)),
            layers.Conv2D(2, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dense(2, kernel_regularizer="l2"),
        ]
    )


def func(k: Any) -> Any:
    """Two inputs, a shared layer, and ops applied directly."""
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    shared = k.layers.Dense(3, activation="tanh")
    joined = k.ops.concatenate([shared(a), k.ops.sin(shared(b)) * 2.0], axis=-1)
    return k.Model([a, b], k.layers.Dense(2)(joined))


def lstm(k: Any) -> Any:
    """Masks through recurrent layers."""
    layers = k.layers
    return k.Sequential(
        [
            k.Input((5,), dtype="int32"),
            layers.Embedding(10, 4, mask_zero=True),
            layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
            layers.GRU(3),
            layers.Dense(2),
        ]
    )


def block(k: Any) -> Any:
    """A transformer block."""
    layers = k.layers
    x = k.Input((5, 8))
    y = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(2, 4)(x, x)]))
    z = layers.Dense(8)(layers.Dense(16, activation="gelu")(y))
    z = layers.LayerNormalization()(layers.Add()([y, z]))
    return k.Model(x, layers.Dense(2)(layers.GlobalAveragePooling1D()(z)))


def mixed(k: Any) -> Any:
    """Mixed precision."""
    layers = k.layers
    return k.Sequential(
        [
            k.Input((4,)),
            layers.Dense(3, activation="relu", dtype="mixed_bfloat16"),
            layers.Dense(2, dtype="mixed_bfloat16"),
        ]
    )


def custom(k: Any) -> Any:
    """A layer of one's own, registered under the same name on both sides."""

    @k.saving.register_keras_serializable("exchange")
    class Scaled(k.layers.Layer):
        """Its input times a weight and a factor."""

        def __init__(self, factor: float = 2.0, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.factor = factor

        def build(self, input_shape: Any) -> None:
            self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")

        def call(self, inputs: Any) -> Any:
            return inputs * self.scale * self.factor

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "factor": self.factor}

    return k.Sequential([k.Input((4,)), k.layers.Dense(3), Scaled(3.0), k.layers.Dense(2)])


MODELS: dict[str, tuple[Callable[[Any], Any], list[tuple[int, ...]]]] = {
    "cnn": (cnn, [(6, 6, 1)]),
    "func": (func, [(4,), (4,)]),
    "lstm": (lstm, [(5,)]),
    "block": (block, [(5, 8)]),
    "mixed": (mixed, [(4,)]),
    "custom": (custom, [(4,)]),
}


def predicted(model: Any, x: Any) -> Any:
    """What the model says, in float32."""
    return np.asarray(model.predict(x, verbose=0)).astype("float32")


def step(model: Any, x: Any, y: Any) -> float:
    """The loss of one step of training."""
    model.reset_metrics()
    return float(model.train_on_batch(x, y, return_dict=True)["loss"])


def write(k: Any, name: str, path: Path) -> None:
    """Train a model for one step and save it, with what comes next."""
    make, shapes = MODELS[name]
    rng = np.random.default_rng(0)
    whole = name == "lstm"
    x: Any = [
        rng.integers(0, 10, (4, *s)).astype("int32") if whole else rng.normal(size=(4, *s))
        for s in shapes
    ]
    x = [a if whole else a.astype("float32") for a in x]
    y = rng.normal(size=(4, 2)).astype("float32")
    given = x if len(x) > 1 else x[0]
    model = make(k)
    model.compile(k.optimizers.Adam(0.01), "mse")
    model.train_on_batch(given, y)
    model.save(path)
    record = {"x": [a.tolist() for a in x], "int": whole, "y": y.tolist()}
    record["before"] = predicted(model, given).tolist()
    record["loss"] = step(model, given, y)
    record["after"] = predicted(model, given).tolist()
    path.with_suffix(".json").write_text(json.dumps(record))


def check(k: Any, name: str, path: Path) -> str:
    """Load a model; predictions, the next loss and what comes after have to be those of its writer.

    Returns:
        The differences, as text.

    Raises:
        AssertionError: if they are not.
    """
    record = json.loads(path.with_suffix(".json").read_text())
    if name == "custom":
        custom(k)
    x = [np.array(a, "int32" if record["int"] else "float32") for a in record["x"]]
    given: Any = x if len(x) > 1 else x[0]
    model = k.models.load_model(path)
    limit = 0.03 if name == LOW_PRECISION else 1e-5
    found = {"before": np.abs(predicted(model, given) - np.array(record["before"])).max()}
    loss = step(model, given, np.array(record["y"], "float32"))
    found["loss"] = abs(loss - record["loss"]) / max(1.0, abs(record["loss"]))
    found["after"] = np.abs(predicted(model, given) - np.array(record["after"])).max()
    text = ", ".join(f"{what} {float(size):.1e}" for what, size in found.items())
    assert max(found.values()) <= limit, f"{name}: {text}"
    return text


def main() -> None:
    """See the top of this file."""
    act, package, folder, *names = sys.argv[1:]
    k = library(package)
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    stem = f"{package}_{k.__version__}"
    failed = 0
    for name in names or MODELS:
        try:
            if act == "write":
                write(k, name, place / f"{stem}_{name}.keras")
                print(f"{stem} wrote {name}", flush=True)
                continue
            for path in sorted(place.glob(f"*_{name}.keras")):
                print(f"{stem} read {path.name}: {check(k, name, path)}", flush=True)
        except Exception as error:
            failed += 1
            print(f"FAILED {act} {name} by {stem}: {type(error).__name__}: {error}", flush=True)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()

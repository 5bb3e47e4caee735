"""Run packages that were built on Keras on Hornbeam, through the stand-in for `keras`.

    python tools/third_party.py FOLDER [ENGINE ...]

FOLDER is where the packages are: ``pip install --no-deps --target FOLDER keras-tuner scikeras
autokeras keras-hub kt-legacy regex dm-tree kagglehub kagglesdk requests tqdm ...``, so that nothing of
them gets into the environment of the tests.  For each package and engine one line says what ran, or what
went wrong.
"""

# ruff: noqa: TID251 - the packages import keras, which is the stand-in here
from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import tempfile
import warnings
from typing import Any

import numpy as np


def keras_tuner(folder: str) -> Any:
    """A random search of two trials, and a prediction of the best model."""
    import keras
    import keras_tuner as tuners

    def build(hp: Any) -> Any:
        model = keras.Sequential(
            [keras.layers.Dense(hp.Int("units", 2, 8, 2)), keras.layers.Dense(1)]
        )
        model.compile(keras.optimizers.Adam(hp.Float("rate", 1e-4, 1e-1, sampling="log")), "mse")
        return model

    tuner = tuners.RandomSearch(build, "val_loss", 2, directory=folder, overwrite=True)
    x = np.random.default_rng(0).random((32, 3))
    y = x.sum(1, keepdims=True)
    tuner.search(x, y, epochs=1, validation_data=(x, y), verbose=0)
    return tuner.get_best_models()[0].predict(x, verbose=0).shape


def scikeras(folder: str) -> Any:
    """A classifier, fitted and scored on irises."""
    import keras
    from scikeras.wrappers import KerasClassifier
    from sklearn.datasets import load_iris

    def build(meta: dict[str, Any]) -> Any:
        outputs = keras.layers.Dense(meta["n_classes_"], activation="softmax")
        model = keras.Sequential([keras.Input((meta["n_features_in_"],)), outputs])
        model.compile(loss="sparse_categorical_crossentropy", optimizer="adam")
        return model

    X, y = load_iris(return_X_y=True)
    return float(KerasClassifier(build, epochs=2, verbose=0).fit(X, y).score(X, y))


def keras_hub(folder: str) -> Any:
    """Its layers for models on small arrays, its samplers on a toy language model, and its metrics."""
    import keras
    import keras_hub as hub

    rng = np.random.default_rng(0)
    x, tokens = rng.random((2, 4, 6), np.float32), rng.integers(0, 9, (2, 4))
    layers = hub.layers
    made = {
        "encoder": layers.TransformerEncoder(8, 2)(x),
        "decoder": layers.TransformerDecoder(8, 2)(x, x),
        "fnet": layers.FNetEncoder(8)(x),
        "sine": layers.SinePositionEncoding()(x),
        "rotary": layers.RotaryEmbedding()(x),
        "position": layers.PositionEmbedding(4)(x),
        "embedding": layers.TokenAndPositionEmbedding(9, 4, 6)(tokens),
        "cached": layers.CachedMultiHeadAttention(2, 3)(x, x),
        "alibi": layers.AlibiBias()(rng.random((2, 2, 4, 4), np.float32)),
        "reversible": layers.ReversibleEmbedding(9, 6)(tokens),
        "masked": layers.MaskedLMHead(9)(x, mask_positions=tokens[:, :2] % 4),
    }
    assert all(np.isfinite(keras.ops.convert_to_numpy(v)).all() for v in made.values())

    table = keras.ops.convert_to_tensor(rng.random((9, 9), np.float32))

    def following(prompt: Any, cache: Any, index: Any) -> Any:
        last = keras.ops.take(prompt, index - 1, axis=1)
        logits = keras.ops.take(table, last, axis=0)
        return logits, keras.ops.expand_dims(logits, 1), cache

    samplers = hub.samplers
    for sampler in (
        samplers.GreedySampler(),
        samplers.BeamSampler(2),
        samplers.RandomSampler(seed=1),
        samplers.TopKSampler(3, seed=1),
        samplers.TopPSampler(0.5, seed=1),
    ):
        prompt = keras.ops.convert_to_tensor(np.array([[1, 0, 0, 0], [2, 0, 0, 0]], "int32"))
        mask = keras.ops.convert_to_tensor(np.array([[True] + [False] * 3] * 2))
        found = sampler(following, prompt, index=1, mask=mask)
        assert tuple(found.shape) == (2, 4), type(sampler)
    perplexity = hub.metrics.Perplexity(from_logits=True)
    perplexity.update_state(np.ones((2, 3), "int32"), np.ones((2, 3, 5), "float32"))
    distance = hub.metrics.EditDistance(normalize=False)
    distance.update_state([["a", "b"]], [["a", "c"]])
    return f"{len(made)} layers, 5 samplers", float(perplexity.result()), float(distance.result())


def autokeras(folder: str) -> Any:
    """A search of one trial for an image classifier, and a prediction."""
    import autokeras as auto

    rng = np.random.default_rng(0)
    x, y = rng.random((16, 8, 8, 1), np.float32), rng.integers(0, 2, 16)
    start = auto.ImageInput()
    block = auto.ConvBlock(
        num_blocks=1, num_layers=1, max_pooling=False, separable=False, dropout=0.0, kernel_size=3
    )
    end = auto.ClassificationHead()(block(start))
    model = auto.AutoModel(start, end, max_trials=1, overwrite=True, directory=folder)
    model.fit(x, y, epochs=1, validation_split=0.25, verbose=0)
    return model.predict(x, verbose=0).shape


PACKAGES = {
    "keras-tuner": keras_tuner,
    "scikeras": scikeras,
    "keras-hub": keras_hub,
    "autokeras": autokeras,
}


def run_one(name: str, engine: str) -> None:
    """Run one package's program in this process and print what came of it."""
    import hornbeam
    from hornbeam.compat import keras

    warnings.simplefilter("ignore")
    keras.install()
    hornbeam.config.set_backend(engine)
    version = importlib.metadata.version(name)
    try:
        with tempfile.TemporaryDirectory() as folder:
            found = PACKAGES[name](folder)
        print(f"{name} {version} on {engine}: ran, {found}")
    except Exception as error:
        print(f"{name} {version} on {engine}: {type(error).__name__}: {str(error)[:200]}")


def main(arguments: list[str]) -> None:
    """Run each package on each engine, in a process of its own."""
    folder, *engines = arguments
    for engine in engines or ["jax", "torch"]:
        for name in PACKAGES:
            program = (
                f"import sys; sys.path.append({folder!r}); from tools import third_party as t; "
                f"t.run_one({name!r}, {engine!r})"
            )
            done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
            lines = [line for line in done.stdout.splitlines() if line.startswith(name)]
            print(lines[-1] if lines else f"{name} on {engine}: {done.stderr.strip()[-300:]}")


if __name__ == "__main__":
    main(sys.argv[1:])

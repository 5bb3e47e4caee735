"""The exchange of files between Hornbeam and other Kerases: models with a step of training behind them.

    python tools/exchange.py write hornbeam FOLDER     files and what was computed, by Hornbeam
    python tools/exchange.py check keras FOLDER        read by that Keras: predictions, the next step
    python tools/exchange.py write keras FOLDER        the other way: as the files in tests/saving/corpus
    python tools/exchange.py check hornbeam FOLDER
    python tools/exchange.py matrix FOLDER keras=PYTHON ... tf_keras=PYTHON
    python tools/exchange.py table FOLDER

`write` and `check` run with the Python that has the package; names of models may follow.  The package
is `hornbeam`, `keras` (3.x, `.keras` files) or `tf_keras` (Keras 2, `.h5` files: of whole models and of
weights); ``--format h5`` makes Hornbeam speak to the latter.  Beside each file is a JSON of the data,
the predictions, the loss of the next step on the same data, and the predictions after it, which take
the state of the optimizer.  A `check` adds its figures to ``results.jsonl`` in the folder.

`matrix` does all of it with the given Pythons, both ways, and prints the tables of docs/exchange.md,
which `table` prints again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 1e-5
LIMITS = {("mixed", "keras"): 0.03, ("mixed", "h5"): 0.03, ("cnn", "h5"): 1e-4}
"""(Model, layout) -> its own limit.

bfloat16 has 8 bits; and TensorFlow's fused batch normalization, which Keras 2 uses and Keras 3 does not,
corrects the variance of a batch for its size (here by 1/64) before it takes it into the moving one.
"""
RESULTS = "results.jsonl"
FIGURES = ("before", "loss", "after")


def library(name: str) -> Any:
    """The package by that name; Keras runs on JAX."""
    if name == "keras":
        os.environ.setdefault("KERAS_BACKEND", "jax")
        import keras  # noqa: TID251

        return keras
    if name == "tf_keras":
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        import tf_keras

        return tf_keras
    sys.path.insert(0, str(ROOT))
    import hornbeam

    return hornbeam


def engine(name: str, k: Any) -> str:
    """The engine that a package computes with, and its version."""
    from importlib.metadata import version

    backend = "tensorflow" if name == "tf_keras" else k.config.backend()
    distribution = {"tensorflow": "tensorflow-cpu"}.get(backend, backend)
    return f"{backend} {version(distribution)}"


# ---------------------------------------------------------------------------------------- the models


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
    return k.Model([a, b], k.layers.Dense(2)(joined[:, 1:]))


def func_of_layers(k: Any) -> Any:
    """Two inputs and a shared layer; `.h5` files hold no ops."""
    layers = k.layers
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    shared = layers.Dense(3, activation="tanh")
    joined = layers.Concatenate()([shared(a), layers.Rescaling(2.0)(shared(b))])
    return k.Model([a, b], layers.Dense(2)(joined))


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


def made(k: Any, name: str, layout: str) -> Any:
    """The model of that name, as the layout of the file can hold it."""
    make = func_of_layers if (name, layout) == ("func", "h5") else MODELS[name][0]
    return make(k)


# ------------------------------------------------------------------------------- writing and checking


def predicted(model: Any, x: Any) -> Any:
    """What the model says, in float32."""
    return np.asarray(model.predict(x, verbose=0)).astype("float32")


def step(model: Any, x: Any, y: Any) -> float:
    """The loss of one step of training."""
    model.reset_metrics()
    return float(model.train_on_batch(x, y, return_dict=True)["loss"])


def data(name: str) -> tuple[list[Any], Any]:
    """Inputs and targets of four samples."""
    rng = np.random.default_rng(0)
    shapes = MODELS[name][1]
    if name == "lstm":
        x: list[Any] = [rng.integers(0, 10, (4, *s)).astype("int32") for s in shapes]
    else:
        x = [rng.normal(size=(4, *s)).astype("float32") for s in shapes]
    return x, rng.normal(size=(4, 2)).astype("float32")


def write(k: Any, name: str, path: Path, about: str = "") -> None:
    """Train a model for one step and save it, with what comes next.

    Args:
        k: the package that does it.
        name: the model.
        path: the file; its end says the layout.  Beside an `.h5` comes one of the weights alone.
        about: the engine, for the record.
    """
    layout = path.suffix[1:]
    x, y = data(name)
    given = x if len(x) > 1 else x[0]
    model = made(k, name, layout)
    model.compile(k.optimizers.Adam(0.01), "mse")
    model.train_on_batch(given, y)
    if layout == "h5":
        options = {"keras_version": 2} if k.__name__ == "hornbeam" else {}
        model.save(path, **options)
        model.save_weights(path.with_suffix(".weights.h5"), **options)
    else:
        model.save(path)
    record = {"x": [a.tolist() for a in x], "int": name == "lstm", "y": y.tolist()}
    record |= {"engine": about, "before": predicted(model, given).tolist()}
    record["loss"] = step(model, given, y)
    record["after"] = predicted(model, given).tolist()
    path.with_suffix(".json").write_text(json.dumps(record))


def check(k: Any, name: str, path: Path) -> dict[str, float]:
    """Load a model; how far predictions, the next loss and what comes after are from its writer's.

    Args:
        k: the package that reads.
        name: the model.
        path: the file.
    """
    record = json.loads(path.with_suffix(".json").read_text())
    if name == "custom":
        custom(k)
    x = [np.array(a, "int32" if record["int"] else "float32") for a in record["x"]]
    given: Any = x if len(x) > 1 else x[0]
    before = np.array(record["before"])
    model = k.models.load_model(path)
    found = {"before": np.abs(predicted(model, given) - before).max()}
    loss = step(model, given, np.array(record["y"], "float32"))
    found["loss"] = abs(loss - record["loss"]) / max(1.0, abs(record["loss"]))
    found["after"] = np.abs(predicted(model, given) - np.array(record["after"])).max()
    weights = path.with_suffix(".weights.h5")
    if path.suffix == ".h5" and weights.exists():
        fresh = made(k, name, "h5")
        fresh.load_weights(weights)
        found["weights"] = np.abs(predicted(fresh, given) - before).max()
    return {what: float(size) for what, size in found.items()}


def limit(name: str, layout: str = "keras") -> float:
    """How far the figures of a model may be off."""
    return LIMITS.get((name, layout), LIMIT)


def checked(k: Any, package: str, name: str, path: Path) -> dict[str, Any]:
    """What `check` found, or why it found nothing, as an entry of the results."""
    entry: dict[str, Any] = {
        "writer": path.stem.removesuffix(f"_{name}"),
        "reader": f"{package}_{k.__version__}",
        "engine": engine(package, k),
        "wrote_on": json.loads(path.with_suffix(".json").read_text()).get("engine", ""),
        "model": name,
        "layout": path.suffix[1:],
    }
    try:
        found = check(k, name, path)
    except Exception as error:
        return {**entry, "good": False, "error": f"{type(error).__name__}: {error}"}
    return {**entry, **found, "good": max(found.values()) <= limit(name, path.suffix[1:])}


def run(act: str, package: str, folder: Path, layout: str, names: Iterable[str]) -> bool:
    """Write or check the models in one package.

    Returns:
        Whether all went well.
    """
    k = library(package)
    folder.mkdir(parents=True, exist_ok=True)
    stem, good = f"{package}_{k.__version__}", True
    for name in names:
        if act == "write":
            write(k, name, folder / f"{stem}_{name}.{layout}", engine(package, k))
            print(f"{stem} wrote {name}.{layout}", flush=True)
            continue
        for path in sorted(folder.glob(f"*_{name}.{layout}")):
            if path.stem.startswith(package):  # its own
                continue
            entry = checked(k, package, name, path)
            good &= entry["good"]
            with open(folder / RESULTS, "a") as results:
                print(json.dumps(entry), file=results)
            words = {key: entry[key] for key in (*FIGURES, "weights", "error") if key in entry}
            print("ok" if entry["good"] else "FAILED", stem, "read", path.name, words, flush=True)
    return good


# ----------------------------------------------------------------------------------------- the matrix


def matrix(folder: Path, others: Iterable[str]) -> None:
    """Everything, both ways, each package in a process of its own.

    Args:
        folder: where the files go; its results are begun anew.
        others: "package=python" of the other Kerases.
    """
    pairs = [other.split("=", 1) for other in others]
    own = [sys.executable, __file__]
    for layout, package in (("keras", "keras"), ("h5", "tf_keras")):
        pythons = [python for name, python in pairs if name == package]
        if not pythons:
            continue
        place = folder / layout
        (place / RESULTS).unlink(missing_ok=True)
        calls = [[*own, "write", "hornbeam"]]
        for python in pythons:
            calls += [[python, __file__, "check", package], [python, __file__, "write", package]]
        calls.append([*own, "check", "hornbeam"])
        for call in calls:
            subprocess.run([*call, str(place), "--format", layout], check=False)
    print(table(folder))


def table(folder: Path) -> str:
    """The results in Markdown: for each direction, the models by the versions."""
    entries = [
        json.loads(line)
        for path in sorted(folder.glob(f"**/{RESULTS}"))
        for line in path.read_text().splitlines()
    ]
    parts = []
    for layout in ("keras", "h5"):
        for title, ours, theirs in (
            ("Hornbeam writes, {} reads", "writer", "reader"),
            ("{} writes, Hornbeam reads", "reader", "writer"),
        ):
            held = [e for e in entries if e["layout"] == layout and e[ours].startswith("hornbeam_")]
            if held:
                kind = "Keras 3" if layout == "keras" else "tf-keras"
                parts.append(f"### {title.format(kind)} `.{layout}`\n\n{_rows(held, theirs)}")
    return "\n\n".join(parts)


def _rows(entries: list[dict[str, Any]], by: str) -> str:
    engines = {e[by]: e["engine" if by == "reader" else "wrote_on"] for e in entries}
    columns = sorted(engines, key=_version)
    cells = {(e["model"], e[by]): _cell(e) for e in entries}
    heads = [f"{c.replace('_', ' ')} ({engines[c]})" for c in columns]
    lines = ["| model | " + " | ".join(heads) + " |", "|---" * (len(columns) + 1) + "|"]
    for name in MODELS:
        row = [cells.get((name, column), "not run") for column in columns]
        lines.append("| " + " | ".join([name, *row]) + " |")
    return "\n".join(lines)


def _version(stem: str) -> list[int]:
    return [int(part) for part in stem.rpartition("_")[2].split(".") if part.isdigit()]


def _cell(entry: dict[str, Any]) -> str:
    if "error" in entry:
        return "FAILED: " + entry["error"].split("\n")[0][:80].replace("|", "\\|")
    figures = [f"{entry[what]:.0e}" for what in (*FIGURES, "weights") if what in entry]
    return ("" if entry["good"] else "FAILED: ") + ", ".join(figures)


def main() -> None:
    """See the top of this file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("act", choices=("write", "check", "matrix", "table"))
    parser.add_argument("rest", nargs="+", metavar="ARGUMENT")
    parser.add_argument("--format", choices=("keras", "h5"))
    given = parser.parse_intermixed_args()
    if given.act == "table":
        print(table(Path(given.rest[0])))
    elif given.act == "matrix":
        matrix(Path(given.rest[0]), given.rest[1:])
    else:
        package, folder, *names = given.rest
        layout = given.format or ("h5" if package == "tf_keras" else "keras")
        sys.exit(not run(given.act, package, Path(folder), layout, names or MODELS))


if __name__ == "__main__":
    main()

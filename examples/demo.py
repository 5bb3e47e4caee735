"""Trains a small convolutional network on real handwritten digits; saves it; predicts with it again.

    make demo            # or: python examples/demo.py

The data are scikit-learn's 1,797 digits of 8x8 pixels, which come with the package.  A third of them
is held out: the program fails unless 98.5 % of those are recognised, and unless a second process that
loads the saved file predicts exactly the same numbers.  Results lie in demo-output/.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import hornbeam
from hornbeam import layers

SEED = 7
EPOCHS = 10
BATCH = 128
WANTED_ACCURACY = 0.985
OUTPUT = Path("demo-output")
SIDE = 8  # pixels


def load_data() -> tuple[tuple[Any, Any], tuple[Any, Any], tuple[Any, Any]]:
    """(images, labels) to train on, to watch the training with, and held out until the end.

    Images are float32 (count, height, width, channels) in [0, 1], labels int32 (count,) in 0..9.
    """
    digits = load_digits()
    images = (digits.images / 16).astype("float32")[..., None]
    labels = digits.target.astype("int32")
    x, x_test, y, y_test = train_test_split(
        images, labels, test_size=1 / 3, random_state=SEED, stratify=labels
    )
    watched = len(x) // 10
    return (x[watched:], y[watched:]), (x[:watched], y[:watched]), (x_test, y_test)


def shifted(images: Any, labels: Any) -> tuple[Any, Any]:
    """Each image nine times: as it is, and moved by one pixel in each of the eight directions."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    moved = [padded[:, i : i + SIDE, j : j + SIDE] for i in range(3) for j in range(3)]
    return np.concatenate(moved), np.tile(labels, len(moved))


def build_model() -> hornbeam.Model:
    """Three convolutions, two of them batch-normalized, and a softmax over the ten digits."""
    return hornbeam.Sequential(
        [
            hornbeam.Input(shape=(SIDE, SIDE, 1)),
            layers.Conv2D(32, 3, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.Activation("relu"),
            layers.Conv2D(64, 3, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.Activation("relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ],
        name="digits",
    )


def train(model: hornbeam.Model, data: tuple[Any, Any], watched: tuple[Any, Any]) -> Any:
    """The history of the training: large steps first, then small ones to settle."""
    x, y = shifted(*data)
    slow_down_at = int(0.7 * EPOCHS) * -(-len(x) // BATCH)
    rate = hornbeam.optimizers.schedules.PiecewiseConstantDecay([slow_down_at], [1e-3, 2e-4])
    model.compile(
        optimizer=hornbeam.optimizers.Adam(learning_rate=rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, validation_data=watched)


def draw_curve(history: dict[str, list[float]], path: Path) -> None:
    """A picture of loss and accuracy over the epochs."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    epochs = range(1, len(history["loss"]) + 1)
    for panel, name in zip(panels, ("loss", "accuracy"), strict=True):
        panel.plot(epochs, history[name], label="training (shifted, with dropout)")
        panel.plot(epochs, history[f"val_{name}"], label="validation")
        panel.set(xlabel="epoch", ylabel=name, xlim=(1, len(epochs)))
        panel.grid(alpha=0.3)
        panel.legend()
    figure.savefig(path, dpi=120)


def predict_in_second_process(model_file: Path, images: Any) -> Any:
    """What the saved model says about `images` in a Python process that knows nothing else."""
    given, answer = OUTPUT / "images.npy", OUTPUT / "predictions.npy"
    np.save(given, images)
    answer.unlink(missing_ok=True)
    program = (
        "import sys, numpy, hornbeam\n"
        "model = hornbeam.saving.load_model(sys.argv[1])\n"
        "numpy.save(sys.argv[3], model.predict(numpy.load(sys.argv[2]), verbose=0))"
    )
    command = [sys.executable, "-c", program, str(model_file), str(given), str(answer)]
    subprocess.run(command, check=True)
    return np.load(answer)


def main() -> int:
    """Run it all; returns the exit status."""
    started = time.perf_counter()
    OUTPUT.mkdir(exist_ok=True)
    hornbeam.utils.set_random_seed(SEED)
    data, watched, (x_test, y_test) = load_data()
    model = build_model()
    model.summary()
    history = train(model, data, watched)

    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"\nHeld-out third: accuracy {accuracy:.2%}, loss {loss:.4f} on {len(x_test)} images")
    draw_curve(history.history, OUTPUT / "learning_curve.png")
    model_file = OUTPUT / "digits.keras"
    model.save(model_file)
    print(f"Saved {model_file} and {OUTPUT / 'learning_curve.png'}")

    here = model.predict(x_test, verbose=0)
    there = predict_in_second_process(model_file, x_test)
    same = np.array_equal(here, there)
    print(f"Loaded in a second process: predictions are {'identical' if same else 'DIFFERENT'}")
    print(f"On the {hornbeam.config.backend()} engine, in {time.perf_counter() - started:.0f} s")

    if accuracy < WANTED_ACCURACY:
        print(f"FAILED: accuracy {accuracy:.2%} is under {WANTED_ACCURACY:.1%}", file=sys.stderr)
    if not same:
        difference = float(np.abs(here - there).max())
        print(f"FAILED: reloaded predictions differ by up to {difference:.3g}", file=sys.stderr)
    return int(accuracy < WANTED_ACCURACY or not same)


if __name__ == "__main__":
    raise SystemExit(main())

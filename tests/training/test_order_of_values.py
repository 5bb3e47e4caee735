"""The lists that `evaluate` and `train_on_batch` return are in the order of `metrics_names`."""

from __future__ import annotations

import numpy as np
import pytest

import hornbeam


@pytest.mark.parametrize("rows", [8, 64, 70])  # one batch, whole batches, an uneven last one
def test_values_come_in_the_order_of_metrics_names(rows: int) -> None:
    model = hornbeam.Sequential([hornbeam.layers.Dense(3, activation="softmax")])
    model.compile(
        "sgd",
        "sparse_categorical_crossentropy",
        metrics=["accuracy", "sparse_top_k_categorical_accuracy"],
    )
    rng = np.random.default_rng(0)
    x, y = rng.random((rows, 4), dtype="float32"), rng.integers(0, 3, rows)
    by_name = model.evaluate(x, y, verbose=0, return_dict=True)
    assert model.metrics_names[:2] == ["loss", "accuracy"]
    values = model.evaluate(x, y, verbose=0)
    assert values == pytest.approx([by_name[name] for name in model.metrics_names])
    model.reset_metrics()
    on_batch = model.test_on_batch(x, y)
    assert on_batch == pytest.approx([by_name[name] for name in model.metrics_names], rel=1e-5)


def test_a_lone_loss_is_a_number() -> None:
    model = hornbeam.Sequential([hornbeam.layers.Dense(1)])
    model.compile("sgd", "mse")
    assert isinstance(model.evaluate(np.ones((4, 2), "float32"), np.ones(4), verbose=0), float)

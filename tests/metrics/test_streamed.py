"""Metrics fed in odd batches: the same as scikit-learn's on all rows at once, on every engine."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import hornbeam
from hornbeam import metrics
from tests.engines import ENGINES

sk = pytest.importorskip("sklearn.metrics")
RNG = np.random.default_rng(0)
ROWS = 101
BOUNDS = [0, 1, 8, 40, 41, ROWS]
"""Batches of 1, 7, 32, 1 and 60 rows."""
TRUE = RNG.integers(0, 2, ROWS)
SCORE = np.clip(0.3 * TRUE + RNG.random(ROWS) * 0.7, 0, 1).astype("float32")
HARD = (SCORE > 0.5).astype(int)
CLASSES = RNG.integers(0, 4, ROWS)
LOGITS = RNG.normal(size=(ROWS, 4)) + 2 * np.eye(4)[CLASSES]
PROBABILITIES = (np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)).astype("float32")
EXACT = PROBABILITIES / PROBABILITIES.sum(1, keepdims=True, dtype="f8")
GUESS = PROBABILITIES.argmax(1)
VALUES = RNG.normal(size=ROWS).astype("float32")
PREDICTED = (VALUES + RNG.normal(size=ROWS) * 0.3).astype("float32")
WEIGHTS = RNG.uniform(0.1, 2, ROWS).astype("float32")

TABLE = {
    "accuracy": (
        lambda: metrics.BinaryAccuracy(), TRUE, SCORE,
        lambda w: sk.accuracy_score(TRUE, HARD, sample_weight=w)),
    "precision": (
        lambda: metrics.Precision(), TRUE, SCORE,
        lambda w: sk.precision_score(TRUE, HARD, sample_weight=w)),
    "recall": (
        lambda: metrics.Recall(), TRUE, SCORE,
        lambda w: sk.recall_score(TRUE, HARD, sample_weight=w)),
    "area": (
        lambda: metrics.AUC(num_thresholds=5000), TRUE, SCORE,
        lambda w: sk.roc_auc_score(TRUE, SCORE, sample_weight=w)),
    "classes": (
        lambda: metrics.SparseCategoricalAccuracy(), CLASSES, PROBABILITIES,
        lambda w: sk.accuracy_score(CLASSES, GUESS, sample_weight=w)),
    "top 2": (
        lambda: metrics.SparseTopKCategoricalAccuracy(2), CLASSES, PROBABILITIES,
        lambda w: sk.top_k_accuracy_score(CLASSES, PROBABILITIES, k=2, sample_weight=w)),
    "log loss": (
        lambda: metrics.SparseCategoricalCrossentropy(), CLASSES, PROBABILITIES,
        lambda w: sk.log_loss(CLASSES, EXACT, sample_weight=w)),
    "squares": (
        lambda: metrics.MeanSquaredError(), VALUES[:, None], PREDICTED[:, None],
        lambda w: sk.mean_squared_error(VALUES, PREDICTED, sample_weight=w)),
    "absolute": (
        lambda: metrics.MeanAbsoluteError(), VALUES[:, None], PREDICTED[:, None],
        lambda w: sk.mean_absolute_error(VALUES, PREDICTED, sample_weight=w)),
    "r2": (
        lambda: metrics.R2Score(), VALUES[:, None], PREDICTED[:, None],
        lambda w: sk.r2_score(VALUES, PREDICTED, sample_weight=w)),
    "f1": (
        lambda: metrics.F1Score(average="macro"), np.eye(4)[CLASSES].astype("float32"), PROBABILITIES,
        lambda w: sk.f1_score(CLASSES, GUESS, average="macro", sample_weight=w)),
    # its counts are whole numbers, as in Keras: fractions of weights are cut off
    "overlap": (
        lambda: metrics.MeanIoU(4), CLASSES, GUESS,
        lambda w: sk.jaccard_score(
            CLASSES, GUESS, average="macro", sample_weight=None if w is None else w.astype(int))),
}  # fmt: skip


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("engine", ENGINES)
def test_odd_batches_give_what_scikit_learn_gives(engine, name, weighted):
    make, true, predicted, reference = TABLE[name]
    weights = WEIGHTS if weighted else None
    with hornbeam.use_backend(engine):
        metric = make()
        for first, last in itertools.pairwise(BOUNDS):
            part = None if weights is None else weights[first:last]
            metric.update_state(true[first:last], predicted[first:last], part)
        found = float(metric.result())
    tolerance = 2e-3 if name == "area" else 1e-5
    assert found == pytest.approx(reference(weights), rel=tolerance)

"""Metrics against Keras and scikit-learn, streamed in odd batches, on every engine."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import warnings

import keras
import numpy as np
import pytest
import sklearn.metrics

import hornbeam
from hornbeam import metrics
from hornbeam.errors import InputError, UnknownNameError
from tests.engines import ENGINES

rng = np.random.default_rng(0)
N = 23
BATCHES = (slice(0, 9), slice(9, 23))
REAL = rng.random((N, 4)).astype(np.float32)
PRED = rng.random((N, 4)).astype(np.float32)
PROB = PRED / PRED.sum(-1, keepdims=True)
LABEL = rng.integers(0, 4, N)
OTHER = rng.integers(0, 4, N)
ONE_HOT = np.eye(4, dtype=np.float32)[LABEL]
BITS = rng.integers(0, 2, (N, 4)).astype(np.float32)
BIT = rng.integers(0, 2, N).astype(np.float32)
SCORE = np.round(rng.random(N), 1).astype(np.float32)  # ties and values on thresholds
IMAGE = rng.integers(0, 3, (N, 2, 3))
IMAGE_PRED = rng.integers(0, 3, (N, 2, 3))
WEIGHT = rng.random(N).astype(np.float32)

ROWS = [
    *(
        (name, {}, REAL, PRED)
        for name in (
            "MeanSquaredError MeanAbsoluteError MeanAbsolutePercentageError "
            "MeanSquaredLogarithmicError RootMeanSquaredError LogCoshError CosineSimilarity "
            "KLDivergence Poisson PearsonCorrelation ConcordanceCorrelation R2Score"
        ).split()
    ),
    ("R2Score", {"class_aggregation": None}, REAL, PRED),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}, REAL, PRED),
    ("R2Score", {"num_regressors": 3}, REAL, PRED),
    ("Hinge", {}, BITS, PRED),
    ("SquaredHinge", {}, BITS, PRED),
    ("CategoricalHinge", {}, ONE_HOT, PRED),
    ("Accuracy", {}, LABEL, OTHER),
    ("BinaryAccuracy", {}, BITS, PRED),
    ("BinaryAccuracy", {"threshold": 0.3}, BIT[:, None], SCORE[:, None]),
    ("CategoricalAccuracy", {}, ONE_HOT, PRED),
    ("SparseCategoricalAccuracy", {}, LABEL, PRED),
    ("SparseCategoricalAccuracy", {}, LABEL[:, None], PRED),
    ("TopKCategoricalAccuracy", {"k": 2}, ONE_HOT, PRED),
    ("SparseTopKCategoricalAccuracy", {"k": 3}, LABEL, PRED),
    ("BinaryCrossentropy", {}, BITS, PRED),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, BITS, PRED),
    ("CategoricalCrossentropy", {}, ONE_HOT, PROB),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, ONE_HOT, PRED),
    ("SparseCategoricalCrossentropy", {}, LABEL, PROB),
    *(
        (name, kwargs, *data)
        for name in (
            "TruePositives TrueNegatives FalsePositives FalseNegatives Precision Recall"
        ).split()
        for kwargs, data in (
            ({}, (BIT, SCORE)),
            ({"thresholds": [0.2, 0.7]}, (BITS, PRED)),
            ({"thresholds": 0.3}, (BIT[:, None], SCORE[:, None])),
        )
    ),
    *(
        (name, kwargs, BITS, PRED)
        for name in ("Precision", "Recall")
        for kwargs in ({"top_k": 2}, {"class_id": 1}, {"top_k": 2, "class_id": 3})
    ),
    *(
        ("AUC", {"curve": curve, "summation_method": method, **kwargs}, *data)
        for curve in ("ROC", "PR")
        for method in ("interpolation", "minoring", "majoring")
        for kwargs, data in (
            ({}, (BIT, SCORE)),
            ({"multi_label": True}, (BITS, PRED)),
            ({"thresholds": [0.3, 0.6]}, (BIT, SCORE)),
        )
    ),
    ("AUC", {"from_logits": True}, BITS, PRED * 4 - 2),
    ("AUC", {"num_thresholds": 5, "label_weights": [1.0, 2.0, 3.0, 4.0]}, BITS, PRED),
    ("AUC", {"multi_label": True, "num_labels": 4}, BITS, PRED),
    *(
        (name, {name.split("At")[1].lower(): limit, **kwargs}, *data)
        for name, limit in (
            ("PrecisionAtRecall", 0.6),
            ("RecallAtPrecision", 0.5),
            ("SensitivityAtSpecificity", 0.4),
            ("SpecificityAtSensitivity", 0.4),
        )
        for kwargs, data in (
            ({}, (BIT, SCORE)),
            ({"num_thresholds": 1}, (BIT, SCORE)),
            ({"class_id": 2, "num_thresholds": 7}, (BITS, PRED)),
        )
    ),
    *(
        row
        for average in (None, "micro", "macro", "weighted")
        for row in (
            ("F1Score", {"average": average}, ONE_HOT, PRED),
            ("FBetaScore", {"average": average, "beta": 2.0, "threshold": 0.4}, BITS, PRED),
        )
    ),
    ("IoU", {"num_classes": 4, "target_class_ids": [0, 2]}, LABEL, OTHER),
    ("MeanIoU", {"num_classes": 4}, LABEL, OTHER),
    ("MeanIoU", {"num_classes": 3, "ignore_class": 1}, IMAGE, IMAGE_PRED),
    ("BinaryIoU", {"threshold": 0.3}, BIT, SCORE),
    ("OneHotIoU", {"num_classes": 4, "target_class_ids": [1]}, ONE_HOT, PRED),
    ("OneHotMeanIoU", {"num_classes": 4}, ONE_HOT, PRED),
    ("Sum", {}, REAL),
    ("Mean", {}, REAL),
]
IDS = [f"{row[0]}-{'-'.join(map(str, row[1].values()))}-{i}" for i, row in enumerate(ROWS)]
FIRST = {row[0]: row for row in reversed(ROWS)}


def streamed(metric, data, weight):
    for batch in BATCHES:
        sample_weight = None if weight is None else weight[batch]
        metric.update_state(*(a[batch] for a in data), sample_weight=sample_weight)
    return metric.result()


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_against_keras(row):
    name, kwargs, *data = row
    images = data[0].ndim == 3  # Keras cannot weigh samples of more than one place
    for weight in (None,) if images else (None, WEIGHT):
        theirs = getattr(keras.metrics, name)(**kwargs)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # weights of integer counts
            expected = np.asarray(streamed(theirs, data, weight))
        for engine in ENGINES:
            with hornbeam.use_backend(engine):
                ours = getattr(metrics, name)(**kwargs)
                value = hornbeam.ops.convert_to_numpy(streamed(ours, data, weight))
            assert value.shape == expected.shape
            np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6, err_msg=engine)
        assert [(v.name, v.shape, v.dtype) for v in ours.variables] == [
            (v.name, tuple(v.shape), v.dtype) for v in theirs.variables
        ]


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_config_and_pure_functions(row):
    name, kwargs, *data = row
    theirs = getattr(keras.metrics, name)(**kwargs).get_config()
    ours = getattr(metrics, name)(**kwargs)
    config = ours.get_config()
    theirs.pop("name")
    for key, value in theirs.items():
        np.testing.assert_equal(np.asarray(config[key]), np.asarray(value))
    again = metrics.deserialize(metrics.serialize(ours))
    expected = np.asarray(again(*data))
    np.testing.assert_allclose(np.asarray(ours(*data)), expected)
    if row is not FIRST[name]:
        return
    # as a compiled pure function, from the state after a reset
    start = again.stateless_reset_state()
    compiled = hornbeam.backends.registry.get("jax").compile(
        lambda state, *batch: again.stateless_update_state(state, *batch)
    )
    state = compiled(start, *data)
    np.testing.assert_allclose(np.asarray(again.stateless_result(state)), expected, rtol=1e-5)
    again.reset_state()
    assert all(not v.numpy().any() for v in again.variables)


def test_against_scikit_learn():
    many = 5000
    truth = rng.integers(0, 2, many)
    score = np.clip(0.3 * truth + rng.random(many) * 0.7, 0, 1).astype(np.float32)
    area = float(metrics.AUC(num_thresholds=1000)(truth, score))
    assert abs(area - sklearn.metrics.roc_auc_score(truth, score)) < 1e-3
    area = float(metrics.AUC(num_thresholds=1000, curve="PR")(truth, score))
    assert abs(area - sklearn.metrics.average_precision_score(truth, score)) < 2e-3
    decided = score > 0.5
    for ours, theirs in (
        (metrics.Precision(), sklearn.metrics.precision_score),
        (metrics.Recall(), sklearn.metrics.recall_score),
        (metrics.BinaryAccuracy(), sklearn.metrics.accuracy_score),
    ):
        np.testing.assert_allclose(float(ours(truth, score)), theirs(truth, decided), rtol=1e-5)
    np.testing.assert_allclose(
        float(metrics.R2Score()(REAL, PRED)), sklearn.metrics.r2_score(REAL, PRED), rtol=1e-4
    )
    np.testing.assert_allclose(
        float(metrics.F1Score("macro")(ONE_HOT, PRED)),
        sklearn.metrics.f1_score(LABEL, PRED.argmax(-1), average="macro"),
        rtol=1e-5,
    )
    np.testing.assert_allclose(
        float(metrics.MeanIoU(num_classes=4)(LABEL, OTHER)),
        sklearn.metrics.jaccard_score(LABEL, OTHER, average="macro"),
        rtol=1e-5,
    )


def test_an_ignored_class_does_not_count():
    metric = metrics.SparseCategoricalCrossentropy(ignore_class=2)
    kept = LABEL != 2
    expected = -np.log(PROB[kept, LABEL[kept]]).mean()
    np.testing.assert_allclose(float(metric(LABEL, PROB)), expected, rtol=1e-5)
    metric.reset_state()
    expected = np.average(-np.log(PROB[kept, LABEL[kept]]), weights=WEIGHT[kept])
    np.testing.assert_allclose(float(metric(LABEL, PROB, WEIGHT)), expected, rtol=1e-5)


def test_variables_have_the_paths_of_keras_and_nest():
    metric = metrics.Mean(name="m")
    with hornbeam.name_scope("elsewhere"):
        assert [v.path for v in metrics.Mean(name="m").variables] == ["m/total", "m/count"]

    class Both(metrics.Metric):
        def __init__(self):
            super().__init__(name="both")
            self.parts = [metric, metrics.Sum()]

    assert len(Both().variables) == 3


def test_scalar_and_nested_list_values():
    metric = metrics.Mean()
    metric.update_state(3.0)
    metric.update_state(6.0, sample_weight=2.0)
    assert float(metric.result()) == 5.0
    assert float(metrics.MeanSquaredError()([[0.0, 2.0]], [[0.0, 0.0]])) == 2.0


@pytest.mark.parametrize(
    "name", ["mse", "MAE", "AUC", "auc", "accuracy", "binary_io_u", "f1_score", "r2_score"]
)
def test_names(name):
    assert isinstance(metrics.get(name), metrics.Metric)


@pytest.mark.parametrize(
    ("act", "error", "match"),
    [
        (lambda: metrics.get("acuracy"), UnknownNameError, "Did you mean 'Accuracy'"),
        (lambda: metrics.get(3), InputError, "is no metric"),
        (lambda: metrics.Precision(thresholds=2.0), InputError, r"in \[0, 1\], got 2.0"),
        (lambda: metrics.AUC(curve="XY"), InputError, "`curve` must be one of"),
        (lambda: metrics.AUC(num_thresholds=1), InputError, "at least 2, got 1"),
        (lambda: metrics.F1Score("mean"), InputError, "`average` must be None"),
        (lambda: metrics.F1Score()(BIT, SCORE), InputError, r"shape \(batch, classes\)"),
        (lambda: metrics.IoU(2, [3]), InputError, "must be below"),
        (lambda: metrics.PrecisionAtRecall(1.5), InputError, r"`recall` must be in \[0, 1\]"),
        (lambda: metrics.Mean().stateless_result([1.0]), InputError, "2 variables, got 1"),
        (lambda: metrics.F1Score().stateless_result([1.0]), InputError, "at its first update"),
        (lambda: metrics.Metric().result(), NotImplementedError, "must define `result`"),
        (lambda: metrics.Recall()(BITS, PRED, np.ones(7)), InputError, "does not fit"),
    ],
)
def test_errors(act, error, match):
    with pytest.raises(error, match=match):
        act()

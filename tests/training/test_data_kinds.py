"""Data of every kind, from every library that is installed, on every engine: the same training."""

from __future__ import annotations

import importlib.util
import warnings

import numpy as np
import pytest

import hornbeam
from hornbeam.backends import registry
from hornbeam.errors import InputError
from tests.engines import ENGINES, TRAINABLE

RNG = np.random.default_rng(0)
X = RNG.random((12, 3)).astype("float32")
Y = (X.sum(1) > 1.5).astype("int32")
W = np.linspace(0.5, 2, 12).astype("float32")
OPTIONS = {"shuffle": False, "verbose": 0, "epochs": 2}
COLUMNS = ["a", "b", "c"]


def installed(*names):
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"{missing} not installed")


def classifier():
    model = hornbeam.Sequential(
        [hornbeam.Input((3,)), hornbeam.layers.Dense(2, "softmax", True, "zeros")]
    )
    model.compile(hornbeam.optimizers.SGD(0.5), "sparse_categorical_crossentropy")
    return model


def table(weights=False):
    columns = {name: X[:, i] for i, name in enumerate(COLUMNS)} | {"label": Y}
    return columns | {"weight": W} if weights else columns


def lists():
    return {"x": X.tolist(), "y": Y.tolist(), "sample_weight": W.tolist()}


def foreign(engine):
    def make():
        b = registry.get(engine)
        return {"x": b.asarray(X), "y": b.asarray(Y), "sample_weight": b.asarray(W)}

    return make


def sparse():
    import scipy.sparse

    return {"x": scipy.sparse.coo_array(X), "y": Y, "sample_weight": W}


def pandas_frames():
    import pandas

    data = table(True)
    frame = pandas.DataFrame(data)
    return {"x": frame[COLUMNS], "y": frame["label"], "sample_weight": frame["weight"]}


def pandas_names():
    import pandas

    return {"x": pandas.DataFrame(table(True)), "y": "label", "sample_weight": "weight"}


def polars_names():
    import polars

    return {"x": polars.DataFrame(table(True)), "y": "label", "sample_weight": "weight"}


ROWS = {
    "lists": (lists, ()),
    **{f"arrays of {engine}": (foreign(engine), ()) for engine in ENGINES},
    "scipy": (sparse, ("scipy",)),
    "pandas": (pandas_frames, ("pandas",)),
    "pandas by name": (pandas_names, ("pandas",)),
    "polars by name": (polars_names, ("polars",)),
}


@pytest.mark.parametrize("engine", TRAINABLE)
@pytest.mark.parametrize(
    "make", [pytest.param(make, marks=installed(*needs), id=n) for n, (make, needs) in ROWS.items()]
)
def test_rows(engine, make):
    """With weights of samples and classes, and a split."""
    with hornbeam.use_backend(engine):
        options = {"class_weight": {0: 1.0, 1: 3.0}, "validation_split": 0.25, "batch_size": 4}
        arrays = {"x": X, "y": Y, "sample_weight": W}
        expected = classifier().fit(**arrays, **options, **OPTIONS).history
        found = classifier().fit(**make(), **options, **OPTIONS).history
        for key, values in expected.items():
            np.testing.assert_allclose(found[key], values, rtol=1e-5)


def batches():
    return [(X[i : i + 4], Y[i : i + 4], W[i : i + 4]) for i in (0, 4, 8)]


def generator():
    yield from batches() * 2


def tf_dataset():
    import tensorflow as tf

    return {"x": tf.data.Dataset.from_tensor_slices((X, Y, W)).batch(4)}


def torch_loader():
    import torch

    rows = torch.utils.data.TensorDataset(*(torch.from_numpy(a) for a in (X, Y, W)))
    return {"x": torch.utils.data.DataLoader(rows, batch_size=4)}


def grain_dataset():
    import grain

    rows = [(X[i], Y[i], W[i]) for i in range(12)]
    return {"x": grain.MapDataset.source(rows).batch(4)}


STREAMS = {
    "list of batches": (lambda: {"x": batches()}, ()),
    "generator": (lambda: {"x": generator(), "steps_per_epoch": 3}, ()),
    "iterable": (lambda: {"x": type("Some", (), {"__iter__": lambda s: iter(batches())})()}, ()),
    "tf.data": (tf_dataset, ("tensorflow",)),
    "DataLoader": (torch_loader, ("torch",)),
    "grain": (grain_dataset, ("grain",)),
}


@pytest.mark.parametrize("engine", TRAINABLE)
@pytest.mark.parametrize(
    "make",
    [pytest.param(make, marks=installed(*needs), id=n) for n, (make, needs) in STREAMS.items()],
)
def test_streams(engine, make):
    with hornbeam.use_backend(engine):
        weights = {"class_weight": {0: 1.0, 1: 3.0}}
        expected = classifier().fit(X, Y, 4, sample_weight=W, **weights, **OPTIONS).history["loss"]
        found = classifier().fit(**make(), **weights, **OPTIONS).history["loss"]
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def arrow():
    import pyarrow

    return pyarrow.table(table())


def hugging_face():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a library that it uses
        import datasets

        return datasets.Dataset(datasets.table.InMemoryTable(arrow()), fingerprint="table")


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(arrow, marks=installed("pyarrow"), id="arrow"),
        pytest.param(hugging_face, marks=installed("datasets"), id="hugging face"),
    ],
)
@pytest.mark.parametrize("engine", TRAINABLE)
def test_columns_are_inputs_by_name(engine, make):
    with hornbeam.use_backend(engine):
        inputs = {name: hornbeam.Input((), name=name) for name in COLUMNS}
        joined = hornbeam.ops.stack(list(inputs.values()), -1)
        outputs = hornbeam.layers.Dense(2, "softmax", True, "zeros")(joined)
        model = hornbeam.Model(inputs, outputs)
        model.compile(hornbeam.optimizers.SGD(0.5), "sparse_categorical_crossentropy")
        expected = classifier().fit(X, Y, 4, **OPTIONS).history["loss"]
        found = model.fit(make(), "label", 4, **OPTIONS).history["loss"]
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        one = {name: X[:, i] for i, name in enumerate(COLUMNS)}
        np.testing.assert_allclose(model.predict(one, verbose=0).sum(1), 1, rtol=1e-5)


class Table:
    """What all tables have in common."""

    def __init__(self, columns):
        self.columns = list(columns)
        self._columns = columns

    @property
    def shape(self):
        return len(next(iter(self._columns.values()))), len(self.columns)

    def __getitem__(self, name):
        if isinstance(name, list):
            return Table({n: self._columns[n] for n in name})
        return self._columns[name]

    def to_numpy(self):
        return np.stack(list(self._columns.values()), 1)


def test_columns_by_name_of_any_table():
    expected = classifier().fit(X, Y, 4, **OPTIONS).history["loss"]
    found = classifier().fit(Table(table()), "label", 4, **OPTIONS).history["loss"]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    with pytest.raises(InputError, match="no column 'lable' in the table. Did you mean 'label'"):
        classifier().fit(Table(table()), "lable", verbose=0)
    with pytest.raises(InputError, match="is the name of a column, but `x` is a ndarray"):
        classifier().fit(X, "label", verbose=0)


def test_sparse_rows_become_dense_by_the_batch(monkeypatch):
    scipy_sparse = pytest.importorskip("scipy.sparse")
    from hornbeam.training.data import tables

    largest = []
    get = tables.SparseRows.__getitem__
    monkeypatch.setattr(
        tables.SparseRows,
        "__getitem__",
        lambda s, rows: largest.append(len(get(s, rows))) or get(s, rows),
    )
    model = classifier()
    model.fit(scipy_sparse.csr_matrix(X), Y, 4, **{**OPTIONS, "shuffle": True})
    assert max(largest) == 4
    np.testing.assert_allclose(
        model.predict(scipy_sparse.csr_matrix(X), verbose=0), model.predict(X, verbose=0), rtol=1e-5
    )
    assert model.train_on_batch(scipy_sparse.csr_matrix(X), Y) > 0

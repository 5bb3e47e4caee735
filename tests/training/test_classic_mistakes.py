"""Classic mistakes: each is refused or warned of, with the fix, on every engine."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import hornbeam
from hornbeam import layers
from tests.engines import TRAINABLE

X = np.random.default_rng(0).random((12, 4)).astype("float32")
C = np.arange(12) % 3
ONE_HOT = np.eye(3, dtype="float32")[C]
SPARSE, CATEGORICAL = "sparse_categorical_crossentropy", "categorical_crossentropy"


def net(loss=SPARSE, units=3, activation="softmax", optimizer="sgd", **options):
    model = hornbeam.Sequential([hornbeam.Input((4,)), layers.Dense(units, activation)])
    model.compile(optimizer, loss, **options)
    return model


def fit(x=X, y=C, model=None, **options):
    return (model or net()).fit(x, y, verbose=0, **options)


def two():
    i = hornbeam.Input((4,))
    model = hornbeam.Model(i, {"a": layers.Dense(1)(i), "b": layers.Dense(1)(i)})
    return model


def compiled_two(**arguments):
    model = two()
    model.compile("sgd", **arguments)
    return model


def pair():
    a, b = hornbeam.Input((2,), name="left"), hornbeam.Input((2,), name="right")
    model = hornbeam.Model({"left": a, "right": b}, layers.Dense(1)(layers.Add()([a, b])))
    model.compile("sgd", "mse")
    return model


def nan_data():
    x = X.copy()
    x[0, 0] = np.nan
    return x


def unbuilt():
    return hornbeam.Sequential([layers.Dense(3)])


def endless():
    while True:
        yield X[:4], C[:4]


class NoSuper(hornbeam.Layer):
    def __init__(self):
        self.units = 3


class ReturnsNone(hornbeam.Model):
    def train_step(self, data):
        return None


MISTAKES = {
    "labels out of range": (lambda: fit(y=C + 1), "label"),
    "negative labels": (lambda: fit(y=C - 1), "class numbers go from 0 to 2"),
    "one-hot targets, sparse loss": (lambda: fit(y=ONE_HOT), "categorical_crossentropy"),
    "class numbers, categorical loss": (
        lambda: fit(model=net(CATEGORICAL)), "sparse_categorical_crossentropy"),
    "class numbers in columns, categorical loss": (
        lambda: fit(y=C[:, None], model=net(CATEGORICAL)), "sparse_categorical_crossentropy"),
    "fractions as class numbers": (lambda: fit(y=C + 0.5), "whole|class numbers|int"),
    "softmax on one unit": (lambda: fit(y=C % 2, model=net("binary_crossentropy", 1)), "sigmoid"),
    "labels 1 and 2 for a binary loss": (
        lambda: fit(y=C % 2 + 1, model=net("binary_crossentropy", 1, "sigmoid")), "0|1"),
    "strings as labels": (lambda: fit(y=np.array(list("abc") * 4)), "return_inverse"),
    "objects as inputs": (lambda: fit(x=np.array([None] * 12)), "Python objects"),
    "ragged lists": (lambda: fit(x=[[1.0], [1.0, 2.0]], y=[0, 1]), "pad_sequences|same shape"),
    "different numbers of rows": (lambda: fit(y=C[:5]), "same number of rows"),
    "no rows": (lambda: fit(x=X[:0], y=C[:0]), "no rows"),
    "a scalar": (lambda: fit(x=np.float32(3), y=1), "scalar|count the rows|rows"),
    "no targets": (lambda: fit(y=None), "pass `y`"),
    "no data": (lambda: net().fit(verbose=0), "`x` is None"),
    "wrong width": (lambda: fit(x=X[:, :3]), r"3|4"),
    "an axis too many": (lambda: fit(x=X[:, None, None]), r"shape"),
    "not compiled": (lambda: unbuilt().fit(X, C, verbose=0), "must be compiled before fit"),
    "an unknown loss": (lambda: net("mean_square_error"), "mean_squared_error"),
    "an unknown optimizer": (lambda: net(optimizer="adamm"), "adam"),
    "an unknown metric": (lambda: net(metrics=["acuracy"]), "accuracy"),
    "an unknown activation": (lambda: layers.Dense(3, "sofmax"), "softmax"),
    "an unknown argument of a layer": (lambda: layers.Dense(3, activaton="relu"), "activation"),
    "an unknown argument of an optimizer": (
        lambda: hornbeam.optimizers.Adam(learningrate=0.1), "learning_rate"),
    "a negative width": (lambda: layers.Dense(-3), "positive"),
    "a rate over 1": (lambda: layers.Dropout(20), r"\[?0"),
    "losses for outputs that are not there": (
        lambda: fit(y={"a": C, "b": C}, model=compiled_two(loss={"a": "mse", "c": "mse"})), "'c'"),
    "a list of too many losses": (
        lambda: fit(y={"a": C, "b": C}, model=compiled_two(loss=["mse"] * 3)), "3 .*2 outputs"),
    "a target missing": (lambda: fit(y={"a": C}, model=compiled_two(loss="mse")), "'b' is missing"),
    "an input missing": (lambda: pair().fit({"left": X[:, :2]}, C, verbose=0), "'right'"),
    "a list for inputs by name": (
        lambda: pair()([np.ones((1, 2)), np.ones((1, 2))]), "pass a dict"),
    "inputs of the wrong name": (
        lambda: pair().fit({"left": X[:, :2], "rihgt": X[:, 2:]}, C, verbose=0), "right"),
    "a batch size of 0": (lambda: fit(batch_size=0), "positive int"),
    "a split over 1": (lambda: fit(validation_split=20), "between 0 and 1"),
    "a split of a generator": (
        lambda: net().fit(endless(), validation_split=0.2, steps_per_epoch=1, verbose=0),
        "validation_data"),
    "targets beside a generator": (lambda: net().fit(endless(), C, verbose=0), "whole batches"),
    "a spent generator": (
        lambda: net().fit(iter([(X, C)]), epochs=2, verbose=0), "read only once"),
    "class weights as a list": (lambda: fit(class_weight=[1, 2, 3]), "must be a dict"),
    "class weights for images": (
        lambda: fit(y=np.zeros((12, 3, 3)), class_weight={0: 2.0},
                    model=net("mse", 3, None)), "sample_weight"),
    "a callback class": (
        lambda: fit(callbacks=[hornbeam.callbacks.TerminateOnNaN]), "parentheses"),
    "early stopping without validation": (
        lambda: fit(callbacks=[hornbeam.callbacks.EarlyStopping()]), "validation_split"),
    "a checkpoint of another kind of file": (
        lambda: hornbeam.callbacks.ModelCheckpoint("model.txt"), r"\.keras"),
    "an unknown progress": (lambda: net().fit(X, C, verbose=7), "`verbose` must be"),
    "NaN in the data": (lambda: fit(x=nan_data()), "The data have nan in `x`"),
    "a learning rate that is too high": (
        lambda: fit(y=C * 1e3, model=net("mse", 1, None, hornbeam.optimizers.SGD(1e9)), epochs=40,
                    batch_size=2), "learning rate"),
    "two kinds of clipping": (
        lambda: hornbeam.optimizers.SGD(clipnorm=1, clipvalue=1), "only one of"),
    "no super().__init__()": (lambda: NoSuper()(X), r"super\(\)\.__init__"),
    "a train_step without logs": (
        lambda: own_step().fit(X, C, verbose=0), "must return a dict of logs"),
    "weights of another shape": (lambda: net().set_weights([np.ones((9, 9))] * 2), r"shape|9"),
    "too few weights": (lambda: net().set_weights([]), r"2|weights"),
    "an unknown engine": (lambda: hornbeam.config.set_backend("pytroch"), "'torch'|'pytorch'|known"),
    "two arrays as one input": (lambda: net().fit([X, X], C, verbose=0), "1 input"),
    "embedding of fractions": (lambda: layers.Embedding(0, 3), "positive|input_dim"),
}  # fmt: skip


def own_step():
    i = hornbeam.Input((4,))
    model = ReturnsNone(i, layers.Dense(3)(i))
    model.compile("sgd", "mse")
    return model


def told(act):
    """What is raised or warned of, and how many times."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            act()
        except Exception as error:
            return [" ".join([str(error), *getattr(error, "__notes__", [])])]
    return [str(w.message) for w in caught if w.category is UserWarning]


@pytest.mark.parametrize("name", MISTAKES)
@pytest.mark.parametrize("engine", TRAINABLE)
def test_a_mistake_is_told_once_with_the_fix(engine, name):
    import re

    act, match = MISTAKES[name]
    with hornbeam.use_backend(engine):
        messages = told(act)
    assert len(messages) == 1, messages
    assert re.search(match, messages[0], re.DOTALL), messages[0]


def test_they_are_many():
    """How many are told of is printed at the end of a run, see `pytest_terminal_summary`."""
    assert len(MISTAKES) >= 40

"""What users ask for: learning rates found, curves, streams of predictions, where a NaN is from."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import hornbeam
from hornbeam import callbacks, layers, ops, utils
from hornbeam.errors import InputError
from tests.engines import ENGINES, TRAINABLE

RNG = np.random.default_rng(0)
X = RNG.random((40, 3)).astype("float32")
Y = X.sum(1, keepdims=True)


def regression(optimizer="sgd"):
    model = hornbeam.Sequential(
        [hornbeam.Input((3,)), layers.Dropout(0.1), layers.Dense(1, name="d")]
    )
    model.compile(optimizer, "mse")
    return model


@pytest.mark.parametrize("engine", TRAINABLE)
def test_finding_a_rate_leaves_everything_as_it_was(engine):
    pytest.importorskip("matplotlib")
    with hornbeam.use_backend(engine):
        model = regression()
        model.fit(X, Y, verbose=0)
        history = model.history
        before = [np.array(v.numpy()) for v in model._state_variables()]
        trial = utils.find_learning_rate(model, X, Y, 8, lowest=1e-5, highest=10, steps=40)
        for variable, value in zip(model._state_variables(), before, strict=True):
            np.testing.assert_array_equal(variable.numpy(), value)
    assert model.history is history
    assert len(trial.rates) == len(trial.losses) <= 40
    np.testing.assert_allclose(np.diff(np.log(trial.rates)), np.log(1e6) / 39, rtol=1e-4)
    assert 1e-4 < trial.suggestion < 3
    ax = trial.plot()
    assert (ax.get_xscale(), ax.get_ylabel()) == ("log", "loss")


def test_finding_a_rate_stops_when_it_gets_worse():
    trial = utils.find_learning_rate(regression(), X, Y, lowest=1e-3, highest=1e6, steps=60)
    assert trial.rates[-1] < 1e4
    with pytest.raises(InputError, match="needs 0 < lowest < highest"):
        utils.find_learning_rate(regression(), X, Y, lowest=1, highest=0.1)
    with pytest.raises(InputError, match="ended at once"):
        _ = utils.RateTrial([], []).suggestion


def test_curves():
    pytest.importorskip("matplotlib")
    model = regression()
    history = model.fit(
        X, Y, epochs=4, verbose=0, validation_data=(X, Y), validation_freq=2,
        callbacks=[callbacks.LambdaCallback(on_epoch_end=lambda e, logs: logs.update(other=e))],
    )  # fmt: skip
    figure = history.plot()
    assert [ax.get_ylabel() for ax in figure.axes] == ["loss", "other"]
    training, validation = figure.axes[0].lines
    np.testing.assert_array_equal(training.get_xdata(), [1, 2, 3, 4])
    np.testing.assert_array_equal(validation.get_xdata(), [2, 4])
    np.testing.assert_array_equal(validation.get_ydata(), history.history["val_loss"])
    assert len(history.plot("loss").axes) == 1
    with pytest.raises(InputError, match="no 'los'. Did you mean 'loss'"):
        history.plot("los")


def test_tables():
    history = regression().fit(X, Y, epochs=3, verbose=0)
    try:
        import pandas  # noqa: F401
    except ImportError:
        with pytest.raises(ImportError, match="pip install pandas"):
            history.to_frame()
        return
    frame = history.to_frame()
    assert frame.index.tolist() == [0, 1, 2]
    assert frame["loss"].tolist() == history.history["loss"]


@pytest.mark.parametrize("engine", ENGINES)
def test_streams_of_predictions(engine, tmp_path):
    with hornbeam.use_backend(engine):
        model = regression()
        expected = model.predict(X, verbose=0)
        made = []

        def batches():
            for i in range(0, 40, 16):
                made.append(i)
                yield X[i : i + 16]

        stream = model.predict_batches(batches())
        np.testing.assert_allclose(next(stream), expected[:16], rtol=1e-5)
        assert made == [0]  # no more than asked for
        np.testing.assert_allclose(np.concatenate(list(stream)), expected[16:], rtol=1e-5)
        mapped = model.predict_to_file(tmp_path / "out.npy", batches())
        assert isinstance(mapped, np.memmap)
        np.testing.assert_allclose(mapped, expected, rtol=1e-5)
        np.testing.assert_allclose(np.load(tmp_path / "out.npy"), expected, rtol=1e-5)


def test_predictions_into_a_file_are_whole_or_not_there(tmp_path):
    def fails():
        yield X[:4]
        raise KeyError("gone")

    with pytest.raises(KeyError, match="gone"):
        regression().predict_to_file(tmp_path / "out.npy", fails())
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="writes an .npy file"):
        regression().predict_to_file(tmp_path / "out.csv", X)
    i = hornbeam.Input((3,))
    two = hornbeam.Model(i, [i, i * 2.0])
    with pytest.raises(InputError, match="a model with one output.*Use `predict_batches`"):
        two.predict_to_file(tmp_path / "out.npy", X)


@pytest.mark.parametrize("engine", TRAINABLE)
def test_where_a_nan_comes_from(engine):
    with hornbeam.use_backend(engine):
        i = hornbeam.Input((3,))
        x = layers.Dense(2, name="fine")(i)
        x = layers.Lambda(lambda t: ops.log(t * 0.0 - 1.0), name="logarithm")(x)
        model = hornbeam.Model(i, layers.Dense(1, name="after")(x), name="broken")
        model.compile("sgd", "mse")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            message = utils.find_non_finite(model, (X, Y))
            with pytest.warns(UserWarning, match=r"'broken': loss is nan in epoch 1"):
                model.fit(X, Y, verbose=0)
        wanted = "The output of layer 'logarithm' (Lambda) has nan, from finite inputs."
        assert message == wanted
        good = regression()
        assert utils.find_non_finite(good, (X, Y)) is None
        bad = X.copy()
        bad[1, 1] = np.inf
        with pytest.warns(UserWarning, match="The data have inf in `x`"):
            good.fit(bad, Y, 40, verbose=0)
        assert "d/kernel' has" in str(utils.find_non_finite(good, X))

"""The names of weights in files are Keras's, however a model holds its layers; nothing is left out."""

import h5py
import numpy as np
import pytest

import hornbeam
from hornbeam import naming
from hornbeam.saving import hdf5_writing, weights

keras = pytest.importorskip("keras")
X = np.random.default_rng(0).normal(size=(3, 2)).astype("float32")


def dense(k, count=1):
    return [k.layers.Dense(2, kernel_initializer="he_normal") for _ in range(count)]


class Reached:
    """Calls whatever layers a subclass lists in `order`, and builds them."""

    def call(self, x):
        for layer in self.order():
            x = layer(x)
        return x


def private(k):
    class Block(Reached, k.layers.Layer):
        def __init__(self):
            super().__init__()
            self._inner, self._many, self.z = *dense(k), dense(k, 2), dense(k)[0]
            self._shown, self.after = dense(k, 2)
            self._same = self.a = dense(k)[0]

        @property
        def name_for_all(self):
            return self._shown

        @property
        def unready(self):
            raise RuntimeError("not yet")

        def order(self):
            return [self._inner, *self._many, self.z, self._shown, self.after, self._same]

    return k.Sequential([k.Input((2,)), Block(), *dense(k)])


def nested(k):
    class Block(Reached, k.layers.Layer):
        def __init__(self):
            super().__init__()
            self.stages = [dense(k, 2), dense(k, 2), {"one": dense(k)[0], "two": dense(k)[0]}]
            self.pair = (dense(k)[0], dense(k)[0])

        def order(self):
            one, two, three = self.stages
            return [*one, *two, *three.values(), *self.pair]

    return k.Sequential([k.Input((2,)), Block()])


def subclassed(k):
    class Net(Reached, k.Model):
        def __init__(self):
            super().__init__()
            self.enc, self.out, self._head = dense(k, 3)
            self.stack, self.blocks = dense(k, 2), [private(k), *dense(k)]
            self.seen = k.metrics.Mean()
            self.drop = k.layers.Dropout(0.5)

        def order(self):
            return [self.enc, self.drop, *self.blocks, *self.stack, self.out, self._head]

    return Net()


def functional_and_more(k):
    class Net(k.Model):
        def __init__(self):
            enc, out = dense(k, 2)
            i = k.Input((2,))
            super().__init__(i, out(enc(i)))
            self.enc, self.zzz, self._own = enc, *dense(k, 2)
            self.zzz.build((None, 2))
            self._own.build((None, 2))

        def call(self, x):
            return self._own(self.zzz(super().call(x)))

    return Net()


MODELS = [private, nested, subclassed, functional_and_more]
PASSING = ("seed_generator", "/seen/", "seen/")


def names(path):
    with h5py.File(path) as file:
        found = []
        file.visititems(lambda n, o: found.append(n) if isinstance(o, h5py.Dataset) else None)
    return {name for name in found if not any(part in name for part in PASSING)}


def made(k, make):
    model = make(k)
    return model, np.asarray(model(X))


@pytest.mark.parametrize("make", MODELS, ids=lambda m: m.__name__)
def test_keras_has_the_same_names(make, tmp_path):
    ours, expected = made(hornbeam, make)
    theirs, wanted = made(keras, make)
    ours.save_weights(tmp_path / "ours.weights.h5")
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    assert names(tmp_path / "ours.weights.h5") == names(tmp_path / "theirs.weights.h5")
    theirs.load_weights(tmp_path / "ours.weights.h5")
    fresh, before = made(hornbeam, make)
    assert np.abs(before - expected).max() > 1e-3
    fresh.load_weights(tmp_path / "ours.weights.h5")
    np.testing.assert_array_equal(np.asarray(fresh(X)), expected)
    np.testing.assert_allclose(np.asarray(theirs(X)), expected, atol=1e-5)
    fresh.load_weights(tmp_path / "theirs.weights.h5")
    np.testing.assert_allclose(np.asarray(fresh(X)), wanted, atol=1e-5)


@pytest.mark.parametrize("suffix", ["safetensors", "npz"])
@pytest.mark.parametrize("make", MODELS, ids=lambda m: m.__name__)
def test_other_formats_leave_nothing_out(make, suffix, tmp_path):
    model, expected = made(hornbeam, make)
    model.save_weights(tmp_path / f"w.{suffix}")
    naming.reset_names()
    fresh, _ = made(hornbeam, make)
    for variable in fresh.variables:
        variable.assign(variable * 0)
    fresh.load_weights(tmp_path / f"w.{suffix}")
    np.testing.assert_array_equal(np.asarray(fresh(X)), expected)


def test_files_that_named_things_by_attribute_alone(tmp_path):
    class Net(Reached, hornbeam.Model):
        def __init__(self):
            super().__init__()
            self.enc, self.out = dense(hornbeam, 2)
            self.stages = [dense(hornbeam)]

        def order(self):
            return [self.enc, self.out, *self.stages[0]]

    model = Net()
    expected = np.asarray(model(X))
    older = weights.names_by_attribute(model)
    ours = weights.named_variables(model)
    with open(tmp_path / "old.weights.h5", "w+b") as file:
        hdf5_writing.write_tensors(file, [(older[id(v)], v.numpy()) for v in ours.values()])
    parts = {name.split("/")[0] for name in names(tmp_path / "old.weights.h5")}
    assert parts == {"enc", "out", "stages"}
    assert {name.split("/")[0] for name in ours} == {"enc", "layers"}
    fresh = Net()
    fresh(X)
    assert fresh.load_weights(tmp_path / "old.weights.h5").complete
    np.testing.assert_array_equal(np.asarray(fresh(X)), expected)


def test_layers_of_a_pipeline(tmp_path):
    def pipeline(k, value):
        inside = k.layers.Normalization(axis=-1, mean=None, variance=None)
        inside.build((None, 2))
        inside.set_weights(
            [np.full(2, value), np.full(2, value), np.array(1)][: len(inside.weights)]
        )
        return k.Sequential([k.Input((2,)), k.layers.Pipeline([inside]), *dense(k)])

    model = pipeline(hornbeam, 3.0)
    model.save_weights(tmp_path / "p.weights.h5")
    assert "layers/pipeline/layers/normalization/vars/0" in names(tmp_path / "p.weights.h5")
    pipeline(keras, 3.0).save_weights(tmp_path / "k.weights.h5")
    assert names(tmp_path / "p.weights.h5") == names(tmp_path / "k.weights.h5")
    fresh = pipeline(hornbeam, 7.0)
    fresh.load_weights(tmp_path / "p.weights.h5")
    np.testing.assert_array_equal(np.asarray(fresh(X)), np.asarray(model(X)))


def test_names_that_two_layers_had_between_them_are_no_names():
    model, _ = made(hornbeam, nested)
    older = weights.names_by_attribute(model)
    assert not any("stages" in name for name in older.values())
    assert sum("pair" in name for name in older.values()) == 4

"""Bad input: one clear error each, naming the layer or argument and the fix."""

import warnings

import numpy as np
import pytest

import hornbeam
from hornbeam.errors import EngineNotFoundError, InputError, UnknownNameError


def classifier(units=3, **compile_args):
    model = hornbeam.Sequential(
        [hornbeam.Input((4,)), hornbeam.layers.Dense(units, activation="softmax", name="out")],
        name="m",
    )
    model.compile(
        "sgd", compile_args.pop("loss", "sparse_categorical_crossentropy"), **compile_args
    )
    return model


X = np.random.default_rng(0).random((12, 4)).astype(np.float32)
Y = np.arange(12) % 3


def test_wrong_shape_names_the_model_and_both_shapes():
    with pytest.raises(InputError, match=r"'m' was built for inputs of shape \(None, 4\).*\(.*5\)"):
        classifier().fit(np.ones((12, 5)), Y, verbose=0)


def test_wrong_shape_inside_a_model_names_the_layer():
    layer = hornbeam.layers.Dense(2, name="head")
    layer(np.ones((1, 3), np.float32))
    with pytest.raises(InputError, match=r"'head'.*size 3 along axis -1.*\(1, 4\)"):
        layer(np.ones((1, 4), np.float32))


def test_strings_as_inputs():
    with pytest.raises(InputError, match="`x` holds strings"):
        classifier().fit(np.array([["a", "b", "c", "d"]]), Y[:1], verbose=0)


def test_strings_as_labels():
    with pytest.raises(InputError, match=r"`y` holds strings \(such as 'cat'\).*numpy.unique"):
        classifier().fit(X, np.array(["cat"] * 12), verbose=0)


def test_objects_of_other_kinds():
    with pytest.raises(InputError, match="`x` is an array of Python objects"):
        classifier().fit(np.array([None] * 12), Y, verbose=0)


def test_mismatched_lengths():
    with pytest.raises(InputError, match=r"`x` has 12, `y` has 11"):
        classifier().fit(X, Y[:11], verbose=0)
    with pytest.raises(InputError, match=r"`sample_weight` has 5"):
        classifier().fit(X, Y, sample_weight=np.ones(5), verbose=0)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (Y + 1, r"'out'.*from 1 to 3.*0 to 2.*count from 1: subtract 1"),
        (np.where(Y == 2, 7, Y), r"'out'.*from 0 to 7.*0 to 2.*8 units"),
        (Y - 1, r"from -1 to 1.*ignore_class"),
        (Y + 0.5, "whole class numbers"),
    ],
)
@pytest.mark.parametrize("how", ["fit", "train_on_batch", "evaluate", "generator"])
def test_labels_out_of_range(labels, message, how):
    model = classifier()
    with pytest.raises(InputError, match=message):
        if how == "generator":
            model.fit(((X, labels) for _ in range(2)), steps_per_epoch=2, verbose=0)
        elif how == "train_on_batch":
            model.train_on_batch(X, labels)
        else:
            getattr(model, how)(X, labels, verbose=0)


def test_one_hot_labels_with_a_sparse_loss_and_the_reverse():
    with pytest.raises(InputError, match=r"one-hot.*without 'sparse', or `y\.argmax"):
        classifier().fit(X, np.eye(3)[Y], verbose=0)
    with pytest.raises(InputError, match="Use 'sparse_categorical_crossentropy'"):
        classifier(loss="categorical_crossentropy").fit(X, Y, verbose=0)


@pytest.mark.parametrize("method", ["fit", "evaluate", "predict"])
def test_empty_data(method):
    args = (np.ones((0, 4)),) if method == "predict" else (np.ones((0, 4)), np.ones(0))
    with pytest.raises(InputError, match=rf"{method}\(\) got empty data"):
        getattr(classifier(), method)(*args, verbose=0)


def test_an_exhausted_generator():
    batches = iter([(X, Y)])
    with pytest.raises(InputError, match="ran out of data before epoch 2"):
        classifier().fit(batches, epochs=2, verbose=0)


def test_nan_in_the_loss_warns_once():
    x = X.copy()
    x[0, 0] = np.nan
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        classifier().fit(x, Y, epochs=3, verbose=0)
    about_nan = [w for w in caught if "loss is nan in epoch 1" in str(w.message)]
    assert len(about_nan) == 1


def test_a_model_that_cannot_be_built_yet():
    model = hornbeam.Sequential([hornbeam.layers.Dense(2)], name="late")
    with pytest.raises(AttributeError, match="'late' is not built yet"):
        _ = model.inputs
    with pytest.raises(InputError, match="shape of its input is not known"):
        model.build()
    with pytest.raises(InputError, match="has no weights to save yet"):
        model.save_weights("never.weights.h5")


def test_a_layer_whose_variables_need_an_unknown_size():
    with pytest.raises(InputError, match="'dense.*left open"):
        hornbeam.layers.Dense(2, name="dense_x")(hornbeam.Input((None,)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: hornbeam.activations.get("sofmax"), "'softmax'"),
        (lambda: hornbeam.losses.get("categorical_crossentrop"), "'categorical_crossentropy'"),
        (lambda: hornbeam.optimizers.get("adan"), "'Adam'"),
        (lambda: hornbeam.initializers.get("glorot_unifrom"), "'glorot_uniform'"),
        (lambda: hornbeam.metrics.get("acuracy"), "accuracy"),
        (lambda: classifier(loss="sparse_crossentropy"), "sparse_categorical_crossentropy"),
        (lambda: classifier(metrics=["accurracy"]), "accuracy"),
    ],
)
def test_unknown_names_come_with_the_nearest_known(make, message):
    with pytest.raises(UnknownNameError, match=message):
        make()


def test_an_unknown_argument_comes_with_the_nearest_known():
    with pytest.raises(TypeError, match="activaton.*'activation'"):
        hornbeam.layers.Dense(2, activaton="relu")


def test_an_unknown_engine():
    with pytest.raises(EngineNotFoundError, match="no engine named 'jacks'.*'jax'"):
        hornbeam.config.set_backend("jacks")


def test_an_engine_that_is_not_installed(monkeypatch):
    from hornbeam.backends import registry

    monkeypatch.setitem(registry.ENGINES, "absent", ("hornbeam.backends.absent", "absent_package"))
    with pytest.raises(EngineNotFoundError, match=r"pip install hornbeam\[absent\]"):
        hornbeam.config.set_backend("absent")


def test_training_without_gradients():
    with hornbeam.use_backend("numpy"):
        model = classifier()
        assert model.predict(X, verbose=0).shape == (12, 3)
        with pytest.raises(NotImplementedError, match="'numpy' has no gradients.*set_backend"):
            model.fit(X, Y, verbose=0)


def test_not_compiled():
    model = hornbeam.Sequential([hornbeam.Input((4,)), hornbeam.layers.Dense(2)], name="raw")
    with pytest.raises(InputError, match=r"'raw' must be compiled before fit\(\)"):
        model.fit(X, Y, verbose=0)


def test_a_missing_target():
    with pytest.raises(InputError, match="no targets: pass `y`"):
        classifier().fit(X, verbose=0)


def test_keys_that_are_no_outputs():
    i = hornbeam.Input((4,))
    outputs = {"left": hornbeam.layers.Dense(1)(i), "right": hornbeam.layers.Dense(1)(i)}
    model = hornbeam.Model(i, outputs)
    model.compile("sgd", {"left": "mse", "rihgt": "mse"})
    with pytest.raises(InputError, match="'rihgt'.*'right'"):
        model.fit(X, {"left": Y, "right": Y}, verbose=0)
    model.compile("sgd", "mse")
    with pytest.raises(InputError, match="'right' is missing"):
        model.fit(X, {"left": Y}, verbose=0)


def test_wrong_inputs_of_a_functional_model():
    a, b = hornbeam.Input((2,), name="a"), hornbeam.Input((2,), name="b")
    model = hornbeam.Model({"a": a, "b": b}, hornbeam.layers.Add()([a, b]), name="two")
    with pytest.raises(InputError, match="'two'.*pass a dict"):
        model([np.ones((1, 2)), np.ones((1, 2))])
    with pytest.raises(InputError, match=r"\['b'\] missing"):
        model({"a": np.ones((1, 2))})


def test_forgetting_super_init():
    class Careless(hornbeam.Layer):
        def __init__(self):
            self.units = 3

        def call(self, x):
            return x

    with pytest.raises(InputError, match=r"Careless.__init__\(\) must call `super"):
        Careless()(np.ones((1, 2)))


def test_errors_inside_layers_name_the_path_and_the_op():
    class Broken(hornbeam.Layer):
        def call(self, x):
            return hornbeam.ops.matmul(x, hornbeam.ops.ones((9, 9)))

    model = hornbeam.Sequential([Broken(name="inner")], name="outer")
    with pytest.raises(Exception, match=r".*") as caught:
        model(np.ones((2, 3), np.float32))
    notes = " ".join(getattr(caught.value, "__notes__", []))
    assert "In layer 'outer/inner' (Broken)" in notes
    assert "In ops.matmul(" in notes

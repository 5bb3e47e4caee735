"""Helpers of Keras 1 and 2: what they return, and what they say about mistakes."""

from __future__ import annotations

import io
import pickle
import threading

import numpy as np
import pytest

import hornbeam
from hornbeam import layers, ops
from hornbeam.compat import (
    enqueuers,
    hdf5,
    inspection,
    old_parts,
    reductions,
    training_utils,
)
from tests.engines import ENGINES


@pytest.fixture(params=ENGINES)
def engine(request):
    with hornbeam.use_backend(request.param):
        yield request.param


def values(x):
    return ops.convert_to_numpy(x).tolist()


# -------------------------------------------------------------------------------- on every engine


def test_losses_with_weights(engine):
    losses = ops.convert_to_tensor([[1.0, 3.0], [5.0, 7.0]])
    assert values(reductions.compute_weighted_loss(losses)) == 4.0
    assert values(reductions.compute_weighted_loss(losses, [1.0, 0.0], "sum")) == 4.0
    assert values(reductions.compute_weighted_loss(losses, reduction="none")) == values(losses)
    full = reductions.broadcast_weights(losses, [[2.0], [3.0]])
    assert values(full) == [[2.0, 2.0], [3.0, 3.0]]


def test_ranks_are_matched(engine):
    ones = ops.ones
    shapes = [
        tuple(x.shape)
        for x in reductions.squeeze_or_expand_dimensions(ones((4,)), ones((4, 1)), ones((4, 1)))
    ]
    assert shapes == [(4,)] * 3
    _, _, weight = reductions.squeeze_or_expand_dimensions(ones((4, 2)), ones((4, 2)), ones((4,)))
    assert tuple(weight.shape) == (4, 1)


def test_confusion(engine):
    kinds = reductions.ConfusionMatrix
    held = {kind: hornbeam.Variable(np.zeros(2, "float32"), trainable=False) for kind in kinds}
    y_true, y_pred = np.array([1, 1, 0, 0]), np.array([0.9, 0.3, 0.8, 0.1], "float32")
    reductions.update_confusion_matrix_variables(held, y_true, y_pred, [0.2, 0.5])
    found = {kind.value: values(variable) for kind, variable in held.items()}
    assert found == {"tp": [2, 1], "fp": [1, 1], "tn": [1, 1], "fn": [0, 1]}
    variable = hornbeam.Variable([0.0], trainable=False)
    scores = np.array([[0.1, 0.7, 0.2], [0.5, 0.1, 0.4]], "float32")
    labels = np.array([[0, 1, 0], [0, 0, 1]])
    reductions.update_confusion_matrix_variables(
        {kinds.TRUE_POSITIVES: variable}, labels, scores, top_k=1, class_id=1
    )
    assert values(variable) == [1.0]


def test_the_largest_singular_value(engine):
    matrix = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    matrix[:, 0] *= 4  # well apart, so that nine steps find it
    penalty = old_parts.EigenvalueRegularizer(0.5)(ops.convert_to_tensor(matrix))
    assert values(penalty) == pytest.approx(np.linalg.norm(matrix, 2) / 2, rel=1e-3)


def test_dense_at_each_step(engine):
    x = np.random.default_rng(1).normal(size=(2, 3, 4)).astype("float32")
    w, b = np.ones((4, 5), "float32"), np.full(5, 2, "float32")
    found = old_parts.time_distributed_dense(*map(ops.convert_to_tensor, (x, w, b)))
    np.testing.assert_allclose(ops.convert_to_numpy(found), x @ w + b, rtol=1e-5)
    dropped = ops.convert_to_numpy(
        old_parts.time_distributed_dense(
            ops.ones((1, 9, 64)), np.eye(64, dtype="float32"), dropout=0.5
        )
    )
    assert set(np.unique(dropped)) == {0.0, 2.0}
    assert (dropped == dropped[:, :1]).all()  # the same features at each step


def test_gradients_are_clipped(engine):
    g = ops.convert_to_tensor([3.0, 4.0])
    assert values(old_parts.clip_norm(g, 2.5, ops.norm(g))) == [1.5, 2.0]
    assert values(old_parts.clip_norm(g, 10.0, ops.norm(g))) == [3.0, 4.0]
    assert old_parts.clip_norm(g, 0, 1.0) is g


# ---------------------------------------------------------------------------------------- models


def test_kernels_are_turned_around():
    inputs = hornbeam.Input((6, 6, 2))
    x = layers.Conv2D(3, 3)(inputs)
    x = layers.SeparableConv2D(2, (2, 3))(x)
    model = hornbeam.Model(inputs, layers.Dense(1)(layers.Flatten()(x)))
    before = [w.numpy() for w in model.weights]
    old_parts.convert_all_kernels_in_model(model)
    after = [w.numpy() for w in model.weights]
    turned = [0, 2]  # the convolution's and the depthwise kernel
    for i, (old, new) in enumerate(zip(before, after, strict=True)):
        np.testing.assert_array_equal(new, old[::-1, ::-1] if i in turned else old)
    old_parts.convert_all_kernels_in_model(model)
    np.testing.assert_array_equal(model.weights[0].numpy(), before[0])


@pytest.mark.parametrize("target", ["channels_first", "channels_last"])
def test_rows_of_a_dense_follow_the_data_format(target):
    dense = layers.Dense(4)
    dense.build((None, 24))
    image = np.random.default_rng(2).normal(size=(2, 3, 4)).astype("float32")
    kernel = dense.kernel.numpy()
    channels_last = image if target == "channels_first" else image.transpose(2, 0, 1)
    order = (2, 0, 1) if target == "channels_first" else (1, 2, 0)
    moved = channels_last.transpose(order)
    old_parts.convert_dense_weights_data_format(dense, moved.shape, target)
    np.testing.assert_allclose(
        channels_last.ravel() @ kernel, moved.ravel() @ dense.kernel.numpy(), rtol=1e-5
    )


def test_models_travel_as_bytes():
    model = hornbeam.Sequential([hornbeam.Input((3,)), layers.Dense(2)])
    copy = training_utils.unpickle_model(training_utils.pickle_model(model))
    np.testing.assert_array_equal(copy.weights[0].numpy(), model.weights[0].numpy())
    with pytest.raises(ValueError, match=r"refer to .*system; unpickle_model\(\) reads what"):
        training_utils.unpickle_model(pickle.dumps(__import__("os").system))
    with pytest.raises(ValueError, match="hold a list, not a model"):
        training_utils.unpickle_model(pickle.dumps([1]))


def test_blocks_have_the_names_of_their_files():
    x = hornbeam.Input((8, 8, 3))
    x = old_parts.conv_block(x, 3, [2, 2, 8], stage=2, block="a", strides=(1, 1))
    outputs = old_parts.identity_block(x, 3, [2, 2, 8], stage=2, block="b")
    names = [
        layer.name for layer in hornbeam.Model(hornbeam.utils.get_source_inputs(x), outputs).layers
    ]
    assert {"res2a_branch2a", "bn2a_branch2c", "res2a_branch1", "bn2b_branch2b"} <= set(names)
    assert "res2b_branch1" not in names
    named = old_parts.conv2d_bn(x, 4, 3, 3, subsample=(2, 2), name="mine")
    assert named.shape == (None, 4, 4, 4)


# ------------------------------------------------------------------------------------------ files


def test_rows_of_a_file(tmp_path):
    import h5py

    data = np.arange(20).reshape(10, 2)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = data
    rows = hdf5.HDF5Matrix(tmp_path / "a.h5", "x", 2, 9, normalizer=lambda a: a / 2)
    expected = data[2:9] / 2
    keys = [
        0,
        -1,
        slice(1, 5, 2),
        slice(None, None, -1),
        [5, 0, 5],
        np.array([True] + [False] * 6),
        [],
    ]
    for key in keys:
        index = np.array(key, int) if isinstance(key, list) else key
        np.testing.assert_array_equal(rows[key], expected[index])
    assert (rows.shape, rows.ndim, rows.size, rows.dtype) == ((7, 2), 2, 14, np.float64)
    np.testing.assert_array_equal(np.asarray(rows), expected)
    with pytest.raises(IndexError, match="row 7 of 7"):
        rows[7]
    with pytest.raises(ValueError, match="rows 3 to 11 are not within the 10 of 'x'"):
        hdf5.HDF5Matrix(tmp_path / "a.h5", "x", 3, 11)


def test_a_dict_in_a_file(tmp_path):
    held = hdf5.H5Dict(tmp_path / "a.h5")
    held.update({"numbers": [1, 2], "inner": {"text": "ä", "x": 0.5}})
    held["numbers"] = [3]
    held["gone"] = 1
    del held["gone"]
    held.close()
    with hdf5.H5Dict(tmp_path / "a.h5", "r") as again:
        assert (sorted(again.keys()), len(again)) == (["inner", "numbers"], 2)
        assert again["numbers"].tolist() == [3]
        assert again["inner"]["text"] == "ä"
        assert again.get("nothing", 7) == 7
        with pytest.raises(ValueError, match="mode='a'"):
            again["y"] = 1
        with pytest.raises(KeyError, match="no 'y'"):
            again["y"]
    plain: dict = {}
    hdf5.H5Dict(plain)["a"]["b"] = 1
    assert plain == {"a": {"b": 1}}
    assert hdf5.H5Dict.is_supported_type(plain)
    assert not hdf5.H5Dict.is_supported_type(3)


def test_long_lists_of_names():
    import h5py

    names = [f"layer_{i:05d}".encode() for i in range(9000)]
    with h5py.File(io.BytesIO(), "w") as file:
        hdf5.save_attributes_to_hdf5_group(file, "names", names)
        assert "names1" in file.attrs
        assert hdf5.load_attributes_from_hdf5_group(file, "names") == [n.decode() for n in names]
        with pytest.raises(ValueError, match="1 of the values for 'names' have over 64512 bytes"):
            hdf5.save_attributes_to_hdf5_group(file, "names", [b"x" * 70000])


# --------------------------------------------------------------------------------- batches ahead


def test_batches_ahead_of_time():
    class Batches:
        ends = 0

        def __len__(self):
            return 3

        def __getitem__(self, i):
            return i * 10

        def on_epoch_end(self):
            self.ends += 1

    source = Batches()
    enqueuer = enqueuers.OrderedEnqueuer(source)
    enqueuer.start(workers=4, max_queue_size=2)
    batches = enqueuer.get()
    assert [next(batches) for _ in range(7)] == [0, 10, 20, 0, 10, 20, 0]
    assert source.ends >= 2
    enqueuer.stop()
    assert not enqueuer.is_running()
    assert [t for t in threading.enumerate() if t in enqueuer._threads] == []
    shuffled = enqueuers.OrderedEnqueuer(list(range(50)), shuffle=True)
    shuffled.start()
    batches = shuffled.get()
    epoch = [next(batches) for _ in range(50)]
    shuffled.stop()
    assert sorted(epoch) == list(range(50)) != epoch


def test_a_generator_that_fails():
    def broken():
        yield 1
        raise RuntimeError("no more disk")

    enqueuer = enqueuers.GeneratorEnqueuer(broken())
    enqueuer.start(nb_worker=1, max_q_size=1)
    batches = enqueuer.get()
    assert next(batches) == 1
    with pytest.raises(RuntimeError, match="no more disk"):
        next(batches)
    assert not enqueuer.is_running()


# --------------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: reductions.Reduction.validate("mean"), "must be one of .*'sum'.*got 'mean'"),
        (lambda: reductions.AUCCurve.from_str("roll"), "AUCCurve must be one of .*'PR'"),
        (lambda: reductions.assert_thresholds_range([0.1, 1.5]), r"in \[0, 1\], got \[1.5\]"),
        (lambda: reductions.parse_init_thresholds([2]), r"in \[0, 1\], got 2"),
        (
            lambda: reductions.update_confusion_matrix_variables({"tp": 1}, [1], [1.0]),
            "members of ConfusionMatrix",
        ),
        (lambda: enqueuers.OrderedEnqueuer([], True), "works in threads; for processes give `fit`"),
        (
            lambda: inspection.check_for_unexpected_keys("x", {"a": 1}, ["b"]),
            r"unknown keys \['a'\]",
        ),
        (lambda: inspection.get_from_module("relo", {"relu": 1}, "thing"), "Did you mean 'relu'"),
        (lambda: inspection.transpose_shape((1, 2), "last", ()), "target_format"),
        (lambda: inspection.validate_file("x", "0", "crc"), '"auto", "md5" or "sha256"'),
        (lambda: old_parts.get_fans((1, 2), "keras"), '"th" or "tf"'),
        (lambda: old_parts.EigenvalueRegularizer(1.0)(np.ones(3)), "is for matrices"),
        (
            lambda: old_parts.convert_dense_weights_data_format(_dense(), (2, 2)),
            r"has 3 rows, but the shape \(2, 2\) has 4",
        ),
        (
            lambda: old_parts.convert_dense_weights_data_format(_dense(), (3,), "first"),
            "target_data_format",
        ),
        (lambda: training_utils.check_num_samples([], steps=None), "Without arrays, `steps`"),
        (lambda: training_utils.check_num_samples([[1]], 2, 3), "not both"),
        (
            lambda: training_utils.check_array_length_consistency([[1, 2]], [[1]]),
            r"equally many rows, got .*\[2\].*\[1\]",
        ),
        (lambda: training_utils.should_run_validation(0, 1), "at least 1"),
        (lambda: training_utils.should_run_validation("often", 1), "a list of epochs"),
        (
            lambda: training_utils.standardize_sample_weights({"c": 1}, ["a", "b"]),
            r"`sample_weight` has \['c'\], but the outputs are",
        ),
        (
            lambda: training_utils.standardize_class_weights([1], ["a", "b"]),
            "must be a list of 2",
        ),
        (
            lambda: training_utils.standardize_weights(np.ones((2, 3)), sample_weight_mode="x"),
            "sample_weight_mode",
        ),
        (
            lambda: training_utils.standardize_weights(np.ones(2), np.ones(3)),
            r"must have shape \(2,\)",
        ),
        (
            lambda: training_utils.standardize_weights(
                np.ones((2, 3)), class_weight={0: 1}, sample_weight_mode="temporal"
            ),
            "one label per row",
        ),
    ],
)
def test_mistakes(call, message):
    with pytest.raises((ValueError, NotImplementedError), match=message):
        call()


def _dense():
    dense = layers.Dense(1)
    dense.build((None, 3))
    return dense


def test_questions(monkeypatch, tmp_path):
    answers = iter(["what?", " Y "])
    monkeypatch.setattr("builtins.input", lambda _: next(answers))
    assert inspection.ask_to_proceed_with_overwrite("a.keras")
    path = tmp_path / "a"
    path.write_bytes(b"hello")
    assert inspection.validate_file(
        path, "2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824"
    )
    assert not inspection.validate_file(path, "0" * 32)
    found = inspection.get_from_module({"name": "Dense", "units": 3}, vars(layers), "layer")
    assert found.units == 3
    assert (
        inspection.get_from_module(
            "Dense", {"Dense": layers.Dense}, "layer", True, {"units": 2}
        ).units
        == 2
    )
    assert old_parts.get_fans((16, 8, 3, 3)) == old_parts.get_fans((3, 3, 8, 16), "tf")


def test_weights_of_rows():
    weights = training_utils.standardize_weights
    assert weights(np.array([[0, 1], [1, 0]]), [2.0, 3.0], {1: 10.0}).tolist() == [20.0, 3.0]
    assert weights(np.ones((2, 3, 1)), sample_weight_mode="temporal").shape == (2, 3)
    one = training_utils.standardize_sample_weights
    assert one({"y": [1]}, ["y"]) == one([[1]], ["y"]) == [[1]]
    assert one([1, 2], ["a", "b"]) == [1, 2]

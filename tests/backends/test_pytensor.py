"""What is particular to the PyTensor engine: values and graphs, sizes left open, gradients, refusals."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import hornbeam
from hornbeam import Sequential, config, layers, ops
from hornbeam.backends import registry
from hornbeam.errors import InputError, UnsupportedError

pytest.importorskip("pytensor")
graphs = pytest.importorskip("hornbeam.backends.pytensor_graphs")

X = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)


@pytest.fixture(autouse=True)
def on_pytensor() -> Iterator[None]:
    with config.use_backend("pytensor"):
        yield


def backend() -> Any:
    return registry.get("pytensor")


def numpy_of(x: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(x))


# ----------------------------------------------------------------------------- values and variables


def test_ops_on_values_give_values() -> None:
    out = ops.add(ops.array(X), 1)
    assert type(out).__name__ == "PyTensorArray"
    assert not out.traced
    np.testing.assert_array_equal(numpy_of(out), X + 1)
    assert repr(ops.array([1.0])) == "PyTensorArray([1.], dtype=float32)"


def test_arrays_do_not_share_memory_with_what_they_were_made_of() -> None:
    given = X.copy()
    array = ops.convert_to_tensor(given)
    given[:] = 0
    np.testing.assert_array_equal(numpy_of(array), X)


def test_ops_take_variables_of_pytensor() -> None:
    import pytensor
    import pytensor.tensor as pt

    x = pt.matrix("x", dtype="float32")
    out = ops.softmax(x)
    function = pytensor.function([x], out.value, mode="FAST_COMPILE")
    expected = np.exp(X) / np.exp(X).sum(1, keepdims=True)
    np.testing.assert_allclose(function(X), expected, rtol=1e-5)


def test_numbers_do_not_widen_floats_in_a_graph() -> None:
    compiled = backend().compile(lambda x: (x * 0.1, 2.5 - x, x**2, 1.0 / (x + 7)))
    assert [ops.dtype(x) for x in compiled(ops.array(X))] == ["float32"] * 4


def test_a_traced_array_has_no_values() -> None:
    with pytest.raises(InputError, match="This array has no values yet"):
        backend().compile(lambda x: x if x[0, 0] > 0 else -x)(ops.array(X))


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn"])
def test_dtypes_that_pytensor_lacks(dtype: str) -> None:
    with pytest.raises(UnsupportedError, match=f"has no dtype '{dtype}'.*'jax' engine"):
        ops.cast(ops.array(X), dtype)


# ----------------------------------------------------------------------------- sizes are left open


def test_lengths_and_batches_need_no_compilation() -> None:
    compiled = backend().compile(lambda w, x: ops.sum(ops.matmul(x, w), axis=1))
    w = ops.array(np.ones((5, 2), np.float32))
    for batch, time in [(3, 7), (4, 9), (2, 30)]:
        x = np.ones((batch, time, 5), np.float32)
        np.testing.assert_allclose(numpy_of(compiled(w, ops.array(x))), 5 * time)
    assert compiled.compilations() == 1


def test_an_axis_that_changes_is_opened() -> None:
    compiled = backend().compile(lambda w, x: ops.sum(x) * w)
    one = ops.array(np.float32(1))
    for width in (3, 4, 5, 6):
        assert float(compiled(one, np.ones((2, width), np.float32))) == 2 * width
    assert compiled.compilations() == 2


def test_axes_of_size_one_are_broadcast() -> None:
    compiled = backend().compile(lambda w, x, y: x + y)
    zero = ops.array(np.float32(0))
    for rows in (1, 3, 4):
        out = compiled(
            zero, np.ones((4, 2), np.float32), np.ones((rows if rows != 3 else 4, 2), "f")
        )
        assert out.shape == (4, 2)


def test_a_function_that_needs_sizes_is_compiled_for_each() -> None:
    def halves(w: Any, x: Any) -> Any:
        return ops.array_split(x, 2)[0] * w

    compiled = backend().compile(halves)
    one = ops.array(np.float32(1))
    for rows in (5, 7, 5):
        assert compiled(one, np.ones((rows, 2), np.float32)).shape == ((rows + 1) // 2, 2)
    assert compiled.compilations() == 2


def masked_lstm() -> Any:
    model = Sequential(
        [
            layers.Input((None,), dtype="int32"),
            layers.Embedding(20, 4, mask_zero=True),
            layers.LSTM(3),
            layers.Dense(1),
        ]
    )
    model.compile(optimizer="sgd", loss="mse")
    return model


def test_a_recurrent_model_takes_any_length_without_compiling_again() -> None:
    model = masked_lstm()
    rng = np.random.default_rng(0)
    for time in (6, 3, 11):
        model.train_on_batch(rng.integers(0, 20, (4, time)).astype(np.int32), np.ones((4, 1), "f"))
    assert model._step("train")._run.compilations() == 1


def test_masked_steps_do_not_count() -> None:
    model = masked_lstm()
    x = np.array([[3, 5, 2], [7, 1, 4]], np.int32)
    padded = np.concatenate([x, np.zeros((2, 4), np.int32)], 1)
    np.testing.assert_allclose(
        model.predict(x, verbose=0), model.predict(padded, verbose=0), rtol=1e-5
    )


# ------------------------------------------------------------------------------------- gradients


@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_of_convolution_pooling_and_their_gradients(compiled: bool) -> None:
    rng = np.random.default_rng(1)
    x, kernel = rng.normal(size=(2, 7, 6, 3)), rng.normal(size=(3, 2, 3, 4))

    def squared_slope(values: Any) -> Any:
        def out(inner: Any) -> Any:
            seen = ops.conv(inner[0], inner[1], strides=2, padding="same")
            return ops.sum(ops.max_pool(seen**3, 2, strides=1))

        return sum(ops.sum(g**2) for g in hornbeam.grad(out)(values))

    values = [ops.array(x), ops.array(kernel)]
    slope = hornbeam.grad(squared_slope)
    got = (backend().compile(slope) if compiled else slope)(values)
    with config.use_backend("jax"):
        expected = hornbeam.grad(squared_slope)([ops.array(x), ops.array(kernel)])
    for mine, right in zip(got, expected, strict=True):
        np.testing.assert_allclose(numpy_of(mine), numpy_of(right), rtol=1e-8)


@pytest.mark.parametrize("kind", [layers.LSTM, layers.GRU, layers.SimpleRNN])
def test_gradients_of_recurrent_layers_are_those_of_jax(kind: Any) -> None:
    x = np.random.default_rng(2).normal(size=(3, 5, 2)).astype(np.float32)
    mask = np.array([[1, 1, 0, 1, 1], [0, 1, 1, 0, 0], [1, 1, 1, 1, 1]], bool)
    found = []
    weights: Any = None
    for engine in ("jax", "pytensor"):
        with config.use_backend(engine):
            layer = kind(4, return_sequences=True, seed=1)
            layer.build(x.shape)
            weights = weights or [np.array(w.numpy()) for w in layer.weights]
            layer.set_weights(weights)

            def loss(layer: Any = layer) -> Any:
                return ops.sum(ops.square(layer(ops.array(x), mask=ops.array(mask))))

            value, grads = hornbeam.value_and_grad(loss)(layer.trainable_variables)
            found.append([numpy_of(value), *map(numpy_of, grads)])
    for right, mine in zip(*found, strict=True):
        np.testing.assert_allclose(mine, right, rtol=1e-4, atol=1e-5)


def test_a_constant_has_gradients_of_zero() -> None:
    grads = hornbeam.grad(lambda values: ops.array(3.0))([ops.array(X)])
    np.testing.assert_array_equal(numpy_of(grads[0]), np.zeros_like(X))


def test_loops_can_be_differentiated_twice() -> None:
    def final(values: Any) -> Any:
        def step(carry: Any, row: Any) -> Any:
            new = ops.matmul(carry, values[1]) + row * carry
            return new, new**2  # the exponent must not get a gradient: log of what is negative

        carry, squares = ops.scan(step, ops.ones((2, 5), "float64"), values[0], reverse=True)
        return ops.sum(carry) + ops.sum(squares)

    def slope(values: Any) -> Any:
        return sum(ops.sum(g**2) for g in hornbeam.grad(final)(values))

    values = [X.astype(np.float64) / 3, np.eye(5) * 0.5]
    moved = [np.cos(np.arange(v.size)).reshape(v.shape) * 1e-5 for v in values]
    ahead, behind = (
        float(slope([ops.array(v + sign * d) for v, d in zip(values, moved, strict=True)]))
        for sign in (1, -1)
    )
    grads = hornbeam.grad(slope)([ops.array(v) for v in values])
    got = sum(float(np.sum(numpy_of(g) * d)) for g, d in zip(grads, moved, strict=True))
    assert got == pytest.approx((ahead - behind) / 2, rel=1e-5)


def test_what_has_no_gradient_says_so() -> None:
    def looped(x: Any) -> Any:
        return ops.while_loop(lambda s: s < 10.0, lambda s: (s * 2.0,), (x,))[0]

    with pytest.raises(UnsupportedError, match="'pytensor' knows no gradient.*'jax' engine"):
        backend().compile(hornbeam.grad(looped))(ops.array(1.0))


# ------------------------------------------------------------------------------------------ models


def test_dot_merging_trains() -> None:
    a, b = layers.Input((4,)), layers.Input((4,))
    out = layers.Dot(axes=1)([layers.Dense(3)(a), layers.Dense(3)(b)])
    model = hornbeam.Model([a, b], out)
    model.compile(optimizer="adam", loss="mse")
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(32, 4)).astype(np.float32) for _ in range(2)]
    losses = model.fit(x, np.ones((32, 1), "f"), epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("eagerly", [False, True])
def test_a_model_learns_saves_and_loads(eagerly: bool, tmp_path: Any) -> None:
    hornbeam.utils.set_random_seed(0)
    model = Sequential([layers.Input((5,)), layers.Dense(8, activation="relu"), layers.Dense(1)])
    model.compile(optimizer="adam", loss="mse", run_eagerly=eagerly)
    x = np.random.default_rng(0).normal(size=(50, 5)).astype(np.float32)
    y = x[:, :1] * 2
    history = model.fit(x, y, epochs=4, batch_size=16, verbose=0).history["loss"]
    assert history[-1] < history[0]
    assert model.evaluate(x, y, verbose=0) < history[0]
    model.save(tmp_path / "model.keras")
    again = hornbeam.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_the_engine_imports_no_other() -> None:
    program = """
import sys
import numpy as np
import hornbeam
from hornbeam import layers, Sequential
hornbeam.config.set_backend("pytensor")
model = Sequential([layers.Input((3,)), layers.Dense(2)])
model.compile("sgd", "mse")
model.fit(np.ones((8, 3)), np.ones((8, 2)), verbose=0)
print(sorted({"jax", "torch", "tensorflow"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


# ------------------------------------------------------------------------------------- with Numba


class Listening(hornbeam.callbacks.Callback):
    """Wants to hear of every batch, so steps are run one by one."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Nothing more is wanted."""


def trained(jit_compile: bool | str, one_by_one: bool = True) -> tuple[list[float], Any, Any]:
    """(losses, predictions, weights) of a small model."""
    hornbeam.utils.set_random_seed(0)
    model = Sequential(
        [
            layers.Input((5,)),
            layers.Dense(8, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.25),
            layers.Dense(3, activation="softmax"),
        ]
    )
    loss = "sparse_categorical_crossentropy"
    model.compile("adam", loss, metrics=["accuracy"], jit_compile=jit_compile)
    x = np.random.default_rng(0).normal(size=(50, 5)).astype(np.float32)
    before = [v.value for v in model.variables]
    copies = [np.array(numpy_of(value)) for value in before]
    listeners = [Listening()] if one_by_one else []
    y = np.arange(50) % 3
    history = model.fit(x, y, epochs=2, batch_size=16, callbacks=listeners, verbose=0)
    for value, copy in zip(before, copies, strict=True):
        np.testing.assert_array_equal(numpy_of(value), copy)
    loops = [run for key, run in model._steps_cache.items() if key[0] == "fused train"]
    assert [run._run.compilations() for run in loops] == ([] if one_by_one else [1])
    assert model._step("train")._run.compilations() == int(one_by_one)
    return history.history["loss"], model.predict(x, verbose=0), model.get_weights()


@pytest.mark.parametrize("one_by_one", [True, False])
def test_numba_computes_the_same(one_by_one: bool) -> None:
    written, fused = trained("auto"), trained(True, one_by_one)
    np.testing.assert_allclose(fused[0], written[0], rtol=1e-5)
    np.testing.assert_allclose(fused[1], written[1], rtol=1e-4, atol=1e-6)
    for ours, theirs in zip(fused[2], written[2], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("asks_for_sizes", "sizes"), [(False, [16, 17, 30, 128, 23]), (True, [17])]
)
def test_a_loop_is_compiled_once_for_any_number_of_rows(
    asks_for_sizes: bool, sizes: list[int]
) -> None:
    def loss(y: Any, found: Any) -> Any:
        rows = int(ops.shape(y)[0]) if asks_for_sizes else 8
        return ops.sum(ops.square(y - found)) / rows

    def fitted(listeners: list[Any]) -> tuple[Any, list[Any]]:
        hornbeam.utils.set_random_seed(0)
        model = Sequential([layers.Input((3,)), layers.Dense(1)])
        model.compile("sgd", loss, jit_compile=True)
        rng = np.random.default_rng(0)
        for rows in sizes:
            x, y = rng.normal(size=(rows, 3)), rng.normal(size=(rows, 1))
            model.fit(x, y, batch_size=8, verbose=0, callbacks=listeners)
        return model, model.get_weights()

    model, weights = fitted([])
    (loop,) = (run for key, run in model._steps_cache.items() if key[0] == "fused train")
    assert loop._run.compilations() == 1
    for ours, one_by_one in zip(weights, fitted([Listening()])[1], strict=True):
        np.testing.assert_allclose(ours, one_by_one, rtol=1e-5)


@pytest.mark.parametrize(
    ("units", "jit_compile", "loops"), [(2, True, True), (2, "auto", False), (1024, True, False)]
)
def test_small_steps_of_numba_run_in_a_loop(units: int, jit_compile: Any, loops: bool) -> None:
    model = Sequential([layers.Input((32,)), layers.Dense(units)])
    model.compile("sgd", "mse", jit_compile=jit_compile)
    batch = (np.zeros((32, 32), np.float32), np.zeros((32, units), np.float32))
    assert model._step("train").worth_fusing(lambda: (*batch, None)) is loops


@pytest.mark.parametrize("turns", [0, 1, 5])
@pytest.mark.parametrize("jit_compile", ["auto", True])
def test_loops_are_compiled_as_what_is_around_them(jit_compile: Any, turns: int) -> None:
    made: list[bool] = []
    whole = graphs.compiled_function

    def seen(inputs: Any, outputs: Any, numba: bool = False) -> Any:
        made.append(numba)
        return whole(inputs, outputs, numba)

    def doubled(state: Any, last: Any) -> Any:
        body = lambda carry: (carry[0] + 1, carry[1] * 2)  # noqa: E731
        return backend().while_loop(lambda carry: carry[0] < last, body, (np.int32(0), state))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graphs, "compiled_function", seen)
        compiled = backend().compile(doubled, jit_compile=jit_compile)
        count, out = compiled(ops.array(np.ones(2, np.float32)), np.int32(turns))
    assert int(count) == turns
    np.testing.assert_array_equal(numpy_of(out), np.full(2, 2.0**turns))
    assert made == [jit_compile is True] * 2  # the function, and a turn of its loop


@pytest.mark.parametrize("jit_compile", ["auto", True])
def test_loops_over_constants_are_computed_while_compiling(jit_compile: Any) -> None:
    def fn(w: Any, x: Any) -> Any:
        b = backend()
        turn = lambda c: (c[0] + 1, c[1] * 2)  # noqa: E731
        doubled = b.while_loop(lambda c: c[0] < np.int32(3), turn, (np.int32(0), ops.ones(2)))[1]
        total = b.scan(lambda c, row: (c + row, c), ops.zeros(()), ops.ones(3))[0]
        return x * w + doubled + total

    found: list[Any] = []

    def run() -> None:  # in a thread that has run nothing yet
        with config.use_backend("pytensor"):
            compiled = backend().compile(fn, jit_compile=jit_compile)
            found.append(numpy_of(compiled(ops.ones(()), np.ones(2, np.float32))))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    np.testing.assert_array_equal(found[0], [12, 12])


@pytest.mark.parametrize("jit_compile", ["auto", True])
def test_compiled_functions_give_arrays_of_their_own(jit_compile: Any) -> None:
    def several(w: Any, x: Any) -> Any:
        return [x, ops.reshape(x, (-1,)), ops.transpose(x), ops.zeros_like(x), x + w]

    compiled = backend().compile(several, jit_compile=jit_compile)
    x = np.ones((2, 3), np.float32)
    for _ in range(2):
        given, *new = compiled(ops.array(np.float32(1)), x)
        np.testing.assert_array_equal(numpy_of(given), x)
        np.testing.assert_array_equal(numpy_of(new[2]), np.zeros((2, 3)))
        for array in new:
            assert not np.shares_memory(array.value, x)
            array.value[...] = 7
    np.testing.assert_array_equal(x, np.ones((2, 3)))


def test_what_a_function_does_not_use_may_change() -> None:
    compiled = backend().compile(lambda w, x, unused: x * w)
    one = ops.array(np.float32(2))
    for rows, columns in ((3, 4), (5, 6), (3, 9)):
        out = compiled(one, np.ones((rows, 2), np.float32), np.ones((columns, 4), np.float32))
        np.testing.assert_array_equal(numpy_of(out), 2 * np.ones((rows, 2)))
    assert compiled.compilations() == 1


def test_many_signatures_are_forgotten_but_not_compiled_again(monkeypatch: Any) -> None:
    monkeypatch.setattr("hornbeam.backends.pytensor_graphs.REMEMBERED", 3)
    compiled = backend().compile(lambda w, x: ops.sum(x) * w)
    one = ops.array(np.float32(1))
    for rows in (2, 3, 4, 5, 6, 2, 3):
        assert float(compiled(one, np.ones((rows, 2), np.float32))) == 2 * rows
    assert compiled.compilations() == 1
    assert len(compiled._ready) <= 3

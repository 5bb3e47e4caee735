"""What is wrong is said: which argument, what was expected.  And the checks themselves can fail."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hornbeam import KerasTensor, Variable, config, ops
from hornbeam.errors import InputError, UnsupportedError
from tests.engines import ENGINES
from tests.ops.compare import assert_same_values, fits, signature

X = np.ones((2, 3), np.float32)
IMAGE = np.ones((2, 6, 6, 3), np.float32)

MISTAKES: list[tuple[Any, type[Exception], str]] = [
    (lambda: ops.cast(X, "flaot32"), ValueError, "Did you mean 'float32'"),
    (lambda: ops.sum(X, axis=2), Exception, "axis 2|axis=2"),
    (lambda: ops.reshape(KerasTensor((2, 3)), (4, 2)), InputError, "6 values.*8 values"),
    (lambda: ops.concatenate([]), InputError, "at least one array"),
    (lambda: ops.split(X, 2, axis=1), InputError, "size 3 cannot be split into 2 equal parts"),
    (lambda: ops.unstack(X, num=4), InputError, "num=4 for an axis of size 2"),
    (lambda: ops.unstack(KerasTensor((None, 2))), InputError, "needs `num`"),
    (lambda: ops.pad(X, ((1, 1),) * 3), InputError, "`pad_width` must be"),
    (lambda: ops.pad(X, 1, mode="zeros"), InputError, "`mode` of pad"),
    (
        lambda: ops.pad(X, 1, mode="reflect", constant_values=1),
        InputError,
        "goes with mode='constant'",
    ),
    (lambda: ops.moveaxis(X, (0, 1), 0), InputError, "as many places as axes"),
    (lambda: ops.rot90(X, axes=(0, 0)), InputError, "two different axes"),
    (
        lambda: ops.scatter_update(X, [[0]], X[:1], reduction="mean"),
        InputError,
        "`reduction`.*'mean'",
    ),
    (lambda: ops.slice(X, (0,), (1,)), InputError, "as many starts and sizes"),
    (lambda: ops.where(X > 0, X), ValueError, "both `x1` and `x2`"),
    (lambda: ops.searchsorted(X, X), ValueError, "one dimension"),
    (lambda: ops.one_hot([1], 3, sparse=True), InputError, "Arrays are dense"),
    (lambda: ops.multi_hot([1]), InputError, "needs `num_classes`"),
    (lambda: ops.arange(0, 3, 0), InputError, "step that is not 0"),
    (lambda: ops.meshgrid(X[0], indexing="yx"), InputError, "'xy' or 'ij'"),
    (lambda: ops.matmul(KerasTensor((2, 3)), KerasTensor((2, 3))), InputError, r"\(3\).*\(2\)"),
    (lambda: ops.tensordot(X, X, axes=((0,), (0, 1))), InputError, "as many axes"),
    (lambda: ops.einsum("ij->ji", X, wrong=1), InputError, "unknown arguments"),
    (lambda: ops.cross(np.ones((2, 4)), np.ones((2, 4))), InputError, "2 or 3 components"),
    (lambda: ops.glu(X), InputError, "even size"),
    (lambda: ops.normalize(X, order=0.5), InputError, "`order` of normalize"),
    (lambda: ops.moments(X, 0, synchronized=True), UnsupportedError, "synchronized"),
    (lambda: ops.layer_normalization(X, rms_scaling=True), InputError, "rms_normalization"),
    (lambda: ops.binary_crossentropy(X, X[:1]), InputError, r"target of shape \(2, 3\)"),
    (
        lambda: ops.conv(IMAGE, np.ones((3, 3, 2, 4), "f")),
        InputError,
        "does not fit 3 input channels",
    ),
    (lambda: ops.conv(IMAGE, np.ones((3, 3), "f")), InputError, "kernel of as many"),
    (lambda: ops.conv(IMAGE, np.ones((9, 9, 3, 1), "f")), Exception, "does not fit|must be"),
    (lambda: ops.conv(IMAGE, np.ones((3, 3, 3, 4), "f"), padding="full"), InputError, "`padding`"),
    (
        lambda: ops.conv(IMAGE, np.ones((3, 3, 3, 4), "f"), strides=(1, 2, 3)),
        InputError,
        "`strides`",
    ),
    (lambda: ops.max_pool(IMAGE, 2, padding="full"), InputError, "'valid', 'same' or 'causal'"),
    (lambda: ops.dot_product_attention(X, X, X), InputError, "batch, time, heads"),
    (lambda: ops.quantile(X, 2.0), InputError, r"in \[0, 1\]"),
    (lambda: ops.quantile(X, 0.5, method="middle"), InputError, "`method` must be one of"),
    (lambda: ops.cholesky(X), InputError, "square matrices"),
    (lambda: ops.norm(X, ord="max", axis=(0, 1)), InputError, "no ord='max'"),
    (lambda: ops.qr(X, mode="full"), InputError, "'reduced' or 'complete'"),
    (lambda: ops.stft(np.ones(9, "f"), 4, 2, 3), InputError, "sequence_length <= fft_length"),
    (lambda: ops.fft(X), InputError, "pair \\(real, imaginary\\)"),
    (lambda: ops.rearrange(X, "a b"), InputError, "one '->'"),
    (lambda: ops.rearrange(X, "a b -> a c"), InputError, "each axis once"),
    (lambda: ops.rearrange(X, "(a c) b -> a c b"), InputError, "give the size of one of a, c"),
    (
        lambda: ops.image.resize(IMAGE, (3, 3), "cubic"),
        InputError,
        "`interpolation` must be one of",
    ),
    (lambda: ops.image.pad_images(IMAGE, top_padding=1), InputError, "Exactly two of"),
    (lambda: ops.image.rgb_to_hsv(IMAGE.astype("uint8")), InputError, "divide integers by 255"),
    (lambda: ops.image.affine_transform(IMAGE, np.eye(3)), InputError, r"numbers of shape \(8,\)"),
    (lambda: ops.ctc_decode(X, [1]), InputError, "batch, time, classes"),
    (lambda: ops.view_as_complex(X), InputError, r"\(\.\.\., 2\)"),
    (lambda: ops.gcd(X, X), InputError, "needs integers"),
    (lambda: ops.convert_to_tensor(X, sparse=True), InputError, "Arrays are dense"),
    (lambda: ops.convert_to_numpy(KerasTensor((2,))), TypeError, "is symbolic"),
    (lambda: ops.add(X), TypeError, r"add\(\) has the parameters .*missing.*'x2'"),
    (lambda: ops.add(X, X, X), TypeError, "too many positional arguments"),
    (lambda: ops.conv(IMAGE), TypeError, "missing.*'kernel'"),
]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_window_that_does_not_fit_is_refused(engine: str) -> None:
    with config.use_backend(engine):
        for call in (
            lambda: ops.conv(IMAGE, np.ones((9, 9, 3, 1), "f")),
            lambda: ops.conv(IMAGE, np.ones((3, 3, 3, 1), "f"), dilation_rate=3),
            lambda: ops.max_pool(IMAGE, 9),
            lambda: ops.average_pool(IMAGE, 9),
        ):
            with pytest.raises(InputError, match="does not fit an axis of size 6"):
                call()


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_mistakes_are_explained(number: int) -> None:
    call, kind, text = MISTAKES[number]
    with pytest.raises(kind, match=text):
        call()


def test_errors_name_the_op_and_its_arguments() -> None:
    with pytest.raises(InputError) as caught:
        ops.glu(X)
    assert caught.value.__notes__[-1] == "In ops.glu(x=float32(2, 3))."


# ------------------------------------------------------------------------ dtypes of arguments


def test_python_numbers_are_weak() -> None:
    for dtype in ("bfloat16", "float16", "float64"):
        x = ops.ones(2, dtype)
        assert (
            ops.dtype(ops.add(x, 1.5))
            == ops.dtype(ops.hypot(x, 2.0))
            == ops.dtype(ops.dot(x, 2.0))
            == dtype
        )
    assert ops.dtype(ops.add(1, 2)) == "int32"
    assert ops.dtype(ops.add(1, 2.5)) == "float32"
    assert ops.dtype(ops.ones(2, "int8") * 2) == "int8"


@pytest.mark.parametrize("dtype", ["int64", "uint64", "float64"])
def test_wide_dtypes_are_wide_on_every_engine(dtype: str) -> None:
    from tests.engines import ENGINES

    for engine in ENGINES:
        with config.use_backend(engine):
            made = [
                ops.zeros(2, dtype),
                ops.ones(2, dtype),
                ops.full(2, 7, dtype),
                ops.eye(2, dtype=dtype),
                ops.arange(3, dtype=dtype),
                ops.one_hot([1], 2, dtype=dtype),
                ops.tri(2, dtype=dtype),
                ops.cast(X, dtype),
                ops.convert_to_tensor([1, 2], dtype),
                ops.zeros_like(X, dtype),
                ops.full_like(X, 3, dtype),
                ops.linspace(0, 4, 3, dtype=dtype),
                ops.cumsum(X, dtype=dtype),
                ops.prod(X, dtype=dtype),
                ops.multi_hot([1], 2, dtype=dtype),
            ]
        assert {ops.dtype(x) for x in made} == {dtype}, engine
    big = np.array([2**53], dtype)
    assert int(ops.convert_to_numpy(ops.add(ops.convert_to_tensor(big), 1))[0]) in (
        2**53,
        2**53 + 1,
    )


def test_float64_numbers_are_not_rounded_on_the_way() -> None:
    assert float(ops.convert_to_tensor(0.1, "float64")) == 0.1
    assert ops.convert_to_numpy(ops.convert_to_tensor([0.1], "float64")).tolist() == [0.1]


def test_half_precision_sums_are_accurate() -> None:
    x = ops.full((4096,), 0.1, "float16")
    assert float(ops.sum(x)) == pytest.approx(409.5, abs=0.5)
    assert float(ops.mean(x)) == pytest.approx(0.1, abs=1e-3)


def test_variables_and_nested_lists_are_arrays() -> None:
    v = Variable([1.0, 2.0])
    assert ops.convert_to_numpy(ops.add(v, v)).tolist() == [2.0, 4.0]
    assert ops.convert_to_numpy(ops.stack([v, v])).tolist() == [[1.0, 2.0], [1.0, 2.0]]
    assert ops.convert_to_tensor([v, v]).shape == (2, 2)
    assert ops.shape(v) == (2,)
    assert not ops.is_tensor(v)
    assert ops.is_tensor(ops.ones(2))
    assert not ops.is_tensor(X)


def test_arguments_go_by_keyword_too() -> None:
    assert ops.convert_to_numpy(ops.add(x1=X, x2=X)).sum() == 12
    assert ops.matmul(x1=X, x2=X.T).shape == (2, 2)
    assert ops.roll(x=X, shift=1, axis=1).shape == (2, 3)
    assert ops.tril(x=X, k=-1).shape == (2, 3)
    assert ops.exp(x=X).shape == (2, 3)


# ----------------------------------------------------------------- unknown sizes in shapes


def test_unknown_sizes_can_be_computed_with() -> None:
    from hornbeam.backends.symbolic import not_recording

    x = KerasTensor((None, 6))
    assert ops.shape(x) == (None, 6)
    with not_recording():
        n, width = ops.shape(x)
        assert ops.reshape(x, (n * 2, width // 2)).shape == (None, 3)
        assert ops.zeros((n, 4)).shape == (None, 4)
        assert ops.arange(n).shape == (None,)
        assert (x * n).dtype == "float32"
        assert ops.broadcast_to(ops.ones((1, 6)), (n, 6)).shape == (None, 6)
    with pytest.raises(InputError, match="left open"):
        bool(n)


# -------------------------------------------------------------- the checks can fail themselves


def test_a_wrong_value_shape_or_count_fails() -> None:
    assert_same_values([X], [X], 0, 0, "same")
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_same_values([X], [X + 1e-3], 1e-5, 1e-5, "values")
    with pytest.raises(AssertionError, match=r"has shape \(2, 3\)"):
        assert_same_values([X], [X[0]], 0, 0, "shapes")
    with pytest.raises(AssertionError, match="1 results, expected 2"):
        assert_same_values([X], [X, X], 0, 0, "counts")
    with pytest.raises(AssertionError):
        assert_same_values([np.float32([np.nan])], [np.float32([0.0])], 1, 1, "NaN")


def test_fits_and_signature_tell_apart() -> None:
    assert fits((None, 3), (2, 3))
    assert not fits((None, 3), (2, 4))
    assert not fits((None,), (2, 4))
    assert signature([X, X[0] > 0]) == [((2, 3), "float32"), ((3,), "bool")]


def test_a_wrong_gradient_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.ops import test_table
    from tests.ops.table import ROWS

    exp = next(r for r in ROWS if r.op == "exp")
    test_table.test_gradient_is_that_of_finite_differences(exp, "jax")
    wrong = ops.custom_gradient(lambda x: (ops.exp(x), lambda u: u * ops.sin(x)))
    monkeypatch.setattr(ops, "exp_of_the_test", wrong, raising=False)
    broken = type(exp)("exp_of_the_test", exp.args, exp.kwargs)
    with pytest.raises(AssertionError):
        test_table.test_gradient_is_that_of_finite_differences(broken, "jax")


def test_a_wrong_symbolic_shape_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.ops import test_table
    from tests.ops.table import ROWS

    def lies(x: Any) -> Any:
        return KerasTensor((7,)) if isinstance(x, KerasTensor) else ops.exp(x)

    monkeypatch.setattr(ops, "lies", lies, raising=False)
    exp = next(r for r in ROWS if r.op == "exp")
    with pytest.raises(AssertionError):
        test_table.test_symbolic_shape_and_dtype_are_the_computed_ones(
            type(exp)("lies", exp.args, {})
        )

"""PyTorch's kernels against the compositions: values, gradients, and the corners they differ in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import hornbeam
from hornbeam import ops
from hornbeam.backends import registry
from hornbeam.backends.protocol import COMPOSITIONS

B = registry.get("torch")
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def on_torch() -> Any:
    with hornbeam.use_backend("torch"):
        yield


def random(*shape: int) -> Any:
    return torch.tensor(RNG.standard_normal(shape).astype("float32"))


def compare(name: str, arrays: list[Any], *rest: Any, **kwargs: Any) -> None:
    """Values and gradients of the override and of the composition."""

    def run(fn: Any) -> list[Any]:
        def loss(values: list[Any]) -> Any:
            out = fn(*values, *rest, **kwargs)
            return (out * torch.cos(out.detach())).sum(), out

        (_, out), grads = B.value_and_grad(loss, arrays)
        return [out, *grads]

    ours, theirs = run(getattr(B, name)), run(lambda *a, **k: COMPOSITIONS[name](B, *a, **k))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("spatial", [(5,), (5, 4), (3, 4, 3)])
@pytest.mark.parametrize(
    ("strides", "padding", "output_padding", "dilation"),
    [
        (1, "valid", None, 1),
        (2, "same", None, 1),
        (3, "same", 0, 1),
        (3, "valid", 2, 1),
        (2, "valid", 0, 1),
        (1, "same", None, 2),
        (1, "valid", None, 2),
        (5, "same", None, 1),
    ],
)
def test_conv_transpose(
    data_format: str,
    spatial: tuple[int, ...],
    strides: int,
    padding: str,
    output_padding: Any,
    dilation: int,
) -> None:
    shape = (2, *spatial, 3) if data_format == "channels_last" else (2, 3, *spatial)
    window = (3, 2, 3)[: len(spatial)]
    compare(
        "conv_transpose",
        [random(*shape), random(*window, 4, 3)],
        strides,
        padding,
        output_padding,
        data_format,
        dilation,
    )


def test_conv_transpose_of_integers() -> None:
    x, kernel = torch.arange(3).reshape(1, 3, 1), torch.ones((2, 1, 1), dtype=torch.int64)
    assert B.conv_transpose(x, kernel).flatten().tolist() == [0, 1, 3, 2]


@pytest.mark.parametrize("axis", [-1, 1, 2])
@pytest.mark.parametrize("shape", [(4, 3, 5), (4, 3, 5, 2), (6, 3, 5, 2, 2)])
@pytest.mark.parametrize("scaled", [True, False])
def test_batch_normalization(axis: int, shape: tuple[int, ...], scaled: bool) -> None:
    size = shape[axis]
    moments = [random(*shape), random(size), random(size) ** 2]
    rest = [random(size), random(size)] if scaled else []
    expected = COMPOSITIONS["batch_normalization"](B, *moments, axis, *rest, epsilon=0.1)
    found = B.batch_normalization(*moments, axis, *rest, epsilon=0.1)
    torch.testing.assert_close(found, expected)
    compare("batch_normalization", moments, axis, *rest, epsilon=0.1)


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4)])
@pytest.mark.parametrize("column", [False, True])
def test_sparse_crossentropy(from_logits: bool, shape: tuple[int, ...], column: bool) -> None:
    output = random(*shape) if from_logits else torch.softmax(random(*shape), -1) * 2
    target = torch.tensor(RNG.integers(-1, 6, shape[:-1]), dtype=torch.int32)  # some do not exist
    if column:
        target = target[..., None]

    def run(fn: Any) -> list[Any]:
        def loss(values: list[Any]) -> Any:
            out = fn(target, values[0], from_logits)
            return (out * torch.cos(out.detach())).sum(), out

        (_, out), grads = B.value_and_grad(loss, [output])
        return [out, *grads]

    name = "sparse_categorical_crossentropy"
    ours, theirs = run(getattr(B, name)), run(lambda *a: COMPOSITIONS[name](B, *a))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("heads", [(4, 4), (4, 2)])
@pytest.mark.parametrize("extra", ["", "mask", "bias", "both"])
@pytest.mark.parametrize("scale", [None, 0.3])
def test_attention(causal: bool, heads: tuple[int, int], extra: str, scale: Any) -> None:
    arrays = [random(2, 5, heads[0], 8), random(2, 6, heads[1], 8), random(2, 6, heads[1], 8)]
    bias = random(1, heads[0], 5, 6) if extra in ("bias", "both") else None
    mask = None
    if extra in ("mask", "both"):
        mask = random(2, 1, 5, 6) > 0
        mask[0, 0, 2] = False  # a row that sees nothing
    compare("dot_product_attention", arrays, bias, mask, scale, causal)


def test_attention_within_a_gradient_of_a_gradient() -> None:
    x = random(1, 3, 2, 4)

    def squared_gradient(x: Any) -> Any:
        inner = hornbeam.grad(lambda y: ops.sum(ops.dot_product_attention(y, y, y) ** 2))(x)
        return ops.sum(inner**2)

    found = hornbeam.grad(squared_gradient)(x)
    step = 1e-2 * torch.ones_like(x)
    difference = (squared_gradient(x + step) - squared_gradient(x - step)) / 2e-2
    torch.testing.assert_close(found.sum(), difference, rtol=1e-2, atol=1e-2)

"""Attention with and without a kernel that never stores the logits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import hornbeam
from hornbeam import config, layers, ops
from hornbeam.errors import InputError, UnsupportedError
from tests.engines import ENGINES
from tests.ops import references

RNG = np.random.default_rng(0)
Q, K, V = (
    RNG.standard_normal(s).astype("float32") for s in ((2, 5, 4, 8), (2, 6, 2, 8), (2, 6, 2, 8))
)
MASK = np.array([[True, True, True, False, False, False], [True] * 6])[:, None, None, :]
FLASH = [engine for engine in ENGINES if engine == "torch"]
"""Engines with such a kernel."""


@pytest.fixture
def allowed() -> Iterator[None]:
    yield
    config.enable_flash_attention()


@pytest.mark.parametrize("engine", FLASH)
@pytest.mark.parametrize("options", [{}, {"mask": MASK}, {"is_causal": True}], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_flash_attention_is_attention(engine: str, options: dict[str, Any], dtype: str) -> None:
    with hornbeam.use_backend(engine):
        q, k, v = (ops.cast(x, dtype) for x in (Q, K, V))
        found = ops.dot_product_attention(q, k, v, flash_attention=True, **options)
        assert ops.dtype(found) == dtype
        found = ops.convert_to_numpy(ops.cast(found, "float32"))
    expected = references.attention(Q, np.repeat(K, 2, 2), np.repeat(V, 2, 2), **options)
    np.testing.assert_allclose(found, expected, atol=1e-5 if dtype == "float32" else 0.03)


@pytest.mark.parametrize("engine", FLASH)
def test_gradients_of_flash_attention(engine: str) -> None:
    with hornbeam.use_backend(engine):
        trained = [hornbeam.Variable(x) for x in (Q, K, V)]

        def loss(flash: bool) -> Any:
            out = ops.dot_product_attention(*trained, mask=MASK, flash_attention=flash)
            return ops.sum(ops.square(out))

        (_, flash), (_, plain) = (
            hornbeam.value_and_grad(lambda f=f: loss(f))(trained) for f in (True, False)
        )
        for a, b in zip(flash, plain, strict=True):
            np.testing.assert_allclose(ops.convert_to_numpy(a), ops.convert_to_numpy(b), atol=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_cannot_be_done_in_a_flash(engine: str) -> None:
    with (
        hornbeam.use_backend(engine),
        pytest.raises(
            UnsupportedError, match="no flash attention .* Leave `flash_attention` at None"
        ),
    ):
        soft = {"attn_logits_soft_cap": 2.0} if engine in FLASH else {}
        ops.dot_product_attention(Q, K, V, flash_attention=True, **soft)


@pytest.mark.parametrize("engine", FLASH)
def test_it_can_be_forbidden(engine: str, allowed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch.nn import attention

    from hornbeam.backends import torch_overrides

    chosen: list[Any] = []

    def spy(kernels: Any) -> Any:
        chosen.append(kernels)
        return attention.sdpa_kernel(kernels)

    monkeypatch.setattr(torch_overrides, "sdpa_kernel", spy)
    with hornbeam.use_backend(engine):
        for flash, kernels in ((None, 0), (False, 1), (True, 1)):
            ops.dot_product_attention(Q, K, V, flash_attention=flash)
            assert len(chosen) == kernels
            chosen.clear()
        config.disable_flash_attention()
        assert not config.is_flash_attention_enabled()
        ops.dot_product_attention(Q, K, V)
    (kernels,) = chosen
    assert attention.SDPBackend.FLASH_ATTENTION not in kernels


@pytest.mark.parametrize("engine", FLASH)
@pytest.mark.parametrize(
    "make",
    [
        lambda **kw: layers.MultiHeadAttention(2, 4, **kw),
        lambda **kw: layers.GroupedQueryAttention(4, 2, 1, **kw),
    ],
    ids=["MultiHeadAttention", "GroupedQueryAttention"],
)
def test_layers_take_it(make: Any, engine: str) -> None:
    x = RNG.standard_normal((2, 5, 6)).astype("float32")
    with hornbeam.use_backend(engine):
        flash, plain = make(flash_attention=True), make(flash_attention=False)
        flash(x, x), plain(x, x)
        plain.set_weights(flash.get_weights())
        for options in ({}, {"use_causal_mask": True}):
            a, b = (ops.convert_to_numpy(layer(x, x, **options)) for layer in (flash, plain))
            np.testing.assert_allclose(a, b, atol=1e-5)
        with pytest.raises(
            InputError, match="flash_attention=True, which never stores the weights"
        ):
            flash(x, x, return_attention_scores=True)
        with pytest.raises(InputError, match="without dropout in training"):
            make(flash_attention=True, dropout=0.5)(x, x, training=True)

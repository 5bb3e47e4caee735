"""`Attention` and `AdditiveAttention`: weighted means of values, weighted by how keys fit a query."""

from __future__ import annotations

from typing import Any

from hornbeam import ops, random
from hornbeam.errors import InputError
from hornbeam.layers.layer import Layer
from hornbeam.layers.regularization.dropout import checked_rate
from hornbeam.random import SeedGenerator
from hornbeam.saving.objects import builtin


@builtin("keras.layers")
class Attention(Layer):
    """Means of values, weighted by ``softmax(query @ key^T)`` (Luong et al.).

    https://arxiv.org/abs/1508.04025

    Args:
        use_scale: whether scores are multiplied by a trained scalar.
        score_mode: "dot" for products, or "concat" for ``sum(tanh(query + key))``.
        dropout: probability with which a weight is dropped in training.
        seed: an int, for the same dropout in every run.
        **kwargs: see `Layer`.

    Input: a list [query (batch, queries, dim), value (batch, keys, dim)], and key if it is not value.
    Masks: a list [query mask, value mask]; masked values get weight 0, masked queries the output 0.
    Output: (batch, queries, dim).

    Example:

    >>> import hornbeam
    >>> ones = hornbeam.ops.ones
    >>> hornbeam.layers.Attention()([ones((2, 3, 8)), ones((2, 5, 8))]).shape
    (2, 3, 8)
    """

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if score_mode not in ("dot", "concat"):
            raise InputError(
                f"Attention: `score_mode` must be 'dot' or 'concat', got {score_mode!r}."
            )
        self.use_scale = use_scale
        self.score_mode = score_mode
        self.dropout = checked_rate(dropout, type(self).__name__, "dropout")
        self.seed = seed
        if dropout > 0:
            self.seed_generator = SeedGenerator(seed)
        self.supports_masking = True

    def compute_output_spec(
        self,
        inputs: Any,
        mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """The symbolic output for symbolic inputs; what `call` gives for them."""
        return Layer.compute_output_spec(
            self,
            inputs,
            mask=mask,
            return_attention_scores=return_attention_scores,
            training=training,
            use_causal_mask=use_causal_mask,
        )

    compute_output_spec.as_called = True  # type: ignore[attr-defined]

    def build(self, input_shape: Any) -> None:
        """Make the scalars."""
        _checked(self, input_shape)
        self.scale: Any = None
        self.concat_score_weight: Any = None
        if self.use_scale:
            self.scale = self.add_weight((), "ones", name="scale")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight")

    def _scores(self, query: Any, key: Any) -> Any:
        """How each key fits each query, (batch, queries, keys)."""
        if self.score_mode == "dot":
            scores = ops.matmul(query, ops.swapaxes(key, -2, -1))
            return scores if self.scale is None else ops.multiply(scores, self.scale)
        total = ops.add(ops.expand_dims(query, -2), ops.expand_dims(key, -3))
        if self.scale is not None:
            total = ops.multiply(total, self.scale)
        return ops.multiply(ops.sum(ops.tanh(total), axis=-1), self.concat_score_weight)

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """The weighted means, and the weights with `return_attention_scores`."""
        query, value, key = _checked(self, inputs)
        query_mask, value_mask = _two(mask)
        scores = self._scores(query, key)
        allowed = None if value_mask is None else ops.expand_dims(value_mask, -2)
        if use_causal_mask:
            causal = causal_mask(steps(scores, -2), steps(scores, -1))
            allowed = both(allowed, causal)
        weights = masked_softmax(scores, allowed)
        if training and self.dropout > 0:
            weights = random.dropout(weights, self.dropout, seed=self.seed_generator)
        outputs = ops.matmul(weights, value)
        if query_mask is not None:
            outputs = ops.multiply(
                outputs, ops.cast(ops.expand_dims(query_mask, -1), outputs.dtype)
            )
        return (outputs, weights) if return_attention_scores else outputs

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask of the query."""
        return _two(mask)[0]


@builtin("keras.layers")
class AdditiveAttention(Attention):
    """Means of values, weighted by ``softmax(sum(scale * tanh(query + key)))`` (Bahdanau et al.).

    https://arxiv.org/abs/1409.0473

    Args:
        use_scale: whether the features are scaled by a trained vector.
        dropout: probability with which a weight is dropped in training.
        **kwargs: see `Layer`.

    Input, masks and output: see `Attention`.

    Example:

    >>> import hornbeam
    >>> ones = hornbeam.ops.ones
    >>> hornbeam.layers.AdditiveAttention()([ones((2, 3, 8)), ones((2, 5, 8))]).shape
    (2, 3, 8)
    """

    _also_saved = ("seed",)

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: Any) -> None:
        """Make the scale."""
        _checked(self, input_shape)
        self.scale = None
        if self.use_scale:
            self.scale = self.add_weight((input_shape[0][-1],), "glorot_uniform", name="scale")

    def _scores(self, query: Any, key: Any) -> Any:
        total = ops.tanh(ops.add(ops.expand_dims(query, -2), ops.expand_dims(key, -3)))
        if self.scale is not None:
            total = ops.multiply(total, self.scale)
        return ops.sum(total, axis=-1)


def _checked(layer: Layer, inputs: Any) -> tuple[Any, Any, Any]:
    """(query, value, key) of a list of two or three."""
    if not isinstance(inputs, (list, tuple)) or len(inputs) not in (2, 3):
        raise InputError(
            f"Layer {layer.path!r} ({type(layer).__name__}) takes a list [query, value] or [query, "
            "value, key]."
        )
    return inputs[0], inputs[1], inputs[2] if len(inputs) == 3 else inputs[1]


def _two(mask: Any) -> tuple[Any, Any]:
    if mask is None:
        return None, None
    if not isinstance(mask, (list, tuple)) or len(mask) < 2:
        raise InputError("The mask of an attention layer is a list [query mask, value mask].")
    return mask[0], mask[1]


def both(first: Any, second: Any) -> Any:
    """Where both masks are True; None stands for "everywhere"."""
    if first is None:
        return second
    return first if second is None else ops.logical_and(ops.cast(first, "bool"), second)


def steps(x: Any, axis: int) -> Any:
    """0, 1, 2, ... for the places along an axis of `x`, whose size need not be known."""
    size = x.shape[axis]
    if isinstance(size, int):
        return ops.arange(size)
    line = x[tuple(slice(None) if i == axis % len(x.shape) else 0 for i in range(len(x.shape)))]
    return ops.cumsum(ops.ones_like(line, dtype="int32")) - 1


def causal_mask(queries: Any, keys: Any) -> Any:
    """(queries, keys), True where the key's step is not later than the query's."""
    return ops.greater_equal(ops.expand_dims(queries, 1), ops.expand_dims(keys, 0))


def window_mask(width: int, queries: Any, keys: Any) -> Any:
    """(queries, keys), True where the two steps are less than `width` apart."""
    apart = ops.subtract(ops.expand_dims(queries, 1), ops.expand_dims(keys, 0))
    return ops.less(ops.absolute(apart), width)


def masked_softmax(scores: Any, allowed: Any) -> Any:
    """Softmax over the last axis, 0 where `allowed` is False."""
    if allowed is not None:
        low = -65504.0 if ops.dtype(scores) == "float16" else -1e9
        scores = ops.where(ops.cast(allowed, "bool"), scores, ops.add(scores, low))
    return ops.softmax(scores, axis=-1)

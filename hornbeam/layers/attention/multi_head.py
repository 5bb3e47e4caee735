"""`MultiHeadAttention` and `GroupedQueryAttention`."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from typing import Any

from hornbeam import constraints, initializers, ops, random, regularizers
from hornbeam.errors import InputError
from hornbeam.layers.attention.attention import (
    both,
    causal_mask,
    masked_softmax,
    steps,
    window_mask,
)
from hornbeam.layers.core.einsum_dense import EinsumDense
from hornbeam.layers.layer import Layer
from hornbeam.layers.regularization.dropout import checked_rate
from hornbeam.random import SeedGenerator
from hornbeam.saving.objects import builtin

LETTERS = string.ascii_lowercase


class Heads(Layer):
    """Projections of query, key, value and output, and the masks: what both layers share."""

    query_dense: Any
    key_dense: Any
    value_dense: Any
    output_dense: Any
    gate_dense: Any

    def _set_heads(
        self,
        dropout: float,
        use_bias: bool,
        sliding_window: int | None,
        flash_attention: bool | None,
        kernel_initializer: Any,
        bias_initializer: Any,
        kernel_regularizer: Any,
        bias_regularizer: Any,
        kernel_constraint: Any,
        bias_constraint: Any,
        use_gate: bool,
        seed: int | None,
    ) -> None:
        self.dropout = checked_rate(dropout, type(self).__name__, "dropout")
        self.use_bias = use_bias
        if sliding_window is not None and sliding_window <= 0:
            raise InputError(
                f"{type(self).__name__}: `sliding_window` must be positive, got {sliding_window}."
            )
        self.sliding_window = sliding_window
        self.flash_attention = flash_attention
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.use_gate = use_gate
        self.seed = seed
        if dropout > 0:
            self.seed_generator = SeedGenerator(seed)
        self.supports_masking = True

    def compute_output_shape(  # type: ignore[override]
        self, query_shape: Any, value_shape: Any, key_shape: Any = None
    ) -> Any:
        """The shape of the output, without the weights."""
        return super().compute_output_shape(query_shape, value_shape, key_shape)

    def _projection(
        self, name: str, shape: Sequence[int | None], output: Sequence[int], summed: int, free: int
    ) -> EinsumDense:
        """A built `EinsumDense` that sums over the last `summed` axes and keeps `free` before them."""
        kept = LETTERS[:free]
        inner = LETTERS[free : free + summed]
        outer = LETTERS[free + summed : free + summed + len(output)]
        layer = EinsumDense(
            f"{kept}{inner},{inner}{outer}->{kept}{outer}",
            output_shape=(*(None,) * (free - 1), *output),
            bias_axes=outer if self.use_bias else None,
            kernel_initializer=_again(self.kernel_initializer),
            bias_initializer=_again(self.bias_initializer),
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            kernel_constraint=self.kernel_constraint,
            bias_constraint=self.bias_constraint,
            dtype=self.dtype_policy,
            trainable=self.trainable,
            name=name,
        )
        layer.build(shape)
        return layer

    def _allowed(
        self,
        steps_of: Any,
        use_causal_mask: bool,
        query_mask: Any,
        value_mask: Any,
        key_mask: Any,
        attention_mask: Any,
    ) -> Any:
        """Which query may look at which key, (batch, queries, keys) or less; None: all at all.

        `steps_of` makes the steps of the queries and those of the keys.
        """
        allowed = None
        if query_mask is not None:
            allowed = both(allowed, ops.expand_dims(query_mask, -1))
        for mask in (value_mask, key_mask):
            if mask is not None:
                allowed = both(allowed, ops.expand_dims(mask, -2))
        if use_causal_mask:
            allowed = both(allowed, causal_mask(*steps_of()))
        if self.sliding_window is not None:
            allowed = both(allowed, window_mask(self.sliding_window, *steps_of()))
        return allowed if attention_mask is None else both(attention_mask, allowed)

    def _fuses(self, q: Any, training: bool, return_attention_scores: bool) -> bool:
        """Whether the engine may attend in one go, since nobody asks for the weights."""
        asked = return_attention_scores or (training and self.dropout > 0)
        one_axis = len(q.shape) == 4
        if self.flash_attention and (asked or not one_axis):
            raise InputError(
                f"Layer {self.path!r} ({type(self).__name__}) has flash_attention=True, which never "
                "stores the weights: it goes with one axis of time, without "
                "`return_attention_scores` and without dropout in training. Use "
                "flash_attention=None."
            )
        return one_axis and not asked

    def _attend(self, q: Any, k: Any, v: Any, masks: Any, use_causal_mask: bool) -> Any:
        """Queries (batch, queries, heads, dim) to outputs of that kind, without the weights."""
        causal = use_causal_mask and self.sliding_window is None and all(m is None for m in masks)
        allowed = None
        if not causal:
            allowed = self._allowed(lambda: (steps(q, 1), steps(k, 1)), use_causal_mask, *masks)
        if allowed is not None and len(allowed.shape) == 3:
            allowed = ops.expand_dims(allowed, 1)
        return ops.dot_product_attention(
            q, k, v, mask=allowed, is_causal=causal, flash_attention=self.flash_attention
        )

    def _dropped(self, weights: Any, training: bool) -> Any:
        if training and self.dropout > 0:
            return random.dropout(weights, self.dropout, seed=self.seed_generator)
        return weights

    def _gated(self, query: Any, outputs: Any) -> Any:
        if not self.use_gate:
            return outputs
        return ops.multiply(outputs, ops.sigmoid(self.gate_dense(query)))


def _again(initializer: Any) -> Any:
    """An initializer with the same settings that draws numbers of its own."""
    if hasattr(initializer, "get_config") and hasattr(type(initializer), "from_config"):
        return type(initializer).from_config(initializer.get_config())
    return initializer


@builtin("keras.layers")
class MultiHeadAttention(Heads):
    """Several attentions side by side, each on projections of its own, projected back.

    Vaswani et al., 2017, https://arxiv.org/abs/1706.03762

    Args:
        num_heads: how many attentions.
        key_dim: size of the projected queries and keys.
        value_dim: size of the projected values; by default `key_dim`.
        dropout: probability with which a weight is dropped in training.
        use_bias: whether the projections have biases.
        output_shape: size, or shape, of the output's features; by default those of the query.
        attention_axes: the axes over which attention goes; by default all between batch and features.
        sliding_window: if given, queries see keys less than so many steps away.
        flash_attention: see `ops.dot_product_attention`; True refuses dropout and the weights.
        kernel_initializer: how the kernels start.
        bias_initializer: how the biases start.
        kernel_regularizer: penalty on the kernels.
        bias_regularizer: penalty on the biases.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of the kernels after each update.
        bias_constraint: projection of the biases after each update.
        use_gate: whether each head's result is multiplied by a sigmoid of a projection of the query.
        seed: an int, for the same dropout in every run.
        **kwargs: see `Layer`.

    Input: query (batch, queries, dim), value (batch, keys, dim), and key if it is not value.
    Masks: ``query_mask``, ``value_mask``, ``key_mask`` (batch, steps), which also come with the inputs;
    ``attention_mask`` (batch, queries, keys); ``use_causal_mask=True`` hides later keys.
    Output: (batch, queries, dim), and the weights (batch, heads, queries, keys) with
    ``return_attention_scores=True``.

    Example:

    >>> import hornbeam
    >>> x = hornbeam.ops.ones((2, 10, 16))
    >>> hornbeam.layers.MultiHeadAttention(num_heads=2, key_dim=8)(x, x).shape
    (2, 10, 16)
    """

    _unsaved = frozenset({"flash_attention"})

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.value_dim = value_dim or key_dim
        self.output_shape = (output_shape,) if isinstance(output_shape, int) else output_shape
        axes = (attention_axes,) if isinstance(attention_axes, int) else attention_axes
        self.attention_axes = None if axes is None else tuple(axes)
        self._set_heads(
            dropout,
            use_bias,
            sliding_window,
            flash_attention,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            kernel_constraint,
            bias_constraint,
            use_gate,
            seed,
        )

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:  # type: ignore[override]
        """Make the projections."""
        key_shape = key_shape or value_shape
        rank = len(query_shape)
        if query_shape[-1] is None or value_shape[-1] is None or key_shape[-1] is None:
            raise InputError(f"Layer {self.path!r} needs to know the last axis of all its inputs.")
        self.attention_axes = self.attention_axes or tuple(range(1, rank - 1))
        heads = (self.num_heads, self.key_dim)
        values = (self.num_heads, self.value_dim)
        free = rank - 1
        self.query_dense = self._projection("query", query_shape, heads, 1, free)
        self.key_dense = self._projection("key", key_shape, heads, 1, len(key_shape) - 1)
        if self.use_gate:
            self.gate_dense = self._projection("gate", query_shape, values, 1, free)
        self.value_dense = self._projection("value", value_shape, values, 1, len(value_shape) - 1)
        found = (*query_shape[:-1], *values)
        output = self.output_shape or query_shape[-1:]
        self.output_dense = self._projection("attention_output", found, tuple(output), 2, free)

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """The output, and the weights with `return_attention_scores`."""
        key = value if key is None else key
        q, k, v = self.query_dense(query), self.key_dense(key), self.value_dense(value)
        masks = query_mask, value_mask, key_mask, attention_mask
        if self._fuses(q, training, return_attention_scores):
            outputs = self._attend(q, k, v, masks, use_causal_mask)
            return self.output_dense(self._gated(query, outputs))

        def allowed(scores: Any) -> Any:
            places = lambda: (steps(scores, -2), steps(scores, -1))  # noqa: E731
            return self._allowed(places, use_causal_mask, *masks)

        outputs, weights = self._weighted(q, k, v, allowed, training)
        outputs = self.output_dense(self._gated(query, outputs))
        return (outputs, weights) if return_attention_scores else outputs

    def _weighted(self, q: Any, k: Any, v: Any, allowed: Any, training: bool) -> tuple[Any, Any]:
        """Each head's outputs and the weights; `allowed` makes a mask of the scores."""
        to_scores, to_outputs = self._equations(len(q.shape))
        scores = ops.einsum(to_scores, ops.multiply(q, 1 / math.sqrt(self.key_dim)), k)
        weights = self._softmax(scores, allowed(scores))
        return ops.einsum(to_outputs, self._dropped(weights, training), v), weights

    def _equations(self, rank: int) -> tuple[str, str]:
        """The einsums (query, key -> scores) and (scores, value -> outputs)."""
        axes = self.attention_axes or ()
        query = LETTERS[:rank]
        later = iter(LETTERS[rank:])
        key = "".join(next(later) if a in axes else query[a] for a in range(rank))
        kept = "".join(query[a] for a in range(rank - 1) if a not in axes)
        scores = kept + "".join(query[a] for a in axes) + "".join(key[a] for a in axes)
        return f"{query},{key}->{scores}", f"{scores},{key}->{query}"

    def _softmax(self, scores: Any, allowed: Any) -> Any:
        """Weights that add up to 1 over all axes of the keys."""
        count = len(self.attention_axes or ())
        if allowed is not None:
            missing = len(scores.shape) - len(allowed.shape)
            at = len(allowed.shape) - 2 * count
            allowed = (
                ops.expand_dims(allowed, tuple(range(at, at + missing))) if missing else allowed
            )
        if count == 1:
            return masked_softmax(scores, allowed)
        if allowed is not None:
            low = -65504.0 if ops.dtype(scores) == "float16" else -1e9
            scores = ops.where(ops.cast(allowed, "bool"), scores, ops.add(scores, low))
        axes = tuple(range(-count, 0))
        return ops.exp(ops.subtract(scores, ops.logsumexp(scores, axis=axes, keepdims=True)))


@builtin("keras.layers")
class GroupedQueryAttention(Heads):
    """Multi-head attention in which groups of query heads share one head of keys and values.

    Ainslie et al., 2023, https://arxiv.org/abs/2305.13245

    Args:
        head_dim: size of each head.
        num_query_heads: how many heads of queries, a multiple of `num_key_value_heads`.
        num_key_value_heads: how many heads of keys and values.
        dropout: probability with which a weight is dropped in training.
        use_bias: whether the projections have biases.
        sliding_window: if given, queries see keys less than so many steps away.
        flash_attention: see `ops.dot_product_attention`; True refuses dropout and the weights.
        kernel_initializer: how the kernels start.
        bias_initializer: how the biases start.
        kernel_regularizer: penalty on the kernels.
        bias_regularizer: penalty on the biases.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of the kernels after each update.
        bias_constraint: projection of the biases after each update.
        use_gate: whether each head's result is multiplied by a sigmoid of a projection of the query.
        seed: an int, for the same dropout in every run.
        **kwargs: see `Layer`.

    Inputs, masks and output: see `MultiHeadAttention`.

    Example:

    >>> import hornbeam
    >>> x = hornbeam.ops.ones((2, 10, 16))
    >>> hornbeam.layers.GroupQueryAttention(8, num_query_heads=4, num_key_value_heads=2)(x, x).shape
    (2, 10, 16)
    """

    _unsaved = frozenset({"flash_attention"})

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        if num_query_heads % num_key_value_heads:
            raise InputError(
                "GroupedQueryAttention: `num_query_heads` must be a multiple of `num_key_value_heads`, "
                f"got {num_query_heads} and {num_key_value_heads}."
            )
        self.head_dim = head_dim
        self.num_query_heads = num_query_heads
        self.num_key_value_heads = num_key_value_heads
        self._set_heads(
            dropout,
            use_bias,
            sliding_window,
            flash_attention,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            kernel_constraint,
            bias_constraint,
            use_gate,
            seed,
        )

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:  # type: ignore[override]
        """Make the projections."""
        queries = (self.num_query_heads, self.head_dim)
        keys = (self.num_key_value_heads, self.head_dim)
        self.query_dense = self._projection("query", query_shape, queries, 1, 2)
        self.key_dense = self._projection("key", key_shape or value_shape, keys, 1, 2)
        if self.use_gate:
            self.gate_dense = self._projection("gate", query_shape, queries, 1, 2)
        self.value_dense = self._projection("value", value_shape, keys, 1, 2)
        found = (*query_shape[:-1], *queries)
        output = query_shape[-1:]
        self.output_dense = self._projection("attention_output", found, output, 2, 2)

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """The output, and the weights with `return_attention_scores`."""
        key = value if key is None else key
        q, k, v = self.query_dense(query), self.key_dense(key), self.value_dense(value)
        masks = query_mask, value_mask, key_mask, attention_mask
        if self._fuses(q, training, return_attention_scores):
            outputs = self._attend(q, k, v, masks, use_causal_mask)
            return self.output_dense(self._gated(query, outputs))
        repeats = self.num_query_heads // self.num_key_value_heads
        k, v = (ops.repeat(x, repeats, axis=2) for x in (k, v))
        q = ops.multiply(q, 1 / math.sqrt(self.head_dim))
        scores = ops.einsum("btnh,bsnh->bnts", q, k)
        allowed = self._allowed(
            lambda: (steps(scores, -2), steps(scores, -1)), use_causal_mask, *masks
        )
        if allowed is not None and len(allowed.shape) == 3:
            allowed = ops.expand_dims(allowed, 1)
        weights = masked_softmax(scores, allowed)
        outputs = ops.einsum("bnts,bsnh->btnh", self._dropped(weights, training), v)
        outputs = self.output_dense(self._gated(query, outputs))
        return (outputs, weights) if return_attention_scores else outputs


GroupQueryAttention = GroupedQueryAttention

__all__ = ["GroupQueryAttention", "GroupedQueryAttention", "MultiHeadAttention"]

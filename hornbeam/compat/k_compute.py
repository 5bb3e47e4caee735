"""The half of `keras.backend` that computes: products, losses, convolutions, recurrence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import hornbeam
from hornbeam import ops, random
from hornbeam.backend import epsilon
from hornbeam.compat.k_state import ndim, normalize_data_format
from hornbeam.errors import InputError
from hornbeam.layers import call_context

# ----------------------------------------------------------------------------------- computations


def concatenate(tensors: Sequence[Any], axis: int = -1) -> Any:
    """Arrays one after the other along an axis."""
    return ops.concatenate(list(tensors), axis=axis)


def argmax(x: Any, axis: int = -1) -> Any:
    """The place of the largest element."""
    return ops.argmax(x, axis=axis)


def argmin(x: Any, axis: int = -1) -> Any:
    """The place of the least element."""
    return ops.argmin(x, axis=axis)


def clip(x: Any, min_value: float, max_value: float) -> Any:
    """`x` with its elements brought into [`min_value`, `max_value`]."""
    return ops.clip(x, min_value, max(min_value, max_value))


def gather(reference: Any, indices: Any) -> Any:
    """Rows of `reference`."""
    return ops.take(reference, indices, axis=0)


def dot(x: Any, y: Any) -> Any:
    """The product of the last axis of `x` and the last but one of `y`."""
    return ops.dot(x, y)


def batch_dot(x: Any, y: Any, axes: Any = None) -> Any:
    """The products of the rows of two batches; one that gives numbers keeps an axis of 1.

    Args:
        x: (batch, ...).
        y: (batch, ...).
        axes: the axis of each to sum over, batch counted; by default the last of `x`, and the last but
            one of `y` if that is no vector.
    """
    if axes is None:
        axes = (ndim(x) - 1, 1 if ndim(y) == 2 else ndim(y) - 2)
    pair = (axes, axes) if isinstance(axes, int) else tuple(axes)
    return hornbeam.layers.Dot(
        tuple(a if a > 0 else a % n for a, n in zip(pair, (ndim(x), ndim(y)), strict=True))
    )([x, y])


def flatten(x: Any) -> Any:
    """`x` with one axis."""
    return ops.reshape(x, (-1,))


def batch_flatten(x: Any) -> Any:
    """`x` with all axes but the first made one."""
    return ops.reshape(x, (-1, int(np.prod(x.shape[1:], dtype=int))))


def repeat(x: Any, n: int) -> Any:
    """(batch, features) as (batch, n, features)."""
    return ops.repeat(ops.expand_dims(x, 1), n, axis=1)


def reverse(x: Any, axes: Any) -> Any:
    """`x` turned around along axes."""
    return ops.flip(x, axis=axes)


def slice(x: Any, start: Any, size: Any) -> Any:
    """The part of `x` from `start`, of shape `size` (-1 for all there is)."""
    sizes = [d - s if w == -1 else w for d, s, w in zip(x.shape, start, size, strict=True)]
    return ops.slice(x, start, sizes)


def l2_normalize(x: Any, axis: Any = None) -> Any:
    """`x` divided by its length along an axis."""
    return x / ops.sqrt(ops.maximum(ops.sum(ops.square(x), axis=axis, keepdims=True), 1e-12))


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    """One or the other, by a boolean or element by element; functions are called."""
    if callable(then_expression) and callable(else_expression) and ndim(condition) == 0:
        return ops.cond(condition, then_expression, else_expression)
    yes = then_expression() if callable(then_expression) else then_expression
    no = else_expression() if callable(else_expression) else else_expression
    condition = ops.cast(condition, "bool")
    while 0 < ndim(condition) < len(yes.shape):
        condition = ops.expand_dims(condition, -1)
    return ops.where(condition, yes, no)


def foldl(
    fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, name: Any = None
) -> Any:
    """`fn` of what came out so far and the next row, from the first row on."""
    start, rows = (elems[0], elems[1:]) if initializer is None else (initializer, elems)
    return ops.scan(lambda carry, row: (fn(carry, row), None), start, rows)[0]


def foldr(
    fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, name: Any = None
) -> Any:
    """`foldl` from the last row on."""
    return foldl(fn, ops.flip(elems, axis=0), initializer)


def in_top_k(predictions: Any, targets: Any, k: int) -> Any:
    """Whether the right class is among the `k` most probable."""
    return ops.in_top_k(targets, predictions, k)


# ------------------------------------------------------------------------------------ neural nets


def relu(x: Any, alpha: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """`hornbeam.activations.relu`."""
    return hornbeam.activations.relu(
        x, negative_slope=alpha, max_value=max_value, threshold=threshold
    )


def elu(x: Any, alpha: float = 1.0) -> Any:
    """``x``, or ``alpha * (exp(x) - 1)`` below 0."""
    return ops.elu(x, alpha=alpha)


def hard_sigmoid(x: Any) -> Any:
    """``clip(0.2 x + 0.5, 0, 1)``, the formula of Keras 1 and 2; `ops.hard_sigmoid` has 1/6 for 0.2."""
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)


def softmax(x: Any, axis: int = -1) -> Any:
    """Probabilities along an axis."""
    return ops.softmax(x, axis=axis)


def dropout(x: Any, level: float, noise_shape: Any = None, seed: Any = None) -> Any:
    """`x` with a share `level` of its elements zero and the rest scaled up."""
    return random.dropout(x, level, noise_shape, seed)


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """The crossentropy of each element."""
    return ops.binary_crossentropy(target, output, from_logits=from_logits)


def categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    """The crossentropy of rows of probabilities."""
    return ops.categorical_crossentropy(target, output, from_logits=from_logits, axis=axis)


def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    """The crossentropy of class numbers and rows of probabilities."""
    return ops.sparse_categorical_crossentropy(target, output, from_logits=from_logits, axis=axis)


def batch_normalization(
    x: Any, mean: Any, var: Any, beta: Any, gamma: Any, axis: int = -1, epsilon: float = 1e-3
) -> Any:
    """``gamma * (x - mean) / sqrt(var + epsilon) + beta``."""
    return ops.batch_normalization(x, mean, var, axis, beta, gamma, epsilon)


def normalize_batch_in_training(
    x: Any, gamma: Any, beta: Any, reduction_axes: Sequence[int], epsilon: float = 1e-3
) -> tuple[Any, Any, Any]:
    """`x` normalized by its own mean and variance, and these two."""
    mean, variance = ops.moments(x, list(reduction_axes), keepdims=True)
    normal = (x - mean) / ops.sqrt(variance + epsilon)
    shape = [1 if i in reduction_axes else -1 for i in range(ndim(x))]
    if gamma is not None:
        normal = normal * ops.reshape(gamma, shape)
    if beta is not None:
        normal = normal + ops.reshape(beta, shape)
    axes = tuple(reduction_axes)
    return normal, ops.squeeze(mean, axes), ops.squeeze(variance, axes)


def bias_add(x: Any, bias: Any, data_format: str | None = None) -> Any:
    """`x` plus a bias for each channel."""
    if normalize_data_format(data_format) == "channels_first" and ndim(x) > 2:
        bias = ops.reshape(bias, (-1, *(1 for _ in range(ndim(x) - 2))))
    return x + bias


def learning_phase() -> int:
    """1 within a training step, else 0."""
    context = call_context.current.get()
    return int(bool(context is not None and context.training))


_phase: list[int | None] = [None]


def set_learning_phase(value: int) -> None:
    """Say, for `in_train_phase` outside of a model, whether this is training (1) or not (0)."""
    if value not in (0, 1):
        raise InputError(f"The learning phase is 0 or 1, got {value!r}.")
    _phase[0] = value


def in_train_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """`x` in training, `alt` otherwise; functions are called."""
    if training is None:
        training = _phase[0] if call_context.current.get() is None else learning_phase()
    found = x if training else alt
    return found() if callable(found) else found


def in_test_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """`alt` in training, `x` otherwise; functions are called."""
    return in_train_phase(alt, x, training)


# ------------------------------------------------------------------ convolutions, pooling, padding


def _image(words: dict[str, Any], names: str) -> dict[str, Any]:
    """The arguments of a convolution in Keras 1's words, in today's."""
    renamed = {"border_mode": "padding", "dim_ordering": "data_format", "stride": "strides",
               "filter_dilation": "dilation_rate", "subsample": "strides"}  # fmt: skip
    found: dict[str, Any] = {}
    for word, value in words.items():
        if word in ("image_shape", "filter_shape", "volume_shape"):
            continue
        name = renamed.get(word, word)
        if name not in names.split():
            raise TypeError(f"got an unknown argument {word!r}; known are {names}.")
        found[name] = normalize_data_format(value) if name == "data_format" else value
    if found.get("padding") == "causal":
        raise InputError('padding="causal" is offered by `layers.Conv1D`.')
    return found


_CONV = "strides padding data_format dilation_rate"


def conv1d(x: Any, kernel: Any, strides: int = 1, padding: str = "valid", **words: Any) -> Any:
    """`ops.conv` over one axis."""
    given = {"strides": strides, "padding": padding, "data_format": "channels_last", **words}
    return ops.conv(x, kernel, **_image(given, _CONV))


def conv2d(x: Any, kernel: Any, strides: Any = (1, 1), padding: str = "valid", **words: Any) -> Any:
    """`ops.conv` over two axes."""
    return ops.conv(x, kernel, **_image({"strides": strides, "padding": padding, **words}, _CONV))


def conv3d(
    x: Any, kernel: Any, strides: Any = (1, 1, 1), padding: str = "valid", **words: Any
) -> Any:
    """`ops.conv` over three axes."""
    return ops.conv(x, kernel, **_image({"strides": strides, "padding": padding, **words}, _CONV))


def atrous_conv2d(x: Any, kernel: Any, rate: int = 1, **words: Any) -> Any:
    """`ops.conv` with a dilation."""
    return ops.conv(x, kernel, **_image({"dilation_rate": rate, **words}, _CONV))


def depthwise_conv2d(x: Any, depthwise_kernel: Any, **words: Any) -> Any:
    """`ops.depthwise_conv`."""
    return ops.depthwise_conv(x, depthwise_kernel, **_image(words, _CONV))


def separable_conv2d(x: Any, depthwise_kernel: Any, pointwise_kernel: Any, **words: Any) -> Any:
    """`ops.separable_conv`."""
    return ops.separable_conv(x, depthwise_kernel, pointwise_kernel, **_image(words, _CONV))


separable_conv1d = separable_conv2d


def conv2d_transpose(x: Any, kernel: Any, output_shape: Any = None, **words: Any) -> Any:
    """`ops.conv_transpose`; its output shape follows from the input."""
    return ops.conv_transpose(x, kernel, **_image(words, _CONV))


conv3d_transpose = deconv2d = conv2d_transpose


def pool2d(
    x: Any, pool_size: Any, strides: Any = (1, 1), pool_mode: str = "max", **words: Any
) -> Any:
    """`ops.max_pool`, or `ops.average_pool` for the mode "avg"."""
    pools = {"max": ops.max_pool, "avg": ops.average_pool}
    if pool_mode not in pools:
        raise InputError(f'`pool_mode` must be "max" or "avg", got {pool_mode!r}.')
    given = _image({"strides": strides, **words}, "strides padding data_format")
    return pools[pool_mode](x, pool_size, **given)


def pool3d(x: Any, pool_size: Any, strides: Any = (1, 1, 1), **words: Any) -> Any:
    """As `pool2d`, over three axes."""
    return pool2d(x, pool_size, strides, **words)


def _spatial(x: Any, pads: Sequence[Any], data_format: str | None) -> Any:
    first = normalize_data_format(data_format) == "channels_first"
    widths = [(p, p) if isinstance(p, int) else tuple(p) for p in pads]
    return ops.pad(x, [(0, 0), (0, 0), *widths] if first else [(0, 0), *widths, (0, 0)])


def temporal_padding(x: Any, padding: Any = (1, 1)) -> Any:
    """Zeros before and behind the second axis."""
    return _spatial(x, [padding], "channels_last")


def asymmetric_temporal_padding(x: Any, left_pad: int = 1, right_pad: int = 1) -> Any:
    """Zeros before and behind the second axis."""
    return temporal_padding(x, (left_pad, right_pad))


def spatial_2d_padding(
    x: Any, padding: Any = ((1, 1), (1, 1)), data_format: Any = None, dim_ordering: Any = None
) -> Any:
    """Zeros around the two axes of space."""
    return _spatial(x, padding, dim_ordering or data_format)


def spatial_3d_padding(
    x: Any,
    padding: Any = ((1, 1), (1, 1), (1, 1)),
    data_format: Any = None,
    dim_ordering: Any = None,
) -> Any:
    """Zeros around the three axes of space."""
    return _spatial(x, padding, dim_ordering or data_format)


def asymmetric_spatial_2d_padding(
    x: Any, top_pad: int = 1, bottom_pad: int = 1, left_pad: int = 1, right_pad: int = 1,
    dim_ordering: Any = None,
) -> Any:  # fmt: skip
    """Zeros around the two axes of space."""
    return _spatial(x, ((top_pad, bottom_pad), (left_pad, right_pad)), dim_ordering)


def _enlarged(x: Any, factors: Sequence[int], data_format: str | None) -> Any:
    first = normalize_data_format(data_format) == "channels_first"
    for axis, factor in enumerate(factors, start=2 if first else 1):
        x = ops.repeat(x, factor, axis=axis)
    return x


def resize_images(
    x: Any, height_factor: int, width_factor: int, data_format: Any = None,
    interpolation: str = "nearest", dim_ordering: Any = None,
) -> Any:  # fmt: skip
    """Images enlarged by whole factors."""
    ordering = normalize_data_format(dim_ordering or data_format)
    if interpolation == "nearest":
        return _enlarged(x, (height_factor, width_factor), ordering)
    height, width = x.shape[2:4] if ordering == "channels_first" else x.shape[1:3]
    return ops.image.resize(
        x, (height * height_factor, width * width_factor), interpolation, data_format=ordering
    )


def resize_volumes(
    x: Any, depth_factor: int, height_factor: int, width_factor: int, data_format: Any = None,
    dim_ordering: Any = None,
) -> Any:  # fmt: skip
    """Volumes enlarged by whole factors."""
    return _enlarged(x, (depth_factor, height_factor, width_factor), dim_ordering or data_format)


# --------------------------------------------------------------------------- sequences, functions


def ctc_batch_cost(y_true: Any, y_pred: Any, input_length: Any, label_length: Any) -> Any:
    """The CTC loss of each row, (batch, 1); the blank is the last class.

    Args:
        y_true: class numbers (batch, length).
        y_pred: probabilities (batch, time, classes).
        input_length: how much of `y_pred` counts, (batch, 1).
        label_length: how much of `y_true` counts, (batch, 1).
    """
    labels = ops.cast(ops.reshape(label_length, (-1,)), "int32")
    times = ops.cast(ops.reshape(input_length, (-1,)), "int32")
    logits = ops.log(y_pred + epsilon())
    blank = y_pred.shape[-1] - 1
    loss = ops.ctc_loss(ops.cast(y_true, "int32"), logits, labels, times, mask_index=blank)
    return ops.expand_dims(loss, -1)


def ctc_decode(
    y_pred: Any, input_length: Any, greedy: bool = True, beam_width: int = 100, top_paths: int = 1
) -> tuple[list[Any], Any]:
    """The most probable label sequences, -1 behind their ends, and their scores.

    Args:
        y_pred: probabilities (batch, time, classes); the blank is the last class.
        input_length: how much of it counts, (batch,).
        greedy: whether to take the best class at each time, or to search.
        beam_width: how many candidates a search keeps.
        top_paths: how many sequences a search returns.
    """
    logits = ops.log(y_pred + epsilon())
    found, scores = ops.ctc_decode(
        logits, ops.cast(input_length, "int32"), strategy="greedy" if greedy else "beam_search",
        beam_width=beam_width, top_paths=top_paths, mask_index=y_pred.shape[-1] - 1,
    )  # fmt: skip
    return [found[i] for i in range(found.shape[0])], scores


def rnn(
    step_function: Callable[[Any, list[Any]], tuple[Any, list[Any]]],
    inputs: Any,
    initial_states: Sequence[Any],
    go_backwards: bool = False,
    mask: Any = None,
    constants: Sequence[Any] | None = None,
    unroll: bool = False,
    input_length: int | None = None,
) -> tuple[Any, Any, list[Any]]:
    """Apply a function to one time step after the other.

    Args:
        step_function: ``output, states = step(input, states + constants)``.
        inputs: (batch, time, ...).
        initial_states: arrays (batch, ...).
        go_backwards: whether to begin at the end.
        mask: bools (batch, time): where False, output and states stay what they were.
        constants: arrays that each step gets behind its states.
        unroll: without effect, the engine decides.
        input_length: without effect, it is known.

    Returns:
        (last output, outputs (batch, time, ...), last states).
    """
    xs = ops.swapaxes(inputs, 0, 1)
    extra = list(constants or ())
    valid = None if mask is None else ops.swapaxes(ops.cast(mask, "bool"), 0, 1)
    if go_backwards:
        xs = ops.flip(xs, axis=0)
        valid = None if valid is None else ops.flip(valid, axis=0)
    initial_states = [ops.convert_to_tensor(state) for state in initial_states]
    first, _ = step_function(xs[0], [*initial_states, *extra])

    def advance(carry: Any, row: Any) -> tuple[Any, Any]:
        output, states = carry
        x, use = row if valid is not None else (row, None)
        new_output, new_states = step_function(x, [*states, *extra])
        if use is not None:
            new_output = _chosen(use, new_output, output)
            new_states = [_chosen(use, n, o) for n, o in zip(new_states, states, strict=True)]
        return (new_output, list(new_states)), new_output

    start = (ops.zeros_like(first), list(initial_states))
    (last, states), outputs = ops.scan(advance, start, xs if valid is None else (xs, valid))
    return last, ops.swapaxes(outputs, 0, 1), list(states)


def _chosen(use: Any, new: Any, old: Any) -> Any:
    return ops.where(ops.reshape(use, (-1, *(1 for _ in new.shape[1:]))), new, old)


__all__ = [
    "argmax",
    "argmin",
    "asymmetric_spatial_2d_padding",
    "asymmetric_temporal_padding",
    "atrous_conv2d",
    "batch_dot",
    "batch_flatten",
    "batch_normalization",
    "bias_add",
    "binary_crossentropy",
    "categorical_crossentropy",
    "clip",
    "concatenate",
    "conv1d",
    "conv2d",
    "conv2d_transpose",
    "conv3d",
    "conv3d_transpose",
    "ctc_batch_cost",
    "ctc_decode",
    "deconv2d",
    "depthwise_conv2d",
    "dot",
    "dropout",
    "elu",
    "flatten",
    "foldl",
    "foldr",
    "gather",
    "hard_sigmoid",
    "in_test_phase",
    "in_top_k",
    "in_train_phase",
    "l2_normalize",
    "learning_phase",
    "normalize_batch_in_training",
    "pool2d",
    "pool3d",
    "relu",
    "repeat",
    "resize_images",
    "resize_volumes",
    "reverse",
    "rnn",
    "separable_conv1d",
    "separable_conv2d",
    "set_learning_phase",
    "slice",
    "softmax",
    "sparse_categorical_crossentropy",
    "spatial_2d_padding",
    "spatial_3d_padding",
    "switch",
    "temporal_padding",
]

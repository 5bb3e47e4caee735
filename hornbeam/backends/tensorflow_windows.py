"""Convolution and pooling by TensorFlow's own kernels, where it has them on every device.

Each function returns None for what the kernels cannot do; then the composition does it.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from hornbeam.backends import windows

Array = Any


def _channels_last(x: Array, plan: windows.Plan) -> Array:
    """The layout that the kernels of a CPU know."""
    if plan.channels_last:
        return x
    return tf.transpose(x, [0, *range(2, plan.ndim + 2), 1])


def _back(x: Array, plan: windows.Plan) -> Array:
    if plan.channels_last:
        return x
    return tf.transpose(x, [0, plan.ndim + 1, *range(1, plan.ndim + 1)])


def conv(
    inputs: Array,
    kernel: Array,
    strides: Any,
    padding: str,
    data_format: str | None,
    dilation_rate: Any,
) -> Array | None:
    """A convolution; groups on a CPU in two dimensions and float32 only."""
    plan = windows.plan(inputs.shape.rank - 2, strides, dilation_rate, data_format)
    channels, per_group = inputs.shape[plan.channel_axis], kernel.shape[-2]
    if not inputs.dtype.is_floating or channels is None or channels % per_group:
        return None
    if plan.ndim == 3 and (channels != per_group or set(plan.dilations) != {1}):
        return None
    if channels != per_group and inputs.dtype is not tf.float32:
        return None
    dilated = max(plan.dilations) > 1  # TensorFlow 2.21: no gradient of Conv2D's own on a CPU
    if dilated and (max(plan.strides) > 1 or channels != per_group):
        return None
    x = _channels_last(inputs, plan)
    how = padding.upper()
    pads = windows.pads(tuple(x.shape)[1:-1], kernel.shape[: plan.ndim], plan, padding)
    if how == "CAUSAL":
        x = tf.pad(x, [(0, 0), *pads, (0, 0)])
        how = "VALID"
    steps, holes = list(plan.strides), list(plan.dilations)
    if dilated:
        return _back(tf.nn.convolution(x, kernel, None, how, dilations=holes), plan)
    if plan.ndim == 3:
        return _back(tf.nn.conv3d(x, kernel, [1, *steps, 1], how), plan)
    if plan.ndim == 1:  # one row of an image
        x, kernel = tf.expand_dims(x, 1), tf.expand_dims(kernel, 0)
        steps = [1, *steps]
    if per_group == 1 and channels > 1 and steps[0] == steps[1]:
        shape = [*kernel.shape[:2], channels, kernel.shape[-1] // channels]
        kernel = tf.reshape(kernel, shape)
        out = tf.nn.depthwise_conv2d(x, kernel, [1, *steps, 1], how)
    else:
        out = tf.nn.conv2d(x, kernel, steps, how)
    return _back(tf.squeeze(out, 1) if plan.ndim == 1 else out, plan)


def pool(
    kind: str, inputs: Array, pool_size: Any, strides: Any, padding: str, data_format: str | None
) -> Array | None:
    """The "MAX" or "AVG" of windows; padding does not count towards the mean."""
    ndim = inputs.shape.rank - 2
    size = windows.spread(pool_size, ndim, "pool_size")
    plan = windows.plan(ndim, strides or size, 1, data_format)
    if not inputs.dtype.is_floating or padding not in ("valid", "same"):
        return None
    if ndim == 3 and inputs.dtype is not tf.float32:
        return None
    x = _channels_last(inputs, plan)
    windows.pads(tuple(x.shape)[1:-1], size, plan, padding)  # whether the window fits
    window, steps = list(size), list(plan.strides)
    if ndim == 1:
        x, window, steps = tf.expand_dims(x, 1), [1, *window], [1, *steps]
    kernel = {
        ("MAX", 2): tf.nn.max_pool2d,
        ("MAX", 3): tf.nn.max_pool3d,
        ("AVG", 2): tf.nn.avg_pool2d,
        ("AVG", 3): tf.nn.avg_pool3d,
    }[kind, len(window)]
    out = kernel(x, window, steps, padding.upper())
    return _back(tf.squeeze(out, 1) if ndim == 1 else out, plan)

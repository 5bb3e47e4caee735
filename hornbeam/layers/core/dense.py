"""`Dense`: a matrix product."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hornbeam import activations, constraints, dtypes, initializers, ops, regularizers
from hornbeam.backends import registry
from hornbeam.backends.protocol import COMPOSITIONS, Array, Backend
from hornbeam.errors import InputError
from hornbeam.layers.input_spec import InputSpec
from hornbeam.layers.layer import Layer
from hornbeam.layers.lora import LowRankAdaptable
from hornbeam.layers.quantized_weights import Layout
from hornbeam.saving.objects import builtin
from hornbeam.variables import Variable


def affine(
    b: Backend, x: Array, kernel: Array, bias: Array, activation: Callable[[Array], Array]
) -> Array:
    """``activation(x @ kernel + bias)``, as a composition that an engine may define as one call.

    Args:
        b: the backend.
        x: array of shape (..., features).
        kernel: array of shape (features, units).
        bias: array of shape (units,); all three have one float dtype.
        activation: one of `hornbeam.activations`, so nothing but a computation.
    """
    return activation(b.add(b.matmul(x, kernel), bias))


COMPOSITIONS["affine"] = affine


@builtin("keras.layers")
class Dense(LowRankAdaptable, Layer):
    """``activation(inputs @ kernel + bias)``, over the last axis.

    Args:
        units: size of the last axis of the output.
        activation: name or function; None for none.
        use_bias: whether to add a bias.
        kernel_initializer: how the kernel starts, (features, units).
        bias_initializer: how the bias starts, (units,).
        kernel_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of the kernel after each update.
        bias_constraint: projection of the bias after each update.
        lora_rank: if given, the kernel is frozen and a product of two matrices of this rank is trained
            in its place (LoRA, https://arxiv.org/abs/2106.09685).
        lora_alpha: the product is scaled by ``lora_alpha / lora_rank``; by default by 1.
        quantization_config: how `quantize`, or a policy such as "int8_from_float32", quantizes; from
            `hornbeam.quantizers`.

    Input: (batch, ..., features).  Output: (batch, ..., units).

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.Dense(3, activation="relu")(hornbeam.ops.ones((2, 5))).shape
    (2, 3)
    """

    _unsaved = frozenset({"lora_rank", "lora_alpha", "quantization_config"})

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        if isinstance(units, bool) or not isinstance(units, (int, np.integer)) or units <= 0:
            raise InputError(f"Dense: `units` must be a positive int, got {units!r}.")
        self.units = int(units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self._adapt("kernel", lora_rank, lora_alpha, quantization_config)
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Make the kernel and the bias."""
        features = input_shape[-1]
        self.kernel: Any = self.add_weight(
            (features, self.units),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.bias: Any = None
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})
        self._inject()

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """``activation(inputs @ kernel + bias)``."""
        if self._is_affine(inputs):
            ours = activations.ALL_FUNCTIONS.get(getattr(self.activation, "__name__", ""))
            known = ours is self.activation
            arrays = inputs, self.kernel.value, self.bias.value
            outputs = self.kernel.backend.affine(*arrays, ours if known else activations.linear)
            return outputs if known else self.activation(outputs)
        outputs = self._product(inputs)
        if self.bias is not None:
            outputs = ops.add(outputs, self.bias)
        return self.activation(outputs)

    def _is_affine(self, inputs: Any) -> bool:
        """Whether `affine` is all there is to compute: one engine, one float dtype, no quantization."""
        kernel = self.kernel
        if type(kernel) is not Variable or self.bias is None:
            return False
        backend, dtype = kernel.backend, kernel.dtype
        return (
            registry.engine_of(type(inputs)) is backend
            and dtypes.is_float(dtype)
            and backend.dtype(inputs) == dtype == self.bias.dtype
            and self.dtype_policy.quantization_mode is None
            and type(self).product is Dense.product
            and "_product" not in vars(self)  # else its inputs are watched, to choose a rounding
        )

    def product(self, inputs: Any) -> Any:
        """``inputs @ kernel``."""
        return ops.matmul(inputs, self.kernel)

    def _layout(self, name: str | None = None) -> Layout:
        return Layout(tuple(self.kernel.shape), (0,), (1,), (self.units,))

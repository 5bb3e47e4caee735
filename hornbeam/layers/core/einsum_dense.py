"""`EinsumDense`: a tensor product with a trained kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbeam import activations, constraints, initializers, ops, regularizers
from hornbeam.errors import InputError
from hornbeam.layers.layer import Layer
from hornbeam.layers.lora import LowRankAdaptable
from hornbeam.layers.quantized_weights import Layout
from hornbeam.saving.objects import builtin


@builtin("keras.layers")
class EinsumDense(LowRankAdaptable, Layer):
    """``activation(einsum(equation, inputs, kernel) + bias)``.

    Args:
        equation: as for `ops.einsum`, with the input and the kernel, such as "abc,cd->abd" or
            "...c,cd->...d"; the first letter without "..." is the batch axis.
        output_shape: shape of the output without the batch axis (or without what "..." stands for); None
            for sizes that are the input's.
        activation: name or function; None for none.
        bias_axes: the letters of the output axes along which there is a bias; None for no bias.
        kernel_initializer: how the kernel starts.
        bias_initializer: how the bias starts.
        kernel_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        kernel_constraint: projection of the kernel after each update.
        bias_constraint: projection of the bias after each update.
        lora_rank: see `Dense`.
        lora_alpha: see `Dense`.
        gptq_unpacked_column_size: no effect: the size follows from the shapes.
        quantization_config: how `quantize`, or a policy such as "int8_from_float32", quantizes; from
            `hornbeam.quantizers`.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.EinsumDense("abc,cd->abd", output_shape=(None, 64), bias_axes="d")
    >>> layer(hornbeam.ops.ones((2, 10, 32))).shape
    (2, 10, 64)
    """

    _unsaved = frozenset(
        {"lora_rank", "lora_alpha", "gptq_unpacked_column_size", "quantization_config"}
    )
    _also_saved = ("activity_regularizer",)

    def __init__(
        self,
        equation: str,
        output_shape: Any,
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        gptq_unpacked_column_size: int | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.equation = equation
        self.output_shape = (
            (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        )
        self.activation = activations.get(activation)
        self.bias_axes = bias_axes
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self._adapt("kernel", lora_rank, lora_alpha, quantization_config)
        self.gptq_unpacked_column_size = gptq_unpacked_column_size
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Make the kernel and the bias."""
        kernel_shape, bias_shape = weight_shapes(
            self.equation, self.bias_axes, tuple(input_shape), self.output_shape
        )
        self.kernel: Any = self.add_weight(
            kernel_shape,
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.bias = None
        if bias_shape is not None:
            self.bias = self.add_weight(
                bias_shape,
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
        self._inject()

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """``activation(einsum(equation, inputs, kernel) + bias)``."""
        outputs = self._product(inputs)
        if self.bias is not None:
            outputs = ops.add(outputs, self.bias)
        return self.activation(outputs)

    def product(self, inputs: Any) -> Any:
        """``einsum(equation, inputs, kernel)``."""
        return ops.einsum(self.equation, inputs, self.kernel)

    def _terms(self) -> tuple[str, str, str]:
        left, _, output = self.equation.replace(" ", "").partition("->")
        given, _, kernel = left.partition(",")
        return given, kernel, output

    def _layout(self, name: str | None = None) -> Layout:
        _, kernel, output = self._terms()
        sizes = dict(zip(kernel, self.kernel.shape, strict=True))
        letters = output.replace("...", "")
        reduced = tuple(a for a, letter in enumerate(kernel) if letter not in letters)
        order = tuple(kernel.index(letter) for letter in letters if letter in kernel)
        stored = tuple(sizes.get(letter, 1) for letter in letters)
        return Layout(tuple(self.kernel.shape), reduced, order, stored)

    def _input_axes(self, ndim: int) -> tuple[int, ...]:
        given, kernel, output = self._terms()
        letters = given.replace("...", "")
        return tuple(
            letters.index(letter) - (len(letters) if given.startswith("...") else 0)
            for letter in kernel
            if letter not in output
        )


def weight_shapes(
    equation: str,
    bias_axes: str | None,
    input_shape: Sequence[int | None],
    output_shape: Sequence[int | None],
) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    """The shapes of kernel and bias (None: no bias) that an equation asks for.

    >>> weight_shapes("abc,cd->abd", "d", (None, 10, 32), (None, 64))
    ((32, 64), (64,))
    """
    left, _, output = equation.replace(" ", "").partition("->")
    given, _, kernel = left.partition(",")
    if not output or not kernel or "," in kernel or "..." in kernel:
        raise InputError(
            f"EinsumDense: `equation` must be like 'ab,bc->ac' or '...b,bc->...c', got {equation!r}."
        )
    at_end = given.startswith("...")
    inputs = _sizes_of(given, input_shape, at_end)
    shape = output_shape if at_end else (input_shape[0], *output_shape)
    outputs = _sizes_of(output, shape, at_end)
    for letter, size in outputs.items():
        known = inputs.get(letter)
        if known is not None and size is not None and known != size:
            raise InputError(
                f"EinsumDense: in {equation!r} the axis {letter!r} has size {known} in the input and "
                f"{size} in `output_shape`."
            )
    found = {**outputs, **{k: v for k, v in inputs.items() if v is not None}}
    missing = [c for c in kernel if found.get(c) is None]
    if missing:
        raise InputError(
            f"EinsumDense: the size of the kernel's axis {missing[0]!r} in {equation!r} is neither in "
            f"the input shape {tuple(input_shape)} nor in `output_shape` {tuple(output_shape)}."
        )
    return tuple(int(found[c] or 0) for c in kernel), _bias_shape(output, bias_axes, found)


def _sizes_of(term: str, shape: Sequence[int | None], at_end: bool) -> dict[str, int | None]:
    letters = term.replace("...", "")
    if len(letters) > len(shape):
        raise InputError(f"EinsumDense: {term!r} does not fit the shape {tuple(shape)}.")
    part = shape[len(shape) - len(letters) :] if at_end else shape[: len(letters)]
    return dict(zip(letters, part, strict=True))


def _bias_shape(
    output: str, bias_axes: str | None, sizes: dict[str, int | None]
) -> tuple[int, ...] | None:
    if not bias_axes:
        return None
    letters = output.replace("...", "")
    unknown = [c for c in bias_axes if c not in letters]
    if unknown:
        raise InputError(
            f"EinsumDense: the bias axis {unknown[0]!r} is not in the output {output!r}."
        )
    first = min(letters.index(c) for c in bias_axes)
    shape = tuple(int(sizes[c] or 0) if c in bias_axes else 1 for c in letters[first:])
    return shape

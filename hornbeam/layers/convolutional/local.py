"""`LocallyConnected1D` and `LocallyConnected2D`: convolutions with other weights at every place."""

from __future__ import annotations

from typing import Any, ClassVar

from hornbeam import activations, config, constraints, initializers, ops, regularizers
from hornbeam.errors import InputError
from hornbeam.layers.input_spec import InputSpec
from hornbeam.layers.layer import Layer
from hornbeam.saving.objects import builtin


def _tuple(value: Any, rank: int, name: str, kind: str) -> tuple[int, ...]:
    items = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(items) != rank or not all(isinstance(i, int) and i > 0 for i in items):
        raise InputError(f"{kind}: `{name}` must be {rank} positive ints, got {value!r}.")
    return items


class _LocallyConnected(Layer):
    rank: ClassVar[int]

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        implementation: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        kind = type(self).__name__
        if not isinstance(filters, int) or filters < 1:
            raise InputError(f"{kind}: `filters` must be a positive int, got {filters!r}.")
        if padding not in ("valid", "same"):
            raise InputError(f"{kind}: `padding` must be 'valid' or 'same', got {padding!r}.")
        if implementation not in (1, 2, 3):
            raise InputError(f"{kind}: `implementation` must be 1, 2 or 3, got {implementation!r}.")
        if padding == "same" and implementation == 1:
            raise InputError(f"{kind}: padding='same' needs `implementation` 2 or 3.")
        self.filters = filters
        self.kernel_size = _tuple(kernel_size, self.rank, "kernel_size", kind)
        self.strides = _tuple(strides, self.rank, "strides", kind)
        self.padding = padding
        self.data_format = config.standardize_data_format(data_format)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.implementation = implementation
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def build(self, input_shape: Any) -> None:
        """Make a kernel and a bias for every place of the output.

        Args:
            input_shape: the shape of the inputs, all sizes but the batch known.
        """
        last = self.data_format == "channels_last"
        spatial = tuple(input_shape[1:-1] if last else input_shape[2:])
        channels = input_shape[-1 if last else 1]
        if None in (*spatial, channels):
            raise InputError(
                f"Layer {self.path!r} ({type(self).__name__}) has weights for every place, so all sizes "
                f"but the batch must be known, got shape {tuple(input_shape)}."
            )
        sizes = []
        for size, kernel, stride in zip(spatial, self.kernel_size, self.strides, strict=True):
            padded = size if self.padding == "valid" else (-(-size // stride) - 1) * stride + kernel
            sizes.append((max(padded, kernel) - kernel) // stride + 1)
            if padded < kernel:
                raise InputError(
                    f"Layer {self.path!r} ({type(self).__name__}): the kernel {self.kernel_size} does "
                    f"not fit into inputs of shape {tuple(input_shape)}."
                )
        self._places = tuple(sizes)
        self._spatial = spatial
        count = 1
        for size in sizes:
            count *= size
        width = channels
        for size in self.kernel_size:
            width *= size
        self.kernel = self.add_weight(
            shape=(count, width, self.filters),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.bias: Any = None
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(*self._places, self.filters),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def call(self, inputs: Any) -> Any:
        """Each window of the inputs times the kernel of its place.

        Args:
            inputs: array of `rank` + 2 axes.
        """
        last = self.data_format == "channels_last"
        x = inputs if last else ops.moveaxis(inputs, 1, -1)
        patches = self._patches(x)  # (batch, places, kernel * channels)
        found = ops.einsum("npk,pkf->npf", patches, ops.convert_to_tensor(self.kernel))
        found = ops.reshape(found, (-1, *self._places, self.filters))
        if self.use_bias:
            found = ops.add(found, self.bias)
        found = self.activation(found)
        return found if last else ops.moveaxis(found, -1, 1)

    def _patches(self, x: Any) -> Any:
        if self.padding == "same":
            widths = [(0, 0)]
            for size, kernel, stride, places in zip(
                self._spatial, self.kernel_size, self.strides, self._places, strict=True
            ):
                more = max((places - 1) * stride + kernel - size, 0)
                widths.append((more // 2, more - more // 2))
            x = ops.pad(x, (*widths, (0, 0)))
        windows = [x]
        for axis in range(self.rank):
            size, stride = self._places[axis], self.strides[axis]
            windows = [
                self._strided(w, axis + 1, start, size, stride)
                for w in windows
                for start in range(self.kernel_size[axis])
            ]
        stacked = ops.stack(windows, axis=-2)  # (batch, places, kernel, channels)
        count = 1
        for places in self._places:
            count *= places
        return ops.reshape(stacked, (-1, count, len(windows) * x.shape[-1]))

    @staticmethod
    def _strided(x: Any, axis: int, start: int, size: int, stride: int) -> Any:
        key: list[Any] = [slice(None)] * len(x.shape)
        key[axis] = slice(start, start + (size - 1) * stride + 1, stride)
        return ops.get_item(x, tuple(key))


@builtin("keras.layers")
class LocallyConnected1D(_LocallyConnected):
    """A convolution over time with other weights at every step, as Keras 2 had it.

    Args:
        filters: the number of output channels.
        kernel_size: the length of the window.
        strides: how far the window moves.
        padding: "valid", or with `implementation` 2 or 3 "same".
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.
        activation: function of the outputs, or its name.
        use_bias: whether a bias is added, another at every step.
        kernel_initializer: initializer of the kernels (steps, window * channels, filters).
        bias_initializer: initializer of the biases (steps, filters).
        kernel_regularizer: penalty of the kernels.
        bias_regularizer: penalty of the biases.
        activity_regularizer: see `Layer`.
        kernel_constraint: projection of the kernels.
        bias_constraint: projection of the biases.
        implementation: 1, 2 or 3, which chose the algorithm in Keras 2; here all compute the same way.
        **kwargs: see `Layer`.

    Input: (batch, time, channels).  Output: (batch, steps, filters).

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.LocallyConnected1D(4, 3)(hornbeam.ops.ones((2, 8, 5))).shape
    (2, 6, 4)
    """

    rank = 1


@builtin("keras.layers")
class LocallyConnected2D(_LocallyConnected):
    """A convolution over images with other weights at every place, as Keras 2 had it.

    Args:
        filters: the number of output channels.
        kernel_size: height and width of the window; an int for both.
        strides: how far the window moves along both axes; an int for both.
        padding: "valid", or with `implementation` 2 or 3 "same".
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.
        activation: function of the outputs, or its name.
        use_bias: whether a bias is added, another at every place.
        kernel_initializer: initializer of the kernels (places, window * channels, filters).
        bias_initializer: initializer of the biases (rows, columns, filters).
        kernel_regularizer: penalty of the kernels.
        bias_regularizer: penalty of the biases.
        activity_regularizer: see `Layer`.
        kernel_constraint: projection of the kernels.
        bias_constraint: projection of the biases.
        implementation: 1, 2 or 3, which chose the algorithm in Keras 2; here all compute the same way.
        **kwargs: see `Layer`.

    Input: (batch, height, width, channels).  Output: (batch, rows, columns, filters).

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.LocallyConnected2D(4, 3)(hornbeam.ops.ones((2, 8, 6, 5))).shape
    (2, 6, 4, 4)
    """

    rank = 2


__all__ = ["LocallyConnected1D", "LocallyConnected2D"]

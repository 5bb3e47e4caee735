"""Quantized weights: they hold few bits and are arrays wherever a layer needs one."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from hornbeam import ops, quantizers
from hornbeam.errors import InputError
from hornbeam.quantizers.functions import float8_max
from hornbeam.variables import Variable


class Layout(NamedTuple):
    """Which axes of a weight are summed over, and in which shape its scales are kept."""

    shape: tuple[int, ...]
    reduced: tuple[int, ...]
    """The axes that a product sums over."""
    order: tuple[int, ...]
    """The other axes, in the order of the product's output."""
    stored: tuple[int, ...]
    """The shape of the scales of 8-bit weights: the other axes, and 1 for axes of the inputs only."""

    @property
    def kept(self) -> tuple[int, ...]:
        """The other axes, in the order of the weight."""
        return tuple(sorted(self.order))

    def spread(self, scale: Any) -> Any:
        """Stored scales in a shape that broadcasts to the weight."""
        by_output = ops.reshape(scale, [self.shape[a] for a in self.order])
        by_weight = ops.transpose(by_output, [self.order.index(a) for a in self.kept])
        sizes = [1 if a in self.reduced else size for a, size in enumerate(self.shape)]
        return ops.reshape(by_weight, sizes)

    def gathered(self, scale: Any) -> Any:
        """Scales with axes of size 1 where they are shared, in the shape that is stored."""
        by_weight = ops.reshape(scale, [self.shape[a] for a in self.kept])
        by_output = ops.transpose(by_weight, [self.kept.index(a) for a in self.order])
        return ops.reshape(by_output, self.stored)

    @property
    def matrix_shape(self) -> tuple[int, int]:
        """(rows that are summed over, columns)."""
        rows = int(np.prod([self.shape[a] for a in self.reduced]))
        return rows, int(np.prod(self.shape)) // rows

    def matrix(self, weight: Any) -> Any:
        """The weight as a matrix of that shape."""
        return ops.reshape(ops.transpose(weight, self.reduced + self.kept), self.matrix_shape)

    def weight(self, matrix: Any) -> Any:
        """The weight that is such a matrix."""
        axes = self.reduced + self.kept
        split = ops.reshape(matrix, [self.shape[a] for a in axes])
        return ops.transpose(split, [axes.index(a) for a in range(len(axes))])


class QuantizedWeight:
    """A weight that is made of others when it is needed.

    Args:
        layout: its shape and axes.
        dtype: the dtype that it has as an array.
        path: its path.
    """

    def __init__(self, layout: Layout, dtype: str, path: str) -> None:
        self.layout, self.dtype, self.path = layout, dtype, path
        self.shape = layout.shape

    def __hornbeam_array__(self) -> Any:
        raise NotImplementedError

    def assign(self, value: Any) -> None:
        """Refuse: what is quantized is not trained further."""
        raise InputError(
            f"The weight {self.path!r} is quantized and cannot be assigned. Assign the layer's "
            "variables themselves, or set the weight before `quantize()`."
        )

    def numpy(self) -> Any:
        """The weight as a NumPy array."""
        return ops.convert_to_numpy(self.__hornbeam_array__())


class Int8Weight(QuantizedWeight):
    """``values / scale``."""

    def __init__(self, layout: Layout, dtype: str, values: Variable, scale: Variable) -> None:
        super().__init__(layout, dtype, values.path)
        self.values, self.scale = values, scale

    def __hornbeam_array__(self) -> Any:
        scale = ops.cast(self.layout.spread(self.scale.value), self.dtype)
        return ops.divide(ops.cast(self.values.value, self.dtype), scale)


class Int4Form(NamedTuple):
    """How a weight of four bits is kept."""

    by_column: bool = False
    """Whether values, scale and zero are transposed, as for tables of vectors."""
    packed_axis: int = 1
    """The axis along which two values share a byte."""
    zero_dtype: str = "int8"


class Int4Weight(QuantizedWeight):
    """``(values - zero) * scale`` of blocks of rows.

    Args:
        layout, dtype: of the weight.
        variables: (packed values, scale, zero, block of each row).
        form: how they are kept.
    """

    def __init__(
        self, layout: Layout, dtype: str, variables: list[Variable], form: Int4Form
    ) -> None:
        super().__init__(layout, dtype, variables[0].path)
        self.packed, self.scale, self.zero, self.g_idx = variables
        self.form = form

    def __hornbeam_array__(self) -> Any:
        by_column, axis, _ = self.form
        sizes = self.layout.matrix_shape[::-1] if by_column else self.layout.matrix_shape
        values = quantizers.unpack_int4(self.packed.value, sizes[axis], axis=axis)
        across = 1 if by_column else 0
        blocks = ops.cast(self.g_idx.value, "int32")
        scale = ops.cast(ops.take(self.scale.value, blocks, axis=across), self.dtype)
        zero = ops.cast(ops.take(self.zero.value, blocks, axis=across), self.dtype)
        matrix = ops.multiply(ops.subtract(ops.cast(values, self.dtype), zero), scale)
        return self.layout.weight(ops.transpose(matrix) if by_column else matrix)


class CalibratedWeight(QuantizedWeight):
    """What GPTQ and AWQ make: ``(values - zero) * scale`` by columns, over a scale of rows for AWQ.

    Args:
        layout, dtype: of the weight.
        bits: of a value; four bits are packed in pairs.
        variables: (values, scale, zero, group of each row), for AWQ the scales of rows before the last.
    """

    def __init__(self, layout: Layout, dtype: str, bits: int, variables: list[Variable]) -> None:
        super().__init__(layout, dtype, variables[0].path)
        self.bits = bits
        self.values, self.scale, self.zero, *rest = variables
        self.g_idx = rest[-1]
        self.row_scales = rest[0] if len(rest) == 2 else None

    def __hornbeam_array__(self) -> Any:
        values = self.values.value
        if self.bits == 4:
            columns = self.layout.matrix_shape[1]
            values = quantizers.unpack_int4(values, columns, axis=0, dtype="uint8")
        groups = ops.cast(self.g_idx.value, "int32")
        scale = ops.cast(ops.take(self.scale.value, groups, axis=1), self.dtype)
        zero = ops.cast(ops.take(self.zero.value, groups, axis=1), self.dtype)
        matrix = ops.multiply(ops.subtract(ops.cast(values, self.dtype), zero), scale)
        if self.row_scales is not None:
            matrix = ops.divide(matrix, ops.cast(self.row_scales.value, self.dtype))
        return self.layout.weight(ops.transpose(matrix))


class Float8Scaling:
    """A number format of 8 bits whose unit follows the largest sizes of late.

    The unit and its history get their new values in place of gradients, which also works for what is
    only known while differentiating: the gradient of the output.

    Args:
        scale: the unit.
        history: the largest sizes of the last steps.
        dtype: "float8_e4m3fn" for values, "float8_e5m2" for gradients.
    """

    def __init__(self, scale: Variable, history: Variable, dtype: str) -> None:
        self.scale, self.history, self.dtype = scale, history, dtype

    def _held(self, x: Any, scale: Any) -> Any:
        return quantizers.quantize_and_dequantize(x, scale, self.dtype, x.dtype)

    def _updated(self, x: Any, scale: Any, history: Any) -> tuple[Any, Any]:
        largest = float8_max(self.dtype)
        unit = quantizers.compute_float8_scale(ops.max(history), scale, largest)
        return unit, quantizers.compute_float8_amax_history(x, history)

    def values(self, x: Any) -> Any:
        """`x` in this format; gradients pass."""

        @ops.custom_gradient
        def held(x: Any, scale: Any, history: Any) -> Any:
            def backward(upstream: Any) -> Any:
                return (upstream, *self._updated(x, scale, history))

            return self._held(x, scale), backward

        return held(x, self.scale.value, self.history.value)

    def gradients(self, x: Any) -> Any:
        """`x`, whose gradient is put into this format."""

        @ops.custom_gradient
        def passed(x: Any, scale: Any, history: Any) -> Any:
            def backward(upstream: Any) -> Any:
                updated = self._updated(upstream, scale, history)
                return (self._held(upstream, scale), *updated)

            return x, backward

        return passed(x, self.scale.value, self.history.value)


class Float8Weight(QuantizedWeight):
    """A trained weight, seen through 8 bits."""

    def __init__(self, layout: Layout, dtype: str, base: Variable, scaling: Float8Scaling) -> None:
        super().__init__(layout, dtype, base.path)
        self.base, self.scaling = base, scaling

    def __hornbeam_array__(self) -> Any:
        return self.scaling.values(ops.cast(self.base.value, self.dtype))

    def assign(self, value: Any) -> None:
        """Set the trained weight."""
        self.base.assign(value)

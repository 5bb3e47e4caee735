"""`Reshape`, `Flatten`, `Permute`, `RepeatVector`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from hornbeam import config, ops
from hornbeam.errors import InputError
from hornbeam.layers.conversion import sizes
from hornbeam.layers.input_spec import InputSpec
from hornbeam.layers.layer import Layer
from hornbeam.saving.objects import builtin


@builtin("keras.layers")
class Reshape(Layer):
    """Each example in another shape, its values in the same order.

    Args:
        target_shape: the shape without the batch axis; it may hold one -1, for whatever remains.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.Reshape((3, -1))(hornbeam.ops.ones((2, 12))).shape
    (2, 3, 4)
    """

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        target = (target_shape,) if isinstance(target_shape, int) else tuple(target_shape)
        self.target_shape = tuple(-1 if d is None else int(d) for d in target)
        if self.target_shape.count(-1) > 1 or any(d < -1 for d in self.target_shape):
            raise InputError(
                f"Reshape: `target_shape` may hold one -1 and no other negative size, got {target}."
            )

    def call(self, inputs: Any) -> Any:
        """`inputs` in the target shape."""
        batch, *rest = sizes(inputs)
        return ops.reshape(inputs, (batch, *self._resolved(rest)))

    def _resolved(self, rest: list[Any]) -> list[Any]:
        total = math.prod(rest)
        known = math.prod(d for d in self.target_shape if d != -1)
        if not isinstance(total, int):
            return list(self.target_shape)
        fits = total == known if -1 not in self.target_shape else known and total % known == 0
        if not fits:
            raise InputError(
                f"Layer {self.path!r} (Reshape) cannot bring {total} values per example (shape "
                f"{tuple(rest)}) into the shape {self.target_shape}."
            )
        return [total // known if d == -1 else d for d in self.target_shape]


@builtin("keras.layers")
class Flatten(Layer):
    """Each example as one row.

    Args:
        data_format: "channels_last" or "channels_first"; in the latter case the channels are made the
            last axis first, so that both formats give the same rows.
        **kwargs: see `Layer`.

    Input: (batch, ...).  Output: (batch, values).

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.Flatten()(hornbeam.ops.ones((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: Any) -> Any:
        """`inputs` as rows."""
        ndim = len(inputs.shape)
        if self.data_format == "channels_first" and ndim > 2:
            inputs = ops.transpose(inputs, (0, *range(2, ndim), 1))
        batch, *rest = sizes(inputs)
        return ops.reshape(inputs, (batch, math.prod(rest)))


@builtin("keras.layers")
class Permute(Layer):
    """The axes of each example in another order.

    Args:
        dims: the new order; axes are counted from 1, because the batch axis stays where it is.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.Permute((2, 1))(hornbeam.ops.ones((2, 10, 64))).shape
    (2, 64, 10)
    """

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise InputError(
                f"Permute: `dims` must hold each of 1..{len(self.dims)} once, got {self.dims}."
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: Any) -> Any:
        """`inputs` with its axes reordered."""
        return ops.transpose(inputs, (0, *self.dims))


@builtin("keras.layers")
class RepeatVector(Layer):
    """Each row repeated along a new time axis.

    Args:
        n: how many times.
        **kwargs: see `Layer`.

    Input: (batch, features).  Output: (batch, n, features).

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.RepeatVector(3)(hornbeam.ops.ones((2, 32))).shape
    (2, 3, 32)
    """

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(n, bool) or not isinstance(n, int):
            raise InputError(f"RepeatVector: `n` must be an int, got {n!r}.")
        self.n = n
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs: Any) -> Any:
        """`inputs`, `n` times."""
        batch, features = sizes(inputs)
        return ops.broadcast_to(ops.expand_dims(inputs, 1), (batch, self.n, features))

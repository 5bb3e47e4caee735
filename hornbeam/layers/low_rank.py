"""A weight with a trained product of two small matrices added to it."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam.variables import Variable


class LowRankWeight:
    """``base + scale * a @ b``, wherever an array is expected.

    Args:
        base: the frozen weight, (..., rows, columns): a variable, or a quantized weight.
        a: trained, (..., rows, rank).
        b: trained, (rank, columns).
        scale: factor of the product.
    """

    def __init__(self, base: Any, a: Variable, b: Variable, scale: float) -> None:
        self.base, self.a, self.b, self.scale = base, a, b, scale
        self.shape = base.shape

    @property
    def dtype(self) -> str:
        """The dtype of the sum."""
        return str(self.base.dtype)

    @property
    def path(self) -> str:
        """The path of the frozen weight."""
        return str(self.base.path)

    def __hornbeam_array__(self) -> Any:
        product = ops.matmul(self.a.value, self.b.value)
        return ops.add(self.base, ops.multiply(product, self.scale))

    def assign(self, value: Any) -> LowRankWeight:
        """Set the frozen weight."""
        self.base.assign(value)
        return self

    def numpy(self) -> Any:
        """The sum as a NumPy array."""
        return ops.convert_to_numpy(self.__hornbeam_array__())

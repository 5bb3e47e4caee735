"""`Input` and `InputLayer`: where the graph of a functional model begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbeam import dtypes
from hornbeam.backends.symbolic import KerasTensor
from hornbeam.errors import InputError
from hornbeam.layers.layer import Layer
from hornbeam.ops.node import Node
from hornbeam.saving.objects import builtin


@builtin("keras.layers")
class InputLayer(Layer):
    """The layer behind `Input`: it computes nothing and stands for one input of a model.

    Args:
        shape: shape of one example, without the batch axis; None for sizes that vary.
        batch_size: the size of the batch axis, where it is fixed.
        dtype: dtype of the input; the default float dtype when not given.
        sparse: must be left at False: inputs are dense.
        ragged: must be left at False: inputs are dense.
        batch_shape: the shape with the batch axis, instead of `shape` and `batch_size`.
        input_tensor: a symbolic tensor to take instead of making one.
        optional: whether None may be passed for this input.
        name: name of the layer, which is also the name of the input.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.InputLayer((28, 28)).batch_shape
    (None, 28, 28)
    """

    _unsaved = frozenset({"shape", "batch_size", "input_tensor"})

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Sequence[int | None] | None = None,
        input_tensor: KerasTensor | None = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if sparse or ragged:
            raise InputError("Inputs are dense: leave `sparse` and `ragged` at False.")
        if input_tensor is not None:
            if not isinstance(input_tensor, KerasTensor):
                raise InputError(
                    f"`input_tensor` must be a KerasTensor, got {type(input_tensor).__name__}. "
                    "Pass data when the model is called."
                )
            batch_shape, dtype = input_tensor.shape, dtype or input_tensor.dtype
        elif batch_shape is None:
            batch_shape = self._given_input_shape
            if batch_shape is None:
                batch_shape = (batch_size, *_sizes(shape))
        elif shape is not None:
            raise InputError("Give either `shape` or `batch_shape`, not both.")
        self.batch_shape = tuple(_size(d) for d in batch_shape)
        self._dtype = dtypes.standardize(dtype)
        self.sparse = self.ragged = False
        self.optional = bool(optional)
        self.supports_masking = True
        self.built = True
        tensor = input_tensor
        if tensor is None:
            tensor = KerasTensor(self.batch_shape, self._dtype, name=self.name)
        Node(self, (), {}, tensor)

    def call(self, inputs: Any = None) -> Any:
        """An input layer is never called: it is where a graph begins."""
        raise InputError(
            f"InputLayer {self.name!r} cannot be called; pass data to the model that it belongs to."
        )

    @property
    def dtype(self) -> str:
        """The dtype of the input."""
        return self._dtype

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "batch_shape": self.batch_shape,
            "dtype": self._dtype,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": self.optional,
        }


def _sizes(shape: Any) -> tuple[Any, ...]:
    if shape is None:
        raise InputError(
            "Input() needs `shape=` (of one example, without the batch axis) or `batch_shape=`."
        )
    if isinstance(shape, int):
        raise InputError(f"`shape` must be a tuple, got {shape}; write `shape=({shape},)`.")
    return tuple(shape)


def _size(size: Any) -> int | None:
    if size is None:
        return None
    if isinstance(size, bool) or not hasattr(size, "__index__") or size.__index__() < 0:
        raise InputError(f"A size in an input shape must be a positive int or None, got {size!r}.")
    return int(size.__index__())


def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: KerasTensor | None = None,
    optional: bool = False,
) -> Any:
    """A symbolic tensor with which the graph of a functional model begins.

    Args:
        shape: shape of one example, without the batch axis; None for sizes that vary.
        batch_size: the size of the batch axis, where it is fixed.
        dtype: dtype of the data; the default float dtype when not given.
        sparse: must be left at False: inputs are dense.
        ragged: must be left at False: inputs are dense.
        batch_shape: the shape with the batch axis, instead of `shape` and `batch_size`.
        name: name of the input, by which data in dicts are assigned to it.
        tensor: a symbolic tensor to take instead of making one.
        optional: whether None may be passed for this input.

    Returns:
        A `KerasTensor`.

    Raises:
        InputError: if no shape is given, or it is not a tuple of sizes.

    Example:

    >>> import hornbeam
    >>> hornbeam.Input((20, 784), name="video")
    <KerasTensor shape=(None, 20, 784), dtype=float32, name=video>
    """
    layer = InputLayer(
        shape=shape,
        batch_size=batch_size,
        dtype=dtype,
        sparse=sparse,
        ragged=ragged,
        batch_shape=batch_shape,
        input_tensor=tensor,
        optional=optional,
        name=name,
    )
    return layer.inbound_nodes[0].outputs

"""`Embedding`: a table of vectors."""

from __future__ import annotations

from typing import Any

from hornbeam import constraints, dtypes, initializers, ops, regularizers
from hornbeam.errors import InputError
from hornbeam.layers.conversion import array_backend
from hornbeam.layers.layer import Layer
from hornbeam.layers.lora import LowRankAdaptable
from hornbeam.layers.quantized_weights import Int4Form, Layout
from hornbeam.saving.objects import builtin


@builtin("keras.layers")
class Embedding(LowRankAdaptable, Layer):
    """The vectors of a trained table at the given indices.

    Args:
        input_dim: how many vectors the table has; indices are in 0..input_dim - 1.
        output_dim: size of a vector.
        embeddings_initializer: how the table starts, (input_dim, output_dim).
        embeddings_regularizer: penalty on the table.
        embeddings_constraint: projection of the table after each update.
        mask_zero: whether index 0 is padding, to be masked.
        weights: first values for the table, or a list that holds them.
        lora_rank: see `Dense`.
        lora_alpha: see `Dense`.
        quantization_config: how `quantize`, or a policy such as "int8_from_float32", quantizes; from
            `hornbeam.quantizers`.
        **kwargs: see `Layer`.

    Input: integers (batch, ...).  Output: (batch, ..., output_dim).

    Raises:
        InputError: for an index outside of the table.  In compiled code, which cannot raise, the vector
            of such an index is NaN.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.Embedding(1000, 64)(hornbeam.ops.zeros((2, 10), "int32")).shape
    (2, 10, 64)
    """

    _unsaved = frozenset({"lora_rank", "lora_alpha", "weights", "quantization_config"})
    _quantization_modes = ("int8", "int4")
    _also_saved = ("activity_regularizer",)

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        length = kwargs.pop("input_length", None)
        if length is not None and not {"input_shape", "batch_input_shape"} & set(kwargs):
            kwargs["input_shape"] = (length,)
        super().__init__(**kwargs)
        for name, size in {"input_dim": input_dim, "output_dim": output_dim}.items():
            if isinstance(size, bool) or not isinstance(size, int) or size <= 0:
                raise InputError(f"Embedding: `{name}` must be a positive int, got {size!r}.")
        self.input_dim = input_dim
        self.output_dim = output_dim
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero
        self.autocast = False
        self._adapt("embeddings", lora_rank, lora_alpha, quantization_config)
        self._first_values = weights
        if weights is not None:
            self.build()

    def build(self, input_shape: Any = None) -> None:
        """Make the table."""
        self.embeddings: Any = self.add_weight(
            (self.input_dim, self.output_dim),
            self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
            name="embeddings",
        )
        if self._first_values is not None:
            values = self._first_values
            self.embeddings.assign(values[0] if isinstance(values, (list, tuple)) else values)
            self._first_values = None
        self._inject()

    def call(self, inputs: Any) -> Any:
        """The vectors at the indices `inputs`."""
        if not dtypes.is_int(dtypes.standardize(inputs.dtype)):
            inputs = ops.cast(inputs, "int32")
        safe, valid = checked_indices(inputs, self.input_dim, self)
        vectors = ops.take(self.embeddings, safe, axis=0)
        if valid is not None:
            vectors = ops.where(ops.expand_dims(valid, -1), vectors, float("nan"))
        return ops.cast(vectors, self.compute_dtype)

    def quantized_build(self, embeddings_shape: Any, mode: Any, config: Any = None) -> None:
        """Replace the table by variables of few bits.

        Args:
            embeddings_shape: the shape of the table, which the layer knows.
            mode: "int8" or "int4".
            config: a configuration from `hornbeam.quantizers`.
        """
        super().quantized_build(embeddings_shape, mode, config)

    def _layout(self, name: str | None = None) -> Layout:
        return Layout(tuple(self.embeddings.shape), (1,), (0,), (self.input_dim,))

    def _int4_form(self, name: str) -> Int4Form:
        return Int4Form(by_column=True)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Whether an index is not padding, with `mask_zero`."""
        return ops.not_equal(inputs, 0) if self.mask_zero else None


def checked_indices(indices: Any, size: int, layer: Layer) -> tuple[Any, Any]:
    """Indices that are safe to use, and where they were so before (None: everywhere).

    Raises:
        InputError: if the indices are known now and one is out of range.
    """
    backend = array_backend(indices)
    if backend.symbolic:
        return indices, None
    valid = ops.logical_and(ops.greater_equal(indices, 0), ops.less(indices, size))
    if not backend.is_concrete(indices):
        return ops.where(valid, indices, ops.zeros_like(indices)), valid
    if not bool(backend.to_numpy(ops.all(valid))):
        values = backend.to_numpy(indices)
        raise InputError(
            f"Layer {layer.path!r} ({type(layer).__name__}) has {size} rows, so indices must be in "
            f"0..{size - 1}, but they range from {values.min()} to {values.max()}. Make `input_dim` "
            "one more than the largest index."
        )
    return indices, None

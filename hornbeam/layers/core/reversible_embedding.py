"""`ReversibleEmbedding`: a table of vectors, and scores of all its rows for a vector."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam.layers.core.embedding import Embedding
from hornbeam.layers.quantized_weights import Int4Form, Layout
from hornbeam.saving.objects import builtin


@builtin("keras.layers")
class ReversibleEmbedding(Embedding):
    """An embedding that can also go back from vectors to scores of the indices.

    Args:
        input_dim: how many vectors the table has.
        output_dim: size of a vector.
        tie_weights: whether the way back uses the same table rather than one of its own.
        embeddings_initializer: how the tables start, (input_dim, output_dim).
        embeddings_regularizer: penalty on the table.
        embeddings_constraint: projection of the table after each update.
        mask_zero: whether index 0 is padding, to be masked.
        reverse_dtype: dtype in which scores are computed; by default the compute dtype.
        logit_soft_cap: if given, scores become ``cap * tanh(scores / cap)``.
        **kwargs: see `Embedding`.

    Input: integers (batch, ...), or vectors (batch, ..., output_dim) with ``reverse=True``.
    Output: (batch, ..., output_dim), or scores (batch, ..., input_dim).

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.ReversibleEmbedding(1000, 64)
    >>> vectors = layer(hornbeam.ops.zeros((2, 10), "int32"))
    >>> layer(vectors, reverse=True).shape
    (2, 10, 1000)
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        reverse_dtype: Any = None,
        logit_soft_cap: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            input_dim,
            output_dim,
            embeddings_initializer=embeddings_initializer,
            embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint,
            mask_zero=mask_zero,
            **kwargs,
        )
        self.tie_weights = tie_weights
        self.reverse_dtype = reverse_dtype
        self.logit_soft_cap = logit_soft_cap

    _unsaved = frozenset()

    def _inject(self) -> None:
        if not self.tie_weights:  # the table is there, and nothing has been quantized yet
            self.reverse_embeddings: Any = self.add_weight(
                (self.output_dim, self.input_dim),
                self.embeddings_initializer,
                name="reverse_embeddings",
            )
        super()._inject()

    def call(self, inputs: Any, reverse: bool = False) -> Any:
        """The vectors at the indices `inputs`; with `reverse` the scores of all indices."""
        if not reverse:
            return super().call(inputs)
        dtype = self.reverse_dtype or self.compute_dtype
        if self.tie_weights:
            kernel = ops.transpose(ops.convert_to_tensor(self.embeddings))
        else:
            kernel = ops.convert_to_tensor(self.reverse_embeddings)
        scores = ops.matmul(ops.cast(inputs, dtype), ops.cast(kernel, dtype))
        if self.logit_soft_cap is None:
            return scores
        return ops.multiply(ops.tanh(ops.divide(scores, self.logit_soft_cap)), self.logit_soft_cap)

    def _quantized_names(self) -> tuple[str, ...]:
        return ("embeddings",) if self.tie_weights else ("embeddings", "reverse_embeddings")

    def _quantize_into(self, config: Any) -> None:
        super()._quantize_into(config)
        if self.tie_weights:
            return
        order = self.variable_serialization_spec[config.mode]
        saved = {v.name: v for v in self._added_weights if v.name in order}
        for variable in saved.values():
            variable.born_trainable = True  # all are saved where the two tables were, in this order
        others = [v for v in self._added_weights if v.name not in order]
        self._added_weights[:] = [*(saved[name] for name in order), *others]

    def _layout(self, name: str | None = None) -> Layout:
        if name != "reverse_embeddings":
            return super()._layout(name)
        return Layout((self.output_dim, self.input_dim), (0,), (1,), (self.input_dim,))

    def _int4_form(self, name: str) -> Int4Form:
        # as Keras keeps them
        return Int4Form(False, 0, "float32") if name != "embeddings" else super()._int4_form(name)

    @property
    def variable_serialization_spec(self) -> dict[str | None, list[str]]:
        """The names of the variables that are saved, by mode of quantization, in their order."""
        spec = super().variable_serialization_spec
        if self.tie_weights:
            return spec
        parts: dict[str | None, list[str]] = {
            None: [],
            "int8": ["_scale"],
            "int4": ["_scale", "_zero"],
        }
        return {
            mode: [*names, *(f"reverse_embeddings{part}" for part in ("", *parts[mode]))]
            for mode, names in spec.items()
        }

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Whether an index is not padding, with `mask_zero`."""
        is_index = "int" in str(inputs.dtype)
        return super().compute_mask(inputs, mask) if is_index else mask

    def compute_output_shape(  # type: ignore[override]
        self, input_shape: Any, reverse: bool = False
    ) -> tuple[int | None, ...]:
        """One axis more, or with `reverse` the last axis of another size."""
        if reverse:
            return (*input_shape[:-1], self.input_dim)
        return (*input_shape, self.output_dim)

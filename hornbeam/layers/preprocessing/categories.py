"""`Discretization` and `CategoryEncoding`: numbers as categories, categories as rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam import ops
from hornbeam.errors import InputError
from hornbeam.layers.conversion import array_backend
from hornbeam.layers.preprocessing.adapting import ENCODINGS, Adapting, batches, encode
from hornbeam.layers.preprocessing.data_layer import DataLayer
from hornbeam.saving.objects import builtin


def dense_only(sparse: bool, kind: str) -> bool:
    """False, if `sparse` is."""
    if sparse:
        raise InputError(f"{kind}: outputs are dense; leave `sparse` at False.")
    return False


def checked_mode(mode: str, kind: str, more: tuple[str, ...] = ("int",)) -> str:
    """`mode`, if it is an output mode."""
    known = (*more, *ENCODINGS)
    if mode not in known:
        raise InputError(f"{kind}: `output_mode` must be one of {known}, got {mode!r}.")
    return mode


@builtin("keras.layers")
class Discretization(Adapting):
    """The number of the interval that a value falls into.

    Args:
        bin_boundaries: increasing numbers; interval i begins with boundary i - 1.
        num_bins: how many intervals `adapt` should find, such that each holds as many values.
        epsilon: how far the quantiles that `adapt` finds may be off, as a fraction of the data.
        output_mode: "int" for the number, or "one_hot", "multi_hot" or "count" as in
            `CategoryEncoding`.
        sparse: must be False.
        dtype: see `Layer`.
        name: see `Layer`.

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.Discretization(bin_boundaries=[0.0, 1.0, 2.0])
    >>> layer(hornbeam.ops.convert_to_tensor([-1.5, 1.0, 3.4])).tolist()
    [0, 2, 3]
    """

    def __init__(
        self,
        bin_boundaries: Any = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(dtype=dtype, name=name)
        if num_bins is not None and num_bins < 0:
            raise InputError(f"Discretization: `num_bins` must not be negative, got {num_bins}.")
        if bin_boundaries is None and num_bins is None:
            raise InputError("Discretization needs `bin_boundaries`, or `num_bins` and adapt().")
        self.bin_boundaries = None if bin_boundaries is None else [float(b) for b in bin_boundaries]
        self.num_bins = num_bins
        self.epsilon = epsilon
        self.output_mode = checked_mode(output_mode, "Discretization")
        self.sparse = dense_only(sparse, "Discretization")
        self._summary: Any = None

    def reset_state(self) -> None:
        """Forget what was learnt."""
        if self.num_bins is not None:
            self.bin_boundaries = None
        self._summary = np.zeros((2, 0))

    def update_state(self, data: Any) -> None:
        """Learn from one batch: keep its values, thinned out beyond what `epsilon` asks for."""
        (x,) = batches(data)
        values = np.sort(np.asarray(x, "float64"), axis=None)
        both = np.concatenate([self._summary, [values, np.ones_like(values)]], axis=1)
        both = both[:, np.argsort(both[0], kind="stable")]
        limit = max(int(20 / self.epsilon), 1)
        if both.shape[1] > limit:
            ends = np.cumsum(both[1])
            wanted = np.linspace(0, ends[-1], limit + 1)[1:]
            at = np.minimum(np.searchsorted(ends, wanted), both.shape[1] - 1)
            both = np.stack([both[0][at], np.full(limit, ends[-1] / limit)])
        self._summary = both

    def finalize_state(self) -> None:
        """Take the quantiles as boundaries."""
        if self.num_bins is None or self._summary is None or not self._summary.shape[1]:
            return
        ends = np.cumsum(self._summary[1])
        wanted = np.arange(1, self.num_bins) / self.num_bins * ends[-1]
        at = np.minimum(np.searchsorted(ends, wanted), len(ends) - 1)
        self.bin_boundaries = self._summary[0][at].tolist()

    @property
    def output_dtype(self) -> str:
        """The dtype of what a call returns."""
        return "int32" if self.output_mode == "int" else self.compute_dtype

    def compute_output_spec(self, inputs: Any) -> Any:
        """The symbolic output for symbolic inputs.

        Args:
            inputs: symbolic numbers.
        """
        return self.call(inputs)

    def call(self, inputs: Any) -> Any:
        """The numbers of the intervals, encoded."""
        if self.bin_boundaries is None:
            raise InputError(
                f"Layer {self.path!r} (Discretization) knows no boundaries yet: call adapt(data) first."
            )
        edges = np.asarray(self.bin_boundaries, "float32")
        indices = ops.searchsorted(edges, ops.cast(inputs, "float32"), side="right")
        indices = ops.cast(indices, "int32")
        if self.output_mode == "int":
            return indices
        return encode(indices, self.output_mode, len(edges) + 1, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "bin_boundaries": self.bin_boundaries,
            "num_bins": self.num_bins,
            "epsilon": self.epsilon,
            "output_mode": self.output_mode,
            "sparse": False,
            "name": self.name,
            "dtype": self.dtype,
        }


@builtin("keras.layers")
class CategoryEncoding(DataLayer):
    """Indices as rows of zeros and ones, or as counts.

    Args:
        num_tokens: how many categories there are; indices are in 0..num_tokens - 1.
        output_mode: "multi_hot" for ones in the columns of all indices of an example, "one_hot" for a
            row for each index, "count" for how often each index occurs.
        sparse: must be False.
        **kwargs: see `Layer`.

    Input: ints (batch, n) or (batch,), and for "count" optionally ``count_weights=`` of that shape.
    Output: (batch, num_tokens), or (batch, n, num_tokens) for "one_hot" with n > 1.

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.CategoryEncoding(num_tokens=4)
    >>> layer(hornbeam.ops.convert_to_tensor([[0, 1], [2, 2]])).tolist()
    [[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]
    """

    def __init__(
        self,
        num_tokens: int | None = None,
        output_mode: str = "multi_hot",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if num_tokens is None or isinstance(num_tokens, bool) or num_tokens <= 0:
            raise InputError(
                f"CategoryEncoding: `num_tokens` must be a positive int, got {num_tokens!r}."
            )
        self.num_tokens = num_tokens
        self.output_mode = checked_mode(output_mode, "CategoryEncoding", ())
        self.sparse = dense_only(sparse, "CategoryEncoding")

    _unsaved = frozenset({"sparse"})

    def call(self, inputs: Any, count_weights: Any = None) -> Any:
        """The indices, encoded."""
        if count_weights is not None and self.output_mode != "count":
            raise InputError(
                f"Layer {self.path!r} (CategoryEncoding): `count_weights` goes with "
                f"output_mode='count', not {self.output_mode!r}."
            )
        backend = array_backend(inputs)
        if not backend.symbolic and backend.is_concrete(inputs):
            valid = ops.logical_and(ops.greater_equal(inputs, 0), ops.less(inputs, self.num_tokens))
            if not bool(backend.to_numpy(ops.all(valid))):
                values = backend.to_numpy(inputs)
                raise InputError(
                    f"Layer {self.path!r} (CategoryEncoding) has num_tokens={self.num_tokens}, so "
                    f"indices must be in 0..{self.num_tokens - 1}, but they range from "
                    f"{values.min()} to {values.max()}."
                )
        indices = ops.cast(inputs, "int32")
        return encode(indices, self.output_mode, self.num_tokens, count_weights, self.compute_dtype)

"""`Loss`, the base of all losses: values per sample, weighted, masked and reduced to one number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from hornbeam import dtypes, ops, tree
from hornbeam.backends import registry
from hornbeam.backends.protocol import Array
from hornbeam.errors import InputError, suggest
from hornbeam.losses.targets import check_targets_of
from hornbeam.naming import to_snake_case
from hornbeam.ops.record import owner_of
from hornbeam.saving.objects import Configurable, automatic_config, builtin

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


@builtin("keras")
class Loss(Configurable):
    """A number that training makes small.

    A loss of your own defines ``call(y_true, y_pred)``, which returns one value per sample (the last
    axis is gone).  Calling the object weights, masks and reduces these values.

    Args:
        name: a name for logs; by default the class name in snake case.
        reduction: what becomes of the values: "sum"; "sum_over_batch_size" or "mean" for the sum
            divided by how many there are; "mean_with_sample_weight" for the sum divided by the sum of
            the weights (as given, before they are spread over more values); "none" or None to keep
            them.
        dtype: the dtype to compute in, or a dtype policy; by default `hornbeam.config.floatx`.

    Example:

    >>> import hornbeam
    >>> class Worst(hornbeam.losses.Loss):
    ...     def call(self, y_true, y_pred):
    ...         return hornbeam.ops.max(abs(y_true - y_pred), axis=-1)
    >>> float(Worst()([[0.0, 0.0]], [[1.0, 3.0]]))
    3.0
    """

    casts_targets = True
    """Whether targets are cast to the dtype of the loss; class numbers must not be."""

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        if reduction not in REDUCTIONS:
            known = [r for r in REDUCTIONS if r is not None]
            raise InputError(
                f"`reduction` must be one of {known} or None, got {reduction!r}."
                + suggest(str(reduction), known)
            )
        self.name = name or to_snake_case(type(self).__name__)
        self.reduction = reduction
        self._dtype_given = dtype

    @property
    def dtype(self) -> str:
        """The dtype that targets and predictions are cast to."""
        return dtypes.standardize(self._dtype_given)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The values, one per sample; subclasses define it.

        Args:
            y_true: targets.
            y_pred: predictions (batch, ...).
        """
        raise NotImplementedError(
            f"{type(self).__name__} must define `call(self, y_true, y_pred)`."
        )

    def value_mask(self, y_true: Any, y_pred: Any) -> Any:
        """Which values of `call` count, for losses that leave some out; None for all."""
        return None

    def check_targets(self, y_true: Any, num_outputs: int | None) -> None:
        """Raise InputError if `y_true`, a NumPy array, cannot be targets of this loss.

        Args:
            y_true: the targets on the host.
            num_outputs: the size of the last axis of the predictions, if it is known.
        """

    def __call__(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None
    ) -> Any:
        """The loss.

        Args:
            y_true: targets, an array or a nest of arrays.
            y_pred: predictions, likewise.
            sample_weight: a weight for each value, or an array that broadcasts to the values.
            mask: a bool for each value; False leaves it out, also of the count that a mean divides by.

        Returns:
            A scalar, or the weighted values if the reduction is "none".
        """
        with full_width(self.dtype, y_pred):
            return self._compute(y_true, y_pred, sample_weight, mask)

    def _compute(self, y_true: Any, y_pred: Any, sample_weight: Any, mask: Any) -> Any:
        dtype = self.dtype
        y_pred = as_tensors(y_pred, dtype)
        if self.casts_targets:
            y_true = as_tensors(y_true, dtype)
        values = self.call(y_true, y_pred)
        own_mask = self.value_mask(y_true, y_pred)
        if own_mask is not None:
            mask = own_mask if mask is None else ops.logical_and(mask, own_mask)
        return reduce_weighted_values(values, sample_weight, mask, self.reduction, dtype)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; the dtype only if one was given."""
        config = automatic_config(self)
        if "dtype" in config and self._dtype_given is None:
            del config["dtype"]
        return config

    def __repr__(self) -> str:
        shown = ", ".join(f"{key}={value!r}" for key, value in self.get_config().items())
        return f"{type(self).__name__}({shown})"


@builtin("keras.losses")
class LossFunctionWrapper(Loss):
    """A function as a loss.

    Args:
        fn: ``fn(y_true, y_pred, **kwargs)``, which returns one value per sample.
        reduction: see `Loss`.
        name: see `Loss`; by default the name of the function.
        dtype: see `Loss`.
        **kwargs: more arguments for the function.

    Example:

    >>> import hornbeam
    >>> from hornbeam import losses, ops
    >>> last = losses.LossFunctionWrapper(lambda y, p: ops.abs(y - p)[..., -1], name="last")
    >>> float(last([[0.0, 1.0]], [[5.0, 3.0]]))
    2.0
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", None), reduction, dtype)
        self.fn = fn
        self._fn_kwargs = kwargs

    def check_targets(self, y_true: Any, num_outputs: int | None) -> None:
        """Raise InputError for class numbers where one-hot targets belong, and the reverse."""
        check_targets_of(self, y_true, num_outputs)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The function's values."""
        if tree.is_nested(y_pred) or tree.is_nested(y_true):
            return self.fn(y_true, y_pred, **self._fn_kwargs)
        y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
        return self.fn(y_true, y_pred, **self._fn_kwargs)


def as_tensors(y: Any, dtype: str) -> Any:
    """`y` with its arrays as tensors of `dtype`; a nested list of numbers is one array."""
    leaves = tree.flatten(y)
    if all(isinstance(leaf, (int, float)) for leaf in leaves) and not isinstance(y, Mapping):
        return ops.convert_to_tensor(y, dtype=dtype)
    return tree.map_structure(lambda leaf: ops.convert_to_tensor(leaf, dtype=dtype), y)


def full_width(dtype: str, like: Any) -> AbstractContextManager[Any]:
    """A context in which operators compute in 64 bits, if `dtype` has them."""
    if not dtypes.is_wide(dtype):
        return nullcontext()
    return (owner_of(tree.flatten(like)) or registry.current()).wide()


# ------------------------------------------------------------------------- weights, masks, reductions


def squeeze_or_expand_to_same_rank(x1: Any, x2: Any, expand_rank_1: bool = True) -> tuple[Any, Any]:
    """Both arrays with the same number of dimensions, if one has a last axis of size 1 too many.

    Args:
        x1: an array.
        x2: an array.
        expand_rank_1: whether an array of one dimension gets a last axis, rather than the other losing
            its own.

    Example:

    >>> import numpy as np
    >>> [x.shape for x in squeeze_or_expand_to_same_rank(np.zeros((4, 1)), np.zeros(4))]
    [(4, 1), (4, 1)]
    """
    n1, n2 = len(x1.shape), len(x2.shape)
    if n1 == n2 + 1 and x1.shape[-1] == 1:
        if n2 == 1 and expand_rank_1:
            return x1, ops.expand_dims(x2, -1)
        return ops.squeeze(x1, -1), x2
    if n2 == n1 + 1 and x2.shape[-1] == 1:
        if n1 == 1 and expand_rank_1:
            return ops.expand_dims(x1, -1), x2
        return x1, ops.squeeze(x2, -1)
    return x1, x2


def pair(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Targets and predictions as tensors of one dtype and, where a last axis of 1 allows, one rank."""
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true, dtype=y_pred.dtype)
    return squeeze_or_expand_to_same_rank(y_true, y_pred)


def reduce_weighted_values(
    values: Any,
    sample_weight: Any = None,
    mask: Any = None,
    reduction: str | None = "sum_over_batch_size",
    dtype: Any = None,
) -> Array:
    """`values` times weights, reduced.

    Args:
        values: array.
        sample_weight: array of the same rank, or with a last axis of 1 more or less.
        mask: bools, likewise.  Values where it is False count neither in sums nor in means.
        reduction: see `Loss`.
        dtype: the dtype to compute in.
    """
    wanted = dtypes.standardize(dtype)
    values = ops.cast(values, wanted)
    if sample_weight is not None:
        sample_weight = ops.convert_to_tensor(sample_weight, dtype=wanted)
    if mask is not None:
        sample_weight = _masked_weight(sample_weight, mask, reduction, wanted)
    if sample_weight is not None:
        values, sample_weight = squeeze_or_expand_to_same_rank(values, sample_weight)
        check_weight_shape(values.shape, sample_weight.shape)
        values = values * sample_weight
    return _reduce(values, sample_weight, reduction, wanted)


def check_weight_shape(values: tuple[Any, ...], weights: tuple[Any, ...]) -> None:
    """Raise InputError unless weights of that shape broadcast against values of that shape."""
    for v, w in zip(reversed(values), reversed(weights)):
        if isinstance(v, int) and isinstance(w, int) and v != w and 1 not in (v, w):
            raise InputError(
                f"`sample_weight` (or a mask) of shape {tuple(weights)} does not fit losses of shape "
                f"{tuple(values)}: give one weight per sample, shape {tuple(values[:1])}"
                + (
                    f", or {(*values[:1], *(1 for _ in values[1:]))} to spread it."
                    if values[1:]
                    else "."
                )
            )


def _masked_weight(sample_weight: Any, mask: Any, reduction: str | None, dtype: str) -> Any:
    """A weight that is 0 where `mask` is False and, for means, makes up for what is left out."""
    mask = ops.cast(ops.convert_to_tensor(mask), dtype)
    if reduction in ("mean", "sum_over_batch_size"):
        valid = ops.sum(mask)
        total = _count(mask)
        mask = mask * ops.where(valid > 0, total / ops.maximum(valid, 1.0), 0.0)
    if sample_weight is None:
        return mask
    mask, sample_weight = squeeze_or_expand_to_same_rank(mask, sample_weight)
    return sample_weight * mask


def _count(x: Any) -> Any:
    """How many values `x` has, at least 1: a number, or an array if a size is not known."""
    size = 1.0
    for d in x.shape:
        if not isinstance(d, int):
            return ops.maximum(ops.sum(ops.ones_like(x)), 1.0)
        size *= d
    return max(size, 1.0)


def _reduce(values: Any, sample_weight: Any, reduction: str | None, dtype: str) -> Array:
    if reduction in (None, "none") or not len(values.shape):
        return values
    total = ops.sum(values)
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight" and sample_weight is not None:
        weight = ops.sum(sample_weight)
        return ops.where(weight != 0, total / ops.where(weight != 0, weight, 1.0), 0.0)
    return total / _count(values)

"""Data sets of rows out of arrays: windows of time series, splits."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam import tree
from hornbeam.errors import InputError
from hornbeam.ops.record import owner_of
from hornbeam.random import streams
from hornbeam.training.data.row_dataset import RowDataset

FORMATS = ("tf", "grain")


def check_format(format: str) -> None:
    """Refuse what Keras does not know; whatever is asked for, the data set is a `RowDataset`."""
    if format not in FORMATS:
        raise InputError(f"`format` must be 'tf' or 'grain', got {format!r}.")


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> RowDataset:
    """Windows of a time series, and the target that belongs to each.

    Window ``i`` begins at time step ``i * sequence_stride`` and takes every `sampling_rate`-th step.

    Args:
        data: array of shape ``(time, ...)``.
        targets: array whose item ``t`` is the target of the window that begins at ``t``; None for none.
        sequence_length: time steps per window.
        sequence_stride: time steps from the beginning of a window to that of the next.
        sampling_rate: time steps between two steps of a window.
        batch_size: windows per batch; None for single windows.
        shuffle: whether each epoch has a new order.
        seed: what decides the orders.
        start_index: time steps before it are not used.
        end_index: time steps from it on are not used.
        format: "tf" or "grain", as in Keras; the data set is a `RowDataset` whichever it is.

    Returns:
        A `RowDataset` of x, or of (x, y); x of shape ``(batch, sequence_length, ...)``.

    Example:

    >>> import hornbeam, numpy
    >>> series = numpy.arange(6)
    >>> data = hornbeam.utils.timeseries_dataset_from_array(series[:-2], series[2:], 2)
    >>> [(x.tolist(), y.tolist()) for x, y in data]
    [([[0, 1], [1, 2], [2, 3]], [2, 3, 4])]
    """
    check_format(format)
    values = _host(data)
    wanted = None if targets is None else _host(targets)
    start = 0 if start_index is None else start_index
    end = len(values) if end_index is None else end_index
    for name, number in (
        ("sequence_length", sequence_length),
        ("sequence_stride", sequence_stride),
        ("sampling_rate", sampling_rate),
    ):
        if not isinstance(number, (int, np.integer)) or not 0 < number < max(2, len(values)):
            raise InputError(
                f"timeseries_dataset_from_array(): `{name}` must be an int in [1, {len(values)}), the "
                f"number of time steps, got {number!r}."
            )
    if not 0 <= start < end <= len(values):
        raise InputError(
            f"timeseries_dataset_from_array(): `start_index` and `end_index` must lie in order within "
            f"the {len(values)} time steps, got {start_index} and {end_index}."
        )
    values = values[start:end]
    count = end - start - (sequence_length - 1) * sampling_rate
    if wanted is not None:
        wanted = wanted[start:end]
        count = min(count, len(wanted))
    begins = np.arange(0, max(count, 0), sequence_stride)
    steps = np.arange(0, sequence_length * sampling_rate, sampling_rate)

    def get(numbers: Any) -> Any:
        chosen = begins[numbers]
        x = values[chosen[:, None] + steps]
        return x if wanted is None else (x, wanted[chosen])

    return RowDataset(len(begins), get, batch_size, shuffle, seed)


def split_dataset(
    dataset: Any,
    left_size: int | float | None = None,
    right_size: int | float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[RowDataset, RowDataset]:
    """A data set in two parts.

    Args:
        dataset: an array, a tuple, list or dict of arrays with one first axis, a list of numbers, a
            `RowDataset` or any other finite iterable of samples, which is read into memory.
        left_size: how many samples the first part gets, or which fraction of them.
        right_size: likewise for the second part; by default the rest.
        shuffle: whether the samples are shuffled before.
        seed: what decides the order.
        preferred_backend: has no effect: both parts are data sets of NumPy arrays.

    Returns:
        Two data sets of single samples; `RowDataset.batch` makes batches of them.

    Example:

    >>> import hornbeam, numpy
    >>> left, right = hornbeam.utils.split_dataset(numpy.arange(5), left_size=0.6)
    >>> [int(sample) for sample in left], [batch.tolist() for batch in right.batch(2)]
    ([0, 1, 2], [[3, 4]])
    """
    if left_size is None and right_size is None:
        raise InputError("split_dataset() needs `left_size` or `right_size`.")
    columns = _columns(dataset)
    total = len(tree.flatten(columns)[0])
    left, right = (
        _size(size, name, total)
        for size, name in ((left_size, "left_size"), (right_size, "right_size"))
    )
    left = total - int(right or 0) if left is None else left
    right = total - left if right is None else right
    if left + right > total or left < 1 or right < 1:
        raise InputError(
            f"split_dataset(): {total} samples cannot be split into {left} and {right}; both parts must "
            "have some, and together at most all."
        )
    order = np.arange(total)
    if shuffle:
        order = streams.generator(streams.next_seed() if seed is None else seed).permutation(total)
    return _rows(columns, order[:left]), _rows(columns, order[total - right :])


def _rows(columns: Any, chosen: Any) -> RowDataset:
    def get(numbers: Any) -> Any:
        return tree.map_structure(lambda column: column[chosen[numbers]], columns)

    return RowDataset(len(chosen), get)


def _size(size: int | float | None, name: str, total: int) -> int | None:
    if isinstance(size, float):
        if not 0 < size < 1:
            raise InputError(
                f"split_dataset(): `{name}` as a fraction must be in (0, 1), got {size}."
            )
        return round(size * total)
    if size is not None and (isinstance(size, bool) or not isinstance(size, int)):
        raise InputError(f"split_dataset(): `{name}` must be an int or a fraction, got {size!r}.")
    return size


def _columns(dataset: Any) -> Any:
    """The samples of a data set as arrays."""
    if hasattr(dataset, "shape"):
        return _host(dataset)
    leaves = tree.flatten(dataset) if isinstance(dataset, (tuple, list, dict)) else []
    if leaves and all(hasattr(leaf, "shape") and len(leaf.shape) for leaf in leaves):
        lengths = {len(leaf) for leaf in leaves}
        if len(lengths) > 1:
            raise InputError(
                f"split_dataset(): the arrays have {sorted(lengths)} rows; they need the same number."
            )
        return tree.map_structure(_host, dataset)
    samples = list(dataset)
    if not samples:
        raise InputError("split_dataset() got an empty data set.")
    return tree.map_structure(lambda *leaves: np.stack([_host(v) for v in leaves]), *samples)


def _host(value: Any) -> Any:
    owner = owner_of(value)
    return np.asarray(value) if owner is None else owner.to_numpy(value)

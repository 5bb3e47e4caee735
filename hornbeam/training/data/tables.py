"""Tables with named columns, and sparse matrices, as data of `fit`.

Tables are known by what they can do, not by the library they come from: pandas and polars data frames,
Arrow tables and the data sets of Hugging Face all give a column by its name.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam.backends.numpy import native_dtype
from hornbeam.errors import InputError, suggest


def column_names(x: Any) -> list[str] | None:
    """The names of the columns of a table; None for what is no table."""
    if isinstance(x, (list, tuple, dict)) or not hasattr(x, "__getitem__"):
        return None
    names = getattr(x, "column_names", None)
    if names is None and hasattr(x, "to_numpy"):
        names = getattr(x, "columns", None)
    if names is None or callable(names):
        return None
    return list(names)


def named_columns(x: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight), where names of columns of the table `x` have become these columns.

    Columns that are targets or weights are no inputs.  A data frame whose columns are all numbers is one
    array ``(rows, columns)``; a table without such a way (Arrow, Hugging Face) is one array if it has
    one column, else a dict of them.

    Raises:
        InputError: if there is no column of that name.
    """
    names = column_names(x)
    if names is None:
        if isinstance(y, str) or isinstance(sample_weight, str):
            raise InputError(
                "`y` or `sample_weight` is the name of a column, but `x` is a "
                f"{type(x).__name__}, no table."
            )
        return x, y, sample_weight
    taken = [name for part in (y, sample_weight) for name in _names(part)]
    for name in taken:
        if name not in names:
            raise InputError(
                f"There is no column {name!r} in the table.{suggest(name, map(str, names))}"
            )
    inputs = [name for name in names if name not in taken]
    y, sample_weight = (_columns(x, part) for part in (y, sample_weight))
    if hasattr(x, "to_numpy"):
        return (x[inputs] if taken else x), y, sample_weight
    columns = {str(name): _column(x, name) for name in inputs}
    return (columns if len(columns) > 1 else next(iter(columns.values()), None)), y, sample_weight


def _names(part: Any) -> list[str]:
    if isinstance(part, str):
        return [part]
    if isinstance(part, list) and part and all(isinstance(name, str) for name in part):
        return list(part)
    return []


def _columns(table: Any, part: Any) -> Any:
    names = _names(part)
    if not names:
        return part
    return _column(table, names[0]) if isinstance(part, str) else [_column(table, n) for n in names]


def _column(table: Any, name: str) -> Any:
    column = table[name]
    return column.to_numpy() if hasattr(column, "to_numpy") else np.asarray(column[:])


class SparseRows:
    """A sparse matrix whose rows become dense when they are asked for.

    Args:
        matrix: a SciPy sparse matrix or array of shape ``(rows, columns)``.
        dtype: the dtype of dense rows.
    """

    def __init__(self, matrix: Any, dtype: str) -> None:
        self.matrix = matrix.tocsr()
        self.shape = tuple(self.matrix.shape)
        self.dtype = native_dtype(dtype)

    def __getitem__(self, rows: Any) -> Any:
        return self.matrix[rows].toarray().astype(self.dtype)

    def part(self, rows: slice) -> SparseRows:
        """Some of the rows, still sparse."""
        return SparseRows(self.matrix[rows], self.dtype.name)


def is_sparse(x: Any) -> bool:
    """Whether `x` is a sparse matrix of SciPy."""
    return hasattr(x, "tocsr") and hasattr(x, "toarray")

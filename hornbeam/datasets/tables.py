"""What the loaders of data sets share: shuffled splits, and sequences of word numbers cut to size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam.errors import InputError

Split = tuple[tuple[Any, Any], tuple[Any, Any]]


def split(x: Any, y: Any, test_split: float, seed: int, shuffle: bool = True) -> Split:
    """(training, test), after a shuffle that depends on `seed` alone."""
    if not 0 <= test_split < 1:
        raise InputError(f"`test_split` must be in [0, 1), got {test_split!r}.")
    if shuffle:
        order = np.arange(len(x))
        np.random.RandomState(seed).shuffle(order)
        x, y = x[order], y[order]
    cut = int(len(x) * (1 - test_split))
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])


def shuffled(x: Any, y: Any, rng: Any) -> tuple[Any, Any]:
    """Both in one new order."""
    order = np.arange(len(x))
    rng.shuffle(order)
    return x[order], y[order]


def cut_sequences(
    sequences: Sequence[Any],
    labels: Any,
    num_words: int | None,
    skip_top: int,
    maxlen: int | None,
    start_char: int | None,
    oov_char: int | None,
    index_from: int,
) -> tuple[list[list[int]], Any]:
    """Sequences of word ranks, made ready: shifted, begun, cut off, rare words replaced.

    Args:
        sequences: lists of word numbers, 1 for the most frequent.
        labels: one per sequence.
        num_words: only words with numbers below it are kept.
        skip_top: words with numbers below it are replaced.
        maxlen: sequences that are not shorter than it are left out.
        start_char: what each sequence begins with; None for nothing.
        oov_char: what takes the place of words that are not kept; None to leave them out.
        index_from: what is added to word numbers.
    """
    if start_char is not None:
        rows = [[start_char, *(word + index_from for word in row)] for row in sequences]
    else:
        rows = [[word + index_from for word in row] for row in sequences]
    if maxlen is not None:
        kept = [i for i, row in enumerate(rows) if len(row) < maxlen]
        rows, labels = [rows[i] for i in kept], labels[kept]
        if not rows:
            raise InputError(f"After cutting off at maxlen={maxlen}, no sequence is left.")
    limit = num_words or max((max(row, default=0) for row in rows), default=0) + 1
    if oov_char is not None:
        rows = [[w if skip_top <= w < limit else oov_char for w in row] for row in rows]
    else:
        rows = [[w for w in row if skip_top <= w < limit] for row in rows]
    return rows, labels


def as_objects(rows: list[list[int]]) -> Any:
    """Lists of different lengths as an array of lists."""
    array = np.empty(len(rows), object)
    array[:] = rows
    return array

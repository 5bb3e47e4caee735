"""`keras.preprocessing.sequence` of Keras 1 and 2: windows, word pairs, padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from hornbeam.errors import InputError
from hornbeam.utils.arrays import pad_sequences


def make_sampling_table(size: int, sampling_factor: float = 1e-5) -> np.ndarray:
    """The probability of keeping the word of each rank, for `skipgrams`.

    Frequencies follow Zipf's law, ``1 / f(rank) = rank * (log(rank) + gamma) + 1/2 - 1 / (12 rank)``,
    and a word is kept with ``min(1, sqrt(s / f))`` (after word2vec).

    Args:
        size: how many words.
        sampling_factor: s in the formula.

    Returns:
        Probabilities (size,), for ranks from 0.

    Example:

    >>> make_sampling_table(4, 0.1).round(2).tolist()
    [0.32, 0.32, 0.55, 0.74]
    """
    rank = np.arange(size, dtype=float)
    rank[0] = 1
    inverse = rank * (np.log(rank) + 0.577) + 0.5 - 1.0 / (12.0 * rank)
    rate = sampling_factor * inverse
    return np.asarray(np.minimum(1.0, rate / np.sqrt(rate)))


def skipgrams(
    sequence: Sequence[int],
    vocabulary_size: int,
    window_size: int = 4,
    negative_samples: float = 1.0,
    shuffle: bool = True,
    categorical: bool = False,
    sampling_table: Any = None,
    seed: int | None = None,
) -> tuple[list[list[int]], list[Any]]:
    """Pairs of words that occur near each other, and of words that do not (word2vec).

    Args:
        sequence: word numbers; 0 is no word.
        vocabulary_size: one more than the largest number.
        window_size: how far apart the words of a pair may be.
        negative_samples: so many random pairs are added for each real one.
        shuffle: whether to shuffle the pairs.
        categorical: whether labels are ``[0, 1]`` and ``[1, 0]`` instead of 1 and 0.
        sampling_table: the probability of keeping each word, as of `make_sampling_table`.
        seed: of the random numbers.

    Returns:
        (pairs, labels), lists of the same length.

    Example:

    >>> skipgrams([1, 2, 3], 4, window_size=1, negative_samples=0, shuffle=False)
    ([[1, 2], [2, 1], [2, 3], [3, 2]], [1, 1, 1, 1])
    """
    rng = np.random.default_rng(seed)
    pairs: list[list[int]] = []
    for i, word in enumerate(sequence):
        if not word or (sampling_table is not None and sampling_table[word] < rng.random()):
            continue
        for j in range(max(0, i - window_size), min(len(sequence), i + window_size + 1)):
            if j != i and sequence[j]:
                pairs.append([word, sequence[j]])
    real, fake = ([0, 1], [1, 0]) if categorical else (1, 0)
    labels: list[Any] = [real] * len(pairs)
    if negative_samples > 0 and pairs:
        count = int(len(pairs) * negative_samples)
        words = rng.permutation([pair[0] for pair in pairs])
        others = rng.integers(1, vocabulary_size, count)
        pairs += [[int(words[i % len(words)]), int(others[i])] for i in range(count)]
        labels += [fake] * count
    if shuffle:
        order = rng.permutation(len(pairs))
        pairs, labels = [pairs[i] for i in order], [labels[i] for i in order]
    return pairs, labels


class TimeseriesGenerator:
    """Batches of windows of a time series, each with the target behind it; for `fit`.

    `hornbeam.utils.timeseries_dataset_from_array` is what does this today.

    Args:
        data: (time, ...).
        targets: (time, ...), as long as `data`.
        length: how much time a window covers, in rows of `data`.
        sampling_rate: a window holds every so-manieth of its rows.
        stride: how far windows are apart.
        start_index: rows before it are left out.
        end_index: rows behind it are left out.
        shuffle: whether windows come at random places.
        reverse: whether the rows of a window are in reverse order.
        batch_size: windows per batch.

    Example:

    >>> import numpy
    >>> batches = TimeseriesGenerator(numpy.arange(6), numpy.arange(6), length=3, batch_size=2)
    >>> [(x.tolist(), y.tolist()) for x, y in batches]
    [([[0, 1, 2], [1, 2, 3]], [3, 4]), ([[2, 3, 4]], [5])]
    """

    def __init__(
        self,
        data: Any,
        targets: Any,
        length: int,
        sampling_rate: int = 1,
        stride: int = 1,
        start_index: int = 0,
        end_index: int | None = None,
        shuffle: bool = False,
        reverse: bool = False,
        batch_size: int = 128,
    ) -> None:
        if len(data) != len(targets):
            raise InputError(
                f"`data` and `targets` must have the same length, got {len(data)} and {len(targets)}."
            )
        self.data = np.asarray(data)
        self.targets = np.asarray(targets)
        self.length = length
        self.sampling_rate = sampling_rate
        self.stride = stride
        self.start_index = start_index + length
        self.end_index = len(self.data) - 1 if end_index is None else end_index
        self.shuffle = shuffle
        self.reverse = reverse
        self.batch_size = batch_size
        self._rng = np.random.default_rng()
        if self.start_index > self.end_index:
            raise InputError(
                f"There is no window: `start_index + length` = {self.start_index} is beyond "
                f"`end_index` = {self.end_index}."
            )

    def _count(self) -> int:
        return (self.end_index - self.start_index) // self.stride + 1

    def __len__(self) -> int:
        return (self._count() + self.batch_size - 1) // self.batch_size

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        if self.shuffle:
            places = self._rng.integers(self.start_index, self.end_index + 1, self.batch_size)
        else:
            first = self.start_index + self.batch_size * self.stride * index
            last = min(first + self.batch_size * self.stride, self.end_index + 1)
            places = np.arange(first, last, self.stride)
        windows = np.stack([self.data[p - self.length : p : self.sampling_rate] for p in places])
        return (windows[:, ::-1] if self.reverse else windows), self.targets[places]

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for index in range(len(self)):
            yield self[index]

    def on_epoch_end(self) -> None:
        """Nothing changes between epochs."""


__all__ = ["TimeseriesGenerator", "make_sampling_table", "pad_sequences", "skipgrams"]

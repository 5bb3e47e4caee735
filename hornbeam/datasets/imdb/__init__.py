"""IMDB: 50,000 film reviews as sequences of word numbers, good or bad."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from hornbeam.datasets import pickles
from hornbeam.datasets.sources import fetch
from hornbeam.datasets.tables import as_objects, cut_sequences, shuffled


def load_data(
    path: str = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
    **kwargs: Any,
) -> Any:
    """The reviews and whether they are good; downloaded on first use.

    Words are numbered by how frequent they are.

    Args:
        path: what the file is called in the cache.
        num_words: only the words with numbers below it are kept.
        skip_top: words with numbers below it, the most frequent, are replaced.
        maxlen: sequences that are not shorter than it are left out.
        seed: what decides the order of the reviews.
        start_char: the number that each sequence begins with; None for none.
        oov_char: the number that stands for words that are not kept; None leaves them out.
        index_from: what is added to the numbers of words.
        **kwargs: nothing; unknown names raise TypeError.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: arrays of lists of ints, 25,000 each, and 0 (bad) or 1
        (good).

    Example:

    >>> import hornbeam
    >>> train, test = hornbeam.datasets.imdb.load_data(num_words=10000)  # doctest: +SKIP
    """
    if kwargs:
        raise TypeError(f"imdb.load_data() got unknown arguments {sorted(kwargs)}.")
    found = pickles.load_npz(fetch("imdb.npz", path))
    rng = np.random.RandomState(seed)
    x_train, y_train = shuffled(found["x_train"], found["y_train"], rng)
    x_test, y_test = shuffled(found["x_test"], found["y_test"], rng)
    options = (num_words, skip_top, maxlen, start_char, oov_char, index_from)
    train = cut_sequences(x_train, y_train, *options)
    test = cut_sequences(x_test, y_test, *options)
    return (as_objects(train[0]), train[1]), (as_objects(test[0]), test[1])


def get_word_index(path: str = "imdb_word_index.json") -> dict[str, int]:
    """Word -> its number, before `index_from` is added.

    Args:
        path: what the file is called in the cache.

    Example:

    >>> import hornbeam
    >>> numbers = hornbeam.datasets.imdb.get_word_index()  # doctest: +SKIP
    """
    content = Path(fetch("imdb_word_index.json", path)).read_text("utf-8")
    return dict(json.loads(content))


__all__ = ["get_word_index", "load_data"]

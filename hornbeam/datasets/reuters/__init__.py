"""Reuters: 11,228 news in 46 topics, as sequences of word numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from hornbeam.datasets import pickles
from hornbeam.datasets.sources import fetch
from hornbeam.datasets.tables import as_objects, cut_sequences, shuffled, split

TOPICS = """
cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves
ship cotton carcass crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold
tin strategic-metal livestock retail ipi iron-steel rubber heat jobs lei bop zinc orange
pet-chem dlr gas silver wpi hog lead
"""


def load_data(
    path: str = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> Any:
    """The news and their topics; downloaded on first use.

    Words are numbered by how frequent they are.

    Args:
        path: what the file is called in the cache.
        num_words: only the words with numbers below it are kept.
        skip_top: words with numbers below it, the most frequent, are replaced.
        maxlen: sequences that are not shorter than it are left out.
        test_split: the fraction of the news that is for testing.
        seed: what decides the order of the news.
        start_char: the number that each sequence begins with; None for none.
        oov_char: the number that stands for words that are not kept; None leaves them out.
        index_from: what is added to the numbers of words.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: arrays of lists of ints, and topics in [0, 45].

    Example:

    >>> import hornbeam
    >>> train, test = hornbeam.datasets.reuters.load_data(num_words=10000)  # doctest: +SKIP
    """
    found = pickles.load_npz(fetch("reuters.npz", path))
    x, y = shuffled(found["x"], found["y"], np.random.RandomState(seed))
    rows, labels = cut_sequences(
        x, y, num_words, skip_top, maxlen, start_char, oov_char, index_from
    )
    return split(as_objects(rows), labels, test_split, seed, shuffle=False)


def get_word_index(path: str = "reuters_word_index.json") -> dict[str, int]:
    """Word -> its number, before `index_from` is added.

    Args:
        path: what the file is called in the cache.

    Example:

    >>> import hornbeam
    >>> numbers = hornbeam.datasets.reuters.get_word_index()  # doctest: +SKIP
    """
    content = Path(fetch("reuters_word_index.json", path)).read_text("utf-8")
    return dict(json.loads(content))


def get_label_names() -> tuple[str, ...]:
    """The names of the 46 topics, in the order of their numbers.

    Example:

    >>> import hornbeam
    >>> hornbeam.datasets.reuters.get_label_names()[:4]
    ('cocoa', 'grain', 'veg-oil', 'earn')
    """
    return tuple(TOPICS.split())


__all__ = ["get_label_names", "get_word_index", "load_data"]

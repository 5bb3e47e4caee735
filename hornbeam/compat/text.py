"""`keras.preprocessing.text` of Keras 1 and 2: texts as lists of word numbers.

`hornbeam.layers.TextVectorization` does this inside a model; what is here keeps the numbers that old
programs were trained with.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from hornbeam.compat.renames import warn_caller
from hornbeam.errors import InputError

PUNCTUATION = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'


def text_to_word_sequence(
    text: str,
    filters: str = PUNCTUATION,
    lower: bool = True,
    split: str = " ",
) -> list[str]:
    """The words of a text.

    Args:
        text: the text.
        filters: the characters that separate words besides `split`.
        lower: whether to make it lower case.
        split: what separates words.

    Example:

    >>> text_to_word_sequence("Hello, hello world!")
    ['hello', 'hello', 'world']
    """
    if lower:
        text = text.lower()
    for character in filters:
        text = text.replace(character, split)
    return [word for word in text.split(split) if word]


def hashing_trick(
    text: str,
    n: int,
    hash_function: Any = None,
    filters: str = PUNCTUATION,
    lower: bool = True,
    split: str = " ",
) -> list[int]:
    """The words of a text as numbers in 1..n-1, by a hash; words may share a number.

    Args:
        text: the text.
        n: one more than the largest number.
        hash_function: "md5", or a function word -> int.  By default a CRC-32, the same in every
            process; Python's own `hash`, the default of Keras, is another one in each.
        filters: as for `text_to_word_sequence`.
        lower: as for `text_to_word_sequence`.
        split: as for `text_to_word_sequence`.

    Example:

    >>> hashing_trick("one two one", 50, "md5")
    [9, 19, 9]
    """
    fn: Callable[[str], int]
    if hash_function is None:
        fn = _crc
    elif hash_function == "md5":
        fn = _md5
    elif callable(hash_function):
        fn = hash_function
    else:
        raise InputError(f'`hash_function` must be "md5" or a function, got {hash_function!r}.')
    words = text_to_word_sequence(text, filters, lower, split)
    return [fn(word) % (n - 1) + 1 for word in words]


def _crc(word: str) -> int:
    return zlib.crc32(word.encode())


def _md5(word: str) -> int:
    return int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16)


def one_hot(
    text: str, n: int, filters: str = PUNCTUATION, lower: bool = True, split: str = " "
) -> list[int]:
    """`hashing_trick` with its default hash; the name promises more than it does.

    Args:
        text: the text.
        n: one more than the largest number.
        filters: as for `text_to_word_sequence`.
        lower: as for `text_to_word_sequence`.
        split: as for `text_to_word_sequence`.

    Example:

    >>> numbers = one_hot("a b a", 10)
    >>> numbers[0] == numbers[2], max(numbers) < 10
    (True, True)
    """
    return hashing_trick(text, n, None, filters, lower, split)


class Tokenizer:
    """Numbers the words of a collection of texts by how often they occur, from 1.

    Args:
        num_words: only words with numbers below this are kept; None keeps all.  Was `nb_words`.
        filters: the characters to leave out.
        lower: whether to make texts lower case.
        split: what separates words.
        char_level: whether characters are the words.
        oov_token: a word, with the number 1, that stands for all unknown ones.
        document_count: how many texts were counted before.
        **kwargs: `nb_words`.

    Example:

    >>> tokenizer = Tokenizer()
    >>> tokenizer.fit_on_texts(["a rose is a rose", "a thorn"])
    >>> tokenizer.texts_to_sequences(["a thorn is a thorn", "no rose"])
    [[1, 4, 3, 1, 4], [2]]
    """

    def __init__(
        self,
        num_words: int | None = None,
        filters: str = PUNCTUATION,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
        document_count: int = 0,
        **kwargs: Any,
    ) -> None:
        if "nb_words" in kwargs:
            warn_caller("Tokenizer(nb_words=...) is spelled Tokenizer(num_words=...) now.")
            num_words = kwargs.pop("nb_words")
        if kwargs:
            raise TypeError(f"Tokenizer got unknown arguments {sorted(kwargs)}.")
        self.num_words = num_words
        self.filters = filters
        self.lower = lower
        self.split = split
        self.char_level = char_level
        self.oov_token = oov_token
        self.document_count = document_count
        self.word_counts: dict[str, int] = {}
        self.word_docs: defaultdict[str, int] = defaultdict(int)
        self.index_docs: defaultdict[int, int] = defaultdict(int)
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}

    def _words(self, text: Any) -> list[str]:
        if not isinstance(text, str):
            return [str(word).lower() if self.lower else str(word) for word in text]
        if self.char_level:
            return list(text.lower() if self.lower else text)
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_texts(self, texts: Iterable[Any]) -> None:
        """Count the words of texts, and number them anew.

        Args:
            texts: strings, or lists of words.
        """
        for text in texts:
            self.document_count += 1
            words = self._words(text)
            for word in words:
                self.word_counts[word] = self.word_counts.get(word, 0) + 1
            for word in set(words):
                self.word_docs[word] += 1
        by_count = sorted(self.word_counts, key=lambda word: -self.word_counts[word])
        front = [] if self.oov_token is None else [self.oov_token]
        names = [*front, *(word for word in by_count if word != self.oov_token)]
        self.word_index = {word: number for number, word in enumerate(names, start=1)}
        self.index_word = {number: word for word, number in self.word_index.items()}
        for word, count in self.word_docs.items():
            self.index_docs[self.word_index[word]] = count

    def fit_on_sequences(self, sequences: Iterable[Sequence[int]]) -> None:
        """Count in how many sequences each number occurs, for `sequences_to_matrix`.

        Args:
            sequences: lists of word numbers.
        """
        for sequence in sequences:
            self.document_count += 1
            for number in set(sequence):
                self.index_docs[number] += 1

    def _number(self, word: str) -> int | None:
        number = self.word_index.get(word)
        if number is not None and (self.num_words is None or number < self.num_words):
            return number
        return None if self.oov_token is None else self.word_index[self.oov_token]

    def texts_to_sequences(self, texts: Iterable[Any]) -> list[list[int]]:
        """The texts as lists of word numbers.

        Args:
            texts: strings, or lists of words.
        """
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts: Iterable[Any]) -> Iterator[list[int]]:
        """As `texts_to_sequences`, one after the other.

        Args:
            texts: strings, or lists of words.
        """
        for text in texts:
            numbers = [self._number(word) for word in self._words(text)]
            yield [number for number in numbers if number is not None]

    def sequences_to_texts(self, sequences: Iterable[Sequence[int]]) -> list[str]:
        """The words of lists of word numbers, joined by spaces.

        Args:
            sequences: lists of word numbers.
        """
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences: Iterable[Sequence[int]]) -> Iterator[str]:
        """As `sequences_to_texts`, one after the other.

        Args:
            sequences: lists of word numbers.
        """
        for sequence in sequences:
            words = [self._word(number) for number in sequence]
            yield " ".join(word for word in words if word is not None)

    def _word(self, number: int) -> str | None:
        kept = self.num_words is None or number < self.num_words
        return self.index_word.get(number, self.oov_token) if kept else self.oov_token

    def texts_to_matrix(self, texts: Iterable[Any], mode: str = "binary") -> np.ndarray:
        """A row per text, a column per word number.

        Args:
            texts: strings, or lists of words.
            mode: as for `sequences_to_matrix`.
        """
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(
        self, sequences: Sequence[Sequence[int]], mode: str = "binary"
    ) -> np.ndarray:
        """A row per sequence, a column per word number.

        Args:
            sequences: lists of word numbers.
            mode: "binary" (whether the word occurs), "count" (how often), "freq" (its share), or
                "tfidf" (``(1 + log count) * log(1 + texts / (1 + texts with the word))``).

        Returns:
            An array (sequences, `num_words`), or one column more than there are words.
        """
        columns = self.num_words or len(self.word_index) + 1
        if not self.num_words and not self.word_index:
            raise InputError(
                "The number of columns is not known: give `num_words`, or fit on texts."
            )
        if mode == "tfidf" and not self.document_count:
            raise InputError('Fit the Tokenizer on texts before using the mode "tfidf".')
        matrix = np.zeros((len(sequences), columns))
        for row, sequence in zip(matrix, sequences, strict=True):
            for number, count in Counter(sequence).items():
                if number < columns:
                    row[number] = self._weight(mode, number, count, len(sequence))
        return matrix

    def _weight(self, mode: str, number: int, count: int, length: int) -> float:
        if mode == "tfidf":
            rarity = 1 + self.document_count / (1 + self.index_docs.get(number, 0))
            return float((1 + np.log(count)) * np.log(rarity))
        weights = {"binary": 1.0, "count": float(count), "freq": count / length}
        if mode not in weights:
            raise InputError(f'`mode` must be "binary", "count", "freq" or "tfidf", got {mode!r}.')
        return weights[mode]

    def get_config(self) -> dict[str, Any]:
        """Settings and counts; the latter as JSON text."""
        return {
            "num_words": self.num_words,
            "filters": self.filters,
            "lower": self.lower,
            "split": self.split,
            "char_level": self.char_level,
            "oov_token": self.oov_token,
            "document_count": self.document_count,
            **{name: json.dumps(getattr(self, name)) for name in _COUNTS},
        }

    def to_json(self, **kwargs: Any) -> str:
        """Settings and counts as JSON text, for `tokenizer_from_json`.

        Args:
            **kwargs: for `json.dumps`.
        """
        return json.dumps({"class_name": "Tokenizer", "config": self.get_config()}, **kwargs)


_COUNTS = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """The `Tokenizer` whose `to_json` this is.

    Args:
        json_string: the text.

    Example:

    >>> tokenizer = Tokenizer()
    >>> tokenizer.fit_on_texts(["b a b"])
    >>> tokenizer_from_json(tokenizer.to_json()).texts_to_sequences(["a b"])
    [[2, 1]]
    """
    config = dict(json.loads(json_string)["config"])
    counts = {name: json.loads(config.pop(name)) for name in _COUNTS}
    tokenizer = Tokenizer(**config)
    tokenizer.word_counts.update(counts["word_counts"])
    tokenizer.word_docs.update(counts["word_docs"])
    tokenizer.index_docs.update({int(k): v for k, v in counts["index_docs"].items()})
    tokenizer.index_word.update({int(k): v for k, v in counts["index_word"].items()})
    tokenizer.word_index.update(counts["word_index"])
    return tokenizer


__all__ = [
    "PUNCTUATION",
    "Tokenizer",
    "hashing_trick",
    "one_hot",
    "text_to_word_sequence",
    "tokenizer_from_json",
]

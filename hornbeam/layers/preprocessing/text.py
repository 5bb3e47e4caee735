"""`TextVectorization`: text as indices of its words."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from typing import Any

import numpy as np

from hornbeam.backends import registry
from hornbeam.backends.symbolic import KerasTensor
from hornbeam.errors import InputError
from hornbeam.layers.layer import Layer
from hornbeam.layers.preprocessing.adapting import Adapting, batches, to_host
from hornbeam.layers.preprocessing.lookup import StringLookup, with_words
from hornbeam.saving.objects import builtin, serialize_keras_object

_PUNCTUATION = re.compile(f"[{re.escape(string.punctuation)}]")
STANDARDIZE: dict[str, Callable[[str], str]] = {
    "lower_and_strip_punctuation": lambda text: _PUNCTUATION.sub("", text.lower()),
    "lower": str.lower,
    "strip_punctuation": lambda text: _PUNCTUATION.sub("", text),
}
SPLIT: dict[str, Callable[[str], list[str]]] = {"whitespace": str.split, "character": list}


@builtin("keras.layers")
class TextVectorization(Adapting):
    """Text as indices of its words, or as counts of them.

    Each text is standardized, split into tokens, joined into ngrams if asked for, and looked up in a
    vocabulary that `adapt` finds: the most frequent tokens first.  Index 0 is padding, 1 is for what is
    not in the vocabulary.  This runs on the host, so it belongs in front of compiled code.

    Args:
        max_tokens: how many indices there may be; None for any number.
        standardize: "lower_and_strip_punctuation", "lower", "strip_punctuation", a function of one
            string, or None.
        split: "whitespace", "character", a function from a string to a list of tokens, or None.
        ngrams: 2 adds pairs of neighbouring tokens, 3 also triples and so on; a tuple says which sizes.
        output_mode: "int" for indices, one for each token; "multi_hot", "count" or "tf_idf" for one row
            for each text.
        output_sequence_length: to how many indices texts are cut or padded; by default to the longest.
        pad_to_max_tokens: whether rows have `max_tokens` columns at any rate.
        vocabulary: the tokens, or a text file with one a line; else `adapt` finds them.
        idf_weights: for "tf_idf" with a `vocabulary`, the weight of each token.
        sparse: must be False.
        ragged: must be False.
        encoding: of bytes; "utf-8".
        name: see `Layer`.
        **kwargs: see `Layer`.

    Input: strings (batch,) or (batch, 1).  Output: (batch, tokens), or (batch, columns).

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.TextVectorization(output_sequence_length=3)
    >>> layer.adapt(["foo bar", "bar baz", "baz bada boom"])
    >>> layer(["Foo, qux bar!", "baz"]).tolist()
    [[4, 1, 3], [2, 0, 0]]
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: Any = "lower_and_strip_punctuation",
        split: Any = "whitespace",
        ngrams: Any = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("vocabulary_size", None)
        super().__init__(name=name, **kwargs)
        self.standardize = _known(standardize, STANDARDIZE, "standardize")
        self.split = _known(split, SPLIT, "split")
        if output_mode not in ("int", "multi_hot", "count", "tf_idf"):
            raise InputError(
                "TextVectorization: `output_mode` must be 'int', 'multi_hot', 'count' or 'tf_idf', got "
                f"{output_mode!r}."
            )
        if output_mode != "int" and output_sequence_length is not None:
            raise InputError(
                "TextVectorization: `output_sequence_length` goes with output_mode='int'."
            )
        if ragged:
            raise InputError("TextVectorization: outputs are dense; leave `ragged` at False.")
        if isinstance(ngrams, bool) or not (
            ngrams is None
            or (isinstance(ngrams, int) and ngrams > 0)
            or (
                isinstance(ngrams, tuple | list)
                and all(isinstance(n, int) and n > 0 for n in ngrams)
            )
        ):
            raise InputError(
                f"TextVectorization: `ngrams` must be a positive int or a tuple of them, got {ngrams!r}."
            )
        self.max_tokens = max_tokens
        self.ngrams = tuple(ngrams) if isinstance(ngrams, list) else ngrams
        self.output_mode = output_mode
        self.output_sequence_length = output_sequence_length
        self.pad_to_max_tokens = pad_to_max_tokens
        self.ragged = False
        self.encoding = encoding
        self._lookup = StringLookup(
            max_tokens=max_tokens,
            mask_token="",
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            output_mode=output_mode,
            pad_to_max_tokens=pad_to_max_tokens,
            sparse=sparse,
            encoding=encoding,
            name=f"{self.name}_lookup",
        )

    # ------------------------------------------------------------------------------------ text to tokens

    def _tokens(self, text: str) -> list[str]:
        if callable(self.standardize):
            text = str(self.standardize(text))
        elif self.standardize is not None:
            text = STANDARDIZE[self.standardize](text)
        if callable(self.split):
            tokens = [str(t) for t in self.split(text)]
        else:
            tokens = [text] if self.split is None else SPLIT[self.split](text)
        if self.ngrams is None:
            return tokens
        sizes = range(1, self.ngrams + 1) if isinstance(self.ngrams, int) else self.ngrams
        return [" ".join(tokens[i : i + n]) for n in sizes for i in range(len(tokens) - n + 1)]

    def _texts(self, inputs: Any) -> Any:
        values = to_host(inputs)
        if values.ndim > 1 and self.split is not None:
            if values.shape[-1] != 1:
                raise InputError(
                    f"Layer {self.path!r} (TextVectorization) takes strings (batch,) or (batch, 1), got "
                    f"shape {values.shape}."
                )
            values = values[..., 0]
        return values

    # ------------------------------------------------------------------------------------------ learning

    def adapt(  # type: ignore[override]
        self, data: Any, batch_size: int | None = None, steps: int | None = None
    ) -> None:
        """Forget what was learnt, and learn from `data`.

        Args:
            data: texts: an array, a list, or an iterable of batches.
            batch_size: has no effect: arrays are taken as a whole, iterables bring their batches.
            steps: how many batches to look at; by default all.
        """
        super().adapt(data, steps)

    def reset_state(self) -> None:
        """Forget what was learnt."""
        self._lookup.reset_state()

    def update_state(self, data: Any) -> None:
        """Count the tokens of one batch of texts."""
        if self._lookup._fixed:
            raise InputError(
                f"Layer {self.path!r} (TextVectorization) was given a vocabulary, so adapt() has "
                "nothing to learn."
            )
        for batch in batches(data):
            for text in self._texts(batch).reshape(-1).tolist():
                self._lookup._count(self._tokens(text))

    def finalize_state(self) -> None:
        """Make the vocabulary of what was counted."""
        self._lookup.finalize_state()

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The tokens in the order of their indices; see `StringLookup.get_vocabulary`."""
        return self._lookup.get_vocabulary(include_special_tokens)

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Replace the vocabulary; see `StringLookup.set_vocabulary`."""
        self._lookup.set_vocabulary(vocabulary, idf_weights)

    def vocabulary_size(self) -> int:
        """How many indices there are, special ones included."""
        return self._lookup.vocabulary_size()

    # ---------------------------------------------------------------------------------------- calling

    def call(self, inputs: Any) -> Any:
        """The indices of the tokens, or rows of counts."""
        self._lookup._need_vocabulary()
        texts = self._texts(inputs)
        found = [
            [self._lookup._index_of(t) for t in self._tokens(x)] for x in texts.reshape(-1).tolist()
        ]
        backend = registry.current()
        if self.output_mode == "int":
            return backend.asarray(self._padded(found, texts.shape))
        size = self.max_tokens if self.pad_to_max_tokens else self.vocabulary_size()
        counts = np.zeros((len(found), int(size or 0)), "float32")
        for row, indices in enumerate(found):
            np.add.at(counts[row], indices, 1)
        if self.output_mode == "multi_hot":
            counts = np.minimum(counts, 1)
        if self.output_mode == "tf_idf" and self._lookup._idf is not None:
            counts[:, : len(self._lookup._idf)] *= self._lookup._idf
        dtype = "float32" if self.output_mode == "tf_idf" else "int32"
        return backend.asarray(counts.reshape(*texts.shape, -1).astype(dtype))

    def _padded(self, found: list[list[int]], shape: tuple[int, ...]) -> Any:
        if self.split is None and self.output_sequence_length is None and self.ngrams is None:
            return np.asarray([row[0] for row in found], "int32").reshape(shape)
        length = self.output_sequence_length
        if length is None:
            length = max((len(row) for row in found), default=0)
        table = np.zeros((len(found), length), "int32")
        for row, indices in enumerate(found):
            table[row, : min(length, len(indices))] = indices[:length]
        return table.reshape(*shape, length)

    def compute_output_spec(self, inputs: Any) -> Any:
        """The shape of the indices, or of the rows."""
        shape = (
            inputs.shape[:-1] if len(inputs.shape) > 1 and self.split is not None else inputs.shape
        )
        if self.output_mode == "int":
            alone = self.split is None and self.output_sequence_length is None
            tail = () if alone else (self.output_sequence_length,)
            return KerasTensor((*shape, *tail), "int32")
        size = self.max_tokens if self.pad_to_max_tokens else self.vocabulary_size()
        return KerasTensor((*shape, size), "float32" if self.output_mode == "tf_idf" else "int32")

    # ----------------------------------------------------------------------------------------- saving

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, with the vocabulary if it was given."""
        return {
            **Layer.get_config(self),
            "max_tokens": self.max_tokens,
            "standardize": serialize_keras_object(self.standardize),
            "split": serialize_keras_object(self.split),
            "ngrams": self.ngrams,
            "output_mode": self.output_mode,
            "output_sequence_length": self.output_sequence_length,
            "pad_to_max_tokens": self.pad_to_max_tokens,
            "sparse": False,
            "ragged": False,
            "vocabulary": self._lookup.vocabulary,
            "idf_weights": self._lookup.idf_weights,
            "encoding": self.encoding,
            "vocabulary_size": self.vocabulary_size(),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """A layer from the result of `get_config`, which holds the words themselves.

        Args:
            config: plain data.
            custom_objects: name -> class or function, for names that are not registered.

        Raises:
            UnsafeFileError: if it names a file of them instead.
        """
        return super().from_config(with_words(config, cls.__name__), custom_objects)

    def save_own_variables(self, store: Any) -> None:
        """Put the idf weights into `store`, if there are any."""
        self._lookup.save_own_variables(store)

    def load_own_variables(self, store: Any) -> None:
        """Take the idf weights from `store`."""
        self._lookup.load_own_variables(store)

    def save_assets(self, dir_path: Any) -> None:
        """Write the vocabulary to a file in a directory."""
        self._lookup.save_assets(dir_path)

    def load_assets(self, dir_path: Any) -> None:
        """Read the vocabulary from a file in a directory."""
        self._lookup.load_assets(dir_path)


def _known(value: Any, table: dict[str, Any], name: str) -> Any:
    if value is None or callable(value) or value in table:
        return value
    raise InputError(
        f"TextVectorization: `{name}` must be one of {tuple(table)}, a function or None, got {value!r}."
    )

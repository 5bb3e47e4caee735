"""`StringLookup` and `IntegerLookup`: categories as indices into a vocabulary."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from hornbeam import ops
from hornbeam.backends import registry
from hornbeam.backends.symbolic import KerasTensor
from hornbeam.errors import InputError, UnsafeFileError, UnsupportedError
from hornbeam.layers.layer import Layer
from hornbeam.layers.preprocessing.adapting import Adapting, batches, encode, to_host
from hornbeam.layers.preprocessing.categories import checked_mode, dense_only
from hornbeam.layers.preprocessing.hashing import bucket, checked_salt
from hornbeam.saving.objects import builtin

MODES = ("int", "tf_idf")
IDF_FILE = "idf_weights.txt"
"""Beside the vocabulary in the assets of a layer: a weight for each token, one a line."""


class Vocabulary(Adapting):
    """A vocabulary with places for what is not in it: what both lookup layers share.

    The vocabulary lies on the host, and so does the look-up; it belongs in front of compiled code.
    """

    _kind: ClassVar[str]

    def _set_vocabulary_arguments(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary: Any,
        idf_weights: Any,
        invert: bool,
        output_mode: str,
        sparse: bool,
        pad_to_max_tokens: bool,
        salt: Any,
        oov_method: str,
    ) -> None:
        kind = type(self).__name__
        if max_tokens is not None and max_tokens <= 1:
            raise InputError(f"{kind}: `max_tokens` must be above 1, got {max_tokens}.")
        if pad_to_max_tokens and max_tokens is None:
            raise InputError(f"{kind}: `pad_to_max_tokens` needs `max_tokens`.")
        if num_oov_indices < 0:
            raise InputError(
                f"{kind}: `num_oov_indices` must not be negative, got {num_oov_indices}."
            )
        self.output_mode = checked_mode(output_mode, kind, MODES)
        if invert and (self.output_mode != "int" or num_oov_indices > 1):
            raise InputError(
                f"{kind}: `invert` goes with output_mode='int' and one OOV index at most."
            )
        if idf_weights is not None and self.output_mode != "tf_idf":
            raise InputError(f"{kind}: `idf_weights` go with output_mode='tf_idf'.")
        self.max_tokens = max_tokens
        self.num_oov_indices = num_oov_indices
        self.mask_token = mask_token
        self.oov_token = oov_token
        self.invert = invert
        self.sparse = dense_only(sparse, kind)
        self.pad_to_max_tokens = pad_to_max_tokens
        self.oov_method = oov_method
        self.salt = checked_salt(salt, kind)
        self.vocabulary: Any = None
        self.idf_weights: Any = None
        self._tokens: list[Any] = []
        self._index: dict[Any, int] = {}
        self._idf: Any = None
        self._fixed = vocabulary is not None
        self.reset_counts()
        if vocabulary is not None:
            self.set_vocabulary(_read(vocabulary, self._as_token), idf_weights)
            self.vocabulary, self.idf_weights = self._tokens, self._given_idf(idf_weights)

    @staticmethod
    def _given_idf(idf_weights: Any) -> Any:
        return None if idf_weights is None else np.asarray(idf_weights, "float32").tolist()

    def _as_token(self, value: Any) -> Any:
        raise NotImplementedError

    def reset_counts(self) -> None:
        """Forget how often tokens have been seen."""
        self._counts: Counter[Any] = Counter()
        self._documents: Counter[Any] = Counter()
        self._seen = 0

    # --------------------------------------------------------------------------------- vocabulary

    def _special(self, with_mask: bool | None = None) -> list[Any]:
        masked = self.output_mode == "int" if with_mask is None else with_mask
        mask = [self.mask_token] if masked and self.mask_token is not None else []
        return mask + [self.oov_token] * self.num_oov_indices

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The tokens in the order of their indices.

        Args:
            include_special_tokens: whether the mask token and the OOV tokens are included.
        """
        return [*(self._special() if include_special_tokens else []), *self._tokens]

    def vocabulary_size(self) -> int:
        """How many indices there are, special ones included."""
        return len(self._special()) + len(self._tokens)

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Replace the vocabulary.

        Args:
            vocabulary: tokens, with or without the special ones in front; or a file with one a line.
            idf_weights: a weight for each token, for output_mode="tf_idf".

        Raises:
            InputError: if a token occurs twice, or there are too many, or weights are missing.
        """
        tokens = _read(vocabulary, self._as_token)
        special = self._special()
        if special and tokens[: len(special)] == special:
            tokens = tokens[len(special) :]
        name = f"Layer {self.name!r} ({type(self).__name__})"
        repeated = [t for t, n in Counter(tokens).items() if n > 1]
        if repeated:
            raise InputError(f"{name}: the vocabulary holds {repeated[0]!r} more than once.")
        reserved = [t for t in (self.mask_token, self.oov_token) if t is not None and t in tokens]
        if reserved:
            raise InputError(
                f"{name}: the token {reserved[0]!r} is a special one and cannot be in the vocabulary."
            )
        size = len(special) + len(tokens)
        if self.max_tokens is not None and size > self.max_tokens:
            raise InputError(
                f"{name}: the vocabulary has {size} tokens with the special ones, but "
                f"max_tokens={self.max_tokens}."
            )
        self._tokens = tokens
        first = len(self._special())
        self._index = {token: first + i for i, token in enumerate(tokens)}
        self._set_idf(idf_weights, name)
        self.built = True

    def _set_idf(self, idf_weights: Any, name: str) -> None:
        if self.output_mode != "tf_idf":
            return
        if idf_weights is None:
            raise InputError(f"{name}: with output_mode='tf_idf' give `idf_weights` as well.")
        given = np.asarray(idf_weights, "float32")
        if len(given) == len(self._tokens) + self.num_oov_indices and self.num_oov_indices:
            given = given[self.num_oov_indices :]
        if len(given) != len(self._tokens):
            raise InputError(
                f"{name}: got {len(given)} `idf_weights` for {len(self._tokens)} tokens."
            )
        unknown = np.full(self.num_oov_indices, given.mean() if len(given) else 1.0, "float32")
        self._idf = np.concatenate([unknown, given])

    # ------------------------------------------------------------------------------------ learning

    def reset_state(self) -> None:
        """Forget what was learnt; a vocabulary that was given stays."""
        if self._fixed:
            return
        self.reset_counts()
        self._tokens, self._index = [], {}

    def update_state(self, data: Any) -> None:
        """Count the tokens of one batch."""
        if self._fixed:
            raise InputError(
                f"Layer {self.name!r} ({type(self).__name__}) was given a vocabulary, so adapt() has "
                "nothing to learn."
            )
        for array in batches(data):
            rows = array.reshape(len(array), -1) if array.ndim > 1 else array.reshape(-1, 1)
            for row in rows.tolist():
                self._count([self._as_token(t) for t in row])

    def _count(self, tokens: list[Any]) -> None:
        self._counts.update(tokens)
        self._documents.update(set(tokens))
        self._seen += 1

    def finalize_state(self) -> None:
        """Make the vocabulary of what was counted: the most frequent tokens first."""
        if self._fixed:
            return
        special = {self.mask_token, self.oov_token} - {None}
        ordered = sorted(self._counts.items(), key=lambda item: (item[1], item[0]), reverse=True)
        tokens = [token for token, _ in ordered if token not in special]
        if self.max_tokens is not None:
            tokens = tokens[: self.max_tokens - len(self._special())]
        weights = None
        if self.output_mode == "tf_idf":
            seen = np.array([self._documents[t] for t in tokens], "float32")
            weights = np.log(1 + self._seen / (1 + seen))
        self.set_vocabulary(tokens, weights)

    # ------------------------------------------------------------------------------------- look-up

    def _lookup(self, values: Any) -> Any:
        """Indices, int32, in the shape of `values`."""
        found = [self._index_of(self._as_token(v)) for v in values.reshape(-1).tolist()]
        return np.asarray(found, "int32").reshape(values.shape)

    def _index_of(self, token: Any) -> int:
        index = self._index.get(token)
        if index is not None:
            return index
        masked = self.mask_token is not None and self.output_mode == "int"
        if masked and token == self.mask_token:
            return 0
        if self.num_oov_indices == 0:
            raise InputError(
                f"Layer {self.name!r} ({type(self).__name__}) met {token!r}, which is not in its "
                "vocabulary, and has num_oov_indices=0."
            )
        return int(masked) + self._oov_bin(token)

    def _oov_bin(self, token: Any) -> int:
        if self.num_oov_indices == 1:
            return 0
        if self.oov_method == "floormod" and isinstance(token, int):
            return token % self.num_oov_indices
        return bucket(token, self.num_oov_indices, self.salt)

    def call(self, inputs: Any) -> Any:
        """Indices of tokens, encoded; with `invert` tokens of indices."""
        self._need_vocabulary()
        values = to_host(inputs)
        if self.invert:
            return self._tokens_at(values)
        backend = registry.current()
        indices = self._lookup(values)
        if self.output_mode == "int":
            return backend.asarray(indices)
        return self._rows(backend.asarray(indices))

    def _need_vocabulary(self) -> None:
        if not self._tokens:
            raise InputError(
                f"Layer {self.name!r} ({type(self).__name__}) has no vocabulary yet: call adapt(data) "
                "first, or pass `vocabulary=`."
            )

    def _tokens_at(self, indices: Any) -> Any:
        table = self.get_vocabulary()
        default = self.oov_token
        found = [table[i] if 0 <= i < len(table) else default for i in indices.reshape(-1).tolist()]
        return np.asarray(found).reshape(indices.shape)

    def _rows(self, indices: Any) -> Any:
        size = self.max_tokens if self.pad_to_max_tokens else self.vocabulary_size()
        if self.output_mode != "tf_idf":
            return encode(indices, self.output_mode, int(size or 0), dtype="int32")
        counts = encode(indices, "count", int(size or 0), dtype="float32")
        idf = np.zeros(int(size or 0), "float32")
        if self._idf is not None:
            idf[: len(self._idf)] = self._idf
        return ops.multiply(counts, idf)

    def compute_output_spec(self, inputs: Any) -> Any:
        """The shape of the encoded indices."""
        indices = KerasTensor(inputs.shape, "int32")
        if self.invert:
            return KerasTensor(inputs.shape, self._kind)
        return indices if self.output_mode == "int" else self._rows(indices)

    # --------------------------------------------------------------------------------------- saving

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, with the vocabulary if it was given."""
        return {
            **Layer.get_config(self),
            "invert": self.invert,
            "max_tokens": self.max_tokens,
            "num_oov_indices": self.num_oov_indices,
            "oov_token": self.oov_token,
            "mask_token": self.mask_token,
            "output_mode": self.output_mode,
            "sparse": False,
            "pad_to_max_tokens": self.pad_to_max_tokens,
            "idf_weights": self.idf_weights,
            "vocabulary": self.vocabulary,
            "vocabulary_size": self.vocabulary_size(),
            "oov_method": self.oov_method,
            "salt": self.salt,
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
        if self._idf is not None:
            store["idf_weights"] = self._idf[self.num_oov_indices :]

    def load_own_variables(self, store: Any) -> None:
        """Take the idf weights from `store`."""
        if "idf_weights" in store and self._tokens:
            self._set_idf(np.asarray(store["idf_weights"]), f"Layer {self.name!r}")

    def save_assets(self, dir_path: Any) -> None:
        """Write the vocabulary to ``vocabulary.txt`` in a directory, one token a line."""
        with open(f"{dir_path}/vocabulary.txt", "w", encoding="utf-8") as file:
            file.write("\n".join(str(t) for t in self._tokens))
        if self._idf is not None:
            with open(f"{dir_path}/{IDF_FILE}", "w", encoding="utf-8") as file:
                file.write("\n".join(str(w) for w in self._idf[self.num_oov_indices :].tolist()))

    def load_assets(self, dir_path: Any) -> None:
        """Read the vocabulary that `save_assets` wrote."""
        tokens = _read(f"{dir_path}/vocabulary.txt", self._as_token)
        weights = None
        if self.output_mode == "tf_idf":
            path = Path(f"{dir_path}/{IDF_FILE}")
            if not path.exists():
                raise UnsupportedError(
                    f"The file holds no idf weights for layer {self.name!r} ({type(self).__name__}, "
                    "output_mode='tf_idf'): adapt() a new layer, or give it `idf_weights`."
                )
            weights = [float(line) for line in path.read_text(encoding="utf-8").split()]
        self.set_vocabulary(tokens, weights)


def with_words(config: dict[str, Any], kind: str) -> dict[str, Any]:
    """`config`, if its vocabulary is no path: a config is data, and makes nobody open files.

    Raises:
        UnsafeFileError: if it is one.
    """
    given = config.get("vocabulary")
    if isinstance(given, (str, bytes, os.PathLike)):
        raise UnsafeFileError(
            f"The config of a {kind} names the file {given!r:.80} for its vocabulary; a config may only "
            f"hold the words themselves. To read words from a file, call {kind}(vocabulary=path)."
        )
    return config


def _read(vocabulary: Any, as_token: Any) -> list[Any]:
    if isinstance(vocabulary, str):
        with open(vocabulary, encoding="utf-8") as file:
            return [as_token(line.rstrip("\n")) for line in file]
    return [as_token(t) for t in np.asarray(vocabulary, object).reshape(-1).tolist()]


@builtin("keras.layers")
class StringLookup(Vocabulary):
    """Strings as indices into a vocabulary.

    Indices are: 0 for the mask token, if there is one; then one or more for strings that are not in the
    vocabulary (OOV); then the vocabulary, the most frequent string first.

    Args:
        max_tokens: how many indices there may be; None for any number.
        num_oov_indices: how many indices strings outside of the vocabulary share, by their hash.
        mask_token: the string that stands for "nothing".
        oov_token: what `invert` gives for indices outside of the vocabulary.
        vocabulary: the strings, or a text file with one a line; else `adapt` finds them.
        idf_weights: for "tf_idf" with a `vocabulary`, the weight of each string.
        invert: whether to go from indices to strings.
        output_mode: "int" for indices, or "one_hot", "multi_hot", "count" as in `CategoryEncoding`, or
            "tf_idf" for counts times weights.
        pad_to_max_tokens: whether encoded rows have `max_tokens` columns at any rate.
        sparse: must be False.
        encoding: of bytes; "utf-8".
        name: see `Layer`.
        salt: an int or two, the key of the OOV hash.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.StringLookup(vocabulary=["a", "b"])
    >>> layer([["b", "z"], ["a", "a"]]).tolist()
    [[2, 0], [1, 1]]
    """

    _kind = "string"

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: Any = None,
        **kwargs: Any,
    ) -> None:
        for key in ("vocabulary_size", "oov_method"):
            kwargs.pop(key, None)
        super().__init__(name=name, **kwargs)
        self.encoding = encoding
        self._set_vocabulary_arguments(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            sparse,
            pad_to_max_tokens,
            salt,
            "floormod",
        )

    def _as_token(self, value: Any) -> Any:
        return value.decode(self.encoding) if isinstance(value, bytes) else str(value)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, with the vocabulary if it was given."""
        return {**super().get_config(), "encoding": self.encoding}


@builtin("keras.layers")
class IntegerLookup(Vocabulary):
    """Ints as indices into a vocabulary.

    Indices are laid out as in `StringLookup`.

    Args:
        max_tokens: how many indices there may be; None for any number.
        num_oov_indices: how many indices ints outside of the vocabulary share.
        mask_token: the int that stands for "nothing".
        oov_token: what `invert` gives for indices outside of the vocabulary.
        vocabulary: the ints, or a text file with one a line; else `adapt` finds them.
        vocabulary_dtype: "int64" or "int32".
        idf_weights: for "tf_idf" with a `vocabulary`, the weight of each int.
        invert: whether to go from indices to ints.
        output_mode: as in `StringLookup`.
        sparse: must be False.
        pad_to_max_tokens: whether encoded rows have `max_tokens` columns at any rate.
        oov_method: which OOV index an int gets: "floormod" for its remainder, or "farmhash".
        salt: an int or two, the key of the hash, with "farmhash".
        name: see `Layer`.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.IntegerLookup(vocabulary=[12, 36])
    >>> layer(hornbeam.ops.convert_to_tensor([36, 7])).tolist()
    [2, 0]
    """

    _kind = "int64"

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("vocabulary_size", None)
        super().__init__(name=name, **kwargs)
        if oov_method not in ("floormod", "farmhash"):
            raise InputError(
                f"IntegerLookup: `oov_method` must be 'floormod' or 'farmhash', got {oov_method!r}."
            )
        if salt is not None and oov_method != "farmhash":
            raise InputError("IntegerLookup: `salt` goes with oov_method='farmhash'.")
        self.vocabulary_dtype = vocabulary_dtype
        self._set_vocabulary_arguments(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            sparse,
            pad_to_max_tokens,
            salt,
            oov_method,
        )

    def _as_token(self, value: Any) -> Any:
        return int(value)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, with the vocabulary if it was given."""
        return {**super().get_config(), "vocabulary_dtype": self.vocabulary_dtype}

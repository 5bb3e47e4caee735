"""`Hashing` and `HashedCrossing`: categories without a vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hornbeam.backends import registry
from hornbeam.backends.symbolic import KerasTensor
from hornbeam.errors import InputError
from hornbeam.layers.layer import Layer
from hornbeam.layers.preprocessing.adapting import encode, to_host
from hornbeam.layers.preprocessing.categories import checked_mode, dense_only
from hornbeam.layers.preprocessing.hashes import crossed, farmhash64, siphash
from hornbeam.saving.objects import builtin


def bucket(value: Any, bins: int, salt: Sequence[int] | None = None) -> int:
    """The bin of a string, or of a number by its digits."""
    text = str(value).encode()
    return (farmhash64(text) if salt is None else siphash(text, salt)) % bins


def _fingerprint(value: Any) -> int:
    return farmhash64(value.encode()) if isinstance(value, str) else int(value)


def checked_salt(salt: Any, kind: str) -> list[int] | None:
    """`salt` as two ints, or None."""
    if salt is None:
        return None
    if isinstance(salt, int) and not isinstance(salt, bool):
        return [salt, salt]
    if isinstance(salt, (list, tuple)) and len(salt) == 2 and all(isinstance(s, int) for s in salt):
        return list(salt)
    raise InputError(f"{kind}: `salt` must be an int or two ints, got {salt!r}.")


class _HashLayer(Layer):
    num_bins: int
    output_mode: str

    def _set_bins(self, num_bins: int, output_mode: str, sparse: bool) -> None:
        kind = type(self).__name__
        if isinstance(num_bins, bool) or not isinstance(num_bins, int) or num_bins <= 0:
            raise InputError(f"{kind}: `num_bins` must be a positive int, got {num_bins!r}.")
        self.num_bins = num_bins
        self.output_mode = checked_mode(output_mode, kind)
        self.sparse = dense_only(sparse, kind)

    def _encoded(self, indices: Any) -> Any:
        array = registry.current().asarray(indices)
        if self.output_mode == "int":
            return array
        return encode(array, self.output_mode, self.num_bins, dtype="float32")

    def _spec(self, shape: Sequence[int | None]) -> Any:
        if self.output_mode == "int":
            return KerasTensor(shape, "int32")
        return encode(KerasTensor(shape, "int32"), self.output_mode, self.num_bins, dtype="float32")


@builtin("keras.layers")
class Hashing(_HashLayer):
    """Strings or ints as numbers below `num_bins`, by a hash of their text.

    The hash is FarmHash64, or SipHash-2-4 with a `salt`; it is the same on all machines and engines.
    It runs on the host, so it belongs in front of compiled code.

    Args:
        num_bins: how many bins there are.
        mask_value: what stands for "nothing": it gets the bin 0, which nothing else gets then.
        salt: an int or two, the key of the hash.
        output_mode: "int" for the bin, or "one_hot", "multi_hot" or "count" as in `CategoryEncoding`.
        sparse: must be False.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.Hashing(num_bins=1000)
    >>> layer(["x", "zebra"]).tolist()
    [970, 162]
    """

    def __init__(
        self,
        num_bins: int,
        mask_value: Any = None,
        salt: Any = None,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("dtype", "int64")
        super().__init__(**kwargs)
        self._set_bins(num_bins, output_mode, sparse)
        self.mask_value = mask_value
        self.salt = checked_salt(salt, "Hashing")

    def call(self, inputs: Any) -> Any:
        """The bins, encoded."""
        values = to_host(inputs)
        masked = self.mask_value is not None
        bins = self.num_bins - 1 if masked and self.num_bins > 1 else self.num_bins
        shift = self.num_bins - bins
        found = [
            0 if masked and v == self.mask_value else bucket(v, bins, self.salt) + shift
            for v in values.reshape(-1).tolist()
        ]
        return self._encoded(np.asarray(found, "int32").reshape(values.shape))

    def compute_output_spec(self, inputs: Any) -> Any:
        """The shape of the bins, encoded."""
        return self._spec(inputs.shape)


@builtin("keras.layers")
class HashedCrossing(_HashLayer):
    """Pairs (or more) of categories as numbers below `num_bins`, by a hash of all of them.

    Texts count by their FarmHash64, integers by their value; the bins are those of Keras.

    Args:
        num_bins: how many bins there are.
        output_mode: "int" for the bin, or "one_hot", "multi_hot" or "count" as in `CategoryEncoding`.
        sparse: must be False.
        name: see `Layer`.
        dtype: see `Layer`.
        **kwargs: see `Layer`.

    Input: a list of arrays of equal shape, of strings or ints.

    Example:

    >>> import hornbeam, numpy
    >>> layer = hornbeam.layers.HashedCrossing(num_bins=5)
    >>> layer((numpy.array(["A", "B"]), numpy.array([101, 102]))).shape
    (2,)
    """

    def __init__(
        self,
        num_bins: int,
        output_mode: str = "int",
        sparse: bool = False,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, dtype=dtype or "int64", **kwargs)
        self._set_bins(num_bins, output_mode, sparse)

    def call(self, inputs: Any) -> Any:
        """The bins, encoded."""
        columns = [to_host(x) for x in inputs]
        if len(columns) < 2 or len({c.shape for c in columns}) != 1:
            raise InputError(
                f"Layer {self.path!r} (HashedCrossing) crosses two or more arrays of equal shape, got "
                f"shapes {[c.shape for c in columns]}."
            )
        rows = zip(*(c.reshape(-1).tolist() for c in columns), strict=True)
        found = [crossed([_fingerprint(v) for v in row]) % self.num_bins for row in rows]
        return self._encoded(np.asarray(found, "int32").reshape(columns[0].shape))

    def compute_output_spec(self, inputs: Any) -> Any:
        """The shape of the bins, encoded."""
        return self._spec(inputs[0].shape)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "num_bins": self.num_bins,
            "output_mode": self.output_mode,
            "sparse": False,
            "name": self.name,
            "dtype": self.dtype,
        }

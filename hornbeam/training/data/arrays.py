"""Data that is in memory: arrays, lists, data frames, nested in lists and dicts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from hornbeam import dtypes, tree
from hornbeam.backends.numpy import rows_of
from hornbeam.errors import InputError
from hornbeam.ops.record import owner_of
from hornbeam.random import streams
from hornbeam.training.data.convert import to_array
from hornbeam.training.data.tables import SparseRows, is_sparse, named_columns
from hornbeam.training.data.weights import check_class_weight, with_class_weight

Batch = tuple[Any, Any, Any]


class ArrayData:
    """Rows of arrays in batches, shuffled or not.

    Args:
        x: the inputs, nested in any way; the first axis of every array counts the rows.
        y: the targets, likewise, or None.
        sample_weight: weights of the rows, or None.
        batch_size: rows per batch; the last batch may be smaller.
        shuffle: True for a new order of the rows each epoch, "batch" for a new order of the batches.
        class_weight: class -> weight.
        steps: how many batches an epoch has, if not all.
        what: the function that the user called, for messages.
    """

    in_memory = True

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        batch_size: int = 32,
        shuffle: bool | str = False,
        class_weight: Any = None,
        steps: int | None = None,
        what: str = "fit",
    ) -> None:
        if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
            raise InputError(f"`batch_size` must be a positive int, got {batch_size!r}.")
        check_class_weight(class_weight)
        x, y, sample_weight = named_columns(x, y, sample_weight)
        self.x = as_arrays(x, "x", keep_sparse=True)
        self.y = as_arrays(y, "y")
        weights = as_arrays(sample_weight, "sample_weight")
        self.rows = count_rows(self.x, self.y, weights, what)
        self.sample_weight = with_class_weight(self.y, weights, class_weight)
        self.batch_size = min(int(batch_size), self.rows)
        self.shuffle = shuffle
        self.seed = streams.next_seed() if shuffle else 0
        self.whole_epoch = math.ceil(self.rows / self.batch_size)
        self.steps = steps or self.whole_epoch
        self.device_leaves: list[Any] | None = None  # filled by the loop that wants them there

    @property
    def num_batches(self) -> int | None:
        """How many batches an epoch has."""
        return self.steps

    def arrays(self) -> Batch:
        """Everything at once."""
        return self.x, self.y, self.sample_weight

    def order(self, epoch: int) -> Any:
        """The rows in the order of that epoch, as int32 numbers.

        It depends on the seed and the epoch alone, so that a resumed run meets the same batches.
        """
        if not self.shuffle:
            return np.arange(self.rows, dtype=np.int32)
        rng = np.random.Generator(np.random.Philox(key=self.seed, counter=epoch))
        if self.shuffle == "batch":
            starts = np.arange(self.whole_epoch) * self.batch_size
            rng.shuffle(starts[:-1])
            pieces = [np.arange(s, min(s + self.batch_size, self.rows)) for s in starts.tolist()]
            return np.concatenate(pieces).astype(np.int32)
        return rng.permutation(self.rows).astype(np.int32)

    def description(self) -> dict[str, Any]:
        """What must be the same for a run to go on from a checkpoint."""
        return {
            "rows": self.rows,
            "batch_size": self.batch_size,
            "steps": self.steps,
            "shuffle": self.shuffle,
        }

    def get_state(self) -> dict[str, Any]:
        """What decides the order of the rows."""
        return {"seed": self.seed}

    def set_state(self, state: dict[str, Any], epoch: int, step: int) -> None:
        """Take the order of a checkpoint; `epoch` and `step` say where it stands."""
        self.seed = state["seed"]

    def close(self) -> None:
        """Nothing works ahead."""

    def epoch(
        self, epoch: int = 0, first_step: int = 0, own: Callable[[Any], Any] | None = None
    ) -> Iterator[Batch]:
        """The batches of an epoch, from `first_step` on.

        Args:
            epoch: its number.
            first_step: the first batch.
            own: what to make of NumPy arrays that a batch has to itself.
        """
        order = self.order(epoch + first_step // self.whole_epoch)
        data = self.arrays()
        leaves, spec = tree.flatten_with_spec(data)
        for step in range(first_step, self.steps):
            place = step % self.whole_epoch
            if place == 0 and step > first_step:
                order = self.order(epoch + step // self.whole_epoch)
            first = place * self.batch_size
            rows = order[first : first + self.batch_size]
            picked = [_pick(leaf, rows, first, not self.shuffle) for leaf in leaves]
            if own is not None and self.shuffle:
                picked = [own(leaf) if type(leaf) is np.ndarray else leaf for leaf in picked]
            yield tree.unflatten(spec, picked)

    def peek(self) -> Batch:
        """A first batch, to build the model with."""
        rows = np.arange(self.batch_size, dtype=np.int32)
        return tree.map_structure(  # type: ignore[no-any-return]
            lambda leaf: _pick(leaf, rows, 0, True), self.arrays()
        )

    def on_epoch_end(self) -> None:
        """Nothing happens between epochs."""


def _pick(leaf: Any, rows: Any, first: int, in_order: bool) -> Any:
    if leaf is None:
        return None
    if in_order:
        return leaf[first : first + len(rows)]
    if isinstance(leaf, np.ndarray):
        return rows_of(leaf, rows)
    if isinstance(leaf, SparseRows):
        return leaf[rows]
    owner = owner_of(leaf)
    assert owner is not None
    return owner.take(leaf, owner.asarray(rows), 0)


def as_arrays(structure: Any, name: str, keep_sparse: bool = False) -> Any:
    """`structure` with arrays that training can use as its leaves; see `to_array`.

    Args:
        structure: arrays and what can be made one, nested in any way, or None.
        name: what to call it in messages.
        keep_sparse: whether sparse matrices stay sparse.
    """
    if structure is None:
        return None
    if type(structure) is np.ndarray:  # mostly; the trees below take 10 us
        return to_array(structure, name)
    leaves = tree.flatten(structure)
    if isinstance(structure, (list, tuple)) and leaves and not hasattr(leaves[0], "shape"):
        if all(isinstance(leaf, (int, float, bool, str)) for leaf in leaves):
            return to_array(structure, name)
    paths = tree.flatten_with_path(structure)
    made = []
    for path, leaf in paths:
        shown = name + "".join(f"[{key!r}]" for key in path)
        if keep_sparse and is_sparse(leaf):
            made.append(SparseRows(leaf, dtypes.floatx()))
        else:
            made.append(leaf if isinstance(leaf, SparseRows) else to_array(leaf, shown))
    return tree.pack_sequence_as(structure, made)


def count_rows(x: Any, y: Any, sample_weight: Any, what: str) -> int:
    """How many rows all arrays have; it is an error if they have not the same number.

    Args:
        x: a nest of arrays, like the two after it; None counts for nothing.
        y: targets.
        sample_weight: weights.
        what: what errors call the method that got them.
    """
    counts: dict[str, int] = {}
    for name, structure in (("x", x), ("y", y), ("sample_weight", sample_weight)):
        one = structure is None or type(structure) is np.ndarray  # mostly; a tree takes 5 us
        for path, leaf in [((), structure)] if one else tree.flatten_with_path(structure):
            if leaf is None:
                continue
            shown = name + "".join(f"[{key!r}]" for key in path)
            if not len(leaf.shape):
                raise InputError(
                    f"{what}(): `{shown}` is a scalar; the first axis of every array must count the "
                    "rows."
                )
            counts[shown] = int(leaf.shape[0])
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"`{name}` has {count}" for name, count in counts.items())
        raise InputError(
            f"{what}(): all arrays must have the same number of rows (the size of their first axis), "
            f"but {listed}."
        )
    rows = next(iter(counts.values()), 0)
    if rows == 0:
        raise InputError(f"{what}() got empty data: `x` has no rows.")
    return rows


def train_validation_split(arrays: Batch, validation_split: float) -> tuple[Batch, Batch]:
    """The first part of the rows for training, the last `validation_split` of them for validation.

    Args:
        arrays: (x, y, sample_weight), each nested in any way or None.
        validation_split: a fraction in (0, 1).

    Raises:
        InputError: if either part would be empty.
    """
    if not 0 < validation_split < 1:
        raise InputError(f"`validation_split` must lie between 0 and 1, got {validation_split}.")
    x, y, sample_weight = named_columns(*arrays)
    converted = (
        as_arrays(x, "x", keep_sparse=True),
        as_arrays(y, "y"),
        as_arrays(sample_weight, "sample_weight"),
    )
    rows = count_rows(*converted, "fit")
    cut = math.floor(rows * (1.0 - validation_split))
    if cut == 0 or cut == rows:
        raise InputError(
            f"validation_split={validation_split} of {rows} rows leaves nothing for "
            f"{'training' if cut == 0 else 'validation'}."
        )
    first, last = (
        tree.map_structure(lambda a, part=part: _part(a, part), converted)
        for part in (slice(cut), slice(cut, None))
    )
    return first, last


def _part(leaf: Any, rows: slice) -> Any:
    if leaf is None:
        return None
    return leaf.part(rows) if isinstance(leaf, SparseRows) else leaf[rows]

"""What the properties of the table are checked with."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam import dtypes, ops, tree
from hornbeam.backends import registry


def to_numpy(result: Any) -> list[np.ndarray]:
    """The arrays of a result, in order."""
    return [np.asarray(ops.convert_to_numpy(leaf)) for leaf in tree.flatten(result)]


def on_engine(engine: str, inputs: Any, dtype: Any = None) -> Any:
    """`inputs` with its NumPy arrays on an engine."""
    b = registry.get(engine)

    def move(leaf: Any) -> Any:
        return b.asarray(leaf, dtype) if isinstance(leaf, np.ndarray) else leaf

    return tree.map_structure(move, inputs)


def assert_same_values(got: Any, expected: Any, rtol: float, atol: float, what: str) -> None:
    """Both have as many arrays, of equal shapes and of nearly equal values."""
    first = to_numpy(got)
    second = [np.asarray(leaf) for leaf in tree.flatten(expected)]
    assert len(first) == len(second), f"{what}: {len(first)} results, expected {len(second)}"
    for i, (a, b) in enumerate(zip(first, second, strict=True)):
        assert a.shape == b.shape, f"{what}: result {i} has shape {a.shape}, expected {b.shape}"
        np.testing.assert_allclose(
            _comparable(a), _comparable(b), rtol=rtol, atol=atol, err_msg=f"{what}, result {i}"
        )


def _comparable(a: np.ndarray) -> np.ndarray:
    return a.astype(np.complex128) if a.dtype.kind == "c" else a.astype(np.float64)


def signature(result: Any) -> list[tuple[tuple[Any, ...], str]]:
    """(shape, dtype) of each array of a result."""
    return [(tuple(leaf.shape), dtypes.standardize(leaf.dtype)) for leaf in tree.flatten(result)]


def fits(symbolic: tuple[Any, ...], concrete: tuple[int, ...]) -> bool:
    """Whether a shape with unknown sizes may be that concrete one."""
    return len(symbolic) == len(concrete) and all(
        s is None or s == c for s, c in zip(symbolic, concrete, strict=True)
    )

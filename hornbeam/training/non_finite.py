"""Where the first NaN or infinity is: in the data, in a weight, or out of which layer it comes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from hornbeam import tree
from hornbeam.backends import registry
from hornbeam.ops.record import owner_of
from hornbeam.training.data.batches import unpack_x_y_sample_weight


def find_non_finite(model: Any, data: Any) -> str | None:
    """A sentence on the first value that is not finite, or None if all are.

    It looks at the batch, then at the weights, then runs the model layer by layer, eagerly.

    Args:
        model: a built model.
        data: a batch: x, (x, y) or (x, y, sample_weight).

    Example:

    >>> import hornbeam, numpy
    >>> model = hornbeam.Sequential(
    ...     [hornbeam.Input((1,)), hornbeam.layers.Lambda(hornbeam.ops.log, name="logarithm")]
    ... )
    >>> hornbeam.utils.find_non_finite(model, numpy.zeros((2, 1)))
    "The output of layer 'logarithm' (Lambda) has -inf, from finite inputs."
    """
    parts = dict(zip(("x", "y", "sample_weight"), unpack_x_y_sample_weight(data), strict=True))
    for name, part in parts.items():
        for path, leaf in tree.flatten_with_path(part) if part is not None else ():
            found = _odd(leaf)
            if found:
                shown = name + "".join(f"[{key!r}]" for key in path)
                return f"The data have {found} in `{shown}`."
    for variable in model.weights:
        found = _odd(variable.value)
        if found:
            return f"The variable {variable.path!r} has {found}."
    with registry.use_backend(model._model_backend()), _watched(model) as seen:
        model(parts["x"], training=False)
    return seen[0] if seen else None


@contextmanager
def _watched(model: Any) -> Iterator[list[str]]:
    """A context in which layers report outputs that are not finite; innermost layers first."""
    seen: list[str] = []
    layers = [layer for layer in model._flatten_layers() if layer is not model]

    def watch(layer: Any) -> None:
        call = layer.call

        def watched(*args: Any, **kwargs: Any) -> Any:
            outputs = call(*args, **kwargs)
            for leaf in tree.flatten(outputs):
                found = _odd(leaf)
                if found and not seen:
                    kind = type(layer).__name__
                    seen.append(
                        f"The output of layer {layer.name!r} ({kind}) has {found}, from finite inputs."
                    )
            return outputs

        object.__setattr__(layer, "call", watched)

    try:
        for layer in layers:
            watch(layer)
        yield seen
    finally:
        for layer in layers:
            layer.__dict__.pop("call", None)


def _odd(value: Any) -> str:
    """The first kind of value in an array that is not finite, or an empty string."""
    owner = owner_of(value)
    if owner is not None and not owner.is_concrete(value):
        return ""
    array = np.asarray(value) if owner is None else owner.to_numpy(value)
    if array.dtype.kind in "biuOSU":
        return ""
    array = array.astype(np.float32) if array.dtype.kind == "V" else array
    bad = array[~np.isfinite(array)]
    return str(bad.ravel()[0]) if bad.size else ""

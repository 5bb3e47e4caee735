"""What a layer demands of its inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hornbeam import dtypes, tree
from hornbeam.errors import InputError


class InputSpec:
    """A demand on the rank, shape and dtype of one input of a layer.

    Args:
        dtype: the dtype the input must have.
        shape: the shape it must have, None for sizes that do not matter.
        ndim: how many dimensions it must have.
        max_ndim: how many it may have.
        min_ndim: how many it must have at least.
        axes: axis -> the size it must have there.
        allow_last_axis_squeeze: whether a last axis of size 1 may be missing or too many.
        name: the key of the input, where inputs come as a dict.
        optional: whether the input may be None.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.InputSpec(ndim=2, axes={-1: 8})
    InputSpec(ndim=2, axes={-1: 8})
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: Sequence[int | None] | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: Mapping[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        self.dtype = None if dtype is None else dtypes.standardize(dtype)
        self.shape = None if shape is None else tuple(shape)
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.axes = {int(axis): size for axis, size in (axes or {}).items()}
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        self.name = name
        self.optional = optional

    def __repr__(self) -> str:
        shown = {key: value for key, value in self.get_config().items() if value}
        return f"InputSpec({', '.join(f'{key}={value}' for key, value in shown.items())})"

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "dtype": self.dtype,
            "shape": self.shape,
            "ndim": self.ndim,
            "max_ndim": self.max_ndim,
            "min_ndim": self.min_ndim,
            "axes": self.axes,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InputSpec:
        """A spec from the result of `get_config`."""
        return cls(**config)

    def problem_with(self, x: Any) -> str | None:
        """What is wrong with `x`, or None."""
        shape = tuple(x.shape)
        if self.allow_last_axis_squeeze and self.shape is not None:
            if len(shape) == len(self.shape) + 1 and shape[-1] == 1:
                shape = shape[:-1]
            elif len(shape) == len(self.shape) - 1 and self.shape[-1] == 1:
                shape = (*shape, 1)
        problem = self._problem_with_rank(len(shape))
        if problem is None and self.dtype is not None and dtypes.standardize(x.dtype) != self.dtype:
            problem = f"dtype {self.dtype}"
        if problem is None:
            wanted = self.axes
            if self.shape is not None:
                wanted = {**wanted, **dict(enumerate(self.shape))}
            for axis, size in wanted.items():
                if size is not None and shape[axis] is not None and shape[axis] != size:
                    return f"size {size} along axis {axis}"
        return problem

    def _problem_with_rank(self, ndim: int) -> str | None:
        if self.ndim is not None and ndim != self.ndim:
            return f"{self.ndim} dimensions"
        if self.min_ndim is not None and ndim < self.min_ndim:
            return f"at least {self.min_ndim} dimensions"
        if self.max_ndim is not None and ndim > self.max_ndim:
            return f"at most {self.max_ndim} dimensions"
        return None


def assert_input_compatibility(spec: Any, inputs: Any, layer: Any) -> None:
    """Raise InputError unless `inputs` fit the layer's ``input_spec``."""
    if type(spec) is InputSpec and hasattr(inputs, "shape") and spec.problem_with(inputs) is None:
        return  # one input that fits: nearly every call
    specs = tree.flatten(spec)
    values = _in_order(specs, inputs)
    if len(specs) != len(values):
        raise InputError(
            f"Layer {layer.name!r} ({type(layer).__name__}) expects {len(specs)} inputs, "
            f"got {len(values)}."
        )
    for index, (one, x) in enumerate(zip(specs, values, strict=True)):
        if one is None or x is None or not hasattr(x, "shape"):
            continue
        problem = one.problem_with(x)
        if problem:
            which = f"input {one.name or index}" if len(specs) > 1 else "input"
            shape = tuple(None if d is None else int(d) for d in x.shape)
            raise InputError(
                f"Layer {layer.name!r} ({type(layer).__name__}) expects an {which} with {problem}, "
                f"got shape {shape} and dtype {dtypes.standardize(x.dtype)}."
            )


def _in_order(specs: list[Any], inputs: Any) -> list[Any]:
    names = [getattr(one, "name", None) for one in specs]
    if isinstance(inputs, Mapping) and all(names) and set(names) <= set(inputs):
        return [inputs[name] for name in names]
    return tree.flatten(inputs)

"""`Merge` and `merge` of Keras 1: one layer with modes, where there is a layer for each now."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from hornbeam import layers
from hornbeam.compat.renames import warn_caller
from hornbeam.errors import InputError
from hornbeam.saving.objects import builtin

MODES: dict[str, str] = {
    "sum": "Add",
    "mul": "Multiply",
    "concat": "Concatenate",
    "ave": "Average",
    "cos": "Dot",
    "dot": "Dot",
    "max": "Maximum",
}
"""Mode -> the layer that does it today."""


def merging_layer(
    mode: str | Callable[..., Any],
    concat_axis: int = -1,
    dot_axes: Any = -1,
    output_shape: Any = None,
    arguments: Any = None,
    name: str | None = None,
) -> layers.Layer:
    """Today's layer for a mode of `Merge`.

    Args:
        mode: "sum", "mul", "concat", "ave", "cos", "dot" or "max", or a function of the inputs.
        concat_axis: the axis of "concat".
        dot_axes: the axes of "dot" and "cos".
        output_shape: of a function; its result is looked at instead, where that is possible.
        arguments: more keyword arguments of a function.
        name: the layer's name.

    Raises:
        InputError: for an unknown mode.

    Example:

    >>> type(merging_layer("ave")).__name__
    'Average'
    """
    if callable(mode):
        return layers.Lambda(mode, output_shape=output_shape, arguments=arguments, name=name)
    if mode not in MODES:
        raise InputError(f"`mode` must be a function or one of {sorted(MODES)}, got {mode!r}.")
    words: dict[str, Any] = {"name": name}
    if mode == "concat":
        words["axis"] = concat_axis
    if mode in ("dot", "cos"):
        words["axes"] = _axes(dot_axes)
        words["normalize"] = mode == "cos"
    return getattr(layers, MODES[mode])(**words)  # type: ignore[no-any-return]


def _axes(dot_axes: Any) -> Any:
    """Keras 1 also took ((1,), (2,)): one axis of each input, in tuples."""
    if isinstance(dot_axes, (list, tuple)):
        return tuple(axis[0] if isinstance(axis, (list, tuple)) else axis for axis in dot_axes)
    return dot_axes


def _advice(mode: Any) -> str:
    made = "Lambda" if callable(mode) else MODES.get(mode, "Add")
    return f"is the layer {made} now: write layers.{made}(...)"


def merge(
    inputs: Sequence[Any],
    mode: str | Callable[..., Any] = "sum",
    concat_axis: int = -1,
    dot_axes: Any = -1,
    output_shape: Any = None,
    output_mask: Any = None,
    arguments: Any = None,
    name: str | None = None,
) -> Any:
    """Several tensors as one.

    Args:
        inputs: tensors.
        mode: as for `merging_layer`.
        concat_axis: as for `merging_layer`.
        dot_axes: as for `merging_layer`.
        output_shape: as for `merging_layer`.
        output_mask: without effect; masks follow the layer's own rule.
        arguments: as for `merging_layer`.
        name: the layer's name.

    Example:

    >>> import hornbeam, warnings
    >>> a, b = hornbeam.Input((3,)), hornbeam.Input((3,))
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     merge([a, b], mode="concat").shape
    (None, 6)
    """
    warn_caller(f"merge(mode={_shown(mode)}) {_advice(mode)}(inputs).")
    layer = merging_layer(mode, concat_axis, dot_axes, output_shape, arguments, name)
    return layer(list(inputs))


def _shown(mode: Any) -> str:
    return "function" if callable(mode) else repr(mode)


@builtin("keras.layers")
class Merge(layers.Layer):
    """The outputs of several layers or models as one tensor.

    As the first layer of a `Sequential` it takes a list with an input for each of its `layers`;
    without `layers` it is called on a list of tensors.

    Args:
        layers: layers or models, each applied to its own input; None for none.
        mode: as for `merging_layer`.
        concat_axis: as for `merging_layer`.
        dot_axes: as for `merging_layer`.
        output_shape: as for `merging_layer`.
        output_mask: without effect; masks follow the layer's own rule.
        arguments: as for `merging_layer`.
        node_indices: must be None: which call of a layer is meant is said by calling it.
        tensor_indices: must be None, likewise.
        name: the layer's name.
        **kwargs: as for `Layer`.

    Example:

    >>> import hornbeam, warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     layer = Merge(mode="mul")
    >>> layer([hornbeam.ops.ones((1, 2)), 3 * hornbeam.ops.ones((1, 2))]).tolist()
    [[3.0, 3.0]]
    """

    def __init__(
        self,
        layers: Sequence[Any] | None = None,
        mode: str | Callable[..., Any] = "sum",
        concat_axis: int = -1,
        dot_axes: Any = -1,
        output_shape: Any = None,
        output_mask: Any = None,
        arguments: Any = None,
        node_indices: Any = None,
        tensor_indices: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        warn_caller(f"Merge(mode={_shown(mode)}) {_advice(mode)}.")
        if node_indices is not None or tensor_indices is not None:
            raise InputError(
                "Merge(node_indices=, tensor_indices=) is gone: call the layers on their inputs, and a "
                f"layers.{MODES.get(str(mode), 'Add')} on the outputs you mean."
            )
        super().__init__(name=name, **kwargs)
        self.layers = list(layers or [])
        self.mode = mode
        self.concat_axis = concat_axis
        self.dot_axes = dot_axes
        self.output_shape = output_shape
        self.output_mask = output_mask
        self.arguments = arguments
        self.merging = merging_layer(mode, concat_axis, dot_axes, output_shape, arguments)
        self.supports_masking = True
        self.takes_several_inputs = bool(self.layers)

    def build(self, input_shape: Any) -> None:
        """Make the variables of the layers."""
        for layer, shape in zip(self.layers, input_shape, strict=False):
            if not layer.built:
                layer.build(shape)
        self.merging.build(self._merged_shapes(input_shape))

    def _merged_shapes(self, input_shape: Any) -> Any:
        if not self.layers:
            return input_shape
        return [
            layer.compute_output_shape(shape)
            for layer, shape in zip(self.layers, input_shape, strict=True)
        ]

    def call(self, inputs: Any, training: Any = None) -> Any:
        """The layers' outputs, merged."""
        if self.layers:
            if not isinstance(inputs, (list, tuple)) or len(inputs) != len(self.layers):
                raise InputError(
                    f"Merge of {len(self.layers)} layers takes a list of as many inputs, got "
                    f"{len(inputs) if isinstance(inputs, (list, tuple)) else type(inputs).__name__}."
                )
            inputs = [
                layer(x, training=training) if _takes_training(layer) else layer(x)
                for layer, x in zip(self.layers, inputs, strict=True)
            ]
        return self.merging(inputs)


def _takes_training(layer: Any) -> bool:
    return "training" in inspect.signature(layer.call).parameters


__all__ = ["MODES", "Merge", "merge", "merging_layer"]

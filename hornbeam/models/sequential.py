"""`Sequential`: a plain stack of layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbeam.backends.symbolic import KerasTensor, recording
from hornbeam.errors import InputError
from hornbeam.layers import call_context
from hornbeam.layers.call_context import CallContext
from hornbeam.layers.core.input_layer import Input, InputLayer
from hornbeam.layers.layer import Layer
from hornbeam.models.functional import without_build_config
from hornbeam.models.model import Model
from hornbeam.saving.objects import builtin, deserialize_keras_object, serialize_keras_object


@builtin("keras")
class Sequential(Model):
    """A stack of layers, each called on the output of the one before.

    The model is built when the shape of its input is known: from an `Input` (or ``input_shape=`` of the
    first layer), by `build`, or from the first data.

    Args:
        layers: the layers, in order; more can be added with `add`.
        trainable: whether training changes the variables.
        name: the model's name.

    Example:

    >>> import hornbeam
    >>> model = hornbeam.Sequential([hornbeam.Input((4,)), hornbeam.layers.Dense(2)])
    >>> model.output_shape
    (None, 2)
    """

    def __init__(
        self,
        layers: Sequence[Any] | None = None,
        trainable: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self._layers: list[Layer] = []
        self._input: KerasTensor | None = None
        self._sequence_tensors: list[Any] = []
        self.supports_masking = True
        for layer in layers or ():
            self.add(layer, rebuild=False)
        self._build_if_known()
        if not trainable:
            self.trainable = False

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Put a layer on top of the stack.

        Args:
            layer: a layer, or the symbolic tensor that `Input` returns (only at the bottom).
            rebuild: whether to build the model right away if the shape of its input is known.
        """
        if isinstance(layer, KerasTensor):
            layer = layer._node.operation if layer._node is not None else layer
        if isinstance(layer, InputLayer):
            if self._layers or self._input is not None:
                raise InputError(
                    f"Model {self.name!r} already has an input or layers; `Input` can only come first."
                )
            self._input = layer.output
            return
        if not isinstance(layer, Layer):
            if callable(layer) and hasattr(layer, "__name__") and not isinstance(layer, type):
                from hornbeam.layers import Lambda

                layer = Lambda(layer)
            else:
                raise InputError(
                    f"Sequential.add() takes a layer, got {layer!r}"
                    + (
                        " (a class: did you forget the parentheses?)."
                        if isinstance(layer, type)
                        else "."
                    )
                )
        if any(layer.name == other.name for other in self._layers):
            raise InputError(
                f"Model {self.name!r} already has a layer named {layer.name!r}; names within a model "
                "must differ. Give one of them another `name=`."
            )
        if not self._layers and self._input is None and layer._given_input_shape is not None:
            self._input = Input(batch_shape=layer._given_input_shape, dtype=_input_dtype(layer))
        elif not self._layers and self._input is None and isinstance(layer, Model) and layer.built:
            self._input = _input_like(layer)
        self._layers.append(layer)
        self._forget()
        if rebuild:
            self._build_if_known()

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the last layer off the stack.

        Returns:
            The layer.

        Raises:
            InputError: if there is none.
        """
        if not self._layers:
            raise InputError(f"Model {self.name!r} has no layers to pop.")
        layer = self._layers.pop()
        self._forget()
        if rebuild:
            self._build_if_known()
        return layer

    def _forget(self) -> None:
        self.built = False
        self._sequence_tensors = []
        self._forget_compiled()

    def _build_if_known(self) -> None:
        if self._input is not None and self._layers:
            self.build(self._input.shape)

    def build(self, input_shape: Any = None) -> None:
        """Make all variables for an input of this shape, its batch axis included."""
        if (
            isinstance(input_shape, (list, tuple))
            and input_shape
            and isinstance(input_shape[0], (list, tuple))
        ):
            return self._build_for_several(input_shape)
        if input_shape is not None and (
            self._input is None or tuple(self._input.shape) != tuple(input_shape)
        ):
            dtype = self._input.dtype if self._input is not None else None
            first = self._layers[0] if self._layers else None
            self._input = Input(batch_shape=tuple(input_shape), dtype=dtype or _input_dtype(first))
        if self._input is None:
            raise InputError(
                f"Model {self.name!r} cannot be built yet: the shape of its input is not known. Begin "
                "with `Input(shape=...)`, call `build((None, ...))`, or call it on data."
            )
        if not self._layers:
            raise InputError(f"Model {self.name!r} has no layers; add some with `add()`.")
        self._build_from(self._input)

    def _build_for_several(self, shapes: Any) -> None:
        """Build a model whose first layer takes several inputs, as the `Merge` of Keras 1 did."""
        if not self._layers or not getattr(self._layers[0], "takes_several_inputs", False):
            raise InputError(
                f"A Sequential model has one input, got shapes {shapes}. For several make a "
                "`Model(inputs, outputs)`."
            )
        self._build_from([Input(batch_shape=tuple(shape)) for shape in shapes])

    def _build_from(self, start: Any) -> None:
        context = CallContext()
        context.path.append(self.path)
        token = call_context.current.set(context)
        try:
            with recording():
                x: Any = start
                self._sequence_tensors = [x]
                for layer in self._layers:
                    x = layer(x)
                    self._sequence_tensors.append(x)
        finally:
            call_context.current.reset(token)
        backends = [layer._backend for layer in self._layers if layer._backend is not None]
        self._backend = backends[0] if backends else None
        self.built = True

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """Call the layers one after the other."""
        if mask is not None:
            call_context.set_mask(inputs, mask)
        x = _fit_rank(self, inputs)
        for layer in self._layers:
            x = layer(x)
        return x

    def _direct_layers(self) -> list[Layer]:
        return list(self._layers)

    def _symbolic_ends(self) -> tuple[list[KerasTensor], list[KerasTensor]]:
        from hornbeam import tree

        if not self._sequence_tensors:
            raise AttributeError(
                f"Model {self.name!r} is not built yet: it has no inputs and outputs. Begin it with "
                "`Input(shape=...)`, call `build((None, ...))`, or call it on data."
            )
        return tree.flatten(self._sequence_tensors[0]), tree.flatten(self._sequence_tensors[-1])

    @property
    def input_dtype(self) -> str:
        """The dtype of the input."""
        return self._input.dtype if self._input is not None else self.compute_dtype

    def get_build_config(self) -> dict[str, Any] | None:
        """The shape of the input, or None if it is not known or there is nothing to build."""
        if self._input is None or not self._layers:
            return None
        return {"input_shape": self._input.shape}

    def get_config(self) -> dict[str, Any]:
        """The layers and the shape of the input."""
        layers: list[Any] = list(self._layers)
        if self._input is not None:
            layers.insert(0, self._input._node.operation)
        config: dict[str, Any] = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": serialize_keras_object(self.dtype_policy),
            "layers": [serialize_keras_object(layer) for layer in layers],
        }
        if self._input is not None:
            config["build_input_shape"] = list(self._input.shape)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """A model from the result of `get_config`."""
        built_here = bool(config.get("build_input_shape"))
        layers = [
            deserialize_keras_object(without_build_config(record) if built_here else record)
            for record in config["layers"]
        ]
        model = cls(
            layers, name=config.get("name"), dtype=deserialize_keras_object(config.get("dtype"))
        )
        shape = config.get("build_input_shape")
        if shape and not model.built and model._layers and isinstance(shape[0], (int, type(None))):
            model.build(tuple(shape))
        if not config.get("trainable", True):
            model.trainable = False
        return model


def _input_dtype(layer: Any) -> str | None:
    return getattr(layer, "compute_dtype", None)


def _input_like(model: Model) -> KerasTensor | None:
    try:
        tensors = model.inputs
    except AttributeError:
        return None
    return (
        Input(batch_shape=tensors[0].shape, dtype=tensors[0].dtype) if len(tensors) == 1 else None
    )


def _fit_rank(model: Sequential, x: Any) -> Any:
    """Refuse an input that the model was not built for, with both shapes in the message."""
    wanted = model._input
    if wanted is None or not hasattr(x, "shape"):
        return x
    shape, target = tuple(x.shape), wanted.shape
    if len(shape) == len(target) - 1 and target[-1] == 1:
        from hornbeam import ops

        return ops.expand_dims(x, -1)
    same = len(shape) == len(target) and all(
        a == b or a is None or b is None or not isinstance(a, int)
        for a, b in zip(shape[1:], target[1:], strict=True)
    )
    if not same:
        raise InputError(
            f"Model {model.name!r} was built for inputs of shape {target} (None is any size), "
            f"got {shape}."
        )
    return x

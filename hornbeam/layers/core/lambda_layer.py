"""`Lambda`: a function as a layer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from hornbeam import tree
from hornbeam.backends.symbolic import KerasTensor
from hornbeam.errors import InputError
from hornbeam.layers.layer import Layer
from hornbeam.saving.objects import builtin


@builtin("keras.layers")
class Lambda(Layer):
    """A function as a layer.

    To be saved, the function must be registered with `hornbeam.saving.register_keras_serializable`,
    because a file holds no code.

    Args:
        function: takes the inputs, and `mask` and `training` if it has such parameters.
        output_shape: shape of the output without the batch axis, or a function from the input shape to
            the whole output shape; needed only if `function` cannot run on symbolic tensors.
        mask: the mask of the output, or a function of (inputs, mask) that returns it.
        arguments: further keyword arguments of `function`.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> double = hornbeam.layers.Lambda(lambda x: x * 2)
    >>> hornbeam.ops.convert_to_numpy(double([1.0, 2.0])).tolist()
    [2.0, 4.0]
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise InputError(f"Lambda: `function` must be callable, got {function!r}.")
        self.function = function
        self.arguments = dict(arguments or {})
        self.mask = mask
        self.supports_masking = mask is not None
        self._output_shape = output_shape
        try:
            self._takes = set(inspect.signature(function).parameters)
        except ValueError:  # some built-in functions have no signature
            self._takes = set()

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """The function of `inputs`."""
        extra = {"mask": mask, "training": training}
        wanted = {k: v for k, v in extra.items() if k in self._takes and k not in self.arguments}
        return self.function(inputs, **self.arguments, **wanted)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask of the output."""
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def compute_output_spec(
        self, inputs: Any, mask: Any = None, training: bool | None = None
    ) -> Any:
        """The shape that was given, or what the function makes of symbolic inputs."""
        if self._output_shape is None:
            return self.call(inputs, mask, training)
        shapes = tree.map_structure(lambda x: tuple(x.shape), inputs)
        first = tree.flatten(inputs)[0]
        if callable(self._output_shape):
            shape = tuple(self._output_shape(shapes))
        else:
            shape = (first.shape[0], *self._output_shape)
        return KerasTensor(shape, first.dtype)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        from hornbeam.saving.objects import _config_value as as_config

        config = super().get_config()
        config["function"] = as_config(self, "function", self.function)
        for name, value in {"output_shape": self._output_shape, "mask": self.mask}.items():
            if value is not None:
                config[name] = as_config(self, name, value)
        if self.arguments:
            config["arguments"] = as_config(self, "arguments", self.arguments)
        return config

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Any = None, safe_mode: bool | None = None
    ) -> Any:
        """A layer from the result of `get_config`.

        Args:
            config: plain data; functions in it are those that were registered.
            custom_objects: name -> class or function, for names that are not registered.
            safe_mode: None or True: code in a config is never run.

        Raises:
            InputError: for safe_mode=False.
        """
        if safe_mode is False:
            raise InputError(
                "Lambda: safe_mode=False is not offered, since a config cannot bring code. Register the "
                "function with register_keras_serializable(), or pass it in `custom_objects`."
            )
        return super().from_config(config, custom_objects)

"""A layer around a module of the engine's own."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from hornbeam import tree
from hornbeam.backends import registry
from hornbeam.backends.symbolic import KerasTensor
from hornbeam.errors import InputError, UnsafeFileError, UnsupportedError
from hornbeam.layers import call_context
from hornbeam.layers.foreign.shapes import infer, within
from hornbeam.layers.layer import Layer
from hornbeam.saving.objects import builtin, deserialize_keras_object, serialize_keras_object
from hornbeam.variables import Variable


@builtin("keras.layers")
class TorchModuleWrapper(Layer):
    """A layer around a ``torch.nn.Module``, on the engine 'torch'.

    The module's parameters are the layer's trainable weights, its buffers the others; the module goes on
    holding the same tensors.  It is in training mode when the call is one for training, else in
    evaluation mode.  What it does to its buffers (moving statistics) is kept in training only.

    A config cannot hold a module's code.  So that a saved model can be loaded as a whole, give a
    registered function that makes the module (`hornbeam.saving.register_keras_serializable`) in its
    place; else build the model in code and load its weights.

    Args:
        module: the module, or a function without arguments that makes it.
        name: the layer's name.
        output_shape: the shape of the output, the batch axis included (None); found by running the
            module without values if it is left out.
        **kwargs: see `Layer`.

    Raises:
        InputError: if `module` is not a module.

    Example:

    >>> import torch, hornbeam
    >>> with hornbeam.use_backend("torch"):
    ...     layer = hornbeam.layers.TorchModuleWrapper(torch.nn.Linear(3, 2))
    ...     model = hornbeam.Sequential([hornbeam.Input((3,)), layer])
    >>> model.output_shape, [w.shape for w in layer.trainable_weights]
    ((None, 2), [(2, 3), (2,)])
    """

    def __init__(
        self, module: Any, name: str | None = None, output_shape: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self._maker = None
        backend = registry.engine_behind(module)
        if backend is None and callable(module):
            self._maker = module
            module = module()
            backend = registry.engine_behind(module)
        if backend is None:
            raise InputError(
                f"TorchModuleWrapper needs a torch.nn.Module, or a function that makes one, got "
                f"{type(module).__name__}."
            )
        self.module = module
        self.output_shape = None if output_shape is None else tuple(output_shape)
        self.supports_masking = True
        self._engine = backend
        self._adapter = backend.module_adapter(module)
        self._parameters: dict[str, Variable] = {}
        self._buffers: dict[str, Variable] = {}
        if not self._adapter.lazy:
            self._adopt()

    def _adopt(self) -> None:
        """Make variables of the module's tensors, and give it theirs."""
        with registry.use_backend(self._engine), within(self):
            for path, tensor in self._adapter.parameters():
                box = self._variable(path, tensor, True)
                box.trainable = bool(tensor.requires_grad) and self._trainable
                self._adapter.adopt(tensor, box.value)
                self._parameters[path] = box
            for path, tensor in self._adapter.buffers():
                self._buffers[path] = self._variable(path, tensor, False)
        self._backend = self._engine
        self.built = True

    def _variable(self, path: str, tensor: Any, trainable: bool) -> Variable:
        return Variable(tensor, trainable=trainable, autocast=False, name=path.replace(".", "_"))

    def build(self, input_shape: Any) -> None:
        """Make the variables of a lazy module, by running it on zeros."""
        if not self._parameters and self._adapter.lazy:
            shapes = input_shape if isinstance(input_shape, list) else [input_shape]
            known = [tuple(1 if d is None else d for d in shape) for shape in shapes]
            zeros = [self._engine.zeros(shape, self.compute_dtype) for shape in known]
            self._adapter.initialize(*zeros)
            self._adopt()

    def parameters(self, recurse: bool = True) -> list[Any]:
        """The module's parameters.

        Args:
            recurse: whether those of its submodules are among them.
        """
        return list(self.module.parameters(recurse))

    def call(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """What the module returns."""
        context = call_context.current.get()
        if not training and context is not None:
            training = context.training
        if self._backend is not self._engine:
            raise UnsupportedError(
                f"Layer {self.name!r} holds a module of the engine {self._engine.name!r} and cannot run "
                f"on {self._own_backend().name!r}. Bring the model back with "
                f"`model.to({self._engine.name!r})`."
            )
        outputs, buffers = self._adapter(
            {path: box.value for path, box in self._parameters.items()},
            {path: box.value for path, box in self._buffers.items()},
            args,
            kwargs,
            bool(training),
        )
        if training:
            for path, value in buffers.items():
                self._buffers[path].assign(value)
        return outputs

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """The symbolic output: of the given shape, or found by running the module without values."""
        kwargs.pop("training", None)
        inputs = [leaf for leaf in tree.flatten((args, kwargs)) if isinstance(leaf, KerasTensor)]
        if self.output_shape is not None:
            return KerasTensor(self.output_shape, self.compute_dtype)
        places = tree.flatten((args, kwargs))

        def run(*tensors: Any) -> Any:
            given = iter(tensors)
            leaves = [next(given) if isinstance(x, KerasTensor) else x for x in places]
            filled, named = tree.pack_sequence_as((args, kwargs), leaves)
            mode = self.module.training
            self.module.eval()
            try:
                return self.module(*filled, **named)
            finally:
                self.module.train(mode)

        return infer(self._engine, run, inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:  # type: ignore[override]
        """The shape of the output for an input of that shape."""
        return self.output_shape or super().compute_output_shape(input_shape)

    # ------------------------------------------------------------------------------------------ files

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Put the values of parameters and buffers into `store` under the module's names for them."""
        for path, box in (self._parameters | self._buffers).items():
            store[path] = box.numpy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Set parameters and buffers from what `save_own_variables` stored.

        Raises:
            InputError: if the names differ.
        """
        boxes = self._parameters | self._buffers
        stored = set(store.keys())
        if stored != set(boxes):
            raise InputError(
                f"The file is of another module than layer {self.name!r} holds: it lacks "
                f"{sorted(set(boxes) - stored)} and has {sorted(stored - set(boxes))} besides."
            )
        for path, box in boxes.items():
            box.assign(store[path])

    def get_config(self) -> dict[str, Any]:
        """The arguments; of the module only the function that made it, if it is registered."""
        config = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": serialize_keras_object(self.dtype_policy),
            "output_shape": self.output_shape,
        }
        if self._maker is not None:
            config["module"] = serialize_keras_object(self._maker)
        return config

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Any = None, safe_mode: bool | None = None
    ) -> Any:
        """A layer from the result of `get_config`, if a registered function makes its module.

        Args:
            config: plain data.
            custom_objects: name -> function, for functions that are not registered.
            safe_mode: of no effect; a module is never rebuilt from a file.

        Raises:
            UnsafeFileError: if the config has no such function.
        """
        maker = config.get("module")
        if maker is not None:
            maker = deserialize_keras_object(maker, custom_objects=custom_objects)
        if not callable(maker):
            raise UnsafeFileError(
                f"The config of {config.get('name')!r} does not say how to make its module, and "
                "modules are never rebuilt from a file: build the model in code and call "
                "`model.load_weights(path)`, or give TorchModuleWrapper a function registered with "
                "`hornbeam.saving.register_keras_serializable` in place of the module."
            )
        rest = {key: value for key, value in config.items() if key != "module"}
        return super().from_config({**rest, "module": maker})

"""`TFSMLayer`: a program that an engine has saved, as a layer."""

from __future__ import annotations

import os
from typing import Any

from hornbeam import tree
from hornbeam.backends import registry
from hornbeam.backends.symbolic import KerasTensor
from hornbeam.errors import UnsafeFileError, UnsupportedError
from hornbeam.layers import call_context
from hornbeam.layers.foreign.shapes import infer, within
from hornbeam.layers.layer import Layer
from hornbeam.saving.objects import builtin
from hornbeam.variables import Variable


@builtin("keras.layers")
class TFSMLayer(Layer):
    """A layer around an endpoint of a TensorFlow SavedModel, on the engine 'tensorflow'.

    The program is loaded when the layer is made.  It keeps its own variables: the layer has them as
    weights that are not trained, so that they are counted and shown.  What the layer is called with goes
    to the endpoint as it is, and what the endpoint returns (an array, or a dict of them by name) comes
    back.

    Loading a program means being able to run whatever is in it.  So a config or a saved model can name
    one only if the caller says ``safe_mode=False``.

    Args:
        filepath: the folder of the SavedModel.
        call_endpoint: the name of the endpoint to call: one of the program's functions, or of its
            signatures.
        call_training_endpoint: the name of the endpoint for training; `call_endpoint` by default.
        trainable: without effect on the program, whose variables stay as they are.
        name: the layer's name.
        dtype: see `Layer`.

    Raises:
        UnsupportedError: if the current engine cannot load such programs.
        InputError: if there is no program in that folder, or no such endpoint in it.

    Example:

    >>> import tempfile, tensorflow, hornbeam
    >>> module = tensorflow.Module()
    >>> module.serve = tensorflow.function(
    ...     lambda x: 2 * x, input_signature=[tensorflow.TensorSpec((None, 3))])
    >>> folder = tempfile.mkdtemp()
    >>> tensorflow.saved_model.save(module, folder)
    >>> with hornbeam.use_backend("tensorflow"):
    ...     layer = hornbeam.layers.TFSMLayer(folder)
    ...     print(layer(hornbeam.ops.ones((1, 3))).numpy().tolist())
    [[2.0, 2.0, 2.0]]
    """

    def __init__(
        self,
        filepath: Any,
        call_endpoint: str = "serve",
        call_training_endpoint: str | None = None,
        trainable: bool = True,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(trainable=trainable, name=name, dtype=dtype)
        self.filepath = os.fspath(filepath)
        self.call_endpoint = call_endpoint
        self.call_training_endpoint = call_training_endpoint
        self._engine = registry.current()
        self._program = self._engine.load_program(self.filepath)
        self.call_endpoint_fn = self._program.endpoint(call_endpoint)
        self.call_training_endpoint_fn = self.call_endpoint_fn
        if call_training_endpoint:
            self.call_training_endpoint_fn = self._program.endpoint(call_training_endpoint)
        with within(self):
            self._boxes = [self._box(held) for held in self._program.variables]
        self._backend = self._engine
        self.built = True

    def _box(self, held: Any) -> Variable:
        name = held.name.partition(":")[0].replace("/", "_")
        box = Variable(held, trainable=False, autocast=False, name=name)
        box._value = held  # the program's own, so that both see what the other assigns
        return box

    def call(self, inputs: Any, training: bool | None = False, **kwargs: Any) -> Any:
        """What the endpoint returns for `inputs`.

        Args:
            inputs: an array, or a nest of them as the endpoint expects it.
            training: whether to call the endpoint for training.
            **kwargs: further arguments of the endpoint.
        """
        context = call_context.current.get()
        if not training and context is not None:
            training = context.training
        if self._backend is not self._engine:
            raise UnsupportedError(
                f"Layer {self.name!r} holds a saved program of the engine {self._engine.name!r} and "
                f"cannot run on another. Bring the model back with `model.to({self._engine.name!r})`."
            )
        function = self.call_training_endpoint_fn if training else self.call_endpoint_fn
        return function(inputs, **kwargs)

    def compute_output_spec(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """The symbolic output, found by tracing the endpoint."""
        kwargs.pop("training", None)
        given = [leaf for leaf in tree.flatten(inputs) if isinstance(leaf, KerasTensor)]

        def run(*arrays: Any) -> Any:
            return self.call_endpoint_fn(tree.pack_sequence_as(inputs, arrays), **kwargs)

        return infer(self._engine, run, given)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "filepath": self.filepath,
            "call_endpoint": self.call_endpoint,
            "call_training_endpoint": self.call_training_endpoint,
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Any = None, safe_mode: bool | None = None
    ) -> Any:
        """A layer from the result of `get_config`.

        Args:
            config: the config.
            custom_objects: of no effect.
            safe_mode: False allows the config to name a program to load.

        Raises:
            UnsafeFileError: unless `safe_mode` is False.
        """
        if safe_mode is not False:
            raise UnsafeFileError(
                f"The config of {config.get('name')!r} names a program to load, "
                f"{config.get('filepath')!r}, which could do anything. If you trust it, make the layer "
                "in code, `TFSMLayer(filepath)`, or call `TFSMLayer.from_config(config, "
                "safe_mode=False)`."
            )
        return super().from_config(config)

"""`Model`: a layer that can be trained, saved and summarized."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from hornbeam import tree
from hornbeam.backends import registry
from hornbeam.backends.protocol import Backend
from hornbeam.backends.symbolic import KerasTensor
from hornbeam.compat.methods import OldModel, takes_methods_words
from hornbeam.errors import InputError, suggest
from hornbeam.layers.layer import Layer, _as_shapes, _map_shapes
from hornbeam.layers.state import members
from hornbeam.models.from_graph import init_functional, run_functional
from hornbeam.models.graph import Graph
from hornbeam.models.quantization import quantize_model
from hornbeam.saving.objects import builtin, serialize_for_file
from hornbeam.training.trainer import Trainer


def is_functional_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether constructor arguments are those of a functional model: (inputs, outputs)."""
    named = "outputs" in kwargs or "output" in kwargs
    return (
        len(args) in (2, 3) or (len(args) == 1 and named) or "inputs" in kwargs or "input" in kwargs
    )


@builtin("keras")
@takes_methods_words
class Model(OldModel, Trainer, Layer):
    """A layer that can be trained (`compile`, `fit`), saved and summarized.

    There are three ways to make one: ``Model(inputs, outputs)`` from the symbolic tensors between which
    layers have been called (a functional model), a subclass with layers as attributes and a `call`
    method, or `Sequential`.

    Args:
        inputs: one symbolic tensor (from `Input`), or a list or dict of them.
        outputs: one symbolic tensor, or a list or dict of them.
        name: the model's name.

    Example:

    >>> import hornbeam
    >>> inputs = hornbeam.Input(shape=(4,))
    >>> hidden = hornbeam.layers.Dense(8, activation="relu")(inputs)
    >>> model = hornbeam.Model(inputs, hornbeam.layers.Dense(1)(hidden))
    >>> model.output_shape, model.count_params()
    ((None, 1), 49)
    """

    functional_class: ClassVar[Any] = None
    """What ``Model(inputs, outputs)`` makes."""
    _untracked = Layer._untracked | Trainer._untracked | frozenset({"_graph", "_sequence_tensors"})

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is Model and is_functional_call(args, kwargs):
            return super().__new__(cls.functional_class, *args, **kwargs)
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        Trainer.__init__(self)
        self._graph: Graph | None = None
        if is_functional_call(args, kwargs):
            init_functional(self, *args, **kwargs)
        else:
            if args:
                raise TypeError(
                    f"{type(self).__name__}() takes keyword arguments only, got {args!r}."
                )
            Layer.__init__(self, **kwargs)

    def _repr_html_(self) -> str:
        from hornbeam.models.summary import as_html

        return as_html(self)

    def __reduce__(self) -> Any:
        from hornbeam.saving import pickling

        return pickling.reduced(self)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the outputs; subclasses define it, functional models run their graph."""
        if self._graph is None:
            raise NotImplementedError(
                f"Model {self.name!r}: the class {type(self).__name__} must define "
                "`call(self, inputs)`, or be made from inputs and outputs."
            )
        return run_functional(self, *args, **kwargs)

    def build(self, input_shape: Any = None) -> None:
        """Make all variables, by calling the model on symbolic tensors of that shape.

        Args:
            input_shape: the shape of the input with its batch axis, e.g. ``(None, 784)``; a list or
                dict of shapes for several inputs.
        """
        if self._graph is not None or input_shape is None:
            return
        shapes = _as_shapes(input_shape)
        tensors = _map_shapes(lambda shape: KerasTensor(shape, self.compute_dtype), shapes)
        self.built = True  # the call below makes the variables of the layers
        try:
            self.compute_output_spec(tensors)
        except Exception:
            self.built = False
            raise

    # --------------------------------------------------------------------------------------- layers

    @property
    def layers(self) -> list[Layer]:
        """The layers that the model holds directly; of a sequential model without its input layer."""
        return self._direct_layers()

    @layers.setter
    def layers(self, _value: Any) -> None:
        raise AttributeError("`Model.layers` is made of the model's attributes and cannot be set.")

    def _direct_layers(self) -> list[Layer]:
        return list(members(self, (Layer,)))

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by its name or its place in `layers`.

        Raises:
            InputError: (a ValueError) if there is none; the text lists the nearest names.
        """
        layers = self.layers
        if index is not None and name is None:
            if not -len(layers) <= index < len(layers):
                raise InputError(f"Model {self.name!r} has {len(layers)} layers, no index {index}.")
            return layers[index]
        if name is None or index is not None:
            raise InputError("get_layer() needs either `name` or `index`.")
        for layer in layers:
            if layer.name == name:
                return layer
        names = [layer.name for layer in layers]
        raise InputError(
            f"Model {self.name!r} has no layer named {name!r}.{suggest(name, names)} It has {names}."
        )

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs, flat."""
        return self._symbolic_ends()[0]

    @property
    def input(self) -> Any:
        """The symbolic input; a list if there are several."""
        return self.inputs[0] if len(self.inputs) == 1 else self.inputs

    @property
    def output(self) -> Any:
        """The symbolic output; a list if there are several."""
        return self.outputs[0] if len(self.outputs) == 1 else self.outputs

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs, flat."""
        return self._symbolic_ends()[1]

    def _symbolic_ends(self) -> tuple[list[KerasTensor], list[KerasTensor]]:
        if self._graph is None:
            raise AttributeError(
                f"Model {self.name!r} is a subclassed model: it has no symbolic inputs and outputs."
            )
        return self._graph.inputs, self._graph.outputs

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs."""
        return [tensor.name for tensor in self.inputs]

    @property
    def output_names(self) -> list[str]:
        """The names of the operations that make the outputs."""
        return [tensor._node.operation.name for tensor in self.outputs]

    @property
    def input_shape(self) -> Any:
        """The shape of the input, or a list of shapes."""
        shapes = [tensor.shape for tensor in self.inputs]
        return shapes[0] if len(shapes) == 1 else shapes

    @property
    def output_shape(self) -> Any:
        """The shape of the output, or a list of shapes."""
        shapes = [tensor.shape for tensor in self.outputs]
        return shapes[0] if len(shapes) == 1 else shapes

    # -------------------------------------------------------------------------------------- showing

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Any = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Print a table of the layers with their output shapes and numbers of parameters.

        Args:
            line_length: the width of the table in characters.
            positions: where columns end, as fractions of the width.
            print_fn: what to call with the text, instead of printing it.
            expand_nested: whether to list the layers of nested models.
            show_trainable: whether to show which layers are trained.
            layer_range: names of the first and the last layer to show.
        """
        from hornbeam.models.summary import print_summary

        print_summary(
            self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range
        )

    # ------------------------------------------------------------------------------------- engines

    def to(self, engine: str | Backend) -> Any:
        """Bring the model to another engine, with weights, optimizer, metrics and seeds.

        Training can go on there where it stood.  Compiled steps are forgotten.

        Args:
            engine: the name of the engine.

        Returns:
            The model itself.

        Raises:
            EngineNotFoundError: if there is no such engine, or its package is not installed.

        Example:

        >>> import hornbeam, numpy
        >>> model = hornbeam.Sequential([hornbeam.Input((2,)), hornbeam.layers.Dense(1)])
        >>> type(model.to("numpy")(numpy.ones((3, 2)))).__name__
        'ndarray'
        """
        backend = registry.get(engine)
        for variable in self._state_variables():
            variable.move(backend)
        for layer in (self, *self._flatten_layers()):
            layer._backend = backend
            layer._losses = []
            layer._lossy = []
            if isinstance(layer, Trainer):
                layer._forget_compiled()
        return self

    # --------------------------------------------------------------------------------------- saving

    def quantize(  # type: ignore[override]
        self, mode: Any = None, config: Any = None, filters: Any = None, **kwargs: Any
    ) -> None:
        """Put the weights of all Dense, EinsumDense and Embedding layers into few bits, for good.

        Args:
            mode: "int8" (a quarter of the memory of float32), "int4" (an eighth), "float8" (for
                training), "gptq" or "awq" (4 bits, chosen by looking at samples).
            config: a configuration from `hornbeam.quantizers`; "gptq" and "awq" need one.
            filters: which layers: a regular expression for their paths, a list of them, or a function
                of a layer; None for all.
            **kwargs: ``type_check`` has no effect.

        Raises:
            InputError: if the mode is unknown, or the model has no layer that it can quantize.

        Example:

        >>> import hornbeam
        >>> model = hornbeam.Sequential([hornbeam.Input((8,)), hornbeam.layers.Dense(4)])
        >>> model.quantize("int8")
        >>> model.layers[0].kernel.values.dtype
        'int8'
        """
        quantize_model(self, mode, config, filters)
        self._forget_compiled()

    def get_quantization_layer_structure(self, mode: str | None = None) -> Any:
        """The blocks that "gptq" and "awq" go through; subclasses may say them.

        Args:
            mode: "gptq" or "awq".

        Returns:
            None, or ``{"pre_block_layers": [...], "sequential_blocks": [...]}``.
        """
        return None

    def to_json(self, **kwargs: Any) -> str:
        """The architecture (no weights) as JSON; `models.model_from_json` reads it."""
        # (what has been walked through to its ends holds no circles: to look for them takes a fifth)
        return json.dumps(serialize_for_file(self), **{"check_circular": False, **kwargs})

    def save(
        self, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any
    ) -> None:
        """Save architecture, weights, optimizer state and compile arguments to a file.

        Args:
            filepath: where to; a path ending in ".keras", or in ".h5" for the layout of Keras 2.
            overwrite: whether an existing file may be replaced.
            zipped: must not be False; a ``.keras`` file is one archive.
            **kwargs: for ".h5", ``include_optimizer=False`` leaves out how the model was compiled, and
                ``keras_version=2`` writes the optimizer's state and attention for tf-keras.
        """
        from hornbeam.saving.files import save_model

        save_model(self, filepath, overwrite=overwrite, zipped=zipped, **kwargs)

    def export(
        self,
        filepath: Any,
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        input_signature: Any = None,
        **kwargs: Any,
    ) -> None:
        """Write the model's inference as a program that runs without Hornbeam.

        It works from every engine: the model is put on the one whose format it is for that time.

        Args:
            filepath: the folder for "tf_saved_model", with the endpoint "serve"; else the file.
            format: "tf_saved_model"; "torch" (a ``torch.export.ExportedProgram``); or "onnx".
            verbose: whether to print what was written; None is True.
            input_signature: what the model is called with: a list of symbolic tensors, `InputSpec`s or
                arrays; by default what it was built for. Where it has None, any size will do.
            **kwargs: options of the library that writes the format.

        Raises:
            UnsupportedError: for formats that are not written, saying what to do.
            EngineNotFoundError: if the package that writes the format is not installed.
            InputError: if the model has not been built.
        """
        from hornbeam.export.archive import export_model

        export_model(self, filepath, format, verbose, input_signature, **kwargs)

    def save_weights(
        self,
        filepath: Any,
        overwrite: bool = True,
        max_shard_size: float | None = None,
        **kwargs: Any,
    ) -> None:
        """Save the weights alone.

        Args:
            filepath: where to; its end says the format: ".weights.h5", ".weights.json" (several files),
                ".safetensors" or ".npz".
            overwrite: whether an existing file may be replaced.
            max_shard_size: for ".weights.json", the size in GB up to which a single file grows.
            **kwargs: for ".weights.h5", ``keras_version=2`` names the weights of attention as tf-keras
                does.
        """
        from hornbeam.saving.files import save_weights

        save_weights(self, filepath, overwrite, max_shard_size, **kwargs)

    def load_weights(
        self, filepath: Any, skip_mismatch: bool = False, by_name: bool = False, **kwargs: Any
    ) -> Any:
        """Load weights from a file of a model of the same structure; all of them, or none.

        Args:
            filepath: a ".weights.h5", ".weights.json", ".keras", ".safetensors" or ".npz" file, or an
                ".h5" file of Keras 1 or 2.
            skip_mismatch: whether to leave alone what does not fit instead of raising.
            by_name: whether to load just those layers whose names are in the file.

        Returns:
            A `LoadReport`: what was loaded, what was missing and what was left over.
        """
        from hornbeam.saving.files import load_weights

        return load_weights(self, filepath, skip_mismatch, by_name, **kwargs)

    def get_state_tree(self, value_format: str = "backend_tensor") -> dict[str, Any]:
        """The values of all variables, as nested dicts along their paths.

        Args:
            value_format: "backend_tensor" (arrays of the engine) or "numpy_array".

        Returns:
            A dict with the parts "trainable_variables", "non_trainable_variables",
            "optimizer_variables" (if compiled) and "metrics_variables".
        """
        from hornbeam.models.cloning import get_state_tree

        return get_state_tree(self, value_format)

    def set_state_tree(self, state_tree: Any) -> None:
        """Set variables to the values of a tree from `get_state_tree`; parts may be left out.

        Raises:
            InputError: if it names a variable the model lacks, or has another shape for it; nothing is
                set then.
        """
        from hornbeam.models.cloning import set_state_tree

        set_state_tree(self, state_tree)

    def get_compile_config(self) -> dict[str, Any] | None:
        """The arguments of `compile`, as a config; None if the model is not compiled."""
        return Trainer.get_compile_config(self)

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build for the shapes in the result of `get_build_config`."""
        if config and not self.built and "input_shape" in config:
            self.build(_as_shapes(config["input_shape"]))

    def _structure_error(self, inputs: Any) -> InputError:
        return InputError(
            f"Model {self.name!r} got inputs of the structure {tree.structure_of(inputs)}."
        )

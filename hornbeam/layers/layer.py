"""`Layer`: a function with state, the block that models are built of."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any, NamedTuple

from hornbeam import dtype_policies, dtypes, initializers, regularizers, tree
from hornbeam.backends import registry
from hornbeam.backends.protocol import Array, Backend
from hornbeam.backends.symbolic import KerasTensor, is_recording, not_recording
from hornbeam.errors import InputError, MixedEnginesError, suggest
from hornbeam.layers import call_context, state
from hornbeam.layers.call_context import CallContext
from hornbeam.layers.input_spec import InputSpec, assert_input_compatibility
from hornbeam.naming import reset_path, set_path, to_snake_case, unique_name
from hornbeam.ops.node import Node
from hornbeam.saving.objects import (
    Configurable,
    automatic_config,
    deserialize_keras_object,
    serialize_keras_object,
)
from hornbeam.variables import Variable, autocasting, pure

SHAPE_ARGUMENTS = ("input_shape", "batch_input_shape", "batch_shape", "input_dim", "batch_size")
BASE_ARGUMENTS = ("name", "trainable", "dtype", "autocast", "activity_regularizer")


class CallSignature(NamedTuple):
    """What the ``call`` method of a class takes."""

    signature: inspect.Signature
    names: tuple[str, ...]
    takes_training: bool
    mask_names: dict[str, str]

    @classmethod
    @functools.cache
    def of(cls, kind: type) -> CallSignature:
        """The signature of ``kind.call``."""
        signature = inspect.signature(kind.call)  # type: ignore[attr-defined]
        parameters = list(signature.parameters.values())[1:]
        names = tuple(p.name for p in parameters)
        keywords = any(p.kind is p.VAR_KEYWORD for p in parameters)
        masks = {n[:-5]: n for n in names if n.endswith("_mask") and n[:-5] in names}
        if "mask" in names and names[0] != "mask":
            masks.setdefault(names[0], "mask")
        return cls(
            inspect.Signature(parameters), names, "training" in names or keywords, masks
        )


class Layer(Configurable):
    """The base of all layers: variables, and a `call` that computes with them.

    A layer of your own defines ``__init__`` (its settings), ``build(input_shape)`` (its variables,
    with `add_weight`; called once, when the shape of the input is known) and ``call(inputs)`` (the
    computation, in `hornbeam.ops` and operators).  Layers, variables, metrics and seed generators that
    its attributes hold, also in lists and dicts, belong to it.

    Args:
        activity_regularizer: a regularizer of the output; its value is added to `losses`.
        trainable: whether training changes the variables.
        dtype: a dtype or a dtype policy such as "mixed_bfloat16".
        autocast: whether floating inputs are cast to the policy's compute dtype.
        name: the layer's name, unique within a model.
        **kwargs: ``input_shape`` (without the batch axis), ``batch_input_shape`` (with it) or
            ``input_dim`` give the first layer of a `Sequential` its input.

    Example:

    >>> import hornbeam
    >>> class Scale(hornbeam.Layer):
    ...     def build(self, input_shape):
    ...         self.factor = self.add_weight(shape=input_shape[-1:], initializer="ones")
    ...     def call(self, inputs):
    ...         return inputs * self.factor
    >>> layer = Scale()
    >>> layer(hornbeam.ops.ones((2, 3))).shape, layer.count_params()
    ((2, 3), 3)
    """

    _untracked: frozenset[str] = frozenset({"_arguments", "inbound_nodes", "_losses"})

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = _building(cls.build)  # type: ignore[method-assign]

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        self._given_input_shape = _input_shape_of(type(self).__name__, kwargs)
        if kwargs:
            taken = (*inspect.signature(type(self).__init__).parameters, *BASE_ARGUMENTS)
            first = next(iter(kwargs))
            raise TypeError(
                f"{type(self).__name__} got unknown arguments {sorted(kwargs)}."
                + suggest(first, taken)
            )
        self.name = str(name) if name is not None else unique_name(to_snake_case(type(self).__name__))
        if "/" in self.name:
            raise InputError(f"A layer's name cannot contain '/', got {name!r}.")
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.dtype_policy = dtype_policies.get(dtype)
        self.autocast = bool(autocast)
        self.built = False
        self.input_spec: Any = None
        self.supports_masking = False
        self.inbound_nodes: list[Node] = []
        self._trainable = bool(trainable)
        self._added_weights: list[Variable] = []
        self._losses: list[Any] = []
        self._build_shapes: dict[str, Any] | None = None
        self._path = ""
        self._backend: Backend | None = None

    # ------------------------------------------------------------------- what subclasses define

    def build(self, input_shape: Any) -> None:
        """Make the variables.  `input_shape` has None for sizes that vary, the batch among them."""

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; subclasses define it."""
        raise NotImplementedError(
            f"Layer {self.name!r}: the class {type(self).__name__} must define `call(self, inputs)`."
        )

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The mask of the output: by default that of the (only) input."""
        return previous_mask

    # ---------------------------------------------------------------------------------- variables

    def add_weight(
        self,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Make a variable of this layer.

        Args:
            shape: its shape; () by default.
            initializer: name, instance or function; "glorot_uniform" for floats, else zeros.
            dtype: its dtype; by default that of the layer's dtype policy.
            trainable: whether training changes it.
            autocast: whether it is seen in the compute dtype during `call`.
            regularizer: its penalty, added to `losses`.
            constraint: a projection applied after each update.
            aggregation: how copies on several devices are joined.
            overwrite_with_gradient: whether an update replaces the value by the gradient.
            name: the last part of its path.
        """
        wanted = dtypes.standardize(dtype) if dtype is not None else self.variable_dtype
        if initializer is None:
            initializer = "glorot_uniform" if dtypes.is_float(wanted) else "zeros"
        sizes = (shape,) if isinstance(shape, int) else tuple(shape or ())
        if any(d is None for d in sizes):
            raise InputError(
                f"Layer {self.path!r} cannot make a variable of shape {sizes}: a size that the weights "
                "depend on was left open. Give it in `Input(shape=...)`."
            )
        variable = Variable(
            initializers.get(initializer),
            shape=sizes,
            dtype=wanted,
            trainable=trainable,
            autocast=autocast,
            aggregation=aggregation,
            name=name,
            regularizer=regularizers.get(regularizer),
            constraint=_constraint(constraint),
        )
        variable.overwrite_with_gradient = overwrite_with_gradient
        if not self._trainable:
            variable.trainable = False
        self._added_weights.append(variable)
        return variable

    add_variable = add_weight

    def _flatten_layers(self) -> list[Layer]:
        """This layer and all layers below it, each once."""
        found: dict[int, Layer] = {id(self): self}
        stack: list[Iterator[Layer]] = [state.members(self, (Layer,))]
        while stack:
            layer = next(stack[-1], None)
            if layer is None:
                stack.pop()
            elif id(layer) not in found:
                found[id(layer)] = layer
                stack.append(state.members(layer, (Layer,)))
        return list(found.values())

    @property
    def weights(self) -> list[Variable]:
        """All variables but the states of seeds and metrics."""
        layers = self._flatten_layers()
        return state.unique([v for layer in layers for v in state.own_variables(layer)])

    @property
    def variables(self) -> list[Variable]:
        """All variables, the states of seeds included (metrics' are not)."""
        return self.weights + state.unique(
            [v for layer in self._flatten_layers() for v in state.own_seeds(layer)]
        )

    @property
    def trainable_weights(self) -> list[Variable]:
        """The variables that training changes."""
        frozen = {
            id(v)
            for layer in self._flatten_layers()
            if not layer.trainable
            for v in state.own_variables(layer)
        }
        return [v for v in self.weights if v.trainable and id(v) not in frozen]

    @property
    def trainable_variables(self) -> list[Variable]:
        """The variables that training changes."""
        return self.trainable_weights

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The variables that training leaves alone, without the states of seeds."""
        trained = {id(v) for v in self.trainable_weights}
        return [v for v in self.weights if id(v) not in trained]

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The variables that training leaves alone, the states of seeds included."""
        trained = {id(v) for v in self.trainable_weights}
        return [v for v in self.variables if id(v) not in trained]

    @property
    def metrics(self) -> list[Any]:
        """The metrics of this layer and of those below it."""
        return state.unique([m for layer in self._flatten_layers() for m in state.own_metrics(layer)])

    @property
    def metrics_variables(self) -> list[Variable]:
        """The variables of `metrics`."""
        return state.unique([v for metric in self.metrics for v in metric.variables])

    @property
    def trainable(self) -> bool:
        """Whether training changes this layer's variables; setting it sets the layers below too."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self._flatten_layers():
            layer._trainable = bool(value)
            for variable in state.own_variables(layer):
                if variable.born_trainable:
                    variable.trainable = bool(value)

    def get_weights(self) -> list[Any]:
        """The values of `weights`, as NumPy arrays."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set the values of `weights`.

        Args:
            weights: arrays, as many and of the same shapes as `get_weights` returns.

        Raises:
            InputError: if number or shapes differ; nothing is changed then.
        """
        variables = self.weights
        if len(variables) != len(weights):
            raise InputError(
                f"Layer {self.name!r} has {len(variables)} weights, but set_weights() got "
                f"{len(weights)}." + ("" if self.built else " It is not built yet: call it once first.")
            )
        for variable, value in zip(variables, weights, strict=True):
            if tuple(getattr(value, "shape", ())) != variable.shape:
                raise InputError(
                    f"set_weights() got shape {tuple(getattr(value, 'shape', ()))} for "
                    f"{variable.path!r} of shape {variable.shape}."
                )
        for variable, value in zip(variables, weights, strict=True):
            variable.assign(value)

    def count_params(self) -> int:
        """How many numbers the weights hold.

        Raises:
            InputError: if the layer is not built yet.
        """
        if not self.built and not self.weights:
            raise InputError(
                f"Layer {self.name!r} has no weights to count yet: they are made when it is first "
                "called, or by `build(input_shape)`."
            )
        return sum(_size(v.shape) for v in self.weights)

    # -------------------------------------------------------------------------------------- losses

    def add_loss(self, loss: Any) -> None:
        """Add a scalar, or a list of them, to the losses of this call."""
        context = call_context.current.get()
        self._losses.extend(tree.flatten(loss))
        if context is not None:
            context.loss_layers.append(self)

    @property
    def losses(self) -> list[Any]:
        """The losses added by the last call, and the penalties of regularized weights."""
        from hornbeam import ops

        added = [loss for layer in self._flatten_layers() for loss in layer._losses]
        penalties = [
            ops.cast(v.regularizer(v), v.dtype)
            for v in self.trainable_weights
            if v.regularizer is not None
        ]
        return added + penalties

    def _clear_losses(self) -> None:
        for layer in self._flatten_layers():
            layer._losses = []

    # ------------------------------------------------------------------------------- dtypes, paths

    @property
    def dtype(self) -> str:
        """The dtype of the variables."""
        return self.variable_dtype

    @property
    def variable_dtype(self) -> str:
        """The dtype of the variables."""
        return str(self.dtype_policy.variable_dtype)

    @property
    def compute_dtype(self) -> str:
        """The dtype of the computations."""
        return str(self.dtype_policy.compute_dtype)

    @property
    def input_dtype(self) -> str:
        """The dtype that floating inputs are cast to."""
        return self.compute_dtype

    @property
    def path(self) -> str:
        """The names of the layers around this one, and its own, joined by slashes."""
        return self._path or self.name

    # ---------------------------------------------------------------------------------------- calls

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        context = call_context.current.get()
        if context is not None:
            return self._call_in(context, args, kwargs)
        context = CallContext()
        token = call_context.current.set(context)
        try:
            return self._call_in(context, args, kwargs)
        finally:
            call_context.current.reset(token)

    def _call_in(self, context: CallContext, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if "inbound_nodes" not in self.__dict__:
            raise InputError(
                f"{type(self).__name__}.__init__() must call `super().__init__(**kwargs)` first."
            )
        backend = self._backend or registry.current()
        with registry.use_backend(backend) if backend is not registry.current() else _NOTHING:
            context.path.append(self.name)
            try:
                return self._run(context, backend, args, kwargs)
            except Exception as error:
                _explain(error, self, context, args)
                raise
            finally:
                context.path.pop()

    def _run(
        self, context: CallContext, backend: Backend, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        signature = CallSignature.of(type(self))
        # 1. Arrays of this engine, in the compute dtype.
        args, kwargs, symbolic = self._convert(backend, args, kwargs)
        first = args[0] if args else kwargs.get(signature.names[0] if signature.names else "")
        # 2. Inputs that fit, and variables for them.
        if self.input_spec is not None and self.built:
            assert_input_compatibility(self.input_spec, first, self)
        if not self.built:
            self._build_for(context, signature, args, kwargs)
            if self.input_spec is not None:
                assert_input_compatibility(self.input_spec, first, self)
        # 3. What the call inherits: training or not, masks.
        call_kwargs, training = self._inherited(context, signature, args, kwargs)
        outer_training, context.training = context.training, training
        # 4. The computation.
        record = symbolic and is_recording()
        try:
            with self._scopes(backend, symbolic):
                outputs = self._compute(symbolic, args, call_kwargs)
                self._regularize(context, outputs)
        finally:
            context.training = outer_training
        # 5. What leaves with the outputs: masks, and a graph node.
        self._pass_mask(context, first, outputs)
        if record:
            Node(self, args, kwargs, outputs)
        return outputs

    def _scopes(self, backend: Backend, symbolic: bool) -> AbstractContextManager[Any]:
        mixed = self.compute_dtype != self.variable_dtype
        wide = dtypes.is_wide(self.compute_dtype)
        if not (mixed or wide or symbolic):
            return _NOTHING
        stack = ExitStack()
        if mixed:
            stack.enter_context(autocasting(self.compute_dtype))
        if wide:
            stack.enter_context(backend.wide())
        if symbolic:
            stack.enter_context(not_recording())
        return stack

    def _compute(self, symbolic: bool, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if symbolic and type(self).compute_output_spec is not Layer.compute_output_spec:
            return self.compute_output_spec(*args, **kwargs)
        return self.call(*args, **kwargs)

    def _convert(
        self, backend: Backend, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any], bool]:
        if len(args) == 1 and not kwargs and type(args[0]) in _PLAIN:
            args = (_as_array_if_numbers(args[0]),)
        leaves = tree.flatten((args, kwargs))
        target = self.compute_dtype if self.autocast else None
        new = [_convert_leaf(self, backend, leaf, target) for leaf in leaves]
        if any(a is not b for a, b in zip(leaves, new, strict=True)):
            args, kwargs = tree.pack_sequence_as((args, kwargs), new)
        return args, kwargs, any(isinstance(leaf, KerasTensor) for leaf in new)

    def _inherited(
        self,
        context: CallContext,
        signature: CallSignature,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> tuple[dict[str, Any], bool | None]:
        kwargs = dict(kwargs)
        training = kwargs.pop("training", None)
        if training is None and "training" in signature.names:
            place = signature.names.index("training")
            training = args[place] if place < len(args) else None
        if training is None:
            training = context.training
        if signature.takes_training and len(args) <= _place(signature.names, "training"):
            kwargs["training"] = bool(training) if training is not None else False
        for name, mask_name in signature.mask_names.items():
            place = signature.names.index(name)
            given = args[place] if place < len(args) else kwargs.get(name)
            if kwargs.get(mask_name) is None and len(args) <= signature.names.index(mask_name):
                masks = _masks(context, given)
                if masks is not None:
                    kwargs[mask_name] = masks
        return kwargs, training

    def _pass_mask(self, context: CallContext, first: Any, outputs: Any) -> None:
        makes_masks = type(self).compute_mask is not Layer.compute_mask
        masks = _masks(context, first)
        if masks is None and not makes_masks:
            return
        if not self.supports_masking and not makes_masks:
            if "mask" not in CallSignature.of(type(self)).names:
                warnings.warn(
                    f"Layer {self.path!r} ({type(self).__name__}) got a masked input but does not "
                    "know about masks, so the padding is treated as data from here on. Set "
                    "`self.supports_masking = True` in the layer if each step is computed on its own.",
                    stacklevel=2,
                )
            return
        with not_recording():
            out_masks = self.compute_mask(first, masks)
        leaves = tree.flatten(outputs)
        many = isinstance(out_masks, (list, tuple, dict))
        flat_masks = tree.flatten(out_masks) if many else [out_masks]
        for tensor, mask in zip(leaves, flat_masks, strict=False):
            if tensor is not None and context.mask_of(tensor) is None:
                context.set_mask(tensor, mask)

    def _regularize(self, context: CallContext, outputs: Any) -> None:
        if self.activity_regularizer is not None:
            for output in tree.flatten(outputs):
                penalty = self.activity_regularizer(output)
                batch = output.shape[0]
                self.add_loss(penalty if batch is None else penalty / batch)

    # ------------------------------------------------------------------------------------ building

    def _build_for(
        self,
        context: CallContext,
        signature: CallSignature,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        shapes = _shapes_by_name(signature, args, kwargs)
        parameters = list(inspect.signature(self.build).parameters.values())
        if len(parameters) == 1 and parameters[0].kind is not parameters[0].VAR_KEYWORD:
            given: dict[str, Any] = {parameters[0].name: next(iter(shapes.values()), None)}
        else:
            given = {f"{name}_shape": shape for name, shape in shapes.items()}
            if not any(p.kind is p.VAR_KEYWORD for p in parameters):
                wanted = {p.name for p in parameters}
                given = {name: shape for name, shape in given.items() if name in wanted}
        self._path = "/".join(context.path)
        with not_recording():
            self.build(**given)
        self.built = True

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes the layer was built for, or None."""
        return self._build_shapes

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build for the shapes in the result of `get_build_config`."""
        if config and not self.built:
            self.build(**{key: _as_shapes(value) for key, value in config.items()})
            self.built = True

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """The symbolic output for symbolic inputs; what `call` gives for them."""
        with not_recording():
            return self(*args, **kwargs)

    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Any:
        """The shape of the output for an input of that shape (tuples, nested as the inputs are)."""
        given = [_as_shapes(shape) for shape in (*args, *kwargs.values())]
        tensors = [_map_shapes(lambda s: KerasTensor(s, self.compute_dtype), shape) for shape in given]
        outputs = self.compute_output_spec(*tensors)
        return tree.map_structure(lambda tensor: tensor.shape, outputs)

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """`compute_output_spec`, leaving a graph node."""
        outputs = self.compute_output_spec(*args, **kwargs)
        Node(self, args, kwargs, outputs)
        return outputs

    # ----------------------------------------------------------------------- without side effects

    def stateless_call(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        *args: Any,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Call the layer as a pure function.

        Args:
            trainable_variables: values for `trainable_variables`.
            non_trainable_variables: values for `non_trainable_variables`.
            *args, **kwargs: as for a call.
            return_losses: whether to return the losses as well.

        Returns:
            (outputs, new non-trainable values), and the losses with `return_losses`.
        """
        if not self.built:
            raise InputError(
                f"Layer {self.name!r} must be built before stateless_call(): call it on data once."
            )
        variables = [*self.trainable_variables, *self.non_trainable_variables]
        values = [_raw(v) for v in (*trainable_variables, *non_trainable_variables)]
        if len(values) != len(variables):
            raise InputError(
                f"stateless_call() got {len(values)} values for the {len(variables)} variables of "
                f"layer {self.name!r}."
            )

        def run() -> Any:
            outputs = self(*args, **kwargs)
            losses = self.losses if return_losses else None
            self._clear_losses()
            return outputs, losses

        (outputs, losses), new = pure(run, variables, values)
        changed = new[len(trainable_variables) :]
        return (outputs, changed, losses) if return_losses else (outputs, changed)

    # --------------------------------------------------------------------------------------- configs

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal, unbuilt layer with ``from_config``."""
        config: dict[str, Any] = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": serialize_keras_object(self.dtype_policy),
        }
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = serialize_keras_object(self.activity_regularizer)
        if type(self).get_config is Layer.get_config:
            automatic = automatic_config(self)
            for hidden in ("autocast", *SHAPE_ARGUMENTS):
                automatic.pop(hidden, None)
            config = {**config, **{k: v for k, v in automatic.items() if k not in config}}
            config["name"] = self.name
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A layer from the result of `get_config`."""
        config = {key: deserialize_keras_object(value) for key, value in config.items()}
        parameters = inspect.signature(cls.__init__).parameters
        later = {}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            later = {k: config.pop(k) for k in BASE_ARGUMENTS if k in config and k not in parameters}
        layer = cls(**config)
        if "name" in later:
            layer.name = later["name"]
        if "dtype" in later:
            layer.dtype_policy = dtype_policies.get(later["dtype"])
        if not later.get("trainable", True):
            layer.trainable = False
        return layer

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    # ------------------------------------------------------------------------------- graph positions

    @property
    def input(self) -> Any:
        """The symbolic input of the layer's only call."""
        node = self._only_node()
        return node.inputs[0] if len(node.inputs) == 1 else node.inputs

    @property
    def output(self) -> Any:
        """The symbolic output of the layer's only call."""
        return self._only_node().outputs

    def _only_node(self) -> Node:
        if len(self.inbound_nodes) != 1:
            raise AttributeError(
                f"Layer {self.name!r} has been called on symbolic tensors {len(self.inbound_nodes)} "
                "times, so it has no single input and output."
            )
        return self.inbound_nodes[0]


_NOTHING = nullcontext()
_PLAIN = (list, tuple)


def _building(build: Callable[..., None]) -> Callable[..., None]:
    """`build` with a name scope around it, remembering the shapes it was called with."""

    @functools.wraps(build)
    def wrapped(self: Layer, *args: Any, **kwargs: Any) -> None:
        depth = self.__dict__.get("_build_depth", 0)
        self.__dict__["_build_depth"] = depth + 1
        token = set_path(self.path)
        backend = registry.current()
        try:
            build(self, *args, **kwargs)
        finally:
            reset_path(token)
            self.__dict__["_build_depth"] = depth
        if depth == 0:
            bound = inspect.signature(build).bind(self, *args, **kwargs).arguments
            self._build_shapes = dict(list(bound.items())[1:])
            self._backend = backend
            self.built = True

    return wrapped


def _input_shape_of(kind: str, kwargs: dict[str, Any]) -> tuple[int | None, ...] | None:
    """The batch input shape that constructor arguments of the first layer ask for."""
    given = {key: kwargs.pop(key) for key in SHAPE_ARGUMENTS if key in kwargs}
    batch = given.get("batch_size")
    for key in ("batch_input_shape", "batch_shape"):
        if given.get(key) is not None:
            return tuple(given[key])
    if given.get("input_shape") is not None:
        shape = given["input_shape"]
        return (batch, *((shape,) if isinstance(shape, int) else shape))
    if given.get("input_dim") is not None:
        if not isinstance(given["input_dim"], int):
            raise InputError(f"{kind}: `input_dim` must be an int, got {given['input_dim']!r}.")
        return (batch, given["input_dim"])
    return None


def _constraint(identifier: Any) -> Any:
    from hornbeam import constraints

    return constraints.get(identifier)


def _place(names: tuple[str, ...], name: str) -> int:
    return names.index(name) if name in names else len(names) + 1


def _size(shape: Sequence[int]) -> int:
    total = 1
    for d in shape:
        total *= d
    return total


def _raw(value: Any) -> Any:
    return value.__hornbeam_array__() if hasattr(value, "__hornbeam_array__") else value


def _as_array_if_numbers(value: Any) -> Any:
    import numpy as np

    leaf = value
    while isinstance(leaf, (list, tuple)) and leaf:
        leaf = leaf[0]
    if isinstance(leaf, (int, float)) and not isinstance(leaf, bool):
        return np.asarray(value, dtypes.floatx() if isinstance(leaf, float) else None)
    return value


def _convert_leaf(layer: Layer, backend: Backend, leaf: Any, target: str | None) -> Any:
    if leaf is None or isinstance(leaf, (bool, int, float, str)):
        return leaf
    owner = registry.engine_of(type(leaf))
    if owner is None:
        if hasattr(leaf, "__hornbeam_array__") or not hasattr(leaf, "__array__"):
            return leaf
        if getattr(getattr(leaf, "dtype", None), "kind", "f") in "OSUT":
            return leaf
        leaf = backend.asarray(leaf)
        owner = backend
    elif owner is not backend and not owner.symbolic:
        raise MixedEnginesError(
            f"Layer {layer.path!r} lives on the engine {backend.name!r} but got an array of "
            f"{owner.name!r}. Pass `ops.convert_to_numpy(x)`, or move the model to that engine."
        )
    if target is not None:
        dtype = owner.dtype(leaf)
        if dtype != target and dtypes.is_float(dtype):
            mask = leaf._mask if isinstance(leaf, KerasTensor) else None
            if isinstance(leaf, KerasTensor):
                from hornbeam import ops

                leaf = ops.cast(leaf, target)
                leaf._mask = mask
            else:
                leaf = owner.cast(leaf, target)
    return leaf


def _masks(context: CallContext, value: Any) -> Any:
    """The masks of `value`, in its structure; None if it has none."""
    if not isinstance(value, (list, tuple, dict)):
        return None if value is None else context.mask_of(value)
    masks = tree.map_structure(lambda leaf: None if leaf is None else context.mask_of(leaf), value)
    return masks if any(m is not None for m in tree.flatten(masks)) else None


def _shapes_by_name(
    signature: CallSignature, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    bound = {**dict(zip(signature.names, args, strict=False)), **kwargs}
    shapes = {}
    for name, value in bound.items():
        leaves = tree.flatten(value)
        if leaves and any(hasattr(leaf, "shape") for leaf in leaves) and not name.endswith("mask"):
            shapes[name] = tree.map_structure(
                lambda leaf: tuple(leaf.shape) if hasattr(leaf, "shape") else None, value
            )
    return shapes


def _is_shape(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(d is None or isinstance(d, int) for d in value)


def _map_shapes(fn: Callable[[Any], Any], shapes: Any) -> Any:
    """`fn` of every shape in a nest of shapes."""
    if shapes is None:
        return None
    if _is_shape(shapes):
        return fn(tuple(shapes))
    if isinstance(shapes, dict):
        return {key: _map_shapes(fn, value) for key, value in shapes.items()}
    return type(shapes)(_map_shapes(fn, value) for value in shapes)


def _as_shapes(value: Any) -> Any:
    """Shapes read from JSON, where tuples are lists."""
    return _map_shapes(lambda shape: shape, value)


def _explain(error: Exception, layer: Layer, context: CallContext, args: tuple[Any, ...]) -> None:
    """Note which layer failed, by its path; the innermost layer's note is the one that stays."""
    from hornbeam.ops.record import describe

    if any(note.startswith("In layer") for note in getattr(error, "__notes__", ())):
        return
    shown = ", ".join(describe(arg) for arg in args)
    error.add_note(f"In layer {'/'.join(context.path)!r} ({type(layer).__name__}), called on {shown}.")


def array_backend(value: Array) -> Backend:
    """The backend that a layer's array belongs to."""
    return registry.engine_of(type(value)) or registry.current()


__all__ = ["InputSpec", "Layer"]

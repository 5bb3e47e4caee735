"""`Layer`: a function with state, the block that models are built of."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any, ClassVar

import numpy as np

from hornbeam import dtype_policies, dtypes, regularizers, tree
from hornbeam.backends import registry
from hornbeam.backends.protocol import Array, Backend
from hornbeam.backends.symbolic import KerasTensor, is_recording, not_recording
from hornbeam.compat.methods import OldLayer
from hornbeam.errors import InputError, suggest
from hornbeam.layers import call_context, lost_masks
from hornbeam.layers.call_context import CallContext
from hornbeam.layers.conversion import as_array_if_numbers, convert_leaf, engine_of_any, raw
from hornbeam.layers.input_spec import InputSpec, assert_input_compatibility
from hornbeam.layers.rematerialization import RematScope, as_now, remat_scope
from hornbeam.layers.shapes import (
    SHAPE_ARGUMENTS,
    CallSignature,
    as_shapes,
    build_parameters,
    input_shape_of,
    map_shapes,
    shapes_by_name,
)
from hornbeam.layers.stateful import Stateful
from hornbeam.layers.unquantized import Unquantized
from hornbeam.naming import current_path, reset_path, set_path, to_snake_case, unique_name
from hornbeam.ops.node import Node
from hornbeam.ops.operation import Operation, apart
from hornbeam.saving.objects import (
    CustomObjectScope,
    automatic_config,
    constructor_of,
    constructor_parameters,
    deserialized_values,
    makes_plain,
    serialize_keras_object,
)
from hornbeam.variables import Variable, autocasting, pure

_as_shapes, _map_shapes = as_shapes, map_shapes
BASE_ARGUMENTS = ("name", "trainable", "dtype", "autocast", "activity_regularizer")


class Layer(OldLayer, Unquantized, Stateful, Operation):
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

    _noun = "Layer"
    _remat: RematScope | None = None
    _unsaved: ClassVar[frozenset[str]] = frozenset()
    """Constructor arguments that an automatic config leaves out while they have their default."""
    _also_saved: ClassVar[tuple[str, ...]] = ()
    """Attributes that an automatic config holds besides the constructor's own arguments."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = _building(cls.build)  # type: ignore[method-assign]
        written = "compute_output_spec" in cls.__dict__ or not _as_called(cls.compute_output_spec)
        if "call" in cls.__dict__ and not written:
            cls.compute_output_spec = _spec_like(cls.call)  # type: ignore[method-assign]

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
        self._given_input_shape = input_shape_of(type(self).__name__, kwargs)
        if kwargs:
            taken = (*inspect.signature(type(self).__init__).parameters, *BASE_ARGUMENTS)
            first = next(iter(kwargs))
            raise TypeError(
                f"{type(self).__name__} got unknown arguments {sorted(kwargs)}."
                + suggest(first, taken)
            )
        self.name = (
            str(name) if name is not None else unique_name(to_snake_case(type(self).__name__))
        )
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
        self._lossy: list[Any] = []
        self._build_shapes: dict[str, Any] | None = None
        self._path = ""
        self._backend: Backend | None = None
        scope = remat_scope()
        if scope is not None:
            self._remat = scope

    def __getattr__(self, name: str) -> Any:
        """What the layer's engine gives to layers: PyTorch's `parameters`, `state_dict` and so on."""
        if not name.startswith("_"):
            method = self._own_backend().model_method(name)
            if method is not None:
                return functools.partial(method, self)
        declared = next((vars(k)[name] for k in type(self).__mro__ if name in vars(k)), None)
        if isinstance(declared, property) and declared.fget is not None:
            return declared.fget(self)  # it has raised an AttributeError: let that be seen
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}.")

    def _own_backend(self) -> Backend:
        backend: Backend | None = self.__dict__.get("_backend")
        if backend is None and "_added_weights" in self.__dict__:
            backend = next((w.backend for w in self.weights), None)
        return backend or registry.current()

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

    # ---------------------------------------------------------------------------------------- calls

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`call` on arrays of the layer's engine, after building; on symbolic tensors, a graph node."""
        context = call_context.current.get()
        if context is not None:
            return self._call_in(context, args, kwargs)
        context = CallContext()
        token = call_context.current.set(context)
        before = self.__dict__.get("_lossy", ())
        for layer in before:
            layer._set_losses([])
        try:
            return self._call_in(context, args, kwargs)
        finally:
            call_context.current.reset(token)
            if before or context.loss_layers:
                self._keep_losses()
            self._lossy = context.loss_layers

    def _call_in(self, context: CallContext, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if "inbound_nodes" not in self.__dict__:
            raise InputError(
                f"{type(self).__name__}.__init__() must call `super().__init__(**kwargs)` first."
            )
        backend = self._backend or engine_of_any((args, kwargs)) or registry.current()
        with registry.on(backend):
            context.path.append(self.name)
            context.layers.append(self)
            try:
                return self._run(context, backend, args, kwargs)
            except Exception as error:
                _explain(error, self, context, args)
                raise
            finally:
                context.path.pop()
                context.layers.pop()

    def _run(
        self, context: CallContext, backend: Backend, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        signature = CallSignature.of(type(self))
        # 1. Arrays of this engine, in the compute dtype.
        args, kwargs, symbolic = self._convert(context, backend, args, kwargs)
        first = args[0] if args else kwargs.get(signature.names[0] if signature.names else "")
        # 2. Inputs that fit, and variables for them.
        if self.input_spec is not None and self.built:
            assert_input_compatibility(self.input_spec, first, self)
        if not self.built:
            self._build_for(context, signature, args, kwargs)
            if self.input_spec is not None:
                assert_input_compatibility(self.input_spec, first, self)
        # 3. What the call inherits: training or not, masks.
        lost_masks.enter(context, self, (args, kwargs))
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
        if record:
            outputs = apart(outputs, (args, kwargs))
        self._pass_mask(context, signature, first, call_kwargs, outputs)
        lost_masks.leave(context, outputs)
        if record:
            Node(self, args, kwargs, outputs)
        return outputs

    def _scopes(self, backend: Backend, symbolic: bool) -> AbstractContextManager[Any]:
        mixed = self.compute_dtype != self.variable_dtype
        wide = dtypes.is_wide(self.compute_dtype)
        if not (mixed or wide):
            return not_recording() if symbolic else _NOTHING
        stack = ExitStack()
        if mixed:
            stack.enter_context(autocasting(self.compute_dtype))
        if wide:
            stack.enter_context(backend.wide())
        if symbolic:
            stack.enter_context(not_recording())
        return stack

    def _compute(self, symbolic: bool, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if symbolic and not _as_called(type(self).compute_output_spec):
            return self.compute_output_spec(*args, **kwargs)
        if self._remat is not None and not symbolic:
            return self._remat.call(self, args, kwargs)
        return self.call(*args, **kwargs)

    def _convert(
        self,
        context: CallContext,
        backend: Backend,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> tuple[tuple[Any, ...], dict[str, Any], bool]:
        target = self.compute_dtype if self.autocast else None
        if len(args) == 1 and not kwargs:
            first = args[0]
            if type(first) in _PLAIN:
                args = (as_array_if_numbers(first),)
            elif type(first) is np.ndarray or registry.engine_of(type(first)) is not None:
                leaf = convert_leaf(self, context, backend, first, target)  # nearly every call
                return (leaf,), kwargs, isinstance(leaf, KerasTensor)
        leaves = tree.flatten((args, kwargs))
        new = [convert_leaf(self, context, backend, leaf, target) for leaf in leaves]
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
        passed, kwargs = kwargs, dict(kwargs)
        training = kwargs.pop("training", None)
        if training is None and "training" in signature.names:
            place = signature.names.index("training")
            training = args[place] if place < len(args) else None
        if training is None:
            training = context.training
        if training is None and "training" in signature.names:
            default = signature.signature.parameters["training"].default
            training = default if isinstance(default, bool) and default else None
        if signature.takes_training and len(args) <= _place(signature.names, "training"):
            kwargs["training"] = bool(training) if training is not None else False
        for name, mask_name in signature.mask_names.items():
            place = signature.names.index(name)
            given = args[place] if place < len(args) else kwargs.get(name)
            if kwargs.get(mask_name) is None and len(args) <= signature.names.index(mask_name):
                masks = _masks(context, given)
                if masks is not None:
                    kwargs[mask_name] = masks
                elif not lost_masks.given_by_hand(mask_name, passed):
                    lost_masks.watch(context, self, name, given, mask_name)
        return kwargs, training

    def _pass_mask(
        self,
        context: CallContext,
        signature: CallSignature,
        first: Any,
        kwargs: dict[str, Any],
        outputs: Any,
    ) -> None:
        makes_masks = type(self).compute_mask is not Layer.compute_mask
        masks = kwargs.get(signature.mask_names.get(next(iter(signature.names), ""), ""))
        if masks is None:
            masks = _masks(context, first)
        if masks is None and not makes_masks:
            return
        if not self.supports_masking and not makes_masks:
            if "mask" not in signature.names:
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
            from hornbeam import ops

            for output in tree.flatten(outputs):
                penalty = self.activity_regularizer(output)
                if not isinstance(output, KerasTensor):
                    self.add_loss(penalty / ops.cast(ops.shape(output)[0], penalty.dtype))

    # ------------------------------------------------------------------------------------ building

    def _build_for(
        self,
        context: CallContext,
        signature: CallSignature,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        shapes = shapes_by_name(signature, args, kwargs)
        kind: Any = type(self)
        parameters = build_parameters(kind)
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
        if self._build_shapes is None:
            self._build_shapes = given
        self.built = True

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes the layer was built for, or None."""
        shapes = {k: v for k, v in (self._build_shapes or {}).items() if v is not None}
        if len(shapes) <= 1:
            return {"input_shape": next(iter(shapes.values()))} if shapes else None
        return {"shapes_dict": shapes}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build for the shapes in the result of `get_build_config`."""
        if config and not self.built:
            if "shapes_dict" in config:
                self.build(
                    **{key: as_shapes(value) for key, value in config["shapes_dict"].items()}
                )
            elif "input_shape" in config:
                self.build(as_shapes(config["input_shape"]))
            self.built = True

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """The symbolic output for symbolic inputs; what `call` gives for them."""
        with not_recording():
            return self(*args, **kwargs)

    def compute_output_shape(self, input_shape: Any = None, *args: Any, **kwargs: Any) -> Any:
        """The shape of the output for an input of that shape (tuples, nested as the inputs are).

        Args:
            input_shape: shape of the first argument of `call`.
            *args, **kwargs: shapes of further ones.
        """
        first = () if input_shape is None else (input_shape,)
        given = [
            as_shapes(shape) for shape in (*first, *args, *kwargs.values()) if shape is not None
        ]
        tensors = [
            map_shapes(lambda s: KerasTensor(s, self.compute_dtype), shape) for shape in given
        ]
        with self._leaving_no_trace():
            outputs = self.compute_output_spec(*tensors)
        return tree.map_structure(lambda tensor: tensor.shape, outputs)

    @contextmanager
    def _leaving_no_trace(self) -> Iterator[None]:
        """A context in which building makes variables without values, and is undone at the end."""
        layers = [layer for layer in self._flatten_layers() if not layer.built]
        before = [dict(layer.__dict__) for layer in layers]
        lists = [list(layer._added_weights) for layer in layers]
        with registry.use_backend("symbolic") if layers else _NOTHING:
            try:
                yield
            finally:
                for layer, attributes, weights in zip(layers, before, lists, strict=True):
                    layer.__dict__.clear()
                    layer.__dict__.update(attributes)
                    layer._added_weights[:] = weights

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
        values = [raw(v) for v in (*trainable_variables, *non_trainable_variables)]
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

    def rematerialized_call(  # type: ignore[override]
        self, layer_call: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Callable[..., Any]:
        """`layer_call` such that what it computes is not kept for the gradient but computed again.

        This needs less memory and more time; engines that cannot do it keep everything.

        Args:
            layer_call: the layer's `call`, or another function of the layer that computes with arrays.
            *args, **kwargs: have no effect.

        Returns:
            A function of the same arguments.
        """

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            leaves = tree.flatten((args, kwargs))
            places = [
                i for i, leaf in enumerate(leaves) if registry.engine_of(type(leaf)) is not None
            ]
            variables = self.variables

            def run(values: list[Any], arrays: list[Any]) -> tuple[Any, list[Any]]:
                new = dict(zip(places, arrays, strict=True))
                mixed = [new.get(i, leaf) for i, leaf in enumerate(leaves)]
                again, named = tree.pack_sequence_as((args, kwargs), mixed)
                return pure(lambda: layer_call(*again, **named), variables, values)

            before = [v._value for v in variables]
            arrays = [leaves[i] for i in places]
            outputs, after = registry.current().remat(as_now(run))(before, arrays)
            for variable, old, new in zip(variables, before, after, strict=True):
                if new is not old and not variable.trainable:
                    variable.assign(new)
            return outputs

        return wrapped

    # --------------------------------------------------------------------------------------- configs

    @makes_plain
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
            automatic = automatic_config(self, leave_out=self._unsaved)
            named = constructor_parameters(type(self))
            for hidden in _UNSAVED_OTHERS.intersection(automatic):
                if hidden not in named:
                    del automatic[hidden]
            for hidden in self._unsaved:
                default = named[hidden].default if hidden in named else None
                value = self.__dict__.get(hidden, default)
                if value != default:
                    automatic[hidden] = serialize_keras_object(value)
            for extra in self._also_saved:
                automatic[extra] = serialize_keras_object(getattr(self, extra))
            return {**config, **automatic, **config}
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """A layer from the result of `get_config`.

        Args:
            config: plain data.
            custom_objects: name -> class or function, for names that are not registered.
        """
        with CustomObjectScope(custom_objects) if custom_objects else _NOTHING:
            config = deserialized_values(config)
        taken = constructor_of(cls)
        later = {}
        if not taken.takes_others:
            later = {
                k: config.pop(k)
                for k in BASE_ARGUMENTS
                if k in config and k not in taken.parameters
            }
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


_UNSAVED_OTHERS = frozenset({"autocast", *SHAPE_ARGUMENTS})
"""What may be among the other keyword arguments of a constructor, and is no part of a config."""


def _as_called(method: Any) -> bool:
    """Whether a `compute_output_spec` finds the outputs by calling the layer."""
    return method is Layer.compute_output_spec or hasattr(method, "as_called")


def _spec_like(call: Callable[..., Any]) -> Callable[..., Any]:
    """`Layer.compute_output_spec` with the parameters of `call`, for whoever asks for its signature."""

    def compute_output_spec(self: Layer, *args: Any, **kwargs: Any) -> Any:
        return Layer.compute_output_spec(self, *args, **kwargs)

    compute_output_spec.__doc__ = Layer.compute_output_spec.__doc__
    compute_output_spec.__signature__ = inspect.signature(call)  # type: ignore[attr-defined]
    compute_output_spec.as_called = True  # type: ignore[attr-defined]
    return compute_output_spec


_NOTHING: AbstractContextManager[Any] = nullcontext()
_PLAIN = (list, tuple)


def _building(build: Callable[..., None]) -> Callable[..., None]:
    """`build` with a name scope around it, remembering the shapes it was called with."""
    names = list(inspect.signature(build).parameters)[1:]

    @functools.wraps(build)
    def wrapped(self: Layer, *args: Any, **kwargs: Any) -> None:
        depth = self.__dict__.get("_build_depth", 0)
        self.__dict__["_build_depth"] = depth + 1
        if not self._path:
            scope = current_path()
            self._path = f"{scope}/{self.name}" if scope else self.name
        token = set_path(self._path)
        backend = registry.current()
        try:
            build(self, *args, **kwargs)
        finally:
            reset_path(token)
            self.__dict__["_build_depth"] = depth
        if depth == 0:
            self._build_shapes = {**dict(zip(names, args, strict=False)), **kwargs}
            self._backend = backend
            self.built = True

    return wrapped


def _place(names: tuple[str, ...], name: str) -> int:
    return names.index(name) if name in names else len(names) + 1


def _masks(context: CallContext, value: Any) -> Any:
    """The masks of `value`, in its structure; None if it has none."""
    if not isinstance(value, (list, tuple, dict)):
        return None if value is None else context.mask_of(value)
    masks = tree.map_structure(lambda leaf: None if leaf is None else context.mask_of(leaf), value)
    return masks if any(m is not None for m in tree.flatten(masks)) else None


def _explain(error: Exception, layer: Layer, context: CallContext, args: tuple[Any, ...]) -> None:
    """Note which layer failed, by its path; the innermost layer's note is the one that stays."""
    from hornbeam.ops.record import describe

    if any(note.startswith("In layer") for note in getattr(error, "__notes__", ())):
        return
    shown = ", ".join(describe(arg) for arg in args)
    error.add_note(
        f"In layer {'/'.join(context.path)!r} ({type(layer).__name__}), called on {shown}."
    )


def array_backend(value: Array) -> Backend:
    """The backend that a layer's array belongs to."""
    return registry.engine_of(type(value)) or registry.current()


__all__ = ["InputSpec", "Layer"]

"""Layers around pure functions of an engine's own arrays, and around the modules that wrap them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from hornbeam import tree
from hornbeam.backends import registry
from hornbeam.backends.protocol import Backend
from hornbeam.backends.symbolic import KerasTensor
from hornbeam.errors import InputError, UnsafeFileError, UnsupportedError
from hornbeam.layers.foreign.shapes import infer, within
from hornbeam.layers.layer import Layer
from hornbeam.random import SeedGenerator
from hornbeam.saving.objects import builtin, deserialize_keras_object, serialize_keras_object
from hornbeam.variables import Variable

CALL_ARGUMENTS = ("params", "state", "rng", "inputs", "training")
INIT_ARGUMENTS = ("rng", "inputs", "training")


@builtin("keras.layers")
class JaxLayer(Layer):
    """A layer around a pure function of JAX arrays, on the engine 'jax'.

    ``call_fn`` has some of the parameters ``params``, ``state``, ``rng``, ``inputs`` and ``training``,
    by these names: a nest of arrays that are trained, a nest of arrays that the function renews, a
    random key (uint32, shape (2,)), the inputs, and whether this is training.  It returns the outputs,
    or with ``state`` a pair of the outputs and the new state, which is kept in training.

    ``init_fn``, which is called when the shape of the inputs is known, has some of the parameters
    ``rng``, ``inputs`` (zeros, with one row for an unknown batch size) and ``training``, and returns the
    first ``params``, or with a ``state`` in ``call_fn`` the pair (params, state).

    Both are saved by name, so for a config they must be registered
    (`hornbeam.saving.register_keras_serializable`).

    Args:
        call_fn: the function.
        init_fn: makes the first params and state; not needed if they are given.
        params: the first params, a nest of arrays.
        state: the first state, a nest of arrays.
        seed: an int for the random keys, or None.
        native_serialization_platforms: without meaning here, as nothing is compiled for other machines.
        **kwargs: see `Layer`.

    Raises:
        InputError: if `call_fn` has other parameters, or its params come from nowhere.
        UnsupportedError: if it is called on another engine.

    Example:

    >>> import jax, hornbeam
    >>> def init(rng, inputs):
    ...     return {"w": jax.random.normal(rng, (inputs.shape[-1], 2))}
    >>> def call(params, inputs):
    ...     return inputs @ params["w"]
    >>> layer = hornbeam.layers.JaxLayer(call, init)
    >>> layer(hornbeam.ops.ones((5, 3))).shape, layer.count_params()
    ((5, 2), 6)
    """

    def __init__(
        self,
        call_fn: Callable[..., Any],
        init_fn: Callable[..., Any] | None = None,
        params: Any = None,
        state: Any = None,
        seed: int | None = None,
        native_serialization_platforms: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.call_fn = call_fn
        self.init_fn = init_fn
        self.seed = seed
        self.native_serialization_platforms = native_serialization_platforms
        self.call_fn_arguments = _parameters(call_fn, "call_fn", CALL_ARGUMENTS)
        if "inputs" not in self.call_fn_arguments:
            raise InputError("The `call_fn` of JaxLayer must have a parameter `inputs`.")
        self.call_fn_has_params = "params" in self.call_fn_arguments
        self.call_fn_has_state = "state" in self.call_fn_arguments
        self.init_fn_arguments = (
            [] if init_fn is None else _parameters(init_fn, "init_fn", INIT_ARGUMENTS)
        )
        lacks_params = self.call_fn_has_params and params is None
        lacks_state = self.call_fn_has_state and state is None
        if init_fn is None and (lacks_params or lacks_state):
            what = "params" if lacks_params else "state"
            raise InputError(
                f"The `call_fn` of JaxLayer takes `{what}`: give an `init_fn` that makes them, or "
                f"`{what}=`."
            )
        self._needs_init = lacks_params or lacks_state
        needs_key = "rng" in self.call_fn_arguments or "rng" in self.init_fn_arguments
        self.seed_generator = SeedGenerator(seed) if needs_key else None
        self.tracked_params: Any = None
        self.tracked_state: Any = None
        self._first = (params, state)
        if not self._needs_init:
            with registry.use_backend(self._function_backend()):
                self._track(params, state)
            self.built = True

    # ------------------------------------------------------------------------------------ variables

    def _function_backend(self) -> Backend:
        backend = self._backend or registry.current()
        if not (backend.pure_functions or backend.symbolic):
            raise UnsupportedError(
                f"{type(self).__name__} holds a function of JAX arrays, so it runs on that engine only, "
                f"not on {backend.name!r}: make the model after `hornbeam.config.set_backend('jax')`."
            )
        return backend

    def _track(self, params: Any, state: Any) -> None:
        with within(self):
            if self.call_fn_has_params:
                self.tracked_params = _as_variables(params, True)
            if self.call_fn_has_state:
                self.tracked_state = _as_variables(state, False)

    def build(self, input_shape: Any) -> None:
        """Make the first params and state, by `init_fn` unless they were given."""
        backend = self._function_backend()
        if not self._needs_init or backend.symbolic:
            return
        params, state = self._first
        assert self.init_fn is not None
        shapes = _zeros(backend, input_shape, self.compute_dtype)
        given = {"rng": self._key(), "inputs": shapes, "training": True}
        made = self.init_fn(**{name: given[name] for name in self.init_fn_arguments})
        if self.call_fn_has_params and self.call_fn_has_state:
            if not isinstance(made, tuple) or len(made) != 2:
                raise InputError(
                    "The `init_fn` of JaxLayer must return (params, state), since `call_fn` takes both, "
                    f"but returned {type(made).__name__}."
                )
            made_params, made_state = made
        else:
            made_params = made_state = made
        self._track(
            made_params if params is None else params, made_state if state is None else state
        )

    def _key(self) -> Any:
        return None if self.seed_generator is None else self.seed_generator.next()

    # ---------------------------------------------------------------------------------------- calls

    def call(self, inputs: Any, training: bool = False) -> Any:
        """What `call_fn` returns."""
        self._function_backend()
        given = {
            "params": _values(self.tracked_params),
            "state": _values(self.tracked_state),
            "rng": self._key() if "rng" in self.call_fn_arguments else None,
            "inputs": inputs,
            "training": training,
        }
        result = self.call_fn(**{name: given[name] for name in self.call_fn_arguments})
        if not self.call_fn_has_state:
            return result
        if not isinstance(result, tuple) or len(result) != 2:
            raise InputError(
                "The `call_fn` of JaxLayer takes a `state`, so it must return (outputs, new state), but "
                f"returned {type(result).__name__}."
            )
        outputs, state = result
        if training:
            tree.assert_same_structure(self.tracked_state, state)
            for box, value in zip(
                tree.flatten(self.tracked_state), tree.flatten(state), strict=True
            ):
                if isinstance(box, Variable):
                    box.assign(value)
        return outputs

    def compute_output_spec(self, inputs: Any, training: bool = False) -> Any:
        """The symbolic output, found by running `call_fn` without values."""
        backend = self._backend or registry.current()
        if backend.symbolic:
            backend = _function_engine()
        params, state = _values(self.tracked_params), _values(self.tracked_state)
        key = backend.zeros((2,), "uint32")

        def run(*arrays: Any) -> Any:
            first = tree.pack_sequence_as(inputs, list(arrays))
            given = {"params": params, "state": state, "rng": key, "inputs": first}
            given["training"] = training
            result = self.call_fn(**{name: given[name] for name in self.call_fn_arguments})
            return result[0] if self.call_fn_has_state else result

        return infer(backend, run, [x for x in tree.flatten(inputs) if isinstance(x, KerasTensor)])

    # ---------------------------------------------------------------------------------------- configs

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments but the values, which are weights; functions by their names."""
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": serialize_keras_object(self.dtype_policy),
            "call_fn": serialize_keras_object(self.call_fn),
            "init_fn": serialize_keras_object(self.init_fn),
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """A layer from the result of `get_config`.

        Args:
            config: plain data.
            custom_objects: name -> function, for functions that are not registered.
        """
        made = {
            key: deserialize_keras_object(value, custom_objects=custom_objects)
            for key, value in config.items()
        }
        return cls(**made)


@builtin("keras.layers")
class FlaxLayer(JaxLayer):
    """A layer around a Flax (linen) module, on the engine 'jax'.

    The module's variables of the collection ``params`` are trained, the other collections are state that
    is renewed in training.  Any object with Flax's ``init(rngs, *args)`` and ``apply(variables, *args,
    rngs=, mutable=)`` will do.  If the module's method has a parameter ``training``, it is passed.

    A module is code and is not saved: build the model in code and load its weights.

    Args:
        module: the module.
        method: the method to call: a function of the module and the inputs, or a method's name; by
            default the module's ``__call__``.
        variables: the module's variables, a dict of collections, if they exist already.
        **kwargs: see `Layer`, and `seed` of `JaxLayer`.

    Raises:
        InputError: if `module` has no ``init`` and ``apply``.

    Example:

    >>> import jax.numpy as jnp, hornbeam
    >>> class Scale:  # what matters of a Flax module
    ...     def __call__(self, x): ...
    ...     def init(self, rngs, x, **kwargs):
    ...         return {"params": {"scale": jnp.ones(x.shape[-1])}}
    ...     def apply(self, variables, x, rngs=None, mutable=False, method=None):
    ...         return x * variables["params"]["scale"]
    >>> hornbeam.layers.FlaxLayer(Scale())(hornbeam.ops.ones((2, 3))).shape
    (2, 3)
    """

    _unsaved: ClassVar[frozenset[str]] = frozenset({"module"})

    def __init__(
        self, module: Any, method: Any = None, variables: Any = None, **kwargs: Any
    ) -> None:
        if not (
            callable(getattr(module, "init", None)) and callable(getattr(module, "apply", None))
        ):
            raise InputError(
                "FlaxLayer needs a Flax module, with methods `init` and `apply`, got "
                f"{type(module).__name__}."
            )
        if variables is not None and not isinstance(variables, Mapping):
            raise InputError(
                f"`variables` of FlaxLayer must be a dict of collections, got {variables!r}."
            )
        self.module = module
        self.method = method
        function = getattr(type(module), method) if isinstance(method, str) else method
        function = type(module).__call__ if function is None else function
        takes_training = "training" in inspect.signature(function).parameters
        extra = {} if method is None else {"method": method}

        def told(training: bool) -> dict[str, Any]:
            return {**extra, "training": training} if takes_training else extra

        def call_fn(params: Any, state: Any, rng: Any, inputs: Any, training: bool) -> Any:
            collections = {**({} if params is None else {"params": params}), **state}
            keys = {"rngs": {"dropout": rng}} if training else {}
            if not (training and state):
                return module.apply(collections, inputs, **keys, **told(training)), state
            return module.apply(collections, inputs, mutable=list(state), **keys, **told(training))

        def init_fn(rng: Any, inputs: Any, training: bool) -> Any:
            return _split(module.init({"params": rng, "dropout": rng}, inputs, **told(training)))

        params, state = (None, None) if variables is None else _split(variables)
        super().__init__(call_fn, init_fn, params, state, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """The settings but the module, which is code."""
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": serialize_keras_object(self.dtype_policy),
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Always an error: the module is code, and code is not made from files.

        Raises:
            UnsafeFileError: always.
        """
        raise UnsafeFileError(
            f"The config of {config.get('name')!r} does not hold its Flax module: modules are never "
            "rebuilt from a file. Build the model in code and call `model.load_weights(path)`."
        )


def _split(variables: Any) -> tuple[Any, dict[str, Any]]:
    """(params, the other collections)."""
    return variables.get("params"), {k: v for k, v in variables.items() if k != "params"}


def _function_engine() -> Backend:
    """The engine whose functions are pure, for shapes that are asked for before there are arrays."""
    names = [name for name in registry.installed() if registry.get(name).pure_functions]
    return registry.get(names[0])


def _parameters(fn: Any, what: str, known: tuple[str, ...]) -> list[str]:
    if not callable(fn):
        raise InputError(f"The `{what}` of JaxLayer must be a function, got {fn!r}.")
    names = list(inspect.signature(fn).parameters)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(
            f"The `{what}` of JaxLayer has the parameters {unknown}, but what it is given is known by "
            f"the names {', '.join(known)} only."
        )
    return names


def _as_variables(nest: Any, trainable: bool) -> Any:
    """A variable for every array and number of the nest; anything else as it is."""

    def box(path: tuple[Any, ...], leaf: Any) -> Any:
        if not (hasattr(leaf, "shape") or isinstance(leaf, (int, float))):
            return leaf
        return Variable(leaf, trainable=trainable, name="_".join(map(str, path)) or "value")

    pairs = tree.flatten_with_path(nest)
    return tree.pack_sequence_as(nest, [box(path, leaf) for path, leaf in pairs])


def _values(nest: Any) -> Any:
    return tree.map_structure(lambda v: v.value if isinstance(v, Variable) else v, nest)


def _zeros(backend: Backend, shapes: Any, dtype: str) -> Any:
    from hornbeam.layers.shapes import map_shapes

    return map_shapes(
        lambda shape: backend.zeros(tuple(1 if d is None else d for d in shape), dtype), shapes
    )

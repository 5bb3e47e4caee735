"""`clone_model`, and the state of models as trees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hornbeam import tree
from hornbeam.backends.symbolic import KerasTensor, recording
from hornbeam.errors import InputError
from hornbeam.layers.layer import Layer
from hornbeam.models.functional import Functional
from hornbeam.models.sequential import Sequential
from hornbeam.variables import Variable


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: Callable[[Any], Any] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
    **kwargs: Any,
) -> Any:
    """A model of the same layers with new variables.

    Args:
        model: a functional or sequential model; subclassed models are cloned by their config, and then
            without the other arguments.
        input_tensors: symbolic tensors for the new model to start from, in place of new inputs.
        clone_function: layer -> the layer that takes its place; by default a new one of its config.
        call_function: ``call_function(layer, *args, **kwargs)``, called in place of the new layer (for
            functional models).
        recursive: whether `clone_function` also sees the layers of nested models, instead of the nested
            models themselves.
        **kwargs: nothing; unknown names raise TypeError.

    Returns:
        The new model; its layers have their first weights.

    Raises:
        InputError: if an argument does not fit the kind of model.

    Example:

    >>> import hornbeam
    >>> model = hornbeam.Sequential([hornbeam.Input((4,)), hornbeam.layers.Dense(2)])
    >>> clone = hornbeam.models.clone_model(model)
    >>> clone.output_shape, clone.layers[0] is model.layers[0]
    ((None, 2), False)
    """
    kwargs.pop("cache", None)
    if kwargs:
        raise TypeError(f"clone_model() got unknown arguments {sorted(kwargs)}.")
    changed = [input_tensors, clone_function, call_function]
    if isinstance(model, Sequential):
        if call_function is not None:
            raise InputError("clone_model(): `call_function` is for functional models.")
        return _clone_sequential(model, input_tensors, _cloner(clone_function, recursive))
    if model._graph is not None:
        cloner = _cloner(clone_function, recursive)
        return _clone_functional(model, input_tensors, cloner, call_function)
    if any(argument is not None for argument in changed):
        raise InputError(
            f"clone_model(): {model.name!r} is a subclassed model, which is cloned by its config; the "
            "other arguments are for functional and sequential models."
        )
    return _by_config(model)


def _by_config(layer: Any) -> Any:
    return type(layer).from_config(layer.get_config())


def _cloner(clone_function: Callable[[Any], Any] | None, recursive: bool) -> Callable[[Any], Any]:
    """What makes the new layer of a layer, the same one each time it is asked."""
    made: dict[int, Any] = {}

    def clone(layer: Any) -> Any:
        if id(layer) not in made:
            nested = recursive and getattr(layer, "_graph", None) is not None
            if nested or (recursive and isinstance(layer, Sequential)):
                made[id(layer)] = clone_model(layer, clone_function=clone_function, recursive=True)
                made[id(layer)].name = layer.name
            else:
                made[id(layer)] = (clone_function or _by_config)(layer)
        return made[id(layer)]

    return clone


def _clone_sequential(
    model: Sequential, input_tensors: Any, clone: Callable[[Any], Any]
) -> Sequential:
    layers: list[Any] = [clone(layer) for layer in model.layers]
    if input_tensors is not None:
        tensors = tree.flatten(input_tensors)
        if len(tensors) != 1 or not isinstance(tensors[0], KerasTensor):
            raise InputError("clone_model(): a Sequential model takes one `Input()` tensor.")
        layers.insert(0, tensors[0])
    elif model._input is not None:
        layers.insert(0, _new_input(model._input))
    return type(model)(layers, name=model.name, trainable=model.trainable)


def _new_input(tensor: KerasTensor) -> KerasTensor:
    from hornbeam.layers import Input

    made: KerasTensor = Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name)
    return made


def _clone_functional(
    model: Any,
    input_tensors: Any,
    clone: Callable[[Any], Any],
    call_function: Callable[..., Any] | None,
) -> Any:
    if input_tensors is None:
        inputs = [_new_input(tensor) for tensor in model._graph.inputs]
    else:
        inputs = tree.flatten(input_tensors)
        wanted = len(model._graph.inputs)
        if len(inputs) != wanted or not all(isinstance(t, KerasTensor) for t in inputs):
            raise InputError(
                f"clone_model(): {model.name!r} has {wanted} inputs; `input_tensors` must be as many "
                f"`Input()` tensors, got {input_tensors!r}."
            )

    def operation(original: Any) -> Any:
        if not isinstance(original, Layer):
            return original
        layer = clone(original)
        if call_function is None:
            return layer
        return lambda *args, **kwargs: call_function(layer, *args, **kwargs)

    with recording():
        outputs = model._graph.run(inputs, operation)
    own = type(model).__dict__.get("from_config") is not None or type(model) is Functional
    made = type(model) if own else Functional
    struct = tree.pack_sequence_as(model._inputs_struct, inputs)
    ends = (
        tree.pack_sequence_as(model._outputs_struct, outputs)
        if tree.is_nested(model._outputs_struct)
        else outputs[0]
    )
    return made(struct, ends, name=model.name)


# -------------------------------------------------------------------------------------- state as trees


def get_state_tree(model: Any, value_format: str = "backend_tensor") -> dict[str, Any]:
    """The values of all variables, as nested dicts; see `Model.get_state_tree`."""
    if value_format not in ("backend_tensor", "numpy_array"):
        raise InputError(
            f"`value_format` must be 'backend_tensor' or 'numpy_array', got {value_format!r}."
        )
    plain = value_format == "numpy_array"
    return {
        group: _nest({v.path: v.numpy() if plain else v.value for v in variables})
        for group, variables in _groups(model).items()
    }


def set_state_tree(model: Any, state_tree: Mapping[str, Any]) -> None:
    """Set variables to the values of such a tree; see `Model.set_state_tree`."""
    groups = _groups(model)
    plan: list[tuple[Variable, Any]] = []
    for group, nest in state_tree.items():
        if group not in groups:
            raise InputError(f"set_state_tree(): unknown part {group!r}; there are {list(groups)}.")
        known = {v.path: v for v in groups[group]}
        for path, value in _leaves(nest):
            if path not in known:
                raise InputError(f"set_state_tree(): {model.name!r} has no variable {path!r}.")
            if tuple(value.shape) != known[path].shape:
                raise InputError(
                    f"set_state_tree(): {path!r} has shape {known[path].shape}, got "
                    f"{tuple(value.shape)}."
                )
            plan.append((known[path], value))
    for variable, value in plan:
        variable.assign(value)


def _groups(model: Any) -> dict[str, list[Variable]]:
    optimizer = getattr(model, "optimizer", None)
    groups = {
        "trainable_variables": list(model.trainable_variables),
        "non_trainable_variables": list(model.non_trainable_variables),
    }
    if optimizer is not None:
        groups["optimizer_variables"] = list(optimizer.variables)
    groups["metrics_variables"] = list(model.metrics_variables)
    return groups


def _nest(values: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for path, value in values.items():
        place = nested
        *outer, last = path.split("/")
        for part in outer:
            place = place.setdefault(part, {})
        if last in place:
            raise InputError(
                f"Two variables are called {path!r}: their names cannot tell them apart."
            )
        place[last] = value
    return nested


def _leaves(nest: Any, path: str = "") -> Any:
    for key, value in nest.items():
        where = f"{path}/{key}" if path else key
        if isinstance(value, Mapping):
            yield from _leaves(value, where)
        else:
            yield where, value


__all__ = ["clone_model"]

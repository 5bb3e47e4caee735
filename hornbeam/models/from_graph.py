"""What a model made of inputs and outputs does: set itself up, and run its graph on data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hornbeam import dtypes, ops, tree
from hornbeam.backends.symbolic import KerasTensor
from hornbeam.errors import InputError
from hornbeam.layers import call_context
from hornbeam.layers.layer import Layer
from hornbeam.models.graph import Graph
from hornbeam.naming import unique_name


def init_functional(
    model: Any, inputs: Any, outputs: Any, name: str | None = None, **kwargs: Any
) -> None:
    """The part of `Model.__init__` that is about a graph."""
    given = tree.flatten(inputs)
    for tensor in given:
        if not isinstance(tensor, KerasTensor):
            raise InputError(
                f"Model(inputs, outputs): every input must come from `Input()`, got {tensor!r}."
            )
    if len({id(t) for t in given}) != len(given):
        raise InputError("Model(inputs, outputs): the same tensor is given twice in `inputs`.")
    trainable = kwargs.pop("trainable", None)
    if name is None and type(model) is model.functional_class:
        name = unique_name("functional")
    Layer.__init__(model, name=name, **kwargs)
    model._inputs_struct = inputs
    model._outputs_struct = outputs
    model._graph = Graph(given, tree.flatten(outputs))
    model._layers = [op for op in model._graph.operations if isinstance(op, Layer)]
    _check_names(model)
    model.built = True
    model.supports_masking = True
    backends = [layer._backend for layer in model._layers if layer._backend is not None]
    model._backend = backends[0] if backends else None
    if trainable is not None and not trainable:  # True leaves layers that are frozen as they are
        model.trainable = False


def _check_names(model: Any) -> None:
    seen: dict[str, Any] = {}
    for operation in model._graph.operations:
        other = seen.setdefault(operation.name, operation)
        if other is not operation:
            raise InputError(
                f"Model {model.name!r} has two layers named {operation.name!r}; names within a model "
                "must differ. Give one of them another `name=`."
            )


# -------------------------------------------------------------------------------------------- calls


def run_functional(model: Any, inputs: Any, training: Any = None, mask: Any = None) -> Any:
    """Run the graph of `model` on arrays or symbolic tensors."""
    values = standardize_inputs(model, inputs)
    if mask is not None:
        context = call_context.current.get()
        for value, one in zip(values, tree.flatten(mask), strict=False):
            if one is not None and context is not None:
                context.set_mask(value, one)
    results = model._graph.run(values)
    if not tree.is_nested(model._outputs_struct):
        return results[0]
    return tree.pack_sequence_as(model._outputs_struct, results)


def standardize_inputs(model: Any, inputs: Any) -> list[Any]:
    """`inputs` as a flat list in the order of the model's inputs, each of the right rank and dtype."""
    flat = _match(model, inputs)
    return [_fit(model, i, x) for i, x in enumerate(flat)]


def _match(model: Any, inputs: Any) -> list[Any]:
    struct, names = model._inputs_struct, [t.name for t in model._graph.inputs]
    nested = isinstance(struct, Mapping) and not _flat(struct)
    if nested and tree.structure_of(inputs) == tree.structure_of(struct):
        return tree.flatten(inputs)
    if isinstance(inputs, Mapping):
        keys = list(struct) if isinstance(struct, Mapping) and _flat(struct) else names
        wanted = sorted(keys) if isinstance(struct, Mapping) and _flat(struct) else keys
        if set(wanted) <= set(inputs):
            return [inputs[key] for key in wanted]
        if not (isinstance(struct, Mapping) and set(names) <= set(inputs)):
            missing = [key for key in wanted if key not in inputs]
            raise InputError(
                f"Model {model.name!r} needs the inputs {wanted}; {missing} missing in the given "
                f"dict with keys {list(inputs)}."
            )
        return [inputs[name] for name in names]
    if isinstance(struct, Mapping) and len(names) > 1:
        raise InputError(
            f"Model {model.name!r} was made with a dict of inputs, {sorted(struct)}: pass a dict with "
            "these keys, so that none can be mistaken for another."
        )
    flat = tree.flatten(inputs)
    if len(flat) != len(names):
        raise InputError(
            f"Model {model.name!r} has {len(names)} inputs ({', '.join(names)}), but was called with "
            f"{len(flat)}."
        )
    return flat


def _flat(struct: Mapping[str, Any]) -> bool:
    return all(isinstance(value, KerasTensor) for value in struct.values())


def _fit(model: Any, index: int, x: Any) -> Any:
    wanted = model._graph.inputs[index]
    if x is None:
        return None
    if not hasattr(x, "shape"):
        x = ops.convert_to_tensor(x)
    shape, target = tuple(x.shape), wanted.shape
    adapted = x
    if len(shape) == len(target) + 1 and shape[-1] == 1:
        adapted = ops.squeeze(x, -1)
    elif len(shape) == len(target) - 1 and target[-1] == 1:
        adapted = ops.expand_dims(x, -1)
    shape = tuple(adapted.shape)
    fits = len(shape) == len(target) and all(
        a == b or a is None or b is None or not isinstance(a, int)
        for a, b in zip(shape, target, strict=True)
    )
    if not fits:
        raise InputError(
            f"Model {model.name!r}: the input {wanted.name!r} must have shape {target} "
            f"(None is any size), got {tuple(x.shape)}."
        )
    dtype = dtypes.standardize(adapted.dtype)
    wanted_dtype = wanted.dtype
    if dtypes.is_float(dtype) and dtypes.is_float(wanted_dtype):
        return adapted  # already in the compute dtype of the layer's policy
    return adapted if dtype == wanted_dtype else ops.cast(adapted, wanted_dtype)

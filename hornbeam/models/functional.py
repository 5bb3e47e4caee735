"""Functional models: the graph between symbolic inputs and outputs, as a layer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hornbeam import tree
from hornbeam.backends.symbolic import KerasTensor, recording
from hornbeam.errors import CorruptFileError, UnsafeFileError
from hornbeam.models.model import Model
from hornbeam.models.op_nodes import is_op, op_call, op_config, op_from_config
from hornbeam.naming import to_snake_case
from hornbeam.ops.node import Node
from hornbeam.ops.operation import Operation
from hornbeam.ops.record import OpCall
from hornbeam.saving.objects import (
    builtin,
    deserialize_keras_object,
    makes_plain,
    serialize_keras_object,
)


@builtin("keras.src.models.functional")  # what Keras reads; `keras.Functional` it does not
class Functional(Model):
    """A model made of inputs and outputs: what ``Model(inputs, outputs)`` returns.

    Args:
        inputs: one symbolic tensor (from `Input`), or a list or dict of them.
        outputs: one symbolic tensor, or a list or dict of them.
        name: the model's name.

    Example:

    >>> import hornbeam
    >>> x = hornbeam.Input(shape=(4,))
    >>> type(hornbeam.Model(x, hornbeam.layers.Dense(1)(x))).__name__
    'Functional'
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(inputs=inputs, outputs=outputs, name=name, **kwargs)

    @makes_plain
    def get_config(self) -> dict[str, Any]:
        """The graph: layers, how they are called, inputs and outputs."""
        return graph_config(self)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """A model from the result of `get_config`."""
        if "layers" not in config:
            return super().from_config(config)
        return model_from_graph_config(cls, config)


# ------------------------------------------------------------------------------------------ configs


def graph_config(model: Any) -> dict[str, Any]:
    """The config of a functional model, in the format of Keras 3."""
    graph = model._graph
    kept = {id(node) for node in graph.nodes} | {id(t._node) for t in graph.inputs}
    place: dict[int, tuple[str, int]] = {}
    nodes_of: dict[str, list[Node]] = {}
    for operation in graph.operations:
        nodes = [node for node in operation.inbound_nodes if id(node) in kept]
        nodes_of[operation.name] = nodes
        for i, node in enumerate(nodes):
            place[id(node)] = (operation.name, i)

    def reference(tensor: KerasTensor) -> list[Any]:
        name, i = place[id(tensor._node)]
        return [name, i, tensor._index]

    def argument(value: Any) -> Any:
        if isinstance(value, KerasTensor):
            config = {
                "shape": list(value.shape),
                "dtype": value.dtype,
                "keras_history": reference(value),
            }
            return {"class_name": "__keras_tensor__", "config": config}
        if isinstance(value, (list, tuple)):
            return [argument(item) for item in value]
        if type(value) is dict or isinstance(value, Mapping):  # (the second takes longer)
            return {key: argument(item) for key, item in value.items()}
        return serialize_keras_object(value)

    def arguments(values: Sequence[Any]) -> list[Any]:
        return [argument(value) for value in values]

    layers = []
    for operation in graph.operations:
        record = _operation_config(operation)
        record["name"] = operation.name
        record["inbound_nodes"] = [
            {"args": arguments(args), "kwargs": argument(kwargs)}
            for args, kwargs in _calls(operation, nodes_of[operation.name])
        ]
        layers.append(record)
    _keep_names_that_could_clash(layers)
    return {
        "name": model.name,
        "trainable": getattr(model, "trainable", True),
        "layers": layers,
        "input_layers": _map_tensors(reference, model._inputs_struct),
        "output_layers": _map_tensors(reference, model._outputs_struct),
    }


def _keep_names_that_could_clash(records: list[dict[str, Any]]) -> None:
    """Write the names of ops that may get the name of another operation when Keras reads them.

    Keras before 3.12 reads no names of ops that have arguments of their own, and numbers them anew.
    """
    unnamed = {r["name"]: r for r in records if is_op(r) and "name" not in r["config"]}
    if not unnamed:
        return
    taken = {re.sub(r"_\d+$", "", r["name"]) for r in records if r["name"] not in unnamed}
    for record in unnamed.values():
        if to_snake_case(record["class_name"]) in taken:
            record["config"] = {"name": record["name"], **record["config"]}


def _map_tensors(fn: Any, struct: Any) -> Any:
    if isinstance(struct, Mapping):
        return {key: _map_tensors(fn, value) for key, value in struct.items()}
    if isinstance(struct, (list, tuple)):
        return [_map_tensors(fn, value) for value in struct]
    return fn(struct)


def without_build_config(record: Mapping[str, Any]) -> dict[str, Any]:
    """The config of a layer that its model will build, under the model's name."""
    return {key: value for key, value in record.items() if key != "build_config"}


def _calls(operation: Any, nodes: list[Node]) -> list[tuple[Any, Any]]:
    """The arguments of each call that is saved."""
    if isinstance(operation, OpCall):
        return [op_call(operation, node) for node in nodes]
    return [(node.args, node.kwargs) for node in nodes if not node.is_input]


def _operation_config(operation: Any) -> dict[str, Any]:
    if isinstance(operation, OpCall):
        return op_config(operation)
    record = serialize_keras_object(operation)
    assert isinstance(record, dict)
    return record


def model_from_graph_config(cls: Any, config: Mapping[str, Any]) -> Any:
    """The model of a `graph_config`: make the operations, then repeat their calls in order."""
    operations: dict[str, Any] = {}
    pending: list[tuple[str, int, Mapping[str, Any]]] = []
    for record in config["layers"]:
        name = record.get("name") or record["config"]["name"]
        operations[name] = _make_operation(record)
        pending += [(name, i, call) for i, call in enumerate(record["inbound_nodes"])]
    made: dict[tuple[str, int], list[Any]] = {}
    for name, operation in operations.items():
        for i, node in enumerate(getattr(operation, "inbound_nodes", ())):
            made[name, i] = tree.flatten(node.outputs)
    with recording():
        _repeat_calls(operations, pending, made)
    ends = [
        _map_references(lambda ref: _tensor(made, ref), config[key])
        for key in ("input_layers", "output_layers")
    ]
    if _is_nested_single(config["output_layers"]) and not _says_structure(config["input_layers"]):
        ends[1] = ends[1][0]
    return cls(ends[0], ends[1], name=config.get("name"), trainable=config.get("trainable", True))


def _is_nested_single(struct: Any) -> bool:
    return isinstance(struct, list) and len(struct) == 1 and isinstance(struct[0], (list, tuple))


def _says_structure(struct: Any) -> bool:
    """Whether inputs are written as they were given: Keras before 3.9 wrote lists of all of them."""
    return isinstance(struct, Mapping) or (bool(struct) and isinstance(struct[0], str))


def _make_operation(record: Mapping[str, Any]) -> Any:
    return op_from_config(record) if is_op(record) else _layer(record)


def _layer(record: Mapping[str, Any]) -> Any:
    layer = deserialize_keras_object(without_build_config(record))
    if not isinstance(layer, Operation):
        raise UnsafeFileError(
            f"The config of a functional model has the {type(layer).__name__} "
            f"{record.get('class_name')!r} where a layer must stand."
        )
    return layer


def _repeat_calls(
    operations: Mapping[str, Any],
    pending: list[tuple[str, int, Mapping[str, Any]]],
    made: dict[tuple[str, int], list[Any]],
) -> None:
    """Call the operations again; a call waits until the tensors it needs have been made."""
    waiting: dict[tuple[str, int], list[tuple[str, int, Mapping[str, Any]]]] = {}
    stack = list(reversed(pending))
    done = 0
    while stack:
        name, index, call = stack.pop()
        if index and (name, index - 1) not in made:
            waiting.setdefault((name, index - 1), []).append((name, index, call))
            continue
        missing = _first_missing(call, made)
        if missing is not None:
            waiting.setdefault(missing, []).append((name, index, call))
            continue
        args = _arguments(call.get("args", []), made)
        kwargs = _arguments(call.get("kwargs", {}), made)
        outputs = operations[name](*args, **kwargs)
        made[name, index] = tree.flatten(outputs)
        done += 1
        stack.extend(reversed(waiting.pop((name, index), [])))
    if waiting:
        lost = sorted(f"{name}[{index}]" for name, index in waiting)
        raise CorruptFileError(
            f"The config of a functional model refers to calls that it does not hold: {lost}."
        )


def _is_reference(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get("class_name") == "__keras_tensor__"


def _first_missing(value: Any, made: Mapping[tuple[str, int], Any]) -> tuple[str, int] | None:
    if _is_reference(value):
        name, index, _ = value["config"]["keras_history"]
        return None if (name, index) in made else (name, index)
    items = value.values() if isinstance(value, Mapping) else value
    if isinstance(value, (list, tuple, Mapping)):
        for item in items:
            missing = _first_missing(item, made)
            if missing is not None:
                return missing
    return None


def _arguments(value: Any, made: Mapping[tuple[str, int], Any]) -> Any:
    if _is_reference(value):
        return _tensor(made, value["config"]["keras_history"])
    if isinstance(value, Mapping) and value.get("class_name") == "__tuple__":
        return tuple(_arguments(item, made) for item in value["config"]["items"])
    if isinstance(value, (list, tuple)):
        return [_arguments(item, made) for item in value]
    if isinstance(value, Mapping) and "class_name" not in value:
        return {key: _arguments(item, made) for key, item in value.items()}
    return deserialize_keras_object(value)


def _tensor(made: Mapping[tuple[str, int], Any], reference: Any) -> Any:
    name, node, index = reference
    try:
        return made[name, node][index]
    except (KeyError, IndexError):
        raise CorruptFileError(
            f"The config of a functional model refers to output {index} of call {node} of {name!r}, "
            "which it does not hold."
        ) from None


def _map_references(fn: Any, struct: Any) -> Any:
    if isinstance(struct, Mapping):
        return {key: _map_references(fn, value) for key, value in struct.items()}
    is_reference = (
        isinstance(struct, (list, tuple)) and len(struct) == 3 and isinstance(struct[0], str)
    )
    return fn(struct) if is_reference else [_map_references(fn, item) for item in struct]


Model.functional_class = Functional

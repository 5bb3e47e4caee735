"""Weights as named arrays: which variable has which name in a file.

The names are those of Keras 3's ``model.weights.h5``: the way from the model to a layer along attributes
and containers, then ``vars/0``, ``vars/1``, ...  In containers a layer is called by its class in snake
case, with a number from the second of a class on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hornbeam.layers import Layer
from hornbeam.layers.state import own_variables
from hornbeam.metrics import Metric
from hornbeam.naming import to_snake_case
from hornbeam.random import SeedGenerator
from hornbeam.variables import Variable


def named_variables(model: Any, optimizer: bool = True) -> dict[str, Variable]:
    """Path in the file -> variable, each variable once.

    Args:
        model: a model or layer.
        optimizer: whether to include the optimizer's state.
    """
    found: dict[str, Variable] = {}
    seen: set[int] = set()
    _collect(model, "", found, seen)
    if optimizer and getattr(model, "optimizer", None) is not None:
        for i, variable in enumerate(model.optimizer.variables):
            found[f"optimizer/vars/{i}"] = variable
    return found


def named_layers(model: Any) -> dict[str, Any]:
    """Path in the file -> layer, of all layers that have variables of their own."""
    return {path: owner for path, owner in _owners(model).items() if isinstance(owner, Layer)}


def seed_states(model: Any) -> set[str]:
    """The paths in the file of the states of seed generators."""
    owners = _owners(model).items()
    return {_join(path, "vars/0") for path, owner in owners if isinstance(owner, SeedGenerator)}


def _owners(model: Any) -> dict[str, Any]:
    """Path in the file -> what holds the variables there."""
    owners: dict[str, Any] = {}
    _collect(model, "", {}, set(), owners)
    return owners


def _collect(
    obj: Any,
    path: str,
    found: dict[str, Variable],
    seen: set[int],
    owners: dict[str, Any] | None = None,
) -> None:
    if id(obj) in seen:
        return
    seen.add(id(obj))
    for i, variable in enumerate(_stored_variables(obj)):
        found[_join(path, f"vars/{i}")] = variable
        if owners is not None:
            owners[path] = obj
    for name, child in _children(obj):
        if isinstance(child, (list, tuple, Mapping)):
            _collect_container(child, _join(path, name), found, seen, owners)
        else:
            _collect(child, _join(path, name), found, seen, owners)


def _stored_variables(obj: Any) -> list[Variable]:
    if isinstance(obj, SeedGenerator):
        return [obj.state]
    if isinstance(obj, Metric):
        return list(obj.variables)
    return own_variables(obj)


def _children(obj: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(obj, Layer):
        return
    listed = getattr(obj, "_layers", None)
    if listed is not None and hasattr(obj, "layers"):
        yield "layers", listed  # functional and sequential models
        return
    for name, value in sorted(obj.__dict__.items()):
        if name.startswith("_") or name in type(obj)._untracked:
            continue
        if isinstance(value, (Layer, SeedGenerator, Metric)) or _holds_layers(value):
            yield name, value


def _holds_layers(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(
            isinstance(item, (Layer, SeedGenerator)) or _holds_layers(item) for item in value
        )
    if isinstance(value, Mapping):
        return any(isinstance(item, (Layer, SeedGenerator)) for item in value.values())
    return False


def _collect_container(
    container: Any,
    path: str,
    found: dict[str, Variable],
    seen: set[int],
    owners: dict[str, Any] | None,
) -> None:
    items = container.values() if isinstance(container, Mapping) else container
    counts: dict[str, int] = {}
    for item in items:
        if isinstance(item, (list, tuple, Mapping)):
            _collect_container(item, path, found, seen, owners)
        elif isinstance(item, (Layer, SeedGenerator, Metric)):
            name = to_snake_case(type(item).__name__)
            count = counts.get(name, 0)
            counts[name] = count + 1
            where = f"{path}/{name}_{count}" if count else f"{path}/{name}"
            _collect(item, where, found, seen, owners)


def _join(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name

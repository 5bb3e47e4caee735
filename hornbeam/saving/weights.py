"""Weights as named arrays: which variable has which name in a file.

The names are those of Keras 3's ``model.weights.h5``: the way from the model to a layer along attributes
and containers, then ``vars/0``, ``vars/1``, ...  In containers a layer is called by its class in snake
case, with a number from the second of a class on, and a container within one ``container``.

What can be reached in several ways has the name of the first: public attributes come before those whose
names begin with an underscore, either in the order of the alphabet.  The list `layers` of a model is an
attribute among the others; functional and sequential models begin with it.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from hornbeam.layers import Layer
from hornbeam.layers.state import PLAIN, own_variables
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
    return named_variables_and_layers(model, optimizer)[0]


def named_variables_and_layers(
    model: Any, optimizer: bool = True
) -> tuple[dict[str, Variable], dict[str, Any]]:
    """What `named_variables` and `named_layers` find, found together."""
    held = list(_walk(model))
    variables = {
        _join(path, f"vars/{i}"): variable
        for path, _, stored in held
        for i, variable in enumerate(stored)
    }
    if optimizer and getattr(model, "optimizer", None) is not None:
        for i, variable in enumerate(model.optimizer.variables):
            variables[f"optimizer/vars/{i}"] = variable
    layers = {path: owner for path, owner, stored in held if stored and isinstance(owner, Layer)}
    return variables, layers


def names_by_attribute(model: Any) -> dict[int, str]:
    """Id of a variable -> its path along attributes alone: its name in files of Hornbeam's first days.

    Variables that had one name between them, and so are not in such files, are left out.
    """
    found = {
        _join(path, f"vars/{i}"): variable
        for path, _, stored in _walk(model, attributes_only=True)
        for i, variable in enumerate(stored)
    }
    names = {id(v): re.sub(r"/container(_\d+)?(?=/)", "", name) for name, v in found.items()}
    counts = Counter(names.values())
    return {key: name for key, name in names.items() if counts[name] == 1}


def named_layers(model: Any) -> dict[str, Any]:
    """Path in the file -> layer, of all layers that have variables of their own."""
    return named_variables_and_layers(model, optimizer=False)[1]


def passing_states(model: Any) -> set[str]:
    """The paths in the file of what is no weight: the states of seed generators and of metrics."""
    return {
        _join(path, f"vars/{i}")
        for path, owner, stored in _walk(model)
        if isinstance(owner, (SeedGenerator, Metric))
        for i in range(len(stored))
    }


def _walk(model: Any, attributes_only: bool = False) -> Iterator[tuple[str, Any, list[Variable]]]:
    """Path in the file, object, and its own variables, of everything that a model holds, each once."""
    seen: set[int] = set()
    stack: list[tuple[str, Any]] = [("", model)]
    while stack:
        path, obj = stack.pop()
        if id(obj) in seen:
            continue
        seen.add(id(obj))
        yield path, obj, _stored_variables(obj)
        below = [
            (_join(path, f"{name}{where}"), item)
            for name, child in _children(obj, attributes_only)
            for where, item in _items(child)
        ]
        stack += reversed(below)  # the first, with all that it holds, comes next


def _stored_variables(obj: Any) -> list[Variable]:
    if isinstance(obj, SeedGenerator):
        return [obj.state]
    if isinstance(obj, Metric):
        return list(obj.variables)
    return own_variables(obj)


def _children(obj: Any, attributes_only: bool = False) -> Iterator[tuple[str, Any]]:
    """(name, what it holds) of everything that hangs on a layer and may hold variables."""
    if not isinstance(obj, Layer):
        return
    skip = type(obj)._untracked
    held = {
        name: value
        for name, value in obj.__dict__.items()
        if type(value) not in PLAIN
        and name not in skip
        and not name.startswith("__")
        and _holds_state(value)
    }
    public = {name: value for name, value in held.items() if not name.startswith("_")}
    private = {name: value for name, value in held.items() if name.startswith("_")}
    public |= _under_public_names(obj, private)
    listed = getattr(obj, "_layers", None)
    if listed is not None and hasattr(obj, "layers"):
        yield "layers", listed  # functional and sequential models
    elif isinstance(getattr(type(obj), "layers", None), property) and not attributes_only:
        public["layers"] = obj.layers
    yield from sorted(public.items())
    yield from sorted(private.items())


def _under_public_names(obj: Any, private: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of a user's class that show something of `private`, which is stored as theirs."""
    found: dict[str, Any] = {}
    if not private:
        return found
    for kind in type(obj).__mro__:
        if kind.__module__.partition(".")[0] == __name__.partition(".")[0]:
            continue
        for name, member in vars(kind).items():
            if isinstance(member, property) and not name.startswith("_"):
                value = _shown(obj, name)
                if any(value is held for held in private.values()):
                    found[name] = value
    return found


def _shown(obj: Any, name: str) -> Any:
    try:
        return getattr(obj, name)
    except Exception:  # whatever a property of somebody's raises, it shows nothing
        return None


def _holds_state(value: Any) -> bool:
    kind = _kind(type(value))  # type: ignore[arg-type]  # a class can be hashed
    if kind in (None, object):
        return kind is object
    return any(map(_holds_state, value.values() if kind is Mapping else value))


@functools.cache
def _kind(kind: type) -> Any:
    """`object` for what has state, `Mapping` or `list` for what may hold such things, else None."""
    if issubclass(kind, (Layer, SeedGenerator, Metric)):
        return object
    if issubclass(kind, Mapping):
        return Mapping
    return list if issubclass(kind, (list, tuple)) else None


def _items(child: Any) -> Iterator[tuple[str, Any]]:
    """(what to add to the name of its attribute, object) of each object in an attribute."""
    if isinstance(child, (Layer, SeedGenerator, Metric)):
        yield "", child
        return
    counts: dict[str, int] = {}
    for item in child.values() if isinstance(child, Mapping) else child:
        inside = isinstance(item, (list, tuple, Mapping))
        if not inside and not isinstance(item, (Layer, SeedGenerator, Metric)):
            continue
        name = "container" if inside else to_snake_case(type(item).__name__)
        count = counts.get(name, 0)
        counts[name] = count + 1
        name = f"/{name}_{count}" if count else f"/{name}"
        for below, found in _items(item):
            yield name + below, found


def _join(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name

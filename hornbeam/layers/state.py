"""Finding state: the variables, layers, seeds and metrics that hang on an object.

There are no tracking lists and no wrapped containers: what belongs to a layer is what its attributes
hold, directly or in lists, tuples and dicts, in the order in which the attributes were first set.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

from hornbeam.metrics.metric import Metric
from hornbeam.random.seed_generator import SeedGenerator
from hornbeam.variables import Variable, structure_version


class Memory:
    """What has been found on objects, to be found again without looking while a step runs.

    It holds until a variable is made, frozen or unfrozen anywhere, as compiled steps do.
    """

    def __init__(self) -> None:
        self._version = -1
        self._found: dict[tuple[int, str], tuple[Any, list[Any]]] = {}

    def find(self, owner: Any, what: str, search: Callable[[], list[Any]]) -> list[Any]:
        """`search`, or what it returned before."""
        version = structure_version()
        if version != self._version:
            self._found = {}
            self._version = version
        known = self._found.get((id(owner), what))
        if known is None:
            found = search()
            if version != structure_version():
                return found
            known = self._found[id(owner), what] = (owner, found)
        return known[1].copy()


memory: ContextVar[Memory | None] = ContextVar("hornbeam_memory", default=None)
"""The memory of the step that is running, if there is one."""


def found_on(owner: Any, what: str, search: Callable[[], list[Any]]) -> list[Any]:
    """``search()``, which depends on nothing but what hangs on `owner`; `what` is its name."""
    kept = memory.get()
    return search() if kept is None else kept.find(owner, what, search)


def members(obj: Any, kinds: tuple[type, ...]) -> Iterator[Any]:
    """The instances of `kinds` among the attributes of `obj`, each once, in order of setting."""
    skip = type(obj)._untracked
    values = [v for name, v in obj.__dict__.items() if type(v) not in PLAIN and name not in skip]
    return _among(values, kinds, set())


PLAIN = frozenset({type(None), bool, int, float, str})
"""Types of most attributes, which hold nothing."""


def _among(values: Any, kinds: tuple[type, ...], seen: set[int]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, kinds):
            if id(value) not in seen:
                seen.add(id(value))
                yield value
            continue
        kind: Any = type(value)
        container = None if kind in PLAIN else _container(kind)
        if container is not None:
            yield from _among(value.values() if container is Mapping else value, kinds, seen)


@functools.cache
def _container(kind: type) -> Any:
    """`Mapping` or `list` if things may be held in a `kind`; asking an abstract class takes 1 us."""
    if issubclass(kind, (list, tuple)):
        return list
    return Mapping if issubclass(kind, Mapping) else None


def own_variables(layer: Any) -> list[Variable]:
    """The layer's own variables, those made trainable first (freezing changes no order)."""
    found = list(members(layer, (Variable,)))
    return [v for v in found if v.born_trainable] + [v for v in found if not v.born_trainable]


def own_seeds(layer: Any) -> list[Variable]:
    """The variables that are no weights: states of seed generators, and of loops through time."""
    seeds = [generator.state for generator in members(layer, (SeedGenerator,))]
    return seeds + list(layer._loop_states())


def own_metrics(layer: Any) -> list[Metric]:
    """The metrics that the layer holds itself."""
    return list(members(layer, (Metric,)))


def unique(items: list[Any]) -> list[Any]:
    """`items` without repetitions, by identity (== on variables is elementwise)."""
    return list({id(item): item for item in items}.values())

"""Finding state: the variables, layers, seeds and metrics that hang on an object.

There are no tracking lists and no wrapped containers: what belongs to a layer is what its attributes
hold, directly or in lists, tuples and dicts, in the order in which the attributes were first set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hornbeam.metrics.metric import Metric
from hornbeam.random.seed_generator import SeedGenerator
from hornbeam.variables import Variable


def members(obj: Any, kinds: tuple[type, ...]) -> Iterator[Any]:
    """The instances of `kinds` among the attributes of `obj`, each once, in order of setting."""
    skip = type(obj)._untracked
    seen: set[int] = set()
    for name, value in obj.__dict__.items():
        if name not in skip:
            yield from _search(value, kinds, seen)


def _search(value: Any, kinds: tuple[type, ...], seen: set[int]) -> Iterator[Any]:
    if isinstance(value, kinds):
        if id(value) not in seen:
            seen.add(id(value))
            yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _search(item, kinds, seen)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _search(item, kinds, seen)


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

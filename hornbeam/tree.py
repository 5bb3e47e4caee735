"""Nested structures: dicts, lists, tuples and named tuples of anything.

A thin layer over ``optree``, with the conventions of ``keras.tree``: None is a leaf, dictionaries are
walked in the order of their sorted keys.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from typing import Any

import optree

NAMESPACE = "hornbeam"


class MAP_TO_NONE:
    """A leaf value that `map_structure_up_to` replaces by None."""


def register(kind: type, flatten: Callable[[Any], Any], unflatten: Callable[..., Any]) -> None:
    """Make instances of `kind` inner nodes of trees.

    Args:
        kind: the class.
        flatten: ``flatten(instance) -> (children, metadata)``.
        unflatten: ``unflatten(metadata, children) -> instance``.

    >>> class Pair:
    ...     def __init__(self, a, b):
    ...         self.a, self.b = a, b
    >>> register(Pair, lambda p: ((p.a, p.b), None), lambda _, children: Pair(*children))
    >>> flatten([Pair(1, [2]), 3])
    [1, 2, 3]
    """
    optree.register_pytree_node(kind, flatten, unflatten, namespace=NAMESPACE)


def flatten(structure: Any) -> list[Any]:
    """The leaves of `structure`, in order.

    >>> flatten({"b": 1, "a": [2, None]})
    [2, None, 1]
    """
    return optree.tree_leaves(structure, none_is_leaf=True, namespace=NAMESPACE)


def flatten_with_spec(structure: Any) -> tuple[list[Any], optree.PyTreeSpec]:
    """The leaves of `structure`, in order, and its `structure_of`.

    >>> flatten_with_spec([5])[0]
    [5]
    """
    return optree.tree_flatten(structure, none_is_leaf=True, namespace=NAMESPACE)


def flatten_with_path(structure: Any) -> list[tuple[tuple[Any, ...], Any]]:
    """(path, leaf) pairs; a path is a tuple of keys and indices.

    >>> flatten_with_path({"a": [5]})
    [(('a', 0), 5)]
    """
    paths, leaves, _ = optree.tree_flatten_with_path(
        structure, none_is_leaf=True, namespace=NAMESPACE
    )
    return list(zip(paths, leaves, strict=True))


def is_nested(structure: Any) -> bool:
    """Whether `structure` is a container rather than a leaf.

    >>> is_nested([]), is_nested(3)
    (True, False)
    """
    return not optree.tree_is_leaf(structure, none_is_leaf=True, namespace=NAMESPACE)


def map_structure(func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> Any:
    """`func` applied to the leaves of one structure, or of several of the same shape.

    >>> map_structure(lambda x, y: x + y, [1, {"a": 2}], [10, {"a": 20}])
    [11, {'a': 22}]
    """
    if not callable(func):
        raise TypeError(f"`func` must be callable, got {func!r}.")
    if not structures:
        raise ValueError("map_structure() needs at least one structure.")
    return optree.tree_map(
        func, structures[0], *structures[1:], none_is_leaf=none_is_leaf, namespace=NAMESPACE
    )


def structure_of(structure: Any) -> optree.PyTreeSpec:
    """A hashable description of the shape of `structure`.

    >>> structure_of({"a": 1, "b": [2]}) == structure_of({"a": "x", "b": ["y"]})
    True
    """
    return optree.tree_structure(structure, none_is_leaf=True, namespace=NAMESPACE)


def unflatten(spec: optree.PyTreeSpec, leaves: Iterable[Any]) -> Any:
    """The structure of that description, with these leaves.

    >>> unflatten(structure_of({"a": 0, "b": [0]}), [1, 2])
    {'a': 1, 'b': [2]}
    """
    return optree.tree_unflatten(spec, leaves)


def pack_sequence_as(structure: Any, flat_sequence: Iterable[Any]) -> Any:
    """The leaves `flat_sequence` in the shape of `structure`.

    >>> pack_sequence_as({"a": 0, "b": [0]}, [1, 2])
    {'a': 1, 'b': [2]}
    """
    leaves = list(flat_sequence)
    spec = structure_of(structure)
    if spec.num_leaves != len(leaves):
        raise ValueError(
            f"pack_sequence_as() got {len(leaves)} leaves for a structure of {spec.num_leaves}."
        )
    return unflatten(spec, leaves)


def assert_same_structure(a: Any, b: Any, check_types: bool | None = None) -> None:
    """Raise ValueError unless both have the same nesting, types of containers, keys and lengths.

    Args:
        a: a structure.
        b: another.
        check_types: must not be False; use `assert_same_paths` where types do not matter.

    >>> assert_same_structure([1, 2], [3, 4])
    """
    if check_types is False:
        raise ValueError("assert_same_structure() compares types; use assert_same_paths() instead.")
    if structure_of(a) != structure_of(b):
        raise ValueError(f"The two structures differ: {structure_of(a)} and {structure_of(b)}.")


def assert_same_paths(a: Any, b: Any) -> None:
    """Raise ValueError unless both have the same paths to their leaves.

    >>> assert_same_paths([1, 2], (3, 4))
    """
    paths_a = {path for path, _ in flatten_with_path(a)}
    paths_b = {path for path, _ in flatten_with_path(b)}
    if paths_a != paths_b:
        raise ValueError(
            f"The two structures have different paths; only in one of them: {paths_a ^ paths_b}."
        )


def map_structure_up_to(shallow_structure: Any, func: Callable[..., Any], *structures: Any) -> Any:
    """`func` applied to the parts of `structures` that stand at the leaves of the shallow one.

    >>> map_structure_up_to([0, 0], len, [[1, 2], [3]])
    [2, 1]
    """
    spec = structure_of(shallow_structure)
    columns = [spec.flatten_up_to(s) for s in structures]
    results = (func(*row) for row in zip(*columns, strict=True))
    return unflatten(spec, [None if r is MAP_TO_NONE else r for r in results])


def traverse(func: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """Replace every node for which `func` does not return None, containers included.

    >>> traverse(lambda x: x * 2 if isinstance(x, int) else None, [1, (2, "a")])
    [2, (4, 'a')]
    """

    def visit(node: Any) -> Any:
        if top_down:
            replaced = func(node)
            if replaced is not None:
                return None if replaced is MAP_TO_NONE else replaced
        if is_nested(node):
            children, rebuild = _children(node)
            node = rebuild([visit(child) for child in children])
        if not top_down:
            replaced = func(node)
            if replaced is not None:
                return None if replaced is MAP_TO_NONE else replaced
        return node

    return visit(structure)


def _children(node: Any) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    children, spec = (
        optree.tree_flatten_one_level(node, none_is_leaf=True, namespace=NAMESPACE)[0],
        optree.tree_structure(
            node, is_leaf=lambda x: x is not node, none_is_leaf=True, namespace=NAMESPACE
        ),
    )
    return list(children), lambda new: unflatten(spec, new)


def map_shape_structure(func: Callable[..., Any], structure: Any) -> Any:
    """`func` applied to the shapes in a nest of shapes; a shape is a tuple or list of ints and None.

    >>> map_shape_structure(len, {"a": (None, 3), "b": [(2,)]})
    {'a': 2, 'b': [1]}
    """
    if isinstance(structure, (list, tuple)) and all(
        d is None or isinstance(d, int) for d in structure
    ):
        return func(tuple(structure))
    if isinstance(structure, dict):
        return {key: map_shape_structure(func, value) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        return type(structure)(map_shape_structure(func, value) for value in structure)
    raise ValueError(f"map_shape_structure() needs shapes, got {structure!r}.")


def lists_to_tuples(structure: Any) -> Any:
    """`structure` with its lists replaced by tuples.

    >>> lists_to_tuples([1, [2, {"a": [3]}]])
    (1, (2, {'a': (3,)}))
    """
    if isinstance(structure, (list, tuple, deque)):
        made = [lists_to_tuples(item) for item in structure]
        return type(structure)(*made) if hasattr(structure, "_fields") else tuple(made)
    if isinstance(structure, (dict, OrderedDict)):
        return type(structure)((k, lists_to_tuples(v)) for k, v in structure.items())
    return structure

"""Ops on nests of arrays and on functions: how they find their engine and leave graph nodes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from hornbeam import tree
from hornbeam.backends import registry
from hornbeam.backends.protocol import Backend
from hornbeam.backends.symbolic import PUBLIC_OPS, KerasTensor, is_recording, not_recording
from hornbeam.errors import MixedEnginesError
from hornbeam.ops.node import Node
from hornbeam.ops.record import OpCall, owner_of

P = ParamSpec("P")
R = TypeVar("R")


class StructuredRecord:
    """What is known about an op on nests: its name, signature and body."""

    def __init__(self, fn: Callable[..., Any]) -> None:
        self.name = fn.__name__
        self.fn = fn
        parameters = list(inspect.signature(fn).parameters.values())[1:]
        self.signature = inspect.Signature(parameters)


STRUCTURED: dict[str, StructuredRecord] = {}
"""All structured ops by name."""


def engine_of_nest(nest: Any, op: str) -> Backend:
    """The one engine of the arrays in `nest` (symbolic goes first), or the current one."""
    found: Backend | None = None
    for leaf in tree.flatten(nest):
        owner = owner_of(leaf)
        if owner is None or owner is found:
            continue
        if found is None or owner.symbolic:
            found = owner
        elif not found.symbolic:
            raise MixedEnginesError(
                f"ops.{op} got arrays of two engines, {found.name!r} and {owner.name!r}. "
                "Convert one of them first, for instance with `ops.convert_to_numpy(x)`."
            )
    return found or registry.current()


def lifted(b: Backend, nest: Any) -> Any:
    """`nest` with every leaf but None an array of `b`."""

    def lift(leaf: Any) -> Any:
        if hasattr(leaf, "__hornbeam_array__"):
            leaf = leaf.__hornbeam_array__()
        return leaf if leaf is None or b.is_array(leaf) else b.asarray(leaf)

    return tree.map_structure(lift, nest)


def lifted_like(b: Backend, nest: Any, model: Any) -> Any:
    """`nest` with its leaves arrays of `b` that have the dtypes of the leaves of `model`."""

    def alike(leaf: Any, other: Any) -> Any:
        return (
            leaf
            if leaf is None or b.dtype(leaf) == b.dtype(other)
            else b.cast(leaf, b.dtype(other))
        )

    return tree.map_structure(alike, lifted(b, nest), model)


def structured(
    nests: str,
) -> Callable[[Callable[Concatenate[Backend, P], R]], Callable[P, R]]:
    """Make a body an op whose engine is that of the arrays in the parameters `nests`.

    On symbolic tensors the op leaves a graph node, as ops made by `record.op` do.
    """
    names = nests.split()

    def decorate(fn: Callable[Concatenate[Backend, P], R]) -> Callable[P, R]:
        record = StructuredRecord(fn)

        @functools.wraps(fn)
        def public(*args: P.args, **kwargs: P.kwargs) -> R:
            given = record.signature.bind(*args, **kwargs).arguments
            held = [given.get(name) for name in names]
            b = engine_of_nest(held, record.name)
            if not b.symbolic:
                return fn(b, *args, **kwargs)
            with not_recording():
                out = fn(b, *args, **kwargs)
            if is_recording() and any(isinstance(t, KerasTensor) for t in tree.flatten(out)):
                Node(OpCall(record), args, kwargs, out)  # type: ignore[arg-type]
            return out

        del public.__wrapped__
        public.__signature__ = record.signature  # type: ignore[attr-defined]
        public.__annotations__ = {k: v for k, v in fn.__annotations__.items() if k != "b"}
        public.record = record  # type: ignore[attr-defined]
        STRUCTURED[record.name] = record
        PUBLIC_OPS[record.name] = public
        return public

    return decorate


__all__ = ["STRUCTURED", "engine_of_nest", "lifted", "lifted_like", "structured"]

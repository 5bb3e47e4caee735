"""Functions of functions: vectorized ones, and derivatives in a direction."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from hornbeam import tree
from hornbeam.backends.protocol import Array, Backend
from hornbeam.backends.symbolic import broadcast
from hornbeam.errors import InputError
from hornbeam.ops.structured import engine_of_nest, lifted


def vectorize(
    pyfunc: Callable[..., Any], *, excluded: Any = None, signature: str | None = None
) -> Callable[..., Any]:
    """A function that applies `pyfunc` along leading axes, which broadcast, all at once.

    Args:
        pyfunc: function of arrays.
        excluded: places and names of arguments that are passed on as they are.
        signature: the shapes that `pyfunc` works on, such as "(n),(n)->()"; None if it works on
            scalars.

    Returns:
        A function of arrays with more axes in front.

    Raises:
        InputError: if the signature cannot be read or does not fit.

    Example:

    >>> from hornbeam import ops
    >>> dot = ops.vectorize(lambda u, v: ops.sum(u * v), signature="(n),(n)->()")
    >>> ops.convert_to_numpy(dot(ops.ones((2, 3)), ops.ones(3))).tolist()
    [3.0, 3.0]
    """
    skipped = set(excluded or ())
    depths = None if signature is None else _depths(signature)

    def vectorized(*args: Any, **kwargs: Any) -> Any:
        places = [i for i in range(len(args)) if i not in skipped]
        names = [name for name in kwargs if name not in skipped]
        given = [args[i] for i in places] + [kwargs[name] for name in names]
        b = engine_of_nest(given, "vectorize")
        arrays = lifted(b, given)
        cores = depths if depths is not None else [0] * len(arrays)
        if len(cores) != len(arrays):
            raise InputError(
                f"vectorize(signature={signature!r}) takes {len(cores)} arrays, got {len(arrays)}."
            )

        def apply(rows: Sequence[Array]) -> Any:
            positional = list(args)
            for i, row in zip(places, rows, strict=False):
                positional[i] = row
            named = dict(zip(names, rows[len(places) :], strict=True))
            return lifted(b, pyfunc(*positional, **{**kwargs, **named}))

        return _mapped(b, apply, arrays, cores)

    return vectorized


def _depths(signature: str) -> list[int]:
    """How many axes each argument of a signature has."""
    left, arrow, right = signature.replace(" ", "").partition("->")
    shape = r"\((?:\w+(?:,\w+)*)?\)"
    if not arrow or not all(re.fullmatch(rf"{shape}(,{shape})*", side) for side in (left, right)):
        raise InputError(f"`signature` must be like '(m,n),(n)->(m)', got {signature!r}.")
    return [len([n for n in part.split(",") if n]) for part in re.findall(r"\(([^)]*)\)", left)]


def _mapped(
    b: Backend,
    apply: Callable[[Sequence[Array]], Any],
    arrays: Sequence[Array],
    cores: Sequence[int],
) -> Any:
    loops = [b.shape(x)[: x.ndim - core] for x, core in zip(arrays, cores, strict=True)]
    if any(x.ndim < core for x, core in zip(arrays, cores, strict=True)):
        raise InputError("An argument of a vectorized function has fewer axes than its signature.")
    joint = broadcast(*(tuple(d if isinstance(d, int) else None for d in s) for s in loops))
    if not joint:
        return apply(arrays)
    count = 1
    for size in joint:
        if size is None:
            raise InputError("A vectorized function needs to know the sizes of the leading axes.")
        count *= size
    rows = []
    for x, core in zip(arrays, cores, strict=True):
        shape = b.shape(x)[x.ndim - core :]
        rows.append(b.reshape(b.broadcast_to(x, (*joint, *shape)), (count, *shape)))
    out = b.vmap(lambda *row: apply(row))(*rows)
    return tree.map_structure(lambda y: b.reshape(y, (*joint, *b.shape(y)[1:])), out)


def jvp(fun: Callable[..., Any], primals: Any, tangents: Any, has_aux: bool = False) -> Any:
    """The value of a function and its derivative in a direction (Jacobian times vector).

    Args:
        fun: function of arrays.
        primals: a tuple or list of its arguments.
        tangents: a tuple or list of the same structure, shapes and dtypes: the direction.
        has_aux: whether `fun` returns a pair of its value and of something else.

    Returns:
        The pair (value, derivative); with `has_aux` the triple (value, derivative, aux).

    Raises:
        InputError: if the tangents do not fit.

    Example:

    >>> from hornbeam import ops
    >>> value, slope = ops.jvp(ops.square, (ops.array(3.0),), (ops.array(1.0),))
    >>> float(value), float(slope)
    (9.0, 6.0)
    """
    if tree.structure_of(tuple(primals)) != tree.structure_of(tuple(tangents)):
        raise InputError("jvp() needs `tangents` of the same structure as `primals`.")
    b = engine_of_nest((primals, tangents), "jvp")
    spec = tree.structure_of(tuple(primals))
    structure: list[Any] = []

    def flat(values: list[Array]) -> tuple[list[Array], Any]:
        out = fun(*tree.unflatten(spec, values))
        value, aux = out if has_aux else (out, None)
        value = lifted(b, value)
        structure[:] = [tree.structure_of(value)]
        return tree.flatten(value), aux

    outputs, slopes, aux = b.jvp(
        flat, tree.flatten(lifted(b, tuple(primals))), tree.flatten(lifted(b, tuple(tangents)))
    )
    value, slope = (tree.unflatten(structure[0], leaves) for leaves in (outputs, slopes))
    return (value, slope, aux) if has_aux else (value, slope)


__all__ = ["jvp", "vectorize"]

"""Control flow: conditions, loops, scans and maps over the first axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hornbeam import tree
from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.ops.record import ArrayLike
from hornbeam.ops.room import one_axis
from hornbeam.ops.structured import engine_of_nest, lifted, lifted_like, structured


@structured("pred")
def cond(
    b: Backend, pred: ArrayLike, true_fn: Callable[[], Any], false_fn: Callable[[], Any]
) -> Any:
    """The value of `true_fn()` or of `false_fn()`, by a scalar.

    Args:
        pred: bool scalar.
        true_fn: function without arguments, called if `pred` is true.
        false_fn: function without arguments, called if it is false; it returns arrays of the same
            structure, shapes and dtypes.

    Returns:
        What the chosen function returned.

    Example:

    >>> from hornbeam import ops
    >>> x = ops.convert_to_tensor(3.0)
    >>> float(ops.cond(x > 2, lambda: x * 10, lambda: x))
    30.0
    """
    if isinstance(pred, bool):
        return true_fn() if pred else false_fn()
    return b.cond(
        b.cast(lifted(b, pred), "bool"), lambda: lifted(b, true_fn()), lambda: lifted(b, false_fn())
    )


@structured("index operands")
def switch(
    b: Backend, index: ArrayLike, branches: Sequence[Callable[..., Any]], *operands: Any
) -> Any:
    """The value of one of several functions, by an integer scalar.

    Args:
        index: which one; values out of range mean the first or the last.
        branches: functions that take `operands` and return arrays of the same structure, shapes and
            dtypes.
        *operands: arrays or nests of them.

    Returns:
        What the chosen function returned.

    Example:

    >>> from hornbeam import ops
    >>> float(ops.switch(1, [ops.sin, ops.square], 3.0))
    9.0
    """
    if not branches:
        raise InputError("switch() needs at least one function in `branches`.")
    inputs = lifted(b, operands)
    if isinstance(index, int):
        chosen = branches[min(max(index, 0), len(branches) - 1)]
        return lifted(b, chosen(*inputs))
    place = lifted(b, index)

    def from_branch(i: int) -> Any:
        if i == len(branches) - 1:
            return lifted(b, branches[i](*inputs))
        return b.cond(
            b.less_equal(place, i),
            lambda: lifted(b, branches[i](*inputs)),
            lambda: from_branch(i + 1),
        )

    return from_branch(0)


@structured("loop_vars")
def while_loop(
    b: Backend,
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    maximum_iterations: int | None = None,
) -> Any:
    """Repeat `body` while `cond` holds.

    Args:
        cond: function of the loop variables that returns a bool scalar.
        body: function of the loop variables that returns their next values, with the same
            structure, shapes and dtypes.
        loop_vars: a tuple or list of arrays or nests of them, each an argument of both functions; or
            a single array.
        maximum_iterations: stop after so many repetitions at the latest.

    Returns:
        The last values of the loop variables, in the structure of `loop_vars`.

    Example:

    >>> from hornbeam import ops
    >>> i, total = ops.while_loop(lambda i, s: i < 4, lambda i, s: (i + 1, s + i), (0, 0))
    >>> int(i), int(total)
    (4, 6)
    """
    single = not isinstance(loop_vars, (tuple, list))
    start = lifted(b, (loop_vars,) if single else tuple(loop_vars))
    count = b.asarray(0)

    def go_on(state: Any) -> Array:
        more = b.cast(lifted(b, cond(*state[1])), "bool")
        if maximum_iterations is None:
            return more
        return b.logical_and(more, b.less(state[0], maximum_iterations))

    def step(state: Any) -> Any:
        new = body(*state[1])
        new = (new,) if single and not isinstance(new, (tuple, list)) else tuple(new)
        return state[0] + 1, lifted_like(b, new, state[1])

    _, end = b.while_loop(go_on, step, (count, start))
    if single:
        return end[0]
    return list(end) if isinstance(loop_vars, list) else end


@structured("lower upper init_val")
def fori_loop(
    b: Backend, lower: ArrayLike, upper: ArrayLike, body_fun: Callable[..., Any], init_val: Any
) -> Any:
    """Apply ``value = body_fun(i, value)`` for i from `lower` to `upper` - 1.

    Args:
        lower: the first index, an integer.
        upper: the index to stop before, an integer.
        body_fun: function of the index and the value that returns the next value, with the same
            structure, shapes and dtypes.
        init_val: the first value: an array or a nest of them.

    Returns:
        The last value.  Gradients flow through if both ends are Python numbers.

    Example:

    >>> from hornbeam import ops
    >>> int(ops.fori_loop(1, 5, lambda i, product: product * i, 1))
    24
    """
    start = lifted(b, init_val)
    if isinstance(lower, int) and isinstance(upper, int):
        if upper <= lower:
            return start

        def step(value: Any, i: Array) -> tuple[Any, None]:
            return lifted_like(b, body_fun(i, value), value), None

        return b.scan(step, start, b.arange(lower, upper, 1, "int32"))[0]
    first, last = (b.cast(lifted(b, end), "int32") for end in (lower, upper))
    _, end = b.while_loop(
        lambda state: b.less(state[0], last),
        lambda state: (state[0] + 1, lifted_like(b, body_fun(state[0], state[1]), state[1])),
        (first, start),
    )
    return end


@structured("init xs")
def scan(
    b: Backend,
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Any, Any]:
    """``carry, y = f(carry, x)`` over the first axis of `xs`, the ys stacked.

    Args:
        f: function of the carry and of a slice of `xs` that returns the next carry, with the same
            structure, shapes and dtypes, and an output (None for none).
        init: the first carry: an array or a nest of them.
        xs: an array of shape (steps, ...) or a nest of them; None if `f` needs no input.
        length: the number of steps; needed if `xs` is None.
        reverse: whether to go from the last step to the first.
        unroll: how many steps to unroll, or whether to unroll all: a hint for compilers, which does
            not change the result.

    Returns:
        The last carry, and the outputs stacked along a new first axis (steps, ...).

    Raises:
        InputError: if neither `xs` nor `length` says how many steps there are, or they disagree.

    Example:

    >>> from hornbeam import ops
    >>> total, partial = ops.scan(lambda s, x: (s + x, s + x), 0, ops.array([1, 2, 3]))
    >>> int(total), ops.convert_to_numpy(partial).tolist()
    (6, [1, 3, 6])
    """
    if not callable(f):
        raise InputError(f"scan() needs a function `f(carry, x)`, got {f!r}.")
    if not isinstance(unroll, bool) and (not isinstance(unroll, int) or unroll < 1):
        raise InputError(f"`unroll` of scan() must be a positive int or a bool, got {unroll!r}.")
    rows = None if xs is None else lifted(b, xs)
    counts = [b.shape(leaf)[0] for leaf in tree.flatten(rows) if leaf is not None]
    known = {n for n in [*counts, length] if isinstance(n, int)}
    if length is None and not counts:
        raise InputError("scan() needs `xs`, or `length` as the number of steps.")
    if len(known) > 1:
        raise InputError(
            f"scan() got inputs with different numbers of steps: {sorted(known)} (`length` included)."
        )

    def step(carry: Any, x: Any) -> tuple[Any, Any]:
        new, y = f(carry, x)
        return lifted_like(b, new, carry), lifted(b, y)

    return b.scan(step, lifted(b, init), rows, length, reverse)


@structured("elems")
def associative_scan(
    b: Backend,
    f: Callable[[Any, Any], Any],
    elems: Any,
    reverse: bool = False,
    axis: int = 0,
) -> Any:
    """All partial results of an associative function: x0, f(x0, x1), f(f(x0, x1), x2), ...

    It takes about log2(n) calls of `f`, each on whole arrays (Hillis and Steele, 1986).

    Args:
        f: associative function of two nests like `elems` that works elementwise along `axis`.
        elems: an array or a nest of them, with n entries along `axis`.
        reverse: whether to start from the end.
        axis: the axis to go along.

    Returns:
        A nest like `elems`.

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.associative_scan(ops.add, ops.array([1, 2, 3, 4]))).tolist()
    [1, 3, 6, 10]
    """
    leaves = tree.flatten(elems)
    if not leaves:
        raise InputError("associative_scan() needs at least one array in `elems`.")

    def along(x: Array) -> Array:
        x = b.moveaxis(x, one_axis(axis, x.ndim, "associative_scan"), 0)
        return b.flip(x, 0) if reverse else x

    def back(x: Array) -> Array:
        x = b.flip(x, 0) if reverse else x
        return b.moveaxis(x, 0, one_axis(axis, x.ndim, "associative_scan"))

    current = tree.map_structure(along, lifted(b, elems))
    n = b.shape(tree.flatten(current)[0])[0]
    distance = 1
    while isinstance(n, int) and distance < n:
        early = tree.map_structure(lambda x, d=distance: x[:-d], current)
        late = tree.map_structure(lambda x, d=distance: x[d:], current)
        joined = lifted_like(b, f(early, late), current)
        current = tree.map_structure(
            lambda x, y, d=distance: b.concatenate([x[:d], y], 0), current, joined
        )
        distance *= 2
    return tree.map_structure(back, current)


@structured("xs")
def map(b: Backend, f: Callable[[Any], Any], xs: Any) -> Any:
    """`f` applied to the slices along the first axis, one after the other, the results stacked.

    Args:
        f: function of a nest like `xs`, without the first axis.
        xs: an array of shape (n, ...) or a nest of them.

    Returns:
        What `f` returns, stacked along a new first axis (n, ...).

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.map(lambda x: x * x, ops.array([1, 2, 3]))).tolist()
    [1, 4, 9]
    """
    return b.scan(lambda carry, x: (carry, lifted(b, f(x))), (), lifted(b, xs))[1]


@structured("elements")
def vectorized_map(b: Backend, function: Callable[[Any], Any], elements: Any) -> Any:
    """`function` applied to the slices along the first axis all at once, the results stacked.

    Args:
        function: function of a nest like `elements`, without the first axis.
        elements: an array of shape (n, ...) or a nest of them.

    Returns:
        What `function` returns, with a new first axis (n, ...).

    Example:

    >>> from hornbeam import ops
    >>> ops.convert_to_numpy(ops.vectorized_map(ops.sum, ops.ones((2, 3)))).tolist()
    [3.0, 3.0]
    """
    return b.vmap(lambda x: lifted(b, function(x)))(lifted(b, elements))


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function with a gradient of your own.

    Args:
        f: function of arrays that returns the pair (value, backward); ``backward(upstream)`` returns
            the gradients with respect to the arguments, one or a tuple of them.

    Returns:
        A function of the same arguments that returns the value only.

    Example:

    >>> import hornbeam
    >>> from hornbeam import ops
    >>> @ops.custom_gradient
    ... def straight_through(x):
    ...     return ops.round(x), lambda upstream: upstream
    >>> float(hornbeam.grad(straight_through)(ops.array(0.3)))
    1.0
    """

    def with_gradient(*args: Any, **kwargs: Any) -> Any:
        b = engine_of_nest(args, "custom_gradient")
        return b.custom_gradient(lambda *inputs: f(*inputs, **kwargs))(*lifted(b, args))

    return with_gradient


__all__ = [
    "associative_scan",
    "cond",
    "custom_gradient",
    "fori_loop",
    "map",
    "scan",
    "switch",
    "vectorized_map",
    "while_loop",
]

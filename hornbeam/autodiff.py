"""Gradients, one function for all engines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hornbeam import tree
from hornbeam.backends import registry
from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.ops.record import owner_of
from hornbeam.variables import Variable, recording_writes, swapped


def value_and_grad(fn: Callable[..., Any], has_aux: bool = False) -> Callable[..., Any]:
    """A function that returns both the value of `fn` and its gradient.

    The returned function takes either

    - a variable or a nest of variables: `fn` is then called *without arguments* and reads them
      itself, as a ``train_step`` does; or
    - arrays: `fn` is called with them, and differentiated with respect to the first.

    Variables that `fn` assigns (moving averages, seeds) keep their new values.

    Args:
        fn: returns a scalar, or with `has_aux` a pair of a scalar and anything else (arrays, nested).
        has_aux: whether `fn` returns such a pair.

    Returns:
        A function with the result ``(value, gradients)``, or ``((value, aux), gradients)`` with
        `has_aux`; the gradients have the structure of the argument.

    Raises:
        InputError: if the value is not a scalar, or an argument is not floating.

    Example:

    >>> import hornbeam
    >>> w = hornbeam.Variable([1.0, 2.0])
    >>> loss, grads = hornbeam.value_and_grad(lambda: hornbeam.ops.sum(w * w))([w])
    >>> float(loss), grads[0].tolist()
    (5.0, [2.0, 4.0])
    """

    def differentiated(first: Any, *args: Any, **kwargs: Any) -> Any:
        leaves = tree.flatten(first)
        if leaves and all(isinstance(leaf, Variable) for leaf in leaves):
            if args or kwargs:
                raise InputError(
                    "value_and_grad(fn)(variables) takes nothing besides the variables: "
                    "`fn` is called without arguments and reads what it needs itself."
                )
            value, grads = _through_boxes(fn, leaves, has_aux)
        else:
            value, grads = _through_arrays(fn, first, leaves, args, kwargs, has_aux)
        return value, tree.pack_sequence_as(first, grads)

    return differentiated


def grad(fn: Callable[..., Any], has_aux: bool = False) -> Callable[..., Any]:
    """As `value_and_grad`, but the returned function gives the gradient only.

    Args:
        fn: see `value_and_grad`.
        has_aux: whether `fn` returns a pair; the result is then ``(gradients, aux)``.

    Example:

    >>> import hornbeam
    >>> float(hornbeam.grad(lambda x: x**3)(hornbeam.ops.convert_to_tensor(2.0)))
    12.0
    """
    both = value_and_grad(fn, has_aux)

    def differentiated(*args: Any, **kwargs: Any) -> Any:
        value, grads = both(*args, **kwargs)
        return (grads, value[1]) if has_aux else grads

    return differentiated


def _through_boxes(
    fn: Callable[[], Any], variables: list[Variable], has_aux: bool
) -> tuple[Any, list[Array]]:
    backend = variables[0].backend
    touched: list[Variable] = []

    def pure_fn(values: list[Array]) -> tuple[Array, Any]:
        with recording_writes() as writes, swapped(variables, values):
            loss, aux = _split(fn(), has_aux)
            touched[:] = writes.variables
            new = [variable._value for variable in touched]
            writes.undo()
        return _scalar(backend, loss), (aux, new)

    values = [backend.unbox(variable._value) for variable in variables]
    (loss, (aux, new)), grads = backend.value_and_grad(pure_fn, values)
    for variable, value in zip(touched, new, strict=True):
        variable._set(value)
    return ((loss, aux) if has_aux else loss), grads


def _through_arrays(
    fn: Callable[..., Any],
    first: Any,
    leaves: list[Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    has_aux: bool,
) -> tuple[Any, list[Array]]:
    backend = owner_of(leaves) or owner_of(list(args)) or registry.current()
    spec = tree.structure_of(first)

    def pure_fn(values: list[Array]) -> tuple[Array, Any]:
        loss, aux = _split(fn(tree.unflatten(spec, values), *args, **kwargs), has_aux)
        return _scalar(backend, loss), aux

    values = [backend.asarray(leaf) for leaf in leaves]
    (loss, aux), grads = backend.value_and_grad(pure_fn, values)
    return ((loss, aux) if has_aux else loss), grads


def _split(result: Any, has_aux: bool) -> tuple[Any, Any]:
    if not has_aux:
        return result, None
    if not isinstance(result, tuple) or len(result) != 2:
        raise InputError(
            f"With `has_aux=True` the function must return (scalar, aux), got {type(result).__name__}."
        )
    return result


def _scalar(backend: Backend, loss: Any) -> Array:
    value = backend.asarray(loss) if not backend.is_array(loss) else loss
    if len(value.shape):
        raise InputError(
            f"Gradients are taken of a scalar, but the function returned shape {tuple(value.shape)}; "
            "take the mean or the sum of it."
        )
    return value

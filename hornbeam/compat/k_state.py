"""The half of `keras.backend` about variables, shapes, dtypes, new arrays and functions of graphs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

import hornbeam
from hornbeam import ops, random
from hornbeam.backend import floatx, image_data_format, is_keras_tensor, set_image_data_format
from hornbeam.compat.renames import VALUES
from hornbeam.errors import InputError, UnsupportedError
from hornbeam.naming import reset_names

# ------------------------------------------------------------------------------------- variables


def variable(value: Any, dtype: Any = None, name: str | None = None, constraint: Any = None) -> Any:
    """A `Variable` with a first value.

    Example:

    >>> get_value(variable([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """
    made = hornbeam.Variable(np.asarray(value), dtype=dtype or floatx(), name=name)
    if constraint is not None:
        made.constraint = hornbeam.constraints.get(constraint)
    return made


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Any:
    """An array with a value, of `shape` if that is given."""
    made = np.broadcast_to(np.asarray(value), np.shape(value) if shape is None else tuple(shape))
    return ops.convert_to_tensor(np.array(made), dtype=dtype or floatx())


def placeholder(
    shape: Any = None, ndim: int | None = None, dtype: Any = None, sparse: bool = False,
    name: str | None = None,
) -> Any:  # fmt: skip
    """A symbolic tensor of a shape that includes the batch axis; `hornbeam.Input` is what it is now."""
    if sparse:
        raise UnsupportedError("K.placeholder(sparse=True): there are no sparse tensors.")
    sizes = tuple(shape) if shape is not None else (None,) * int(ndim or 0)
    return hornbeam.Input(batch_shape=sizes, dtype=dtype, name=name)


def get_value(x: Any) -> Any:
    """The value of a variable or array, as a NumPy array; a number as it is."""
    return x if isinstance(x, (int, float)) else ops.convert_to_numpy(x)


eval = get_value


def batch_get_value(xs: Sequence[Any]) -> list[Any]:
    """`get_value` of each."""
    return [get_value(x) for x in xs]


def set_value(x: Any, value: Any) -> None:
    """Give a variable a value."""
    if not hasattr(x, "assign"):
        raise InputError(
            f"K.set_value() sets variables, got {type(x).__name__}. Of an optimizer, write "
            "optimizer.learning_rate = value."
        )
    x.assign(value)


def batch_set_value(tuples: Sequence[tuple[Any, Any]]) -> None:
    """`set_value` of each (variable, value)."""
    for x, value in tuples:
        set_value(x, value)


def update(x: Any, new_x: Any) -> Any:
    """Assign a variable at once, and return it."""
    x.assign(new_x)
    return x


def update_add(x: Any, increment: Any) -> Any:
    """Add to a variable at once, and return it."""
    x.assign(ops.add(x, increment))
    return x


def update_sub(x: Any, decrement: Any) -> Any:
    """Subtract from a variable at once, and return it."""
    x.assign(ops.subtract(x, decrement))
    return x


def moving_average_update(x: Any, value: Any, momentum: float) -> Any:
    """``x = momentum * x + (1 - momentum) * value`` for a variable, at once."""
    moved = ops.add(ops.multiply(x, momentum), ops.multiply(value, 1.0 - momentum))
    x.assign(moved)
    return x


def random_normal_variable(
    shape: Any, mean: float, scale: float, dtype: Any = None, name: Any = None, seed: Any = None
) -> Any:
    """A variable with normal random numbers."""
    return hornbeam.Variable(
        hornbeam.initializers.RandomNormal(mean, scale, seed), shape, dtype, name=name
    )


def random_uniform_variable(
    shape: Any, low: float, high: float, dtype: Any = None, name: Any = None, seed: Any = None
) -> Any:
    """A variable with uniform random numbers."""
    return hornbeam.Variable(
        hornbeam.initializers.RandomUniform(low, high, seed), shape, dtype, name=name
    )


def is_variable(x: Any) -> bool:
    """Whether `x` is a `Variable`."""
    return isinstance(x, hornbeam.Variable)


def is_placeholder(x: Any) -> bool:
    """Whether `x` is an input of a graph."""
    return is_keras_tensor(x) and x._node is not None and x._node.is_input


def is_sparse(tensor: Any) -> bool:
    """False: there are no sparse tensors."""
    return False


def count_params(x: Any) -> int:
    """How many numbers a variable or array holds."""
    return int(np.prod(tuple(x.shape), dtype=int))


# ----------------------------------------------------------------------------- shapes and dtypes


def int_shape(x: Any) -> tuple[int | None, ...]:
    """The shape, None where it is not known."""
    return tuple(x.shape)


get_variable_shape = int_shape


def ndim(x: Any) -> int:
    """How many axes an array has."""
    return len(x.shape)


def dtype(x: Any) -> str:
    """The name of an array's dtype."""
    return hornbeam.backend.standardize_dtype(x.dtype)


def cast(x: Any, dtype: Any) -> Any:
    """`x` in another dtype."""
    return ops.cast(x, dtype)


def cast_to_floatx(x: Any) -> Any:
    """A NumPy array, or an array, in the default float dtype."""
    return (
        np.asarray(x, floatx())
        if isinstance(x, (np.ndarray, list, tuple, int, float))
        else cast(x, floatx())
    )


def image_dim_ordering() -> str:
    """The default data format as Keras 1 called it: "tf" for channels last, "th" for first."""
    return "th" if image_data_format() == "channels_first" else "tf"


def set_image_dim_ordering(dim_ordering: str) -> None:
    """Set the default data format as Keras 1 called it: "tf" for channels last, "th" for first."""
    if dim_ordering not in ("tf", "th"):
        raise InputError(f'`dim_ordering` must be "tf" or "th", got {dim_ordering!r}.')
    set_image_data_format(VALUES["dim_ordering"][dim_ordering])


def normalize_data_format(value: str | None) -> str:
    """A data format, the default one for None."""
    found = VALUES["dim_ordering"].get(value, value) or image_data_format()
    if found not in ("channels_first", "channels_last"):
        raise InputError(
            f'`data_format` must be "channels_first" or "channels_last", got {value!r}.'
        )
    return str(found)


def reset_uids() -> None:
    """Start the numbering of automatic names again."""
    reset_names()


# -------------------------------------------------------------------------------------- new arrays


def zeros(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """A variable of zeros."""
    return hornbeam.Variable(hornbeam.initializers.Zeros(), shape, dtype, name=name)


def ones(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """A variable of ones."""
    return hornbeam.Variable(hornbeam.initializers.Ones(), shape, dtype, name=name)


def eye(size: int, dtype: Any = None, name: str | None = None) -> Any:
    """A variable that holds the identity matrix."""
    return hornbeam.Variable(np.eye(size), dtype=dtype or floatx(), name=name)


def arange(start: int, stop: int | None = None, step: int = 1, dtype: Any = "int32") -> Any:
    """Numbers from `start` up to `stop`."""
    first, last = (0, start) if stop is None else (start, stop)
    return ops.arange(first, last, step, dtype=dtype)


def random_normal(
    shape: Any,
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = None,
    seed: Any = None,
    std: Any = None,
) -> Any:
    """Normal random numbers; `std` is Keras 1's name of `stddev`."""
    return random.normal(shape, mean, stddev if std is None else std, dtype, seed)


def random_uniform(
    shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None,
    low: Any = None, high: Any = None,
) -> Any:  # fmt: skip
    """Uniform random numbers; `low` and `high` are Keras 1's names."""
    return random.uniform(
        shape, minval if low is None else low, maxval if high is None else high, dtype, seed
    )


def random_binomial(shape: Any, p: float = 0.0, dtype: Any = None, seed: Any = None) -> Any:
    """Ones with probability `p`, else zeros."""
    return random.binomial(shape, 1, p, dtype, seed)


def truncated_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Normal random numbers within two standard deviations."""
    return random.truncated_normal(shape, mean, stddev, dtype, seed)


def print_tensor(x: Any, message: str = "") -> Any:
    """Print a message and a value if there is one yet; returns `x`."""
    sys.stdout.write(f"{message} {x}\n")
    return x


# -------------------------------------------------------------------------------- functions


class Function:
    """What `function` returns: a part of a graph, from symbolic inputs to outputs.

    Args:
        inputs: a list of symbolic tensors; a learning phase among them is passed over.
        outputs: a symbolic tensor, or a list of them.
    """

    def __init__(self, inputs: Sequence[Any], outputs: Any) -> None:
        self._kept = [i for i, x in enumerate(inputs) if is_keras_tensor(x)]
        self._many = isinstance(outputs, (list, tuple))
        self._model = hornbeam.Model([inputs[i] for i in self._kept], outputs)
        self._phases = [i for i in range(len(inputs)) if i not in self._kept]

    def __call__(self, inputs: Sequence[Any]) -> Any:
        """The values of the outputs, as NumPy arrays, for values of the inputs."""
        training = any(bool(inputs[i]) for i in self._phases if i < len(inputs))
        values = [ops.convert_to_tensor(inputs[i]) for i in self._kept]
        found = self._model(values if len(values) > 1 else values[0], training=training)
        leaves = found if isinstance(found, (list, tuple)) else [found]
        arrays = [ops.convert_to_numpy(leaf) for leaf in leaves]
        return arrays if self._many else arrays[0]


def function(inputs: Sequence[Any], outputs: Any, updates: Any = (), **kwargs: Any) -> Function:
    """A function of values from a part of a graph, e.g. from a model's input to a layer's output.

    Args:
        inputs: symbolic tensors, and `learning_phase()` if wanted.
        outputs: a symbolic tensor, or a list of them.
        updates: must be empty: variables are assigned where the update happens.
        **kwargs: without effect.

    Example:

    >>> import hornbeam, numpy
    >>> x = hornbeam.Input((2,))
    >>> function([x], [x + 1])([numpy.ones((1, 2))])[0].tolist()
    [[2.0, 2.0]]
    """
    if updates:
        raise UnsupportedError(
            "K.function(updates=...) ran update ops of a static graph. Write a function that calls "
            "variable.assign(...)."
        )
    return Function(inputs, outputs)


__all__ = [
    "Function",
    "arange",
    "batch_get_value",
    "batch_set_value",
    "cast",
    "cast_to_floatx",
    "constant",
    "count_params",
    "dtype",
    "eval",
    "eye",
    "function",
    "get_value",
    "get_variable_shape",
    "image_dim_ordering",
    "int_shape",
    "is_placeholder",
    "is_sparse",
    "is_variable",
    "moving_average_update",
    "ndim",
    "normalize_data_format",
    "ones",
    "placeholder",
    "print_tensor",
    "random_binomial",
    "random_normal",
    "random_normal_variable",
    "random_uniform",
    "random_uniform_variable",
    "reset_uids",
    "set_image_dim_ordering",
    "set_value",
    "truncated_normal",
    "update",
    "update_add",
    "update_sub",
    "variable",
    "zeros",
]

"""The arrays of the PyTensor engine: values outside of traces, variables of a graph inside.

PyTensor has graphs and compiled functions, but no arrays of its own: what goes into a function and
what comes out of it are NumPy's.  So an op on values is computed by NumPy at once, and PyTensor comes
in where a function is traced: compiled, differentiated or scanned.  `dispatched` makes one function of
both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytensor.tensor as pt

from hornbeam.backends import pytensor_arrays as arrays
from hornbeam.backends.dims import TracedDim
from hornbeam.backends.pytensor_indexing import getitem as getitem_of_variable
from hornbeam.backends.symbolic import PUBLIC_OPS, install_operators
from hornbeam.errors import InputError


class PyTensorArray:
    """An array of the PyTensor engine.

    Attributes:
        value: a NumPy array, or while tracing a PyTensor variable.
        dtype: NumPy's dtype.
    """

    __slots__ = ("__weakref__", "dtype", "value")
    __array_priority__ = 200
    __hash__ = object.__hash__

    def __init__(self, value: Any) -> None:
        self.value = value
        self.dtype: np.dtype[Any] = np.dtype(value.dtype)

    @property
    def traced(self) -> bool:
        """Whether it stands for values of a function that is being traced."""
        return type(self.value) is not np.ndarray

    @property
    def shape(self) -> tuple[Any, ...]:
        """The shape: ints, and `TracedDim` for sizes that are not known while tracing."""
        value = self.value
        return value.shape if type(value) is np.ndarray else arrays.shape(value)

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return int(self.value.ndim)

    @property
    def size(self) -> Any:
        """How many numbers there are."""
        return np.prod(self.shape, dtype=object) if self.traced else self.value.size

    @property
    def nbytes(self) -> int:
        """The size of the values in memory."""
        return int(self.numpy().nbytes)

    @property
    def T(self) -> Any:
        """The array with its axes reversed."""
        return PUBLIC_OPS["transpose"](self)

    def numpy(self) -> np.ndarray[Any, Any]:
        """The values.

        Raises:
            InputError: inside of a function that is being traced.
        """
        if self.traced:
            raise InputError(
                "This array has no values yet: the function around it is being traced, and runs later. "
                "Use `ops.cond` or `ops.where` instead of a Python `if`, or run the model with "
                "`run_eagerly=True`."
            )
        return self.value  # type: ignore[no-any-return]

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array(self.numpy(), dtype) if copy else np.asarray(self.numpy(), dtype)

    def tolist(self) -> Any:
        """The values as nested lists."""
        return self.numpy().tolist()

    def item(self, *place: Any) -> Any:
        """One value as a Python number."""
        return self.numpy().item(*place)

    def astype(self, dtype: Any) -> Any:
        """The array in another dtype."""
        return PUBLIC_OPS["cast"](self, dtype)

    def reshape(self, *shape: Any) -> Any:
        """The array with another shape."""
        new = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
        return PUBLIC_OPS["reshape"](self, new)

    def __getitem__(self, key: Any) -> Any:
        return getitem(self, key)

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("A scalar has no length.")
        return self.shape[0]  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __index__(self) -> int:
        return self.numpy().__index__()

    def __format__(self, spec: str) -> str:
        return format(self.item() if not self.ndim else self.numpy(), spec)

    def __repr__(self) -> str:
        if self.traced:
            return f"<PyTensorArray {self.dtype}{self.value.type.shape}, traced: {self.value}>"
        return f"PyTensorArray({np.array2string(self.value, threshold=8)}, dtype={self.dtype})"


for _kind in (float, int, complex, bool):
    setattr(PyTensorArray, f"__{_kind.__name__}__", lambda self, kind=_kind: kind(self.numpy()))
install_operators(PyTensorArray)
setattr(PyTensorArray, "__hash__", object.__hash__)  # noqa: B010  (equality took it away)


def lower(x: Any, found: set[str]) -> Any:
    """`x` with values and variables instead of arrays; what was met is added to `found`."""
    kind = type(x)
    if kind is PyTensorArray:
        x = x.value
        if type(x) is not np.ndarray:
            found.add("traced")
        return x
    if kind is tuple or kind is list:
        return kind([lower(item, found) for item in x])
    if kind is slice:
        return slice(lower(x.start, found), lower(x.stop, found), lower(x.step, found))
    if kind is TracedDim:
        return lower(x.scalar, found)
    if isinstance(x, pt.TensorVariable):
        found.add("traced")
    elif callable(x) and not isinstance(x, type):
        found.add("function")
    return x


def lift(out: Any) -> Any:
    """Arrays for values and variables."""
    kind = type(out)
    if kind is tuple or kind is list:
        return kind([lift(part) for part in out])
    if isinstance(out, (pt.TensorVariable, np.ndarray)):
        return PyTensorArray(out)
    return PyTensorArray(np.asarray(out)) if isinstance(out, np.generic) else out


def dispatched(
    eager: Callable[..., Any], graph: Callable[..., Any], of_arrays: bool = False
) -> Callable[..., Any]:
    """One function of arrays out of one of NumPy arrays and one of PyTensor's variables.

    With `of_arrays`, the second one is a composition, which takes arrays, and functions of them.
    """

    def run(*args: Any, **kwargs: Any) -> Any:
        found: set[str] = set()
        given = [lower(arg, found) for arg in args]
        options = {name: lower(arg, found) for name, arg in kwargs.items()} if kwargs else {}
        if of_arrays and found:
            return graph(*args, **kwargs)
        if "traced" in found:
            if given and isinstance(given[0], (np.ndarray, np.generic)):
                given[0] = arrays.constant(given[0])
            return lift(graph(*given, **options))
        with np.errstate(all="ignore"):
            return lift(eager(*given, **options))

    return run


getitem = dispatched(lambda x, key: x[key], getitem_of_variable)

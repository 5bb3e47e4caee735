"""State is named boxes.

A `Variable` is a mutable box with a path, a shape and a dtype.  Nothing else in Hornbeam is mutable
state: layers, metrics, optimizers and seeds all read and assign boxes.  That is what makes pure
functions out of imperative code: put traced values into the boxes (`swapped`), run the code, note
which boxes it assigned (`recording_writes`), and take the new values out again.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from hornbeam import dtypes
from hornbeam.backends import registry
from hornbeam.backends.numpy import empty_array
from hornbeam.backends.protocol import Array, Backend
from hornbeam.backends.symbolic import PUBLIC_OPS, install_operators
from hornbeam.errors import InputError, LimitExceededError, UnsupportedError
from hornbeam.naming import current_path, unique_name

_written: ContextVar[Writes | None] = ContextVar("hornbeam_written", default=None)
_autocast: ContextVar[str | None] = ContextVar("hornbeam_autocast", default=None)
_carried: ContextVar[frozenset[int] | None] = ContextVar("hornbeam_carried", default=None)
_budget: ContextVar[AllocationBudget | None] = ContextVar("hornbeam_budget", default=None)
_structure = 0


def structure_version() -> int:
    """A number that changes whenever a variable is made, frozen or unfrozen anywhere.

    What has been collected from attributes at one version need not be collected again at the same one.
    """
    return _structure


def structure_changed() -> None:
    """Say that a variable or a layer was made, frozen or unfrozen."""
    global _structure
    _structure += 1


class AllocationBudget:
    """How many bytes the variables made in a context may have together.

    A file may describe a model of any size in a few bytes; this is what keeps loading it from asking
    for more memory than the file has any use for.

    If the file has their values, large variables get zeros that cost nothing for the time being;
    `finish` gives their first values to those that it had none for.

    Args:
        limit: bytes.
        source: what to call the file in the message.
        has_values: whether the variables will be set to values of the file.
    """

    LARGE = 2**20
    """Variables from this many bytes on are left blank."""

    def __init__(self, limit: int, source: str, has_values: bool = True) -> None:
        self.limit, self.left, self.source, self.has_values = limit, limit, source, has_values
        self._blank: dict[int, tuple[Variable, Callable[..., Any]]] = {}

    def __enter__(self) -> AllocationBudget:
        self._token = _budget.set(self)
        return self

    def __exit__(self, *exc: object) -> None:
        _budget.reset(self._token)

    def spend(self, shape: tuple[int, ...], dtype: str, path: str) -> None:
        """Take the size of a variable from the budget.

        Raises:
            LimitExceededError: if there is not so much left.
        """
        self.left -= size_in_bytes(shape, dtype)
        if self.left < 0:
            raise LimitExceededError(
                f"{self.source} describes variables of over {self.limit} bytes ({path!r} has shape "
                f"{shape}), which is more than it can hold values for."
            )

    def leave_blank(
        self, variable: Variable, initializer: Any, shape: tuple[int, ...], dtype: str
    ) -> bool:
        """Whether a variable is so large that its first value can wait for the file's."""
        large = self.has_values and size_in_bytes(shape, dtype) >= self.LARGE
        if large:
            self._blank[id(variable)] = variable, initializer
        return large

    def filled(self, variable: Variable) -> None:
        """Say that a variable has got its value."""
        self._blank.pop(id(variable), None)

    def finish(self) -> None:
        """Give first values to the variables that were left blank and not filled."""
        for variable, initializer in self._blank.values():
            variable.assign(initializer(variable.shape, dtype=variable.dtype))
        self._blank.clear()


def size_in_bytes(shape: tuple[int, ...], dtype: str) -> int:
    """How many bytes the values of a variable have, at least one each."""
    return max(1, dtypes.bits(dtype) // 8) * math.prod(shape)


class Variable:
    """A mutable box for an array, with a name, a fixed shape and a fixed dtype.

    It can stand wherever an array can: in ops, in operators, in NumPy functions.  It belongs to the
    engine that was current when it was made.

    Args:
        initializer: the first value (anything that `ops.convert_to_tensor` takes), or a function
            ``initializer(shape, dtype)`` that returns it.
        shape: the shape, needed if `initializer` is a function.
        dtype: the dtype; by default the value's own, or the default float dtype.
        trainable: whether training changes it.
        autocast: whether layers with a lower-precision compute dtype see it in that dtype.
        aggregation: how copies on several devices are joined: "none", "mean", "sum" or
            "only_first_replica".
        synchronization: when copies on several devices are joined; only "auto" has a meaning here.
        name: the last part of the path; it may not contain "/".
        layout: how the value is spread over devices; must be None, since a variable lies on one device.

    Example:

    >>> import hornbeam
    >>> v = hornbeam.Variable([1.0, 2.0], name="scale")
    >>> v.assign_add([1.0, 1.0])
    <Variable path=scale, shape=(2,), dtype=float32, value=[2. 3.]>
    """

    __array_priority__ = 100
    _should_act_as_resource_variable = True
    """An engine's gradient tapes look for this; then they take `handle` for the variable."""

    def __init__(
        self,
        initializer: Any,
        shape: Sequence[int] | int | None = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str | None = None,
        synchronization: str | None = None,
        name: str | None = None,
        layout: Any = None,
        **kwargs: Any,
    ) -> None:
        if layout is not None:
            raise UnsupportedError(
                "A Variable lies whole on one device, so it takes no layout: leave out `layout=`, and "
                "choose the device with `with hornbeam.device(name):` around what makes the variable."
            )
        if name is not None and "/" in name:
            raise InputError(
                f"A variable's name cannot contain '/', got {name!r}; use a name scope."
            )
        self.name = name or unique_name("variable")
        scope = current_path()
        self._path = f"{scope}/{self.name}" if scope else self.name
        self._trainable = self.born_trainable = bool(trainable)
        self._autocast = bool(autocast)
        self._aggregation = aggregation or "none"
        self._synchronization = synchronization or "auto"
        self.regularizer: Any = kwargs.pop("regularizer", None)
        self.constraint: Any = kwargs.pop("constraint", None)
        self.overwrite_with_gradient = False
        if kwargs:
            raise InputError(f"Variable() got unknown arguments {sorted(kwargs)}.")
        self.backend: Backend = registry.current()
        with self.backend.outside():
            self._value: Array = self._first_value(initializer, shape, dtype)
            self._shape: tuple[int, ...] = tuple(self._value.shape)
            self._dtype = self.backend.dtype(self._value)
            self._value = self._held(self._value)
        structure_changed()

    def _held(self, value: Array) -> Array:
        """What the engine puts into the box for a first value."""
        if self.born_trainable:
            return self.backend.box(self.backend.unbox(value), self._trainable)
        return self.backend.store(None, value)

    def _first_value(self, initializer: Any, shape: Any, dtype: Any) -> Array:
        wanted = None if dtype is None else dtypes.standardize(dtype)
        if callable(initializer) and not hasattr(initializer, "dtype"):
            if shape is None:
                raise InputError(
                    f"Variable {self._path!r}: an initializer function needs `shape=` as well."
                )
            sizes = (shape,) if isinstance(shape, int) else tuple(int(d) for d in shape)
            budget = _budget.get()
            if budget is not None:
                kind = wanted or dtypes.floatx()
                budget.spend(sizes, kind, self._path)
                if budget.leave_blank(self, initializer, sizes, kind):
                    return self.backend.adopt(empty_array(sizes, kind, zeros=True))
            value = self._own(initializer(sizes, dtype=wanted or dtypes.floatx()), wanted)
            if tuple(value.shape) != sizes:
                raise InputError(
                    f"Variable {self._path!r}: the initializer {initializer!r} returned shape "
                    f"{tuple(value.shape)} where {sizes} was asked for."
                )
            return value
        value = self._own(initializer, wanted)
        if shape is not None and tuple(value.shape) != tuple(np.atleast_1d(shape)):
            raise InputError(
                f"Variable {self._path!r} got a value of shape {tuple(value.shape)} and `shape={shape}`."
            )
        return value

    def _own(self, value: Any, dtype: str | None) -> Array:
        """`value` as an array of this engine that nobody else can change."""
        if hasattr(value, "__hornbeam_array__"):
            value = value.__hornbeam_array__()
        backend = self.backend
        if not backend.is_array(value):
            other = registry.engine_of(type(value))
            if other is not None:
                value = other.to_numpy(value)
            value = backend.asarray(np.array(value) if isinstance(value, np.ndarray) else value)
        elif isinstance(value, np.ndarray):
            value = np.array(value)
        if dtype is not None and backend.dtype(value) != dtype:
            value = backend.cast(value, dtype)
        return value

    # -------------------------------------------------------------------------------- what it holds

    @property
    def value(self) -> Array:
        """The array in the box, in the autocast dtype if a layer is running in one."""
        target = _autocast.get()
        if target is not None and self._autocast and dtypes.is_float(self._dtype):
            return self.backend.cast(self.array, target)
        return self.array

    @property
    def array(self) -> Array:
        """The array in the box, in the box's own dtype."""
        return self.backend.read(held((self,))[0] if _lent.away(self) else self._value)

    def __hornbeam_array__(self) -> Array:
        return self.value

    def numpy(self) -> Any:
        """The value as a NumPy array."""
        return self.backend.to_numpy(self.array)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        array = self.numpy()
        return array if dtype is None else array.astype(dtype)

    def __jax_array__(self) -> Array:
        return self.value

    def __tf_tensor__(self, dtype: Any = None, name: str | None = None) -> Array:
        value = self.value
        return value if dtype is None else self.backend.cast(value, dtypes.standardize(dtype))

    @property
    def path(self) -> str:
        """Where the box is: the names of the layers around it and its own, joined by slashes."""
        return self._path

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape, which never changes."""
        return self._shape

    @property
    def ndim(self) -> int:
        """How many dimensions there are."""
        return len(self._shape)

    @property
    def dtype(self) -> str:
        """The dtype by name; the autocast dtype if a layer is running in one."""
        target = _autocast.get()
        if target is not None and self._autocast and dtypes.is_float(self._dtype):
            return target
        return self._dtype

    @property
    def trainable(self) -> bool:
        """Whether training changes it."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        if self.born_trainable:
            self._value = self.backend.box(self._value, self._trainable)
        structure_changed()

    @property
    def autocast(self) -> bool:
        """Whether layers with a lower-precision compute dtype see it in that dtype."""
        return self._autocast

    @property
    def aggregation(self) -> str:
        """How copies on several devices are joined."""
        return self._aggregation

    @property
    def synchronization(self) -> str:
        """When copies on several devices are joined."""
        return self._synchronization

    @property
    def handle(self) -> Any:
        """What the engine knows the box by, if it keeps boxes of its own; else the box itself."""
        return getattr(self._value, "handle", self)

    # ----------------------------------------------------------------------------------- assignment

    def assign(self, value: Any) -> Variable:
        """Replace the value by one of the same shape; it is cast to the box's dtype.

        Raises:
            InputError: if the shapes differ.
        """
        token = _autocast.set(None)
        try:
            new = self._own(value, self._dtype)
        finally:
            _autocast.reset(token)
        if tuple(new.shape) != self._shape:
            raise InputError(
                f"Cannot assign a value of shape {tuple(new.shape)} to variable {self._path!r} of "
                f"shape {self._shape}."
            )
        self._set(new)
        return self

    def adopt(self, value: Any) -> None:
        """Replace the value by a NumPy array of the same shape that nobody else holds or will change."""
        new = value
        if dtypes.standardize(value.dtype) == self._dtype and value.shape == self._shape:
            new = self.backend.adopt(value)
        self.assign(new) if new is value else self._set(new)

    def assign_add(self, value: Any) -> Variable:
        """Add `value` to the value."""
        return self.assign(PUBLIC_OPS["add"](self.array, value))

    def assign_sub(self, value: Any) -> Variable:
        """Subtract `value` from the value."""
        return self.assign(PUBLIC_OPS["subtract"](self.array, value))

    def _set(self, new: Array) -> None:
        log = _written.get()
        if log is None:
            if _lent.away(self):
                with _lent.changed:
                    _lent.wait((self,))
            self._value = self.backend.store(self._value, new)
            return
        if self not in log:
            log[self] = self._value
        self._value = new

    def move(self, backend: Backend) -> None:
        """Bring the value to another engine."""
        if backend is not self.backend:
            value = self.numpy()
            self.backend = backend
            self._value = self._held(backend.asarray(np.array(value)))

    # ------------------------------------------------------------------------------ like an array

    def __getitem__(self, key: Any) -> Array:
        return PUBLIC_OPS["get_item"](self.value, key)

    def __len__(self) -> int:
        if not self._shape:
            raise TypeError(f"Variable {self._path!r} is a scalar and has no length.")
        return self._shape[0]

    def __pos__(self) -> Array:
        return self.value

    def __float__(self) -> float:
        return float(self.numpy())

    def __int__(self) -> int:
        return int(self.numpy())

    def __bool__(self) -> bool:
        return bool(self.numpy())

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        head = f"<Variable path={self._path}, shape={self._shape}, dtype={self._dtype}"
        if not self.backend.is_concrete(self._value):
            return f"{head}, traced>"
        shown = np.array2string(self.numpy(), threshold=8)
        return f"{head}, value={shown}>"


install_operators(Variable)


# ------------------------------------------------------------------- boxes <-> pure functions


class _Lent:
    """The variables whose values a thread has taken for a while: to trace with others, or to overwrite.

    Other threads that need one of them (to serve a prediction, say) wait until it is back.
    """

    def __init__(self) -> None:
        self.by: dict[int, int] = {}  # id of a variable -> the thread
        self.begun = 0
        self.changed = threading.Condition()

    def away(self, variable: Variable) -> bool:
        """Whether another thread may have `variable`."""
        return bool(self.by) and self.by.get(id(variable)) != threading.get_ident()

    def wait(self, variables: Sequence[Variable]) -> None:
        """Wait until no other thread has any of `variables`; `changed` must be held."""
        if self.by and not self.changed.wait_for(lambda: not self._missing(variables), PATIENCE):
            raise RuntimeError(
                f"The variable {self._missing(variables)[0].path!r} is read in one thread, but another "
                f"one is in the middle of a step that changes it, for {PATIENCE} seconds now. If it "
                "waits for this thread in turn, read the value before the step and pass it on."
            )

    def _missing(self, variables: Sequence[Variable]) -> list[Variable]:
        me = threading.get_ident()
        return [v for v in variables if self.by.get(id(v), me) != me]


PATIENCE = 600
"""Seconds that a thread waits for a variable that another one has taken."""
_lent = _Lent()


def held(variables: Sequence[Variable]) -> list[Array]:
    """What the boxes hold, as engines keep it; in a thread that traces, what they hold there."""
    begun = _lent.begun
    if not _lent.by:
        values = [v._value for v in variables]
        if _lent.begun == begun:
            return values
    with _lent.changed:
        _lent.wait(variables)
        return [v._value for v in variables]


@contextmanager
def lent(variables: Sequence[Variable]) -> Iterator[None]:
    """A context in which `variables` are for this thread alone.

    Nothing happens on engines that run steps as they are written: there, what reads variables in the
    middle of a step may be a thread of the engine's, on behalf of this one.
    """
    if not variables or not variables[0].backend.compiled:
        yield
        return
    with _lent.changed:
        _lent.wait(variables)
        new = [id(v) for v in variables if id(v) not in _lent.by]
        _lent.begun += 1
        _lent.by.update(dict.fromkeys(new, threading.get_ident()))
    try:
        yield
    finally:
        with _lent.changed:
            for i in new:
                del _lent.by[i]
            _lent.changed.notify_all()


@contextmanager
def swapped(variables: Sequence[Variable], values: Sequence[Array]) -> Iterator[None]:
    """A context in which `variables` hold `values`; afterwards they hold what they held before."""
    with lent(variables):
        before = [v._value for v in variables]
        try:
            for variable, value in zip(variables, values, strict=True):
                variable._value = value
            yield
        finally:
            for variable, value in zip(variables, before, strict=True):
                variable._value = value


class Writes:
    """The variables assigned in a `recording_writes` context, in the order of their first writing."""

    def __init__(self) -> None:
        self._before: dict[int, tuple[Variable, Array]] = {}

    def __contains__(self, variable: Variable) -> bool:
        return id(variable) in self._before

    def __setitem__(self, variable: Variable, before: Array) -> None:
        self._before[id(variable)] = (variable, before)

    @property
    def variables(self) -> list[Variable]:
        """The assigned variables."""
        return [variable for variable, _ in self._before.values()]

    @property
    def before(self) -> list[tuple[Variable, Array]]:
        """The assigned variables, with what they held before."""
        return list(self._before.values())

    def undo(self) -> None:
        """Give every variable the value it had before."""
        for variable, before in self._before.values():
            variable._value = before


def is_recording_writes() -> bool:
    """Whether assignments are being noted, and so may be undone: nothing may be overwritten then."""
    return _written.get() is not None


@contextmanager
def recording_writes() -> Iterator[Writes]:
    """A context that notes which variables are assigned in it.

    An enclosing one does not see them, unless the caller assigns them again outside.
    """
    log = Writes()
    token = _written.set(log)
    try:
        yield log
    finally:
        _written.reset(token)


def is_carried(variable: Variable) -> bool:
    """Whether `variable` may be assigned: False in a `pure` function that it does not belong to."""
    carried = _carried.get()
    return carried is None or id(variable) in carried


@contextmanager
def autocasting(dtype: str | None) -> Iterator[None]:
    """A context in which float variables with `autocast` read as `dtype` (None: as they are)."""
    token = _autocast.set(dtype)
    try:
        yield
    finally:
        _autocast.reset(token)


def pure(
    fn: Callable[..., Any], variables: Sequence[Variable], values: Sequence[Array], *args: Any
) -> tuple[Any, list[Array]]:
    """(result of ``fn(*args)``, new values of `variables`), with `values` in the boxes.

    The boxes themselves are left as they were, also those that are not in `variables`.

    Raises:
        InputError: if `fn` assigns a variable that is not among `variables`.
    """
    known = frozenset(id(v) for v in variables)
    token = _carried.set(known)
    try:
        with recording_writes() as writes, swapped(variables, values):
            result = fn(*args)
            new = [v._value for v in variables]
            strays = [v for v in writes.variables if id(v) not in known]
            writes.undo()
    finally:
        _carried.reset(token)
    if strays:
        raise InputError(
            f"The variables {[v.path for v in strays]} were assigned inside a compiled step, but do "
            "not belong to the model: make them attributes of the model, a layer or a metric of it, "
            "so that their state can be kept."
        )
    return result, new

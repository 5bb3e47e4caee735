"""One op is one record: a composition with a signature, a docstring and a dtype rule.

    @op("x1 x2", dtype=rules.promote)
    def hypot(b: Backend, x1: ArrayLike, x2: ArrayLike) -> Array:
        '''...'''
        return b.sqrt(b.square(x1) + b.square(x2))

`op` makes the public function of it, ``hypot(x1, x2)``, which

1. finds the backend from the types of the arrays (NumPy arrays and numbers go along with the others,
   and to the current engine when they are alone);
2. casts the arrays by the dtype rule, calls ``backend.hypot``, casts the result by the rule;
3. on symbolic arrays does the same with shapes, and records a graph node.

In the list of arrays, ``?name`` is an array that has no part in the dtype rule (indices, masks),
``*name`` a sequence of arrays.  Inside a composition arrays belong to one engine, have the dtype that
the rule says, and are combined with operators and functions of ``b`` only.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

import numpy as np

from hornbeam import dtypes
from hornbeam.backends import registry
from hornbeam.backends.protocol import COMPOSITIONS, Array, Backend
from hornbeam.backends.symbolic import (
    PUBLIC_OPS,
    KerasTensor,
    is_recording,
    not_recording,
)
from hornbeam.errors import MixedEnginesError
from hornbeam.ops.node import Node
from hornbeam.ops.rules import Rule

P = ParamSpec("P")
R = TypeVar("R")
ArrayLike = Any
"""An engine's array, a NumPy array, a symbolic tensor, a `Variable`, a number, or a nested list."""

RECORDS: dict[str, OpRecord] = {}
"""All ops by name."""

RULED, FREE, SEQUENCE, FREE_SEQUENCE = range(4)


class Plan(NamedTuple):
    """What the dtype rule says for arrays of certain dtypes on a certain backend."""

    compute: str | None
    compute_native: Any
    result: str | None
    result_native: Any
    wide: bool


class Slot(NamedTuple):
    """An array parameter of an op."""

    position: int
    name: str
    kind: int
    variadic: bool


class OpRecord:
    """All that is known about one op; `call` runs it."""

    def __init__(
        self,
        fn: Callable[..., Any],
        arrays: str,
        rule: Rule,
        primitive: bool,
        elementwise: bool,
    ) -> None:
        self.name = fn.__name__
        self.fn = fn
        self.rule = rule
        self.primitive = primitive
        self.elementwise = elementwise
        parameters = list(inspect.signature(fn).parameters.values())[1:]
        self.signature = inspect.Signature(parameters)
        self.parameters = [p.name for p in parameters]
        self.slots = [self._slot(token) for token in arrays.split()]
        self.plans: dict[Any, Plan] = {}

    def _slot(self, token: str) -> Slot:
        name = token.lstrip("?*")
        kind = {"": RULED, "?": FREE, "*": SEQUENCE, "?*": FREE_SEQUENCE}[token[: -len(name)]]
        variadic = self.signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
        return Slot(self.parameters.index(name), name, kind, variadic)

    # ------------------------------------------------------------------------------ the general path

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the op on arguments of any kind."""
        given = self._collect(args, kwargs)
        backend = self._backend_of(given)
        if backend.symbolic:
            return self._call_symbolic(backend, given, args, kwargs)
        return self._run(backend, given, args, kwargs)

    def _collect(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[tuple[Slot, Any]]:
        given = []
        for slot in self.slots:
            if slot.variadic:
                given.append((slot, list(args[slot.position :])))
            elif slot.position < len(args):
                given.append((slot, args[slot.position]))
            elif slot.name in kwargs:
                given.append((slot, kwargs[slot.name]))
        return given

    def _backend_of(self, given: list[tuple[Slot, Any]]) -> Backend:
        found: Backend | None = None
        for slot, value in given:
            leaves = value if slot.kind >= SEQUENCE and isinstance(value, (list, tuple)) else (value,)
            for leaf in leaves:
                owner = owner_of(leaf)
                if owner is None or owner is found:
                    continue
                if found is None or owner.symbolic:
                    found = owner
                elif not found.symbolic:
                    raise MixedEnginesError(
                        f"ops.{self.name} got arrays of two engines, {found.name!r} and "
                        f"{owner.name!r}. Convert one of them first, for instance with "
                        "`ops.convert_to_numpy(x)`; NumPy arrays go with every engine."
                    )
        return found or registry.current()

    def _run(
        self,
        backend: Backend,
        given: list[tuple[Slot, Any]],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        lifted = [(slot, _lift(backend, slot, value, self.elementwise)) for slot, value in given]
        ruled = [_dtype_key(leaf) for slot, value in lifted for leaf in _ruled(slot, value)]
        key = (backend, *ruled)
        plan = self.plans.get(key) or self._plan(key)
        if plan.wide:
            with backend.wide():
                return self._kernel(backend, plan, lifted, args, kwargs)
        return self._kernel(backend, plan, lifted, args, kwargs)

    def _kernel(
        self,
        backend: Backend,
        plan: Plan,
        lifted: list[tuple[Slot, Any]],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        if plan.compute is not None:
            lifted = [(slot, _cast(backend, slot, value, plan.compute)) for slot, value in lifted]
        new_args = list(args)
        new_kwargs = dict(kwargs)
        for slot, value in lifted:
            if slot.variadic:
                new_args[slot.position :] = value
            elif slot.position < len(args):
                new_args[slot.position] = value
            else:
                new_kwargs[slot.name] = value
        try:
            out = getattr(backend, self.name)(*new_args, **new_kwargs)
        except Exception as error:
            raise explained(error, self.name, self.signature, args, kwargs) from None
        if plan.result is not None and backend.dtype(out) != plan.result:
            out = backend.cast(out, plan.result)
        return out

    def _plan(self, key: tuple[Any, ...]) -> Plan:
        backend, *given = key
        names = [g if isinstance(g, str) else backend.dtype(_Typed(g)) for g in given]
        compute, result = self.rule(*names) if names else (None, None)
        wide = any(dtypes.is_wide(d) for d in (compute, result, *names) if d is not None)
        plan = Plan(
            compute,
            None if compute is None else backend.native_dtype(compute),
            result,
            None if result is None else backend.native_dtype(result),
            wide,
        )
        self.plans[key] = plan
        return plan

    # ----------------------------------------------------------------------------- on symbolic arrays

    def _call_symbolic(
        self,
        backend: Backend,
        given: list[tuple[Slot, Any]],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        with not_recording():
            out = self._run(backend, given, args, kwargs)
        if self.elementwise:
            masks = [v._mask for _, v in given if isinstance(v, KerasTensor) and v._mask is not None]
            out._mask = masks[0] if masks else None
        if is_recording():
            Node(OpCall(self), args, kwargs, out)
        return out


class OpCall:
    """One use of an op in a graph: an operation with a name, as a layer is one."""

    def __init__(self, record: OpRecord, name: str | None = None) -> None:
        from hornbeam.naming import unique_name

        self.record = record
        self.name = name or unique_name(record.name)
        self.inbound_nodes: list[Node] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return PUBLIC_OPS[self.record.name](*args, **kwargs)

    def __repr__(self) -> str:
        return f"<op {self.record.name} as {self.name!r}>"


class _Typed:
    """Something that has nothing but a dtype."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype


def owner_of(leaf: Any) -> Backend | None:
    """The backend that `leaf` belongs to, or None if it goes with any."""
    kind = type(leaf)
    if kind in _FREE_TYPES:
        return None
    owner = registry.engine_of(kind)
    if owner is None and hasattr(leaf, "__hornbeam_array__"):
        return owner_of(leaf.__hornbeam_array__())
    if owner is None and kind in (list, tuple):
        for item in leaf:
            owner = owner_of(item)
            if owner is not None:
                return owner
    return owner


_FREE_TYPES = {int, float, bool, complex, str, np.ndarray, type(None)}
_SCALARS = {int: dtypes.WEAK_INT, float: dtypes.WEAK_FLOAT, bool: "bool", complex: "complex64"}


def _lift_leaf(backend: Backend, leaf: Any, keep_scalar: bool) -> Any:
    kind = type(leaf)
    if kind in _SCALARS:
        return leaf if keep_scalar else backend.asarray(leaf)
    if leaf is None or registry.engine_of(kind) is backend:
        return leaf
    if hasattr(leaf, "__hornbeam_array__"):
        leaf = leaf.__hornbeam_array__()
        return backend.asarray(leaf) if owner_of(leaf) is not backend else leaf
    if kind in (list, tuple) and owner_of(leaf) is backend:
        return backend.stack([_lift_leaf(backend, item, False) for item in leaf], 0)
    return backend.asarray(leaf)


def _lift(backend: Backend, slot: Slot, value: Any, keep_scalar: bool) -> Any:
    if slot.kind >= SEQUENCE and isinstance(value, (list, tuple)):
        return [_lift_leaf(backend, leaf, False) for leaf in value]
    return _lift_leaf(backend, value, keep_scalar and slot.kind == RULED)


def _ruled(slot: Slot, value: Any) -> Any:
    if slot.kind == RULED and value is not None:
        return (value,)
    return value if slot.kind == SEQUENCE else ()


def _dtype_key(leaf: Any) -> Any:
    kind = type(leaf)
    return _SCALARS[kind] if kind in _SCALARS else leaf.dtype


def _cast(backend: Backend, slot: Slot, value: Any, dtype: str) -> Any:
    if value is None or slot.kind in (FREE, FREE_SEQUENCE):
        return value
    if slot.kind == SEQUENCE and isinstance(value, list):
        return [leaf if backend.dtype(leaf) == dtype else backend.cast(leaf, dtype) for leaf in value]
    if type(value) in _SCALARS:
        return _as_scalar(value, dtype)
    return value if backend.dtype(value) == dtype else backend.cast(value, dtype)


def _as_scalar(value: Any, dtype: str) -> Any:
    if dtype == "bool":
        return bool(value)
    if dtypes.is_float(dtype):
        return float(value)
    return value


def explained(
    error: Exception,
    name: str,
    signature: inspect.Signature,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Exception:
    """`error` with a note that says which op it came from and what the op was given."""
    notes = getattr(error, "__notes__", ())
    if not any(note.startswith("In ops.") for note in notes):
        try:
            bound = signature.bind(*args, **kwargs).arguments
        except TypeError:
            bound = {"args": args, **kwargs}
        shown = ", ".join(f"{key}={describe(value)}" for key, value in bound.items())
        error.add_note(f"In ops.{name}({shown}).")
    return error


def describe(value: Any) -> str:
    """A short text for an argument: dtype and shape of an array, else its repr.

    >>> import numpy as np
    >>> describe([np.zeros((2, 3)), 1])
    '[float64(2, 3), 1]'
    """
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{dtypes.standardize(value.dtype)}{tuple(value.shape)}"
    if isinstance(value, (list, tuple)):
        inner = ", ".join(describe(v) for v in value[:8])
        return f"[{inner}{', ...' if len(value) > 8 else ''}]"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


# ------------------------------------------------------------------------------------- the decorator


def op(
    arrays: str,
    *,
    dtype: Rule,
    primitive: bool = False,
    elementwise: bool = False,
) -> Callable[[Callable[Concatenate[Backend, P], R]], Callable[P, R]]:
    """Make a composition an op.

    Args:
        arrays: the names of the parameters that are arrays, separated by spaces.
        dtype: the dtype rule, one of `hornbeam.ops.rules`.
        primitive: whether every backend provides it under this name (the body only says how it is
            called).
        elementwise: whether each value of the result depends on the values at its place only.  Such
            ops take Python numbers as they are, and let masks through.
    """

    def decorate(fn: Callable[Concatenate[Backend, P], R]) -> Callable[P, R]:
        record = OpRecord(fn, arrays, dtype, primitive, elementwise)
        ruled = [slot for slot in record.slots if slot.kind == RULED]
        simple = len(ruled) == len(record.slots) and not any(s.variadic for s in ruled)
        if simple and len(ruled) == 1:
            public = _unary(record)
        elif simple and len(ruled) == 2 and len(record.parameters) == 2:
            public = _binary(record)
        else:
            public = _general(record)
        public.__name__ = public.__qualname__ = fn.__name__
        public.__doc__ = fn.__doc__
        public.__module__ = fn.__module__
        public.__annotations__ = {k: v for k, v in fn.__annotations__.items() if k != "b"}
        public.__signature__ = record.signature  # type: ignore[attr-defined]
        public.record = record  # type: ignore[attr-defined]
        RECORDS[record.name] = record
        PUBLIC_OPS[record.name] = public
        if not primitive:
            COMPOSITIONS[record.name] = fn
        return public

    return decorate


def _general(record: OpRecord) -> Callable[..., Any]:
    def public(*args: Any, **kwargs: Any) -> Any:
        return record.call(args, kwargs)

    return public


def _fast_plan(record: OpRecord, kinds: tuple[type, ...], dtype: Any) -> Any:
    """(kernel, result dtype) when arrays of these classes and this dtype need no cast, else False."""
    backend = registry.engine_of(kinds[0])
    if backend is None or backend.symbolic or any(registry.engine_of(k) is not backend for k in kinds):
        return False
    key = (backend, *(dtype for _ in kinds))
    plan = record.plans.get(key) or record._plan(key)
    if plan.wide or plan.compute_native not in (None, dtype):
        return False
    return getattr(backend, record.name), plan.result_native


def _unary(record: OpRecord) -> Callable[..., Any]:
    """The public function of an op of one array: one dictionary look-up from its kernel."""
    plans: dict[Any, Any] = {}
    _fast_plans.append(plans)

    def public(*args: Any, **kwargs: Any) -> Any:
        try:
            x = args[0]
            dtype = x.dtype
            plan = plans.get((type(x), dtype))
        except (IndexError, AttributeError, TypeError):
            return record.call(args, kwargs)
        if plan is None:
            plan = plans[type(x), dtype] = _fast_plan(record, (type(x),), dtype)
        if plan is False:
            return record.call(args, kwargs)
        kernel, result = plan
        try:
            out = kernel(*args, **kwargs)
        except Exception as error:
            raise explained(error, record.name, record.signature, args, kwargs) from None
        if result is not None and out.dtype != result:
            return record.call(args, kwargs)
        return out

    return public


def _binary(record: OpRecord) -> Callable[..., Any]:
    """The public function of an op of two arrays and nothing else."""
    plans: dict[Any, Any] = {}
    _fast_plans.append(plans)

    def public(*args: Any, **kwargs: Any) -> Any:
        try:
            x1, x2 = args
            dtype = x1.dtype
            if x2.dtype is not dtype:
                return record.call(args, kwargs)
            kinds = (type(x1), type(x2))
            plan = plans.get((kinds, dtype))
        except (ValueError, AttributeError, TypeError):
            return record.call(args, kwargs)
        if plan is None:
            plan = plans[kinds, dtype] = _fast_plan(record, kinds, dtype)
        if plan is False:
            return record.call(args, kwargs)
        kernel, result = plan
        try:
            out = kernel(x1, x2)
        except Exception as error:
            raise explained(error, record.name, record.signature, args, kwargs) from None
        if result is not None and out.dtype != result:
            return record.call(args, kwargs)
        return out

    return public


_fast_plans: list[dict[Any, Any]] = []


def _forget_plans() -> None:
    for record in RECORDS.values():
        record.plans.clear()
    for plans in _fast_plans:
        plans.clear()


dtypes._on_change.append(_forget_plans)


def concrete_backend(value: Any) -> Backend:
    """The backend of an array (symbolic included), the current one for anything else."""
    return owner_of(value) or registry.current()


__all__ = ["RECORDS", "Array", "ArrayLike", "Backend", "KerasTensor", "OpRecord", "op"]

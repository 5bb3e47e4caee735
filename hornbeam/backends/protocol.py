"""What a tensor engine has to provide, and what it gets for it.

A backend is one object in one module.  It provides

1. the *array primitives* of `ARRAY_PRIMITIVES`, with the names and meanings of NumPy; an engine
   with a NumPy-shaped namespace names that namespace in ``xp`` and is done with most of them;
2. the methods of `Backend` that raise ``UnsupportedError`` here: conversion, autodiff, compilation,
   control flow, random numbers.

For that it gets every op of `hornbeam.ops`: an op is a composition of primitives, written once as a
function ``op(b, ...)`` of the backend, and reachable as ``b.op(...)`` (see `__getattr__`).  A backend
that knows a better way defines a method of the op's name: an *override*.  Inside compositions and
backends all arguments are the engine's own arrays (or Python numbers), dtypes have already been
promoted, and nothing is recorded.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

from hornbeam.errors import MissingPrimitiveError, UnsupportedError

Array = Any

ELEMENTWISE_UNARY = """abs negative sign exp expm1 log log1p log2 log10 sqrt square reciprocal
sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh floor ceil trunc round
isnan isinf isfinite logical_not bitwise_not real imag conj erf erfinv lgamma""".split()
ELEMENTWISE_BINARY = """add subtract multiply divide floor_divide mod power maximum minimum arctan2
equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor
bitwise_and bitwise_or bitwise_xor left_shift right_shift""".split()
REDUCTIONS = "sum prod max min all any argmax argmin mean".split()  # (x, axis=None, keepdims=False)
SHAPING = {
    "reshape": "(x, shape): `shape` may hold one -1",
    "transpose": "(x, axes=None): None reverses the axes",
    "broadcast_to": "(x, shape)",
    "concatenate": "(arrays, axis=0)",
    "stack": "(arrays, axis=0)",
    "expand_dims": "(x, axis): one axis or several",
    "squeeze": "(x, axis=None)",
    "flip": "(x, axis=None)",
    "pad": "(x, widths, mode='constant', value=0): widths is ((before, after), ...)",
    "where": "(condition, x, y)",
}
INDEXING = {
    "getitem": "(x, key): x[key] by NumPy's rules",
    "take": "(x, indices, axis): negative indices count from the end",
    "take_along_axis": "(x, indices, axis)",
    "scatter_add": "(x, index, updates): a new array, x with updates added at x[index]",
    "scatter_set": "(x, index, updates): a new array, x with x[index] replaced by updates",
    "scatter_max": "(x, index, updates): as scatter_add, with the larger of both",
    "scatter_min": "(x, index, updates): as scatter_add, with the smaller of both",
    "scatter_multiply": "(x, index, updates): as scatter_add, with the product of both",
    "nonzero": "(x): one array of places per axis; their number depends on the values",
    "slice": "(x, starts, sizes): starts may be traced, sizes are known",
    "slice_update": "(x, starts, updates): a new array; starts may be traced",
    "sort": "(x, axis=-1)",
    "argsort": "(x, axis=-1): stable",
    "searchsorted": "(sorted_sequence, values, side='left')",
    "cumsum": "(x, axis)",
    "cumprod": "(x, axis)",
}
PRODUCTS = {
    "matmul": "(x, y): broadcasting over leading axes",
    "einsum": "(subscripts, *operands)",
}
LINEAR_ALGEBRA = {  # on stacks of matrices of float32, float64 or complex numbers
    "cholesky": "(x): the lower factor",
    "qr": "(x, mode): mode is 'reduced' or 'complete'",
    "svd": "(x, full_matrices): (u, s, vh)",
    "eigh": "(x): (eigenvalues in ascending order, eigenvectors), of the lower triangle",
    "eig": "(x): (eigenvalues, eigenvectors), complex",
    "solve": "(a, b): b is a stack of matrices",
    "solve_triangular": "(a, b, lower): b is a stack of matrices",
    "lu_factor": "(x): (lu, int32 pivots), as LAPACK's getrf gives them, from 0",
}
FOURIER = {
    "fft": "(x): complex x, along the last axis",
    "ifft": "(x): complex x, along the last axis",
}
BITS = {
    "bitcast": "(x, dtype): the bits read as another dtype, as NumPy's `view` does",
    "nextafter": "(x, y)",
    "make_complex": "(real, imaginary)",
}
CREATION = {
    "zeros": "(shape, dtype)",
    "ones": "(shape, dtype)",
    "full": "(shape, value, dtype)",
    "arange": "(start, stop, step, dtype): numbers, known when tracing",
}
ARRAY_PRIMITIVES: frozenset[str] = frozenset(
    ELEMENTWISE_UNARY
    + ELEMENTWISE_BINARY
    + REDUCTIONS
    + [*SHAPING, *INDEXING, *PRODUCTS, *LINEAR_ALGEBRA, *FOURIER, *BITS, *CREATION]
)

COMPOSITIONS: dict[str, Callable[..., Any]] = {}
"""Name of an op -> its composition ``f(b, ...)``; `hornbeam.ops` fills it."""


class Backend:
    """The base of all backends: the protocol, and the derivation of everything else from it."""

    name: ClassVar[str]
    """What the user calls the engine."""
    pip: ClassVar[str]
    """What to pass to ``pip install`` to get it."""
    differentiable: ClassVar[bool] = True
    """Whether models can be trained on it."""
    symbolic: ClassVar[bool] = False
    """Whether its arrays carry shapes and dtypes only."""
    compiled: ClassVar[bool] = True
    """Whether `compile` makes anything faster (False: it returns the function itself)."""
    compiles_on_request: ClassVar[bool] = False
    """Whether `compile` compiles with ``jit_compile=True``, although `compiled` is False."""
    keeps_traces: ClassVar[bool] = False
    """Whether a compiled function that is called within another one is not traced again for that."""
    donates: ClassVar[bool] = False
    """Whether what is compiled with ``donate=True`` takes the memory of arrays that others may hold."""
    graphs: ClassVar[bool] = False
    """Whether `compile` makes something faster of a function even with ``jit_compile=False``."""
    xp: ClassVar[Any] = None
    """A namespace with NumPy's names, or None."""
    native: ClassVar[frozenset[str]] = frozenset()
    """Ops beyond the primitives that are taken from `xp` instead of being composed."""

    def __getattr__(self, name: str) -> Any:
        """A primitive from `xp`, or a composed op bound to this backend; found once, then kept."""
        if name.startswith("__"):
            raise AttributeError(name)
        if self.xp is not None and (name in ARRAY_PRIMITIVES or name in self.native):
            found = getattr(self.xp, name, None)
            if found is not None:
                self.__dict__[name] = found
                return found
        if name in COMPOSITIONS and name not in ARRAY_PRIMITIVES:
            found = functools.partial(COMPOSITIONS[name], self)
            self.__dict__[name] = found
            return found
        raise MissingPrimitiveError(*self.unsupported(name).args)

    def unsupported(self, what: str, engine: str = "jax") -> UnsupportedError:
        """The error to raise for what this engine cannot do, and `engine` can."""
        return UnsupportedError(
            f"The engine {self.name!r} has no {what!r}. Use the {engine!r} engine: "
            f"`hornbeam.config.set_backend({engine!r})` before the model is built."
        )

    def without_flash_attention(self, why: str = "") -> UnsupportedError:
        """The error to raise where flash attention is asked for and this engine has none."""
        return UnsupportedError(
            f"The engine {self.name!r} has no flash attention for these arrays{why}. Leave "
            "`flash_attention` at None, which takes the best that there is; the 'torch' engine has "
            "it for (batch, time, heads, features) without a soft cap."
        )

    def __repr__(self) -> str:
        return f"<hornbeam backend {self.name!r}>"

    # ------------------------------------------------------------------ arrays and their properties

    def array_types(self) -> tuple[type, ...]:
        """The classes of the engine's arrays (traced ones too)."""
        raise NotImplementedError

    def is_array(self, x: Any) -> bool:
        """Whether `x` is one of this engine's arrays."""
        return isinstance(x, self.array_types())

    def asarray(self, x: Any, dtype: str | None = None) -> Array:
        """`x` (NumPy array, nested list, number or own array) as an array of this engine.

        Without `dtype` a NumPy or engine array keeps its own, Python numbers become int32, the
        default float dtype or bool.
        """
        raise self.unsupported("asarray")

    def adopt(self, x: Any) -> Array:
        """A NumPy array that nobody else will ever change as an array of this engine.

        Nothing is copied if the engine can read where it lies; `numpy.empty_array` lays it well.
        """
        return self.asarray(x)

    def to_numpy(self, x: Array) -> Any:
        """A NumPy array with the values of `x`, which must be concrete."""
        raise self.unsupported("to_numpy")

    def on_host(self, x: Array) -> Any:
        """As `to_numpy`, but not to be written to, for it may show the memory of `x`."""
        return self.to_numpy(x)

    def is_concrete(self, x: Array) -> bool:
        """Whether `x` has values now, outside of any tracing."""
        return True

    def dtype(self, x: Array) -> str:
        """The dtype of `x` by its Hornbeam name."""
        return str(x.dtype)

    def native_dtype(self, dtype: str) -> Any:
        """The engine's own dtype object for a Hornbeam name."""
        return dtype

    def shape(self, x: Array) -> tuple[Any, ...]:
        """The shape of `x`: ints, and where an engine does not know a dimension, a scalar for it."""
        return tuple(x.shape)

    def cast(self, x: Array, dtype: str) -> Array:
        """`x` with another dtype."""
        raise self.unsupported("cast")

    def wide(self) -> AbstractContextManager[Any]:
        """A context in which 64-bit dtypes are really 64 bits wide."""
        return nullcontext()

    def devices(self) -> list[str]:
        """The names of the devices that the engine sees: 'cpu:0', 'gpu:0', ..."""
        return ["cpu:0"]

    def on_device(self, name: str) -> AbstractContextManager[Any]:
        """A context in which new arrays are made on the device that `devices` lists as `name`."""
        return nullcontext()

    def synchronize(self, x: Any) -> None:
        """Wait until the arrays in the tree `x` have been computed."""

    def getitem(self, x: Array, key: Any) -> Array:
        """``x[key]``, where `key` holds ints, slices, None, ... and integer arrays."""
        return x[key]

    # --------------------------------------------------------------------------------- what boxes hold

    def box(self, value: Array, trainable: bool) -> Array:
        """What the box of a variable that can be trained holds; `trainable` says whether it is now.

        An engine whose own optimizers and modules know arrays by identity makes it an array that
        `store` overwrites.
        """
        return value

    def read(self, held: Array) -> Array:
        """The value of a box that holds `held`, as an array."""
        return held

    def outside(self) -> AbstractContextManager[Any]:
        """A context outside of any function that is being traced, where the first values are made."""
        return nullcontext()

    def store(self, held: Array, new: Array) -> Array:
        """What a box that holds `held` (None: nothing yet) holds after `new` was assigned to it."""
        return new

    def unbox(self, held: Array) -> Array:
        """The value of a box as a constant, if `box` has made a leaf of the user's graph of it."""
        return held

    def recorded(
        self, fn: Callable[[list[Array]], Any], inputs: Sequence[Array]
    ) -> tuple[list[int], Callable[[list[Array]], Any]] | None:
        """What `fn` computes of `inputs`, to be repeated for other values without the Python of `fn`.

        For engines that run eagerly; None if this one has no such thing, or `fn` depends on values.

        Args:
            fn: takes a list of arrays, returns a nest of arrays and anything else, and has no effects.
            inputs: the arrays, whose shapes and dtypes hold.

        Returns:
            Which of the inputs are needed, and a function from a list of these to the nest.
        """
        return None

    def update_rule(self, name: str) -> Callable[..., bool] | None:
        """An optimizer's rule for all variables at once, or None if it is to be run one by one.

        It is called as ``rule(optimizer, parameters, gradients, slots, learning_rate, updates)`` with
        lists of arrays (`slots` is a dict of lists; `updates` have been made before) and *overwrites*
        parameters and slots.  It returns False, having changed nothing, for arrays that it is not for.
        """
        return None

    def one_kernel(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """`fn`, made of elementwise ops, so that it goes through memory once, where that is a gain.

        It takes arrays and nests of them, the first of which is as large as any, and returns such.
        """
        return fn

    def model_method(self, name: str) -> Callable[..., Any] | None:
        """What models and layers on this engine have under `name` besides Hornbeam's own methods.

        It is a function whose first argument is the layer.
        """
        return None

    def batches_of(self, source: Any) -> Any:
        """What brings the same batches as a loader of the engine's own, and sooner; else `source`."""
        return source

    def module_adapter(self, module: Any) -> Any:
        """What runs a module of the engine's own on given values, for a layer around it."""
        raise self.unsupported("modules as layers")

    def save_program(
        self,
        path: str,
        endpoints: dict[str, tuple[Callable[..., Any], list[Any]]],
        collections: dict[str, list[Array]],
        options: Any = None,
    ) -> None:
        """Write functions as a program that runs without Hornbeam into a new folder.

        Args:
            path: the folder.
            endpoints: name -> (function of this engine's arrays, its arguments as nests of objects with
                ``shape``, ``dtype`` and ``name``).
            collections: name -> what the boxes of some variables hold.
            options: the engine's own.
        """
        raise self.unsupported("programs in folders", "the 'tensorflow' engine")

    def export_layer(
        self, layer: Any, specs: list[Any], path: str, format: str, **options: Any
    ) -> None:
        """Write a layer's inference, for arguments as in `save_program`, as a program in a file."""
        raise self.unsupported(f"programs of the format {format!r}", "the 'torch' engine")

    def load_program(self, path: str) -> Any:
        """A program that the engine has saved in a folder, for a layer around it.

        It has ``variables``, a list of what boxes hold, and ``endpoint(name)``, a function of arrays.
        """
        raise UnsupportedError(
            f"The engine {self.name!r} cannot load a SavedModel: make the layer after "
            "`hornbeam.config.set_backend('tensorflow')`."
        )

    pure_functions: ClassVar[bool] = False
    """Whether functions of the engine's own arrays are pure, so that layers can be made of them."""

    def shapes_of(self, fn: Callable[..., Any], *specs: tuple[tuple[int, ...], str]) -> Any:
        """The outputs of a function of the engine's arrays, without computing them.

        Args:
            fn: the function.
            *specs: (shape, dtype) of each argument.

        Returns:
            A nest of things with a shape and a dtype.
        """
        raise self.unsupported("shapes_of")

    # ------------------------------------------------------------------------ autodiff, compilation

    def value_and_grad(
        self, fn: Callable[[list[Array]], tuple[Array, Any]], values: list[Array]
    ) -> tuple[tuple[Array, Any], list[Array]]:
        """((value, aux), gradients) of ``fn(values) -> (scalar, aux)`` with respect to `values`."""
        raise self.unsupported("value_and_grad")

    def stop_gradient(self, x: Array) -> Array:
        """`x` as a constant for differentiation."""
        return x

    def remat(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """`fn`, which keeps nothing for the gradient but computes it anew, where the engine can.

        The values are the same; `fn` takes and returns nests of arrays and changes nothing else.
        """
        return fn

    def inference(self) -> AbstractContextManager[Any]:
        """A context for what nobody will differentiate (evaluation, prediction, updates)."""
        return nullcontext()

    def custom_gradient(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """`fn`, which returns (value, backward), with ``backward(*upstream)`` as its gradient."""
        raise self.unsupported("custom_gradient")

    def jvp(
        self,
        fn: Callable[[list[Array]], tuple[list[Array], Any]],
        values: list[Array],
        tangents: list[Array],
    ) -> tuple[list[Array], list[Array], Any]:
        """(outputs, their directional derivatives, aux) of ``fn(values) -> (outputs, aux)``.

        Unless the engine has forward differentiation, by differentiating backwards twice: with
        g(u) = J^T u linear in u, the gradient of <g(u), tangent> is J tangent.
        """

        def pulled(values: list[Array], weights: list[Array]) -> tuple[Array, Any]:
            outputs, aux = fn(values)
            parts = [self.sum(o * w) for o, w in zip(outputs, weights, strict=True)]
            total = parts[0]
            for part in parts[1:]:
                total = total + part
            return total, (outputs, aux)

        def pushed(weights: list[Array]) -> tuple[Array, None]:
            _, grads = self.value_and_grad(lambda v: pulled(v, weights), values)
            parts = [self.sum(g * t) for g, t in zip(grads, tangents, strict=True)]
            total = parts[0]
            for part in parts[1:]:
                total = total + part
            return total, None

        outputs, aux = fn(values)
        weights = [self.zeros(self.shape(o), self.dtype(o)) for o in outputs]
        return outputs, self.value_and_grad(pushed, weights)[1], aux

    def compile(
        self, fn: Callable[..., Any], donate: bool = False, jit_compile: bool | str = "auto"
    ) -> Callable[..., Any]:
        """`fn` compiled.

        Args:
            fn: a function of nests of arrays.
            donate: whether what the first argument holds may be overwritten with the first result.
            jit_compile: what the user said to `Model.compile`, for an engine whose graphs can be
                compiled further (see `graphs`).
        """
        return fn

    def handed_over(self, data: Any, takes: float = 0.0, after: Any = None) -> Any:
        """`data` for a compiled function, of which the caller may overwrite what it has itself.

        Args:
            data: a nest of arrays, among them NumPy's.
            takes: seconds that the function takes; if they are many, it may return before it has
                computed, so that the caller prepares what comes next meanwhile.
            after: what the last call of the function returned; None if there was none here.
        """
        return data

    def overwritten(self, values: list[Array]) -> bool:
        """Whether the memory of any of `values` has been given to the result of a compiled function."""
        return False

    def worth_fusing(self, compiled: Callable[..., Any], args: tuple[Any, ...]) -> bool:
        """Whether many calls of this step are faster as one compiled `while_loop` over them.

        The answer may depend on the step and the device, not on the clock: a run that is repeated must
        take the same way.
        """
        return False

    # ---------------------------------------------------------------------------------- control flow

    def scan(
        self,
        fn: Callable[[Any, Any], tuple[Any, Any]],
        init: Any,
        xs: Any,
        length: int | None = None,
        reverse: bool = False,
    ) -> tuple[Any, Any]:
        """(carry, stacked ys) of ``carry, y = fn(carry, x)`` over the first axis of `xs`.

        A y that is None stays None.
        """
        raise self.unsupported("scan")

    def worth_looping(self, count: int, nbytes: int) -> bool:
        """Whether `count` equal blocks are better computed now by `scan_lists` than one by one.

        Args:
            count: how many there are.
            nbytes: the size of all their variables, which are copied for it.
        """
        return False

    def scan_lists(
        self,
        fn: Callable[[Array, list[Array]], tuple[Array, list[Array]]],
        init: Array,
        columns: list[list[Array]],
    ) -> tuple[Array, list[list[Array]]]:
        """`scan` over lists of arrays in place of stacked ones, of which it makes lists.

        Args:
            fn: ``carry, outputs = fn(carry, [column[i] for column in columns])``, for each i.
            init: the first carry.
            columns: lists of one length, each of arrays of one shape and dtype.

        Returns:
            The last carry, and for each of the outputs the list of what it was.
        """
        carry, stacked = self.scan(fn, init, [self.stack(column, 0) for column in columns])
        return carry, [[rows[i] for i in range(len(columns[0]))] for rows in stacked]

    def cond(
        self, predicate: Array, true_fn: Callable[[], Any], false_fn: Callable[[], Any]
    ) -> Any:
        """The value of one of two functions, by a scalar."""
        raise self.unsupported("cond")

    def while_loop(
        self, cond: Callable[[Any], Array], body: Callable[[Any], Any], state: Any
    ) -> Any:
        """Repeat ``state = body(state)`` while ``cond(state)``."""
        raise self.unsupported("while_loop")

    def vmap(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """`fn` mapped over the first axis of its arguments."""
        raise self.unsupported("vmap")

    # ---------------------------------------------------------------------------------------- random

    def random_uniform(self, key: Array, shape: Sequence[int], dtype: str) -> Array:
        """Uniform numbers in [0, 1).  `key` is a uint32 array of shape (2,), as in all of these."""
        raise self.unsupported("random_uniform")

    def random_normal(self, key: Array, shape: Sequence[int], dtype: str) -> Array:
        """Numbers of the standard normal distribution."""
        raise self.unsupported("random_normal")

    def random_integers(self, key: Array, shape: Sequence[int], low: int, high: int) -> Array:
        """int32 numbers in [low, high)."""
        raise self.unsupported("random_integers")

    def random_bernoulli(self, key: Array, shape: Sequence[int], probability: float) -> Array:
        """Bools that are True with `probability`; the base compares uniform numbers with it."""
        return self.random_uniform(key, shape, "float32") < probability

    def random_permutation(self, key: Array, n: int) -> Array:
        """The int32 numbers 0..n-1 in random order."""
        raise self.unsupported("random_permutation")


METHODS: tuple[str, ...] = (
    "array_types asarray to_numpy cast value_and_grad stop_gradient custom_gradient compile scan cond "
    "while_loop vmap random_uniform random_normal random_integers random_permutation"
).split()  # type: ignore[assignment]
"""The methods of the protocol that an engine defines itself (`numpy` leaves out the gradients)."""

"""Rows for arithmetic, functions, comparisons, reductions, shapes, indices, creation and products."""

from __future__ import annotations

import numpy as np
from scipy import special

from tests.ops.table import B, C, D, F, N, P, U, row

# ----------------------------------------------------------------------------- arithmetic

for _op in "add subtract multiply maximum minimum fmax fmin".split():
    row(_op, F(3, 4), F(4))
    row(_op, F(2, 1, 3), F(4, 1), _reference=getattr(np, _op))
for _op in "divide true_divide divide_no_nan".split():
    row(_op, F(3, 4), P(4))
row("divide_no_nan", F(4), np.float32([0, 1, 2, 0]), _dtypes=False, _gradient=False)
for _op in "floor_divide mod fmod".split():
    row(_op, F(3, 4), P(4), _reference=getattr(np, _op), _gradient=False)
    row(_op, N(3, 4), N(4, low=1, high=5), _reference=getattr(np, _op), _gradient=False)
    row(_op, N(3, 4), N(4, low=-5, high=-1), _reference=getattr(np, _op), _gradient=False)
row("power", P(3, 4), F(4))
row("power", F(3), 2, _reference=np.power)
for _op in "negative absolute abs fabs square cbrt".split():
    row(_op, F(3, 4), _reference=getattr(np, _op))
row("sign", F(3, 4), _gradient=False)
row("sqrt", P(3, 4), _reference=np.sqrt)
row("rsqrt", P(3, 4), _reference=lambda x: 1 / np.sqrt(x))
row("reciprocal", P(3, 4), _reference=np.reciprocal)
row("absolute", C(3), _gradient=False, _reference=np.abs)

# ------------------------------------------------------------------------------ functions

for _op in "exp exp2 expm1 sin cos tanh sinh cosh arctan arcsinh sinc deg2rad rad2deg i0".split():
    row(_op, F(3, 4), _reference=getattr(np, _op))
row("i0", np.float32([0, 19.9, 20.1, 60, -60]), _reference=np.i0, _gradient=False, _dtypes=False)
row("tan", U(3, 4, low=-1, high=1), _reference=np.tan)
for _op in "log log1p log2 log10".split():
    row(_op, P(3, 4), _reference=getattr(np, _op))
for _op in "arcsin arccos arctanh".split():
    row(_op, U(3, 4, low=-0.9, high=0.9), _reference=getattr(np, _op))
row("arccosh", U(3, 4, low=1.1, high=4), _reference=np.arccosh)
for _op in "arctan2 hypot logaddexp logaddexp2".split():
    row(_op, F(3, 4), F(4), _reference=getattr(np, _op))
row(
    "logaddexp",
    np.float32([-np.inf, 1000, 0]),
    np.float32([-np.inf, 0, 0]),
    _gradient=False,
    _dtypes=False,
    _reference=np.logaddexp,
)
row(
    "hypot",
    np.float32([np.inf, 0, 3e30]),
    np.float32([1, 0, 4e30]),
    _gradient=False,
    _dtypes=False,
    _reference=np.hypot,
)
row("erf", F(3, 4), _reference=special.erf)
row("erfc", F(3, 4), _reference=special.erfc)
row("erfinv", U(3, 4, low=-0.9, high=0.9), _reference=special.erfinv)

# ------------------------------------------------------------------------- bits and parts

for _op in "floor ceil".split():
    row(_op, F(3, 4), _gradient=False)
row("trunc", F(3, 4), _gradient=False)
row("round", F(3, 4), _gradient=False)
row("round", U(3, 4, low=-20, high=20), 1, _gradient=False, _dtypes=False)
row("round", N(3, 4, low=-99, high=99), decimals=-1, _gradient=False, _reference=np.round)
for _op in "bitwise_and bitwise_or bitwise_xor".split():
    row(_op, N(3, 4), N(4), _gradient=False)
    row(_op, B(3, 4), B(4), _gradient=False)
for _op in "left_shift right_shift bitwise_left_shift bitwise_right_shift".split():
    row(_op, N(3, 4), N(4, low=0, high=4), _gradient=False)
for _op in "bitwise_not bitwise_invert".split():
    row(_op, N(3, 4), _gradient=False)
for _op in "real imag conj conjugate angle".split():
    row(_op, F(3, 4), _gradient=False)
    row(_op, C(3, 4), _gradient=False)

# ----------------------------------------------------------------------------- comparison

for _op in "equal not_equal less less_equal greater greater_equal".split():
    row(_op, N(3, 4, low=0, high=3), N(4, low=0, high=3), _gradient=False)
    row(_op, F(3, 4), F(4), _gradient=False)
for _op in "logical_and logical_or logical_xor".split():
    row(_op, B(3, 4), B(4), _gradient=False)
    row(_op, F(3, 4), F(4), _gradient=False)
row("logical_not", B(3, 4), _gradient=False)
for _op in "isnan isinf isfinite isposinf isneginf signbit isreal".split():
    row(_op, F(3, 4), _gradient=False)
    row(_op, np.float32([np.nan, np.inf, -np.inf, 1, -0.0]), _gradient=False, _dtypes=False)
row("isreal", np.complex64([1, 2j]), _gradient=False, _dtypes=False)
row("where", B(3, 4), F(4), F(3, 1))
row(
    "where",
    B(3, 4),
    _gradient=False,
    _jit=False,
    _unknown=False,
    _reference=lambda c: np.nonzero(c),
)
row("clip", F(3, 4), -0.5, 0.5)
row("clip", F(3, 4), F(4), 0.5, _reference=lambda x, a, b: np.minimum(np.maximum(x, a), b))

# ----------------------------------------------------------------------------- reductions


def _with_tuples(f):
    """`f` with a tuple for a list of axes."""

    def reference(x, axis=None, keepdims=False):
        return f(x, tuple(axis) if isinstance(axis, list) else axis, keepdims=keepdims)

    return reference


for _op in "sum mean max min amax amin prod var std ptp logsumexp".split():
    for _kwargs in ({}, {"axis": 1}, {"axis": (0, -1), "keepdims": True}, {"axis": [0]}):
        if _op == "ptp" and _kwargs.get("axis") == [0]:
            continue
        if _op == "logsumexp":
            row(_op, F(2, 3, 4), **_kwargs, _reference=_with_tuples(special.logsumexp))
        else:
            row(_op, F(2, 3, 4), **_kwargs, _reference=_with_tuples(getattr(np, _op)))
row("max", F(0, 3), axis=0, initial=2.0, _gradient=False, _dtypes=False)
row("min", F(4, 3), axis=0, initial=-1.0, _gradient=False, _dtypes=False)
row(
    "prod", F(4, 3), axis=0, dtype="float16", _rtol=1e-2, _atol=1e-2, _dtypes=False, _gradient=False
)
row(
    "logsumexp",
    np.float32([-np.inf, -np.inf]),
    _gradient=False,
    _dtypes=False,
    _reference=lambda x: np.float32(-np.inf),
)
for _op in "all any count_nonzero".split():
    row(_op, B(3, 4), _gradient=False)
    row(_op, B(3, 4), axis=1, _gradient=False)
    row(_op, F(3, 4), axis=0, _gradient=False)
for _op in "argmax argmin".split():
    row(_op, D(3, 4), _gradient=False)
    row(_op, D(3, 4), axis=0, _gradient=False)
    row(_op, D(3, 4), axis=-1, keepdims=True, _gradient=False)
for _op in "cumsum cumprod".split():
    row(_op, F(3, 4))
    row(_op, F(3, 4), axis=-1)
    row(_op, N(3, 4), axis=0, dtype="float32", _gradient=False)

# -------------------------------------------------------------------------------- shaping

row("reshape", F(3, 4), (2, -1))
row("reshape", F(3, 4), 12)
row("ravel", F(3, 4))
row("transpose", F(2, 3, 4))
row("transpose", F(2, 3, 4), (1, 2, 0))
row("transpose", F(2, 3, 4), axes=(-1, 0, 1))
row("swapaxes", F(2, 3, 4), 0, -1)
row("moveaxis", F(2, 3, 4), 0, -1)
row("moveaxis", F(2, 3, 4), (0, 1), (-1, 0))
row("expand_dims", F(3, 4), 1)
row("expand_dims", F(3, 4), (0, -1))
row("squeeze", F(1, 3, 1), _unknown=False)
row("squeeze", F(1, 3, 1), 0)
row("squeeze", F(1, 3, 1), axis=(0, 2))
row("broadcast_to", F(3, 1), (2, 3, 4), _unknown=False)
row("flip", F(3, 4))
row("flip", F(3, 4), 1)
row("flip", F(2, 3, 4), axis=(0, 2))
row("fliplr", F(3, 4), _reference=np.fliplr)
row("flipud", F(3, 4), _reference=np.flipud)
row("roll", F(3, 4), 1)
row("roll", F(3, 4), -2, axis=1)
row("roll", F(3, 4), (1, 2), (0, 1))
row("pad", F(3, 4), 1)
row("pad", F(3, 4), ((1, 2), (0, 1)), constant_values=2)
for _mode in "reflect symmetric".split():
    row("pad", F(3, 4), ((2, 1), (0, 3)), mode=_mode, _unknown=False)
for _mode in "edge wrap".split():
    row(
        "pad",
        F(3, 4),
        ((2, 1), (0, 3)),
        mode=_mode,
        _unknown=False,
        _reference=lambda x, w, mode: np.pad(x, w, mode),
    )
row("pad", F(2), ((5, 7),), mode="reflect", _reference=lambda x, w, mode: np.pad(x, w, mode))
row("tile", F(3, 4), 2)
row("tile", F(3, 4), (2, 1, 3))
row("tile", F(3, 4), (2,))
row("repeat", F(3, 4), 2)
row("repeat", F(3, 4), 2, axis=-1)
row("repeat", F(3, 2), [1, 0, 2], axis=0, _reference=np.repeat)
for _k in (0, 1, 2, 3, -1):
    row("rot90", F(3, 4), _k)
row("rot90", F(2, 3, 4), 1, axes=(1, 2))
for _offset in (0, 1, -1, 3):
    row("diagonal", F(3, 4), _offset)
    row("trace", F(4, 3), _offset, _reference=np.trace)
row("diagonal", F(2, 3, 4), axis1=0, axis2=2)
row("diagonal", F(2, 3, 4), 1, 1, 2)

# -------------------------------------------------------------------------------- joining

row("concatenate", [F(2, 3), F(4, 3)])
row("concatenate", [F(2, 3), F(2, 1)], axis=-1)
row("stack", [F(2, 3), F(2, 3)])
row("stack", [F(2, 3), F(2, 3)], axis=-1)
row("vstack", [F(3), F(3)])
row("vstack", [F(2, 3), F(1, 3)])
row("hstack", [F(3), F(2)])
row("hstack", [F(2, 3), F(2, 1)])
row("dstack", [F(3), F(3)], _reference=np.dstack)
row("dstack", [F(2, 3), F(2, 3)], _reference=np.dstack)
row("append", F(2, 3), F(4))
row("append", F(2, 3), F(1, 3), axis=0)
row("split", F(6, 4), 3)
row("split", F(6, 4), [1, 3], axis=1)
row("array_split", F(7, 4), 3)
row("vsplit", F(6, 4), 3, _reference=np.vsplit)
row("hsplit", F(6, 4), 2, _reference=np.hsplit)
row("hsplit", F(6), [2, 4], _reference=np.hsplit)
row("dsplit", F(2, 3, 4), 2, _reference=np.dsplit)
row("unstack", F(3, 4), axis=1, _unknown=False)
row("unstack", F(3, 4), 3)

# ------------------------------------------------------------------- indexing and ordering

row("get_item", F(3, 4), 1, _reference=lambda x, k: x[k])
row("get_item", F(3, 4), (slice(None, 2), None, slice(1, None, 2)), _reference=lambda x, k: x[k])
row("get_item", F(3, 4), (Ellipsis, -1), _reference=lambda x, k: x[k])
row("take", F(3, 4), N(2, 2, low=-3, high=3), axis=0, _reference=np.take)
row("take", F(3, 4), N(5, low=0, high=12), _reference=np.take)
row("take", F(3, 4), 1, axis=-1, _reference=np.take)
row("take_along_axis", F(3, 4), N(3, 2, low=0, high=4), axis=1, _reference=np.take_along_axis)
row("take_along_axis", F(3, 4), N(5, low=0, high=12), _reference=lambda x, i: x.ravel()[i])
row("scatter", N(4, 1, low=0, high=5), F(4, 2), (5, 2))
row("scatter", N(4, 2, low=0, high=3), F(4), (3, 3))
for _reduction in (None, "add", "max", "min", "mul"):
    row(
        "scatter_update",
        F(5, 2),
        np.int32([[0], [3], [2]]),
        F(3, 2),
        _gradient=_reduction in (None, "add"),
        reduction=_reduction,
    )
row("scatter_update", F(5), np.int32([[0], [3], [0]]), F(3), reduction="max", _gradient=False)
row("slice", F(3, 4), (1, 0), (2, 3), _unknown=False)
row("slice", F(3, 4), np.int32([1, 1]), (2, 2), _unknown=False)
row("slice_update", F(3, 4), (1, 0), F(2, 3), _unknown=False)
row("nonzero", N(3, 4, low=0, high=2), _gradient=False, _jit=False, _unknown=False)
row("sort", D(3, 4))
row("sort", D(3, 4), axis=0)
row("argsort", D(3, 4), _gradient=False)
row("argsort", D(3, 4), axis=None, _gradient=False)
row("argsort", N(9, low=0, high=3), _gradient=False)
row("top_k", D(3, 4), 2, _gradient=False)
row("top_k", N(3, 9, low=0, high=4), 5, _gradient=False)
row("in_top_k", N(5, low=0, high=4), D(5, 4), 2, _gradient=False)
row("searchsorted", np.float32([0, 1, 2, 3]), N(3, 4), _gradient=False, _dtypes=False)
row("searchsorted", np.float32([0, 1, 2, 3]), N(3, 4), side="right", _gradient=False, _dtypes=False)
row("digitize", F(3, 4), np.float32([-1, 0, 1]), _gradient=False)
row("argpartition", D(7), 3, _gradient=False, _reference=lambda x, k: np.argsort(x))

# ------------------------------------------------------------------------------- creation

row("zeros", (2, 3), _gradient=False)
row("ones", 3, dtype="int32", _gradient=False)
row("empty", (2, 3), _gradient=False, _reference=lambda s: np.zeros(s))
row("full", (2, 3), 1.5, _gradient=False)
row("full", (2, 3), F(3), _unknown=False, _gradient=False, _dtypes=False)
row("zeros_like", F(2, 3), _gradient=False)
row("ones_like", F(2, 3), dtype="int32", _gradient=False)
row("empty_like", F(2, 3), _gradient=False, _reference=lambda x: np.zeros_like(x))
row("full_like", F(2, 3), 2, _gradient=False)
row("arange", 5, _gradient=False)
row("arange", 1, 7, 2, _gradient=False)
row("arange", 0.0, 1.0, 0.3, _gradient=False)
row("arange", 5, 0, -1, dtype="float32", _gradient=False)
row("linspace", 0.0, 1.0, 5, _gradient=False)
row("linspace", F(3), F(3), 4, axis=-1)
row("linspace", F(3), F(3), 4, endpoint=False, retstep=True, _unknown=False)
row("linspace", 0, 10, 5, dtype="int32", _gradient=False)
row("logspace", 0.0, 2.0, 4, _gradient=False, _rtol=1e-4)
row("geomspace", P(3), P(3), 4, _reference=np.geomspace, _rtol=1e-4)
row("eye", 3, _gradient=False)
row("eye", 3, 4, k=1, dtype="int32", _gradient=False)
row("identity", 3, _gradient=False)
row("tri", 3, 4, k=-1, _gradient=False)
for _k in (0, 1, -1):
    row("tril", F(2, 3, 4), _k)
    row("triu", F(2, 3, 4), _k)
row("diag", F(3), 1)
row("diag", F(3), -1)
row("diag", F(3, 4), 1)
row("diagflat", F(2, 2), 1, _reference=np.diagflat)
row("meshgrid", F(3), F(4))
row("meshgrid", F(3), F(4), F(2), indexing="ij")
row("vander", F(3), _reference=np.vander, _unknown=False)
row("vander", F(3), 2, increasing=True, _reference=np.vander)

# ------------------------------------------------------------------------------- products

row("matmul", F(3, 4), F(4, 5))
row("matmul", F(2, 1, 3, 4), F(5, 4, 2))
row("matmul", F(4), F(2, 4, 3))
row("matmul", F(2, 3, 4), F(4))
row("matmul", F(4), F(4))
row("einsum", "ij,jk->ik", F(3, 4), F(4, 5))
row("einsum", "...ij,jk", F(2, 3, 4), F(4, 5))
row("einsum", "bij,bjk->bk", F(2, 3, 4), F(2, 4, 5))
row("einsum", "ii->i", F(3, 3))
row("dot", F(4), F(4))
row("dot", F(3, 4), F(4, 5))
row("dot", F(2, 3, 4), F(2, 4, 5))
row("dot", F(3, 4), F(4))
row("dot", F(3, 4), 2.0)
row("tensordot", F(2, 3, 4), F(3, 4, 5))
row("tensordot", F(2, 3, 4), F(4, 2), axes=([0, 2], [1, 0]))
row("tensordot", F(2, 3), F(4), axes=0)
row("inner", F(3, 4), F(5, 4))
row("outer", F(3), F(4))
row("outer", F(2, 3), F(4))
row("vdot", F(2, 3), F(2, 3))
row("vdot", C(3), C(3), _gradient=False, _reference=np.vdot)
row("kron", F(2, 3), F(2, 2), _reference=np.kron)
row("kron", F(3), F(2, 2), _reference=np.kron)
row("cross", F(4, 3), F(3), _unknown="first")
row("cross", F(4, 2), F(4, 2), _reference=lambda a, b: a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
row("cross", F(3, 4), F(3, 4), axis=0, _unknown=False)

# ----------------------------------------------------------------------------------- core

row("cast", F(3), "int32", _gradient=False, _dtypes=False)
row("cast", N(3), "float16", _gradient=False)
row("saturate_cast", U(20, low=-400, high=400), "uint8", _gradient=False, _dtypes=False)
row("stop_gradient", F(3), _gradient=False)
row("copy", F(3), _reference=np.copy)

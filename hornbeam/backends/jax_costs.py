"""How much a traced function computes; XLA's own estimate takes half a second for 900 layers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any


def flops(jaxpr: Any) -> float:
    """Floating-point operations of one call; of loops whose length is not known, those of one round.

    Args:
        jaxpr: as in ``jax.jit(fn).trace(*args).jaxpr``.
    """
    return float(sum(_of(equation) for equation in jaxpr.eqns))


def _of(equation: Any) -> float:
    inner = [flops(jaxpr) for value in equation.params.values() for jaxpr in _within(value)]
    if inner:
        return float(sum(inner) * (equation.params.get("length") or 1))
    made = sum(math.prod(out.aval.shape) for out in equation.outvars if hasattr(out.aval, "shape"))
    shapes = [getattr(x.aval, "shape", ()) for x in equation.invars]
    if equation.primitive.name == "dot_general":
        (contracted, _), _ = equation.params["dimension_numbers"]
        return float(2 * made * math.prod(shapes[0][i] for i in contracted))
    if equation.primitive.name == "conv_general_dilated":
        kernel = equation.params["dimension_numbers"].rhs_spec
        return float(2 * made * math.prod(shapes[1]) / max(shapes[1][kernel[0]], 1))
    return float(made)


def _within(value: Any) -> Iterator[Any]:
    """The jaxprs among an equation's parameters: bodies of calls, loops and branches."""
    for one in value if isinstance(value, (list, tuple)) else (value,):
        jaxpr = getattr(one, "jaxpr", one)
        if hasattr(jaxpr, "eqns"):
            yield jaxpr

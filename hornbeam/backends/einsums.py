"""Which einsums are something simpler."""

from __future__ import annotations

import functools


@functools.cache
def shared_axes(subscripts: str) -> int:
    """Over how many axes an einsum multiplies rows with a kernel, 0 if it does something else.

    >>> shared_axes("abc,cde->abde"), shared_axes("abcd,cde->abe"), shared_axes("ab,cb->ac")
    (1, 2, 0)
    """
    inputs, _, output = subscripts.replace(" ", "").partition("->")
    x, _, kernel = inputs.partition(",")
    if not (x + kernel).isalpha() or len({*x}) < len(x) or len({*kernel}) < len(kernel):
        return 0
    shared = len({*x} & {*kernel})
    fits = x.endswith(kernel[:shared]) and output == x[: len(x) - shared] + kernel[shared:]
    return shared if fits and len(x) > shared < len(kernel) else 0

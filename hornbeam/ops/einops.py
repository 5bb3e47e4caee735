"""Axes rearranged by a pattern of names (Rogozhnikov, 2022)."""

from __future__ import annotations

import re
from typing import Any

from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op
from hornbeam.ops.room import product_of

Groups = list[list[str]]


@op("tensor", dtype=rules.same)
def rearrange(b: Backend, /, tensor: ArrayLike, pattern: str, **axes_lengths: int) -> Array:
    """Axes split, reordered and joined as a pattern says.

    Args:
        tensor: array of any shape.
        pattern: names of the axes before and after "->"; names in parentheses are one axis that is
            split or joined, "..." stands for any number of axes, 1 for an axis of size 1.
        **axes_lengths: sizes of named axes, where a split leaves them open.

    Returns:
        Array of the new shape.

    Raises:
        InputError: if the pattern does not fit the shape or itself.

    Example:

    >>> from hornbeam import ops
    >>> ops.rearrange(ops.ones((2, 6, 5)), "b (h w) c -> b c h w", h=2).shape
    (2, 5, 2, 3)
    """
    left, right = _sides(pattern)
    left, right = _without_dots(left, right, tensor.ndim, pattern)
    sizes = _sizes(left, b.shape(tensor), axes_lengths, pattern)
    apart = [name for group in left for name in group]
    order = [name for group in right for name in group]
    if sorted(apart) != sorted(order) or len(set(apart)) != len(apart):
        raise InputError(f"Pattern {pattern!r} must name each axis once on both sides.")
    x = b.reshape(tensor, [sizes[name] for name in apart])
    x = b.transpose(x, tuple(apart.index(name) for name in order))
    return b.reshape(x, [product_of([sizes[name] for name in group]) for group in right])


def _sides(pattern: str) -> tuple[Groups, Groups]:
    parts = pattern.split("->")
    if len(parts) != 2:
        raise InputError(f"Pattern {pattern!r} must have one '->' between its two sides.")
    return _groups(parts[0], pattern), _groups(parts[1], pattern)


def _groups(side: str, pattern: str) -> Groups:
    tokens = re.findall(r"\(|\)|\.\.\.|\w+|\S", side.replace("…", "..."))
    groups: Groups = []
    inside: list[str] | None = None
    for token in tokens:
        if token == "(" and inside is None:
            inside = []
        elif token == ")" and inside is not None:
            groups.append(inside)
            inside = None
        elif token == "1":
            if inside is None:
                groups.append([])
        elif token == "..." or token.isidentifier():
            (groups.append([token]) if inside is None else inside.append(token))
        else:
            raise InputError(f"Pattern {pattern!r} has {token!r} where an axis was expected.")
    if inside is not None:
        raise InputError(f"Pattern {pattern!r} has an open parenthesis.")
    return groups


def _without_dots(left: Groups, right: Groups, ndim: int, pattern: str) -> tuple[Groups, Groups]:
    """Both sides with names for the axes that "..." stands for."""
    if not any("..." in group for group in left):
        return left, right
    count = ndim - (len(left) - 1)
    if count < 0 or ["..."] not in left:
        raise InputError(f"Pattern {pattern!r} does not fit an array of {ndim} dimensions.")
    names = [f"...{i}" for i in range(count)]

    def expand(groups: Groups) -> Groups:
        result: Groups = []
        for group in groups:
            if group == ["..."]:
                result.extend([name] for name in names)
            else:
                result.append([n for g in group for n in (names if g == "..." else [g])])
        return result

    return expand(left), expand(right)


def _sizes(
    left: Groups, shape: tuple[Any, ...], lengths: dict[str, int], pattern: str
) -> dict[str, Any]:
    """The size of each named axis."""
    if len(left) != len(shape):
        raise InputError(f"Pattern {pattern!r} has {len(left)} axes, the array {len(shape)}.")
    sizes: dict[str, Any] = {}
    for group, whole in zip(left, shape, strict=True):
        open_names = [name for name in group if name not in lengths]
        known = product_of([lengths[name] for name in group if name in lengths])
        if len(open_names) > 1:
            raise InputError(
                f"Pattern {pattern!r}: give the size of one of {', '.join(open_names)}, for instance "
                f"{open_names[0]}=2."
            )
        wrong = whole % known if open_names else whole - known
        if isinstance(wrong, int) and wrong:
            raise InputError(
                f"Pattern {pattern!r}: an axis of size {whole} is not {known} times ...."
            )
        sizes |= {name: lengths[name] for name in group if name in lengths}
        if open_names:
            sizes[open_names[0]] = whole // known
    return sizes


__all__ = ["rearrange"]

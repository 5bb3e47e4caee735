"""Ops on sizes that an engine knows only when the program runs."""

from __future__ import annotations

import pytest

from hornbeam.backends.dims import TracedDim
from hornbeam.errors import InputError
from hornbeam.ops.joining import _ends


def test_equal_parts_are_cut_at_sizes_that_come_later() -> None:
    first, second = _ends(TracedDim(6), 2, even=True)
    assert (first.scalar, second.scalar) == (3, 6)


def test_unequal_parts_need_a_size_that_is_known() -> None:
    with pytest.raises(InputError, match="needs to know the size of a dimension"):
        _ends(TracedDim(7), 3, even=False)

"""Programs of recorded calls: what is written out is what was called."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import pytest

from hornbeam.backends.recording import Call, Program, Unrecordable


class Array:
    """An array that can be watched as it is forgotten."""

    def __init__(self, value: Any) -> None:
        self.value = np.asarray(value, "float64")


def add(a: Array, b: Array) -> Array:
    return Array(a.value + b.value)


def total(arrays: list[Array], scale: float = 1.0) -> Array:
    return Array(scale * sum(a.value for a in arrays))


def parts(a: Array) -> tuple[Array, None, Array]:
    return Array(a.value[:1]), None, Array(a.value[1:])


def noted(kernel: Any, *args: Any, writes: bool = False, **kwargs: Any) -> Call:
    """A call that is made and noted down, as an engine does it."""
    out = kernel(*args, **kwargs)
    flat = [x for arg in args for x in (arg if isinstance(arg, list) else [arg])]
    made = [x for x in (out if isinstance(out, tuple) else [out]) if isinstance(x, Array)]
    return Call(kernel, args, kwargs, out, [x for x in flat if isinstance(x, Array)], made, writes)


def test_calls_with_lists_keywords_several_results_and_constants() -> None:
    x, y, constant = Array([1, 2]), Array([3, 4]), Array([10, 20])
    first = noted(add, x, y)
    second = noted(total, [first.out, x, constant], scale=2.0)
    third = noted(parts, second.out)
    program = Program([first, second, third], [x, y], [third.out[2], third.out[0], x], {})
    for _ in range(2):
        a, b = Array([5, 6]), Array([7, 8])
        tail, head, same = program([a, b])
        assert tail.value.tolist() == [2 * (14 + 6 + 20)]
        assert head.value.tolist() == [2 * (12 + 5 + 10)]
        assert same is a


def test_what_stands_for_another_is_computed_once() -> None:
    x = Array([1.0])
    doubled = noted(add, x, x)
    detached = Array(doubled.out.value)
    last = noted(add, detached, x)
    program = Program([doubled, last], [x], [last.out], {id(detached): doubled.out})
    assert program([Array([5.0])])[0].value.tolist() == [15.0]


def test_a_constant_that_is_written_into_is_there_again_at_the_next_call() -> None:
    x, constant = Array([1.0]), Array([10.0])
    written = Call(add, (constant, x), {}, constant, [constant, x], [constant], True)
    program = Program([written], [x], [constant], {})
    assert [program([Array([v])])[0].value.tolist() for v in (1.0, 2.0)] == [[11.0], [12.0]]
    assert constant.value.tolist() == [10.0]


def test_arrays_are_forgotten_after_their_last_use() -> None:
    alive: list[int] = []
    made: list[weakref.ref[Array]] = []

    def watched(a: Array) -> Array:
        alive.append(sum(ref() is not None for ref in made))
        out = Array(a.value + 1)
        made.append(weakref.ref(out))
        return out

    x = Array([0.0])
    calls = [noted(watched, x)]
    for _ in range(3):
        calls.append(noted(watched, calls[-1].out))
    program = Program(calls, [x], [calls[-1].out], {})
    alive.clear()
    made.clear()
    assert program([Array([0.0])])[0].value.tolist() == [4.0]
    assert alive == [0, 1, 1, 1]


def test_an_argument_given_twice_and_no_inputs() -> None:
    constant = Array([3.0])
    call = noted(add, constant, constant)
    assert Program([call], [], [call.out], {})([])[0].value.tolist() == [6.0]


def test_calls_that_are_not_flat_enough() -> None:
    x, y = Array([1.0]), Array([2.0])
    by_keyword = Call(total, ([x],), {"scale": y}, Array([2.0]), [x, y], [], False)
    nested = Call(total, (), {}, [[x]], [], [x], False)
    for call, why in (
        (by_keyword, "takes an array by keyword"),
        (nested, "returns lists of lists"),
    ):
        with pytest.raises(Unrecordable, match=why):
            Program([call], [], [], {})

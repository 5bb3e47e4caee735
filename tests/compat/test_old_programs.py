"""Programs in old dialects give what their modern spelling gives, on every engine."""

from __future__ import annotations

import warnings
from collections import Counter

import numpy as np
import pytest

import hornbeam
from hornbeam.compat import keras as stand_in
from tests.compat.rows_old_programs import PRELUDE, PROGRAMS
from tests.engines import ENGINES, TRAINABLE

CASES = [
    pytest.param(program, engine, id=f"{program.name}-{engine}")
    for program in PROGRAMS
    for engine in (TRAINABLE if program.trains else ENGINES)
]


def run(source: str) -> object:
    names: dict[str, object] = {}
    hornbeam.backend.clear_session(free_memory=False)
    hornbeam.utils.set_random_seed(3)
    exec(PRELUDE + source, names)
    return names["result"]


def same(a: object, b: object) -> None:
    if isinstance(a, (list, tuple)) and not all(isinstance(x, (int, float, type(None))) for x in a):
        assert len(a) == len(b)  # type: ignore[arg-type]
        for x, y in zip(a, b, strict=True):  # type: ignore[call-overload]
            same(x, y)
    elif isinstance(a, (str, bool)) or (isinstance(a, tuple) and None in a):
        assert a == b
    else:
        left, right = (np.asarray(hornbeam.ops.convert_to_numpy(v)) for v in (a, b))
        assert left.shape == right.shape
        np.testing.assert_allclose(left, right, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(("program", "engine"), CASES)
def test_an_old_program_does_what_the_modern_one_does(program, engine):
    with hornbeam.use_backend(engine):
        with warnings.catch_warnings(), stand_in.installed():
            warnings.simplefilter("ignore", DeprecationWarning)
            old = run(program.old)
        same(old, run(program.new))


def test_the_count(capsys):
    dialects = Counter(program.dialect for program in PROGRAMS)
    with capsys.disabled():
        shown = ", ".join(f"{n} of Keras {dialect}" for dialect, n in sorted(dialects.items()))
        print(f"\n{len(PROGRAMS)} old programs ({shown}) on {len(ENGINES)} engines")  # noqa: T201
    assert len(PROGRAMS) >= 40
    assert set(dialects) == {"0.3", "1", "2"}
    assert len({program.name for program in PROGRAMS}) == len(PROGRAMS)

"""The benchmarks run, and their arithmetic is right.  Nobody looks at the clock here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import hornbeam
from benchmarks import dispatch
from benchmarks.by_hand import BY_HAND
from benchmarks.programs import PROGRAMS
from benchmarks.timing import TINY, Result, alternate, human, save, table


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_runs(name: str) -> None:
    _theme, builder, target = PROGRAMS[name]
    program, units = builder(hornbeam, TINY)
    program()
    assert units >= 1
    assert 0 < target <= 1


@pytest.mark.parametrize("name", BY_HAND)
def test_every_program_by_hand_runs(name: str) -> None:
    builders = {builder.__name__: builder for _, builder, _ in PROGRAMS.values()}
    program, units = BY_HAND[name](TINY)
    program()
    with hornbeam.use_backend("torch"):
        ours, our_units = builders[name](hornbeam, TINY)
        ours()
    assert units == our_units


@pytest.mark.parametrize("name", dispatch.cases())
def test_dispatch_compares_equal_things(name: str) -> None:
    ours, native = dispatch.cases()[name]
    to_numpy = hornbeam.ops.convert_to_numpy
    assert to_numpy(ours()).tolist() == to_numpy(native()).tolist()


def test_programs_take_turns() -> None:
    turns: list[str] = []
    a, b = alternate(lambda: turns.append("a"), lambda: turns.append("b"), repeats=2)
    assert "".join(turns) == "abababab"
    assert min(a, b) >= 0


def test_results_are_judged_and_written(tmp_path: Path) -> None:
    good = Result("training", "case", 1e-3, "peer", 2e-3, target=0.6)
    bad = Result("dispatch", "op", 5e-6, "peer", 1e-6, target=2e-6, kind="overhead")
    assert (good.value, good.met) == (0.5, True)
    assert (human(bad.value), bad.met) == ("4 us", False)
    text = table([good, bad])
    assert "| 0.50 | 0.6 | ok |" in text
    assert "| +4 us | +2 us | MISSED |" in text
    save([good, bad], tmp_path / "deep" / "results.json")
    written = json.loads((tmp_path / "deep" / "results.json").read_text("utf-8"))
    assert [row["met"] for row in written["results"]] == [True, False]
    assert written["machine"]["cores"] >= 1

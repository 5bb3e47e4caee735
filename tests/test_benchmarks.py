"""The benchmarks run, and their arithmetic is right.  Nobody looks at the clock here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import hornbeam
from benchmarks import by_hand_jax, dispatch, gpu, programs
from benchmarks.by_hand import BY_HAND
from benchmarks.programs import PROGRAMS
from benchmarks.timing import TINY, Result, alternate, human, save, table
from tests.engines import ENGINES


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


@pytest.mark.parametrize("name", by_hand_jax.BY_HAND)
def test_every_program_by_hand_does_as_much(name: str) -> None:
    program, units = by_hand_jax.BY_HAND[name](TINY)
    program()
    _, expected = getattr(programs, name)(hornbeam, TINY)
    assert units == expected


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


@pytest.mark.parametrize("name", gpu.CASES)
def test_models_for_gpus_train_at_toy_size(name: str) -> None:
    case = gpu.CASES[name]
    run = gpu.ours_or_keras(hornbeam, case, case.tiny, steps=1)
    assert np.isfinite(run().history["loss"]).all()
    if "torch" in ENGINES:
        assert np.isfinite(gpu.by_hand(case, case.tiny, 1, "cpu")())


def test_sizes_on_gpus_are_those_of_the_papers() -> None:
    assert gpu.resnet_flops(gpu.CASES["ResNet-50"].full) / 128 == pytest.approx(24.5e9, rel=0.01)
    size = gpu.CASES["GPT-2-small"].full  # 124 million weights, 6 operations each, and attention
    tokens = size.batch * size.length
    assert 6 * 124e6 < gpu.transformer_flops(size) / tokens < 6 * 124e6 * 1.2
    assert (gpu.peak("NVIDIA A100-SXM4-80GB"), gpu.peak("abacus")) == (312e12, None)


def test_without_a_gpu_nothing_is_claimed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "chip", lambda: None)
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert gpu.main([]) == 1
    assert "no GPU" in capsys.readouterr().out

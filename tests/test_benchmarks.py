"""The benchmarks run, and their arithmetic is right.  Nobody looks at the clock here."""

from __future__ import annotations

import importlib
import itertools
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hornbeam
from benchmarks import (
    beside_keras,
    blocks,
    data_path,
    deep,
    dispatch,
    gpu,
    importing,
    memory,
    programs,
)
from benchmarks.processes import Process
from benchmarks.programs import PROGRAMS
from benchmarks.timing import TINY, Result, alternate, human, save, table
from hornbeam.backends import jax as jax_backend
from hornbeam.backends import registry
from tests.engines import ENGINES

ALL_PROGRAMS = {**PROGRAMS, **data_path.PROGRAMS, **blocks.PROGRAMS}


@pytest.mark.parametrize("name", ALL_PROGRAMS)
def test_every_program_runs(name: str) -> None:
    _theme, builder, target = ALL_PROGRAMS[name]
    program, units = builder(hornbeam, TINY)
    program()
    assert units >= 1
    assert 0 < target <= 1


BY_HAND = [
    (engine, name)
    for engine, module in beside_keras.BY_HAND.items()
    if engine in ENGINES
    for name in importlib.import_module(module).BY_HAND
    if engine != "pytensor" or name == "predict_one_row"  # the others compile for minutes
]


@pytest.mark.parametrize(("engine", "name"), BY_HAND)
def test_every_program_by_hand_does_as_much(engine: str, name: str) -> None:
    program, units = importlib.import_module(beside_keras.BY_HAND[engine]).BY_HAND[name](TINY)
    program()
    with hornbeam.use_backend(engine):
        _, expected = getattr(programs, name)(hornbeam, TINY)
    assert units == expected


@pytest.mark.parametrize("name", dispatch.cases())
def test_dispatch_compares_equal_things(name: str) -> None:
    ours, native = dispatch.cases()[name]
    to_numpy = hornbeam.ops.convert_to_numpy
    assert to_numpy(ours()).tolist() == to_numpy(native()).tolist()


def test_both_packages_are_told_the_engine(monkeypatch: Any, tmp_path: Path) -> None:
    from benchmarks import __main__ as command

    seen: list[str] = []
    names = ("HORNBEAM_BACKEND", "KERAS_BACKEND")

    def run(*_: Any) -> list[Result]:
        seen.extend(os.environ[name] for name in names)
        return []

    for name in names:
        monkeypatch.setenv(name, "jax")
    monkeypatch.setattr(memory, "run", run)
    monkeypatch.setattr(beside_keras, "run", run)
    words = ["benchmarks", "memory", "--engine", "torch", "--json", str(tmp_path / "x.json")]
    monkeypatch.setattr(sys, "argv", words)
    command.main()
    assert seen == ["torch"] * 4


@pytest.mark.parametrize("engine", [*beside_keras.BY_HAND])
def test_what_is_imported_is_told_the_engine(engine: str, monkeypatch: Any) -> None:
    seen: list[tuple[str, str]] = []

    def seconds(statement: str, engine: str, cache: str = "0") -> float:
        seen.append((statement, engine))
        return 1.0

    monkeypatch.setattr(importing, "seconds", seconds)
    with_keras = engine not in beside_keras.WITHOUT_KERAS
    results = importing.run(TINY, engine, with_keras)
    assert {told for _, told in seen} == {engine}
    peers = [f"keras on {engine}"] * 2 * with_keras + [engine]
    peers += [f"keras on {engine}"] * (engine in importing.KEEP_COMPILED)
    assert [result.peer for result in results] == peers


@pytest.mark.parametrize("engine", [name for name in importing.FIRST_OF_ENGINES if name in ENGINES])
def test_the_first_arrays_are_made(engine: str) -> None:
    for statement in (importing.FIRST_ARRAY, importing.FIRST_OF_ENGINES[engine]):
        assert importing.seconds(statement, engine) > 0


def test_programs_take_turns() -> None:
    turns: list[str] = []
    a, b = alternate(lambda: turns.append("a"), lambda: turns.append("b"), repeats=2)
    assert "".join(who for who, _ in itertools.groupby(turns)) == "abababab"
    assert turns[-1] == turns[-2], "a short program runs several times in a turn"
    assert min(a, b) >= 0


def test_a_program_runs_in_a_process_of_its_own() -> None:
    with Process("hornbeam", "jax") as process:
        with pytest.raises(RuntimeError, match="nothing has been built"):
            process.run()
        assert process.build("tiny_fit", TINY) == 16
        assert process.run() > 0
        with pytest.raises(RuntimeError, match="runs hornbeam: (.|\n)*KeyError: 'no_such_case'"):
            process.build("no_such_case", TINY)
        assert process.build("predict_one_row", TINY) == TINY.steps, "it goes on after a mistake"


def test_a_peer_is_named_where_there_is_one() -> None:
    assert beside_keras._peers("tiny_fit", "jax") == ["keras on jax", "by hand"]
    assert beside_keras._peers("predict_one_row", "pytensor") == ["by hand"]
    assert beside_keras.run(TINY, "data", "pytensor") == [], "nobody to compare with"
    assert beside_keras._source("by hand", "torch") == ("benchmarks.by_hand_torch", "torch")
    assert beside_keras._source("keras on jax", "jax") == ("keras", "jax")


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


def test_a_deep_model_goes_through_everything() -> None:
    times = deep.seconds(hornbeam, 2)
    assert [*times] == ["build", "summary", "to_json", "clone", "save", "load", "first fit"]
    assert min(times.values()) > 0


def test_memory_is_that_of_a_program_that_ran() -> None:
    assert memory.megabytes("hornbeam", memory.CASES[0], TINY) > 50
    assert {*memory.CASES} <= {*ALL_PROGRAMS}
    result = Result("memory", "case", 120.0, "peer", 100.0, target=1.1, kind="memory")
    assert "| 120 MB | peer | 100 MB | 1.20 | 1.1 | MISSED |" in table([result])


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


# ------------------------------------------------------- what stands for time, and is the same each time


class Counted:
    """A JAX backend that counts what `compile` makes, how often it is called, and what is read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        backend = type(registry.get("jax"))
        self.made: list[Any] = []
        self.calls = self.reads = 0
        compile_, to_numpy = backend.compile, backend.to_numpy

        def compile_counted(b: Any, fn: Any, *args: Any, **kwargs: Any) -> Any:
            compiled = compile_(b, fn, *args, **kwargs)
            self.made.append(compiled)
            return compiled

        def read_counted(b: Any, x: Any) -> Any:
            self.reads += 1
            return to_numpy(b, x)

        call = jax_backend._Compiled.__call__

        def called(compiled: Any, *args: Any) -> Any:
            self.calls += 1
            return call(compiled, *args)

        monkeypatch.setattr(backend, "compile", compile_counted)
        monkeypatch.setattr(backend, "to_numpy", read_counted)
        monkeypatch.setattr(jax_backend._Compiled, "__call__", called)

    @property
    def compilations(self) -> int:
        return sum(compiled.compilations() for compiled in self.made)


def _small_model() -> tuple[Any, Any, Any]:
    model = hornbeam.Sequential(
        [hornbeam.Input((4,)), hornbeam.layers.Dense(3, activation="softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    rng = np.random.default_rng(0)
    return model, rng.random((100, 4), dtype="float32"), rng.integers(0, 3, 100).astype("int32")


def test_fit_in_memory_compiles_once_and_is_called_a_few_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted = Counted(monkeypatch)
    model, x, y = _small_model()
    model.fit(x, y, batch_size=10, epochs=1, verbose=0)
    assert counted.compilations == 1, "one loop over all steps"
    before = counted.calls, counted.reads
    model.fit(x, y, batch_size=10, epochs=3, verbose=0)
    assert counted.compilations == 1
    assert counted.calls - before[0] <= 3 * 3, "10 steps an epoch, in at most 3 pieces"
    assert counted.reads - before[1] <= 3 * 2, "loss and accuracy, once an epoch"


def test_steps_read_nothing_back_until_the_epoch_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x, y = _small_model()
    batches = [(x[i : i + 10], y[i : i + 10]) for i in range(0, 100, 10)]
    model.fit(iter(batches), verbose=0)
    counted = Counted(monkeypatch)
    model.fit(iter(batches), verbose=0)
    assert (counted.compilations, counted.calls, counted.reads) == (0, 10, 2)


def test_predict_on_a_row_is_one_call_and_one_read(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x, _ = _small_model()
    model.predict(x[:1], verbose=0)
    counted = Counted(monkeypatch)
    for _ in range(5):
        model.predict(x[:1], verbose=0)
    assert (counted.compilations, counted.calls, counted.reads) == (0, 5, 5)


def test_a_gradient_of_pooling_has_no_scatter_and_convolutions_no_padding() -> None:
    jax = pytest.importorskip("jax")
    b = registry.get("jax")
    x, kernel = np.ones((2, 8, 8, 3), "float32"), np.ones((3, 3, 3, 4), "float32")

    def loss(kernel: Any) -> Any:
        return b.max_pool(b.conv(b.asarray(x), kernel), 2).sum()

    compiled = b.compile(jax.grad(loss))
    text = compiled._jitted.lower(kernel).as_text()
    assert "select_and_scatter" not in text
    if jax.default_backend() == "cpu":
        assert "[[0, 0], [0, 1]]" not in text, "the column that is for the user's own compilations"

"""A run that was interrupted and goes on ends as if it had not been, bit for bit."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import hornbeam
from hornbeam import callbacks
from hornbeam.errors import CorruptFileError, InputError
from hornbeam.training import resume, snapshots
from tests.engines import TRAINABLE
from tests.training import resumed

ROOT = Path(__file__).resolve().parents[2]
TOTAL = resumed.EPOCHS * resumed.STEPS
EVERY_STEP = bool(os.environ.get("HORNBEAM_TEST_EVERY_STEP"))
"""Set by ``make test-resume``: all steps and all engines in processes that are really killed."""


class Crash(Exception):
    pass


def crash_at(monkeypatch, place, step):
    """Let the run fail when so many steps are made: before or after the checkpoint of that step."""
    save = resume.Run.after_step

    def after_step(self, epoch, done, steps, logs):
        if place == "before" and self.cursor.total + steps >= step:
            raise Crash
        save(self, epoch, done, steps, logs)
        if place == "after" and self.cursor.total >= step:
            raise Crash

    monkeypatch.setattr(resume.Run, "after_step", after_step)


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for a, b in zip(found["variables"], expected["variables"], strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    for key in expected.keys() - {"variables", "stop"}:
        assert found[key] == expected[key], key
    for key, value in expected["stop"].items():
        if key == "best_weights":
            for a, b in zip(found["stop"][key], value, strict=True):
                np.testing.assert_array_equal(a, b)
        else:
            assert found["stop"][key] == value, key


_nets: dict = {}
_whole: dict = {}


def net(engine):
    """One model per engine, so that it is compiled once."""
    if engine not in _nets:
        _nets[engine] = resumed.reusable(engine)
    return _nets[engine]


def whole(engine, source, tmp_path_factory):
    """The same run without interruption, once per engine and source."""
    if (engine, source) not in _whole:
        log = tmp_path_factory.mktemp("whole") / "log.csv"
        _whole[engine, source] = resumed.run(engine, None, log, source=source, net=net(engine))
    return _whole[engine, source]


@pytest.mark.parametrize("engine", TRAINABLE)
def test_going_on_from_every_step(engine, tmp_path, tmp_path_factory):
    expected = whole(engine, "arrays", tmp_path_factory)
    folder, log = tmp_path / "run", tmp_path / "log.csv"
    assert_same(resumed.run(engine, folder, log, 1, net=net(engine), keep=99), expected)
    saved = sorted(folder.iterdir())
    assert len(saved) == TOTAL  # the last of them is that of the end of training
    rows = log.read_text()
    for path in saved if EVERY_STEP or engine == TRAINABLE[0] else saved[1::5]:
        only = tmp_path / path.stem
        only.mkdir()
        (only / path.name).write_bytes(path.read_bytes())
        log.write_text(rows)  # with the rows that came after the checkpoint
        assert_same(resumed.run(engine, only, log, 20, net=net(engine)), expected)


@pytest.mark.parametrize("source", ["arrays", "workers", "generator"])
@pytest.mark.parametrize("engine", TRAINABLE)
def test_crashes_between_checkpoints(engine, source, tmp_path, tmp_path_factory):
    expected = whole(engine, source, tmp_path_factory)
    folder, log = tmp_path / "run", tmp_path / "log.csv"
    for place, step in (("before", 3), ("after", 13), ("before", 23)):
        with pytest.MonkeyPatch.context() as patch:
            crash_at(patch, place, step)
            with pytest.raises(Crash):
                resumed.run(engine, folder, log, 5, source, net(engine))
    assert_same(resumed.run(engine, folder, log, 5, source, net(engine)), expected)
    # what is done stays done
    assert_same(resumed.run(engine, folder, log, 5, source, net(engine)), expected)


# ------------------------------------------------------------------------------ processes, killed


def child(*arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HORNBEAM_BACKEND": "numpy"}
    return subprocess.Popen([sys.executable, *map(str, arguments)], cwd=ROOT, env=environment)


def newest(folder):
    names = sorted(p.name for p in folder.glob("step-*.run"))
    return int(names[-1][5:17]) if names else 0


@pytest.mark.parametrize("engine", TRAINABLE if EVERY_STEP else TRAINABLE[-1:])
def test_a_killed_process_goes_on(engine, tmp_path):
    """SIGKILL as soon as the checkpoint of a step is there, again and again; then let it end."""
    results = []
    for name, steps in (("whole", []), ("killed", range(1, TOTAL) if EVERY_STEP else (8,))):
        folder, log, out = (tmp_path / f"{name}{end}" for end in ("", ".csv", ".run"))
        program = (ROOT / "tests/training/resumed.py", engine, folder, log, out, 1, "arrays")
        for step in steps:
            process = child(*program)
            while newest(folder) < step:
                assert process.poll() is None, "the program ended by itself"
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
            assert not out.exists()
        assert child(*program).wait() == 0
        results.append(snapshots.read(out))
    assert_same(results[1], results[0])


@pytest.mark.parametrize("engine", TRAINABLE if EVERY_STEP else TRAINABLE[:1])
def test_a_process_killed_within_a_save_goes_on(engine, tmp_path):
    """SIGKILL in the middle of a write, or at an fsync or rename: 50 times on every engine at length."""
    rng, wanted, killed, runs = random.Random(11), 50 if EVERY_STEP else 2, 0, 0

    def outcome(name, *moment):
        folder, log, out = (tmp_path / f"{name}{end}" for end in ("", ".csv", ".run"))
        program = ROOT / "tests/training/resumed.py", engine, folder, log, out, 1, "arrays"
        return child(*program, *moment).wait(), out

    code, whole = outcome("whole")
    assert code == 0
    while killed < wanted:  # a run takes some of them, the last process of each ends by itself
        runs, code = runs + 1, None
        while code != 0:
            moment = [rng.randrange(1, 12)] if killed < wanted else []
            code, out = outcome(runs, *moment)
            assert code in (0, -signal.SIGKILL)
            killed += code != 0
        assert_same(snapshots.read(out), snapshots.read(whole))


SAVES = """
import sys
import numpy
from hornbeam.callbacks import RunCheckpoint
keep = RunCheckpoint(sys.argv[1], keep=2)
first = (keep.load() or {"step": 0})["step"]
for step in range(first + 1, 10**9):
    keep.save({"step": step, "array": numpy.full(2**18, step)}, step, best=step % 3 == 0)
"""


def test_a_process_killed_within_a_save_leaves_whole_checkpoints(tmp_path):
    rng = random.Random(3)
    before = 0
    for _ in range(50 if EVERY_STEP else 5):
        process = child("-c", SAVES, tmp_path / "run")
        while newest(tmp_path / "run") <= before:
            assert process.poll() is None, "the program ended by itself"
            time.sleep(0.005)
        time.sleep(rng.random() * 0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
        content = callbacks.RunCheckpoint(tmp_path / "run").load()
        assert content["step"] == newest(tmp_path / "run") > before
        assert (content["array"] == content["step"]).all()
        best = tmp_path / "run" / "best.run"
        if best.exists():
            assert snapshots.read(best)["step"] % 3 == 0
        assert all(path.suffix == ".run" for path in (tmp_path / "run").iterdir())
        before = content["step"]
    # each kill may have come before the oldest was removed: the next save removes all that are too many
    keeper = callbacks.RunCheckpoint(tmp_path / "run", keep=2)
    keeper.save(content, before + 1)
    keeper.wait()  # it is written by a thread
    assert len(list((tmp_path / "run").glob("step-*"))) == 2


# ------------------------------------------------------------------------------- around the edges


def small(**compile_args):
    model = hornbeam.Sequential([hornbeam.Input((5,)), hornbeam.layers.Dense(1)])
    model.compile("sgd", "mse", **compile_args)
    return model


def fit(model, *args, **kwargs):
    return model.fit(resumed.X, resumed.Y, verbose=0, **{"batch_size": 8, **kwargs})


def test_fit_takes_a_directory(tmp_path):
    fit(small(), epochs=2, checkpoint=tmp_path)
    model = small()
    assert fit(model, epochs=3, checkpoint=tmp_path).epoch == [0, 1, 2]  # one more
    assert int(model.optimizer.iterations) == 9
    afresh = small()
    assert fit(afresh, epochs=1, checkpoint=tmp_path, resume=False).epoch == [0]
    assert int(afresh.optimizer.iterations) == 3
    assert [p.name for p in tmp_path.iterdir()] == ["step-000000000003.run"]


def test_the_best_is_kept_and_comes_back(tmp_path):
    keep = callbacks.RunCheckpoint(tmp_path, keep=1, monitor="score", mode="max")
    scores, kernels = iter([1.0, 5.0, 2.0, 3.0]), []

    def score(epoch, logs):
        logs["score"] = next(scores)
        kernels.append(model.get_weights()[0])

    model = small()
    fit(model, epochs=4, callbacks=[callbacks.LambdaCallback(on_epoch_end=score), keep])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["best.run", "step-000000000012.run"]
    keep.restore_best()
    np.testing.assert_array_equal(model.get_weights()[0], kernels[1])
    with pytest.raises(InputError, match="no best checkpoint: pass `monitor=`"):
        callbacks.RunCheckpoint(tmp_path).restore_best()


def test_backup_and_restore_as_in_keras(tmp_path):
    class Fail(callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2 and not model.saw:
                raise Crash

    model = small()
    model.saw = False
    backup = tmp_path / "backup"
    with pytest.raises(Crash):
        fit(model, epochs=4, callbacks=[Fail(), callbacks.BackupAndRestore(backup)])
    assert [p.name for p in backup.iterdir()] == ["step-000000000006.run"]
    model.saw = True
    history = fit(model, epochs=4, callbacks=[Fail(), callbacks.BackupAndRestore(backup)])
    assert history.epoch == [0, 1, 2, 3]
    assert int(model.optimizer.iterations) == 12
    assert not backup.exists()


def test_stopping_within_an_epoch_is_kept(tmp_path):
    class Stop(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    class Fail(callbacks.Callback):
        fails = True

        def on_epoch_end(self, epoch, logs=None):
            if self.fails:
                raise Crash

    keep = [Stop(), Fail(), callbacks.RunCheckpoint(tmp_path, 2)]
    with pytest.raises(Crash):
        fit(small(), epochs=3, callbacks=keep)
    Fail.fails = False
    model = small()
    keep = [Stop(), Fail(), callbacks.RunCheckpoint(tmp_path, 2)]
    assert fit(model, epochs=3, callbacks=keep).epoch == [0]
    assert int(model.optimizer.iterations) == 2


def test_what_goes_wrong_in_writing_comes_up(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file") as caught:
        fit(small(), epochs=2, checkpoint=tmp_path / "file")
    assert "while a checkpoint was written" in caught.value.__notes__[0]


def test_damaged_checkpoints_are_passed_over(tmp_path):
    keep = callbacks.RunCheckpoint(tmp_path, keep=3)
    for step in (1, 2):
        keep.save({"step": step}, step)
    keep.wait()
    last = tmp_path / "step-000000000002.run"
    content = bytearray(last.read_bytes())
    content[-3] ^= 1
    last.write_bytes(content)
    assert keep.load() == {"step": 1}
    (tmp_path / "step-000000000001.run").write_bytes(b"HBSNAP01")
    with pytest.raises(CorruptFileError, match="is damaged"):
        keep.load()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"batch_size": 4}, "its data has batch_size=8, this has batch_size=4"),
        ({"shuffle": False}, "its data has shuffle=True"),
        ({"callbacks": [callbacks.TerminateOnNaN()]}, r"its callbacks are \['RunCheckpoint"),
    ],
)
def test_another_run_is_refused(change, match, tmp_path):
    fit(small(), checkpoint=tmp_path)
    with pytest.raises(InputError, match=f"belongs to another run: {match}.*`resume=False`"):
        fit(small(), checkpoint=tmp_path, **change)


def test_another_model_is_refused(tmp_path):
    fit(small(), checkpoint=tmp_path)
    other = hornbeam.Sequential([hornbeam.Input((5,)), hornbeam.layers.Dense(2)])
    other.compile("sgd", "mse")
    with pytest.raises(InputError, match=r"its variable '.*kernel' is float32\(5, 1\), where"):
        other.fit(resumed.X, np.ones((22, 2)), batch_size=8, verbose=0, checkpoint=tmp_path)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: callbacks.RunCheckpoint("x", "day"), "`save_freq` must be 'epoch' or a positive"),
        (lambda: callbacks.RunCheckpoint("x", keep=0), "`keep` must be a positive int, got 0"),
        (
            lambda: callbacks.BackupAndRestore(""),
            "BackupAndRestore: the directory must have a name",
        ),
        (
            lambda: fit(small(), checkpoint="x", callbacks=[callbacks.BackupAndRestore("y")]),
            r"got 2 checkpoints of the run \(BackupAndRestore and RunCheckpoint\)",
        ),
    ],
)
def test_errors(make, match):
    with pytest.raises(InputError, match=match):
        make()


def test_snapshots_hold_plain_data(tmp_path):
    import ml_dtypes

    value = {
        "a": [1, 2.5, float("inf"), None, True, "text", b"bytes", (1, (2,))],
        3: {"~": 1, (1, 2): np.arange(3)},
        "low": np.ones((2, 0), ml_dtypes.bfloat16),
        "scalar": np.float64(0.1),
    }
    snapshots.write(tmp_path / "x", value)
    found = snapshots.read(tmp_path / "x")
    np.testing.assert_array_equal(found[3].pop((1, 2)), value[3].pop((1, 2)))
    assert found.pop("low").dtype == value.pop("low").dtype
    assert found == value
    assert type(found["scalar"]) is np.float64
    with pytest.raises(TypeError, match="but no builtin_function"):
        snapshots.to_bytes([print])
    (tmp_path / "x").write_text("x" * 99)
    with pytest.raises(CorruptFileError, match="is not a snapshot"):
        snapshots.read(tmp_path / "x")

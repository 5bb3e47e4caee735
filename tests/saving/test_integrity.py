"""Never lose a file, never load a damaged one: flips, truncations, failures and kills."""

import io
import os
import random
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

import hornbeam
from hornbeam import layers
from hornbeam.errors import FileError
from hornbeam.saving import files

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KILLS = int(os.environ.get("HORNBEAM_KILLS", "50"))
MUTATIONS = int(os.environ.get("HORNBEAM_MUTATIONS", "500"))
BITS = int(os.environ.get("HORNBEAM_FLIP_BITS", "1"))


def tiny(value=0.5):
    model = hornbeam.Sequential(
        [hornbeam.Input((1,), name="i"), layers.Dense(1, name="d")], name="m"
    )
    model.set_weights([np.full(v.shape, value, "float32") for v in model.weights])
    return model


def outcome(load, path):
    """What loading gives: "refused", or the weights."""
    try:
        model = load(path)
    except FileError:
        return "refused"
    return [w.tolist() for w in model.get_weights()]


def into_tiny(path):
    model = tiny(0.0)
    report = model.load_weights(path)
    return model if report.complete else None


GOOD = [[[0.5]], [0.5]]
TENSOR_FORMATS = ["t.safetensors", "t.npz", "t.weights.h5"]


def flips(content, step=1):
    """(place, copy of `content` with one bit of that byte flipped), for so many bits of each byte."""
    for place in range(0, len(content), step):
        for number in range(BITS):
            flipped = bytearray(content)
            flipped[place] ^= 1 << (5 * place + number) % 8
            yield place, bytes(flipped)


@pytest.mark.parametrize("name", ["t.safetensors", "t.npz"])
def test_a_flipped_bit_of_each_byte_is_reported_or_harmless(name, tmp_path):
    good = tmp_path / name
    tiny().save_weights(good)
    content = good.read_bytes()
    model = tiny(0.0)
    for place, flipped in flips(content):
        good.write_bytes(flipped)
        try:
            model.load_weights(good)
        except FileError:
            assert not any(w.any() for w in model.get_weights())
            continue
        assert [w.tolist() for w in model.get_weights()] == GOOD, place
        model = tiny(0.0)


def test_a_flipped_bit_of_each_byte_of_an_archive(tmp_path):
    """Whole models: every byte in every run, every bit of it in `make fuzz`."""
    tiny().save(tmp_path / "m.keras")
    content = (tmp_path / "m.keras").read_bytes()
    wrong = []
    with hornbeam.use_backend("numpy"):
        for place, flipped in flips(content):
            got = outcome(lambda file: files.read_archive(file, "it"), io.BytesIO(flipped))
            if got not in ("refused", GOOD):
                wrong.append((place, got))
    assert wrong == []


@pytest.mark.parametrize("name", ["m.keras", *TENSOR_FORMATS])
def test_truncations_are_reported(name, tmp_path):
    path = tmp_path / name
    model = tiny()
    if name == "m.keras":
        model.save(path)
    else:
        model.save_weights(path)
    load = hornbeam.saving.load_model if name == "m.keras" else into_tiny
    content = path.read_bytes()
    assert outcome(load, path) == GOOD
    for size in range(0, len(content), max(1, len(content) // 60)):
        path.write_bytes(content[:size])
        assert outcome(load, path) == "refused", size
    path.write_bytes(content + b"x")
    assert outcome(load, path) in ("refused", GOOD)


def mutate(rng, content):
    """Some bytes changed, cut, doubled or swapped."""
    data = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 8])):
        i, j = sorted(rng.randrange(len(data)) for _ in range(2))
        kind = rng.randrange(5)
        if kind == 0:
            data[i] = rng.randrange(256)
        elif kind == 1:
            del data[i : min(j, i + 64)]
        elif kind == 2:
            data[i:i] = data[j : j + 32]
        elif kind == 3:
            data[i : i + 8], data[j : j + 8] = data[j : j + 8], data[i : i + 8]
        else:
            data[i : i + 4] = rng.choice([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"])
        if not data:
            return b"\0"
    return bytes(data)


FUZZ = textwrap.dedent(
    """
    import pathlib, random, resource, sys
    import numpy as np
    import hornbeam
    from hornbeam.errors import FileError
    from tests.saving.test_integrity import GOOD, into_tiny, mutate, outcome, tiny
    folder, seed, count = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, 8 * 2**30))
    rng = random.Random(seed)
    names = ["m.keras", "t.weights.h5", "t.safetensors", "t.npz", "t.weights.h5"]
    good = {}
    for name in names:
        (tiny().save if name == "m.keras" else tiny().save_weights)(folder / name)
        good[name] = (folder / name).read_bytes()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    counts = {"refused": 0, "identical": 0}
    for number in range(count):
        name = names[number % len(names)]
        bad = folder / ("bad_" + name)
        bad.write_bytes(mutate(rng, good[name]))
        (folder / "current").write_text(str(number))
        got = outcome(hornbeam.saving.load_model if name == "m.keras" else into_tiny, bad)
        assert got in ("refused", GOOD), (number, name, got)
        counts["refused" if got == "refused" else "identical"] += 1
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 2**20, f"{grown} KB more than before"
    print(counts)
    """
)


def test_mutated_files_are_refused_or_identical(tmp_path):
    seed = os.environ.get("HORNBEAM_FUZZ_SEED", "1")
    done = subprocess.run(
        [sys.executable, "-c", FUZZ, str(tmp_path), seed, str(MUTATIONS)],
        cwd=ROOT, capture_output=True, text=True, timeout=60 + MUTATIONS, check=False,
    )  # fmt: skip
    last = tmp_path / "current"
    assert done.returncode == 0, (last.read_text() if last.exists() else "", done.stderr[-2000:])
    assert "'refused'" in done.stdout


# ----------------------------------------------------------------------------------- failing to save


@pytest.mark.parametrize("name", ["m.keras", "t.weights.h5", "t.weights.json"])
@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
@pytest.mark.parametrize("forever", [False, True])
def test_a_failure_at_each_step_leaves_the_old_file(name, step, forever, tmp_path, monkeypatch):
    """The n-th write, fsync or rename fails, for every n, once or from then on."""
    path = tmp_path / name

    def save(model):
        (model.save if name.startswith("m.") else model.save_weights)(path)

    save(tiny(0.5))
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    new = tiny(0.25)
    module = sys.modules["hornbeam.saving.atomic"]
    for n in range(200):
        calls = {"count": 0}

        def fails(calls=calls, n=n):
            calls["count"] += 1
            return calls["count"] == n + 1 or (forever and calls["count"] > n)

        with monkeypatch.context() as patch:
            if step == "write":
                patch.setattr(module, "_open", failing_open(fails))
            else:
                real = getattr(os, step)
                patch.setattr(
                    os, step, lambda *a, real=real, fails=fails: broken() if fails() else real(*a)
                )
            try:
                save(new)
            except OSError:
                failed = True
            else:
                failed = False
        now = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
        assert set(now) == set(before), (n, sorted(now))
        if not failed:
            assert n > 0
            break
        for file in before:
            whole = now[file] == before[file] or file != name or step == "fsync"
            assert whole, (n, file)
        for p, content in before.items():
            (tmp_path / p).write_bytes(content)
    else:
        pytest.fail("it never got through")
    model = hornbeam.saving.load_model(path) if name.startswith("m.") else into_tiny(path)
    assert model.get_weights()[0].tolist() == [[0.25]]


def broken():
    raise OSError(28, "No space left on device")


def failing_open(fails):
    real = os.fdopen

    class File:
        def __init__(self, descriptor, mode):
            self.file = real(descriptor, mode)

        def write(self, data):
            return broken() if fails() else self.file.write(data)

        def __getattr__(self, name):
            return getattr(self.file, name)

        def __enter__(self):
            return self

        def __exit__(self, *exc):
            self.file.close()

    return File


def test_kills_at_random_moments(tmp_path):
    path = tmp_path / "m.keras"
    tiny(0.5).save(path)
    rng = random.Random(0)
    killed = 0
    while killed < KILLS:
        process = subprocess.Popen(
            [sys.executable, "-c", FORKER, str(path)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # so that its last child ends with it
        )
        assert process.stdout.readline().strip() == "ready"
        try:
            while killed < KILLS:
                child = int(process.stdout.readline())
                time.sleep(rng.random() * 0.03)
                os.kill(child, signal.SIGKILL)
                killed += 1
                weights = hornbeam.saving.load_model(path).get_weights()
                assert weights[0].tolist() in ([[0.5]], [[0.25]], [[0.75]])
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close()
    swept = [p for p in tmp_path.iterdir() if p != path]
    assert all(p.name.startswith(".m.keras.") and p.name.endswith(".tmp") for p in swept)


FORKER = textwrap.dedent(
    """
    import os, sys
    os.environ["HORNBEAM_BACKEND"] = "numpy"
    import hornbeam
    from tests.saving.test_integrity import tiny
    models = [tiny(0.25), tiny(0.75)]
    models[0].save(sys.argv[1])
    print("ready", flush=True)
    while True:
        child = os.fork()
        if not child:
            while True:
                for model in models:
                    model.save(sys.argv[1])
        print(child, flush=True)
        os.waitpid(child, 0)
    """
)

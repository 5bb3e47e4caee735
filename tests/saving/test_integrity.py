"""Never lose a file, never load a damaged one: flips, truncations, failures and kills."""

import io
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
import zipfile

import h5py
import numpy as np
import pytest

import hornbeam
from hornbeam import layers
from hornbeam.errors import CorruptFileError, FileError
from hornbeam.saving import hdf5

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


def saved(path):
    """Save a model, or its weights, as the name says; the bytes of the file."""
    if path.name in FOREIGN:
        write_foreign(path, **FOREIGN[path.name])
        return path.read_bytes()
    (tiny().save if path.name.startswith("m.") else tiny().save_weights)(path)
    return path.read_bytes()


FOREIGN = {"f.h5": {}, "g.h5": {"libver": "latest"}}
"""Files as others may write them, without our check sums: only crashes and the like can be told."""


def write_foreign(path, **options):
    with h5py.File(path, "w", **options) as root:
        whole = root.create_dataset("a/b", data=np.arange(4.0))
        for i in range(6):
            whole.attrs[f"n{i}"] = f"text {i}"
        if not options:
            root.create_dataset(
                "c", data=np.arange(16.0).reshape(4, 4), chunks=(2, 2), compression="gzip",
                shuffle=True, fletcher32=True,
            )  # fmt: skip


def whole(path):
    """All that a file holds: the architecture, and the weights bit by bit.

    Raises FileError if it is refused.
    """
    if path.name.removeprefix("bad_") in FOREIGN:
        with hdf5.H5File(str(path), "it") as file:
            texts = [file.attribute(item, f"n{i}") for _, item in file.walk() for i in range(6)]
            return texts, [t.read().tobytes() for t in file.tensors().values()]
    model = hornbeam.saving.load_model(path) if "m." in path.name else into_tiny(path)
    return model.to_json(), [(w.shape, str(w.dtype), w.tobytes()) for w in model.get_weights()]


def held(path):
    """What is in a file, or "refused"."""
    try:
        return whole(path)
    except FileError:
        return "refused"


GOOD = [[[0.5]], [0.5]]
STEPS = {"m.keras": 7, "m.h5": 17, "t.weights.h5": 17}
TENSOR_FORMATS = ["t.safetensors", "t.npz", "t.weights.h5"]


def flips(content, step=1):
    """(place, copy of `content` with one bit of that byte flipped), for so many bits of each byte."""
    for place in range(0, len(content), step):
        for number in range(BITS):
            flipped = bytearray(content)
            flipped[place] ^= 1 << (5 * place + number) % 8
            yield place, bytes(flipped)


FLIPS = textwrap.dedent(
    """
    import faulthandler, pathlib, sys
    from tests.saving.test_integrity import BITS, STEPS, flips, held, saved, whole
    folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]
    content = saved(folder / name)
    good, path, wrong, refused = whole(folder / name), folder / ("bad_" + name), [], 0
    for place, flipped in flips(content, 1 if BITS == 8 else STEPS.get(name, 1)):
        (folder / "current").write_text(f"{name}, a bit of byte {place}")
        path.write_bytes(flipped)
        faulthandler.dump_traceback_later(60, exit=True)
        got = held(path)
        refused += got == "refused"
        if got not in ("refused", good): wrong.append((place, got))
    assert refused and not wrong, wrong
    """
)


@pytest.mark.parametrize("name", ["m.keras", "m.h5", *TENSOR_FORMATS])
def test_a_flipped_bit_of_each_byte_is_reported_or_harmless(name, tmp_path):
    """Every byte in every run (some of the large ones'), every bit of every byte in `make fuzz`."""
    run_child(FLIPS, tmp_path, name)


def test_architectures_in_h5_files_have_check_sums(tmp_path):
    """Of one letter in a name nothing else would tell."""
    content = saved(tmp_path / "m.h5")
    for old, new in [(b'"name": "d"', b'"name": "e"'), (b'"linear"', b'"linfar"')]:
        assert content.count(old) == 1
        (tmp_path / "m.h5").write_bytes(content.replace(old, new))
        with pytest.raises(
            CorruptFileError, match=r"'model_config' in '.*' is damaged: its check sum"
        ):
            whole(tmp_path / "m.h5")


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
    """Some bytes changed, cut, doubled or swapped; or the end cut off."""
    data = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 8])):
        i, j = sorted(rng.randrange(len(data)) for _ in range(2))
        kind = rng.randrange(12)
        if kind < 4:
            data[i] = rng.randrange(256)
        elif kind < 6:
            del data[i : min(j, i + 64)]
        elif kind < 8:
            data[i:i] = data[j : j + 32]
        elif kind < 10:
            data[i : i + 8], data[j : j + 8] = data[j : j + 8], data[i : i + 8]
        elif kind == 10:
            data[i : i + 4] = rng.choice([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"])
        else:
            del data[i:]
        if not data:
            return b"\0"
    return bytes(data)


def swap_members(rng, content):
    """An archive in which two members have changed places, or bytes, sums and all."""
    with zipfile.ZipFile(io.BytesIO(content)) as old:
        held = {name: old.read(name) for name in old.namelist()}
    a, b = rng.sample(sorted(held), 2)
    if rng.random() < 0.5:
        held[a], held[b] = held[b], held[a]
    else:  # (of a text with the right sum nothing says that it was another)
        a = rng.choice([name for name in sorted(held) if not name.endswith(".json")])
        held[a] = mutate(rng, held[a])
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as new:
        for name, data in held.items():
            new.writestr(name, data)
    return file.getvalue()


FUZZED = ["m.keras", "t.weights.h5", "t.safetensors", "t.npz", "m.h5", *FOREIGN]


def mutation(seed, number, good):
    """The name and content of one damaged file, by its number; `good` has the whole ones."""
    name = FUZZED[number % len(FUZZED)]
    rng = random.Random(f"{seed}/{number}")
    archive = name in ("m.keras", "t.npz") and rng.random() < 0.25
    return name, (swap_members if archive else mutate)(rng, good[name])


FUZZ = textwrap.dedent(
    """
    import faulthandler, pathlib, resource, sys
    from tests.saving.test_integrity import FOREIGN, FUZZED, held, mutation, saved, whole
    folder, seed, count, first = pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:5])
    resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, 8 * 2**30))
    files = {name: saved(folder / name) for name in FUZZED}
    good = {name: whole(folder / name) for name in FUZZED}
    def used(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    before, counts = used(), {}
    for number in range(first, first + count):
        name, content = mutation(seed, number, files)
        bad = folder / ("bad_" + name)
        bad.write_bytes(content)
        (folder / "current").write_text(f"mutation({seed}, {number}) of {name}, kept as {bad}")
        faulthandler.dump_traceback_later(60, exit=True)  # also if C does not give the lock back
        got = held(bad)
        same = got == good[name]
        assert same or got == "refused" or name in FOREIGN, got
        assert used() - before < 2**18, f"{used() - before} KB more than before"
        kind = name, "refused" if got == "refused" else "identical" if same else "other"
        counts[kind] = counts.get(kind, 0) + 1
    print(counts)
    """
)


def test_mutated_files_are_refused_or_identical(tmp_path):
    seed = os.environ.get("HORNBEAM_FUZZ_SEED", "1")
    first = os.environ.get("HORNBEAM_FUZZ_FIRST", "0")
    done = run_child(FUZZ, tmp_path, seed, str(MUTATIONS), first)
    assert "'refused'" in done.stdout


def run_child(program, folder, *arguments):
    """Run a program in a process of its own, which may crash or hang; the report says on what."""
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder), *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "HORNBEAM_BACKEND": "numpy", "PYTHONPATH": ROOT},
    )  # fmt: skip
    last = folder / "current"
    where = last.read_text() if last.exists() else "at its start"
    assert done.returncode == 0, f"status {done.returncode}, {where}\n{done.stderr[-3000:]}"
    return done


def test_the_watchdog_names_the_mutation(tmp_path):
    """What is stuck in C with the lock of Python in its hands is ended, and named."""
    stuck = FUZZ.replace("held(bad)", "__import__('re').match('(a|aa)+b', 'a' * 99)")
    with pytest.raises(AssertionError, match=r"mutation\(7, 16\) of t.safetensors.*\n.*Timeout"):
        run_child(stuck.replace("(60,", "(1,"), tmp_path, "7", "9", "16")


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

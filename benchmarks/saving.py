"""Saving and loading a large model beside Keras: seconds, and memory beyond what the model needs.

    python -m benchmarks.saving [--gigabytes 1.0] [--folder FOLDER]

Each measurement runs in a process of its own.  "Extra" is the highest resident memory during the call
above that before it, as a multiple of the size of the weights; a loaded model is itself one of it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile

CHILD = """
import json, os, resource, sys, threading, time
import numpy as np
which, what, path, gigabytes = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])
os.environ["KERAS_BACKEND"] = "jax"
if which == "hornbeam":
    import hornbeam as framework
else:
    import keras as framework
layers = framework.layers

def build(n):
    width = 4096
    rows = max(1, int(n * 2**30 / 4 / width / 16))
    inputs = framework.Input((rows,))
    outputs = [
        layers.Dense(width, use_bias=False, kernel_initializer="zeros", name=f"d{i}")(inputs)
        for i in range(16)
    ]
    return framework.Model(inputs, layers.Add()(outputs))

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

warm = path + ".warm.keras"
build(0.001).save(warm)
framework.models.load_model(warm)
os.unlink(warm)
model = build(gigabytes) if what == "save" else None
peak, running = [0], [True]

def watch():
    while running[0]:
        peak[0] = max(peak[0], resident())
        time.sleep(0.002)

before = resident()
thread = threading.Thread(target=watch)
thread.start()
start, cpu = time.perf_counter(), time.process_time()
if what == "save":
    model.save(path)
else:
    model = framework.models.load_model(path)
seconds = time.perf_counter() - start
cpu = time.process_time() - cpu
running[0] = False
thread.join()
extra = (peak[0] - before) / (gigabytes * 2**30)
print(json.dumps({"seconds": seconds, "cpu": cpu, "extra": extra}))
"""


def measure(which: str, what: str, path: str, gigabytes: float) -> dict[str, float]:
    """Seconds and extra memory of one call in a new process.

    Args:
        which: "hornbeam" or "keras".
        what: "save" or "load".
        path: the file.
        gigabytes: the size of the weights.
    """
    words = [sys.executable, "-c", CHILD, which, what, path, str(gigabytes)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=os.environ.copy())
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(arguments: list[str] | None = None) -> None:
    """Measure both, twice each, the better one counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--folder", default=None, help="where to write; a temporary folder")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        print(f"{'':10}{'save':>10}{'extra':>8}{'load':>10}{'extra':>8}")
        for which in ("keras", "hornbeam"):
            path = os.path.join(folder, f"{which}.keras")
            runs = {
                what: [measure(which, what, path, given.gigabytes) for _ in range(2)]
                for what in ("save", "load")
            }
            best = {
                what: {key: min(run[key] for run in held) for key in ("seconds", "extra")}
                for what, held in runs.items()
            }
            save, load = best["save"], best["load"]
            print(
                f"{which:10}{save['seconds']:9.2f}s{save['extra']:7.2f}x"
                f"{load['seconds']:9.2f}s{load['extra']:7.2f}x"
            )
            os.unlink(path)


if __name__ == "__main__":
    main()

"""What steps free stays with the process, unless the user has decided otherwise."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from hornbeam.backends import memory

GLIBC = sys.platform == "linux" and platform.libc_ver()[0] == "glibc"

SCRIPT = """
import resource, sys
import hornbeam.ops
from hornbeam.backends import registry
b = registry.get(sys.argv[1])
x = b.ones((136, 256, 256), "float32")  # 34 MB, and so is what a product with it leaves behind

def step(state, x):
    def loss(values):
        return values[0] + b.sum(b.matmul(b.exp(x), x)), None

    return [b.value_and_grad(loss, state)[0][0]]

step = b.compile(step, donate=True) if b.compiled else step
state = [b.zeros((), "float32")]
found = []
for _ in range(16):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    state = step(state, x)
    b.synchronize(state)
    found.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(min(found))
"""


def _faults(engine: str, **environment: str) -> int:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, engine],
        capture_output=True,
        text=True,
        check=True,
        env={**kept, "JAX_PLATFORMS": "cpu", **environment},
    )
    return int(done.stdout)


@pytest.mark.skipif(not GLIBC, reason="another C library")
@pytest.mark.parametrize("engine", ["jax", "torch", "pytensor"])
def test_steps_begin_with_memory_that_is_there(engine: str) -> None:
    pytest.importorskip(engine)
    assert _faults(engine) < 100 < 1000 < _faults(engine, HORNBEAM_KEEP_MEMORY="0")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (memory.VARIABLE, "0"),
        ("MALLOC_ARENA_MAX", "2"),
        ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"),
    ],
)
def test_what_the_user_has_decided_stays(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert not memory.one_heap()
    assert not memory.keep.__wrapped__()


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not memory.one_heap()

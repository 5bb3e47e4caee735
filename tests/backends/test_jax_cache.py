"""Compiled code is kept between processes, unless the user has decided otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hornbeam.backends import jax_cache

jax = pytest.importorskip("jax")

SETTINGS = (
    "jax_compilation_cache_dir",
    "jax_persistent_cache_min_compile_time_secs",
    "jax_compilation_cache_max_size",
)


@pytest.fixture(autouse=True)
def undecided(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A JAX that nobody has told where to keep things, and an empty cache directory."""
    before = {name: getattr(jax.config, name) for name in SETTINGS}
    jax.config.update("jax_compilation_cache_dir", None)
    monkeypatch.delenv(jax_cache.VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    yield
    for name, value in before.items():
        jax.config.update(name, value)


def test_on_by_default_in_the_users_cache_and_for_the_owner_only(tmp_path: Path) -> None:
    place = jax_cache.turn_on()
    assert place is not None
    assert place.parent == tmp_path / "hornbeam"
    assert jax.config.jax_compilation_cache_dir == str(place)
    assert place.stat().st_mode & 0o077 == 0
    assert jax.__version__ in place.name


@pytest.mark.parametrize("word", ["0", "off", "False"])
def test_off(monkeypatch: pytest.MonkeyPatch, word: str, tmp_path: Path) -> None:
    monkeypatch.setenv(jax_cache.VARIABLE, word)
    assert jax_cache.turn_on() is None
    assert jax.config.jax_compilation_cache_dir is None
    assert list(tmp_path.iterdir()) == []


def test_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(jax_cache.VARIABLE, str(tmp_path / "mine"))
    place = jax_cache.turn_on()
    assert place is not None
    assert place.parent == tmp_path / "mine"


def test_the_users_own_setting_stays(tmp_path: Path) -> None:
    jax.config.update("jax_compilation_cache_dir", str(tmp_path / "theirs"))
    assert jax_cache.turn_on() is None
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "theirs")


def test_a_directory_that_cannot_be_made_is_done_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    monkeypatch.setenv(jax_cache.VARIABLE, str(tmp_path / "file"))
    assert jax_cache.turn_on() is None
    assert jax.config.jax_compilation_cache_dir is None


PROGRAM = """
import jax, hornbeam
from hornbeam.backends import jax_cache
jax_cache.WORTH_KEEPING = 0
seen = []
jax.monitoring.register_event_listener(lambda name, **_: seen.append(name))
backend = hornbeam.backends.registry.get("jax")
step = backend.compile(lambda state, x: state + x @ x)
import numpy
assert float(step(numpy.ones(()), numpy.ones((3, 3))).sum()) == 36
print(sum("cache_hits" in name for name in seen))
"""


def test_a_second_process_compiles_nothing_anew(tmp_path: Path) -> None:
    environment = {**os.environ, jax_cache.VARIABLE: str(tmp_path)}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    hits = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            capture_output=True,
            text=True,
            env=environment,
            check=True,
        )
        hits.append(int(done.stdout.split()[-1]))
    assert hits[0] == 0
    assert hits[1] >= 1


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    for age, name in enumerate(["newest", "middle", "oldest"]):
        path = tmp_path / name
        path.write_bytes(b"x" * 100)
        os.utime(path, (1e9 - age, 1e9 - age))
    jax_cache.prune(tmp_path, 300)
    assert len(list(tmp_path.iterdir())) == 3
    jax_cache.prune(tmp_path, 250)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["middle", "newest"]


def test_sizes_are_looked_at_once_an_hour(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(jax_cache.VARIABLE, str(tmp_path))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_MAX_SIZE", raising=False)
    looked: list[Path] = []
    monkeypatch.setattr(jax_cache, "prune", lambda place, largest: looked.append(place))
    for hours, times in ((0, 1), (0, 1), (2, 2)):
        for mark in tmp_path.glob("*/pruned"):
            os.utime(mark, (mark.stat().st_mtime - hours * 3600,) * 2)
        jax.config.update("jax_compilation_cache_dir", None)
        place = jax_cache.turn_on()
        assert looked == [place] * times

"""Compiled code of JAX that outlives the process.

XLA compiles a step in seconds, and every process compiles it again.  JAX can keep what was compiled in a
directory; Hornbeam turns this on, in the user's own cache directory, unless the user has decided:

- ``HORNBEAM_COMPILE_CACHE=0`` turns it off, a path in that variable puts it elsewhere;
- what ``JAX_COMPILATION_CACHE_DIR`` or ``jax.config`` say about it stays.

The directory is named by the versions and by what the processor can do, since code compiled for one
processor need not run on another that shares the home directory.  Only its owner can write to it, for it
holds code.  Several processes may use it at once: JAX compiles anew what it cannot read.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import time
from contextlib import suppress
from pathlib import Path

import jax

VARIABLE = "HORNBEAM_COMPILE_CACHE"
WORTH_KEEPING = 0.1
"""Seconds: what compiles faster is compiled again, for reading a file costs as well."""
LARGEST = 2 * 2**30
"""Bytes: what was used longest ago goes when there is more, at the start of a process."""
PRUNED_EVERY = 3600.0
"""Seconds: a look at each of 6,000 files takes 40 ms, which is too much for every process."""


def turn_on() -> Path | None:
    """Let JAX keep what it compiles; the directory, or None if it does not by our doing."""
    wanted = os.environ.get(VARIABLE, "")
    if wanted.lower() in ("0", "off", "false", "no") or getattr(
        jax.config, "jax_compilation_cache_dir", None
    ):
        return None
    place = _place(Path(wanted).expanduser() if wanted not in ("", "1") else _users_cache())
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    if not os.access(place, os.W_OK):
        return None
    jax.config.update("jax_compilation_cache_dir", str(place))
    if "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS" not in os.environ:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", WORTH_KEEPING)
    if "JAX_COMPILATION_CACHE_MAX_SIZE" not in os.environ and _due(place):
        prune(place, LARGEST)
    return place


def _due(place: Path) -> bool:
    """Whether nobody has looked at the sizes for a while; from now on somebody has."""
    mark = place / "pruned"
    with suppress(OSError):
        if abs(time.time() - mark.stat().st_mtime) < PRUNED_EVERY:
            return False
    with suppress(OSError):
        mark.touch()
    return True


def prune(place: Path, largest: int) -> None:
    """Remove what was used longest ago until no more than `largest` bytes are left.

    JAX 0.10.2 can do this itself, but only where the package filelock is, and its processes that do it
    fail to write beside those that do not.  Other processes may come and go meanwhile: what is not there
    any more is not in the way.
    """
    found: list[tuple[float, int, Path]] = []
    for path in place.iterdir():
        with suppress(OSError):
            facts = path.stat()
            found.append((max(facts.st_atime, facts.st_mtime), facts.st_size, path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= largest:
            return
        with suppress(OSError):
            path.unlink()
        total -= size


def _users_cache() -> Path:
    home = Path.home()
    if sys.platform == "darwin":
        base = home / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "hornbeam"


def _place(base: Path) -> Path:
    facts = f"{platform.machine()} {platform.system()} {_abilities()}"
    machine = hashlib.sha256(facts.encode()).hexdigest()[:12]
    return base / f"jax-{jax.__version__}-{getattr(jax.lib, '__version__', '')}-{machine}"


def _abilities() -> str:
    """What the processor can do, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    told = ("flags", "Features", "model name")
    return " ".join(sorted({line for line in lines if line.startswith(told)}))

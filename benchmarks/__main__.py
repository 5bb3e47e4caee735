"""Run the benchmarks: ``python -m benchmarks [--engine NAME] [--tiny] [--repeats N] [what]``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from benchmarks.timing import CLOCKS, FULL, TINY, machine, save, table, use_clock

LOCAL = Path(__file__).parent / "results" / "local.json"


def main() -> None:
    """Print a table of ratios and write the numbers to a file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", nargs="?", default="", help="a theme, or part of a case's name")
    parser.add_argument("--tiny", action="store_true", help="toy sizes: does everything run?")
    parser.add_argument("--engine", default="jax", help="what Hornbeam and Keras run on")
    parser.add_argument("--repeats", type=int, help="turns per case")
    parser.add_argument("--json", type=Path, default=LOCAL, help="where the numbers go")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="what to time by")
    options = parser.parse_args()
    use_clock(options.clock)
    for variable in ("KERAS_BACKEND", "HORNBEAM_BACKEND"):  # read when the packages are imported
        os.environ[variable] = options.engine

    from benchmarks import beside_keras, deep, dispatch, importing, memory, saving

    if options.what == "saving":  # by itself: it writes gigabytes
        saving.main(["--gigabytes", "0.01" if options.tiny else "1.0"])
        return

    scale = TINY if options.tiny else FULL
    scale = scale._replace(repeats=options.repeats or scale.repeats)
    results = []
    with_keras = options.engine not in beside_keras.WITHOUT_KERAS
    of_engines = options.engine == "jax"  # the other themes compare with JAX
    if options.what in ("", "import"):
        results += importing.run(scale, options.engine, with_keras)
    if options.what in ("", "dispatch") and of_engines:
        results += dispatch.run(scale)
    if options.what in ("", "deep") and of_engines:
        results += deep.run(scale)
    if options.what in ("", "memory") and with_keras:
        results += memory.run(scale, options.engine)
    results += beside_keras.run(scale, options.what, options.engine)
    save(results, options.json)
    where = machine()
    print(f"{where['processor']}, {where['cores']} cores, {where['versions']}\n")
    print(table(results))
    print(f"\nTimes are medians of {scale.repeats} turns; the numbers are in {options.json}")


if __name__ == "__main__":
    main()

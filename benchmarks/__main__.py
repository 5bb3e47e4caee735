"""Run the benchmarks: ``python -m benchmarks [--tiny] [--repeats N] [--json FILE] [what]``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from benchmarks.timing import FULL, TINY, machine, save, table

LOCAL = Path(__file__).parent / "results" / "local.json"


def main() -> None:
    """Print a table of ratios and write the numbers to a file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", nargs="?", default="", help="a theme, or part of a case's name")
    parser.add_argument("--tiny", action="store_true", help="toy sizes: does everything run?")
    parser.add_argument("--repeats", type=int, help="turns per case")
    parser.add_argument("--json", type=Path, default=LOCAL, help="where the numbers go")
    options = parser.parse_args()
    os.environ["KERAS_BACKEND"] = "jax"  # before keras is imported, which reads it

    from benchmarks import beside_keras, dispatch, importing

    scale = TINY if options.tiny else FULL
    scale = scale._replace(repeats=options.repeats or scale.repeats)
    results = []
    if options.what in ("", "import"):
        results += importing.run(scale)
    if options.what in ("", "dispatch"):
        results += dispatch.run(scale)
    results += beside_keras.run(scale, options.what)
    save(results, options.json)
    where = machine()
    print(f"{where['processor']}, {where['cores']} cores, {where['versions']}\n")
    print(table(results))
    print(f"\nTimes are medians of {scale.repeats} turns; the numbers are in {options.json}")


if __name__ == "__main__":
    main()

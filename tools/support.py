"""Write docs/support.md: what each engine does, from the tests that hold it to that.

    python tools/support.py            # write it
    python tools/support.py --check    # fail if it is not what would be written

A claim here is a test that runs in the suite. Exceptions come from `tests/ledgers`, where an entry must
fail; so the table is true whenever the suite passes.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "docs" / "support.md"
ORDER = ["jax", "torch", "tensorflow", "pytensor", "numpy"]
HEAD = """# What works on which engine

Written by `python tools/support.py` from the test suite. "yes": there are tests that hold the engine
to that row, and all pass; "but for 3": three of them are excepted, with the reasons below; empty:
no test, no claim. NumPy has no gradients, so nothing trains there.
"""


class Collected:
    """The tests of a collection, and the exceptions among them."""

    def __init__(self) -> None:
        self.items: list[Any] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Keep what was found."""
        self.items = session.items


def collected() -> list[Any]:
    """All tests of the suite, marked by the ledgers, unless one cannot be imported."""
    plugin = Collected()
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        code = pytest.main(["--collect-only", "-qq", "-p", "no:cacheprovider", "tests"], [plugin])
    if code != 0:
        raise SystemExit(output.getvalue()[-3000:])
    return plugin.items


def area_of(item: Any) -> str:
    """The directory below `tests`, or the file."""
    return str(item.nodeid.partition("::")[0].split("/")[1]).removesuffix(".py")


def table(names: Iterable[str], cells: dict[tuple[str, str], str], engines: list[str]) -> list[str]:
    """A Markdown table: a row per name, a column per engine."""
    head = ["| | " + " | ".join(engines) + " |", "|---" * (len(engines) + 1) + "|"]
    return head + [
        f"| {name} | " + " | ".join(cells.get((name, engine), "") for engine in engines) + " |"
        for name in names
    ]


def counted(items: list[Any], key: Any) -> tuple[list[str], dict[tuple[str, str], str]]:
    """The names that `key` gives to tests, and what to say of each on each engine."""
    from tests.ledger import EXEMPTED, engine_of

    places: set[tuple[str, str]] = set()
    failing: dict[tuple[str, str], int] = defaultdict(int)
    for item in items:
        engine, name = engine_of(item), key(item)
        if engine and name:
            places.add((name, engine))
            failing[name, engine] += EXEMPTED in item.stash
    cells = {p: f"but for {failing[p]}" if failing[p] else "yes" for p in places}
    return sorted({name for name, _ in places}), cells


def layer_of(item: Any) -> str | None:
    """The layer that a test of the layers' table is about."""
    row = getattr(item, "callspec", None) and item.callspec.params.get("row")
    return (
        str(row.name).partition(" ")[0] if row is not None and area_of(item) == "layers" else None
    )


def family_of(item: Any) -> str | None:
    """The module of `hornbeam.ops` where the op of a test is written."""
    from hornbeam.ops.record import RECORDS

    row = getattr(item, "callspec", None) and item.callspec.params.get("row")
    if row is None or area_of(item) != "ops":
        return None
    record = RECORDS.get(row.op.rpartition(".")[2])
    return None if record is None else record.fn.__module__.rpartition(".")[2]


def exceptions(items: list[Any]) -> list[str]:
    """The reasons, by engine; an entry that covers no test is an error."""
    from tests.engines import IN_WORK
    from tests.ledger import EXEMPTED, case_of, ledgers

    cases: dict[Any, set[str]] = defaultdict(set)
    for item in items:
        if EXEMPTED in item.stash:
            cases[item.stash[EXEMPTED]].add((case_of(item) or item.originalname).partition("(")[0])
    idle = [e for e in ledgers() if e not in cases and e.engine not in IN_WORK]
    if idle:
        raise SystemExit("These entries of ledgers cover no test:\n" + "\n".join(map(str, idle)))
    return [
        f"- **{entry.engine}**: {entry.reason} ({', '.join(f'`{case}`' for case in sorted(found))})"
        for entry, found in sorted(cases.items(), key=lambda pair: str(pair[0]))
    ] or ["None."]


def page() -> str:
    """The whole text."""
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    items = collected()
    from tests.engines import BEGINNERS

    engines = [engine for engine in ORDER if engine in BEGINNERS]
    parts = [HEAD]
    for title, key in [
        ("Areas", area_of),
        ("Ops, by module", family_of),
        ("Layers", layer_of),
    ]:
        names, cells = counted(items, key)
        parts.append(f"## {title}\n\n" + "\n".join(table(names, cells, engines)) + "\n")
    parts.append("## Exceptions\n\n" + "\n".join(exceptions(items)) + "\n")
    return "\n".join(parts)


def main() -> None:
    """Write the page, or compare with it."""
    text = page()
    if "--check" in sys.argv:
        if TARGET.read_text(encoding="utf-8") != text:
            raise SystemExit(f"{TARGET} is out of date: run `python tools/support.py`.")
        return
    TARGET.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

"""The exceptions that engines have from the tables: read from `tests/ledgers`, held to be exact."""

from __future__ import annotations

import fnmatch
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hornbeam import errors

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Exemption:
    """Tests that fail on an engine, and why."""

    engine: str
    file: str
    cases: tuple[str, ...]
    functions: tuple[str, ...]
    raises: str | None
    reason: str

    def covers(self, item: Any) -> bool:
        """Whether a collected test is one of them."""
        return (
            engine_of(item) == self.engine
            and item.nodeid.partition("::")[0] == self.file
            and any(fnmatch.fnmatchcase(item.originalname, f) for f in self.functions)
            and any(fnmatch.fnmatchcase(case_of(item), c) for c in self.cases)
        )

    def mark(self) -> Any:
        """The mark for such a test: it must fail, in that way."""
        raises = getattr(errors, self.raises) if self.raises else None
        return pytest.mark.xfail(reason=self.reason, raises=raises, strict=True)


def engine_of(item: Any) -> str | None:
    """The engine that a collected test is about, None if it is about none or all."""
    callspec = getattr(item, "callspec", None)
    engine = callspec.params.get("engine") if callspec else None
    return engine if isinstance(engine, str) else None


def case_of(item: Any) -> str:
    """The id of a test among those of its function, without the engine."""
    parts = item.callspec.id.split("-") if hasattr(item, "callspec") else []
    if engine_of(item) in parts:
        parts.remove(engine_of(item))
    return "-".join(parts)


def read(path: Path) -> list[Exemption]:
    """The exceptions in the ledger of an engine, whose name is the file's."""
    known = {"file", "cases", "functions", "raises", "reason"}
    found = []
    for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("exception", []):
        strange = set(entry) - known
        if strange or not entry.get("reason") or not entry.get("cases"):
            raise ValueError(f"{path}: {entry}: needs file, cases and reason; unknown: {strange}")
        found.append(
            Exemption(
                path.stem,
                entry["file"],
                tuple(entry["cases"]),
                tuple(entry.get("functions", ["*"])),
                entry.get("raises"),
                entry["reason"],
            )
        )
    return found


def ledgers() -> list[Exemption]:
    """All exceptions: of the engines here, and of those that the environment names."""
    paths = sorted((ROOT / "tests" / "ledgers").glob("*.toml"))
    paths += [Path(p) for p in os.environ.get("HORNBEAM_TEST_LEDGERS", "").split(os.pathsep) if p]
    return [exemption for path in paths for exemption in read(path)]


def apply(items: list[Any]) -> None:
    """Mark the collected tests that ledgers name."""
    exemptions = ledgers()
    for item in items:
        for exemption in exemptions:
            if exemption.covers(item):
                item.add_marker(exemption.mark())
                item.stash[EXEMPTED] = exemption
                break


EXEMPTED = pytest.StashKey[Exemption]()

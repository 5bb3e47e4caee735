"""The table of support is the one that the tests make, and ledgers have no idle entries."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.engines import ENGINES
from tests.ledger import Exemption, read

ROOT = Path(__file__).parents[1]


@pytest.mark.skipif(
    len(ENGINES) < 4 or "HORNBEAM_TEST_ENGINES" in os.environ, reason="needs every engine"
)
def test_the_page_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "tools/support.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


class Item:
    """What pytest knows of a test."""

    nodeid = "tests/ops/test_table.py::test_value[eig-3x3-mine]"
    originalname = "test_value"

    class callspec:
        id = "eig-3x3-mine"
        params: dict[str, Any] = {"engine": "mine"}  # noqa: RUF012


def test_entries_cover_what_they_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        '[[exception]]\nfile = "tests/ops/test_table.py"\ncases = ["eig*"]\nreason = "None."\n'
    )
    (entry,) = read(path)
    assert entry.covers(Item())
    for changed in (
        {"engine": "other"},
        {"file": "tests/x.py"},
        {"cases": ("qr*",)},
        {"functions": ("test_gradient*",)},
    ):
        assert not Exemption(**{**vars(entry), **changed}).covers(Item())
    assert entry.mark().kwargs["strict"]


@pytest.mark.parametrize("missing", ["reason", "cases", "unknown"])
def test_entries_without_reason_are_refused(missing: str, tmp_path: Path) -> None:
    lines = {"file": '"a.py"', "cases": '["x"]', "reason": '"y"'}
    lines.pop(missing, None)
    lines |= {"unknown": "1"} if missing == "unknown" else {}
    path = tmp_path / "mine.toml"
    path.write_text("[[exception]]\n" + "".join(f"{k} = {v}\n" for k, v in lines.items()))
    with pytest.raises(ValueError, match="needs file, cases and reason"):
        read(path)

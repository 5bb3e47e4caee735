"""Each published weakness of a loader: its fixture, and the three controls that make it worth something.

(1) Good data goes through the same way in. (2) The fixture is malformed, as an independent tool reads
it back.  (3) What the guard keeps from happening does happen to a reader without one: the payload leaves
its MARKER, CANARY shows up, something is written outside, or memory is asked for.  The weak readers are
the few lines that the published ones had.  All run in a child process, under a tripwire.
"""

import pytest

from tests.saving.controls_of_data import ARCHIVES, DATA
from tests.saving.controls_of_models import COMMON, CONFIGS, HDF5
from tests.saving.test_safe_loading import child

CHAPTERS = {"A": 16, "B": 10, "C": 15, "D": 10, "E": 13}
"""The chapters of the table of published weaknesses, and how many rows each has."""

ELSEWHERE = {
    "B6": "each fixture is run through all the ways in: that is how `row`, and the other file, work",
    "C11": "keys of dicts never become names of files: a checkpoint is one file of a fixed name",
    "E7": "the only index of ours is JSON; E6 puts a pickle in its place",
    "E8": "memory errors in libhdf5 are for fuzzing (test_integrity.py) and for the check of a file's "
    "structures before libhdf5 sees it (test_hdf5_structure.py)",
}
"""Rows without a fixture here, and why."""


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Row -> the numbers of ways that its fixtures were run through."""
    pytest.importorskip("yaml")
    folder = tmp_path_factory.mktemp("controls")
    done = child(COMMON + CONFIGS + HDF5 + ARCHIVES + DATA, folder)
    assert done.returncode == 0, done.stderr[-3000:]
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert failed == []
    found = {}
    for line in done.stdout.splitlines():
        if line.startswith("row "):
            _, name, ways = line.split()
            found.setdefault(name, []).append(int(ways))
    return found


@pytest.mark.parametrize(
    "name", [f"{c}{n + 1}" for c, count in CHAPTERS.items() for n in range(count)]
)
def test_each_row_has_its_fixtures_and_controls(name, rows):
    if name in ELSEWHERE:
        assert name not in rows, "the reason why there is none is out of date"
    else:
        assert rows.get(name), "forgotten"


def test_no_fixture_is_of_no_row(rows):
    known = {f"{c}{n + 1}" for c, count in CHAPTERS.items() for n in range(count)}
    assert set(rows) | set(ELSEWHERE) == known
    assert sum(map(sum, rows.values())) > 300

"""An engine of a third party: found through its entry point, held to the protocol's tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "tally_engine"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A place where the package is installed, as an installer leaves it."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    shutil.copy(EXAMPLE / "hornbeam_tally.py", tmp_path)
    info = tmp_path / f"hornbeam_tally-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    points = project["entry-points"]["hornbeam.backends"]
    lines = [f"{name} = {target}\n" for name, target in points.items()]
    (info / "entry_points.txt").write_text("[hornbeam.backends]\n" + "".join(lines))
    return {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}


def run(arguments: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_is_known_by_name_and_does_what_its_readme_says(environment: dict[str, str]) -> None:
    readme = (EXAMPLE / "README.md").read_text()
    program = readme.partition("python - <<'PROGRAM'\n")[2].partition("PROGRAM")[0]
    assert run(["-c", program], environment).strip() == "20480"
    program = """
import hornbeam, numpy
from hornbeam import layers
from hornbeam.backends import registry
print("tally" in registry.installed())
with hornbeam.use_backend("tally"):
    model = hornbeam.Sequential([layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(1)])
    print(type(model(numpy.ones((2, 5, 5, 1), "float32"))).__name__)
    model.compile("sgd", "mse")
    try:
        model.fit(numpy.ones((2, 5, 5, 1)), numpy.ones((2, 1)), verbose=0)
    except hornbeam.errors.UnsupportedError as error:
        print(error)
"""
    found, kind, refusal = run(["-c", program], environment).strip().split("\n")
    assert (found, kind) == ("True", "Tallied")
    assert "tally" in refusal


def test_it_passes_the_tests_of_the_protocol(environment: dict[str, str]) -> None:
    environment["HORNBEAM_TEST_ENGINES"] = "tally"
    report = run(
        ["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/backends/test_protocol.py"],
        environment,
    )
    assert " passed" in report
    assert "failed" not in report

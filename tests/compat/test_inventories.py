"""Every public name of Keras 1.2.2 and 2.3.1 is there, or says what to do instead."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hornbeam.compat import keras as stand_in
from hornbeam.compat.paths import GONE, Gone

HERE = Path(__file__).parent
ENOUGH = 0.95
"""The share of the names that have to work."""


def names_of(version: int) -> list[str]:
    """The dotted paths in the list of a version."""
    lines = (HERE / f"keras{version}_names.txt").read_text().splitlines()
    pairs = [line.split(": ") for line in lines if not line.startswith("#")]
    return [f"{module}.{name}" for module, names in pairs for name in names.split()]


def found(path: str) -> object:
    value: object = stand_in
    for name in path.split(".")[1:]:
        value = getattr(value, name)
    return value


@pytest.mark.parametrize("version", [1, 2])
def test_every_name_works_or_says_what_to_do(version):
    paths = names_of(version)
    gone = []
    for path in paths:
        value = found(path)
        assert value is not None, path
        if isinstance(value, Gone):
            gone.append(path)
            with pytest.raises(NotImplementedError, match=rf"{re.escape(path)}|is gone: .{{10}}"):
                value()
    assert len(paths) > 400
    assert len(gone) <= (1 - ENOUGH) * len(paths), gone


def test_the_figures_in_the_documentation():
    text = (HERE.parent.parent / "docs" / "compat.md").read_text(encoding="utf-8")
    for version in (1, 2):
        paths = names_of(version)
        gone = sum(isinstance(found(path), Gone) for path in paths)
        assert f"{len(paths) - gone} of {len(paths)}" in text


def test_nothing_that_works_is_called_gone():
    for area, names in GONE.items():
        for name in names:
            module, _, last = name.rpartition(".")
            path = ".".join(part for part in ("keras", area, module, last) if part)
            try:
                value = found(path)
            except AttributeError:
                continue  # it was in a module of that area
            assert isinstance(value, Gone), path

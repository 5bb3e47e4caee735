"""`hornbeam migrate FILE...`: programs for Keras 1, 2 or 3 in today's spelling, for Hornbeam.

    python -m hornbeam.cli.migrate old.py            shows what would change, as a diff
    python -m hornbeam.cli.migrate --write old.py    changes the file

It rewrites imports of `keras` and `tensorflow.keras`, old modules and names, and old keywords of
constructors and methods, after the tables of `hornbeam.compat`.  Only the text of those places changes.
What it cannot decide is left as it is and listed, with its line.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import sys
from collections.abc import Sequence
from pathlib import Path

from hornbeam.compat import renames
from hornbeam.compat.paths import GONE, MODULES, OLD, SEPARATE

# The name of another package in users' sources, not of an engine that is imported here.
ROOTS = ("keras", "tensor" + "flow.keras", "tf" + ".keras", "tf" + "_keras")

METHODS = {
    "fit_generator": "fit",
    "evaluate_generator": "evaluate",
    "predict_generator": "predict",
    "predict_proba": "predict",
    "get_output_shape_for": "compute_output_shape",
    "to_yaml": "to_json",
    "model_from_yaml": "model_from_json",
    "reset_states": "reset_state",
}
"""Old methods and functions that have a new name and the same meaning."""

CLASSES = {
    "Convolution1D": "Conv1D",
    "AtrousConvolution1D": "Conv1D",
    "CuDNNLSTM": "LSTM",
    "CuDNNGRU": "GRU",
    "maxnorm": "MaxNorm",
    "nonneg": "NonNeg",
    "unitnorm": "UnitNorm",
    "WeightRegularizer": "L1L2",
}
"""Old classes that have a new name and the same arguments."""

OWN_MODULES = (
    "preprocessing.image",
    "preprocessing.sequence",
    "preprocessing.text",
    "utils.np_utils",
    "wrappers.scikit_learn",
)
"""Modules of which there is one of the same name in `hornbeam.compat`."""

SIZED = {
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "AtrousConvolution2D": "Conv2D",
    "Deconvolution2D": "Conv2DTranspose",
    "SeparableConvolution2D": "SeparableConv2D",
}
"""Old classes whose first arguments are (filters, rows, columns)."""


class Edits:
    """Pieces of a text and what to put in their place.

    Args:
        source: the text.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        lines = source.splitlines(keepends=True)
        self._starts = [0]
        for line in lines:
            self._starts.append(self._starts[-1] + len(line))
        self._lines = lines
        self._edits: list[tuple[int, int, str]] = []
        self.notes: list[tuple[int, str]] = []

    def place(self, line: int, column: int) -> int:
        """The place in the text of a line (from 1) and a column in bytes, as `ast` counts."""
        text = self._lines[line - 1].encode()[:column].decode() if column else ""
        return self._starts[line - 1] + len(text)

    def span(self, node: ast.expr | ast.stmt | ast.keyword) -> tuple[int, int]:
        """Where a node begins and ends."""
        end = self.place(node.end_lineno or node.lineno, node.end_col_offset or 0)
        return self.place(node.lineno, node.col_offset), end

    def replace(self, begin: int, end: int, text: str) -> None:
        """Put `text` in the place of a piece."""
        self._edits.append((begin, end, text))

    def note(self, line: int, text: str) -> None:
        """Tell of something that is left as it is."""
        self.notes.append((line, text))

    def result(self) -> str:
        """The text with all pieces replaced."""
        text = self.source
        for begin, end, new in sorted(self._edits, reverse=True):
            text = text[:begin] + new + text[end:]
        return text


def migrated(source: str) -> tuple[str, list[tuple[int, str]]]:
    r"""A program in today's spelling.

    Args:
        source: the program.

    Returns:
        (the program, [(line, what could not be decided)]).

    Raises:
        SyntaxError: if it is not a program of Python 3.

    Example:

    >>> new, notes = migrated("from keras.layers.core import Dense\nDense(output_dim=3)\n")
    >>> print(new, end="")
    from hornbeam.layers import Dense
    Dense(units=3)
    """
    tree = ast.parse(source)
    edits = Edits(source)
    names = _imports(tree, edits)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            _call(node, edits, names)
        elif isinstance(node, ast.Attribute):
            _attribute(node, edits)
    return edits.result(), sorted(edits.notes)


# ------------------------------------------------------------------------------------------ imports


def _below_keras(module: str) -> str | None:
    """What follows the name of Keras in a dotted name; None if it is another package's."""
    for root in ROOTS:
        if module == root or module.startswith(root + "."):
            return module.removeprefix(root).removeprefix(".").removeprefix("src.")
    return None


def _today(below: str) -> str:
    """Today's module for ``keras.<below>``."""
    area, _, module = below.partition(".")
    if not area:
        return "hornbeam"
    if area == "engine":
        return "hornbeam.layers"
    if area in ("objectives", "initializations"):
        return {"objectives": "hornbeam.losses", "initializations": "hornbeam.initializers"}[area]
    if area == "backend":
        return "hornbeam.compat.backend"
    if below in OWN_MODULES:
        return f"hornbeam.compat.{module}"
    if area in MODULES and area not in SEPARATE and module in MODULES[area].split():
        return f"hornbeam.{area}"
    return f"hornbeam.{below}"


def _imports(tree: ast.Module, edits: Edits) -> set[str]:
    """Rewrite the imports; returns the names that they bring."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            _import(node, edits)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            below = _below_keras(node.module)
            if below is not None:
                names |= {alias.name for alias in node.names}
                _import_from(node, below, edits)
            elif node.module in ("tensor" + "flow",) and [a.name for a in node.names] == ["keras"]:
                edits.replace(*edits.span(node), _as("hornbeam", node.names[0].asname or "keras"))
    return names


def _as(module: str, name: str) -> str:
    return f"import {module}" if module == name else f"import {module} as {name}"


def _import(node: ast.Import, edits: Edits) -> None:
    if len(node.names) != 1 or _below_keras(node.names[0].name) is None:
        if any(_below_keras(alias.name) is not None for alias in node.names):
            edits.note(node.lineno, "several imports in one statement: write one for each")
        return
    alias = node.names[0]
    below = _below_keras(alias.name) or ""
    if below and not alias.asname:
        edits.note(
            node.lineno, f"`import {alias.name}` binds `keras`: write `import hornbeam as keras`"
        )
        return
    edits.replace(*edits.span(node), _as(_today(below), alias.asname or "keras"))


def _import_from(node: ast.ImportFrom, below: str, edits: Edits) -> None:
    groups: dict[str, list[str]] = {}
    area = below.partition(".")[0]
    for alias in node.names:
        module, name = _moved(area, below, alias.name)
        if alias.name in GONE.get(area, {}):
            edits.note(node.lineno, f"{alias.name} is gone: {GONE[area][alias.name]}")
        bound = alias.asname or (
            alias.name if name != alias.name and not _is_renamed(alias) else None
        )
        groups.setdefault(module, []).append(f"{name} as {bound}" if bound else name)
    indent = " " * node.col_offset
    lines = [
        f"from {module} import {', '.join(dict.fromkeys(names))}"
        for module, names in groups.items()
    ]
    edits.replace(*edits.span(node), f"\n{indent}".join(lines))


def _is_renamed(alias: ast.alias) -> bool:
    """Whether the uses of the name in the program are renamed as well."""
    return alias.asname is None and alias.name in {**CLASSES, **SIZED, **METHODS}


def _moved(area: str, below: str, name: str) -> tuple[str, str]:
    """Today's (module, name) of ``from keras.<below> import <name>``."""
    if name in CLASSES or name in SIZED:
        return _today(below), {**CLASSES, **SIZED}[name]
    if name in METHODS:
        return _today(below), METHODS[name]
    inner = f"{below}.{name}" if below else name
    if inner in ("backend", "objectives", "initializations", *OWN_MODULES):
        module, _, last = _today(inner).rpartition(".")
        return module, last
    if below and name in MODULES.get(below, "").split() and below not in SEPARATE:
        return "hornbeam", below
    if area in OLD and name in OLD[area]:
        module, _, last = OLD[area][name].rpartition(".")
        return module, last
    if area == "engine" and name in ("Model", "Input", "Sequential"):
        return "hornbeam", name
    return _today(below), name


# -------------------------------------------------------------------------------------------- calls


def _attribute(node: ast.Attribute, edits: Edits) -> None:
    new = METHODS.get(node.attr)
    if new is not None:
        _, end = edits.span(node)
        edits.replace(end - len(node.attr), end, new)
    elif node.attr == "predict_classes":
        edits.note(node.lineno, "predict_classes() is gone: write model.predict(x).argmax(-1)")


def _call(node: ast.Call, edits: Edits, names: set[str]) -> None:
    func = node.func
    name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
    known = isinstance(func, ast.Attribute) or name in names
    kind = {**CLASSES, **SIZED}.get(name, name)
    if known and kind != name and isinstance(func, (ast.Name, ast.Attribute)):
        _, end = edits.span(func)
        edits.replace(end - len(name), end, kind)
    if known and name in SIZED:
        _join_sizes(node, kind, edits)
    table = dict(renames.WORDS.get(kind, {})) if known else {}
    if isinstance(func, ast.Attribute):
        table.update(renames.METHOD_WORDS.get(name, {}))
    for keyword in node.keywords:
        if keyword.arg in table:
            _keyword(keyword, kind, table[keyword.arg], edits)


def _join_sizes(node: ast.Call, kind: str, edits: Edits) -> None:
    count = len(renames.PLACES.get(kind, ["filters", "", ""])) - 1
    sizes = node.args[1 : 1 + count]
    if len(sizes) == count and not any(isinstance(s, (ast.Tuple, ast.Starred)) for s in sizes):
        begin, end = edits.span(sizes[0])[0], edits.span(sizes[-1])[1]
        edits.replace(begin, begin, "(")
        edits.replace(end, end, ")")


def _keyword(keyword: ast.keyword, kind: str, new: str, edits: Edits) -> None:
    old = keyword.arg or ""
    if not new or "samples" in new:
        reason = renames.GONE.get(old, "it takes more than a new name; running it says what")
        edits.note(keyword.lineno, f"{kind}({old}=...): {reason}")
        return
    begin, _ = edits.span(keyword)
    edits.replace(begin, begin + len(old), new)
    value = keyword.value
    if old in renames.VALUES and isinstance(value, ast.Constant):
        if value.value in renames.VALUES[old]:
            edits.replace(*edits.span(value), repr(renames.VALUES[old][value.value]))


# ------------------------------------------------------------------------------------- command line


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status: 0, or 1 if a file could not be read.

    Args:
        arguments: those of the command line by default.
    """
    parser = argparse.ArgumentParser(prog="hornbeam migrate", description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+", metavar="FILE", help="a program in Python")
    parser.add_argument("--write", action="store_true", help="change the files")
    given = parser.parse_args(arguments)
    return migrate_files(given.files, given.write)


def migrate_files(files: Sequence[str], write: bool) -> int:
    """Show what would change in programs, and change it if that is wanted; returns the exit status.

    Args:
        files: the programs.
        write: whether to change them.
    """
    failed = 0
    for name in files:
        try:
            failed |= _migrate_file(Path(name), write)
        except (OSError, SyntaxError, UnicodeDecodeError) as error:
            sys.stderr.write(f"{name}: {error}\n")
            failed = 1
    return failed


def _migrate_file(path: Path, write: bool) -> int:
    before = path.read_text(encoding="utf-8")
    after, notes = migrated(before)
    lines = before.splitlines(keepends=True), after.splitlines(keepends=True)
    sys.stdout.writelines(difflib.unified_diff(*lines, str(path), str(path)))
    for line, note in notes:
        sys.stdout.write(f"{path}:{line}: {note}\n")
    if write and after != before:
        path.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

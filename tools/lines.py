"""Counts code lines: per package, per backend module, and per op.

A code line holds at least one token that is neither a comment nor part of a docstring.

    python tools/lines.py            print the table
    python tools/lines.py --json     print the same as JSON
"""

from __future__ import annotations

import ast
import io
import json
import sys
import tokenize
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "hornbeam"
BACKEND_BUDGET = 1500
PRIMITIVE_BUDGET = 120
NOT_BACKENDS = ("__init__", "protocol", "registry")
SILENT = (
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
)


class Lines(NamedTuple):
    """How many lines of a file or of several are code, and how many there are."""

    code: int
    total: int


def code_line_numbers(source: str) -> set[int]:
    r"""The numbers (from 1) of the code lines of `source`.

    >>> sorted(code_line_numbers('def f():\n    "Doc."\n    # why\n    return 1\n'))
    [1, 4]
    """
    docs = _docstring_starts(ast.parse(source))
    found: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in SILENT or (token.type == tokenize.STRING and token.start in docs):
            continue
        found.update(range(token.start[0], token.end[0] + 1))
    return found


def _docstring_starts(module: ast.Module) -> set[tuple[int, int]]:
    """Where the strings that stand alone as statements begin: docstrings, and those of constants."""
    return {
        (node.lineno, node.col_offset)
        for node in ast.walk(module)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }


def count(path: Path) -> Lines:
    """The lines of one file."""
    source = path.read_text(encoding="utf-8")
    return Lines(len(code_line_numbers(source)), source.count("\n"))


def _sum(lines: list[Lines]) -> Lines:
    return Lines(sum(x.code for x in lines), sum(x.total for x in lines))


def per_package() -> dict[str, Lines]:
    """Each package and module directly in `hornbeam`, by name."""
    found = {}
    for path in sorted(PACKAGE.iterdir()):
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        if path.name != "__pycache__" and (path.is_dir() or path.suffix == ".py") and files:
            found[path.stem] = _sum([count(file) for file in files])
    return found


def per_backend() -> dict[str, Lines]:
    """Each engine, and each module that engines share, by name; `jax_x.py` counts towards `jax`.

    The bridges between layers and an engine's own modules and programs are counted together.
    """
    found: dict[str, list[Lines]] = {}
    for file in sorted((PACKAGE / "backends").rglob("*.py")):
        if file.stem not in NOT_BACKENDS:
            bridge = file.parent.name == "bridges"
            name = "bridges" if bridge else file.stem.partition("_")[0]
            found.setdefault(name, []).append(count(file))
    return {name: _sum(lines) for name, lines in found.items()}


def per_op() -> dict[str, int]:
    """The code lines of each public op: decorator, signature and composition."""
    found = {}
    for file in sorted((PACKAGE / "ops").rglob("*.py")):
        source = file.read_text(encoding="utf-8")
        code = code_line_numbers(source)
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef) and any(map(_is_op, node.decorator_list)):
                first = node.decorator_list[0].lineno
                found[node.name] = len(code & set(range(first, (node.end_lineno or 0) + 1)))
    return found


def _is_op(decorator: ast.expr) -> bool:
    call = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(call, ast.Name) and call.id == "op"


def report() -> dict[str, object]:
    """Everything, as plain data."""
    packages, ops = per_package(), per_op()
    return {
        "packages": {name: lines._asdict() for name, lines in packages.items()},
        "backends": {name: lines._asdict() for name, lines in per_backend().items()},
        "ops": {"count": len(ops), "code per op": round(sum(ops.values()) / max(len(ops), 1), 1)},
        "total": _sum(list(packages.values()))._asdict(),
    }


def _print_table(title: str, rows: dict[str, Lines], note: str = "") -> None:
    print(f"{title:<24}{'code':>8}{'all':>8}   {note}".rstrip())
    for name, lines in sorted(rows.items(), key=lambda item: -item[1].code):
        print(f"  {name:<22}{lines.code:>8}{lines.total:>8}")


def main() -> None:
    """Print the tables."""
    if "--json" in sys.argv[1:]:
        print(json.dumps(report(), indent=1))
        return
    packages, ops = per_package(), per_op()
    _print_table("package or module", packages)
    whole = _sum(list(packages.values()))
    print(f"  {'together':<22}{whole.code:>8}{whole.total:>8}\n")
    _print_table("backend", per_backend(), f"(at most {BACKEND_BUDGET} lines of code each)")
    if ops:
        print(f"\n{len(ops)} ops, {sum(ops.values()) / len(ops):.1f} code lines each on average")


if __name__ == "__main__":
    main()

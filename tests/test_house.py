"""The rules of the house, held by tests: the engine boundary, imports, documentation, sizes."""

from __future__ import annotations

import ast
import importlib
import inspect
import io
import json
import re
import subprocess
import sys
import tokenize
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hornbeam
from hornbeam.backends import protocol, registry
from tests.engines import ENGINES, IN_WORK
from tools import lines

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "hornbeam"
SOURCES = sorted(PACKAGE.rglob("*.py"))
ENGINE_WORDS = {"jax", "jnp", "jaxlib", "torch", "tf", "tensorflow", "pytensor", "mlx", "mxnet"}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# ------------------------------------------------------------------------------ the engine boundary

ENGINE_NAMES_ALLOWED = {
    ("hornbeam/variables.py", "__jax_array__"): "the hook through which an engine reads a Variable",
    ("hornbeam/variables.py", "__tf_tensor__"): "the hook through which an engine reads a Variable",
}


def engine_names(source: str) -> set[str]:
    """Identifiers with an engine's name in them, and strings that are one, outside docstrings."""
    found = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        words = set(token.string.lower().split("_")) if token.type == tokenize.NAME else set()
        if token.type == tokenize.STRING:
            words = {token.string.strip("rbf'\"").lower()}
        if words & ENGINE_WORDS:
            found.add(token.string)
    return found


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import jax.numpy as jnp", {"jax", "jnp"}),
        ("if backend() == 'torch': pass", {"'torch'"}),
        ("def to_tf_tensor(x): return x", {"to_tf_tensor"}),
        ("'''Runs on jax and torch.'''  # jax\nx = 'a torch of wood'", set()),
    ],
)
def test_engine_names_are_recognised(source: str, expected: set[str]) -> None:
    assert engine_names(source) == expected


@pytest.mark.parametrize(
    "path", [p for p in SOURCES if PACKAGE / "backends" not in p.parents], ids=relative
)
def test_no_engine_is_named_outside_its_backend(path: Path) -> None:
    named = engine_names(path.read_text(encoding="utf-8"))
    allowed = {name for file, name in ENGINE_NAMES_ALLOWED if file == relative(path)}
    assert named - allowed == set()


def test_no_engine_exception_is_stale() -> None:
    for file, name in ENGINE_NAMES_ALLOWED:
        assert name in engine_names((ROOT / file).read_text(encoding="utf-8")), (file, name)


def test_the_waist_is_narrow() -> None:
    assert len(protocol.ARRAY_PRIMITIVES) <= lines.PRIMITIVE_BUDGET


@pytest.mark.parametrize("name", sorted(lines.per_backend()))
def test_backends_are_small(name: str) -> None:
    allowed = lines.BACKEND_BUDGET + (500 if name in IN_WORK else 0)  # to be brought down
    assert lines.per_backend()[name].code <= allowed


def test_code_lines_are_counted_without_comments_and_docstrings() -> None:
    source = '"""Doc."""\n\n# why\nx = (\n    1\n)\ny = """a\nb"""\n"""Doc of y."""\n'
    assert lines.code_line_numbers(source) == {4, 5, 6, 7, 8}


# ------------------------------------------------------------------------------------------ imports

LAZY = "scipy h5py rich matplotlib pandas sklearn keras".split()
SUBMODULES = sorted(
    name for name in hornbeam.__all__ if isinstance(getattr(hornbeam, name), types.ModuleType)
)


def modules_after(program: str) -> set[str]:
    """The top-level packages that a new process has imported after `program`."""
    script = f"import sys, json\n{program}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


@pytest.mark.parametrize("what", ["hornbeam", *(f"hornbeam.{name}" for name in SUBMODULES)])
def test_importing_brings_in_no_engine_and_nothing_heavy(what: str) -> None:
    engines = {package for _, package in registry.ENGINES.values()} - {"numpy"}
    assert modules_after(f"import {what}") & {*engines, *ENGINE_WORDS, *LAZY} == set()


@pytest.mark.parametrize("name", sorted(ENGINES))
def test_a_first_array_brings_in_nothing_that_is_for_few(name: str) -> None:
    """SymPy takes a quarter of a second, and only recording for `torch.compile` needs it."""
    program = f"import hornbeam\nhornbeam.config.set_backend({name!r})\nhornbeam.ops.zeros((1,))"
    its_own = {"scipy", "h5py"} if name == "tensorflow" else set()
    assert (modules_after(program) & {"sympy", *LAZY}) - its_own == set()


def test_importing_alone_is_quick() -> None:
    program = (
        "import time; t = time.perf_counter(); import hornbeam; print(time.perf_counter() - t)"
    )
    seconds = [
        float(subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=ROOT).stdout)
        for _ in range(3)
    ]
    assert min(seconds) < 0.2


LAYERS_OF_THE_HOUSE = [
    "_version dtypes errors naming settings tracebacks tree",
    "backends saving.objects compat.renames compat.methods",
    "dtype_policies saving.identifiers",
    "backend config ops",
    "variables autodiff random scopes",
    "activations constraints initializers regularizers quantizers",
    "layers losses metrics mixed_precision optimizers",
    "saving",
    "callbacks models training",
    "export utils compat visualization wrappers",
    "applications datasets distillation legacy preprocessing",
    "cli",
]
"""From the bottom up: a module may import from its own row and those above it in this list."""


def row_of(module: str) -> int:
    """The row of a dotted name below `hornbeam`; the longest entry that fits it counts."""
    fitting = {
        entry: row
        for row, entries in enumerate(LAYERS_OF_THE_HOUSE)
        for entry in entries.split()
        if module == entry or module.startswith(f"{entry}.")
    }
    assert fitting, f"hornbeam.{module} has no row in LAYERS_OF_THE_HOUSE"
    return fitting[max(fitting, key=len)]


def imports_of(path: Path) -> Iterator[str]:
    """What a module imports from `hornbeam` when it is imported itself, as dotted names below it."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("hornbeam."):
                    yield alias.name.removeprefix("hornbeam.")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hornbeam"):
            below = (node.module or "").removeprefix("hornbeam").removeprefix(".")
            for alias in node.names:
                dotted = f"{below}.{alias.name}" if below else alias.name
                is_module = (PACKAGE / dotted.replace(".", "/")).with_suffix(".py").exists()
                yield dotted if is_module or not below else below


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_imports_go_down(path: Path) -> None:
    name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
    if name == "__init__":
        return
    upward = [other for other in imports_of(path) if row_of(other) > row_of(name)]
    assert upward == []


# ---------------------------------------------------------------------------------- the public names


def stubs() -> list[Path]:
    return sorted(PACKAGE.rglob("__init__.pyi"))


@pytest.mark.parametrize("path", stubs(), ids=relative)
def test_stub_lists_what_it_imports(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    imported = sorted(alias.asname or alias.name for node in imports for alias in node.names)
    (listed,) = [ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign)]
    assert sorted(listed) == imported  # ruff keeps __all__ itself sorted (RUF022)


def test_every_top_level_name_exists() -> None:
    assert sorted(hornbeam.__all__) == hornbeam.__all__
    missing = [name for name in hornbeam.__all__ if not hasattr(hornbeam, name)]
    assert missing == []


def public_objects() -> dict[str, Any]:
    """Every public function and class by its dotted name; each object once."""
    found: dict[int, tuple[str, Any]] = {}
    for name in hornbeam.__all__:
        value = getattr(hornbeam, name)
        below = vars(importlib.import_module(f"hornbeam.{name}")) if name in SUBMODULES else {}
        listed = below.get("__all__") or [n for n in below if not n.startswith("_")]
        candidates = {f"{name}.{n}": getattr(value, n) for n in listed} or {name: value}
        for dotted, thing in candidates.items():
            is_ours = getattr(thing, "__module__", "").startswith("hornbeam")
            if is_ours and (inspect.isclass(thing) or inspect.isroutine(thing)):
                found.setdefault(id(thing), (dotted, thing))
    return dict(sorted(found.values(), key=lambda pair: pair[0]))


PUBLIC = public_objects()
WITHOUT_EXAMPLE = {
    "tree.MAP_TO_NONE": "a marker; the example is at map_structure_up_to",
}


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_have_a_docstring_with_an_example(name: str) -> None:
    doc = inspect.getdoc(PUBLIC[name]) or ""
    assert len(doc.split()) >= 3, "a docstring says what it is"
    assert (">>>" in doc) != (name in WITHOUT_EXAMPLE), "one runnable example each"


@pytest.mark.parametrize("name", [n for n in PUBLIC if inspect.isclass(PUBLIC[n])])
def test_public_methods_have_docstrings(name: str) -> None:
    kind = PUBLIC[name]
    members = inspect.getmembers(kind, lambda m: inspect.isroutine(m) or isinstance(m, property))
    bare = [
        member
        for member, value in members
        if not member.startswith("_")
        and getattr(value, "__module__", "hornbeam").startswith("hornbeam")
        and not inspect.getdoc(getattr(kind, member))
    ]
    assert bare == []


def documented_arguments(doc: str) -> list[str]:
    """The names in the Args section of a docstring."""
    section = re.search(r"^Args:\n((?:(?: .*)?\n)*)", doc + "\n", re.MULTILINE)
    body = section.group(1) if section else ""
    heads = re.findall(r"^ {4}(\*{0,2}\w+(?:, \*{0,2}\w+)*):", body, re.MULTILINE)
    return [name.strip("* ") for head in heads for name in head.split(",")]


def test_documented_arguments_are_found() -> None:
    doc = (
        "F.\n\nArgs:\n    x: an array: any\n        of them.\n    a, b: two.\n\n    *rest: more.\n"
    )
    doc += "\nReturns:\n    y: not an argument."
    assert documented_arguments(doc) == ["x", "a", "b", "rest"]


@pytest.mark.parametrize("name", PUBLIC)
def test_args_sections_name_the_arguments(name: str) -> None:
    doc = inspect.getdoc(PUBLIC[name]) or ""
    if "\nArgs:\n" not in doc:
        return
    parameters = inspect.signature(PUBLIC[name]).parameters
    documented = documented_arguments(doc)
    taken = {n for n in parameters if not n.startswith("_")} - {"self", "name", "kwargs", "args"}
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    assert taken - set(documented) == set(), "arguments without a word on them"
    assert open_ended or set(documented) - set(parameters) == set(), "words on no argument"


# ------------------------------------------------------------------------------------- size and papers

FILE_BUDGET, FUNCTION_BUDGET = 800, 50
"""Lines of a file, documentation and all; lines of code of a function's body."""
LARGE_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}
"""What is over budget -> why."""


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_files_and_functions_are_short(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert source.count("\n") <= FILE_BUDGET or relative(path) in LARGE_FILES
    code = lines.code_line_numbers(source)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body = range(node.body[0].lineno, (node.end_lineno or 0) + 1)  # not the signature
            length = len(code & set(body))
            allowed = f"{relative(path)}:{node.name}" in LONG_FUNCTIONS
            assert length <= FUNCTION_BUDGET or allowed, f"{node.name} has {length} lines of code"


def test_no_size_exception_is_stale() -> None:
    for file in LARGE_FILES:
        assert (ROOT / file).read_text(encoding="utf-8").count("\n") > FILE_BUDGET, file


def code_blocks(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_readme_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = code_blocks(ROOT / "README.md")
    assert len(blocks) >= 3
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "readme"}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)


def added_code(path: Path, index: int) -> str:
    """The added lines of the diff number `index` of a paper."""
    diffs = re.findall(r"^```diff\n(.*?)^```", path.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return "".join(re.findall(r"^\+(.*\n)", diffs[index], re.MULTILINE))


def test_contributing_adds_an_op(monkeypatch: pytest.MonkeyPatch) -> None:
    from hornbeam.ops import record, rules

    for table in (record.RECORDS, record.PUBLIC_OPS, protocol.COMPOSITIONS):
        monkeypatch.setitem(table, "bump", None)  # so that it is gone afterwards
    names: dict[str, Any] = {**vars(record), "rules": rules}
    exec(added_code(ROOT / "CONTRIBUTING.md", 0), names)
    bump = names["bump"]
    for engine in ("jax", "numpy"):
        with hornbeam.use_backend(engine):
            values = hornbeam.ops.convert_to_numpy(bump([-1, 0, 3]))
            assert values.tolist() == pytest.approx([0.5, 1, 0.1])
    assert bump(hornbeam.KerasTensor((None, 3), "int32")).shape == (None, 3)


def test_contributing_adds_a_layer() -> None:
    from hornbeam import initializers
    from hornbeam.saving import objects

    names: dict[str, Any] = {"builtin": lambda _module: lambda kind: kind, "Any": Any}
    names |= {"Layer": hornbeam.Layer, "initializers": initializers, "__name__": "contributing"}
    exec(added_code(ROOT / "CONTRIBUTING.md", 1), names)
    layer = names["Scale"](initializer="ones")
    assert layer(hornbeam.ops.ones((2, 3))).shape == (2, 3)
    with objects.CustomObjectScope({"Scale": names["Scale"]}):
        config = objects.serialize_keras_object(layer)
        assert type(objects.deserialize_keras_object(config)) is names["Scale"]


def test_changelog_is_open() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in text


@pytest.mark.parametrize("name", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_paths_named_in_the_papers_exist(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    paths = re.findall(r"`((?:hornbeam|tests|docs|tools|benchmarks|examples)/[\w./-]*)`", text)
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    assert [p for p in (*paths, *links) if not (ROOT / p).exists()] == []

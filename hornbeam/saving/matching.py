"""Which tensor of a file belongs to which variable of a model, and putting it there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hornbeam import dtypes
from hornbeam.errors import CorruptFileError, InputError
from hornbeam.layers.state import own_variables
from hornbeam.saving.tensors import StoredTensor
from hornbeam.saving.weights import (
    named_layers,
    named_variables,
    names_by_attribute,
    passing_states,
)
from hornbeam.variables import AllocationBudget, Variable

BEFORE_TRAINING = ("optimizer/vars/0", "optimizer/vars/1")
"""What an optimizer holds before it has seen a variable: iteration and learning rate."""
IN_ATTENTION = re.compile(r"/((?:query|key|value|output)_dense)(?=/vars/)")
"""The layers in attention, within a name in a file."""
AT_ONCE = 64 * 2**20
"""Up to so many bytes are read before the first variable is set; more are read twice."""


@dataclass
class LoadReport:
    """What `load_weights` did.

    Args:
        matched: path of the variable -> name of its tensor in the file.
        missing: paths of variables that the file has no tensor for; they were left alone.
        mismatched: path of the variable -> (its shape, the file's); they were left alone.
        unused: names of tensors that belong to no variable.
        verified: how many of the matched tensors had a check sum, which was right.

    Example:

    >>> import hornbeam
    >>> hornbeam.saving.LoadReport(matched={"dense/kernel": "0"}, missing=["dense/bias"]).complete
    False
    """

    matched: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    mismatched: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    verified: int = 0

    @property
    def complete(self) -> bool:
        """Whether every variable got its value and no tensor was left over."""
        return not (self.missing or self.mismatched or self.unused)

    def __str__(self) -> str:
        lines = [f"{len(self.matched)} variables loaded, {self.verified} with a check sum"]
        lines += [f"not in the file: {path}" for path in self.missing]
        lines += [f"{p}: shape {a}, in the file {b}" for p, (a, b) in self.mismatched.items()]
        lines += [f"of no use: {name}" for name in self.unused]
        return "\n".join(lines)


Plan = list[tuple[Variable, StoredTensor]]


def by_structure(model: Any, tensors: Mapping[str, StoredTensor], optimizer: bool) -> Any:
    """Name in the file -> variable, in the layout of ``model.weights.h5``."""
    wanted = named_variables(model, optimizer=optimizer)
    if not any(p.startswith("optimizer/") and p not in BEFORE_TRAINING for p in tensors):
        # the model was saved before its first step: its optimizer had no state per variable
        wanted = {
            path: variable
            for path, variable in wanted.items()
            if not path.startswith("optimizer/") or path in tensors
        }
    if wanted.keys() <= tensors.keys():
        return wanted
    wanted = {_of_keras_2(path, tensors): variable for path, variable in wanted.items()}
    if not any(tensor.sha256 for tensor in tensors.values()):
        # another package's: Keras 3.15 writes the seeds of layers in some models and not in others
        passing = passing_states(model)
        return {p: v for p, v in wanted.items() if p in tensors or p not in passing}
    before = names_by_attribute(model)
    older = {path: before.get(id(variable), path) for path, variable in wanted.items()}
    return {
        older[p] if p not in tensors and older[p] in tensors else p: v for p, v in wanted.items()
    }


def _of_keras_2(path: str, tensors: Mapping[str, StoredTensor]) -> str:
    """The name in the file: the layers in tf-keras's attention begin with an underscore there."""
    older = IN_ATTENTION.sub(r"/_\1", path)
    return older if path not in tensors and older in tensors else path


def by_path(model: Any) -> dict[str, Variable]:
    """Path of the variable -> variable; no path is there twice.

    Raises:
        InputError: if two variables have the same path.
    """
    found: dict[str, Variable] = {}
    for variable in named_variables(model, optimizer=False).values():
        other = found.setdefault(variable.path, variable)
        if other is not variable:
            raise InputError(
                f"Two variables of {model.name!r} are called {variable.path!r}, so their names cannot "
                "tell them apart in a file. Give their layers different names, or use '.weights.h5'."
            )
    return found


def by_layer_name(model: Any, file_layers: Mapping[str, list[StoredTensor]]) -> Any:
    """Name in the file -> variable, of those layers of the model whose names the file has."""
    wanted: dict[str, Variable] = {}
    for layer in named_layers(model).values():
        variables = own_variables(layer)
        for variable, tensor in zip(variables, file_layers.get(layer.name, []), strict=False):
            wanted[tensor.path] = variable
    return wanted


def fill(
    model: Any,
    tensors: Mapping[str, StoredTensor],
    wanted: Mapping[str, Variable],
    source: str,
    skip_mismatch: bool = False,
    partial: bool = False,
    fresh: AllocationBudget | None = None,
) -> LoadReport:
    """Set variables to the values of a file, all of them or none.

    Args:
        model: what the variables belong to.
        tensors: what the file has.
        wanted: name in the file -> variable.
        source: what to call the file in messages.
        skip_mismatch: whether to leave alone what is missing or of another shape.
        partial: whether tensors that belong to no variable are fine.
        fresh: what the model was made under, if nobody else has it yet: it need not stay as it was.

    Raises:
        CorruptFileError: naming everything that does not fit.
    """
    report = LoadReport()
    plan: Plan = []
    for name, variable in wanted.items():
        stored = tensors.get(name)
        if stored is None:
            report.missing.append(variable.path)
        elif stored.shape != variable.shape:
            report.mismatched[variable.path] = variable.shape, stored.shape
        else:
            report.matched[variable.path] = name
            plan.append((variable, stored))
    others = ("optimizer/", "metrics/")  # what training left there
    report.unused = [n for n in tensors if n not in wanted and not n.startswith(others)]
    report.verified = sum(stored.sha256 is not None for _, stored in plan)
    if not skip_mismatch:
        _refuse_misfits(model, report, wanted, source, partial)
    _refuse_other_numbers(plan, source)
    _assign(plan, fresh)
    return report


def _refuse_misfits(
    model: Any, report: LoadReport, wanted: Mapping[str, Variable], source: str, partial: bool
) -> None:
    names = {variable.path: name for name, variable in wanted.items()}
    problems = [f"{path} (as '{names[path]}') is missing" for path in report.missing]
    problems += [
        f"{path} has shape {ours}, the file {theirs}"
        for path, (ours, theirs) in report.mismatched.items()
    ]
    if not partial:
        problems += [f"'{n}' of the file belongs to nothing in the model" for n in report.unused]
    if problems:
        shown = "; ".join(problems[:8])
        shown += f"; and {len(problems) - 8} more" if problems[8:] else ""
        raise CorruptFileError(
            f"The weights in {source!r} do not fit {type(model).__name__} {model.name!r}: {shown}. Pass "
            "`skip_mismatch=True` to `load_weights` to load what fits."
        )


def _refuse_other_numbers(plan: Plan, source: str) -> None:
    for variable, stored in plan:
        complex_to_real = "complex" in stored.dtype and "complex" not in variable.dtype
        float_to_whole = dtypes.is_float(stored.dtype) and not (
            dtypes.is_float(variable.dtype) or "complex" in variable.dtype
        )
        if complex_to_real or float_to_whole:
            raise CorruptFileError(
                f"The weights in {source!r} are {stored.dtype} at '{stored.path}', where "
                f"{variable.path} is {variable.dtype}."
            )


def _assign(plan: Plan, fresh: AllocationBudget | None) -> None:
    total = sum(stored.nbytes for _, stored in plan)
    if fresh is not None:
        for variable, stored in plan:
            variable.adopt(stored.read())
            fresh.filled(variable)
        return
    if total <= AT_ONCE:
        values = [stored.read() for _, stored in plan]
        for (variable, _), value in zip(plan, values, strict=True):
            variable.adopt(value)
        return
    for _, stored in plan:
        stored.read()  # all of it is readable and as it was written, or nothing is set
    for variable, stored in plan:
        variable.adopt(stored.read())


Namer = Callable[[Any], dict[str, Variable]]

__all__ = ["IN_ATTENTION", "LoadReport", "by_layer_name", "by_path", "by_structure", "fill"]

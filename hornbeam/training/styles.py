"""The forms in which users write steps of their own.

`train_step(self, data)` reads and assigns variables.  `data` is what the batch was given as: ``x``,
``(x, y)`` or ``(x, y, sample_weight)``.  Or, with nothing assigned, ``train_step(self, state, data)``
returns ``(logs, state)``, where `state` holds the values of four groups of variables: trainable,
non-trainable, the optimizer's, the metrics'.  `test_step` has no optimizer's, and `predict_step` returns
``(outputs, non-trainable values)`` and has the first two.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from hornbeam.errors import InputError
from hornbeam.training.data import pack_x_y_sample_weight
from hornbeam.variables import Variable

GROUPS = {
    "train": ("trainable_variables", "non_trainable_variables", "optimizer", "metrics_variables"),
    "test": ("trainable_variables", "non_trainable_variables", "metrics_variables"),
    "predict": ("trainable_variables", "non_trainable_variables"),
}


def plain_step(model: Any, kind: str, own: bool) -> Callable[[Any], Any]:
    """The step of a kind as a function of ``(x, y, sample_weight)`` that assigns variables.

    Args:
        model: the model.
        kind: "train", "test" or "predict".
        own: whether the user has written the step.
    """
    method: Callable[..., Any] = getattr(model, f"{kind}_step")
    if not own:
        return method
    names = list(inspect.signature(method).parameters)
    if names[:2] == ["state", "data"]:
        return lambda data: _through_state(model, kind, method, pack_x_y_sample_weight(*data))
    return lambda data: method(pack_x_y_sample_weight(*data))


def _through_state(model: Any, kind: str, method: Callable[..., Any], data: Any) -> Any:
    """Run a step from state to state on the values in the boxes, and put the new ones in."""
    groups = [_group(model, name) for name in GROUPS[kind]]
    result = method(tuple([v.array for v in group] for group in groups), data)
    changed = groups[1:2] if kind == "predict" else groups
    if not isinstance(result, tuple) or len(result) != 2:
        raise _wrong(model, kind, result)
    logs, state = result
    state = (state,) if kind == "predict" else state
    if not isinstance(state, (tuple, list)) or [len(group) for group in state] != [
        len(group) for group in changed
    ]:
        raise _wrong(model, kind, result)
    for group, values in zip(changed, state, strict=True):
        _assign(group, values)
    return logs


def _group(model: Any, name: str) -> list[Variable]:
    if name == "optimizer":
        return [] if model.optimizer is None else list(model.optimizer.variables)
    return list(getattr(model, name))


def _assign(variables: Sequence[Variable], values: Sequence[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        if value is not variable.array:
            variable.assign(value)


def _wrong(model: Any, kind: str, result: Any) -> InputError:
    names = ", ".join(name.replace("optimizer", "optimizer_variables") for name in GROUPS[kind])
    wanted = f"(logs, state), the state being ({names})"
    if kind == "predict":
        wanted = "(outputs, non_trainable_variables)"
    return InputError(
        f"{type(model).__name__}.{kind}_step(self, state, data) must return {wanted}, each group with "
        f"as many values as it was given, but returned {type(result).__name__}."
    )

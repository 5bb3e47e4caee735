"""`CachedSteps`: the part of `Trainer` that makes compiled steps of its steps, and keeps them."""

from __future__ import annotations

from functools import partial
from typing import Any

from hornbeam.training.functions import StepFunctions
from hornbeam.training.replay import Parts, Replays
from hornbeam.training.steps import FusedSteps, Step, in_context
from hornbeam.training.styles import plain_step
from hornbeam.variables import Variable, structure_version


class CachedSteps(StepFunctions):
    """Steps by kind, which hold until a variable is made, frozen or unfrozen anywhere."""

    optimizer: Any
    jit_compile: Any
    _run_eagerly: bool
    _steps_cache: dict[Any, Any]

    def _forget_compiled(self) -> None:
        self._steps_cache = {}

    def _is_prepared(self, kind: str) -> bool:
        return (kind, structure_version()) in self._steps_cache

    def _step(self, kind: str) -> Step:
        """The compiled step of a kind: "train", "test" or "predict"."""
        model: Any = self
        key = (kind, structure_version())
        found = self._steps_cache.get(key)
        if found is None:
            stale = [k for k in self._steps_cache if k[0] == kind]
            variables = model._state_variables()
            for k in stale:
                old = self._steps_cache.pop(k)
                if k[0] == kind and _same(old, variables, self._trained()):
                    found = old
            if found is None:
                own = model._has_own_step(kind)
                step = plain_step(self, kind, own)
                fn = in_context(step, self, kind == "train")
                backend = model._model_backend()
                jit = self.jit_compile
                compiled = not self._run_eagerly and (jit is not False or backend.graphs)
                found = Step(fn, variables, backend, compiled, kind == "train", jit)
                if compiled and not own and not found.compiled:
                    found.replays = Replays(self._parts(kind), variables, backend)
                found.trained = self._trained()  # type: ignore[attr-defined]
            self._steps_cache[key] = found
        return found

    def _parts(self, kind: str) -> Parts:
        """The step of a kind, as it is not overridden, in two parts."""
        model: Any = self
        if kind == "train":
            variables = list(model.trainable_variables)
            update = partial(self.optimizer.apply, trainable_variables=variables)
            return Parts(in_context(model._measured, self, True), update if variables else _nothing)
        step = getattr(self, f"{kind}_step")
        return Parts(in_context(lambda data: (step(data), None), self, False), _nothing)

    def _trained(self) -> tuple[int, ...]:
        model: Any = self
        return tuple(id(v) for v in model.trainable_variables)

    def _fused_steps(self, kind: str, spec: Any, batch_size: int) -> FusedSteps:
        """Many steps of a kind in one compiled loop, over data of the structure `spec`."""
        model: Any = self
        key = (f"fused {kind}", structure_version(), spec, batch_size)
        found = self._steps_cache.get(key)
        if found is None:
            self._steps_cache = {k: v for k, v in self._steps_cache.items() if k[0] != key[0]}
            found = FusedSteps(self._step(kind), model.get_metrics_result, spec, batch_size)
            self._steps_cache[key] = found
        return found


def _nothing(_: Any) -> None:
    """What is left to do after a step that updates nothing."""


def _same(step: Any, variables: list[Variable], trained: tuple[int, ...]) -> bool:
    return [id(v) for v in step.given] == [id(v) for v in variables] and getattr(
        step, "trained", None
    ) == trained

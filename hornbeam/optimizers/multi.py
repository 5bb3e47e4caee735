"""Different optimizers for different variables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

from hornbeam.errors import InputError
from hornbeam.optimizers.optimizer import Optimizer
from hornbeam.saving.objects import (
    Configurable,
    CustomObjectScope,
    builtin,
    deserialize_keras_object,
    serialize_keras_object,
)
from hornbeam.variables import Variable


@builtin("keras.optimizers")
class OptimizerMap(Configurable, MutableMapping[str, Optimizer]):
    """Optimizers by the paths of variables: a function from a variable to its optimizer.

    A variable gets the optimizer of the one key that its whole path matches, as a regular expression,
    and without any the default one.

    Args:
        default_optimizer: the optimizer of variables whose paths match no key.
        optimizer_map: regular expression -> optimizer.

    Example:

    >>> import hornbeam
    >>> optimizers = hornbeam.optimizers.OptimizerMap(hornbeam.optimizers.SGD())
    >>> optimizers["encoder/.*"] = hornbeam.optimizers.Adam()
    >>> with hornbeam.name_scope("encoder"):
    ...     v = hornbeam.Variable([0.0], name="bias")
    >>> type(optimizers(v)).__name__
    'Adam'
    """

    def __init__(
        self, default_optimizer: Optimizer, optimizer_map: Mapping[str, Optimizer] | None = None
    ) -> None:
        self._default = _checked(default_optimizer)
        self._map: dict[str, Optimizer] = {}
        for key, optimizer in (optimizer_map or {}).items():
            self[key] = optimizer

    @property
    def default_optimizer(self) -> Optimizer:
        """The optimizer of variables whose paths match no key."""
        return self._default

    def __call__(self, variable: Any) -> Optimizer:
        """The optimizer of a variable."""
        return self[variable.path]

    def __getitem__(self, key: str) -> Optimizer:
        if key in self._map:
            return self._map[key]
        found = [pattern for pattern in self._map if re.fullmatch(pattern, key)]
        if len(found) > 1:
            raise InputError(
                f"The path {key!r} matches several keys of the OptimizerMap, {found}: make them more "
                "specific."
            )
        return self._map[found[0]] if found else self._default

    def __setitem__(self, key: str, optimizer: Optimizer) -> None:
        if key in self._map:
            raise InputError(f"The OptimizerMap has {key!r} already; delete it first.")
        self._map[key] = _checked(optimizer)

    def __delitem__(self, key: str) -> None:
        del self._map[key]

    def __contains__(self, key: object) -> bool:
        return key in self._map

    def __len__(self) -> int:
        return len(self._map)

    def __iter__(self) -> Iterator[str]:
        return iter(self._map)

    def __hash__(self) -> int:
        return id(self)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "default_optimizer": serialize_keras_object(self._default),
            "optimizer_map": {key: serialize_keras_object(o) for key, o in self._map.items()},
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> OptimizerMap:
        """A map from the result of `get_config`."""
        with CustomObjectScope(custom_objects or {}):
            return cls(**{key: deserialize_keras_object(value) for key, value in config.items()})


def _checked(optimizer: Any) -> Optimizer:
    if not isinstance(optimizer, Optimizer):
        raise InputError(f"An OptimizerMap holds optimizers, got {optimizer!r}.")
    return optimizer


@builtin("keras.optimizers")
class MultiOptimizer(Optimizer):
    """Passes each variable to an optimizer of its own.

    Args:
        optimizer_map: an `OptimizerMap`, or a function from a variable to an optimizer.
        loss_scale_factor: the loss is multiplied by it and the gradients are divided by it, by all
            optimizers.
        name: a name.

    Example:

    >>> import hornbeam
    >>> fast, slow = hornbeam.Variable([1.0], name="fast"), hornbeam.Variable([1.0], name="slow")
    >>> optimizers = hornbeam.optimizers
    >>> chosen = optimizers.OptimizerMap(optimizers.SGD(1.0), {"slow": optimizers.SGD(0.5)})
    >>> optimizers.MultiOptimizer(chosen).apply([[1.0], [1.0]], [fast, slow])
    >>> fast.numpy().tolist(), slow.numpy().tolist()
    ([0.0], [0.5])
    """

    def __init__(
        self,
        optimizer_map: Callable[[Variable], Optimizer],
        loss_scale_factor: float | None = None,
        name: str | None = None,
    ) -> None:
        if not callable(optimizer_map):
            raise InputError(
                f"MultiOptimizer takes an OptimizerMap or a function, got {optimizer_map!r}."
            )
        self._optimizer_map = optimizer_map
        self._groups: list[tuple[Optimizer, list[Variable]]] = []
        super().__init__(learning_rate=0.0, loss_scale_factor=loss_scale_factor, name=name)

    def build(self, var_list: Sequence[Variable]) -> None:
        """Choose an optimizer for each variable, and make their state.

        Args:
            var_list: the variables to be trained.
        """
        if self.built:
            return
        self._set_variables(var_list)
        for variable in self._trainable_variables:
            optimizer = _checked(self._optimizer_map(variable))
            for known, members in self._groups:
                if known is optimizer:
                    members.append(variable)
                    break
            else:
                self._groups.append((optimizer, [variable]))
        # the default optimizer comes last, as in files of Keras
        default = getattr(self._optimizer_map, "default_optimizer", None)
        self._groups.sort(key=lambda group: group[0] is default)
        for optimizer, members in self._groups:
            optimizer.loss_scale_factor = self._shared_scale
            optimizer.build(members)

    @property
    def optimizers(self) -> list[Optimizer]:
        """The optimizers in use, once the variables are known."""
        return [optimizer for optimizer, _ in self._groups]

    @property
    def variables(self) -> list[Variable]:
        """The own variables and those of all optimizers."""
        return [
            *self._variables,
            *(v for optimizer in self.optimizers for v in optimizer.variables),
        ]

    @property
    def learning_rate(self) -> Any:
        """There is no common one."""
        if self._learning_rate is None or self.built:
            raise AttributeError(
                f"{self.name!r} has no learning rate of its own: look at those of its `optimizers`."
            )
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if self._learning_rate is not None:
            raise AttributeError(
                f"{self.name!r} has no learning rate of its own: set those of its `optimizers`."
            )
        # the variable that files of Keras have at this place
        self._learning_rate = self.add_variable((), "zeros", name="learning_rate")

    @property
    def loss_scale_factor(self) -> float | None:
        """The factor of the loss that all optimizers take out of the gradients."""
        return self._shared_scale

    @loss_scale_factor.setter
    def loss_scale_factor(self, value: float | None) -> None:
        self._shared_scale = value
        for optimizer in self.optimizers:
            optimizer.loss_scale_factor = value

    def apply(
        self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None
    ) -> None:
        """Update variables, each by its optimizer.

        Args:
            grads: the gradients.
            trainable_variables: the variables they belong to; by default those of `build`.
        """
        if not len(grads):
            return
        given = self._variables_for(grads, trainable_variables)
        by_variable = {id(v): g for g, v in zip(grads, given, strict=True)}
        for optimizer, members in self._groups:
            present = [v for v in members if by_variable.get(id(v)) is not None]
            if present:
                optimizer.apply([by_variable[id(v)] for v in present], present)
        self._iterations.assign_add(1)

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """As each optimizer does at the end of training."""
        wanted = {id(v) for v in var_list}
        for optimizer, members in self._groups:
            optimizer.finalize_variable_values([v for v in members if id(v) in wanted])

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "optimizer_map": serialize_keras_object(self._optimizer_map),
            "loss_scale_factor": self._shared_scale,
            "name": self.name,
        }

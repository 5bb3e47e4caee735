"""The variables of optimizers: making, finding, storing and setting them."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from hornbeam import initializers
from hornbeam.backends import registry
from hornbeam.backends.protocol import Backend
from hornbeam.compat.methods import OldOptimizer
from hornbeam.errors import InputError
from hornbeam.naming import reset_path, set_path
from hornbeam.saving.objects import Configurable
from hornbeam.variables import Variable


class OptimizerState(OldOptimizer, Configurable):
    """What an optimizer remembers: variables of its own, and those that it trains."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.built = False
        self._variables: list[Variable] = []
        self._trainable_variables: list[Variable] = []
        self._index: dict[int, int] = {}

    def _backend(self) -> Backend:
        found = self._trainable_variables
        return found[0].backend if found else registry.current()

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "none",
        layout: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Make a variable of this optimizer.

        Args:
            shape: its shape.
            initializer: its first value.
            dtype: its dtype, by default `hornbeam.config.floatx`.
            aggregation: how copies on several devices are joined.
            layout: how it is spread over devices; only None has a meaning here.
            name: the last part of its path.
        """
        token = set_path(self.name)
        try:
            with registry.use_backend(self._backend()):
                variable = Variable(
                    initializers.get(initializer),
                    shape=shape,
                    dtype=dtype,
                    trainable=False,
                    autocast=False,
                    aggregation=aggregation,
                    name=name,
                )
        finally:
            reset_path(token)
        self._variables.append(variable)
        return variable

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """Make a variable of the shape and dtype of another.

        Args:
            reference_variable: the other.
            name: what it is, as "momentum"; its name is the other's path and this, joined by "_".
            initializer: its first value.
        """
        stem = reference_variable.path.replace("/", "_")
        return self.add_variable(
            reference_variable.shape,
            initializer,
            reference_variable.dtype,
            name=f"{stem}_{name}" if name else stem,
        )

    def add_optimizer_variables(
        self, trainable_variables: Sequence[Variable], name: Any, initializer: Any = "zeros"
    ) -> list[Any]:
        """Make a variable for each of the given ones.

        Args:
            trainable_variables: the variables.
            name: what they are, as "momentum"; or several names, for a list of each.
            initializer: their first value, or one for each name.
        """
        if isinstance(name, str):
            return [
                self.add_variable_from_reference(v, name, initializer) for v in trainable_variables
            ]
        values = [initializer] * len(name) if isinstance(initializer, str) else list(initializer)
        rows = [
            [self.add_variable_from_reference(v, n, i) for n, i in zip(name, values, strict=True)]
            for v in trainable_variables
        ]
        return [list(column) for column in zip(*rows, strict=True)]

    def _get_variable_index(self, variable: Variable) -> int:
        index = self._index.get(id(variable))
        if index is None:
            raise InputError(
                f"The optimizer {self.name!r} was built for other variables than "
                f"{getattr(variable, 'path', variable)!r}. Make a new optimizer for a new set of "
                "variables, or call compile() again."
            )
        return index

    @property
    def variables(self) -> list[Variable]:
        """The optimizer's own variables: iteration, learning rate, then its state."""
        return list(self._variables)

    # ------------------------------------------------------------- assignments, for `update_step`

    def assign(self, variable: Variable, value: Any) -> None:
        """Set a variable."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        """Add to a variable."""
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: Any) -> None:
        """Subtract from a variable."""
        variable.assign_sub(value)

    # --------------------------------------------------------------------------- storing

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Put the values of `variables` into `store` under "0", "1", ..."""
        for i, variable in enumerate(self.variables):
            store[str(i)] = variable.numpy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Set `variables` from what `save_own_variables` stored.

        Raises:
            InputError: if their number differs.
        """
        variables = self.variables
        if len(store.keys()) != len(variables):
            raise InputError(
                f"The file holds {len(store.keys())} variables of an optimizer, but {self.name!r} has "
                f"{len(variables)}" + ("." if self.built else "; build it first.")
            )
        for i, variable in enumerate(variables):
            variable.assign(store[str(i)])

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set the values of `variables`.

        Args:
            weights: arrays, as many and of the same shapes.
        """
        variables = self.variables
        if len(weights) != len(variables):
            raise InputError(
                f"The optimizer {self.name!r} has {len(variables)} variables, got {len(weights)} arrays."
            )
        for variable, value in zip(variables, weights, strict=True):
            variable.assign(value)

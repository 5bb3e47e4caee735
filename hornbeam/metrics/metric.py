"""`Metric`, the base of all metrics: a few variables, and how data change them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hornbeam import dtypes, initializers
from hornbeam.errors import InputError
from hornbeam.naming import reset_path, set_path, to_snake_case, unique_name
from hornbeam.saving.objects import Configurable, builtin
from hornbeam.variables import Variable, pure


@builtin("keras.metrics")
class Metric(Configurable):
    """A running figure about data that come in batches.

    A metric of your own makes its variables in ``__init__`` with `add_variable`, changes them in
    ``update_state``, and computes its value from them in ``result``.

    Args:
        dtype: the dtype of the variables and the result; by default `hornbeam.config.floatx`.
        name: a name for logs; by default the class name in snake case, numbered.

    Example:

    >>> import hornbeam
    >>> from hornbeam import ops
    >>> class Largest(hornbeam.metrics.Metric):
    ...     def __init__(self, name="largest", **kwargs):
    ...         super().__init__(name=name, **kwargs)
    ...         self.largest = self.add_variable((), "zeros", name="largest")
    ...     def update_state(self, values, sample_weight=None):
    ...         self.largest.assign(ops.maximum(self.largest, ops.max(values)))
    ...     def result(self):
    ...         return self.largest.value
    >>> metric = Largest()
    >>> metric.update_state([1.0, 3.0])
    >>> float(metric(ops.zeros(2)))
    3.0
    """

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name = (
            str(name) if name is not None else unique_name(to_snake_case(type(self).__name__))
        )
        self._dtype = dtypes.standardize(dtype)
        self._variables: list[Variable] = []

    @property
    def dtype(self) -> str:
        """The dtype of the variables and the result."""
        return self._dtype

    # -------------------------------------------------------------------------------------- state

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any,
        dtype: Any = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """Make a variable of this metric.

        Args:
            shape: its shape.
            initializer: its first value, which `reset_state` does not restore: that writes zeros.
            dtype: its dtype, by default the metric's.
            aggregation: how copies on several devices are joined.
            name: the last part of its path.
        """
        token = set_path(self.name)
        try:
            variable = Variable(
                initializers.get(initializer),
                shape=shape,
                dtype=dtype or self.dtype,
                trainable=False,
                autocast=False,
                aggregation=aggregation,
                name=name,
            )
        finally:
            reset_path(token)
        self._variables.append(variable)
        return variable

    def add_weight(
        self,
        shape: Sequence[int] = (),
        initializer: Any = None,
        dtype: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Make a variable of this metric; as `add_variable`, with zeros as first value."""
        return self.add_variable(shape, initializer or "zeros", dtype=dtype, name=name)

    @property
    def variables(self) -> list[Variable]:
        """The metric's variables, and those of metrics that its attributes hold."""
        found = {id(v): v for v in self._variables}
        for key, value in self.__dict__.items():
            if key != "_arguments":
                found.update((id(v), v) for metric in _metrics_in(value) for v in metric.variables)
        return list(found.values())

    # ----------------------------------------------------------------------- what subclasses define

    def update_state(self, *args: Any, **kwargs: Any) -> Any:
        """Take in a batch; subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} must define `update_state`.")

    def result(self) -> Any:
        """The figure for all data since the last reset; subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} must define `result`.")

    def reset_state(self) -> None:
        """Forget all data: set the variables to zero."""
        for variable in self.variables:
            variable.assign(initializers.Zeros()(variable.shape, variable.dtype))

    def reset_states(self) -> None:
        """`reset_state`, as it was spelled in Keras 2."""
        self.reset_state()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Take in a batch and return the figure for all data so far."""
        self.update_state(*args, **kwargs)
        return self.result()

    # ---------------------------------------------------------------------------- as pure functions

    def stateless_update_state(
        self, metric_variables: Sequence[Any], *args: Any, **kwargs: Any
    ) -> list[Any]:
        """The values of the variables after `update_state`; the variables themselves do not change.

        Args:
            metric_variables: the values before, in the order of `variables`.
            *args: the arguments of `update_state`.
            **kwargs: the arguments of `update_state`.
        """
        values = self._checked(metric_variables)
        _, new = pure(lambda: self.update_state(*args, **kwargs), self.variables, values)
        return new

    def stateless_result(self, metric_variables: Sequence[Any]) -> Any:
        """The result for given values of the variables."""
        result, _ = pure(self.result, self.variables, self._checked(metric_variables))
        return result

    def stateless_reset_state(self) -> list[Any]:
        """The values of the variables after `reset_state`."""
        variables = self.variables
        _, new = pure(self.reset_state, variables, [v._value for v in variables])
        return new

    def _checked(self, values: Sequence[Any]) -> list[Any]:
        variables = self.variables
        if len(values) != len(variables):
            raise InputError(
                f"Metric {self.name!r} has {len(variables)} variables, got {len(values)} values for "
                f"them.{'' if variables else ' It makes them at its first update.'}"
            )
        return [v.backend.asarray(value) for v, value in zip(variables, values, strict=True)]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def _metrics_in(value: Any) -> Iterator[Metric]:
    if isinstance(value, Metric):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _metrics_in(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _metrics_in(item)

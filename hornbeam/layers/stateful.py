"""`Stateful`: the half of a layer that holds variables and losses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import Any

from hornbeam import dtypes, initializers, regularizers, tree
from hornbeam.backends import registry
from hornbeam.backends.symbolic import KerasTensor
from hornbeam.errors import InputError
from hornbeam.layers import call_context, state
from hornbeam.saving.objects import Configurable
from hornbeam.scopes import stateless_scope
from hornbeam.variables import Variable

_attributes = 0


def attributes_version() -> int:
    """A number that changes whenever a public attribute of a layer is set to something else.

    Only from the first time on that somebody asks: it makes setting attributes slower, a tenth of the
    time that building a deep model takes.
    """
    if Stateful.__setattr__ is not _set_and_count:
        Stateful.__setattr__ = _set_and_count  # type: ignore[method-assign, assignment]
    return _attributes


def _set_and_count(self: Stateful, name: str, value: Any) -> None:
    if name[0] != "_" and name not in self._untracked and self.__dict__.get(name) is not value:
        global _attributes
        _attributes += 1
    object.__setattr__(self, name, value)


class Stateful(Configurable):
    """Variables, found by walking the attributes, and losses; `Layer` adds the calls."""

    name: str
    built: bool
    dtype_policy: Any
    _trainable: bool
    _added_weights: list[Variable]
    _losses: list[Any]
    _path: str
    _untracked: frozenset[str] = frozenset({"_arguments", "inbound_nodes", "_losses", "_lossy"})

    # ---------------------------------------------------------------------------------- variables

    def add_weight(
        self,
        *args: Any,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Make a variable of this layer.

        Args:
            *args: the shape, the initializer and the dtype may be given by position.
            shape: its shape; () by default.
            initializer: name, instance or function; "glorot_uniform" for floats, else zeros.
            dtype: its dtype; by default that of the layer's dtype policy.
            trainable: whether training changes it.
            autocast: whether it is seen in the compute dtype during `call`.
            regularizer: its penalty, added to `losses`.
            constraint: a projection applied after each update.
            aggregation: how copies on several devices are joined.
            overwrite_with_gradient: whether an update replaces the value by the gradient.
            name: the last part of its path.
        """
        given = {"shape": shape, "initializer": initializer, "dtype": dtype}
        shape, initializer, dtype = _by_position(args, given, self.path)
        wanted = dtypes.standardize(dtype) if dtype is not None else self.variable_dtype
        if initializer is None:
            initializer = "glorot_uniform" if dtypes.is_float(wanted) else "zeros"
        sizes = (shape,) if isinstance(shape, int) else tuple(shape or ())
        if any(d is None for d in sizes):
            raise InputError(
                f"Layer {self.path!r} cannot make a variable of shape {sizes}: a size that the weights "
                "depend on was left open. Give it in `Input(shape=...)`."
            )
        without_value = registry.current().symbolic
        variable = Variable(
            _no_value if without_value else initializers.get(initializer),
            shape=sizes,
            dtype=wanted,
            trainable=trainable,
            autocast=autocast,
            aggregation=aggregation,
            name=name,
            regularizer=regularizers.get(regularizer),
            constraint=_constraint(constraint),
        )
        variable.overwrite_with_gradient = overwrite_with_gradient
        if not self._trainable:
            variable.trainable = False
        self._added_weights.append(variable)
        return variable

    def add_variable(
        self,
        shape: Any,
        initializer: Any,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        name: str | None = None,
    ) -> Variable:
        """`add_weight` with arguments by position.

        Args:
            shape: the variable's shape.
            initializer: name, instance or function.
            dtype: its dtype; by default that of the layer's dtype policy.
            trainable: whether training changes it.
            autocast: whether it is seen in the compute dtype during `call`.
            regularizer: its penalty, added to `losses`.
            constraint: a projection applied after each update.
            name: the last part of its path.
        """
        return self.add_weight(
            shape=shape,
            initializer=initializer,
            dtype=dtype,
            trainable=trainable,
            autocast=autocast,
            regularizer=regularizer,
            constraint=constraint,
            name=name,
        )

    def add_metric(self, *args: Any, **kwargs: Any) -> None:
        """Refused: metrics are attributes, or given to ``compile``.

        Args:
            *args, **kwargs: what Keras 2 took.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            f"Layer {self.path!r}: add_metric() is gone since Keras 3. Make the metric an attribute of "
            "the layer in __init__() and call its update_state() in call(), or pass it to "
            "compile(metrics=[...])."
        )

    def _own_variables(self) -> list[Variable]:
        """The layer's own variables, without those of layers below it."""
        return state.own_variables(self)

    def _loop_states(self) -> list[Variable]:
        """Variables that are carried from call to call, but are no weights."""
        return []

    def _flatten_layers(self) -> list[Any]:
        """This layer and all layers below it, each once."""
        return state.found_on(self, "layers", self._find_layers)

    def _find_layers(self) -> list[Any]:
        found: dict[int, Any] = {id(self): self}
        stack: list[Iterator[Any]] = [state.members(self, (Stateful,))]
        while stack:
            layer = next(stack[-1], None)
            if layer is None:
                stack.pop()
            elif id(layer) not in found:
                found[id(layer)] = layer
                stack.append(state.members(layer, (Stateful,)))
        return list(found.values())

    @property
    def weights(self) -> list[Variable]:
        """All variables but the states of seeds and metrics."""
        return state.found_on(self, "weights", self._find_weights)

    def _find_weights(self) -> list[Variable]:
        layers = self._flatten_layers()
        return state.unique([v for layer in layers for v in state.own_variables(layer)])

    @property
    def variables(self) -> list[Variable]:
        """All variables, the states of seeds included (metrics' are not)."""
        return self.weights + state.unique(
            [v for layer in self._flatten_layers() for v in state.own_seeds(layer)]
        )

    @property
    def trainable_weights(self) -> list[Variable]:
        """The variables that training changes."""
        return state.found_on(self, "trainable", self._find_trainable_weights)

    def _find_trainable_weights(self) -> list[Variable]:
        frozen = {
            id(v)
            for layer in self._flatten_layers()
            if not layer.trainable
            for v in state.own_variables(layer)
        }
        return [v for v in self.weights if v.trainable and id(v) not in frozen]

    @property
    def trainable_variables(self) -> list[Variable]:
        """The variables that training changes."""
        return self.trainable_weights

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The variables that training leaves alone, without the states of seeds."""
        trained = {id(v) for v in self.trainable_weights}
        return [v for v in self.weights if id(v) not in trained]

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The variables that training leaves alone, the states of seeds included."""
        trained = {id(v) for v in self.trainable_weights}
        return [v for v in self.variables if id(v) not in trained]

    @property
    def metrics(self) -> list[Any]:
        """The metrics of this layer and of those below it."""
        return state.unique(
            [m for layer in self._flatten_layers() for m in state.own_metrics(layer)]
        )

    @property
    def metrics_variables(self) -> list[Variable]:
        """The variables of `metrics`."""
        return state.unique([v for metric in self.metrics for v in metric.variables])

    @property
    def trainable(self) -> bool:
        """Whether training changes this layer's variables; setting it sets the layers below too."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self._flatten_layers():
            layer._trainable = bool(value)
            for variable in state.own_variables(layer):
                if variable.born_trainable:
                    variable.trainable = bool(value)

    def get_weights(self) -> list[Any]:
        """The values of `weights`, as NumPy arrays."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set the values of `weights`.

        Args:
            weights: arrays, as many and of the same shapes as `get_weights` returns.

        Raises:
            InputError: if number or shapes differ; nothing is changed then.
        """
        variables = self.weights
        if len(variables) != len(weights):
            raise InputError(
                f"Layer {self.name!r} has {len(variables)} weights, but set_weights() got "
                f"{len(weights)}."
                + ("" if self.built else " It is not built yet: call it once first.")
            )
        for variable, value in zip(variables, weights, strict=True):
            if tuple(getattr(value, "shape", ())) != variable.shape:
                raise InputError(
                    f"set_weights() got shape {tuple(getattr(value, 'shape', ()))} for "
                    f"{variable.path!r} of shape {variable.shape}."
                )
        for variable, value in zip(variables, weights, strict=True):
            variable.assign(value)

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Put the values of the layer's own weights into `store`, under "0", "1" and so on."""
        for index, variable in enumerate(state.own_variables(self)):
            store[str(index)] = variable.numpy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Set the layer's own weights from what `save_own_variables` stored.

        Raises:
            InputError: if `store` holds more or fewer values than the layer has weights of its own.
        """
        variables = state.own_variables(self)
        if len(variables) != len(store):
            raise InputError(
                f"Layer {self.path!r} has {len(variables)} weights of its own, but the store holds "
                f"{len(store)}."
                + ("" if self.built else " It is not built yet: call it on data first.")
            )
        for index, variable in enumerate(variables):
            variable.assign(store[str(index)])

    def count_params(self) -> int:
        """How many numbers the weights hold.

        Raises:
            InputError: if the layer is not built yet.
        """
        if not self.built and not self.weights:
            raise InputError(
                f"Layer {self.name!r} has no weights to count yet: they are made when it is first "
                "called, or by `build(input_shape)`."
            )
        return sum(_size(v.shape) for v in self.weights)

    # -------------------------------------------------------------------------------------- losses

    def add_loss(self, loss: Any) -> None:
        """Add a scalar, or a list of them, to the losses of this call."""
        context = call_context.current.get()
        if context is not None and not any(layer is self for layer in context.loss_layers):
            self._set_losses([])
            context.loss_layers.append(self)
        added = [x for x in tree.flatten(loss) if not isinstance(x, KerasTensor)]
        self._set_losses([*self._losses, *added])
        scope = stateless_scope()
        if scope is not None and scope.collect_losses:
            for value in added:
                scope.add_loss(value)

    def _set_losses(self, losses: list[Any]) -> None:
        self._keep_losses()
        self._losses = losses

    def _keep_losses(self) -> None:
        """Let an open `StatelessScope` give the losses back that the layer has now."""
        scope = stateless_scope()
        if scope is not None:
            scope.keep(self)

    @property
    def losses(self) -> list[Any]:
        """The losses added by the last call, and the penalties of regularized weights."""
        from hornbeam import ops

        added = [loss for layer in self._flatten_layers() for loss in layer._losses]
        penalties = [
            ops.cast(v.regularizer(v), v.dtype)
            for v in self.trainable_weights
            if v.regularizer is not None
        ]
        return added + penalties

    def _clear_losses(self) -> None:
        for layer in self._flatten_layers():
            layer._set_losses([])

    # ------------------------------------------------------------------------------- dtypes, paths

    @property
    def dtype(self) -> str:
        """The dtype of the variables."""
        return self.variable_dtype

    @property
    def variable_dtype(self) -> str:
        """The dtype of the variables."""
        return str(self.dtype_policy.variable_dtype)

    @property
    def compute_dtype(self) -> str:
        """The dtype of the computations."""
        return str(self.dtype_policy.compute_dtype)

    @property
    def input_dtype(self) -> str:
        """The dtype that floating inputs are cast to."""
        return self.compute_dtype

    @property
    def path(self) -> str:
        """The names of the layers around this one, and its own, joined by slashes."""
        return self._path or self.name


def _by_position(args: tuple[Any, ...], given: dict[str, Any], path: str) -> tuple[Any, ...]:
    """Shape, initializer and dtype of `add_weight`, which may come by position or by name."""
    if args and isinstance(args[0], str):
        raise InputError(
            f"Layer {path!r}: add_weight() takes the shape first; pass the name as "
            f"`add_weight(shape=..., name={args[0]!r})`."
        )
    if len(args) > len(given):
        raise InputError(
            f"Layer {path!r}: add_weight() takes {', '.join(given)} by position and the rest by name, "
            f"got {len(args)} positional arguments."
        )
    for name, value in zip(given, args, strict=False):
        if given[name] is not None:
            raise InputError(f"Layer {path!r}: add_weight() got `{name}` by position and by name.")
        given[name] = value
    return tuple(given.values())


def _constraint(identifier: Any) -> Any:
    from hornbeam import constraints

    return constraints.get(identifier)


def _no_value(shape: Sequence[int], dtype: Any) -> KerasTensor:
    return KerasTensor(shape, dtype)


def _size(shape: Sequence[int]) -> int:
    total = 1
    for d in shape:
        total *= d
    return total

"""`Operation`: what stands at a node of a graph; layers, ops and functions are operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hornbeam import tree
from hornbeam.backends import registry
from hornbeam.backends.symbolic import KerasTensor, is_recording, not_recording
from hornbeam.errors import InputError
from hornbeam.naming import to_snake_case, unique_name
from hornbeam.ops.node import Node
from hornbeam.saving.objects import (
    Configurable,
    automatic_config,
    constructor_parameters,
    makes_plain,
)


class Operation(Configurable):
    """A function of arrays with a name, which leaves a node in the graph of a functional model.

    A class derived from it defines `call`, in ops and operators.  On symbolic tensors its outputs are
    found by running it on them, or as `compute_output_spec` says if the class defines that.  An
    operation has no variables: what has some is a `Layer`.

    Args:
        name: the operation's name, unique within a model.

    Raises:
        InputError: if the name is no string, or holds a slash.

    Example:

    >>> import hornbeam
    >>> class Scale(hornbeam.Operation):
    ...     def __init__(self, factor, name=None):
    ...         super().__init__(name=name)
    ...         self.factor = factor
    ...     def call(self, x):
    ...         return x * self.factor
    >>> double = Scale(2.0, name="double")
    >>> double(hornbeam.ops.ones((2,))).tolist(), double(hornbeam.Input((3,))).shape
    ([2.0, 2.0], (None, 3))
    >>> Scale.from_config(double.get_config()).get_config()
    {'factor': 2.0, 'name': 'double'}
    """

    name: str
    inbound_nodes: list[Node]

    def __init__(self, name: str | None = None) -> None:
        if name is not None and (not isinstance(name, str) or "/" in name):
            raise InputError(f"An operation's name is a string without '/', got {name!r}.")
        self.name = name or unique_name(to_snake_case(type(self).__name__))
        self.inbound_nodes = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`call` on arrays; on symbolic tensors `symbolic_call`."""
        if "inbound_nodes" not in self.__dict__:
            raise InputError(
                f"{type(self).__name__}.__init__() must call `super().__init__(name=name)` first."
            )
        if not any(isinstance(leaf, KerasTensor) for leaf in tree.flatten((args, kwargs))):
            return self.call(*args, **kwargs)
        if is_recording():
            return self.symbolic_call(*args, **kwargs)
        return self.compute_output_spec(*args, **kwargs)

    @makes_plain
    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal operation with ``from_config``."""
        config = automatic_config(self)
        if "name" in constructor_parameters(type(self)):
            config["name"] = self.name
        return config

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; subclasses define it.

        Args:
            *args, **kwargs: arrays, nested in any way, and whatever else the operation takes.
        """
        raise NotImplementedError(
            f"Operation {self.name!r}: the class {type(self).__name__} must define `call(self, ...)`."
        )

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """`compute_output_spec`, leaving a graph node.

        Args:
            *args, **kwargs: as for `call`, with symbolic tensors for arrays.
        """
        outputs = apart(self.compute_output_spec(*args, **kwargs), (args, kwargs))
        Node(self, args, kwargs, outputs)
        return outputs

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """The symbolic outputs for symbolic inputs; what `call` gives for them.

        Args:
            *args, **kwargs: as for `call`, with symbolic tensors for arrays.
        """
        with not_recording():
            return self.call(*args, **kwargs)

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        """What `call` computes: an operation has no weights that could be quantized.

        Args:
            *args, **kwargs: as for `call`.
        """
        return self.call(*args, **kwargs)

    def rematerialized_call(
        self, fn: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Callable[..., Any]:
        """`fn` such that what it computes is not kept for the gradient but computed again.

        This needs less memory and more time; engines that cannot do it keep everything.

        Args:
            fn: the operation's `call`, or another function of arrays.
            *args, **kwargs: have no effect.

        Returns:
            A function of the same arguments.
        """

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            leaves = tree.flatten((args, kwargs))
            places = [i for i, x in enumerate(leaves) if registry.engine_of(type(x)) is not None]
            if not places or any(isinstance(leaf, KerasTensor) for leaf in leaves):
                return fn(*args, **kwargs)

            def run(arrays: list[Any]) -> Any:
                new = dict(zip(places, arrays, strict=True))
                mixed = [new.get(i, leaf) for i, leaf in enumerate(leaves)]
                again, named = tree.pack_sequence_as((args, kwargs), mixed)
                return fn(*again, **named)

            backend = registry.engine_of(type(leaves[places[0]])) or registry.current()
            return backend.remat(run)([leaves[i] for i in places])

        return wrapped

    @property
    def input(self) -> Any:
        """The symbolic input of the operation's only call."""
        node = self._only_node()
        return node.inputs[0] if len(node.inputs) == 1 else node.inputs

    @property
    def output(self) -> Any:
        """The symbolic output of the operation's only call."""
        return self._only_node().outputs

    def _only_node(self) -> Node:
        if len(self.inbound_nodes) != 1:
            raise AttributeError(
                f"{self._noun} {self.name!r} has been called on symbolic tensors "
                f"{len(self.inbound_nodes)} times, so it has no single input and output."
            )
        return self.inbound_nodes[0]

    _noun = "Operation"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def apart(outputs: Any, inputs: Any) -> Any:
    """`outputs`, of which those that are inputs too become tensors of their own."""
    given = {id(leaf) for leaf in tree.flatten(inputs) if isinstance(leaf, KerasTensor)}

    def separate(leaf: Any) -> Any:
        if id(leaf) not in given:
            return leaf
        made = KerasTensor(leaf.shape, leaf.dtype)
        made._mask = leaf._mask
        return made

    single = type(outputs) is KerasTensor
    return separate(outputs) if single else tree.map_structure(separate, outputs)


__all__ = ["Operation", "apart"]

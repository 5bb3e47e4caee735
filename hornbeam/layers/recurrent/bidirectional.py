"""`Bidirectional`: a recurrent layer in both directions."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam.errors import InputError
from hornbeam.layers.core.wrapper import Wrapper
from hornbeam.layers.layer import Layer
from hornbeam.saving.objects import builtin, serialize_keras_object

MODES = ("sum", "mul", "concat", "ave", None)


@builtin("keras.layers")
class Bidirectional(Wrapper):
    """A recurrent layer that goes through time in both directions, and joins what it finds.

    Args:
        layer: a recurrent layer, for the forward direction; a copy of it goes backward.
        merge_mode: how the outputs are joined: "concat", "sum", "mul", "ave", or None for a list.
        weights: first values for the weights of both layers, as for `set_weights`.
        backward_layer: a layer for the backward direction, with ``go_backwards=True``.
        **kwargs: see `Layer`.

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.Bidirectional(hornbeam.layers.LSTM(4))
    >>> layer(hornbeam.ops.ones((2, 10, 3))).shape
    (2, 8)
    """

    _unsaved = frozenset({"weights"})
    _untracked = Wrapper._untracked | {"layer"}  # the pattern of the two layers, not a third one

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ) -> None:
        if merge_mode not in MODES:
            raise InputError(
                f"Bidirectional: `merge_mode` must be one of {MODES}, got {merge_mode!r}."
            )
        super().__init__(layer, **kwargs)
        self.merge_mode = merge_mode
        self.forward_layer = _renamed_copy(layer, f"forward_{layer.name}")
        if backward_layer is None:
            backward = not getattr(layer, "go_backwards", False)
            name = f"backward_{layer.name}"
            self.backward_layer = _renamed_copy(layer, name, go_backwards=backward)
            self._own_backward = False
        else:
            self.backward_layer = backward_layer
            self._own_backward = True
        self._check_pair()
        self._first_weights = weights
        self.stateful = getattr(layer, "stateful", False)
        self.return_sequences = getattr(layer, "return_sequences", False)
        self.return_state = getattr(layer, "return_state", False)
        self.supports_masking = True

    def _check_pair(self) -> None:
        forward, backward = self.forward_layer, self.backward_layer
        if not hasattr(forward, "go_backwards") or not hasattr(backward, "go_backwards"):
            raise InputError(
                f"Bidirectional: `layer` must be a recurrent layer, got {type(forward).__name__}."
            )
        if forward.go_backwards == backward.go_backwards:
            raise InputError("Bidirectional: the two layers must differ in `go_backwards`.")
        for name in ("stateful", "return_sequences", "return_state"):
            if getattr(forward, name) != getattr(backward, name):
                raise InputError(f"Bidirectional: the two layers must agree in `{name}`.")

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Build both layers."""
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)
                layer.built = True
        if self._first_weights is not None:
            self.set_weights(self._first_weights)
            self._first_weights = None

    def call(
        self,
        sequences: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: bool = False,
    ) -> Any:
        """The outputs of both directions, joined, and the states if asked for."""
        states = list(initial_state) if initial_state is not None else None
        half = len(states) // 2 if states is not None else 0
        extra = {"mask": mask, "training": training}
        first = None if states is None else states[:half]
        second = None if states is None else states[half:]
        forward = self.forward_layer(sequences, initial_state=first, **extra)
        backward = self.backward_layer(sequences, initial_state=second, **extra)
        found: list[Any] = []
        if self.return_state:
            found = [*forward[1:], *backward[1:]]
            forward, backward = forward[0], backward[0]
        if self.return_sequences:
            backward = ops.flip(backward, axis=1)
        output = self._joined(forward, backward)
        if not self.return_state:
            return output
        return (*output, *found) if self.merge_mode is None else (output, *found)

    def _joined(self, forward: Any, backward: Any) -> Any:
        if self.merge_mode is None:
            return (forward, backward)
        if self.merge_mode == "concat":
            return ops.concatenate([forward, backward], axis=-1)
        if self.merge_mode == "mul":
            return ops.multiply(forward, backward)
        total = ops.add(forward, backward)
        return total if self.merge_mode == "sum" else ops.divide(total, 2)

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:  # type: ignore[override]
        """The shape of the output, or of output and states."""
        return super().compute_output_shape(sequences_shape, initial_state_shape)

    def compute_mask(self, _: Any, mask: Any = None) -> Any:
        """The mask of the input for the outputs of all steps; None for the rest."""
        output_mask = mask if self.return_sequences else None
        masks = [output_mask, output_mask] if self.merge_mode is None else [output_mask]
        if self.return_state:
            masks += [None] * (len(self.states_like) * 2)
        return masks if len(masks) > 1 else masks[0]

    @property
    def states_like(self) -> list[Any]:
        """The sizes of the states of one direction."""
        size = self.forward_layer.cell.state_size
        return list(size) if isinstance(size, (list, tuple)) else [size]

    @property
    def states(self) -> Any:
        """The states of both stateful layers, or None."""
        first, second = self.forward_layer.states, self.backward_layer.states
        return None if first is None else (*first, *second)

    def reset_state(self) -> None:
        """Let both stateful layers begin with their first states again."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            **Layer.get_config(self),
            "merge_mode": self.merge_mode,
            "layer": serialize_keras_object(self.layer),
            "backward_layer": serialize_keras_object(self.backward_layer),
        }


def _renamed_copy(layer: Any, name: str, **changes: Any) -> Any:
    config = {**layer.get_config(), "name": name, **changes}
    return type(layer).from_config(config)

"""Methods and properties that models, layers and optimizers had in Keras 1 and 2, as mix-ins.

Each does what it did, in terms of the method that replaced it, with a DeprecationWarning that names
that one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from hornbeam.compat.renames import METHOD_WORDS, takes_old_words, warn_caller
from hornbeam.errors import InputError, UnsupportedError

T = TypeVar("T")


class OldProperty:
    """A property that an assignment to the instance replaces, so that subclasses may use its name."""

    def __init__(self, get: Callable[[Any], Any]) -> None:
        self._get = get
        self.__doc__ = get.__doc__

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else self._get(instance)


def takes_methods_words(kind: T) -> T:
    """A class decorator: the methods that `METHOD_WORDS` lists take their old words too."""
    for name in METHOD_WORDS:
        setattr(kind, name, takes_old_words(getattr(kind, name)))
    return kind


class OldModel:
    """What models could do in Keras 1 and 2."""

    def fit_generator(
        self,
        generator: Any,
        steps_per_epoch: int | None = None,
        epochs: int = 1,
        verbose: Any = 1,
        callbacks: Any = None,
        validation_data: Any = None,
        validation_steps: int | None = None,
        class_weight: Any = None,
        shuffle: bool = True,
        initial_epoch: int = 0,
        validation_freq: Any = 1,
        samples: int | None = None,
        validation_samples: int | None = None,
    ) -> Any:
        """`fit` on an iterable of batches.

        Args:
            generator: yields (x, y) or (x, y, sample_weight).
            steps_per_epoch: batches per epoch.
            epochs: the epoch to train up to.
            verbose: as for `fit`.
            callbacks: as for `fit`.
            validation_data: as for `fit`.
            validation_steps: batches to validate on.
            class_weight: as for `fit`.
            shuffle: as for `fit`.
            initial_epoch: as for `fit`.
            validation_freq: as for `fit`.
            samples: rows per epoch, instead of `steps_per_epoch`; was `samples_per_epoch`.
            validation_samples: rows to validate on, instead of `validation_steps`; was
                `nb_val_samples`.
        """
        warn_caller(
            "fit_generator() is `fit` now: write model.fit(generator, steps_per_epoch=...)."
        )
        generator, steps_per_epoch = _in_steps(generator, samples, steps_per_epoch)
        if validation_samples is not None:
            validation_data, validation_steps = _in_steps(
                validation_data, validation_samples, validation_steps
            )
        return self.fit(  # type: ignore[attr-defined]
            generator,
            steps_per_epoch=steps_per_epoch,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_data=validation_data,
            validation_steps=validation_steps,
            class_weight=class_weight,
            shuffle=shuffle,
            initial_epoch=initial_epoch,
            validation_freq=validation_freq,
        )

    def evaluate_generator(
        self,
        generator: Any,
        steps: int | None = None,
        callbacks: Any = None,
        verbose: Any = 0,
        samples: int | None = None,
    ) -> Any:
        """`evaluate` on an iterable of batches.

        Args:
            generator: yields (x, y) or (x, y, sample_weight).
            steps: batches to measure.
            callbacks: as for `evaluate`.
            verbose: as for `evaluate`.
            samples: rows to measure, instead of `steps`; was `val_samples`.
        """
        warn_caller("evaluate_generator() is `evaluate` now: write model.evaluate(generator).")
        generator, steps = _in_steps(generator, samples, steps)
        return self.evaluate(  # type: ignore[attr-defined]
            generator, steps=steps, callbacks=callbacks, verbose=verbose
        )

    def predict_generator(
        self,
        generator: Any,
        steps: int | None = None,
        callbacks: Any = None,
        verbose: Any = 0,
        samples: int | None = None,
    ) -> Any:
        """`predict` on an iterable of batches.

        Args:
            generator: yields x, or tuples that begin with x.
            steps: batches to predict.
            callbacks: as for `predict`.
            verbose: as for `predict`.
            samples: rows to predict, instead of `steps`; was `val_samples`.
        """
        warn_caller("predict_generator() is `predict` now: write model.predict(generator).")
        generator, steps = _in_steps(generator, samples, steps)
        return self.predict(  # type: ignore[attr-defined]
            generator, steps=steps, callbacks=callbacks, verbose=verbose
        )

    def predict_proba(self, x: Any, batch_size: int | None = None, verbose: Any = 0) -> Any:
        """`predict`, for classifiers.

        Args:
            x: the inputs.
            batch_size: rows per step, 32 by default.
            verbose: as for `predict`.
        """
        warn_caller("predict_proba() is `predict` now: write model.predict(x).")
        return self.predict(x, batch_size=batch_size, verbose=verbose)  # type: ignore[attr-defined]

    def predict_classes(self, x: Any, batch_size: int | None = None, verbose: Any = 0) -> Any:
        """The most probable class of each row; of one sigmoid output, whether it is above 0.5.

        Args:
            x: the inputs.
            batch_size: rows per step, 32 by default.
            verbose: as for `predict`.

        Returns:
            Integers of shape (batch, ...), with a last axis of 1 for one output.
        """
        warn_caller(
            "predict_classes() is gone: write model.predict(x).argmax(-1), or "
            "(model.predict(x) > 0.5).astype('int32') for one output."
        )
        found = self.predict(x, batch_size=batch_size, verbose=verbose)  # type: ignore[attr-defined]
        return found.argmax(-1) if found.shape[-1] > 1 else (found > 0.5).astype("int32")

    def to_yaml(self, **kwargs: Any) -> str:
        """The architecture as YAML; it is the text of `to_json`, for JSON is YAML too.

        Args:
            **kwargs: what the writer of YAML was told; without effect.
        """
        warn_caller("to_yaml() is gone: write model.to_json().")
        return str(self.to_json())  # type: ignore[attr-defined]

    def reset_states(self) -> None:
        """Start the states of stateful layers from zero."""
        warn_caller(
            "Model.reset_states() is gone: write layer.reset_state() for the stateful layers."
        )
        for layer in self._flatten_layers():  # type: ignore[attr-defined]
            if layer is not self and hasattr(layer, "reset_state"):
                layer.reset_state()

    def _show_accuracy(self) -> None:
        """Measure the accuracy too, which `fit` and `evaluate` of Keras 0.3 were told to."""
        model: Any = self
        if model._compile_metrics is None:
            given = {**model._compile_arguments, "metrics": ["accuracy"]}
            model.compile(**{**given, "optimizer": model.optimizer})


def _in_steps(batches: Any, samples: int | None, steps: int | None) -> tuple[Any, int | None]:
    """The batches, and in how many of them there are `samples` rows; looks at the first batch."""
    if samples is None:
        return batches, steps
    rows = getattr(batches, "batch_size", None)
    if rows is None:
        iterator: Iterator[Any] = iter(batches)
        first = next(iterator, None)
        if first is None:
            raise InputError("The generator is empty.")
        rows, batches = _rows(first), _chained(first, iterator)
    return batches, math.ceil(samples / rows)


def _chained(first: Any, rest: Iterable[Any]) -> Iterator[Any]:
    yield from itertools.chain([first], rest)


def _rows(batch: Any) -> int:
    while isinstance(batch, (list, tuple, dict)):
        batch = next(iter(batch.values() if isinstance(batch, dict) else batch))
    return len(batch)


class OldLayer:
    """What layers could do in Keras 1 and 2."""

    def get_output_shape_for(self, input_shape: Any) -> Any:
        """`compute_output_shape`.

        Args:
            input_shape: the shape of the input, with its batch axis.
        """
        warn_caller("get_output_shape_for() is spelled compute_output_shape() now.")
        return self.compute_output_shape(input_shape)  # type: ignore[attr-defined]

    def _call_at(self, index: int) -> Any:
        layer: Any = self
        if not -len(layer.inbound_nodes) <= index < len(layer.inbound_nodes):
            raise InputError(
                f"Layer {layer.name!r} has been called {len(layer.inbound_nodes)} times on symbolic "
                f"tensors; there is no call {index}."
            )
        return layer.inbound_nodes[index]

    def get_input_at(self, node_index: int) -> Any:
        """The symbolic input of one of the layer's calls.

        Args:
            node_index: which call, from 0.
        """
        inputs = self._call_at(node_index).inputs
        return inputs[0] if len(inputs) == 1 else inputs

    def get_output_at(self, node_index: int) -> Any:
        """The symbolic output of one of the layer's calls.

        Args:
            node_index: which call, from 0.
        """
        return self._call_at(node_index).outputs

    def get_input_shape_at(self, node_index: int) -> Any:
        """The shape of the input of one of the layer's calls.

        Args:
            node_index: which call, from 0.
        """
        return _shapes(self.get_input_at(node_index))

    def get_output_shape_at(self, node_index: int) -> Any:
        """The shape of the output of one of the layer's calls.

        Args:
            node_index: which call, from 0.
        """
        return _shapes(self.get_output_at(node_index))

    def get_losses_for(self, inputs: Any) -> list[Any]:
        """`losses`; which inputs they depend on is not kept apart.

        Args:
            inputs: without effect.
        """
        warn_caller("get_losses_for() is `layer.losses` now.")
        return list(self.losses)  # type: ignore[attr-defined]

    def get_updates_for(self, inputs: Any) -> list[Any]:
        """An empty list: variables are assigned where the update happens.

        Args:
            inputs: without effect.
        """
        return []

    def add_update(self, updates: Any, inputs: Any = None) -> None:
        """Nothing, if the updates have happened.

        Args:
            updates: what `hornbeam.compat.backend.update` and its like returned.
            inputs: without effect.
        """
        warn_caller("add_update() is gone: call variable.assign(value) where it is due.")

    @OldProperty
    def input_shape(self) -> Any:
        """The shape of the layer's symbolic input, if all its calls had the same."""
        return _only_shape(self, "input")

    @OldProperty
    def output_shape(self) -> Any:
        """The shape of the layer's symbolic output, if all its calls had the same."""
        return _only_shape(self, "output")

    @OldProperty
    def updates(self) -> list[Any]:
        """An empty list: variables are assigned where the update happens."""
        return []


def _only_shape(layer: Any, what: str) -> Any:
    calls = range(len(layer.inbound_nodes))
    found = [getattr(layer, f"get_{what}_shape_at")(index) for index in calls]
    if not found or any(shape != found[0] for shape in found):
        raise AttributeError(
            f"Layer {layer.name!r} has been called on symbolic tensors {len(found)} times"
            + (f", with different {what} shapes: use get_{what}_shape_at(index)." if found else ".")
        )
    return found[0]


def _shapes(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shapes(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shapes(item) for item in value]
    return tuple(value.shape)


class OldOptimizer:
    """What optimizers could do in Keras 1 and 2."""

    @property
    def lr(self) -> Any:
        """`learning_rate`."""
        return self.learning_rate

    @lr.setter
    def lr(self, value: Any) -> None:
        warn_caller("optimizer.lr is spelled optimizer.learning_rate now.")
        self.learning_rate = value

    def get_weights(self) -> list[Any]:
        """The values of the optimizer's variables, as NumPy arrays."""
        return [variable.numpy() for variable in self.variables]  # type: ignore[attr-defined]

    def get_updates(self, *args: Any, **kwargs: Any) -> Any:
        """Never returns: there are no update ops.

        Raises:
            UnsupportedError: always, naming `apply`.
        """
        raise UnsupportedError(
            "get_updates() made the update ops of a static graph. Compute gradients with "
            "`hornbeam.value_and_grad` and call `optimizer.apply(gradients, variables)`."
        )

    def get_gradients(self, *args: Any, **kwargs: Any) -> Any:
        """Never returns: gradients are those of functions.

        Raises:
            UnsupportedError: always, naming `value_and_grad`.
        """
        raise UnsupportedError(
            "get_gradients() differentiated a static graph. Write the loss as a function and call "
            "`hornbeam.value_and_grad(loss)(variables)`."
        )

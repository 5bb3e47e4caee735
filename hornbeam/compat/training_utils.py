"""`keras.engine.training_utils` and `keras.engine.saving` of Keras 1 and 2: what was of use."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from hornbeam.errors import InputError
from hornbeam.models.model import Model
from hornbeam.training.data.weights import with_class_weight


def check_num_samples(
    ins: Any, batch_size: int | None = None, steps: int | None = None, steps_name: str = "steps"
) -> int | None:
    """How many rows arrays have, None if a number of steps is given instead.

    Args:
        ins: a list of arrays (rows, ...).
        batch_size: rows of a batch.
        steps: a number of steps, which excludes `batch_size`.
        steps_name: what to call `steps` in the message.

    Example:

    >>> import numpy
    >>> check_num_samples([numpy.zeros((5, 2))])
    5
    """
    if steps is not None and batch_size is not None:
        raise InputError(f"Give either `batch_size` or `{steps_name}`, not both.")
    if steps is not None:
        return None
    if not ins:
        raise InputError(f"Without arrays, `{steps_name}` says how long an epoch is.")
    return len(ins[0])


def check_array_length_consistency(inputs: Any, targets: Any, weights: Any = None) -> None:
    """Raise if arrays do not all have the same number of rows.

    Args:
        inputs: a list of arrays; elements may be None.
        targets: the same.
        weights: the same.

    Raises:
        InputError: with the numbers of rows.

    Example:

    >>> check_array_length_consistency([[1, 2]], [[3, 4]])
    """
    found = {
        kind: sorted({len(array) for array in arrays or [] if array is not None})
        for kind, arrays in (("inputs", inputs), ("targets", targets), ("weights", weights))
    }
    if len({length for lengths in found.values() for length in lengths}) > 1:
        raise InputError(f"Arrays must have equally many rows, got {found}.")


def iter_sequence_infinite(seq: Any) -> Iterator[Any]:
    """The elements of a sequence, over and over.

    Args:
        seq: what can be iterated several times.

    Example:

    >>> numbers = iter_sequence_infinite([1, 2])
    >>> [next(numbers) for _ in range(3)]
    [1, 2, 1]
    """
    while True:
        yield from seq


def should_run_validation(validation_freq: Any, epoch: int) -> bool:
    """Whether there is validation after an epoch.

    Args:
        validation_freq: every how many epochs, or the epochs, counted from 1.
        epoch: the epoch, counted from 0.

    Example:

    >>> should_run_validation(2, 1), should_run_validation([1, 5], 1)
    (True, False)
    """
    if isinstance(validation_freq, (int, np.integer)):
        if validation_freq < 1:
            raise InputError(f"`validation_freq` must be at least 1, got {validation_freq}.")
        return (epoch + 1) % int(validation_freq) == 0
    if isinstance(validation_freq, (list, tuple, set, range)):
        return epoch + 1 in validation_freq
    raise InputError(
        f"`validation_freq` must be an integer or a list of epochs, got {validation_freq!r}."
    )


def standardize_sample_or_class_weights(
    x_weight: Any, output_names: list[str], weight_type: str
) -> list[Any]:
    """Weights as a list with one element for each output.

    Args:
        x_weight: None; for one output the weights or a list or dict of them; for several a list, or a
            dict of output name -> weights.
        output_names: the names of the outputs.
        weight_type: what the weights are called in the message.

    Example:

    >>> standardize_sample_or_class_weights({"b": [1.0]}, ["a", "b"], "sample_weight")
    [None, [1.0]]
    """
    if x_weight is None or (isinstance(x_weight, (list, dict)) and not x_weight):
        return [None] * len(output_names)
    if len(output_names) == 1:
        if isinstance(x_weight, list) and len(x_weight) == 1:
            return x_weight
        if isinstance(x_weight, Mapping) and output_names[0] in x_weight:
            return [x_weight[output_names[0]]]
        return [x_weight]
    if isinstance(x_weight, Mapping):
        unknown = sorted(set(map(str, x_weight)) - set(output_names))
        if unknown:
            raise InputError(
                f"`{weight_type}` has {unknown}, but the outputs are {output_names}; give a dict of "
                "output name -> weights."
            )
        return [x_weight.get(name) for name in output_names]
    if isinstance(x_weight, list) and len(x_weight) == len(output_names):
        return x_weight
    raise InputError(
        f"`{weight_type}` must be a list of {len(output_names)}, one for each of {output_names}, or a "
        f"dict of them, got {type(x_weight).__name__}."
    )


def standardize_class_weights(class_weight: Any, output_names: list[str]) -> list[Any]:
    """Class weights as a list with one element for each output.

    Args:
        class_weight: class -> weight; for several outputs a list or dict of these.
        output_names: the names of the outputs.

    Example:

    >>> standardize_class_weights({0: 1.0, 1: 2.0}, ["y"])
    [{0: 1.0, 1: 2.0}]
    """
    return standardize_sample_or_class_weights(class_weight, output_names, "class_weight")


def standardize_sample_weights(sample_weight: Any, output_names: list[str]) -> list[Any]:
    """Sample weights as a list with one element for each output.

    Args:
        sample_weight: weights; for several outputs a list or dict of them.
        output_names: the names of the outputs.

    Example:

    >>> standardize_sample_weights(None, ["a", "b"])
    [None, None]
    """
    return standardize_sample_or_class_weights(sample_weight, output_names, "sample_weight")


def standardize_weights(
    y: Any,
    sample_weight: Any = None,
    class_weight: Any = None,
    sample_weight_mode: str | None = None,
) -> np.ndarray:
    """The weight of each row, or of each step with ``sample_weight_mode="temporal"``.

    Args:
        y: labels, (rows, ...): class numbers or one-hot.
        sample_weight: weights, (rows,) or (rows, time).
        class_weight: class -> weight.
        sample_weight_mode: None or "temporal".

    Returns:
        float array (rows,) or (rows, time).

    Example:

    >>> import numpy
    >>> standardize_weights(numpy.array([0, 1]), class_weight={1: 3.0}).tolist()
    [1.0, 3.0]
    """
    if sample_weight_mode not in (None, "temporal"):
        raise InputError(
            f'`sample_weight_mode` must be None or "temporal", got {sample_weight_mode!r}.'
        )
    rank = 1 if sample_weight_mode is None else 2
    shape = np.shape(y)[:rank]
    if sample_weight is not None and np.shape(sample_weight) != shape:
        raise InputError(
            f"`sample_weight` must have shape {shape} for labels of shape {np.shape(y)}, got "
            f"{np.shape(sample_weight)}."
        )
    if class_weight is not None and rank == 2:
        raise InputError("`class_weight` is for one label per row; give `sample_weight` instead.")
    weights = np.ones(shape, "float32") if sample_weight is None else np.asarray(sample_weight)
    return np.asarray(with_class_weight(y, weights, class_weight))


def get_static_batch_size(layer: Any) -> int | None:
    """The number of rows that a layer's input has, None if any.

    Args:
        layer: a layer or model.

    Example:

    >>> import hornbeam
    >>> get_static_batch_size(hornbeam.layers.InputLayer(batch_shape=(8, 2)))
    8
    """
    inputs = getattr(layer, "inputs", None)
    shape = getattr(layer, "batch_shape", None) or (inputs[0].shape if inputs else (None,))
    return shape[0]


def disable_tracking(func: Callable[..., Any]) -> Callable[..., Any]:
    """The function as it is: what is set before `Layer.__init__` is not in the way any more.

    Args:
        func: an ``__init__``.

    Example:

    >>> disable_tracking(len) is len
    True
    """
    return func


def pickle_model(model: Any) -> bytes:
    """A model as bytes.

    Args:
        model: the model.

    Returns:
        A pickle; see `unpickle_model`.

    Example:

    >>> import hornbeam
    >>> model = hornbeam.Sequential([hornbeam.Input((2,)), hornbeam.layers.Dense(1)])
    >>> unpickle_model(pickle_model(model)).count_params()
    3
    """
    return pickle.dumps(model)


class _Models(pickle.Unpickler):
    """Reads pickles of models, and of nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        from hornbeam.saving import pickling

        restoring: Callable[..., Any] = pickling.restored
        if (module, name) != (restoring.__module__, restoring.__qualname__):
            raise InputError(
                f"The bytes refer to {module}.{name}; unpickle_model() reads what pickle_model() wrote "
                "for models of built-in classes. Use `pickle.loads` if you trust them."
            )
        return restoring


def unpickle_model(state: bytes) -> Any:
    """The model of `pickle_model`.

    Args:
        state: the bytes.

    Raises:
        InputError: if they hold something else.

    Example:

    >>> import hornbeam
    >>> model = hornbeam.Sequential([hornbeam.Input((2,))])
    >>> type(unpickle_model(pickle_model(model))).__name__
    'Sequential'
    """
    model = _Models(io.BytesIO(state)).load()
    if not isinstance(model, Model):
        raise InputError(f"The bytes hold a {type(model).__name__}, not a model.")
    return model


check_array_lengths = check_array_length_consistency

__all__ = [
    "check_array_length_consistency",
    "check_array_lengths",
    "check_num_samples",
    "disable_tracking",
    "get_static_batch_size",
    "iter_sequence_infinite",
    "pickle_model",
    "should_run_validation",
    "standardize_class_weights",
    "standardize_sample_or_class_weights",
    "standardize_sample_weights",
    "standardize_weights",
    "unpickle_model",
]

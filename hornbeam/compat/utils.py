"""Small helpers of `keras.utils` and `keras.engine` that programs for Keras 1 and 2 used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hornbeam.compat.np_utils import conv_input_length, conv_output_length, convert_kernel
from hornbeam.compat.renames import warn_caller
from hornbeam.errors import InputError, UnsupportedError
from hornbeam.saving.objects import deserialize_keras_object
from hornbeam.utils.source_inputs import get_source_inputs


def to_list(x: Any) -> list[Any]:
    """`x` if it is a list, else a list of it.

    Example:

    >>> to_list(3)
    [3]
    """
    return x if isinstance(x, list) else [x]


def unpack_singleton(x: Any) -> Any:
    """The only element of a list of one; anything else as it is.

    Example:

    >>> unpack_singleton([3])
    3
    """
    return x[0] if isinstance(x, (list, tuple)) and len(x) == 1 else x


def is_all_none(value: Any) -> bool:
    """Whether a value, or all elements of a list, are None.

    Example:

    >>> is_all_none([None, None])
    True
    """
    return all(item is None for item in to_list(value))


def object_list_uid(objects: Any) -> str:
    """The ids of objects, joined by commas.

    Example:

    >>> object_list_uid([None]) == str(id(None))
    True
    """
    return ", ".join(str(abs(id(item))) for item in to_list(objects))


def slice_arrays(arrays: Any, start: Any = None, stop: int | None = None) -> Any:
    """The same rows of one or several arrays.

    Args:
        arrays: an array, or a list of them; None stays.
        start: the first row, or a list of rows.
        stop: the row behind the last.

    Example:

    >>> import numpy
    >>> [a.tolist() for a in slice_arrays([numpy.arange(4), numpy.arange(4) * 2], 1, 3)]
    [[1, 2], [2, 4]]
    """

    def rows(array: Any) -> Any:
        if array is None:
            return None
        return array[start] if hasattr(start, "__len__") else array[start:stop]

    return [rows(array) for array in arrays] if isinstance(arrays, list) else rows(arrays)


def make_batches(size: int, batch_size: int) -> list[tuple[int, int]]:
    """Where batches begin and end.

    Example:

    >>> make_batches(5, 2)
    [(0, 2), (2, 4), (4, 5)]
    """
    return [(i, min(size, i + batch_size)) for i in range(0, size, batch_size)]


def batch_shuffle(index_array: Any, batch_size: int) -> np.ndarray:
    """Row numbers with whole batches shuffled; what does not fill a batch stays at the end.

    Example:

    >>> sorted(batch_shuffle(range(5), 2).tolist()), batch_shuffle(range(5), 2).tolist()[-1]
    ([0, 1, 2, 3, 4], 4)
    """
    index = np.asarray(index_array)
    whole = len(index) // batch_size * batch_size
    batches = np.random.default_rng().permutation(index[:whole].reshape(-1, batch_size))
    return np.concatenate([batches.ravel(), index[whole:]])


def is_sequence(seq: Any) -> bool:
    """Whether `seq` gives batches by number, as a `PyDataset` does.

    Example:

    >>> is_sequence(iter([]))
    False
    """
    is_array = hasattr(seq, "shape") or isinstance(seq, (list, tuple, dict, str))
    return hasattr(seq, "__getitem__") and hasattr(seq, "__len__") and not is_array


def is_generator_or_sequence(x: Any) -> bool:
    """Whether `x` gives batches.

    Example:

    >>> is_generator_or_sequence(i for i in range(3))
    True
    """
    return hasattr(x, "__next__") or is_sequence(x)


def normalize_tuple(value: Any, n: int, name: str) -> tuple[int, ...]:
    """An int as a tuple of `n` of it; a tuple of `n` ints as it is.

    Args:
        value: an int or a sequence.
        n: how many.
        name: what to call it in an error.

    Example:

    >>> normalize_tuple(2, 3, "strides")
    (2, 2, 2)
    """
    made = (value,) * n if isinstance(value, int) else tuple(value)
    if len(made) != n or not all(isinstance(item, int) for item in made):
        raise InputError(f"`{name}` must be an int or {n} ints, got {value!r}.")
    return made


def normalize_padding(value: str) -> str:
    """A padding in lower case, if it is one.

    Example:

    >>> normalize_padding("SAME")
    'same'
    """
    if str(value).lower() not in ("valid", "same", "causal"):
        raise InputError(f'`padding` must be "valid", "same" or "causal", got {value!r}.')
    return str(value).lower()


def deconv_length(
    dim_size: int | None,
    stride_size: int,
    kernel_size: int,
    padding: str,
    output_padding: int | None = None,
    dilation: int = 1,
) -> int | None:
    """How many outputs a transposed convolution has along an axis.

    Args:
        dim_size: the size of the input, or None.
        stride_size: the step.
        kernel_size: the size of the kernel.
        padding: "same", "valid" or "full".
        output_padding: how much is added at the end, if that is said.
        dilation: the distance of the kernel's elements.

    Example:

    >>> deconv_length(4, 2, 3, "valid")
    9
    """
    if dim_size is None:
        return None
    extent = kernel_size + (kernel_size - 1) * (dilation - 1)
    if output_padding is None:
        rest = {
            "valid": max(extent - stride_size, 0),
            "same": 0,
            "full": -(stride_size + extent - 2),
        }
        return dim_size * stride_size + rest[padding]
    pad = {"same": extent // 2, "valid": 0, "full": extent - 1}[padding]
    return (dim_size - 1) * stride_size + extent - 2 * pad + output_padding


def count_params(weights: Any) -> int:
    """How many numbers variables hold.

    Example:

    >>> import hornbeam
    >>> count_params([hornbeam.Variable([1.0, 2.0])])
    2
    """
    return sum(int(np.prod(tuple(w.shape), dtype=int)) for w in weights)


def count_total_params(layers: Any, layer_set: Any = None) -> tuple[int, int]:
    """How many numbers layers hold: (those that are trained, the others).

    Args:
        layers: the layers.
        layer_set: layers that were counted before, left out.
    """
    kept = [layer for layer in layers if layer not in (layer_set or ())]
    return (
        sum(count_params(layer.trainable_weights) for layer in kept),
        sum(count_params(layer.non_trainable_weights) for layer in kept),
    )


def print_summary(
    model: Any, line_length: int | None = None, positions: Any = None, print_fn: Any = None
) -> None:
    """``model.summary(...)``.

    Args:
        model: the model.
        line_length: as for `Model.summary`.
        positions: as for `Model.summary`.
        print_fn: as for `Model.summary`.
    """
    model.summary(line_length=line_length, positions=positions, print_fn=print_fn)


def clone_metric(metric: Any) -> Any:
    """A metric of the same settings without data; a function as it is.

    Example:

    >>> import hornbeam
    >>> type(clone_metric(hornbeam.metrics.AUC())).__name__
    'AUC'
    """
    return (
        type(metric).from_config(metric.get_config()) if hasattr(metric, "get_config") else metric
    )


def clone_metrics(metrics: Any) -> Any:
    """`clone_metric` of all in a list or dict.

    Example:

    >>> clone_metrics([len]) == [len]
    True
    """
    if isinstance(metrics, Mapping):
        return {key: clone_metric(metric) for key, metric in metrics.items()}
    return [clone_metric(metric) for metric in metrics]


def model_from_config(config: Any, custom_objects: Any = None) -> Any:
    """A model, without weights, from the data that `to_json` writes.

    Args:
        config: the data.
        custom_objects: name -> class or function, for what is not registered.

    Example:

    >>> import hornbeam, json
    >>> model = hornbeam.Sequential([hornbeam.Input((4,)), hornbeam.layers.Dense(2)])
    >>> model_from_config(json.loads(model.to_json())).output_shape
    (None, 2)
    """
    if not isinstance(config, Mapping):
        raise InputError(
            "model_from_config() takes a dict; of a list, write Sequential.from_config()."
        )
    return deserialize_keras_object(config, custom_objects=custom_objects)


def model_from_yaml(yaml_string: str, custom_objects: Any = None) -> Any:
    """A model, without weights, from YAML text.

    Args:
        yaml_string: what `to_yaml` returned; text that is not JSON as well needs PyYAML.
        custom_objects: name -> class or function, for what is not registered.

    Raises:
        UnsupportedError: if PyYAML is needed and missing.
    """
    from hornbeam.errors import CorruptFileError
    from hornbeam.saving.json_format import parse

    warn_caller("model_from_yaml() is gone: write models.model_from_json(model.to_json()).")
    try:
        config = parse(yaml_string)
    except CorruptFileError:
        try:
            import yaml  # type: ignore[import-untyped, unused-ignore]
        except ImportError:
            raise UnsupportedError("Reading YAML needs PyYAML: pip install pyyaml.") from None
        config = yaml.safe_load(yaml_string)
    return model_from_config(config, custom_objects)


__all__ = [
    "batch_shuffle",
    "clone_metric",
    "clone_metrics",
    "conv_input_length",
    "conv_output_length",
    "convert_kernel",
    "count_params",
    "count_total_params",
    "deconv_length",
    "get_source_inputs",
    "is_all_none",
    "is_generator_or_sequence",
    "is_sequence",
    "make_batches",
    "model_from_config",
    "model_from_yaml",
    "normalize_padding",
    "normalize_tuple",
    "object_list_uid",
    "print_summary",
    "slice_arrays",
    "to_list",
    "unpack_singleton",
]

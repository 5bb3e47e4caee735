"""Architectures as Keras 1, Keras 2 and tf.keras wrote them, turned into today's configs.

`modern_config` rewrites plain data into plain data: old class and argument names (the table is
`hornbeam.compat.renames`), records without a module, and calls written as ``[layer, call, output]``.
What comes out is read like any other config, and so can do no more than one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hornbeam.compat.renames import modern_arguments
from hornbeam.errors import CorruptFileError, UnknownObjectError
from hornbeam.naming import to_snake_case

CLASS_NAMES = {
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "Deconvolution2D": "Conv2DTranspose",
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "SeparableConvolution2D": "SeparableConv2D",
    "CuDNNLSTM": "LSTM",
    "CuDNNGRU": "GRU",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
}
"""Old class -> the class that does its work now."""

MODELS = ("Sequential", "Model", "Functional", "Graph")
MERGES = {
    "sum": "Add", "mul": "Multiply", "ave": "Average", "max": "Maximum", "concat": "Concatenate",
    "dot": "Dot",
}  # fmt: skip
"""Mode of Keras 1's layer `Merge` -> today's layer."""

RECURRENT = (
    "Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "GRU", "LSTM", "RNN", "SimpleRNN",
)  # fmt: skip
"""Layers that take initial states."""

IGNORED = (
    "batch_input_dtype",
    "consume_less",
    "implementation",
    "input_dtype",
    "input_length",
    "key_shape",
    "query_shape",
    "softmax_robust_masking",
    "value_shape",
    "is_legacy_optimizer",
    "ragged",
    "sparse",
    "time_major",
)
"""Arguments of layers that have no meaning any more and change no result."""

_ROLES = (
    (re.compile(r".*(initializer|^init)$"), "keras.initializers"),
    (re.compile(r".*regularizer$"), "keras.regularizers"),
    (re.compile(r".*constraint$"), "keras.constraints"),
    (re.compile(r"(layer|cell|cells|forward_layer|backward_layer|layers)$"), "keras.layers"),
    (re.compile(r"(dtype)$"), "keras"),
    (re.compile(r"learning_rate$"), "keras.optimizers.schedules"),
)


def is_legacy(config: Any) -> bool:
    """Whether a config of a model comes from before Keras 3."""
    if not isinstance(config, Mapping) or config.get("class_name") not in MODELS:
        return False
    if "module" not in config:
        return True
    inner = config.get("config")
    layers = inner.get("layers") if isinstance(inner, Mapping) else inner
    return isinstance(layers, list) and any(_has_old_calls(layer) for layer in layers)


def _has_old_calls(layer: Any) -> bool:
    nodes = layer.get("inbound_nodes") if isinstance(layer, Mapping) else None
    return isinstance(nodes, list) and any(isinstance(node, list) for node in nodes)


def modern_config(record: Any) -> Any:
    """The config of a model, as Keras 3 writes it.

    Args:
        record: ``{"class_name", "config", ...}`` as in the JSON of an older Keras.

    Raises:
        CorruptFileError: if it is no such thing.
        UnknownObjectError: for layers that no longer exist, saying what to do.
    """
    kind, config = _checked(record)
    if kind == "Graph":
        raise UnknownObjectError(
            "The config holds a `Graph` model of Keras 0, which no later Keras reads either. Write it "
            "as a functional model, and load the weights with `load_weights(..., by_name=True)`."
        )
    if kind == "Sequential":
        return _sequential(config)
    if not isinstance(config, Mapping) or not isinstance(config.get("layers"), list):
        raise CorruptFileError(f"The config of the {kind} holds no list of layers.")
    layers = []
    for layer in config["layers"]:
        modern = _layer(layer)
        nodes = layer.get("inbound_nodes", [])
        modern["name"] = layer.get("name") or modern["config"].get("name")
        modern["config"]["name"] = modern["name"]
        modern["inbound_nodes"] = [_call(node, modern["class_name"]) for node in nodes]
        layers.append(modern)
    return {
        "module": "keras",
        "class_name": "Functional",
        "registered_name": None,
        "config": {
            "name": config.get("name"),
            "trainable": config.get("trainable", True),
            "layers": layers,
            "input_layers": config.get("input_layers"),
            "output_layers": config.get("output_layers"),
        },
    }


def _checked(record: Any) -> tuple[str, Any]:
    if not isinstance(record, Mapping) or not isinstance(record.get("class_name"), str):
        raise CorruptFileError("A layer in the config has no class name.")
    if "config" not in record:
        raise CorruptFileError(f"The {record['class_name']} in the config has no config.")
    return record["class_name"], record["config"]


def _sequential(config: Any) -> Any:
    layers = config if isinstance(config, list) else config.get("layers")
    if not isinstance(layers, list):
        raise CorruptFileError("The config of the Sequential holds no list of layers.")
    modern: dict[str, Any] = {"layers": [_layer(layer) for layer in layers]}
    if isinstance(config, Mapping):
        modern["name"] = config.get("name")
        if config.get("build_input_shape"):
            modern["build_input_shape"] = config["build_input_shape"]
    return {
        "module": "keras",
        "class_name": "Sequential",
        "registered_name": None,
        "config": modern,
    }


def _layer(record: Any) -> dict[str, Any]:
    kind, config = _checked(record)
    if kind in MODELS:
        made = modern_config(record)
        assert isinstance(made, dict)
        return made
    if not isinstance(config, Mapping):
        raise CorruptFileError(f"The config of the {kind} is no object.")
    kind, config = _renamed(kind, dict(config))
    try:
        words = modern_arguments(kind, config)
    except (TypeError, ValueError) as error:
        raise CorruptFileError(f"The config of the {kind} cannot be read: {error}") from None
    modern = {k: _nested(k, v) for k, v in words.items() if k not in IGNORED}
    registered = record.get("registered_name")
    return {
        "module": "keras.layers" if not registered else record.get("module"),
        "class_name": kind,
        "config": modern,
        "registered_name": registered,
    }


def _renamed(kind: str, config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if kind == "Merge":
        return _merge(config)
    if kind == "TimeDistributedDense":
        name = config.pop("name", None)
        inner = {"class_name": "Dense", "config": config}
        return "TimeDistributed", {"name": name, "layer": inner}
    if kind in ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"):
        raise UnknownObjectError(
            f"The config holds the {kind} {config.get('name')!r}: a function of TensorFlow as a layer, "
            "which only TensorFlow can run. Rebuild that part of the model with `hornbeam.ops` and load "
            "the weights with `load_weights(..., by_name=True)`."
        )
    if kind == "LSTM" and "recurrent_activation" not in config and "inner_activation" not in config:
        config["recurrent_activation"] = "sigmoid"  # as CuDNN computes
    if kind == "GRU" and "inner_activation" in config:
        config["reset_after"] = False  # Keras 1 had no other
    if kind == "BatchNormalization" and isinstance(config.get("axis"), list):
        config["axis"] = config["axis"][0]
        config = {
            k: v for k, v in config.items() if not k.startswith(("renorm", "virtual", "fused"))
        }
    if kind == "InputLayer":
        shape = config.pop("batch_input_shape", None)
        if shape is not None:
            config["batch_shape"] = shape
        config["dtype"] = config.pop("input_dtype", None) or config.get("dtype")
    return CLASS_NAMES.get(kind, kind), config


def _merge(config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    mode = config.get("mode")
    if config.get("layers") or mode not in MERGES:
        raise UnknownObjectError(
            f"The config holds a `Merge` of mode {mode!r}, which is no layer any more. Write it as a "
            "functional model with layers such as `Add` or `Concatenate`."
        )
    found: dict[str, Any] = {"name": config.get("name")}
    if mode == "concat":
        found["axis"] = config.get("concat_axis", -1)
    if mode == "dot":
        found["axes"] = config.get("dot_axes", -1)
    return MERGES[mode], found


def _nested(key: str, value: Any) -> Any:
    """The value of an argument; objects within it get the module that their role has."""
    if isinstance(value, list):
        return [_nested(key, item) for item in value]
    if not isinstance(value, Mapping):
        return value
    if key == "dtype" and value.get("class_name") == "Policy":
        return {
            "module": "keras",
            "class_name": "DTypePolicy",
            "config": value.get("config"),
            "registered_name": None,
        }
    if str(value.get("module")).startswith("keras") and _is_layer(key, value):
        return _layer(value)  # of tf-keras, whose layers have arguments that are none today
    if "class_name" not in value or "module" in value or "config" not in value:
        if "name" in value and key.endswith("regularizer"):
            # Keras 1: {"name": "WeightRegularizer", "l1": ..., "l2": ...}
            numbers = {k: v for k, v in value.items() if k in ("l1", "l2")}
            return {"module": "keras.regularizers", "class_name": "L1L2", "config": numbers}
        return {k: _nested(k, v) for k, v in value.items()}
    name = value["class_name"]
    for pattern, module in _ROLES:
        if pattern.fullmatch(key):
            if module == "keras.layers":
                return _layer(value)
            return {
                "module": module,
                "class_name": name,
                "config": dict(value["config"]),
                "registered_name": None,
            }
    return dict(value)


def _is_layer(key: str, value: Mapping[str, Any]) -> bool:
    roles = (module for pattern, module in _ROLES if pattern.fullmatch(key))
    return "class_name" in value and "config" in value and next(roles, "") == "keras.layers"


def _call(node: Any, kind: str) -> dict[str, Any]:
    """One call of a layer: a list of [name, call, output, other arguments]."""
    if isinstance(node, Mapping):
        return dict(node)
    tensors: list[Any] = []
    kwargs: dict[str, Any] = {}
    items = node if isinstance(node, list) else None
    if items and isinstance(items[0], str):
        items = [items]
    if not items:
        raise CorruptFileError(f"A call of the {kind} in the config is malformed: {node!r:.100}.")
    for item in items:
        if not isinstance(item, list) or len(item) not in (3, 4) or not isinstance(item[0], str):
            raise CorruptFileError(
                f"A call of the {kind} in the config is malformed: {item!r:.100}."
            )
        tensors.append(_tensor(item[:3]))
        if len(item) == 4 and isinstance(item[3], Mapping):
            kwargs.update({k: _argument(v) for k, v in item[3].items()})
    if kind in RECURRENT and len(tensors) > 1:  # states were further inputs
        tensors, kwargs["initial_state"] = tensors[:1], tensors[1:]
    return {"args": [tensors[0] if len(tensors) == 1 else tensors], "kwargs": kwargs}


def _argument(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    is_tensor = len(value) in (3, 4) and isinstance(value[0], str)
    if is_tensor and all(isinstance(n, int) for n in value[1:3]):
        return _tensor(value[:3])
    return [_argument(item) for item in value]


def _tensor(history: list[Any]) -> dict[str, Any]:
    return {"class_name": "__keras_tensor__", "config": {"keras_history": list(history)}}


# ------------------------------------------------------------------------------- how it was compiled

OPTIMIZER_WORDS = {"lr": "learning_rate"}
OPTIMIZER_GONE = ("decay", "is_legacy_optimizer", "jit_compile", "schedule_decay")


def modern_training(config: Any) -> dict[str, Any] | None:
    """The arguments of `compile` in the ``training_config`` of an HDF5 file.

    Returns:
        A config for ``model.compile_from_config``, or None if there is nothing to compile with.
    """
    if not isinstance(config, Mapping) or not isinstance(config.get("optimizer_config"), Mapping):
        return None
    record = config["optimizer_config"]
    kind, inner = _checked(record)
    if not isinstance(inner, Mapping):
        raise CorruptFileError("The optimizer in the config is malformed.")
    words = {OPTIMIZER_WORDS.get(k, k): v for k, v in inner.items() if k not in OPTIMIZER_GONE}
    words = {k: v for k, v in words.items() if v is not None}
    words["name"] = to_snake_case(str(words.get("name", kind.split(">")[-1])))
    loss = config.get("loss")
    return {
        "optimizer": {
            "module": "keras.optimizers",
            "class_name": kind.split(">")[-1],
            "config": {str(k): _nested(str(k), v) for k, v in words.items()},
            "registered_name": None,
        },
        "loss": _loss(loss),
        "loss_weights": config.get("loss_weights"),
        "metrics": _metrics(config.get("metrics")),
        "weighted_metrics": _metrics(config.get("weighted_metrics")),
    }


def _loss(loss: Any) -> Any:
    if isinstance(loss, Mapping) and "class_name" in loss and "module" not in loss:
        words = {k: v for k, v in loss.get("config", {}).items() if k not in ("fn", "axis")}
        if words.get("reduction") == "auto":
            words["reduction"] = "sum_over_batch_size"
        return {
            "module": "keras.losses",
            "class_name": loss["class_name"],
            "config": words,
            "registered_name": None,
        }
    if isinstance(loss, Mapping):
        return {k: _loss(v) for k, v in loss.items()}
    return [_loss(item) for item in loss] if isinstance(loss, list) else loss


def _metrics(metrics: Any) -> Any:
    if isinstance(metrics, list):
        return [_metrics(metric) for metric in metrics]
    if isinstance(metrics, Mapping) and "class_name" in metrics and "module" not in metrics:
        kind, inner = _checked(metrics)
        if kind == "MeanMetricWrapper" and isinstance(inner.get("fn"), str):
            return inner["fn"]
        return {
            "module": "keras.metrics",
            "class_name": kind,
            "config": inner,
            "registered_name": None,
        }
    if isinstance(metrics, Mapping) and "module" not in metrics:
        return {k: _metrics(v) for k, v in metrics.items()}
    return metrics


__all__ = ["is_legacy", "modern_config", "modern_training"]

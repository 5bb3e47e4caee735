"""Whole models in the HDF5 layout of Keras 1, Keras 2 and tf.keras: what ``model.save("x.h5")`` writes.

The architecture goes into the attribute ``model_config`` in the form of Keras 2, which Keras 3 and
tf-keras both read, the arguments of `compile` into ``training_config``, the weights into a group for
each layer, and the optimizer's state into ``optimizer_weights``.  Functional and sequential models fit
in; of their call graphs, calls of layers do.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import IO, Any

import numpy as np

from hornbeam import losses, metrics
from hornbeam._version import __version__
from hornbeam.errors import UnsupportedError
from hornbeam.naming import to_snake_case
from hornbeam.saving import hdf5_writing
from hornbeam.saving.legacy_h5 import SUM, ordered_weights, text_checksum
from hornbeam.saving.tensors import checksum

KERAS_VERSION = "2.15.0"
"""The version of Keras whose layout this is."""
MAX_LIST = 60_000
"""Bytes of names that one attribute can hold; longer lists go into several."""

NEW_WORDS = {
    "autocast": True, "lora_alpha": None, "lora_rank": None, "optional": False, "build_config": None,
    "zero_output_for_mask": False, "gradient_accumulation_steps": None, "loss_scale_factor": None,
    "flash_attention": None,
}  # fmt: skip
"""Arguments that Keras 2 did not have -> the value that changes nothing."""

OPTIMIZER_DEFAULTS = {
    "clipnorm": None, "clipvalue": None, "ema_momentum": 0.99, "ema_overwrite_frequency": None,
    "global_clipnorm": None, "gradient_accumulation_steps": None, "loss_scale_factor": None,
    "use_ema": False, "weight_decay": None,
}  # fmt: skip
"""Arguments that not all optimizers of Keras 2 had -> the default that all have since."""

RECURRENT = ("LSTM", "GRU", "SimpleRNN", "LSTMCell", "GRUCell", "SimpleRNNCell")
MODELS = ("Functional", "Sequential")


def write(file: IO[bytes], model: Any, config: Any, keras_version: int = 3) -> None:
    """Write a model to an empty file; tensors go through one at a time.

    Args:
        file: a binary file, open for reading and writing.
        model: a functional or sequential model.
        config: what `serialize_for_file` made of it.
        keras_version: 2 or 3; who has to read the optimizer, and calls with further symbolic tensors,
            see `_call`.
    """
    architecture = legacy_config(model, config, keras_version)
    training = _training(config.get("compile_config"), keras_version)
    with hdf5_writing.writing(file) as root:
        _describe(root)
        _write_text(root, "model_config", json.dumps(architecture))
        root.attrs["hornbeam_version"] = __version__
        if training is not None:
            _write_text(root, "training_config", json.dumps(training))
        _write_layers(root.create_group("model_weights"), model)
        optimizer = getattr(model, "optimizer", None)
        if training is not None and optimizer is not None and optimizer.variables:
            group = root.create_group("optimizer_weights")
            states = optimizer.variables
            if keras_version == 2:  # which has the learning rate in the config alone
                states = [v for v in states if v.name != "learning_rate"]
            _write_group(group, [(f"{optimizer.name}/{v.path}", v) for v in states])


def _write_text(root: Any, name: str, text: str) -> None:
    root.attrs[name] = text
    root.attrs[name + SUM] = np.bytes_(text_checksum(text))


def _describe(place: Any) -> None:
    place.attrs["keras_version"] = KERAS_VERSION


# ------------------------------------------------------------------------------------------- weights


def _write_layers(group: Any, model: Any) -> None:
    _describe(group)
    layers = _listed(model)
    _write_names(group, "layer_names", [layer.name for layer in layers])
    for layer in layers:
        weights = ordered_weights(layer)
        _write_group(group.create_group(layer.name), [(v.path, v) for v in weights])
    _write_group(group.create_group("top_level_model_weights"), [])


def _listed(model: Any) -> list[Any]:
    return list(getattr(model, "_layers", None) or model.layers)


def _write_group(group: Any, pairs: list[tuple[str, Any]]) -> None:
    names: dict[str, None] = {}
    writer = hdf5_writing.H5Writer(group)
    prefix = group.name.strip("/")
    for path, variable in pairs:
        name, number = path, 1
        while name in names:
            name, number = f"{path}_{number}", number + 1
        names[name] = None
        array = variable.numpy()
        writer.tensor(name, array, checksum(f"{prefix}/{name}", array))
    _write_names(group, "weight_names", list(names))


def _write_names(group: Any, key: str, names: list[str]) -> None:
    encoded = [name.encode() for name in names]
    width = max(map(len, encoded), default=1)
    count = max(1, MAX_LIST // max(width, 1))
    if len(encoded) <= count:
        group.attrs[key] = np.array(encoded, f"S{width}")
        return
    for number, start in enumerate(range(0, len(encoded), count)):
        group.attrs[f"{key}{number}"] = np.array(encoded[start : start + count], f"S{width}")


# -------------------------------------------------------------------------------------- architecture


def legacy_config(model: Any, record: Mapping[str, Any], keras_version: int = 3) -> dict[str, Any]:
    """The config of a model, as Keras 2 wrote it.

    Args:
        model: the model.
        record: its config today.
        keras_version: 2 or 3; who has to read calls with further symbolic tensors.

    Raises:
        UnsupportedError: for models whose architecture this layout cannot hold.
    """
    kind = record["class_name"]
    if kind not in MODELS or not hasattr(model, "layers"):
        raise UnsupportedError(
            f"`.h5` files hold functional and sequential models, and {model.name!r} is a "
            f"{type(model).__name__}. Save it as '.keras', or its weights as '.weights.h5'."
        )
    config = record["config"]
    by_name = {layer.name: layer for layer in _listed(model)}
    layers = []
    for item in config["layers"]:
        name = item.get("name") or item["config"]["name"]
        layers.append(_layer(by_name.get(name), item, kind == "Functional", keras_version))
    if kind == "Sequential":
        return {"class_name": kind, "config": {"name": config["name"], "layers": layers}}
    inner = {
        "name": config["name"],
        "trainable": config.get("trainable", True),
        "layers": layers,
        "input_layers": config["input_layers"],
        "output_layers": config["output_layers"],
    }
    return {"class_name": kind, "config": inner}


def _layer(
    layer: Any, record: Mapping[str, Any], graph: bool, keras_version: int
) -> dict[str, Any]:
    kind = record["class_name"]
    if kind != "InputLayer" and (layer is None or not hasattr(layer, "weights")):
        raise UnsupportedError(
            f"The model applies the op {kind!r} outside of a layer, which `.h5` files "
            "cannot hold. Use a layer (`Add`, `Rescaling`, your own) in its place, or save as '.keras'."
        )
    if kind in MODELS:
        modern = legacy_config(layer, record, keras_version)
    else:
        words = _words(kind, record["config"])
        if kind == "MultiHeadAttention" and keras_version == 2:
            words |= _shapes(record.get("build_config"))
        modern = {"class_name": record["registered_name"] or kind, "config": words}
    if graph:
        modern["name"] = record["name"]
        calls = [_call(layer, node, keras_version) for node in record["inbound_nodes"]]
        modern["inbound_nodes"] = calls
    return modern


def _words(kind: str, config: Any) -> Any:
    """The arguments of a layer without those that came with Keras 3, as far as they say nothing."""
    if not isinstance(config, Mapping):
        return config
    words = {k: v for k, v in config.items() if k not in NEW_WORDS or v != NEW_WORDS[k]}
    if kind in RECURRENT or kind == "MultiHeadAttention":
        words = {k: v for k, v in words.items() if k != "seed" or v is not None}
    if kind == "InputLayer":
        words["batch_input_shape"] = words.pop("batch_shape")
    if "dtype" in words:
        words["dtype"] = _dtype(words["dtype"])
    return {k: _nested(v) for k, v in words.items()}


def _shapes(build_config: Any) -> dict[str, Any]:
    """The shapes that attention was built for, which are arguments in the configs of tf-keras."""
    held = build_config.get("shapes_dict", {}) if isinstance(build_config, Mapping) else {}
    names = ("query_shape", "key_shape", "value_shape")
    shapes = {name: held.get(name) for name in names}
    return shapes | {"key_shape": shapes["key_shape"] or shapes["value_shape"]}


def _nested(value: Any) -> Any:
    if isinstance(value, list):
        return [_nested(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    if isinstance(value.get("config"), Mapping) and "class_name" in value:
        kept = {k: v for k, v in value.items() if k != "build_config"}
        return {**kept, "config": _words(value["class_name"], value["config"])}
    return {k: _nested(v) for k, v in value.items()}


def _dtype(dtype: Any) -> Any:
    """A policy by its name, which all of them read."""
    plain = isinstance(dtype, Mapping) and dtype.get("class_name") == "DTypePolicy"
    return dtype["config"]["name"] if plain else dtype


def _call(layer: Any, node: Mapping[str, Any], keras_version: int) -> Any:
    """One call of a layer: as a list of [name, call, output, other arguments] where that says it.

    In a call with further symbolic tensors (attention, initial states) these are other arguments.
    Keras 3 does not find tensors there, and Keras 2 does not read Keras 3's form of a call: such a model
    is written for one of them.

    Raises:
        UnsupportedError: for a call that Keras 2 has no form for.
    """
    words = {k: v for k, v in node["kwargs"].items() if v is not None}
    first, *others = node["args"] or [None]
    tensors = first if isinstance(first, list) else [first]
    histories = [_history(tensor) for tensor in tensors]
    several = bool(others) or "__keras_tensor__" in json.dumps(words)
    if None in histories or not histories or (several and keras_version == 3):
        if keras_version == 3:
            return dict(node)
        raise UnsupportedError(
            f"The layer {layer.name!r} is called on something else than symbolic tensors, which Keras 2 "
            "has no form for. Save with `keras_version=3`, or as '.keras'."
        )
    words = _arguments({**_named(layer, others), **words})
    return [[*(history or ()), words if i == 0 else {}] for i, history in enumerate(histories)]


def _named(layer: Any, others: list[Any]) -> dict[str, Any]:
    """What a layer is called with by position, after its first argument, by name."""
    names = list(inspect.signature(layer.call).parameters)[1:]
    return {k: v for k, v in zip(names, others, strict=False) if v is not None}


def _arguments(value: Any) -> Any:
    """Arguments of a call; symbolic tensors among them as [name, call, output]."""
    history = _history(value)
    if history is not None:
        return history
    if isinstance(value, list):
        return [_arguments(item) for item in value]
    return {k: _arguments(v) for k, v in value.items()} if isinstance(value, Mapping) else value


def _history(value: Any) -> list[Any] | None:
    """[name, call, output] of a symbolic tensor in a config; None for anything else."""
    if isinstance(value, Mapping) and value.get("class_name") == "__keras_tensor__":
        return list(value["config"]["keras_history"])
    return None


# ------------------------------------------------------------------------------- how it was compiled


def _training(compiled: Any, keras_version: int) -> dict[str, Any] | None:
    """``training_config``: None if the model was not compiled."""
    if not isinstance(compiled, Mapping) or not isinstance(compiled.get("optimizer"), Mapping):
        return None
    optimizer = compiled["optimizer"]
    given = optimizer["config"].items()
    words = {k: v for k, v in given if k not in OPTIMIZER_DEFAULTS or v != OPTIMIZER_DEFAULTS[k]}
    if keras_version == 2:
        words["is_legacy_optimizer"] = False  # else tf-keras makes one whose state is another
    return {
        "loss": _old_object(compiled.get("loss"), losses),
        "metrics": _old_object(compiled.get("metrics"), metrics),
        "weighted_metrics": _old_object(compiled.get("weighted_metrics"), metrics),
        "loss_weights": compiled.get("loss_weights"),
        "optimizer_config": {
            "class_name": optimizer["registered_name"] or optimizer["class_name"],
            "config": words,
        },
    }


def _old_object(value: Any, area: Any) -> Any:
    """A loss or metric as {"class_name", "config"}; nests of them alike.

    The name of a function (``"mse"``) becomes the class that computes it, where there is one: Keras 3
    does not find functions by the names in such files.
    """
    if isinstance(value, (list, tuple)):
        return [_old_object(item, area) for item in value]
    if isinstance(value, Mapping) and value.get("class_name") == "function":
        value = value["config"]
    if isinstance(value, str):
        kind = _class_of(value, area)
        config = {} if kind is None else {"name": value}
        return value if kind is None else {"class_name": kind, "config": config}
    if not isinstance(value, Mapping):
        return value
    if "class_name" in value and "config" in value:
        name = value["registered_name"] or value["class_name"]
        return {"class_name": name, "config": value["config"]}
    return {k: _old_object(v, area) for k, v in value.items()}


def _class_of(name: str, area: Any) -> str | None:
    """The class that computes the function of that name; None if there is none."""
    try:
        function = losses.get(name)
    except (TypeError, ValueError):
        return None
    long = getattr(function, "__name__", name)
    for kind in area.__all__:
        if inspect.isclass(getattr(area, kind)) and to_snake_case(kind) == long:
            return str(kind)
    return None


__all__ = ["legacy_config", "write"]

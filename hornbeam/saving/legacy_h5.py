"""The HDF5 layout of Keras 1, Keras 2 and tf.keras: a group for each layer, named arrays in order.

The root (of a file of weights) or the group ``model_weights`` (of a whole model) has the attribute
``layer_names``; each layer's group has ``weight_names``.  The architecture is JSON in the attribute
``model_config``, the arguments of `compile` in ``training_config``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from hornbeam.errors import CorruptFileError
from hornbeam.saving.hdf5 import MAX_CONFIG_ATTRIBUTE, H5File
from hornbeam.saving.tensors import StoredTensor
from hornbeam.variables import Variable

LONG = "top_level_model_weights"
SUM = "_sha256"
"""What the attribute with the check sum of a text is called, behind the name of the text."""


def weights_group(file: H5File) -> Any:
    """The group that holds the layers of an older file; None if this is none."""
    if file.attribute(file.root, "layer_names") is not None:
        return file.root
    if file.attribute(file.root, "layer_names0") is not None:
        return file.root
    group = file.find("model_weights")
    return group


def _names(file: H5File, group: Any, key: str) -> list[str]:
    """A list in an attribute, or in several if it was too long for one."""
    found = file.attribute(group, key)
    if found is None:
        found, i = [], 0
        while (part := file.attribute(group, f"{key}{i}")) is not None:
            found += part
            i += 1
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise CorruptFileError(f"The attribute {key!r} in {file.source!r} is no list of names.")
    return found


def layer_tensors(file: H5File, group: Any) -> dict[str, list[StoredTensor]]:
    """Layer -> its tensors in order, for the layers that have any."""
    prefix = file.name(group)
    found: dict[str, list[StoredTensor]] = {}
    for layer in [*_names(file, group, "layer_names"), LONG]:
        place = f"{prefix}/{layer}" if prefix else layer
        held = file.find(place)
        if held is None:
            if layer == LONG:
                continue
            raise CorruptFileError(f"{file.source!r} lacks the group {place!r}.")
        tensors = group_tensors(file, held)
        if tensors:
            found[layer] = tensors
    return found


def group_tensors(file: H5File, group: Any) -> list[StoredTensor]:
    """The tensors of one group, in the order of its ``weight_names``."""
    place = file.name(group)
    tensors = []
    for name in _names(file, group, "weight_names"):
        item = file.find(f"{place}/{name}")
        if item is None or not hasattr(item, "dtype"):
            raise CorruptFileError(f"{file.source!r} lacks the weight '{place}/{name}'.")
        tensors.append(file.tensor(item, f"{place}/{name}"))
    return tensors


def attribute_json(file: H5File, name: str) -> Any:
    """The text of ``model_config`` or ``training_config``; None if there is none."""
    from hornbeam.saving import json_format

    text = file.attribute(file.root, name, MAX_CONFIG_ATTRIBUTE)
    if text is None:
        return None
    if not isinstance(text, str):
        raise CorruptFileError(f"The attribute {name!r} in {file.source!r} is no text.")
    digest = file.attribute(file.root, name + SUM)
    if digest is not None and digest != text_checksum(text):
        raise CorruptFileError(
            f"The attribute {name!r} in {file.source!r} is damaged: its check sum is not the one that "
            "was written with it."
        )
    return json_format.parse(text)


def text_checksum(text: str) -> str:
    """SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def in_order(
    model: Any, layers: Mapping[str, list[StoredTensor]], source: str
) -> tuple[dict[str, StoredTensor], dict[str, Variable]]:
    """Tensors and variables under the same keys: layers that have weights, one after the other.

    Raises:
        CorruptFileError: if the numbers of layers or of their weights differ.
    """
    ours = [(layer, ordered_weights(layer)) for layer in model.layers if layer.weights]
    theirs = {name: held for name, held in layers.items() if name != LONG}
    if len(ours) != len(theirs):
        raise CorruptFileError(
            f"{source!r} holds weights of {len(theirs)} layers ({list(theirs)[:8]}), and "
            f"{model.name!r} has {len(ours)}: {[layer.name for layer, _ in ours][:8]}."
        )
    tensors: dict[str, StoredTensor] = {}
    wanted: dict[str, Variable] = {}
    for (layer, variables), (name, held) in zip(ours, theirs.items(), strict=True):
        held = _as_today(layer, held)
        if len(variables) != len(held):
            raise CorruptFileError(
                f"{source!r} holds {len(held)} weights for the layer {name!r}, and {layer.name!r} "
                f"({type(layer).__name__}) has {len(variables)}."
            )
        for variable, tensor in zip(variables, held, strict=True):
            tensors[tensor.path] = tensor
            wanted[tensor.path] = variable
    return tensors, wanted


def ordered_weights(layer: Any) -> list[Variable]:
    """The weights in the order of these files: trainable ones first."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


# ------------------------------------------------------------ layers that stored other arrays then


def _as_today(layer: Any, held: list[StoredTensor]) -> list[StoredTensor]:
    """The tensors of a layer in today's shapes and number."""
    kind = type(layer).__name__
    if kind == "LSTM" and len(held) == 12:
        return _gates(held, [0, 6, 3, 9])  # stored by gate, as i, c, f, o
    if kind == "GRU" and len(held) == 9:
        return _gates(held, [0, 3, 6])
    if kind == "Conv1D" and len(held[0].shape) == 4 and held[0].shape[1] == 1:
        shape = (held[0].shape[0], *held[0].shape[2:])
        return [_changed(held[0], shape, lambda x: x.reshape(shape)), *held[1:]]
    if kind == "Conv2D" and len(held[0].shape) == 4:
        wanted = layer.weights[0].shape
        out, into, rows, columns = held[0].shape
        if held[0].shape != wanted and (rows, columns, into, out) == wanted:
            # Theano's kernels: channels first, and turned round
            turned = _changed(held[0], wanted, lambda x: x.transpose(2, 3, 1, 0)[::-1, ::-1])
            return [turned, *held[1:]]
    return held


def _changed(tensor: StoredTensor, shape: tuple[int, ...], change: Any) -> StoredTensor:
    return replace(
        tensor,
        shape=tuple(shape),
        sha256=None,
        load=lambda: np.ascontiguousarray(change(tensor.read())),
    )


def _joined(pieces: list[StoredTensor]) -> Any:
    return np.concatenate([piece.read() for piece in pieces], -1)


def _gates(held: list[StoredTensor], starts: list[int]) -> list[StoredTensor]:
    """Kernel, recurrent kernel and bias, each made of one array for each gate."""
    found = []
    for part in range(3):
        pieces = [held[start + part] for start in starts]
        shape = (*pieces[0].shape[:-1], sum(p.shape[-1] for p in pieces))
        found.append(
            replace(
                pieces[0],
                shape=shape,
                sha256=None,
                load=partial(_joined, pieces),
            )
        )
    return found


__all__ = ["attribute_json", "group_tensors", "in_order", "layer_tensors", "weights_group"]

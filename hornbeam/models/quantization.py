"""Quantizing models: each layer by itself, or block after block by what samples do to it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from hornbeam import dtype_policies, ops
from hornbeam.errors import InputError, UnsupportedError
from hornbeam.layers.quantizable import Quantizable, chosen_config
from hornbeam.quantizers.calibrated import awq, gptq


def quantize_model(model: Any, mode: Any, config: Any, filters: Any) -> None:
    """Quantize the layers of `model` that can be; see `Model.quantize`."""
    config = chosen_config(mode, config)
    chosen = _chosen(filters)
    if not model.built:
        raise InputError(
            f"Model {model.name!r} must be built before quantize(): call it on data once."
        )
    layers = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, Quantizable)
        and config.mode in layer._quantization_modes
        and layer.quantization_mode is None  # type: ignore[attr-defined]
        and chosen(layer)
    ]
    if not layers:
        raise InputError(
            f"Model {model.name!r} has no layer that can be quantized as {config.mode!r}"
            + (" and that `filters` lets through." if filters is not None else ".")
        )
    if config.mode in ("gptq", "awq"):
        _by_samples(model, layers, config)
        return
    for layer in layers:
        try:
            layer.quantize(config.mode, config=config)
        except UnsupportedError as error:
            warnings.warn(f"Left as it is: {error}", stacklevel=3)


def _chosen(filters: Any) -> Callable[[Any], bool]:
    if filters is None:
        return lambda layer: True
    if callable(filters):
        return lambda layer: bool(filters(layer))
    patterns = [filters] if isinstance(filters, str) else list(filters)
    return lambda layer: any(re.search(p, layer.path or layer.name) for p in patterns)


# ------------------------------------------------------------------------------------- by samples


def _by_samples(model: Any, layers: list[Any], config: Any) -> None:
    structure = config.quantization_layer_structure
    if structure is None:
        structure = model.get_quantization_layer_structure(config.mode)
    if structure is None:
        raise InputError(
            f"Mode {config.mode!r} needs to know the model's blocks: pass "
            "`quantization_layer_structure={'pre_block_layers': [...], 'sequential_blocks': [...]}` to "
            "the config, or define `get_quantization_layer_structure(mode)` in the model."
        )
    values = [np.asarray(tokens)[None] for tokens in samples(config)]
    for layer in structure["pre_block_layers"]:
        values = [layer(value) for value in values]
    policy_mode = config.policy_mode()
    for block in structure["sequential_blocks"]:
        found = {id(layer) for layer in block._flatten_layers()}
        targets = [layer for layer in layers if id(layer) in found]
        with _watched(targets) as seen:
            for value in values:
                block(value)
        for layer in targets:
            moments = seen.get(id(layer))
            if moments is not None:
                _quantize_by(layer, moments, config, policy_mode)
        values = [block(value) for value in values]


def samples(config: Any) -> list[Any]:
    """Sequences of token numbers, each of shape (sequence_length,), from the config's data set.

    Raises:
        InputError: if there are not enough tokens for one sequence.
    """
    tokenize = getattr(config.tokenizer, "tokenize", config.tokenizer)
    stream: list[Any] = []
    wanted = config.num_samples * config.sequence_length
    for text in config.dataset if config.dataset is not None else ():
        tokens = tokenize(text) if isinstance(text, str) and tokenize is not None else text
        if isinstance(tokens, str):
            raise InputError("The data set holds texts: pass a `tokenizer` with them.")
        stream.extend(np.asarray(ops.convert_to_numpy(tokens)).ravel().tolist())
        if len(stream) >= wanted:
            break
    length = config.sequence_length
    count = min(len(stream) // length, config.num_samples)
    if count == 0:
        raise InputError(
            f"The data set has {len(stream)} tokens, but a sequence has {length}: give more samples, or "
            "make `sequence_length` smaller."
        )
    return [np.array(stream[i * length : (i + 1) * length], np.int32) for i in range(count)]


@contextmanager
def _watched(layers: list[Any]) -> Iterator[dict[int, tuple[Any, Any]]]:
    """A context in which the inputs of products are summed up: id -> (X^T X, sum of |X| and count)."""
    seen: dict[int, tuple[Any, Any]] = {}

    def watch(layer: Any) -> Callable[[Any], Any]:
        def product(inputs: Any) -> Any:
            rows = layer._layout().matrix_shape[0]
            axes = layer._input_axes(len(inputs.shape))
            x = np.asarray(ops.convert_to_numpy(inputs), np.float64)
            x = np.moveaxis(x, axes, range(-len(axes), 0)).reshape(-1, rows)
            moment, size = seen.get(id(layer), (0.0, np.zeros(rows + 1)))
            seen[id(layer)] = (moment + x.T @ x, size + np.append(np.abs(x).sum(0), len(x)))
            return layer.product(inputs)

        return product

    for layer in layers:
        layer.__dict__["_product"] = watch(layer)
    try:
        yield seen
    finally:
        for layer in layers:
            del layer.__dict__["_product"]


def _quantize_by(layer: Any, moments: tuple[Any, Any], config: Any, policy_mode: str) -> None:
    moment, sizes = moments
    matrix = ops.convert_to_numpy(layer._layout().matrix(layer._weight().value))
    if config.mode == "gptq":
        parts = gptq(matrix, moment, config)
    else:
        parts = awq(matrix, moment, sizes[:-1] / sizes[-1], config)
    layer.quantization_config = config
    policy = dtype_policies.get(f"{policy_mode}_from_{layer.dtype_policy.name}")
    layer._set_calibrated(parts, policy)

"""Training steps of large models on a GPU: ``python -m benchmarks.gpu [--tiny] [--repeats N]``.

ResNet-50, BERT-base and GPT-2-small in bfloat16: `fit` of Hornbeam, `fit` of Keras 3, and one loop by
hand, of a PyTorch module under ``torch.compile``, where torch sees the GPU.  It reports images or tokens
a second and the share of the chip's peak.  Without a GPU it says so and ends, except with ``--tiny``.

The numbers are honest only where nothing else runs on the chip.  Inputs and labels are random and stay
in memory; each program reads the loss once, at the end of its turn.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.timing import Program, in_turns, machine, stopwatch

PEAKS = {  # dense bfloat16 operations a second, by what is in the name of the chip
    "H200": 989e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40": 181e12,
    "L4": 121e12,
    "4090": 165e12,
}


class Size(NamedTuple):
    """How large a language model or an image network is."""

    batch: int
    length: int  # time steps, or pixels a side
    width: int
    depth: int
    heads: int
    words: int  # or classes


class Case(NamedTuple):
    """One model."""

    full: Size
    tiny: Size
    unit: str
    build: Callable[[Any, Size], Any]
    data: Callable[[Size], tuple[Any, Any]]
    flops: Callable[[Size], float]
    """Of one training step, a multiply-add counted as two, the backward pass as twice the forward."""


# ------------------------------------------------------------------------------------------- models


def resnet(package: Any, size: Size) -> Any:
    """ResNet-50 (He and others 2015, with the stride in the 3x3 convolution); `depth` 50 or less."""
    layers = package.layers

    def conv(x: Any, filters: int, kernel: int, stride: int = 1, active: bool = True) -> Any:
        x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        return layers.Activation("relu")(x) if active else x

    def block(x: Any, filters: int, stride: int) -> Any:
        wide = 4 * filters
        short = x
        if stride > 1 or x.shape[-1] != wide:
            short = conv(x, wide, 1, stride, active=False)
        y = conv(conv(x, filters, 1), filters, 3, stride)
        y = conv(y, wide, 1, active=False)
        return layers.Activation("relu")(layers.Add()([short, y]))

    inputs = package.Input((size.length, size.length, 3))
    x = layers.MaxPooling2D(3, 2, padding="same")(conv(inputs, size.width, 7, 2))
    counts = (3, 4, 6, 3) if size.depth == 50 else (1, 1)
    for stage, count in enumerate(counts):
        for i in range(count):
            x = block(x, size.width * 2**stage, 2 if stage and not i else 1)
    x = layers.GlobalAveragePooling2D()(x)
    return package.Model(inputs, layers.Dense(size.words, dtype="float32")(x))


def resnet_flops(size: Size) -> float:
    """4.1e9 multiply-adds an image of 224x224, by the area."""
    return 3 * 2 * 4.09e9 * (size.length / 224) ** 2 * size.batch


def images(size: Size) -> tuple[Any, Any]:
    """(pictures, labels)."""
    rng = np.random.default_rng(0)
    x = rng.random((size.batch, size.length, size.length, 3), dtype="float32")
    return x, rng.integers(0, size.words, size.batch).astype("int32")


def transformer(package: Any, size: Size, causal: bool) -> Any:
    """Words to words: learned positions, blocks, a product with as many outputs as there are words.

    BERT (`causal` False) normalizes after each half of a block, GPT-2 (True) before.
    """
    layers = package.layers

    class Places(layers.Layer):  # type: ignore[misc, name-defined]
        """Adds a learned vector to each time step."""

        def build(self, input_shape: Any) -> None:
            self.table = self.add_weight(shape=input_shape[1:], initializer="uniform")

        def call(self, inputs: Any) -> Any:
            return inputs + self.table

    inputs = package.Input((size.length,), dtype="int32")
    x = Places()(layers.Embedding(size.words, size.width)(inputs))
    if not causal:
        x = layers.LayerNormalization()(x)
    for _ in range(size.depth):
        attention = layers.MultiHeadAttention(size.heads, size.width // size.heads)
        before = layers.LayerNormalization()(x) if causal else x
        x = layers.Add()([x, attention(before, before, use_causal_mask=causal)])
        before = x = x if causal else layers.LayerNormalization()(x)
        if causal:
            before = layers.LayerNormalization()(x)
        hidden = layers.Dense(4 * size.width, activation="gelu")(before)
        x = layers.Add()([x, layers.Dense(size.width)(hidden)])
        x = x if causal else layers.LayerNormalization()(x)
    x = layers.LayerNormalization()(x) if causal else x
    return package.Model(inputs, layers.Dense(size.words, dtype="float32", use_bias=False)(x))


def bert(package: Any, size: Size) -> Any:
    """BERT-base's encoder with an output for every word."""
    return transformer(package, size, causal=False)


def gpt2(package: Any, size: Size) -> Any:
    """GPT-2-small."""
    return transformer(package, size, causal=True)


def transformer_flops(size: Size) -> float:
    """Of the products: 12 width**2 weights a block, the attention itself, and the output."""
    tokens = size.batch * size.length
    block = 12 * size.width**2 + 2 * size.length * size.width
    return 3 * 2 * tokens * (size.depth * block + size.width * size.words)


def words(size: Size) -> tuple[Any, Any]:
    """(words, the words that follow)."""
    text = np.random.default_rng(0).integers(0, size.words, (size.batch, size.length + 1))
    return text[:, :-1].astype("int32"), text[:, 1:].astype("int32")


CASES = {
    "ResNet-50": Case(
        Size(128, 224, 64, 50, 1, 1000), Size(2, 32, 8, 2, 1, 5), "images", resnet, images, resnet_flops
    ),
    "BERT-base": Case(
        Size(32, 512, 768, 12, 12, 30522), Size(2, 8, 16, 2, 2, 11), "tokens", bert, words,
        transformer_flops,
    ),
    "GPT-2-small": Case(
        Size(8, 1024, 768, 12, 12, 50257), Size(2, 8, 16, 2, 2, 11), "tokens", gpt2, words,
        transformer_flops,
    ),
}  # fmt: skip


# ------------------------------------------------------------------------------------------ programs


def ours_or_keras(package: Any, case: Case, size: Size, steps: int) -> Program:
    """So many steps on one batch, with AdamW in mixed bfloat16."""
    before = package.config.dtype_policy()
    package.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = case.build(package, size)
    finally:
        package.config.set_dtype_policy(before)
    loss = package.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(package.optimizers.AdamW(1e-4), loss)
    x, y = case.data(size)

    def run() -> Any:
        return model.fit(_repeated(x, y), steps_per_epoch=steps, verbose=0)

    return run


def _repeated(x: Any, y: Any) -> Iterator[tuple[Any, Any]]:
    """The same batch, again and again."""
    while True:
        yield x, y


def by_hand(case: Case, size: Size, steps: int, device: str) -> Program:
    """The same in PyTorch: a module of its own layers, bfloat16 by autocast, compiled on a GPU."""
    import torch
    from torch.nn import functional as F

    from benchmarks import gpu_by_hand

    model: Any = gpu_by_hand.MODELS[case.build.__name__](size).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4, fused=device == "cuda")
    forward = torch.compile(model) if device == "cuda" else model
    x, y = (torch.from_numpy(a).to(device) for a in case.data(size))
    if case.unit == "images":
        x = x.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
        model.to(memory_format=torch.channels_last)
    y = y.long().reshape(-1)

    def run() -> Any:
        loss = None
        for _ in range(steps):
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(device, torch.bfloat16):
                out = forward(x)
            loss = F.cross_entropy(out.float().reshape(-1, size.words), y)
            loss.backward()
            optimizer.step()
        assert loss is not None
        return float(loss.detach())

    return run


# ----------------------------------------------------------------------------------------- measuring


def chip() -> str | None:
    """The name of JAX's first GPU, or None."""
    import jax

    found = [d for d in jax.devices() if d.platform in ("gpu", "cuda", "rocm")]
    return str(found[0].device_kind) if found else None


def peak(name: str | None) -> float | None:
    """Operations a second in bfloat16, None if the chip is not known.

    >>> peak("NVIDIA H100 80GB HBM3"), peak("abacus")
    (989000000000000.0, None)
    """
    return next((p for key, p in PEAKS.items() if name is not None and key in name), None)


def measure(name: str, tiny: bool, repeats: int, steps: int) -> list[dict[str, Any]]:
    """Rates and shares of the peak of one case, for each package."""
    import keras

    import hornbeam

    case = CASES[name]
    size = case.tiny if tiny else case.full
    gpu = chip()
    programs = {
        "hornbeam": ours_or_keras(hornbeam, case, size, steps),
        "keras on jax": ours_or_keras(keras, case, size, steps),
    }
    if importlib.util.find_spec("torch") is not None:
        import torch

        device = "cuda" if torch.cuda.is_available() else "cpu"
        if tiny or device == "cuda":
            programs["plain torch, compiled"] = by_hand(case, size, steps, device)
    seconds = in_turns([stopwatch(p) for p in programs.values()], repeats)
    units = size.batch * (size.length if case.unit == "tokens" else 1)
    limit = peak(gpu)
    return [
        {
            "case": name,
            "program": program,
            "chip": gpu,
            "seconds per step": taken / steps,
            f"{case.unit} per second": units * steps / taken,
            "share of peak": case.flops(size) * steps / taken / limit if limit else None,
        }
        for program, taken in zip(programs, seconds, strict=True)
    ]


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and write; 0 if there was something to measure on."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="toy sizes, on anything")
    parser.add_argument("--repeats", type=int, default=5, help="turns per case")
    parser.add_argument("--steps", type=int, default=10, help="steps per turn")
    parser.add_argument("--only", default="", help="part of a case's name")
    parser.add_argument("--json", type=Path, help="where the numbers go")
    options = parser.parse_args(arguments)
    os.environ["KERAS_BACKEND"] = "jax"
    if chip() is None and not options.tiny:
        print("JAX sees no GPU here, so there is nothing to measure (--tiny runs on anything).")
        return 1
    results = []
    for name in CASES:
        if options.only in name:
            results += measure(name, options.tiny, options.repeats, options.steps)
    for row in results:
        shown = {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items()}
        print(", ".join(f"{k}: {v}" for k, v in shown.items()))
    if options.json is not None:
        import json

        text = json.dumps({"machine": machine(), "results": results}, indent=1)
        options.json.write_text(text + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

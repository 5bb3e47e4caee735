"""The models of `gpu.py` as one writes them in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F


def _conv(inside: int, filters: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(inside, filters, kernel, stride, kernel // 2, bias=False)
    return [conv, nn.BatchNorm2d(filters)]


class _Bottleneck(nn.Module):
    def __init__(self, inside: int, filters: int, stride: int) -> None:
        super().__init__()
        self.long = nn.Sequential(
            *_conv(inside, filters, 1),
            nn.ReLU(inplace=True),
            *_conv(filters, filters, 3, stride),
            nn.ReLU(inplace=True),
            *_conv(filters, 4 * filters, 1),
        )
        same = stride == 1 and inside == 4 * filters
        self.short = (
            nn.Identity() if same else nn.Sequential(*_conv(inside, 4 * filters, 1, stride))
        )

    def forward(self, x: Any) -> Any:
        return F.relu(self.long(x) + self.short(x), inplace=True)


def resnet(size: Any) -> nn.Module:
    """ResNet-50, or two of its blocks."""
    first = [*_conv(3, size.width, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    counts = (3, 4, 6, 3) if size.depth == 50 else (1, 1)
    inside = size.width
    for stage, count in enumerate(counts):
        for i in range(count):
            filters = size.width * 2**stage
            first.append(_Bottleneck(inside, filters, 2 if stage and not i else 1))
            inside = 4 * filters
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inside, size.words)]
    return nn.Sequential(*first, *head)


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, causal: bool) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])

    def _attend(self, x: Any) -> Any:
        batch, length, width = x.shape
        parts = self.qkv(x).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(*parts.unbind(0), is_causal=self.causal)
        return self.out(seen.transpose(1, 2).reshape(batch, length, width))

    def _think(self, x: Any) -> Any:
        return self.down(F.gelu(self.up(x), approximate="tanh"))

    def forward(self, x: Any) -> Any:
        first, second = self.norms
        if self.causal:
            x = x + self._attend(first(x))
            return x + self._think(second(x))
        x = first(x + self._attend(x))
        return second(x + self._think(x))


class _Transformer(nn.Module):
    def __init__(self, size: Any, causal: bool) -> None:
        super().__init__()
        self.words = nn.Embedding(size.words, size.width)
        self.places = nn.Embedding(size.length, size.width)
        self.norm = nn.LayerNorm(size.width)
        blocks = [_Block(size.width, size.heads, causal) for _ in range(size.depth)]
        self.blocks = nn.Sequential(*blocks)
        self.out = nn.Linear(size.width, size.words, bias=False)
        self.causal = causal

    def forward(self, x: Any) -> Any:
        x = self.words(x) + self.places(torch.arange(x.shape[1], device=x.device))
        if self.causal:
            return self.out(self.norm(self.blocks(x)))
        return self.out(self.blocks(self.norm(x)))


def bert(size: Any) -> nn.Module:
    """BERT-base."""
    return _Transformer(size, causal=False)


def gpt2(size: Any) -> nn.Module:
    """GPT-2-small."""
    return _Transformer(size, causal=True)


MODELS: dict[str, Callable[[Any], nn.Module]] = {"resnet": resnet, "bert": bert, "gpt2": gpt2}
"""Name of a builder of `gpu.py` -> the same in PyTorch."""

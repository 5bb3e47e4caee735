"""The programs of `programs.py` as one would write them in PyTorch by hand: a module and a loop.

They do what `fit` does, and no more: shuffle, step, and add up the loss and the hits on the device.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.timing import Scale

Program = Callable[[], Any]
Losses = Callable[[Any, Any], Any]


def _crossentropy(logits: Any, y: Any) -> Any:
    return F.cross_entropy(logits, y)


def _hits(logits: Any, y: Any) -> Any:
    return (logits.argmax(-1) == y).sum()


def _trained(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss_of: Losses,
    hits_of: Losses | None,
    x: Any,
    y: Any,
    batch: int,
    shuffle: bool = True,
) -> tuple[Program, int]:
    """(one epoch, how many steps it has)."""
    steps = -(-len(x) // batch)

    def run() -> Any:
        order = np.random.permutation(len(x)) if shuffle else np.arange(len(x))
        total, hits = torch.zeros(()), torch.zeros(())
        model.train()
        for i in range(steps):
            rows = order[i * batch : (i + 1) * batch]
            xs, ys = torch.from_numpy(x[rows]), torch.from_numpy(y[rows])
            optimizer.zero_grad()
            out = model(xs)
            loss = loss_of(out, ys)
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(rows)
            if hits_of is not None:
                hits += hits_of(out.detach(), ys)
        return float(total) / len(x), float(hits) / len(x)

    return run, steps


def _mlp(scale: Scale, dropout: float = 0.0) -> tuple[nn.Module, Any, Any]:
    hidden = scale.size(512)
    stack: list[nn.Module] = []
    for width in (784, hidden):
        stack += [nn.Linear(width, hidden), nn.ReLU()]
        if dropout:
            stack.append(nn.Dropout(dropout))
    rng = np.random.default_rng(0)
    rows = 128 * scale.steps
    x = rng.random((rows, 784), dtype="float32")
    return nn.Sequential(*stack, nn.Linear(hidden, 10)), x, rng.integers(0, 10, rows)


def mlp_fit(scale: Scale, dropout: float = 0.0) -> tuple[Program, int]:
    """One epoch of the MLP."""
    model, x, y = _mlp(scale, dropout)
    optimizer = torch.optim.RMSprop(model.parameters(), 1e-3)
    return _trained(model, optimizer, _crossentropy, _hits, x, y, 128)


def mlp_dropout_fit(scale: Scale) -> tuple[Program, int]:
    """The same with dropout of 0.2."""
    return mlp_fit(scale, 0.2)


def mlp_train_on_batch(scale: Scale) -> tuple[Program, int]:
    """The MLP on batches in order."""
    model, x, y = _mlp(scale)
    optimizer = torch.optim.RMSprop(model.parameters(), 1e-3)
    return _trained(model, optimizer, _crossentropy, _hits, x, y, 128, shuffle=False)


class _Cnn(nn.Module):
    def __init__(self, filters: int, side: int, width: int) -> None:
        super().__init__()
        last = (side - 4) // 2
        self.stack = nn.Sequential(
            nn.Conv2d(1, filters, 3),
            nn.ReLU(),
            nn.Conv2d(filters, filters, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(filters * last * last, width),
            nn.ReLU(),
            nn.Linear(width, 10),
        )

    def forward(self, x: Any) -> Any:
        return self.stack(x)


def cnn_fit(scale: Scale) -> tuple[Program, int]:
    """One epoch of the convolutional network."""
    filters, side = scale.size(32), max(8, scale.size(28))
    model = _Cnn(filters, side, scale.size(128))
    batch = scale.size(128)
    rows = batch * max(1, scale.steps // 10)
    rng = np.random.default_rng(0)
    x = rng.random((rows, 1, side, side), dtype="float32")
    y = rng.integers(0, 10, rows)
    return _trained(model, torch.optim.Adam(model.parameters()), _crossentropy, _hits, x, y, batch)


class _Lstm(nn.Module):
    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.out = nn.Linear(width, 1)

    def forward(self, x: Any) -> Any:
        return self.out(self.lstm(self.embedding(x))[0][:, -1])


def lstm_fit(scale: Scale) -> tuple[Program, int]:
    """One epoch of the LSTM over embedded words."""
    words, width, length = scale.size(20_000), scale.size(128), scale.size(100)
    model = _Lstm(words, width)
    rng = np.random.default_rng(0)
    rows = 32 * max(1, scale.steps // 4)
    x = rng.integers(0, words, (rows, length))
    y = rng.integers(0, 2, (rows, 1)).astype("float32")
    return _trained(
        model,
        torch.optim.Adam(model.parameters()),
        F.binary_cross_entropy_with_logits,
        lambda out, y: ((out > 0) == (y > 0.5)).sum(),
        x,
        y,
        32,
    )


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.head = max(1, width // 8)
        self.qkv, self.out = nn.Linear(width, 24 * self.head), nn.Linear(8 * self.head, width)
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Any) -> Any:
        q, k, v = self.qkv(x).view(*x.shape[:2], 3, 8, self.head).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = self.first(x + self.out(attended))
        return self.second(x + self.down(F.gelu(self.up(x))))


class _Transformer(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(_Block(width), _Block(width))
        self.out = nn.Linear(width, 10)

    def forward(self, x: Any) -> Any:
        return self.out(self.blocks(x).mean(1))


def transformer_fit(scale: Scale) -> tuple[Program, int]:
    """One epoch of the two-block transformer."""
    width, length = scale.size(256), scale.size(128)
    model = _Transformer(width)
    rng = np.random.default_rng(0)
    rows = 16 * max(1, scale.steps // 8)
    x = rng.random((rows, length, width), dtype="float32")
    y = rng.integers(0, 10, rows)
    return _trained(model, torch.optim.Adam(model.parameters()), _crossentropy, _hits, x, y, 16)


def tiny_fit(scale: Scale) -> tuple[Program, int]:
    """A 2x2 layer on 10,000 rows at batch 32."""
    model = nn.Linear(2, 2)
    x = np.random.default_rng(0).random((scale.size(10_000), 2), dtype="float32")
    y = np.sort(x, axis=1)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    return _trained(model, optimizer, F.mse_loss, None, x, y, 32)


def predict_one_row(scale: Scale) -> tuple[Program, int]:
    """A small MLP on one row, again and again."""
    model, x, _ = _mlp(Scale(scale.repeats, 1, scale.width / 8))
    model.eval()

    def run() -> None:
        for _ in range(scale.steps):
            with torch.no_grad():
                F.softmax(model(torch.from_numpy(x[:1])), -1).numpy()

    return run, scale.steps


def call_one_batch(scale: Scale) -> tuple[Program, int]:
    """A small MLP on one batch of 32."""
    model, x, _ = _mlp(Scale(scale.repeats, 1, scale.width / 8))

    def run() -> Any:
        out = None
        for _ in range(scale.steps):
            out = F.softmax(model(torch.from_numpy(x[:32])), -1)
        assert out is not None
        return out.detach().numpy()

    return run, scale.steps


BY_HAND: dict[str, Callable[[Scale], tuple[Program, int]]] = {
    fn.__name__: fn
    for fn in (
        mlp_fit,
        mlp_dropout_fit,
        mlp_train_on_batch,
        cnn_fit,
        lstm_fit,
        transformer_fit,
        tiny_fit,
        predict_one_row,
        call_one_batch,
    )
}
"""Name of a program of `programs.py` -> the same by hand."""

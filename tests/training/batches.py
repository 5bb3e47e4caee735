"""Data sets for worker processes, which import this module and no more than it needs."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

from hornbeam.training.data.py_dataset import PyDataset

X = np.arange(24.0, dtype="float32").reshape(12, 2) / 24


class Rows(PyDataset):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, i: int) -> Any:
        time.sleep(0.02 * (i % 2))  # so that batches do not get ready in order
        return X[3 * i : 3 * i + 3], X[3 * i : 3 * i + 3].sum(1)


class Raises(Rows):
    def __getitem__(self, i: int) -> Any:
        if i == 2:
            raise KeyError("no such picture")
        return super().__getitem__(i)


class Odd(Exception):
    """It can be pickled, but not read again."""

    def __init__(self, a: str, b: str) -> None:
        super().__init__(a)


class RaisesOddly(Rows):
    def __getitem__(self, i: int) -> Any:
        if i == 2:
            raise Odd("one", "two")
        return super().__getitem__(i)


class Dies(Rows):
    def __getitem__(self, i: int) -> Any:
        if i == 2:
            os._exit(3)
        return super().__getitem__(i)


class Stalls(Rows):
    def __getitem__(self, i: int) -> Any:
        if i == 2:
            time.sleep(8)
        return super().__getitem__(i)


class Reversing(Rows):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.order = [0, 1, 2, 3]

    def __getitem__(self, i: int) -> Any:
        return super().__getitem__(self.order[i])

    def on_epoch_end(self) -> None:
        self.order.reverse()

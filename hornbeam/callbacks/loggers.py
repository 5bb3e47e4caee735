"""Callbacks that write logs down elsewhere: a CSV file, a server."""

from __future__ import annotations

import csv
import json
import os
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from hornbeam.callbacks.callback import Callback
from hornbeam.errors import InputError


class CSVLogger(Callback):
    """Writes the logs of each epoch to a CSV file, one row per epoch.

    Args:
        filename: the path of the file.
        separator: what stands between the values.
        append: whether rows are added to an existing file.

    Example:

    >>> import hornbeam, numpy, pathlib, tempfile
    >>> model = hornbeam.Sequential([hornbeam.Input((1,)), hornbeam.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> x = numpy.ones((2, 1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "log.csv")
    ...     _ = model.fit(x, x, verbose=0, callbacks=[hornbeam.callbacks.CSVLogger(path)])
    ...     path.read_text().splitlines()[0]
    'epoch,loss'
    """

    def __init__(self, filename: Any, separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename = os.fspath(filename)
        self.sep = separator
        self.append = append
        self.keys: list[str] | None = None
        self.append_header = True

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin the file."""
        exists = os.path.exists(self.filename) and os.path.getsize(self.filename) > 0
        self.append_header = not (self.append and exists)
        self.keys = None
        mode = "a" if self.append or self.params.get("resuming") else "w"
        with open(self.filename, mode, encoding="utf-8"):
            pass

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write a row."""
        figures = dict(logs or {})
        first = self.keys is None
        if self.keys is None:
            self.keys = sorted(figures)
            # validation may not run in the first epoch (`validation_freq`)
            if not any(key.startswith("val_") for key in self.keys) and self._validates():
                self.keys += [f"val_{key}" for key in self.keys]
        row = {key: _plain(figures.get(key, "NA")) for key in self.keys}
        with open(self.filename, "a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(
                file,
                fieldnames=["epoch", *self.keys],
                delimiter=self.sep,
                lineterminator="\n",
                extrasaction="ignore",
            )
            if first and self.append_header:
                writer.writeheader()
            writer.writerow({"epoch": epoch, **row})

    def get_state(self) -> dict[str, Any]:
        """The columns, and how long the file is; what is in it is on the disk from then on."""
        with open(self.filename, "rb+") as file:
            os.fsync(file.fileno())
            size = file.seek(0, os.SEEK_END)
        return {"keys": self.keys, "size": size, "header": self.append_header}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take the columns, and cut off the rows that were written since."""
        self.keys = state["keys"]
        self.append_header = state["header"]
        if os.path.getsize(self.filename) < state["size"]:
            raise InputError(
                f"CSVLogger: {self.filename!r} is shorter than it was when the checkpoint was written, "
                "so its first rows are lost. Put the file back, or begin anew with `resume=False`."
            )
        os.truncate(self.filename, state["size"])

    def _validates(self) -> bool:
        return bool(self.params.get("do_validation"))


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return value.item()
    if isinstance(value, Iterable) and not isinstance(value, Mapping):
        return f"[{', '.join(map(str, np.asarray(value).ravel().tolist()))}]"
    return value


class RemoteMonitor(Callback):
    """Sends the logs of each epoch to a server, in an HTTP POST.

    A server that cannot be reached is a warning, not an error.

    Args:
        root: the address of the server.
        path: the path on it.
        field: the form field that holds the JSON, unless `send_as_json`.
        headers: more HTTP headers.
        send_as_json: whether the body is the JSON itself.

    Example:

    >>> import hornbeam
    >>> hornbeam.callbacks.RemoteMonitor("http://localhost:9000").path
    '/publish/epoch/end/'
    """

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: Mapping[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        super().__init__()
        self.root = root
        self.path = path
        self.field = field
        self.headers = headers
        self.send_as_json = send_as_json

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Send."""
        figures = {"epoch": epoch, **{key: _jsonable(value) for key, value in (logs or {}).items()}}
        text = json.dumps(figures)
        if self.send_as_json:
            body, kind = text.encode(), "application/json"
        else:
            body = urllib.parse.urlencode({self.field: text}).encode()
            kind = "application/x-www-form-urlencoded"
        request = urllib.request.Request(
            self.root + self.path,
            data=body,
            headers={"Content-Type": kind, **(self.headers or {})},
            method="POST",
        )
        try:
            with urllib.request.urlopen(request, timeout=10):
                pass
        except (urllib.error.URLError, OSError) as error:
            warnings.warn(
                f"RemoteMonitor could not reach {self.root + self.path!r}: {error}.", stacklevel=2
            )


def _jsonable(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value

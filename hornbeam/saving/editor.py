"""`KerasFileEditor`: look into a file of weights, change it, and write it again, without a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hornbeam import dtypes
from hornbeam.errors import InputError, suggest
from hornbeam.saving import hdf5_writing, json_format
from hornbeam.saving.archive import ArchiveReader
from hornbeam.saving.atomic import atomic_write
from hornbeam.saving.opening import open_regular
from hornbeam.saving.tensors import StoredTensor
from hornbeam.saving.weight_files import MEMBERS, checked_path, open_weights
from hornbeam.saving.weights import named_variables


class KerasFileEditor:
    """The weights in a ``.keras`` or ``.weights.h5`` file as a table that can be changed.

    Nothing of the model is built.  Values are read when the editor is made; the file itself stays as it
    is until `save`, which writes a ``.weights.h5`` file.

    Args:
        filepath: the file.

    Attributes:
        weights_dict: object ("layers/dense") -> name of the weight ("0") -> array.
        config: the architecture as plain data, None for files of weights.
        metadata: what the file says about itself.

    Example:

    >>> import hornbeam, tempfile, os
    >>> model = hornbeam.Sequential([hornbeam.Input((4,)), hornbeam.layers.Dense(2)])
    >>> path = os.path.join(tempfile.mkdtemp(), "model.weights.h5")
    >>> model.save_weights(path)
    >>> editor = hornbeam.saving.KerasFileEditor(path)
    >>> editor.rename_object("layers/dense", "dense_7")
    >>> sorted(editor.weights_dict)
    ['layers/dense_7']
    """

    def __init__(self, filepath: Any) -> None:
        self.filepath = str(filepath)
        path = Path(filepath)
        if not path.name.endswith((".keras", ".weights.h5")):
            raise InputError(
                f"KerasFileEditor reads '.keras' and '.weights.h5' files, got {self.filepath!r}."
            )
        self.config: Any = None
        self.metadata: dict[str, Any] = {}
        self.model = None
        if path.suffix == ".keras":
            with open_regular(path) as file:
                archive = ArchiveReader(file, self.filepath, MEMBERS)
                self.metadata = json_format.parse(archive.read("metadata.json", 2**20))
                self.config = json_format.parse(
                    archive.read("config.json", json_format.MAX_CONFIG_BYTES)
                )
        self.weights_dict: dict[str, dict[str, Any]] = {}
        self.object_metadata: dict[str, dict[str, Any]] = {}
        with open_weights(path) as opened:
            for name, tensor in opened.tensors.items():
                place, weight = self._split(name)
                self.weights_dict.setdefault(place, {})[weight] = tensor.read()

    @staticmethod
    def _split(path: str) -> tuple[str, str]:
        place, _, weight = path.rpartition("/")
        return place.removesuffix("vars").removesuffix("/"), weight

    def _find(self, name: str) -> str:
        """The object of that path, or the only one whose path ends so."""
        if name in self.weights_dict:
            return name
        found = [place for place in self.weights_dict if place.split("/")[-1] == name]
        if len(found) != 1:
            what = f"{len(found)} objects" if found else "no object"
            raise InputError(
                f"{self.filepath!r} has {what} called {name!r}.{suggest(name, self.weights_dict)} "
                f"There are {sorted(self.weights_dict)[:20]}."
            )
        return found[0]

    # ------------------------------------------------------------------------------------ looking

    def summary(self) -> None:
        """Print the objects, with names, shapes and dtypes of their weights."""
        from rich.console import Console
        from rich.tree import Tree

        top = Tree(f"weights of {self.filepath}")
        for place, weights in sorted(self.weights_dict.items()):
            branch = top.add(place or "(the model itself)")
            for name, value in weights.items():
                branch.add(f"{name}: {dtypes.standardize(value.dtype)} {tuple(value.shape)}")
        Console(highlight=False).print(top, markup=False)

    def compare(self, reference_model: Any) -> dict[str, Any]:
        """What differs between the file and a model.

        Args:
            reference_model: a built model.

        Returns:
            A dict: "status" ("match" or "mismatch"), and, if they differ, "missing" (paths that
            the file lacks), "unused" (paths only the file has) and "mismatched" (path -> shape of the
            model's, shape of the file's).
        """
        ours = {n: v.shape for n, v in named_variables(reference_model, optimizer=False).items()}
        theirs = {
            f"{place}/vars/{name}" if place else f"vars/{name}": tuple(value.shape)
            for place, weights in self.weights_dict.items()
            for name, value in weights.items()
            if not place.startswith("optimizer")
        }
        found: dict[str, Any] = {
            "missing": sorted(set(ours) - set(theirs)),
            "unused": sorted(set(theirs) - set(ours)),
            "mismatched": {
                n: (ours[n], theirs[n]) for n in ours if n in theirs and ours[n] != theirs[n]
            },
        }
        if not any(found.values()):
            return {"status": "match"}
        return {"status": "mismatch", **found}

    # ----------------------------------------------------------------------------------- changing

    def rename_object(self, object_name: str, new_name: str) -> None:
        """Give an object another name within its group.

        Args:
            object_name: its path, or its last part if no other object has that.
            new_name: the new last part of the path, or a whole path.
        """
        place = self._find(object_name)
        outer = place.rpartition("/")[0]
        target = new_name if "/" in new_name or not outer else f"{outer}/{new_name}"
        if target in self.weights_dict:
            raise InputError(f"{self.filepath!r} already has an object {target!r}.")
        for old in [p for p in self.weights_dict if p == place or p.startswith(f"{place}/")]:
            self.weights_dict[target + old[len(place) :]] = self.weights_dict.pop(old)

    def delete_object(self, object_name: str) -> None:
        """Remove an object, and all that is below it."""
        place = self._find(object_name)
        for old in [p for p in self.weights_dict if p == place or p.startswith(f"{place}/")]:
            del self.weights_dict[old]

    def add_object(self, object_path: str, weights: Mapping[str, Any]) -> None:
        """Enter a new object.

        Args:
            object_path: its path, such as "layers/dense_2".
            weights: name ("0", "1", ...) -> array.
        """
        if object_path in self.weights_dict:
            raise InputError(f"{self.filepath!r} already has an object {object_path!r}.")
        self.weights_dict[object_path] = {k: np.asarray(v) for k, v in weights.items()}

    def add_weights(self, object_name: str, weights: Mapping[str, Any]) -> None:
        """Enter weights into an object that is there; those of the same name are replaced."""
        self.weights_dict[self._find(object_name)].update(
            {name: np.asarray(value) for name, value in weights.items()}
        )

    def delete_weight(self, object_name: str, weight_name: str) -> None:
        """Remove one weight of an object."""
        weights = self.weights_dict[self._find(object_name)]
        if weight_name not in weights:
            raise InputError(f"{object_name!r} has no weight {weight_name!r}, but {list(weights)}.")
        del weights[weight_name]

    def save(self, filepath: Any) -> None:
        """Write the weights as they are now to a ``.weights.h5`` file."""
        path = checked_path(filepath, (".weights.h5",), True, "KerasFileEditor.save")

        def arrays() -> Iterator[tuple[str, Any]]:
            for place, weights in self.weights_dict.items():
                for name, value in weights.items():
                    yield f"{place}/vars/{name}" if place else f"vars/{name}", value

        with atomic_write(path) as file:
            hdf5_writing.write_tensors(file, arrays())

    resave_weights = save


def tensors_of(filepath: Any) -> dict[str, StoredTensor]:
    """Name -> shape, dtype and check sum of the tensors in a file of any format."""
    with open_weights(filepath) as opened:
        return dict(opened.tensors)


__all__ = ["KerasFileEditor"]

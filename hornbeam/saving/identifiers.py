"""What a user may write for an object: its name, a config, the object itself, or a function.

`layers.Dense(8, activation="relu")`, `compile(loss={"class_name": "Huber", "config": {}})` and
`kernel_initializer=my_function` all end in a `Lookup`, one for each area.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hornbeam.errors import InputError, UnknownNameError, suggest
from hornbeam.naming import to_snake_case
from hornbeam.saving.objects import (
    CustomObjectScope,
    deserialize_keras_object,
    get_registered_object,
)


class Lookup:
    """The classes and functions of one area, by all their names.

    Args:
        kind: what one of them is called in errors, as "loss".
        objects: name -> class or function.
        base: the class that instances have; None where functions will do as well.
        folded: whether names are found in any case.
    """

    def __init__(
        self, kind: str, objects: Mapping[str, Any], base: type | None = None, folded: bool = False
    ) -> None:
        self.kind = kind
        self.objects = dict(objects)
        self.base = base
        self.folded = folded
        self._lower = {name.lower(): value for name, value in self.objects.items()}

    def named(self, name: str) -> Any:
        """The class or function called `name`.

        Raises:
            UnknownNameError: with the nearest names, if there is none.
        """
        found = get_registered_object(name)
        if found is None:
            found = self.objects.get(name)
        if found is None and self.folded:
            found = self._lower.get(name.lower())
        if found is None:
            raise UnknownNameError(
                f"There is no {self.kind} named {name!r}.{suggest(name, self.objects)} Custom ones are "
                "passed as objects, or by name inside `hornbeam.saving.custom_object_scope({...})`."
            )
        return found

    def get(self, identifier: Any) -> Any:
        """The object that `identifier` stands for; None stays None.

        Raises:
            UnknownNameError: for a string that names nothing.
            InputError: for something that cannot be one.
        """
        if identifier is None:
            return None
        if isinstance(identifier, Mapping):
            return self.deserialize(identifier)
        found = self.named(identifier) if isinstance(identifier, str) else identifier
        if inspect.isclass(found):
            found = found()
        return self.checked(found)

    def checked(self, found: Any) -> Any:
        """`found`, if it can be one of these."""
        if callable(found) or (self.base is not None and isinstance(found, self.base)):
            return found
        what = f"an instance of {self.base.__name__}, " if self.base is not None else ""
        raise InputError(
            f"{found!r} of type {type(found).__name__} is no {self.kind}: expected a name, {what}"
            "a config dict or a function."
        )

    def deserialize(self, config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """The object that a config, or a name, stands for."""
        if custom_objects:
            with CustomObjectScope(custom_objects):
                return self.deserialize(config)
        if not isinstance(config, Mapping):
            return self.get(config)
        if "class_name" in config and "module" not in config and "registered_name" not in config:
            found = self.named(
                str(config["class_name"])
            )  # the short form, {"class_name", "config"}
            if not inspect.isclass(found):
                return found
            inner = config.get("config") or {}
            make: Callable[[dict[str, Any]], Any] = getattr(
                found, "from_config", lambda c: found(**c)
            )
            return make(dict(inner))
        return self.checked(deserialize_keras_object(config))


def names_of(classes: Iterable[type]) -> dict[str, type]:
    """Each class under its own name and under its name in snake case."""
    table: dict[str, type] = {}
    for kind in classes:
        table[kind.__name__] = kind
        table[to_snake_case(kind.__name__)] = kind
    return table

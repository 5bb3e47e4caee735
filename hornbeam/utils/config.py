"""`Config`: named values that can be frozen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hornbeam.errors import InputError, suggest


class Config:
    """Named values, as attributes and as items; `freeze` forbids changes.

    Args:
        **kwargs: the names and values to begin with.

    Example:

    >>> import hornbeam
    >>> config = hornbeam.utils.Config(rate=0.1)
    >>> config.epochs = 3
    >>> config.freeze()
    >>> config["rate"], config.as_dict()
    (0.1, {'rate': 0.1, 'epochs': 3})
    """

    _config: dict[str, Any]
    _frozen: bool

    def __init__(self, **kwargs: Any) -> None:
        object.__setattr__(self, "_config", dict(kwargs))
        object.__setattr__(self, "_frozen", False)

    def _check(self) -> None:
        if self._frozen:
            raise InputError("This Config is frozen; call `unfreeze()` before changing it.")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_config":  # asked for by copy and pickle
            raise AttributeError(name)
        try:
            return self._config[name]
        except KeyError:
            known = suggest(name, self._config)
            raise AttributeError(f"This Config has no value named {name!r}.{known}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        self._check()
        del self._config[name]

    def __getitem__(self, key: str) -> Any:
        return self._config[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._check()
        self._config[key] = value

    def __delitem__(self, key: str) -> None:
        self._check()
        del self._config[key]

    def __contains__(self, key: object) -> bool:
        return key in self._config

    def __iter__(self) -> Iterator[str]:
        return iter(self._config)

    def __len__(self) -> int:
        return len(self._config)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Config) and self._config == other._config

    __hash__ = None  # type: ignore[assignment]

    def __getstate__(self) -> dict[str, Any]:
        return {"config": self._config, "frozen": self._frozen}

    def __setstate__(self, state: dict[str, Any]) -> None:
        object.__setattr__(self, "_config", state["config"])
        object.__setattr__(self, "_frozen", state["frozen"])

    def __repr__(self) -> str:
        return f"<Config {self._config}>"

    @property
    def frozen(self) -> bool:
        """Whether changes are forbidden."""
        return self._frozen

    def freeze(self) -> None:
        """Forbid changes."""
        object.__setattr__(self, "_frozen", True)

    def unfreeze(self) -> None:
        """Allow changes again."""
        object.__setattr__(self, "_frozen", False)

    def as_dict(self) -> dict[str, Any]:
        """The names and values as a dict of their own."""
        return dict(self._config)

    def to_json(self) -> str:
        """The names and values as JSON."""
        return json.dumps(self._config)

    def get(self, keyname: str, value: Any = None) -> Any:
        """The value of `keyname`, or `value` if there is none."""
        return self._config.get(keyname, value)

    def keys(self) -> Any:
        """The names."""
        return self._config.keys()

    def values(self) -> Any:
        """The values."""
        return self._config.values()

    def items(self) -> Any:
        """(name, value) pairs."""
        return self._config.items()

    def pop(self, *args: Any) -> Any:
        """Take a value out; a second argument is what an absent name gives."""
        self._check()
        return self._config.pop(*args)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Take over names and values, as `dict.update`."""
        self._check()
        self._config.update(*args, **kwargs)

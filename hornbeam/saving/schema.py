"""The version of what Hornbeam writes, and the steps that bring older configs up to it.

``metadata.json`` has the number under ``hornbeam_schema``; files of other libraries have none and are
read as they are.  An upgrader takes the config of one version and returns that of the next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hornbeam.errors import CorruptFileError, UnsafeFileError

CURRENT = 2
"""1: op nodes under Hornbeam's own names.  2: op nodes as Keras writes them; check sums of tensors."""


def _from_1(config: Any) -> Any:
    """Nothing to change: nodes under our own names are still read, and sums are optional."""
    return config


UPGRADERS: dict[int, Callable[[Any], Any]] = {1: _from_1}
"""Version -> what makes the next version's config of its configs."""


def upgrade(config: Any, metadata: Any, source: str) -> Any:
    """A config of any known version as one of the current version.

    Args:
        config: the parsed ``config.json``.
        metadata: the parsed ``metadata.json``.
        source: what to call the file in messages.

    Raises:
        CorruptFileError: if the metadata is malformed.
        UnsafeFileError: if the file is from a later version than this one knows.
    """
    if not isinstance(metadata, Mapping):
        raise CorruptFileError(f"The metadata of {source!r} is no object.")
    ours = "hornbeam_version" in metadata
    version = metadata.get("hornbeam_schema", 1 if ours else CURRENT)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise CorruptFileError(f"The metadata of {source!r} has the schema {version!r}.")
    if version > CURRENT:
        raise UnsafeFileError(
            f"{source!r} was written by a later Hornbeam ({metadata.get('hornbeam_version')!r}, schema "
            f"{version}); this one reads up to schema {CURRENT}. Upgrade with `pip install -U hornbeam`."
        )
    for step in range(version, CURRENT):
        config = UPGRADERS[step](config)
    return config


__all__ = ["CURRENT", "UPGRADERS", "upgrade"]

"""What is kept of Keras 2: configs without modules, see `hornbeam.legacy.saving`."""

from __future__ import annotations

from hornbeam.legacy import saving

__all__ = ["saving"]

"""Architectures for images that are known by name, written from their papers.

    model = hornbeam.applications.ResNet50(weights=None, classes=10)

Each module has one family; `hornbeam/applications/architecture.py` has what they share.  What can be
imported from here is listed in ``__init__.pyi``; each module is imported when the first of its names is
used.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

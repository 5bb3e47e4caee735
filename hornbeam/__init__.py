"""Hornbeam: deep learning with Keras 3's API on the engine of your choice.

    import hornbeam
    from hornbeam import layers

    model = hornbeam.Sequential([layers.Dense(10, activation="softmax")])

What can be imported from here is listed in ``__init__.pyi``, which type checkers read as it stands;
at run time each name is imported when it is first used.  So this import costs milliseconds and brings
in no engine.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

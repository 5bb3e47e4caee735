"""Models as estimators of scikit-learn: `SKLearnClassifier`, `SKLearnRegressor`, `SKLearnTransformer`.

scikit-learn is imported when the first of them is used.
"""

from __future__ import annotations

from typing import Any

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]


def __getattr__(name: str) -> Any:
    """The estimators, which need scikit-learn."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from hornbeam.wrappers import estimators
    except ModuleNotFoundError as error:
        if error.name != "sklearn":
            raise
        from hornbeam.errors import UnsupportedError

        raise UnsupportedError(
            f"{name} needs scikit-learn: pip install 'hornbeam[sklearn]'."
        ) from None
    return getattr(estimators, name)


def __dir__() -> list[str]:
    return sorted(__all__)

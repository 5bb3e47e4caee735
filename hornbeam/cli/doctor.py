"""``hornbeam doctor``: engines, versions and devices, and how to get what is missing."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform

from hornbeam._version import __version__
from hornbeam.backends import registry

HELPERS = {
    "h5py": "files of weights",
    "scikit-learn": "estimators",
    "matplotlib": "plots",
    "pyyaml": "architectures as YAML",
}
"""Package -> what needs it."""
MODULES = {"scikit-learn": "sklearn", "pyyaml": "yaml"}
"""Package -> the module that it brings, where that has another name."""


def version_of(package: str) -> str | None:
    """The version of an installed package, None if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        found = importlib.util.find_spec(MODULES.get(package, package).replace("-", "_"))
        return None if found is None else "installed"


def report() -> int:
    """Print what is there and what is not.

    Returns:
        0 if an engine that can train is installed, else 1.
    """
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    console.print(
        f"hornbeam {__version__}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}"
    )
    table = Table("engine", "version", "devices", "can train")
    missing = []
    trainable = False
    for name in registry.known():
        package = registry.ENGINES[name][1] if name in registry.ENGINES else name
        version = version_of(package)
        if version is None:
            table.add_row(name, "-", "-", "-")
            missing.append((name, f"pip install 'hornbeam[{name}]'"))
            continue
        try:
            backend = registry.get(name)
            devices = ", ".join(backend.devices()) or "-"
        except Exception as error:  # whatever is wrong with an engine, the others are shown
            table.add_row(name, version, f"broken: {error}", "-")
            continue
        trainable = trainable or backend.differentiable
        table.add_row(name, version, devices, "yes" if backend.differentiable else "no")
    console.print(table)
    for package, purpose in HELPERS.items():
        version = version_of(package)
        if version is None:
            missing.append((f"{package} ({purpose})", f"pip install {package}"))
        else:
            console.print(f"{package} {version}: {purpose}")
    for what, command in missing:
        console.print(f"missing: {what}; get it with: {command}", markup=False)
    return 0 if trainable else 1


__all__ = ["report"]

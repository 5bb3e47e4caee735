"""Models as programs that run without Hornbeam: `ExportArchive`, and what `Model.export` does."""

from hornbeam.export.archive import ExportArchive

__all__ = ["ExportArchive"]

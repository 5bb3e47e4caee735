"""Sequences of different lengths."""

from hornbeam.utils.arrays import pad_sequences

__all__ = ["pad_sequences"]

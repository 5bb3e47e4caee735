"""Hornbeam."""
from hornbeam.backends.registry import use_backend

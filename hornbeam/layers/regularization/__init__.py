"""Dropout, noise and penalties: layers that act in training only."""

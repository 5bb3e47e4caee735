"""Layers that change the shape and leave the values."""

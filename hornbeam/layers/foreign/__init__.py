"""Layers around the modules and functions of engines."""

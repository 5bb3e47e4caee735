"""Layers that go through time step by step, and those that wrap layers over time."""

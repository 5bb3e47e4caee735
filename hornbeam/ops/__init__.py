"""Tensor functions, the same on every engine: the ops that layers, losses and metrics are made of."""

from hornbeam.ops.elementwise import *  # noqa: F403

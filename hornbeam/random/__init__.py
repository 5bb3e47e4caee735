"""Random numbers from explicit seeds, and the seeds as state."""

from __future__ import annotations

from hornbeam.random.distributions import (
    beta,
    binomial,
    categorical,
    dropout,
    gamma,
    normal,
    randint,
    shuffle,
    truncated_normal,
    uniform,
)
from hornbeam.random.seed_generator import SeedGenerator, draw_seed, global_seed_generator

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "draw_seed",
    "dropout",
    "gamma",
    "global_seed_generator",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]

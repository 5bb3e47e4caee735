"""Distributions that take an unknown number of tries: gamma, beta and binomial.

All of them loop over whole arrays until every entry is settled, with keys derived from one key.
Parameters are float32 arrays of the wanted shape.
"""

from __future__ import annotations

import numpy as np

from hornbeam.backends.protocol import Array, Backend

GOLDEN = 0x9E3779B9
FEW = 16
"""Up to so many trials of a binomial distribution are made one by one."""


def derived(b: Backend, key: Array, number: int) -> Array:
    """Another key for the same purpose: the seed word moved by a multiple of the golden ratio."""
    moved = np.array([(number * GOLDEN) & 0xFFFFFFFF, 0], np.uint32)
    return b.add(key, b.asarray(moved))


def gamma(b: Backend, key: Array, alpha: Array) -> Array:
    """Gamma(alpha, 1): candidates d (1 + c x)^3, accepted with probability over 0.95."""
    small = alpha < 1.0
    d = b.where(small, alpha + 1.0, alpha) - 1.0 / 3.0
    c = b.reciprocal(b.sqrt(d * 9.0))
    shape = b.shape(alpha)

    def propose(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        key, settled, value = state
        x = b.random_normal(derived(b, key, 1), shape, "float32")
        u = b.random_uniform(derived(b, key, 2), shape, "float32")
        v = x * c + 1.0
        v = v * v * v
        positive = v > 0.0
        log_v = b.log(b.where(positive, v, b.ones((), "float32")))
        bound = b.square(x) * 0.5 + d * (log_v - v + 1.0)
        good = b.logical_and(positive, b.log(b.maximum(u, b.full((), 1e-30, "float32"))) < bound)
        value = b.where(b.logical_and(good, b.logical_not(settled)), d * v, value)
        return derived(b, key, 3), b.logical_or(settled, good), value

    start = (key, b.full(shape, False, "bool"), b.zeros(shape, "float32"))
    _, _, value = b.while_loop(lambda s: b.logical_not(b.all(s[1])), propose, start)
    # Gamma(a) = Gamma(a + 1) u^(1/a), for a < 1
    u = b.random_uniform(derived(b, key, 4), shape, "float32")
    exponent = b.reciprocal(b.where(small, alpha, b.ones((), "float32")))
    shrunk = value * b.power(b.maximum(u, b.full((), 1e-30, "float32")), exponent)
    return b.where(small, shrunk, value)


def beta(b: Backend, key: Array, alpha: Array, beta: Array) -> Array:
    """Beta(alpha, beta), as X / (X + Y) of two gamma variables."""
    x = gamma(b, derived(b, key, 11), alpha)
    y = gamma(b, derived(b, key, 12), beta)
    tiny = b.full((), 1e-30, "float32")
    return b.divide(b.maximum(x, tiny), b.maximum(x, tiny) + b.maximum(y, tiny))


def binomial(b: Backend, key: Array, counts: Array, probabilities: Array) -> Array:
    """Binomial(counts, probabilities), exactly, in a logarithmic number of steps (Relles, 1972).

    Of n trials' uniform numbers the i-th smallest is Beta(i, n + 1 - i).  If it is below p, i trials
    succeeded and n - i are left, above it; else only the i - 1 below it may have.  When few are left
    they are tried one by one.
    """
    shape = b.shape(counts)
    counts = b.floor(b.maximum(counts, b.zeros((), "float32")))

    def halve(state: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        key, n, p, total = state
        many = n > float(FEW)
        i = b.floor(n * 0.5) + 1.0
        one = b.ones((), "float32")
        x = beta(b, key, b.where(many, i, one), b.where(many, n + 1.0 - i, one))
        below = x <= p
        left = b.where(below, n - i, i - 1.0)
        inside = b.where(
            below,
            (p - x) / b.maximum(1.0 - x, b.full((), 1e-30, "float32")),
            p / b.maximum(x, b.full((), 1e-30, "float32")),
        )
        total = b.where(b.logical_and(many, below), total + i, total)
        clipped = b.minimum(b.maximum(inside, b.zeros((), "float32")), one)
        return derived(b, key, 21), b.where(many, left, n), b.where(many, clipped, p), total

    start = (key, counts, probabilities, b.zeros(shape, "float32"))
    key, n, p, total = b.while_loop(lambda s: b.any(s[1] > float(FEW)), halve, start)
    u = b.random_uniform(derived(b, key, 22), (FEW, *shape), "float32")
    number = b.reshape(b.arange(0, FEW, 1, "float32"), (FEW, *(1 for _ in shape)))
    success = b.logical_and(u < p, number < n)
    return total + b.sum(b.cast(success, "float32"), 0)

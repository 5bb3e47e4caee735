"""The LSTM of the JAX backend, with its backward pass written by hand.

Differentiating the plain scan makes JAX add up the gradient of the recurrent kernel step by step: 100
small products and a (units, 4 * units) sum carried through the loop.  Here the backward scan only stacks
the gradients of the gates, and the kernel's gradient is one product after it.  Measured on 2 cores,
forward and backward of 32x100x128 with 128 units: see `benchmarks/README.md`.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

Array = Any


def lstm_states(
    projected: Array, h: Array, c: Array, recurrent_kernel: Array, mask: Array | None
) -> tuple[Array, Array]:
    """States of an LSTM with tanh and sigmoid.

    Args:
        projected: the inputs times the kernel, plus the bias: (time, batch, 4 * units).
        h: first output state (batch, units).
        c: first cell state (batch, units).
        recurrent_kernel: (units, 4 * units).
        mask: bools (time, batch) or None; where False, the states stay what they were.

    Returns:
        (output states of all steps (time, batch, units), last cell state).
    """
    valid = None if mask is None else mask[..., None].astype(projected.dtype)
    return _jitted(projected, h, c, recurrent_kernel, valid)  # type: ignore[no-any-return]


def _gates(z: Array) -> tuple[Array, Array, Array, Array]:
    i, f, g, o = jnp.split(z, 4, axis=-1)
    return lax.logistic(i), lax.logistic(f), jnp.tanh(g), lax.logistic(o)


def _keep(valid: Array | None, new: Array, old: Array) -> Array:
    return new if valid is None else jnp.where(valid > 0, new, old)


@jax.custom_vjp
def _states(
    projected: Array, h: Array, c: Array, kernel: Array, valid: Array | None
) -> tuple[Array, Array]:
    def step(carry: Any, row: Any) -> Any:
        h, c = carry
        z, ok = row
        i, f, g, o = _gates(z + h @ kernel)
        new_c = f * c + i * g
        new_h = o * jnp.tanh(new_c)
        carry = (_keep(ok, new_h, h), _keep(ok, new_c, c))
        return carry, carry[0]

    (_, c), outputs = lax.scan(step, (h, c), (projected, valid))
    return outputs, c


def _forward(projected: Array, h: Array, c: Array, kernel: Array, valid: Array | None) -> Any:
    def step(carry: Any, row: Any) -> Any:
        h, c = carry
        z, ok = row
        i, f, g, o = _gates(z + h @ kernel)
        new_c = f * c + i * g
        squashed = jnp.tanh(new_c)
        kept = (_keep(ok, o * squashed, h), _keep(ok, new_c, c))
        return kept, (kept[0], jnp.concatenate([i, f, g, o], -1), squashed, c)

    (_, last_c), (outputs, gates, squashed, before) = lax.scan(step, (h, c), (projected, valid))
    return (outputs, last_c), (h, kernel, valid, outputs, gates, squashed, before)


def _backward(saved: Any, cotangents: Any) -> Any:
    h, kernel, valid, outputs, gates, squashed, before = saved
    d_outputs, d_last_c = cotangents

    def step(carry: Any, row: Any) -> Any:
        dh, dc = carry
        d_output, ok, gate, tanh_c, old_c = row
        dh = dh + d_output
        held_h, held_c = jnp.zeros_like(dh), jnp.zeros_like(dc)
        if ok is not None:
            held_h, held_c = dh * (1 - ok), dc * (1 - ok)
            dh, dc = dh * ok, dc * ok
        i, f, g, o = jnp.split(gate, 4, axis=-1)
        dc = dc + dh * o * (1 - tanh_c * tanh_c)
        dz = jnp.concatenate(
            [
                dc * g * i * (1 - i),
                dc * old_c * f * (1 - f),
                dc * i * (1 - g * g),
                dh * tanh_c * o * (1 - o),
            ],
            -1,
        )
        return (dz @ kernel.T + held_h, dc * f + held_c), dz

    start = (jnp.zeros_like(h), d_last_c)
    rows = (d_outputs, valid, gates, squashed, before)
    (dh, dc), dz = lax.scan(step, start, rows, reverse=True)
    earlier = jnp.concatenate([h[None], outputs[:-1]])
    flat = (-1, earlier.shape[-1])
    d_kernel = earlier.reshape(flat).T @ dz.reshape(-1, dz.shape[-1])
    return dz, dh, dc, d_kernel, None if valid is None else jnp.zeros_like(valid)


_states.defvjp(_forward, _backward)
_jitted = jax.jit(_states)  # else every eager call would trace and compile the scan anew

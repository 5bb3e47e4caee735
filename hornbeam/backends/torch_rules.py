"""Rules of optimizers for all variables at once, in PyTorch's fused and `foreach` kernels.

They overwrite what they are given, as PyTorch's own optimizers do, and compute what the rule that is
written in ops computes: the same tests hold for both.  A step of a 784-512-512-10 network spent half of
its time in rules before they were here (torch 2.13, 2 cores).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

Array = Any
Arrays = list[Any]


def _alike(parameters: Arrays, gradients: Arrays, slots: dict[str, Arrays]) -> bool:
    """Whether all are dense floats of one dtype on one device, and the parameters ours to overwrite."""
    first = parameters[0]
    if any(type(p) is not torch.nn.Parameter for p in parameters):
        return False
    dtype, device = first.dtype, first.device
    if dtype not in (torch.float32, torch.float64):
        return False
    if not all(x.is_contiguous() for group in (parameters, *slots.values()) for x in group):
        return False
    return all(
        x.dtype is dtype and x.device == device and x.layout is torch.strided
        for group in (parameters, gradients, *slots.values())
        for x in group
    )


def _number(x: Array) -> Any:
    """A scalar as a Python number, where reading it waits for nobody."""
    if isinstance(x, torch.Tensor):
        return x if x.is_cuda else x.item()
    return float(x)


def _rule(fn: Callable[..., None]) -> Callable[..., bool]:
    """`fn` for tensors that it is for; there is no tape (see `Optimizer.apply`)."""

    def run(
        settings: Any,
        parameters: Arrays,
        gradients: Arrays,
        slots: dict[str, Arrays],
        learning_rate: Any,
        updates: Any,
    ) -> bool:
        if not _alike(parameters, gradients, slots):
            return False
        rate, step = _number(learning_rate), _number(updates) + 1
        fn(settings, parameters, gradients, slots, rate, step)
        return True

    return run


def _sgd(
    o: Any, parameters: Arrays, gradients: Arrays, slots: dict[str, Arrays], rate: Any, step: Any
) -> None:
    if not o.momentum:
        _move(parameters, gradients, rate)
        return
    velocities = slots["momentum"]
    torch._foreach_mul_(velocities, o.momentum)
    _move(velocities, gradients, rate)
    if o.nesterov:
        torch._foreach_add_(parameters, velocities, alpha=o.momentum)
        _move(parameters, gradients, rate)
    else:
        torch._foreach_add_(parameters, velocities)


def _move(x: Arrays, by: Arrays, rate: Any) -> None:
    """``x -= rate * by``."""
    if isinstance(rate, torch.Tensor):
        torch._foreach_sub_(x, torch._foreach_mul(by, rate))
    else:
        torch._foreach_add_(x, by, alpha=-rate)


def _move_by_quotients(x: Arrays, over: Arrays, under: Any, rate: Any) -> None:
    """``x -= rate * over / under``."""
    if isinstance(rate, torch.Tensor):
        quotients = torch._foreach_div(over, under)
        torch._foreach_sub_(x, torch._foreach_mul(quotients, rate))
    else:
        torch._foreach_addcdiv_(x, over, under, -rate)


def _rmsprop(
    o: Any, parameters: Arrays, gradients: Arrays, slots: dict[str, Arrays], rate: Any, step: Any
) -> None:
    squares = slots["velocity"]
    torch._foreach_mul_(squares, o.rho)
    torch._foreach_addcmul_(squares, gradients, gradients, 1 - o.rho)
    sizes = torch._foreach_add(squares, o.epsilon)
    if o.centered:
        means = slots["average_gradient"]
        torch._foreach_lerp_(means, gradients, 1 - o.rho)
        torch._foreach_addcmul_(sizes, means, means, -1)
    torch._foreach_sqrt_(sizes)
    if o.momentum > 0:
        velocities = slots["momentum"]
        torch._foreach_mul_(velocities, o.momentum)
        _move_by_quotients(velocities, gradients, sizes, -rate)
        torch._foreach_sub_(parameters, velocities)
    else:
        _move_by_quotients(parameters, gradients, sizes, rate)


def _adagrad(
    o: Any, parameters: Arrays, gradients: Arrays, slots: dict[str, Arrays], rate: Any, step: Any
) -> None:
    totals = slots["accumulator"]
    torch._foreach_addcmul_(totals, gradients, gradients)
    sizes = torch._foreach_add(totals, o.epsilon)
    torch._foreach_sqrt_(sizes)
    _move_by_quotients(parameters, gradients, sizes, rate)


def _adam(
    o: Any, parameters: Arrays, gradients: Arrays, slots: dict[str, Arrays], rate: Any, step: Any
) -> None:
    """PyTorch adds epsilon to the corrected denominator, Keras before the correction."""
    if isinstance(step, torch.Tensor):
        _adam_on_device(o, parameters, gradients, slots, rate, step)
        return
    largest = slots.get("velocity_hat", [])
    torch._fused_adam_(
        parameters,
        [g.contiguous() for g in gradients],  # it goes through memory, whatever the strides
        slots["momentum"],
        slots["velocity"],
        largest,
        [torch.tensor(float(step))] * len(parameters),
        lr=rate,
        beta1=o.beta_1,
        beta2=o.beta_2,
        weight_decay=0.0,
        eps=o.epsilon / math.sqrt(1 - o.beta_2**step),
        amsgrad=bool(largest),
        maximize=False,
    )


def _adam_on_device(
    o: Any, parameters: Arrays, gradients: Arrays, slots: dict[str, Arrays], rate: Any, step: Array
) -> None:
    """The rate stays on the device, so that nothing waits for it."""
    means, squares = slots["momentum"], slots["velocity"]
    torch._foreach_lerp_(means, gradients, 1 - o.beta_1)
    torch._foreach_mul_(squares, o.beta_2)
    torch._foreach_addcmul_(squares, gradients, gradients, 1 - o.beta_2)
    sizes = squares
    if o.amsgrad:
        sizes = slots["velocity_hat"]
        torch._foreach_maximum_(sizes, squares)
    roots = torch._foreach_sqrt(sizes)
    torch._foreach_add_(roots, o.epsilon)
    rate = rate * torch.sqrt(1 - o.beta_2**step) / (1 - o.beta_1**step)
    _move_by_quotients(parameters, means, roots, rate)


RULES: dict[str, Callable[..., bool]] = {
    "sgd": _rule(_sgd),
    "rmsprop": _rule(_rmsprop),
    "adagrad": _rule(_adagrad),
    "adam": _rule(_adam),
}
"""Name of a rule -> it, for all variables at once."""

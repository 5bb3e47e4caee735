"""Bridges to ``torch.nn.Module``, in both directions.

`Adapter` lets a layer run a module on the values of the layer's variables; `module` makes a module of a
layer or model, whose parameters are the very tensors that the variables hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call
from torch.nn import Parameter
from torch.nn.parameter import UninitializedParameter

from hornbeam.backends.torch_arrays import DTYPES
from hornbeam.backends.torch_compiled import is_traced
from hornbeam.errors import InputError
from hornbeam.naming import to_snake_case

Array = Any


# ------------------------------------------------------------------------- a module within a layer


class Adapter:
    """Runs a module on given values.

    Args:
        module: a ``torch.nn.Module``.
    """

    def __init__(self, module: torch.nn.Module) -> None:
        self.module = module

    @property
    def lazy(self) -> bool:
        """Whether some parameters get their shapes from the first input."""
        return any(isinstance(p, UninitializedParameter) for p in self.module.parameters())

    def initialize(self, *inputs: Array) -> None:
        """Run the module once, so that lazy parameters get their shapes."""
        with torch.no_grad():
            self.module(*inputs)

    def parameters(self) -> list[tuple[str, Array]]:
        """(name, tensor), each tensor once."""
        return list(self.module.named_parameters())

    def buffers(self) -> list[tuple[str, Array]]:
        """(name, tensor), each tensor once."""
        return list(self.module.named_buffers())

    def adopt(self, old: Array, leaf: Array) -> None:
        """Let the module have `leaf` wherever it has the parameter `old`."""
        for part in self.module.modules():
            for name, held in part._parameters.items():
                if held is old:
                    part._parameters[name] = leaf

    def __call__(
        self,
        parameters: dict[str, Array],
        buffers: dict[str, Array],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        training: bool,
    ) -> tuple[Any, dict[str, Array]]:
        """(outputs, new buffers).  In training buffers are copied first: modules overwrite them."""
        if self.module.training is not training:
            self.module.train(training)
        before = dict(self.module.named_buffers())
        current = dict(buffers)
        if training:
            current = {name: tensor.detach().clone() for name, tensor in buffers.items()}
        self._hold(current)
        try:
            outputs = functional_call(self.module, parameters, args, kwargs)
            after = dict(self.module.named_buffers())
        finally:
            if any(is_traced(tensor) for tensor in current.values()):
                self._hold(before)
        return outputs, {name: after[name] for name in buffers}

    def _hold(self, buffers: dict[str, Array]) -> None:
        for path, tensor in buffers.items():
            owner, _, name = path.rpartition(".")
            self.module.get_submodule(owner)._buffers[name] = tensor


def shapes_of(fn: Callable[..., Any], *specs: tuple[tuple[int, ...], str]) -> Any:
    """The outputs of `fn` for tensors of these shapes and dtypes, as tensors without values."""
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        return fn(*[torch.empty(shape, dtype=DTYPES[dtype]) for shape, dtype in specs])


# ------------------------------------------------------------------------------ a layer as a module


class LayerModule(torch.nn.Module):
    """A layer or model as a module: see `module`."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self._of = (layer,)  # a tuple hides it from the module's own bookkeeping
        self._boxes: dict[tuple[torch.nn.Module, str], Any] = {}
        for path, box in _named(layer):
            *parts, last = path.split(".")
            owner: torch.nn.Module = self
            for part in parts:
                if part not in owner._modules:
                    owner.add_module(part, torch.nn.Module())
                owner = owner.get_submodule(part)
            if type(box._value) is Parameter:
                owner.register_parameter(last, box._value)
            else:
                owner.register_buffer(last, box._value)
                self._boxes[owner, last] = box

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The layer's outputs; `training` is the module's mode unless it is given."""
        kwargs.setdefault("training", self.training)
        return self._of[0](*args, **kwargs)

    def _refresh(self) -> None:
        """Boxes that are no parameters may hold other tensors by now."""
        for (owner, name), box in self._boxes.items():
            owner._buffers[name] = box._value

    def named_buffers(self, *args: Any, **kwargs: Any) -> Iterator[tuple[str, Array]]:
        """As they are now."""
        self._refresh()
        return super().named_buffers(*args, **kwargs)

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """As it is now."""
        self._refresh()
        return super().state_dict(*args, **kwargs)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Overwrite parameters and buffers; with `assign` they would be others than the layer's."""
        if assign:
            raise InputError(
                "load_state_dict(assign=True) would give the module other tensors than the layer has; "
                "leave `assign` alone."
            )
        self._refresh()
        with torch.no_grad():
            return super().load_state_dict(state_dict, strict=strict)

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        """Moves between devices reach the layer; a dtype is the layer's own."""
        probe = torch.empty(0, dtype=torch.float32)
        if fn(probe).dtype is not probe.dtype:
            raise InputError(
                "The dtype of a layer is set by its dtype policy when it is made: "
                "`Layer(dtype='bfloat16')`, or `hornbeam.config.set_dtype_policy`."
            )
        self._refresh()
        result = super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for (owner, name), box in self._boxes.items():
            box._value = owner._buffers[name]
        return result


def module(layer: Any) -> LayerModule:
    """A layer or model as a ``torch.nn.Module``, for loops and optimizers of PyTorch's own.

    Parameters and buffers are the tensors that the layer's variables hold, so that both see every
    change.  Their names are those of the layers by class, counted within the model, and of the
    variables: "dense.kernel", "dense_1.bias".

    Args:
        layer: a layer or model on the engine 'torch' that has its variables.

    Raises:
        InputError: if it is not built yet, or on another engine.

    Example:

    >>> import hornbeam
    >>> from hornbeam.backends.torch import module
    >>> with hornbeam.use_backend("torch"):
    ...     model = hornbeam.Sequential([hornbeam.Input((2,)), hornbeam.layers.Dense(1)])
    >>> sorted(module(model).state_dict())
    ['dense.bias', 'dense.kernel']
    """
    weights = layer.weights
    if not weights and not layer.built:
        raise InputError(
            f"{type(layer).__name__} {layer.name!r} has no variables yet: call it on data first."
        )
    others = {w.backend.name for w in weights} - {"torch"}
    if others:
        raise InputError(
            f"{type(layer).__name__} {layer.name!r} is on the engine {others.pop()!r}: bring it over "
            "with `model.to('torch')`."
        )
    return LayerModule(layer)


def _named(layer: Any) -> list[tuple[str, Any]]:
    """(name, variable) of all weights, by layer."""
    kinds: Counter[str] = Counter()
    found: dict[int, tuple[str, Any]] = {}
    taken: Counter[str] = Counter()
    for part in layer._flatten_layers():
        own = part._own_variables()
        if not own:
            continue
        kind = to_snake_case(type(part).__name__)
        prefix = f"{kind}_{kinds[kind]}" if kinds[kind] else kind
        kinds[kind] += 1
        for box in own:
            if id(box) in found:
                continue
            name = f"{prefix}.{box.name.replace('.', '_')}"
            taken[name] += 1
            found[id(box)] = (name if taken[name] == 1 else f"{name}_{taken[name] - 1}", box)
    return list(found.values())


# ------------------------------------------------------------- what models have as PyTorch's users know


def _through_module(name: str) -> Callable[..., Any]:
    def method(layer: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(module(layer), name)(*args, **kwargs)

    method.__doc__ = f"``torch.nn.Module.{name}`` of the layer, see `module`."
    return method


METHODS: dict[str, Callable[..., Any]] = {
    name: _through_module(name)
    for name in (
        "buffers",
        "load_state_dict",
        "named_buffers",
        "named_parameters",
        "parameters",
        "state_dict",
        "zero_grad",
    )
}
"""What a layer on this engine has besides its own methods."""

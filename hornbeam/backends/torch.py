"""PyTorch: eager by default."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import torch
from torch.nn import Parameter
from torch.nn import functional as F

from hornbeam import tree
from hornbeam.backends import (
    memory,
    torch_arrays,
    torch_compiled,
    torch_overrides,
    torch_random,
    torch_recorded,
    torch_recurrent,
    torch_rules,
    windows,
)
from hornbeam.backends.bridges import torch_loaders, torch_modules
from hornbeam.backends.bridges.torch_modules import module as module
from hornbeam.backends.protocol import ARRAY_PRIMITIVES, COMPOSITIONS, Array, Backend
from hornbeam.backends.torch_arrays import DTYPES, NAMES
from hornbeam.errors import InputError

NATIVE = "logaddexp tril triu roll moveaxis swapaxes diagonal".split()
"""Those whose parameters have the same order and meaning as the op's."""

_CONVOLUTIONS: tuple[Any, ...] = (F.conv1d, F.conv2d, F.conv3d)
_MAX_POOLS: tuple[Any, ...] = (F.max_pool1d, F.max_pool2d, F.max_pool3d)
_AVERAGE_POOLS: tuple[Any, ...] = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)


_PLAIN = (torch.Tensor, Parameter)


class _Depth(threading.local):
    """How many `value_and_grad` are running in this thread, one inside the other."""

    value = 0


_depth = _Depth()


class TorchBackend(Backend):
    """The protocol on PyTorch's tensors."""

    name = "torch"
    pip = "torch"
    compiled = False
    compiles_on_request = True
    xp: ClassVar[Any] = torch_arrays.NAMESPACE
    native: ClassVar[frozenset[str]] = frozenset(NATIVE)
    batches_of = torch_loaders.batches_of

    def __getattr__(self, name: str) -> Any:
        """Compositions, too, may meet dtypes that PyTorch has no arithmetic for."""
        found = super().__getattr__(name)
        if name in COMPOSITIONS and name not in ARRAY_PRIMITIVES:
            found = self.__dict__[name] = torch_arrays.everywhere(found)
        return found

    # ------------------------------------------------------------------ arrays and their properties

    def array_types(self) -> tuple[type, ...]:
        return (torch.Tensor,)

    def asarray(self, x: Any, dtype: str | None = None) -> Array:
        return torch_arrays.asarray(x, dtype)

    def adopt(self, x: Any) -> Array:
        return torch_arrays.adopt(x)

    def to_numpy(self, x: Array) -> Any:
        return torch_arrays.to_numpy(x)

    def on_host(self, x: Array) -> Any:
        return torch_arrays.on_host(x)

    def is_concrete(self, x: Array) -> bool:
        return type(x) in _PLAIN or not torch_compiled.is_traced(x)

    def dtype(self, x: Array) -> str:
        return NAMES[x.dtype]

    def native_dtype(self, dtype: str) -> Any:
        return DTYPES.get(dtype, dtype)

    def cast(self, x: Array, dtype: str) -> Array:
        return torch_arrays.cast(x, dtype)

    def getitem(self, x: Array, key: Any) -> Array:
        return torch_arrays.getitem(x, key)

    def devices(self) -> list[str]:
        return ["cpu:0", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]

    def on_device(self, name: str) -> AbstractContextManager[Any]:
        return torch.device(name)

    def synchronize(self, x: Any) -> None:
        for leaf in tree.flatten(x):
            if isinstance(leaf, torch.Tensor) and leaf.is_cuda:
                torch.cuda.synchronize(leaf.device)

    # --------------------------------------------------------------------------------- what boxes hold

    def box(self, value: Array, trainable: bool) -> Array:
        """A parameter, which optimizers and modules of PyTorch know by identity."""
        if type(value) is Parameter:
            return value.requires_grad_(trainable)
        if not (value.is_floating_point() or value.is_complex()):
            return value
        own = value.detach().clone(memory_format=torch.contiguous_format)
        return Parameter(own, requires_grad=trainable)

    def store(self, held: Array, new: Array) -> Array:
        """A parameter stays itself; what is no parameter keeps no graph alive and shares no memory."""
        if type(held) is Parameter:
            if new is not held:
                with torch.no_grad():
                    held.copy_(new)
            return held
        if type(new) is Parameter or new._is_view():
            return new.detach().clone()
        return new.detach() if new.requires_grad else new

    def unbox(self, held: Array) -> Array:
        return held.detach() if type(held) is Parameter else held

    def model_method(self, name: str) -> Callable[..., Any] | None:
        return torch_modules.METHODS.get(name)

    def module_adapter(self, module: Any) -> torch_modules.Adapter:
        return torch_modules.Adapter(module)

    def export_layer(
        self, layer: Any, specs: list[Any], path: str, format: str, **options: Any
    ) -> None:
        from hornbeam.backends.bridges import torch_programs

        torch_programs.export_layer(layer, specs, path, format, **options)

    def shapes_of(self, fn: Callable[..., Any], *specs: tuple[tuple[int, ...], str]) -> Any:
        return torch_modules.shapes_of(fn, *specs)

    def update_rule(self, name: str) -> Callable[..., bool] | None:
        return torch_rules.RULES.get(name)

    # ------------------------------------------------------------------------ autodiff, compilation

    def inference(self) -> AbstractContextManager[Any]:
        return torch.no_grad()

    def value_and_grad(
        self, fn: Callable[[list[Array]], tuple[Array, Any]], values: list[Array]
    ) -> tuple[tuple[Array, Any], list[Array]]:
        """Inside of another one, or of the user's own graph, the gradient can be differentiated too."""
        memory.keep()  # mnist_cnn 34 ms a step in place of 37 to 120, with 5,000 page faults and more
        for value in values:
            if not (value.is_floating_point() or value.is_complex()):
                raise InputError(f"Gradients need floating numbers, got {NAMES[value.dtype]}.")
        inner = _depth.value > 0 or any(value.requires_grad for value in values)
        with torch.enable_grad():
            inputs = [
                value.view_as(value) if value.requires_grad else value.detach().requires_grad_()
                for value in values
            ]
            _depth.value += 1
            try:
                result, aux = fn(inputs)
            finally:
                _depth.value -= 1
            grads = _gradients(result, inputs, create_graph=inner)
        if not inner:
            result, aux = result.detach(), tree.map_structure(_detached, aux)
        return (result, aux), grads

    def stop_gradient(self, x: Array) -> Array:
        return _detached(x)

    def remat(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        from torch.utils.checkpoint import checkpoint

        return lambda *args: checkpoint(fn, *args, use_reentrant=False)

    def compile(
        self, fn: Callable[..., Any], donate: bool = False, jit_compile: bool | str = "auto"
    ) -> Callable[..., Any]:
        """`fn` itself, unless somebody asks for compiled code."""
        return torch_compiled.Compiled(fn, self.asarray) if jit_compile is True else fn

    def recorded(
        self, fn: Callable[[list[Array]], Any], inputs: Sequence[Array]
    ) -> tuple[list[int], Callable[[list[Array]], Any]] | None:
        if torch.is_anomaly_enabled() or torch.is_autocast_enabled():
            return None
        try:
            return torch_recorded.recorded(fn, inputs)
        except (
            Exception
        ):  # if something is wrong with `fn`, it shows where it runs as it is written
            return None

    def custom_gradient(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        def with_gradient(*args: Any) -> Any:
            leaves, spec = tree.flatten_with_spec(args)
            box: list[Any] = []
            out = _CustomGradient.apply(fn, spec, box, *leaves)  # type: ignore[no-untyped-call]
            return tree.unflatten(box[0], list(out))

        return with_gradient

    # ---------------------------------------------------------------------------------- control flow

    def scan(
        self,
        fn: Callable[[Any, Any], tuple[Any, Any]],
        init: Any,
        xs: Any,
        length: int | None = None,
        reverse: bool = False,
    ) -> tuple[Any, Any]:
        """A loop; rows come from `unbind`, whose gradient is one `stack`."""
        rows, steps = _rows(xs)
        count = length if steps is None else steps
        if not count:
            raise ValueError("scan() over zero steps: `xs` is empty, so the outputs have no shape.")
        carry, ys = init, []
        for i in reversed(range(count)) if reverse else range(count):
            carry, y = fn(carry, rows(i))
            ys.append(y)
        if reverse:
            ys.reverse()
        return carry, tree.map_structure(_stacked, *ys)

    def cond(
        self, predicate: Array, true_fn: Callable[[], Any], false_fn: Callable[[], Any]
    ) -> Any:
        if torch_compiled.is_traced(predicate):
            return torch_compiled.both(predicate, true_fn, false_fn)
        return true_fn() if predicate else false_fn()

    def while_loop(
        self, cond: Callable[[Any], Array], body: Callable[[Any], Any], state: Any
    ) -> Any:
        while cond(state):
            state = body(state)
        return state

    def vmap(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """A loop over the rows: `torch.vmap` knows neither branches nor gradients inside of `fn`."""

        def mapped(*args: Any) -> Any:
            rows, count = _rows(args)
            return tree.map_structure(_stacked, *[fn(*rows(i)) for i in range(count or 0)])

        return mapped

    # ------------------------------------------------------------- overrides, each with its reason

    def rsqrt(self, x: Array) -> Array:
        """One kernel instead of two."""
        return torch.rsqrt(x)

    def divide_no_nan(self, x1: Array, x2: Array) -> Array:
        """Numbers where the composition makes arrays: a third of the time for scalars."""
        zero = x2 == 0
        return torch.where(zero, 0.0, x1 / torch.where(zero, 1.0, x2))

    def dropped(self, x: Array, kept: Array, scale: float) -> Array:
        """A product instead of a choice: a third of the time, forwards and backwards."""
        return x * (kept.to(x.dtype) * scale)

    def relu(self, x: Array) -> Array:
        """One kernel with a gradient of its own, as for all activations below."""
        return torch_arrays.relu(x)

    def sigmoid(self, x: Array) -> Array:
        """One kernel with a gradient of its own."""
        return torch.sigmoid(x)

    def silu(self, x: Array) -> Array:
        """One kernel with a gradient of its own."""
        return F.silu(x)

    def softplus(self, x: Array) -> Array:
        """One kernel with a gradient of its own."""
        return F.softplus(x)

    def log_sigmoid(self, x: Array) -> Array:
        """One kernel with a gradient of its own."""
        return F.logsigmoid(x)

    def gelu(self, x: Array, approximate: bool = True) -> Array:
        """One kernel with a gradient of its own."""
        return F.gelu(x, approximate="tanh" if approximate else "none")

    def elu(self, x: Array, alpha: float = 1.0) -> Array:
        """One kernel with a gradient of its own."""
        return F.elu(x, alpha)

    def selu(self, x: Array) -> Array:
        """One kernel with a gradient of its own."""
        return F.selu(x)

    def leaky_relu(self, x: Array, negative_slope: float = 0.2) -> Array:
        """One kernel with a gradient of its own."""
        return F.leaky_relu(x, negative_slope)

    def softmax(self, x: Array, axis: Any = -1) -> Array:
        """One kernel instead of five."""
        if isinstance(axis, int):
            return torch.softmax(x, axis)
        return COMPOSITIONS["softmax"](self, x, axis)

    def log_softmax(self, x: Array, axis: Any = -1) -> Array:
        """One kernel instead of five."""
        if isinstance(axis, int):
            return torch.log_softmax(x, axis)
        return COMPOSITIONS["log_softmax"](self, x, axis)

    def sparse_categorical_crossentropy(
        self, target: Array, output: Array, from_logits: bool = False, axis: int = -1
    ) -> Array:
        """Picks the logarithms in one kernel, where the composition takes ten steps."""
        if target.ndim == output.ndim and target.shape[-1] == 1:
            target = target.squeeze(-1)
        last = output.ndim > 0 and axis in (-1, output.ndim - 1)
        if not last or target.shape != output.shape[:-1]:
            compose = COMPOSITIONS["sparse_categorical_crossentropy"]
            return compose(self, target, output, from_logits, axis)
        return torch_overrides.sparse_crossentropy(target, output, from_logits)

    def layer_normalization(
        self,
        x: Array,
        gamma: Array | None = None,
        beta: Array | None = None,
        axis: Any = -1,
        epsilon: float | None = None,
        **kwargs: Any,
    ) -> Array:
        """One kernel instead of eight, when the last axes are normalized."""
        axes = sorted(a % x.ndim for a in ((axis,) if isinstance(axis, int) else axis))
        if kwargs or epsilon is None or axes != list(range(x.ndim - len(axes), x.ndim)):
            return COMPOSITIONS["layer_normalization"](
                self, x, gamma, beta, axis, epsilon, **kwargs
            )
        shape = tuple(x.shape[a] for a in axes)
        weight = None if gamma is None else gamma.reshape(shape)
        return F.layer_norm(
            x, shape, weight, None if beta is None else beta.reshape(shape), epsilon
        )

    def conv(
        self,
        inputs: Array,
        kernel: Array,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
    ) -> Array:
        """oneDNN's convolution instead of shifted products."""
        if not inputs.is_floating_point():
            return COMPOSITIONS["conv"](
                self, inputs, kernel, strides, padding, data_format, dilation_rate
            )
        plan = windows.plan(inputs.ndim - 2, strides, dilation_rate, data_format)
        pads = windows.pads(plan.spatial(inputs.shape), kernel.shape[: plan.ndim], plan, padding)
        x = _channels_first(inputs, plan)
        even, x = _padded(x, pads)
        out = _CONVOLUTIONS[plan.ndim - 1](
            x,
            kernel.permute(-1, -2, *range(plan.ndim)),
            None,
            plan.strides,
            even,
            plan.dilations,
            x.shape[1] // kernel.shape[-2],
        )
        return _channels_back(out, plan)

    def conv_transpose(
        self,
        inputs: Array,
        kernel: Array,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
    ) -> Array:
        """A seventh of the time of spreading the inputs and convolving them."""
        args = (inputs, kernel, strides, padding, output_padding, data_format, dilation_rate)
        fits = inputs.ndim in (3, 4, 5) and kernel.ndim == inputs.ndim
        if not (fits and inputs.is_floating_point()):
            return COMPOSITIONS["conv_transpose"](self, *args)
        plan = windows.plan(inputs.ndim - 2, strides, dilation_rate, data_format)
        if inputs.shape[plan.channel_axis] != kernel.shape[-1]:
            return COMPOSITIONS["conv_transpose"](self, *args)  # which says what is wrong
        window = kernel.shape[: plan.ndim]
        pads = windows.transposed_pads(window, plan, padding, output_padding)
        x = _channels_first(inputs, plan)
        out = torch_overrides.conv_transpose(x, kernel, plan.strides, plan.dilations, pads)
        return _channels_back(out, plan)

    def batch_normalization(
        self,
        x: Array,
        mean: Array,
        variance: Array,
        axis: int,
        offset: Array | None = None,
        scale: Array | None = None,
        epsilon: float = 1e-3,
    ) -> Array:
        """One kernel where nobody differentiates."""
        if -x.ndim <= axis < x.ndim:
            found = torch_overrides.normalized(x, mean, variance, axis, offset, scale, epsilon)
            if found is not None:
                return found
        return COMPOSITIONS["batch_normalization"](
            self, x, mean, variance, axis, offset, scale, epsilon
        )

    def dot_product_attention(
        self,
        query: Array,
        key: Array,
        value: Array,
        bias: Array | None = None,
        mask: Array | None = None,
        scale: float | None = None,
        is_causal: bool = False,
        flash_attention: bool | None = None,
        attn_logits_soft_cap: float | None = None,
    ) -> Array:
        """Fused, a tenth of the time; its gradient cannot be differentiated, so not within another."""
        shapes_fit = query.ndim == key.ndim == value.ndim == 4 and not query.shape[2] % key.shape[2]
        if attn_logits_soft_cap is not None or not shapes_fit or _depth.value > 1:
            return COMPOSITIONS["dot_product_attention"](
                self,
                query,
                key,
                value,
                bias,
                mask,
                scale,
                is_causal,
                flash_attention,
                attn_logits_soft_cap,
            )
        arguments = query, key, value, bias, mask, scale, is_causal, flash_attention
        try:
            return torch_overrides.attention(*arguments)
        except RuntimeError as error:
            if not flash_attention:
                raise
            raise self.without_flash_attention(f" ({error})") from None

    def max_pool(
        self,
        inputs: Array,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
    ) -> Array:
        """One kernel instead of a maximum over shifted slices."""
        if not inputs.is_floating_point():
            return COMPOSITIONS["max_pool"](self, inputs, pool_size, strides, padding, data_format)
        plan, size, pads = _pool_plan(inputs, pool_size, strides, padding, data_format)
        x = _channels_first(inputs, plan)
        if any(p != (0, 0) for p in pads):
            x = F.pad(x, [w for pair in reversed(pads) for w in pair], value=-math.inf)
        return _channels_back(_MAX_POOLS[plan.ndim - 1](x, size, plan.strides), plan)

    def average_pool(
        self,
        inputs: Array,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
    ) -> Array:
        """As for `max_pool`; padding does not count towards the mean."""
        plan, size, pads = _pool_plan(inputs, pool_size, strides, padding, data_format)
        pool = _AVERAGE_POOLS[plan.ndim - 1]
        x = _channels_first(inputs, plan)
        if all(p == (0, 0) for p in pads):
            return _channels_back(pool(x, size, plan.strides), plan)
        flat = [w for pair in reversed(pads) for w in pair]
        inside = F.pad(torch.ones_like(x[:1, :1]), flat)
        out = pool(F.pad(x, flat), size, plan.strides) / pool(inside, size, plan.strides)
        return _channels_back(out, plan)

    def lstm(
        self,
        x: Array,
        h: Array,
        c: Array,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array | None,
        mask: Array | None = None,
        zero_output_for_mask: bool = False,
    ) -> tuple[Array, Array, Array, Array]:
        """PyTorch's fused layer: a third of the time of a loop, unless there are gaps in the mask."""
        args = (x, h, c, kernel, recurrent_kernel, bias, mask, zero_output_for_mask)
        found = torch_recurrent.lstm(*args)
        if found is None:
            return COMPOSITIONS["lstm"](self, *args)  # type: ignore[no-any-return]
        return found

    def gru(
        self,
        x: Array,
        h: Array,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array | None,
        mask: Array | None = None,
        zero_output_for_mask: bool = False,
    ) -> tuple[Array, Array, Array]:
        """As for `lstm`, with any mask."""
        return torch_recurrent.gru(x, h, kernel, recurrent_kernel, bias, mask, zero_output_for_mask)

    # ---------------------------------------------------------------------------------------- random

    @torch_recorded.whole
    def random_uniform(self, key: Array, shape: Sequence[int], dtype: str) -> Array:
        if not self.is_concrete(key):
            return torch_random.traced_uniform(key, shape, dtype)
        return torch.rand(tuple(shape), generator=torch_random.generator(key), dtype=DTYPES[dtype])

    @torch_recorded.whole
    def random_normal(self, key: Array, shape: Sequence[int], dtype: str) -> Array:
        if not self.is_concrete(key):
            return torch_random.traced_normal(key, shape, dtype)
        return torch.randn(tuple(shape), generator=torch_random.generator(key), dtype=DTYPES[dtype])

    @torch_recorded.whole
    def random_integers(self, key: Array, shape: Sequence[int], low: int, high: int) -> Array:
        if not self.is_concrete(key):
            return torch_random.traced_integers(key, shape, int(low), int(high))
        made = torch_random.generator(key)
        return torch.randint(int(low), int(high), tuple(shape), generator=made).to(torch.int32)

    @torch_recorded.whole
    def random_bernoulli(self, key: Array, shape: Sequence[int], probability: float) -> Array:
        """Coarse bits are twice as fast as floats; they are not for probabilities near 0 and 1."""
        if self.is_concrete(key) and torch_random.is_coarse_enough(probability):
            return torch_random.bernoulli(key, shape, probability)
        return self.random_uniform(key, shape, "float32") < probability

    @torch_recorded.whole
    def random_permutation(self, key: Array, n: int) -> Array:
        if not self.is_concrete(key):
            return torch_random.traced_permutation(key, n)
        return torch.randperm(n, generator=torch_random.generator(key)).to(torch.int32)


def _gradients(result: Array, inputs: list[Array], create_graph: bool) -> list[Array]:
    """Zeros where `result` does not depend on an input; of complex ones JAX's convention."""
    if not result.requires_grad:
        return [torch.zeros_like(x) for x in inputs]
    found = torch.autograd.grad(result, inputs, create_graph=create_graph, allow_unused=True)
    grads = [torch.zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True)]
    return [g.conj().resolve_conj() if g.is_complex() else g for g in grads]


def _detached(leaf: Any) -> Any:
    """Without its graph; what may be a parameter's memory is marked as a view for `store`."""
    if not isinstance(leaf, torch.Tensor):
        return leaf
    shared = leaf._is_view() or (leaf.is_leaf and leaf.requires_grad)
    return leaf.detach().view_as(leaf) if shared else leaf.detach()


class _CustomGradient(torch.autograd.Function):
    """A function that brings its own backward pass.

    When the backward pass itself is to be differentiated, the function is called once more, so that what
    its backward pass remembers of the arguments depends on them.
    """

    @staticmethod
    def forward(ctx: Any, fn: Any, spec: Any, box: list[Any], *leaves: Any) -> Any:
        ctx.call = fn, spec
        ctx.leaves = leaves
        value, ctx.pull = fn(*tree.unflatten(spec, list(leaves)))
        ctx.spec = tree.structure_of(value)
        box.append(ctx.spec)
        return tuple(
            leaf.view_as(leaf) if isinstance(leaf, torch.Tensor) else leaf
            for leaf in tree.flatten(value)
        )

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> Any:
        fn, spec = ctx.call
        pull = ctx.pull
        if torch.is_grad_enabled():
            pull = fn(*tree.unflatten(spec, list(ctx.leaves)))[1]
        found = pull(tree.unflatten(ctx.spec, list(upstream)))
        several = isinstance(found, (list, tuple))
        grads = tree.flatten(tuple(found) if several else (found,))
        if len(grads) != len(ctx.leaves):
            raise InputError(
                f"A custom gradient must return one gradient per argument: {len(ctx.leaves)}, "
                f"got {len(grads)}."
            )
        kept = [
            g if isinstance(x, torch.Tensor) and x.requires_grad else None
            for g, x in zip(grads, ctx.leaves, strict=True)
        ]
        return (None, None, None, *kept)


def _rows(xs: Any) -> tuple[Callable[[int], Any], int | None]:
    """(i -> the i-th rows of the arrays in `xs`, how many there are)."""
    leaves = tree.flatten(xs)
    spec = tree.structure_of(xs)
    columns = [None if leaf is None else leaf.unbind(0) for leaf in leaves]
    count = next((len(column) for column in columns if column is not None), None)

    def rows(i: int) -> Any:
        return tree.unflatten(spec, [None if c is None else c[i] for c in columns])

    return rows, count


def _stacked(*leaves: Any) -> Any:
    if leaves[0] is None:
        return None
    return torch.stack([torch_arrays.asarray(leaf) for leaf in leaves])


def _channels_first(x: Array, plan: windows.Plan) -> Array:
    """A view with the channels in front, which PyTorch's kernels know how to read."""
    return x.movedim(-1, 1) if plan.channels_last else x


def _channels_back(x: Array, plan: windows.Plan) -> Array:
    return x.movedim(1, -1) if plan.channels_last else x


def _padded(x: Array, pads: Sequence[tuple[int, int]]) -> tuple[tuple[int, ...], Array]:
    """(what the kernel is to pad at both ends, `x` padded by the rest)."""
    if all(before == after for before, after in pads):
        return tuple(before for before, _ in pads), x
    return (0,) * len(pads), F.pad(x, [w for pair in reversed(pads) for w in pair])


def _pool_plan(
    x: Array, pool_size: Any, strides: Any, padding: str, data_format: str | None
) -> tuple[windows.Plan, tuple[int, ...], list[tuple[int, int]]]:
    size = windows.spread(pool_size, x.ndim - 2, "pool_size")
    plan = windows.plan(x.ndim - 2, strides or size, 1, data_format)
    return plan, size, windows.pads(plan.spatial(x.shape), size, plan, padding)


def make() -> Backend:
    """The backend, for the registry."""
    return TorchBackend()

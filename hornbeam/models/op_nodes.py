"""Ops as nodes of a saved graph: under the class names and with the arguments that Keras's files have.

In a ``.keras`` file the node of an op is a class, `GetItem` for `get_item`, whose config holds the
arguments that are no arrays; the arrays stand in the node's calls.  These tables say what is what, as
seen in files that Keras 3.15 wrote.  An op that Keras has no class for is written under its own name in
the module ``hornbeam.ops``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from hornbeam import tree
from hornbeam.backends.symbolic import PUBLIC_OPS, KerasTensor
from hornbeam.errors import CorruptFileError, UnknownObjectError, suggest
from hornbeam.naming import to_snake_case
from hornbeam.ops.record import RECORDS, OpCall, OpRecord
from hornbeam.ops.structured import STRUCTURED
from hornbeam.saving.objects import deserialize_keras_object, serialize_keras_object

MODULES = {
    "core": """
        cast saturate_cast scatter scatter_update slice slice_update stop_gradient unstack
    """,
    "einops": """
        rearrange
    """,
    "image": """
        affine_transform crop_images extract_patches extract_patches_3d gaussian_blur
        hsv_to_rgb map_coordinates pad_images perspective_transform resize rgb_to_grayscale
        rgb_to_hsv scale_and_translate sobel_edges ssim
    """,
    "linalg": """
        cholesky cholesky_inverse det eig eigh inv lstsq lu_factor matrix_rank norm pinv qr
        solve solve_triangular svd
    """,
    "math": """
        cdist erf erfc erfinv extract_sequences fft fft2 ifft2 in_top_k irfft istft logdet
        logsumexp rfft rsqrt segment_max segment_min segment_prod segment_sum stft top_k
        view_as_complex view_as_real
    """,
    "nn": """
        adaptive_average_pool adaptive_max_pool average_pool batch_normalization
        binary_crossentropy categorical_crossentropy celu conv conv_transpose ctc_decode
        ctc_loss depth_to_space depthwise_conv dot_product_attention elu fold gelu glu
        hard_shrink hard_sigmoid hard_silu hard_tanh layer_normalization leaky_relu
        log_sigmoid log_softmax max_pool moments multi_hot normalize one_hot polar psnr relu
        relu6 rms_normalization selu separable_conv sigmoid silu soft_shrink softmax
        softplus softsign space_to_depth sparse_categorical_crossentropy sparse_plus
        sparse_sigmoid sparsemax squareplus tanh_shrink threshold unfold
    """,
    "numpy": """
        abs absolute add all allclose amax amin angle any append arccos arccosh arcsin
        arcsinh arctan arctan2 arctanh argmax argmin argpartition argsort array_split
        average bincount bitwise_and bitwise_invert bitwise_left_shift bitwise_not
        bitwise_or bitwise_right_shift bitwise_xor broadcast_to cbrt ceil clip concatenate
        conj conjugate copy corrcoef correlate cos cosh count_nonzero cross cumprod cumsum
        deg2rad diag diagflat diagonal diff digitize divide divide_no_nan dot dsplit dstack
        einsum empty_like equal exp exp2 expand_dims expm1 fabs flip fliplr flipud floor
        floor_divide fmax fmin fmod full full_like gcd geomspace get_item greater
        greater_equal heaviside histogram hsplit hstack hypot i0 imag inner isclose isfinite
        isin isinf isnan isneginf isposinf isreal kron lcm ldexp left_shift less less_equal
        linspace log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not
        logical_or logical_xor matmul max maximum mean median meshgrid min minimum mod
        moveaxis multiply nan_to_num nanargmax nanargmin nancumprod nancumsum nanmax nanmean
        nanmedian nanmin nanpercentile nanprod nanquantile nanstd nansum nanvar negative
        nextafter nonzero not_equal ones_like outer pad percentile power prod ptp quantile
        rad2deg ravel real reciprocal repeat reshape right_shift roll rot90 round
        searchsorted select sign signbit sin sinc sinh slogdet sort split sqrt square
        squeeze stack std subtract sum swapaxes take take_along_axis tan tanh tensordot tile
        trace transpose trapezoid tril triu true_divide trunc unique unravel_index vander
        var vdot view vsplit vstack where zeros_like
    """,
}
"""Module of Keras -> the ops whose nodes are written under it."""

CLASS_NAMES = {
    "abs": "Absolute",
    "allclose": "AllClose",
    "batch_normalization": "BatchNorm",
    "cdist": "CDist",
    "conj": "Conjugate",
    "ctc_decode": "CTCDecode",
    "ctc_loss": "CTCLoss",
    "extract_patches_3d": "ExtractPatches",
    "fft": "FFT",
    "fft2": "FFT2",
    "hsv_to_rgb": "HSVToRGB",
    "ifft2": "IFFT2",
    "irfft": "IRFFT",
    "isin": "IsIn",
    "istft": "ISTFT",
    "layer_normalization": "LayerNorm",
    "psnr": "PSNR",
    "rfft": "RFFT",
    "rgb_to_grayscale": "RGBToGrayscale",
    "rgb_to_hsv": "RGBToHSV",
    "rms_normalization": "RMSNorm",
    "searchsorted": "SearchSorted",
    "ssim": "SSIM",
    "stft": "STFT",
    "svd": "SVD",
}
"""Op -> the class of its nodes, where that is not its name in camel case."""

IN_CALLS = {
    "bincount": "x",
    "clip": "x",
    "full_like": "x fill_value",
    "get_item": "x key",
    "isclose": "x1 x2 rtol atol",
    "multi_hot": "inputs",
    "nanpercentile": "x q",
    "nanquantile": "x q",
    "percentile": "x q",
    "quantile": "x q",
    "rearrange": "tensor pattern",
    "scale_and_translate": "images output_shape scale translation",
    "slice": "inputs start_indices",
    "slice_update": "inputs start_indices updates",
    "trapezoid": "y",
}
"""Op -> the parameters that stand in the calls, where they are not the arrays."""

KEYWORDS = {
    "average": "weights",
    "dot_product_attention": "bias mask scale",
    "pad": "constant_values",
    "rms_normalization": "scale",
}
"""Op -> the parameters that stand in the calls by name."""
IGNORED = {"layer_normalization": {"rms_scaling": False}}
"""Op -> what its config says in Keras's files that is fixed here."""

OWN_MODULE = "hornbeam.ops"
_MODULE_OF = {name: module for module, names in MODULES.items() for name in names.split()}


def _class_name(op: str) -> str:
    return CLASS_NAMES.get(op) or "".join(part.capitalize() for part in op.split("_"))


def _known_classes() -> dict[str, str]:
    found: dict[str, str] = {}
    for op in sorted(_MODULE_OF):
        found.setdefault(_class_name(op), op)
    return found


_OP_OF = _known_classes()


def _record(op: str) -> Any:
    return RECORDS.get(op) or STRUCTURED.get(op)


def _in_calls(op: str) -> list[str]:
    """The parameters of `op` that stand in its calls by position, in order."""
    record = _record(op)
    by_name = KEYWORDS.get(op, "").split()
    if op in IN_CALLS:
        return IN_CALLS[op].split()
    if not isinstance(record, OpRecord):
        return [name for name in record.signature.parameters if name not in by_name]
    return [slot.name for slot in record.slots if slot.name not in by_name]


# ------------------------------------------------------------------------------------------- writing


def op_config(operation: OpCall) -> dict[str, Any]:
    """The entry of an op in the ``layers`` of a functional config, without its calls."""
    op = operation.record.name
    module = _MODULE_OF.get(op)
    if module is None or not _is_as_keras(operation):
        return {
            "module": OWN_MODULE,
            "class_name": _class_name(op),
            "config": {"name": operation.name, "op": op},
            "registered_name": None,
        }
    config: dict[str, Any] = {}
    if operation.inbound_nodes:
        config = serialize_keras_object(_split(operation)[1])
    config |= IGNORED.get(op, {})
    if not config:  # ops with arguments of their own take no name before Keras 3.12
        config["name"] = operation.name
    return {
        "module": f"keras.src.ops.{module}",
        "class_name": _class_name(op),
        "config": config,
        "registered_name": _class_name(op),
    }


def op_call(operation: OpCall, node: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of `node` that are saved in the call."""
    if operation.record.name not in _MODULE_OF or not _is_as_keras(operation):
        return node.args, node.kwargs
    call, _ = _split(operation)
    return call


def _is_as_keras(operation: OpCall) -> bool:
    """Whether all arrays stand where Keras's files can have them."""
    if not operation.inbound_nodes:
        return True
    leaves = tree.flatten(_split(operation)[1])
    return not any(isinstance(leaf, KerasTensor) for leaf in leaves)


def _split(operation: OpCall) -> tuple[tuple[tuple[Any, ...], dict[str, Any]], dict[str, Any]]:
    """The arguments of the op's call as ((by position, by name), those of its config)."""
    op, node = operation.record.name, operation.inbound_nodes[0]
    bound = operation.record.signature.bind(*node.args, **node.kwargs)
    bound.apply_defaults()
    values = dict(bound.arguments)
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    by_position, by_name = _in_calls(op), KEYWORDS.get(op, "").split()
    for name, parameter in operation.record.signature.parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            kwargs |= values.pop(name)
    for name in by_position:
        value = values.pop(name)
        kind = operation.record.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            args += value
        else:
            args.append(value)
    while args and args[-1] is None:
        args.pop()
    required = op == "rms_normalization"  # Keras reads its node only with a scale, None included
    kwargs |= {n: values.pop(n) for n in by_name if values[n] is not None or required}
    return (tuple(args), kwargs), {k: v for k, v in values.items() if k not in by_name}


# ------------------------------------------------------------------------------------------- reading


class SavedOp:
    """An op as a config has it: what to call with the arrays of its one call.

    Args:
        call: the operation of the new graph.
        fixed: the arguments that its config holds.
    """

    def __init__(self, call: OpCall, fixed: Mapping[str, Any]) -> None:
        self.call = call
        self.fixed = dict(fixed)

    @property
    def inbound_nodes(self) -> list[Any]:
        """The calls that have been made."""
        return self.call.inbound_nodes

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        op = self.call.record.name
        public: Callable[..., Any] = PUBLIC_OPS[op]
        try:
            given, named = self._arguments(args)
            out = public(*given, **named, **kwargs)
        except TypeError as error:
            raise CorruptFileError(
                f"The config calls the op {op!r} ({self.call.name!r}) in a way it cannot be called: "
                f"{error}"
            ) from None
        node = tree.flatten(out)[0]._node
        node.operation = self.call  # the node belongs to this use of the op, by its saved name
        self.call.inbound_nodes.append(node)
        return out

    def _arguments(self, args: tuple[Any, ...]) -> tuple[list[Any], dict[str, Any]]:
        """Positional and named arguments of the op, in the order of its signature."""
        op = self.call.record.name
        if not self.fixed:
            return [_key(op, i, arg) for i, arg in enumerate(args)], {}
        parameters = self.call.record.signature.parameters
        names = _in_calls(op)
        variadic = [n for n, p in parameters.items() if p.kind is inspect.Parameter.VAR_POSITIONAL]
        if variadic:
            before = list(parameters)[: list(parameters).index(variadic[0])]
            given = [self.fixed[name] for name in before] + list(args)
            return given, {k: v for k, v in self.fixed.items() if k not in before}
        if len(args) > len(names):
            raise TypeError(f"{len(args)} arrays for {names}")
        return [], {**self.fixed, **dict(zip(names, args, strict=False))}


def _key(op: str, position: int, value: Any) -> Any:
    return _tuples(value) if op == "get_item" and position == 1 else value


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _as_sequence(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) else ()


def is_op(record: Mapping[str, Any]) -> bool:
    """Whether an entry of a functional config's ``layers`` is an op and no layer."""
    module = str(record.get("module"))
    return module == OWN_MODULE or module.startswith(("keras.src.ops.", "keras.ops."))


def op_from_config(record: Mapping[str, Any]) -> SavedOp:
    """The op of an `op_config`, ready to be called.

    Raises:
        UnknownObjectError: if there is no such op.
        CorruptFileError: if the config has arguments that the op does not take.
    """
    config, class_name = record.get("config"), record.get("class_name")
    if not isinstance(config, Mapping) or not isinstance(class_name, str):
        raise CorruptFileError(f"The entry of an op in a config is malformed: {record!r:.200}.")
    if record["module"] == OWN_MODULE:
        op, config = config.get("op") or to_snake_case(class_name), {"name": config.get("name")}
    else:
        op = _OP_OF.get(class_name)
        if op == "extract_patches" and len(_as_sequence(config.get("size"))) == 3:
            op = "extract_patches_3d"
    if op is None or _record(op) is None:
        raise UnknownObjectError(
            f"The config names the op {op or class_name!r}, which does not exist."
            f"{suggest(class_name, _OP_OF)}"
        )
    fixed = {k: v for k, v in config.items() if k != "name" and k not in IGNORED.get(op, {})}
    unknown = sorted(set(fixed) - set(_record(op).signature.parameters))
    if unknown:
        raise CorruptFileError(f"The config gives the op {op!r} unknown arguments {unknown}.")
    name = config.get("name", record.get("name"))
    if name is not None and not isinstance(name, str):
        raise CorruptFileError(f"The name of an op in a config must be a string, got {name!r}.")
    made = {key: _tuples(deserialize_keras_object(value)) for key, value in fixed.items()}
    return SavedOp(OpCall(_record(op), name), made)


__all__ = ["SavedOp", "is_op", "op_call", "op_config", "op_from_config"]

"""`keras.backend`, the K of Keras 1 and 2: its functions in terms of `hornbeam.ops`.

Most are an op of another name or with other argument names; `SAME` lists those.  What belonged to
static graphs and sessions raises an error that names what to do instead (`GONE`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hornbeam import ops
from hornbeam.backend import (  # noqa: F401
    backend,
    clear_session,
    epsilon,
    floatx,
    get_uid,
    image_data_format,
    is_keras_tensor,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from hornbeam.compat.k_compute import *  # noqa: F403
from hornbeam.compat.k_state import *  # noqa: F403
from hornbeam.errors import UnsupportedError

SAME: dict[str, str] = {
    **{name: name for name in (
        "abs all any cos exp log max maximum mean min minimum not_equal equal greater greater_equal "
        "less less_equal prod round sigmoid sign sin softplus softsign sqrt square squeeze std sum tanh "
        "var cumsum cumprod logsumexp stop_gradient ones_like zeros_like shape reshape one_hot "
        "expand_dims transpose").split()},
    "lesser": "less",
    "lesser_equal": "less_equal",
    "pow": "power",
    "permute_dimensions": "transpose",
    "repeat_elements": "repeat",
    "tile": "tile",
    "is_tensor": "is_tensor",
    "size": "size",
    "stack": "stack",
    "map_fn": "map",
    "identity": "copy",
}  # fmt: skip
"""K's function -> the op with the same meaning and order of arguments."""

GONE: dict[str, str] = {
    "gradients": "write the loss as a function and call `hornbeam.value_and_grad(loss)(variables)`",
    "get_session": "there are no sessions: arrays have values, see `K.get_value`",
    "set_session": "there are no sessions: choose devices and engines in `hornbeam.config`",
    "manual_variable_initialization": "variables have their values from the start",
    "control_dependencies": "things happen in the order in which they are written",
    "symbolic": "functions run on symbolic tensors as they are",
    "eager": "functions run on arrays as they are",
    "to_dense": "there are no sparse tensors: use NumPy or SciPy before the model",
    "ctc_label_dense_to_sparse": "there are no sparse tensors: `ops.ctc_loss` takes dense labels",
    "legacy_weight_ordering": "weights have one order",
    "set_legacy_weight_ordering": "weights have one order",
    "local_conv1d": "use `layers.LocallyConnected1D`",
    "local_conv2d": "use `layers.LocallyConnected2D`",
}
"""K's functions without a counterpart, and what to do instead."""

RENAMED_WORDS: dict[str, dict[str, str]] = {
    "permute_dimensions": {"pattern": "axes"},
    "repeat_elements": {"rep": "repeats"},
    "one_hot": {"indices": "x", "nb_classes": "num_classes"},
    "tile": {"n": "repeats"},
    "pow": {"x": "x1", "a": "x2"},
    "map_fn": {"fn": "f", "elems": "xs"},
    "reshape": {"shape": "newshape"},
    "expand_dims": {"dim": "axis"},
    **{
        name: {"x": "x1", "y": "x2"}
        for name in ("maximum minimum equal not_equal greater greater_equal less less_equal lesser "
                     "lesser_equal").split()
    },
}  # fmt: skip
"""K's function -> its argument -> the op's."""


def _same(name: str) -> Callable[..., Any]:
    words = RENAMED_WORDS.get(name, {})
    op: Any = getattr(ops, SAME[name])

    def function(*args: Any, **kwargs: Any) -> Any:
        if name in ("ones_like", "zeros_like", "map_fn", "stack"):
            kwargs.pop("name", None)
        if name == "expand_dims" and len(args) == 1 and not kwargs:
            args = (*args, -1)
        return op(*args, **{words.get(word, word): value for word, value in kwargs.items()})

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`hornbeam.ops.{SAME[name]}` under its name in Keras 2."
    return function


def _gone(name: str) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        raise UnsupportedError(f"K.{name}() belonged to static graphs: {GONE[name]}.")

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Raises UnsupportedError: {GONE[name]}."
    return function


globals().update({name: _same(name) for name in SAME}, **{name: _gone(name) for name in GONE})

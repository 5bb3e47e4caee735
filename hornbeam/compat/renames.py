"""The argument names of Keras 1.2 and 2.x, as tables, and the hook that makes classes take them.

`WORDS` says for each class which old word means which new one.  `accept_old_words` puts a small
function before a class's constructor, which looks whether any of the keywords is an old one and
otherwise passes the call on; `takes_old_words` does the same for a method.  Readers of old configs
use `modern_arguments`.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

GONE: Mapping[str, str] = {
    "batch_input_dtype": "give `Input(dtype=...)` instead",
    "class_mode": "the loss says it",
    "consume_less": "all ways of computing are chosen by the engine",
    "count_mode": "the progress bar counts steps",
    "implementation": "all ways of computing are chosen by the engine",
    "max_q_size": "data is read as it is needed",
    "max_queue_size": "data is read as it is needed",
    "nb_worker": "data is read in this process; prepare it elsewhere if that is slow",
    "pickle_safe": "data is read in this process",
    "reset_metrics": "call `model.reset_metrics()` where the metrics are to start anew",
    "sample_weight_mode": "weights of shape (batch, time) are taken as they are",
    "schedule_decay": "the schedule of the momentum is fixed at 0.004",
    "theano_mode": "there is no Theano",
    "use_multiprocessing": "data is read in this process",
    "workers": "data is read in this process; prepare it elsewhere if that is slow",
}
"""Words without a successor that may be dropped, and why."""

_KERNEL = {
    "init": "kernel_initializer",
    "W_regularizer": "kernel_regularizer",
    "W_constraint": "kernel_constraint",
    "b_regularizer": "bias_regularizer",
    "b_constraint": "bias_constraint",
    "bias": "use_bias",
}
_FORMAT = {"dim_ordering": "data_format"}
_CONV = {**_KERNEL, **_FORMAT, "nb_filter": "filters", "border_mode": "padding",
         "subsample": "strides", "weights": "", "atrous_rate": "dilation_rate"}  # fmt: skip
_CONV1D = {**_CONV, "filter_length": "kernel_size", "subsample_length": "strides",
           "input_length": ""}  # fmt: skip
_CONV2D = {**_CONV, "nb_row": "", "nb_col": ""}
_CONV3D = {**_CONV, "kernel_dim1": "", "kernel_dim2": "", "kernel_dim3": ""}
_SEPARABLE = {k: v for k, v in _CONV2D.items() if not k.startswith("W_")} | {"init": ""}
_RECURRENT = {
    "output_dim": "units",
    "init": "kernel_initializer",
    "inner_init": "recurrent_initializer",
    "inner_activation": "recurrent_activation",
    "W_regularizer": "kernel_regularizer",
    "U_regularizer": "recurrent_regularizer",
    "b_regularizer": "bias_regularizer",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
    "forget_bias_init": "",
    "consume_less": "",
    "implementation": "",
    "input_length": "",
}
_PLAIN_RECURRENT = {
    k: v for k, v in _RECURRENT.items() if k not in ("inner_activation", "forget_bias_init")
}
_CELL = {"implementation": ""}
_POOL = {"border_mode": "padding", **_FORMAT}
_POOL1D = {"pool_length": "pool_size", "stride": "strides", "border_mode": "padding"}
_RATE = {"p": "rate"}
_OPTIMIZER = {"lr": "learning_rate", "decay": ""}

WORDS: dict[str, Mapping[str, str]] = {
    # layers
    "Dense": {**_KERNEL, "output_dim": "units", "weights": ""},
    "Conv1D": _CONV1D,
    "Conv2D": _CONV2D,
    "Conv3D": _CONV3D,
    "Conv2DTranspose": {**_CONV2D, "output_shape": ""},
    "SeparableConv1D": {k: v for k, v in _CONV1D.items() if k[0] != "W"} | {"init": ""},
    "SeparableConv2D": _SEPARABLE,
    "LocallyConnected1D": _CONV1D,
    "LocallyConnected2D": _CONV2D,
    "ConvLSTM2D": {**_CONV2D, **_RECURRENT, "output_dim": "filters"},
    "SimpleRNN": _PLAIN_RECURRENT,
    "GRU": {k: v for k, v in _RECURRENT.items() if k != "forget_bias_init"},
    "LSTM": _RECURRENT,
    "SimpleRNNCell": _CELL,
    "GRUCell": _CELL,
    "LSTMCell": _CELL,
    "Embedding": {
        "init": "embeddings_initializer",
        "W_regularizer": "embeddings_regularizer",
        "W_constraint": "embeddings_constraint",
        "input_length": "",
        "dropout": "",
    },
    "BatchNormalization": {
        "beta_init": "beta_initializer",
        "gamma_init": "gamma_initializer",
        "mode": "",
        "weights": "",
    },
    "PReLU": {"init": "alpha_initializer", "weights": ""},
    "LeakyReLU": {"alpha": "negative_slope"},
    "Dropout": _RATE,
    "GaussianDropout": _RATE,
    "SpatialDropout1D": _RATE,
    "SpatialDropout2D": {**_RATE, **_FORMAT},
    "SpatialDropout3D": {**_RATE, **_FORMAT},
    "GaussianNoise": {"sigma": "stddev"},
    "MaxPooling1D": _POOL1D,
    "AveragePooling1D": _POOL1D,
    **dict.fromkeys(("MaxPooling2D", "MaxPooling3D", "AveragePooling2D", "AveragePooling3D"), _POOL),
    **{f"Global{kind}Pooling{n}D": _FORMAT for kind in ("Max", "Average") for n in (2, 3)},
    **{f"{kind}{n}D": _FORMAT for kind in ("Cropping", "UpSampling", "ZeroPadding")
       for n in (2, 3)},
    "UpSampling1D": {"length": "size"},
    "InputLayer": {"input_dtype": "dtype", "input_shape": "shape",
                   "batch_input_shape": "batch_shape"},
    "Dot": {"dot_axes": "axes"},
    "Concatenate": {"concat_axis": "axis"},
    # models
    "Model": {"input": "inputs", "output": "outputs"},
    "Functional": {"input": "inputs", "output": "outputs"},
    # what models are compiled with
    **dict.fromkeys(("SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax"), _OPTIMIZER),
    "Nadam": {**_OPTIMIZER, "schedule_decay": ""},
    "L1": {"l": "l1"},
    "L2": {"l": "l2"},
    "MaxNorm": {"m": "max_value"},
    # callbacks
    "ModelCheckpoint": {"period": ""},
    "ReduceLROnPlateau": {"epsilon": "min_delta"},
    "LambdaCallback": {
        "on_batch_begin": "on_train_batch_begin",
        "on_batch_end": "on_train_batch_end",
    },
    "ProgbarLogger": {"count_mode": "", "stateful_metrics": ""},
}  # fmt: skip
"""Class -> old keyword -> new one; "" where it takes more than a new name (see `_SPECIAL`)."""

_READING = dict.fromkeys(
    ("max_q_size", "max_queue_size", "nb_worker", "pickle_safe", "use_multiprocessing", "workers"),
    "",
)
METHOD_WORDS: dict[str, Mapping[str, str]] = {
    "compile": {
        "class_mode": "",
        "sample_weight_mode": "",
        "target_tensors": "",
        "theano_mode": "",
    },
    "fit": {"nb_epoch": "epochs", "show_accuracy": "", **_READING},
    "evaluate": {"show_accuracy": "", **_READING},
    "predict": _READING,
    "train_on_batch": {"reset_metrics": ""},
    "test_on_batch": {"reset_metrics": ""},
    "fit_generator": {
        "nb_epoch": "epochs",
        "nb_val_samples": "validation_samples",
        "samples_per_epoch": "samples",
        **_READING,
    },
    "evaluate_generator": {"val_samples": "samples", **_READING},
    "predict_generator": {"val_samples": "samples", **_READING},
}
"""Method -> old keyword -> new one, or "" where it is dropped or does something else."""

VALUES: dict[str, Mapping[Any, Any]] = {
    "dim_ordering": {"tf": "channels_last", "th": "channels_first", "default": None},
}
"""Old keyword -> old value -> new one."""

PLACES: dict[str, list[str]] = {
    "Conv2D": ["filters", "nb_row", "nb_col"],
    "Conv2DTranspose": ["filters", "nb_row", "nb_col"],
    "SeparableConv2D": ["filters", "nb_row", "nb_col"],
    "LocallyConnected2D": ["filters", "nb_row", "nb_col"],
    "ConvLSTM2D": ["filters", "nb_row", "nb_col"],
    "Conv3D": ["filters", "kernel_dim1", "kernel_dim2", "kernel_dim3"],
}
"""Class -> its first arguments, where an older Keras had the sizes of the kernel in a row."""

WEIGHTS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("Dense", "Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose"),
        ("kernel_initializer", "bias_initializer"),
    ),
    **dict.fromkeys(
        ("SeparableConv1D", "SeparableConv2D"),
        ("depthwise_initializer", "pointwise_initializer", "bias_initializer"),
    ),
    "BatchNormalization": (
        "gamma_initializer", "beta_initializer", "moving_mean_initializer",
        "moving_variance_initializer",
    ),
    "PReLU": ("alpha_initializer",),
}  # fmt: skip
"""Class -> the initializers that take the arrays of the old argument `weights`, in order."""


class _Call:
    """The keywords of one call on their way from old to new."""

    def __init__(self, kind: str, words: dict[str, Any], warn: Callable[[str], None]) -> None:
        self.kind = kind
        self.words = words
        self._warn = warn

    def renamed(self, old: str, new: str) -> None:
        self._warn(f"{self.kind}({old}=...) is spelled {self.kind}({new}=...) now.")

    def became(self, old: str, advice: str) -> None:
        self._warn(f"{self.kind}({old}=...) is the spelling of an older Keras: {advice}.")

    def put(self, new: str, value: Any, old: str) -> None:
        if new in self.words:
            raise TypeError(
                f"{self.kind} got both `{old}` and `{new}`, which are the old and the new name of one "
                f"argument. Keep `{new}`."
            )
        self.words[new] = value


def _kernel_size(call: _Call, names: tuple[str, ...]) -> None:
    sizes = [call.words.pop(name, None) for name in names]
    if any(size is None for size in sizes):
        raise TypeError(f"{call.kind} needs all of {', '.join(names)}, or `kernel_size`.")
    call.put("kernel_size", tuple(sizes), names[0])
    call.became(", ".join(names), f"write kernel_size={tuple(sizes)}")


def _rows_and_columns(call: _Call, old: str) -> None:
    if old in call.words:  # nb_col brings nb_row along
        _kernel_size(call, ("nb_row", "nb_col"))


def _three_sizes(call: _Call, old: str) -> None:
    if old in call.words:
        _kernel_size(call, ("kernel_dim1", "kernel_dim2", "kernel_dim3"))


def _input_length(call: _Call, old: str) -> None:
    length = call.words.pop(old)
    if call.kind == "Embedding":
        if length is not None and not {"input_shape", "batch_input_shape"} & set(call.words):
            lengths = tuple(length) if isinstance(length, (list, tuple)) else (length,)
            call.words["input_shape"] = lengths
        call.became(old, f"put `Input(({length},))` before the layer")
        return
    size = call.words.pop("input_dim", None)
    if size is not None:
        call.put("input_shape", (length, size), old)
        call.became(f"input_dim=..., {old}", f"put `Input(({length}, {size}))` before the layer")


def _forget_bias(call: _Call, old: str) -> None:
    value = call.words.pop(old)
    if value not in ("one", "ones"):
        raise ValueError(
            f"{call.kind}({old}={value!r}) has no modern spelling: use `unit_forget_bias=True` for a "
            "bias of one, or `bias_initializer` for all gates."
        )
    call.put("unit_forget_bias", True, old)
    call.became(old, "write unit_forget_bias=True")


def _separable_init(call: _Call, old: str) -> None:
    value = call.words.pop(old)
    call.put("depthwise_initializer", value, old)
    call.put("pointwise_initializer", value, old)
    call.became(old, "write depthwise_initializer=... and pointwise_initializer=...")


def _decay(call: _Call, old: str) -> None:
    decay = call.words.pop(old)
    if decay:
        from hornbeam.optimizers import schedules

        rate = call.words.pop("learning_rate", _DEFAULT_RATES[call.kind])
        call.words["learning_rate"] = schedules.InverseTimeDecay(rate, 1, decay)
    call.became(
        old, "write learning_rate=schedules.InverseTimeDecay(rate, decay_steps=1, decay_rate=decay)"
    )


_DEFAULT_RATES = {"SGD": 0.01, "RMSprop": 0.001, "Adagrad": 0.01, "Adadelta": 1.0, "Adam": 0.001,
                  "Adamax": 0.002, "Nadam": 0.002}  # fmt: skip


def _dropped(call: _Call, old: str) -> None:
    call.words.pop(old)
    call.became(old, f"leave it out, {GONE[old]}")


def _schedule_decay(call: _Call, old: str) -> None:
    value = call.words[old]
    if value != 0.004:
        raise ValueError(f"{call.kind}({old}={value!r}) is not offered: {GONE[old]}.")
    _dropped(call, old)


def _mode(call: _Call, old: str) -> None:
    value = call.words.pop(old)
    if value not in (0, 2):
        raise ValueError(
            f"{call.kind}(mode={value!r}) is gone. Mode 1 (statistics of each sample) is "
            "`LayerNormalization`; modes 0 and 2 are what `BatchNormalization` does."
        )
    call.became(old, "leave it out")


def _output_shape(call: _Call, old: str) -> None:
    call.words.pop(old)
    call.became(old, "leave it out, the shape follows from the input; see also `output_padding`")


def _embedding_dropout(call: _Call, old: str) -> None:
    rate = call.words.pop(old)
    if rate:
        raise ValueError(
            f"Embedding(dropout={rate!r}) is gone: put a `SpatialDropout1D({rate!r})` after the layer."
        )
    call.became(old, "leave it out, and put a `SpatialDropout1D` after the layer where needed")


def _weights(call: _Call, old: str) -> None:
    from hornbeam import initializers

    arrays = call.words.pop(old)
    if arrays is None:
        return
    names = WEIGHTS.get(call.kind, ())
    if len(arrays) > len(names):
        raise ValueError(
            f"{call.kind}(weights=...) got {len(arrays)} arrays, but the layer has {len(names)} that "
            "can be given so. Build the layer and call `set_weights`."
        )
    for name, array in zip(names, arrays, strict=False):
        call.put(name, initializers.Constant(array), old)
    call.became(old, "build the layer and call `set_weights`, or give an initializer")


def _period(call: _Call, old: str) -> None:
    period = call.words.pop(old)
    if period != 1:
        raise ValueError(
            f"ModelCheckpoint(period={period!r}) counted epochs; `save_freq` counts batches: write "
            f"save_freq={period!r} * steps_per_epoch, or 'epoch' for each epoch."
        )
    call.became(old, 'write save_freq="epoch"')


def _stateful_metrics(call: _Call, old: str) -> None:
    call.words.pop(old)
    call.became(old, "leave it out, all metrics are shown as they are")


_SPECIAL: dict[str, Callable[[_Call, str], None]] = {
    "nb_row": _rows_and_columns,
    "nb_col": _rows_and_columns,
    "kernel_dim1": _three_sizes,
    "kernel_dim2": _three_sizes,
    "kernel_dim3": _three_sizes,
    "input_length": _input_length,
    "forget_bias_init": _forget_bias,
    "init": _separable_init,
    "decay": _decay,
    "consume_less": _dropped,
    "implementation": _dropped,
    "count_mode": _dropped,
    "schedule_decay": _schedule_decay,
    "mode": _mode,
    "output_shape": _output_shape,
    "dropout": _embedding_dropout,
    "weights": _weights,
    "period": _period,
    "stateful_metrics": _stateful_metrics,
}


def modern_arguments(
    kind: str, arguments: Mapping[str, Any], warn: Callable[[str], None] | None = None
) -> dict[str, Any]:
    """Keyword arguments of a class in today's spelling.

    Args:
        kind: the name of the class, e.g. "Dense".
        arguments: its keyword arguments, old and new ones.
        warn: called with one sentence for each old word; by default nobody is told.

    Raises:
        TypeError: if an old and a new name of the same argument are both given.
        ValueError: for a value that has no modern counterpart; the text says what to do.

    Example:

    >>> modern_arguments("Conv2D", {"nb_filter": 8, "nb_row": 3, "nb_col": 5, "dim_ordering": "tf"})
    {'filters': 8, 'data_format': 'channels_last', 'kernel_size': (3, 5)}
    """
    table = WORDS.get(kind)
    if not table or table.keys().isdisjoint(arguments):
        return dict(arguments)
    call = _Call(kind, dict(arguments), warn or (lambda text: None))
    for old in [word for word in arguments if table.get(word)]:
        value = call.words.pop(old)
        new_value = VALUES[old].get(value, value) if old in VALUES else value
        call.put(table[old], new_value, old)
        call.renamed(old, table[old])
    for old in [word for word in arguments if word in table and not table[word]]:
        _SPECIAL[old](call, old)
    return call.words


def accept_old_words(kind: T) -> T:
    """Make the constructor of a class take its old words too, if `WORDS` has any for it.

    Each old word brings a DeprecationWarning that names the new one.  A call without old words pays
    for one look at the keywords.

    Args:
        kind: the class; its constructor is replaced.

    Example:

    >>> @accept_old_words
    ... class Dropout:
    ...     def __init__(self, rate):
    ...         self.rate = rate
    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     Dropout(p=0.5).rate
    0.5
    >>> str(caught[0].message)
    'Dropout(p=...) is spelled Dropout(rate=...) now.'
    """
    cls: Any = kind
    name: str = cls.__name__
    init: Any = cls.__init__
    parameters = inspect.signature(init).parameters
    old = frozenset(WORDS.get(name, ())) - set(parameters)
    if not old:
        return kind
    places = [p.name for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD][1:]

    @functools.wraps(init)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        if not old.isdisjoint(kwargs):
            words = _by_name(name, old_places(name, args) or places, args, kwargs)
            args, kwargs = (), modern_arguments(name, words, warn_caller)
            if type(self).__init__ is __init__ and "_arguments" in vars(self):
                object.__setattr__(self, "_arguments", (args, kwargs))
        init(self, *args, **kwargs)

    cls.__init__ = __init__
    return kind


def old_places(kind: str, args: tuple[Any, ...]) -> list[str] | None:
    """The names of positional arguments if these are rows and columns, as in ``(32, 3, 3)``."""
    names = PLACES.get(kind, [])
    sizes = args[1 : len(names)]
    whole = len(args) >= len(names) > 0 and all(isinstance(size, int) for size in sizes)
    return (
        [*names, "output_shape"]
        if whole and kind == "Conv2DTranspose"
        else names
        if whole
        else None
    )


def _by_name(
    kind: str, names: list[str], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    if len(args) > len(names):
        raise TypeError(f"{kind} takes {len(names)} positional arguments, got {len(args)}.")
    twice = sorted(set(names[: len(args)]) & set(kwargs))
    if twice:
        raise TypeError(f"{kind} got {twice} both by place and by name.")
    return {**dict(zip(names, args, strict=False)), **kwargs}


def with_sizes_in_a_row(kind: T, name: str) -> T:
    """A convolution under its older name, whose first arguments are (filters, rows, columns).

    ``Convolution2D(32, 3, 3)`` has a kernel of 3 by 3, where ``Conv2D(32, 3, 3)`` has strides of 3.

    Args:
        kind: the class of today.
        name: the older name.

    Returns:
        A class whose calls make instances of `kind`, and which `isinstance` and subclasses take for it.
    """
    modern: Any = kind

    class Named(type(modern)):  # type: ignore[misc]
        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            places = old_places(modern.__name__, args)
            if places is not None:
                words = _by_name(modern.__name__, places, args, kwargs)
                args, kwargs = (), modern_arguments(modern.__name__, words, warn_caller)
            return type.__call__(modern if cls is older else cls, *args, **kwargs)

        def __instancecheck__(cls, instance: Any) -> bool:
            return (
                isinstance(instance, modern)
                if cls is older
                else type.__instancecheck__(cls, instance)
            )

    older: Any = Named(
        name, (modern,), {"__doc__": modern.__doc__, "__module__": modern.__module__}
    )
    return older  # type: ignore[no-any-return]


def takes_old_words(method: T) -> T:
    """Make a method take the old words that `METHOD_WORDS` has for its name.

    Args:
        method: the function in the body of the class.

    Example:

    >>> class Model:
    ...     @takes_old_words
    ...     def fit(self, x, epochs=1):
    ...         return epochs
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     Model().fit([], nb_epoch=3)
    3
    """
    function: Any = method
    name: str = function.__name__
    table = METHOD_WORDS[name]
    old = frozenset(table)

    @functools.wraps(function)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not old.isdisjoint(kwargs):
            kwargs = _modern_words(self, name, table, kwargs)
        return function(self, *args, **kwargs)

    return wrapper  # type: ignore[return-value]


def _modern_words(
    owner: Any, name: str, table: Mapping[str, str], arguments: dict[str, Any]
) -> dict[str, Any]:
    call = _Call(name, dict(arguments), warn_caller)
    for old in [word for word in arguments if word in table]:
        if table[old]:
            call.put(table[old], call.words.pop(old), old)
            if "samples" in table[old]:
                call.became(
                    old, "count batches, with `steps_per_epoch`, `validation_steps` or `steps`"
                )
            else:
                call.renamed(old, table[old])
        elif old == "show_accuracy":
            if call.words.pop(old):
                owner._show_accuracy()
            call.became(old, 'write compile(metrics=["accuracy"])')
        elif old == "target_tensors":
            if call.words.pop(old) is not None:
                raise ValueError(
                    "compile(target_tensors=...) is gone: give the targets to `fit`, or as `Input`s of "
                    "the model together with `add_loss`."
                )
            call.became(old, "leave it out")
        else:
            _dropped(call, old)
    return call.words


def warn_caller(text: str) -> None:
    """Warn of an old spelling, at the line of the first caller outside of this package."""
    frame: Any = inspect.currentframe()
    level = 1
    while frame is not None and frame.f_globals.get("__name__", "").startswith("hornbeam."):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, DeprecationWarning, stacklevel=level)

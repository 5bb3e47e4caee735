"""Where the names of Keras 1.2 and 2.x are today: a table, and a look-up in it.

A path such as ``layers.core.Dense`` has an area, ``layers``, and a name.  The modules that an area was
cut into do not matter, for names were unique within it.  A name is looked up among today's names of the
area, then in `OLD`; what is in `GONE` is a `Gone`, which says what to do instead when it is used.
"""

from __future__ import annotations

import importlib
import types
from typing import Any, NoReturn

from hornbeam.errors import UnsupportedError

MODULES: dict[str, str] = {
    "activations": "",
    "applications": (
        "densenet imagenet_utils inception_resnet_v2 inception_v3 mobilenet mobilenet_v2 nasnet resnet "
        "resnet50 resnet_v2 vgg16 vgg19 xception audio_conv_utils music_tagger_crnn convnext "
        "efficientnet efficientnet_v2 mobilenet_v3"
    ),
    "backend": "",
    "callbacks": "callbacks tensorboard_v1 tensorboard_v2",
    "constraints": "",
    "distribution": "",
    "datasets": "boston_housing cifar cifar10 cifar100 fashion_mnist imdb mnist reuters",
    "engine": (
        "base_layer input_layer network saving sequential topology training training_arrays "
        "training_generator training_utils"
    ),
    "initializations": "",
    "initializers": "",
    "layers": (
        "advanced_activations convolutional convolutional_recurrent core cudnn_recurrent embeddings "
        "local merge noise normalization pooling recurrent wrappers"
    ),
    "losses": "",
    "metrics": "",
    "models": "",
    "objectives": "",
    "optimizers": "",
    "preprocessing": "image sequence text",
    "regularizers": "",
    "utils": (
        "conv_utils data_utils generic_utils io_utils layer_utils losses_utils metrics_utils "
        "multi_gpu_utils np_utils vis_utils visualize_util"
    ),
    "wrappers": "scikit_learn",
}
"""Area -> the modules it was cut into."""

SEPARATE = ("applications", "datasets", "preprocessing")
"""Areas whose modules are worlds of their own, in which the same name is different things."""

PLACES: dict[str, tuple[str, ...]] = {
    "backend": ("hornbeam.compat.backend", "hornbeam.backend"),
    "engine": (
        "hornbeam.layers",
        "hornbeam.models",
        "hornbeam.saving",
        "hornbeam",
        "hornbeam.compat.training_utils",
        "hornbeam.compat.hdf5",
        "hornbeam.compat.enqueuers",
    ),
    "initializations": ("hornbeam.compat.initializations",),
    "layers": ("hornbeam.layers", "hornbeam.compat.layers"),
    "metrics": ("hornbeam.metrics", "hornbeam.losses"),
    "models": ("hornbeam.models", "hornbeam"),
    "objectives": ("hornbeam.losses",),
    "preprocessing.image": ("hornbeam.preprocessing.image", "hornbeam.compat.image"),
    "preprocessing.sequence": ("hornbeam.preprocessing.sequence", "hornbeam.compat.sequence"),
    "preprocessing.text": ("hornbeam.compat.text",),
    "utils": (
        "hornbeam.utils",
        "hornbeam.compat.np_utils",
        "hornbeam.compat.utils",
        "hornbeam.compat.inspection",
        "hornbeam.compat.reductions",
        "hornbeam.compat.hdf5",
        "hornbeam.compat.enqueuers",
    ),
    "wrappers": ("hornbeam.wrappers", "hornbeam.compat.scikit_learn"),
}
"""Area -> today's modules to look in; by default the one of its name."""


def _pairs(target: str, names: str) -> dict[str, str]:
    return {name: f"{target}{name}" for name in names.split()}


_CONVOLUTIONS = "hornbeam.compat.convolutions."
_LOSSES = {
    "MAE": "mean_absolute_error",
    "MAPE": "mean_absolute_percentage_error",
    "MSE": "mean_squared_error",
    "MSLE": "mean_squared_logarithmic_error",
    "KLD": "kl_divergence",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
    "kld": "kl_divergence",
    "kullback_leibler_divergence": "kl_divergence",
    "logcosh": "log_cosh",
    "huber_loss": "huber",
}
_OLD_LOSSES = {
    **{old: f"hornbeam.losses.{new}" for old, new in _LOSSES.items()},
    **_pairs("hornbeam.compat.losses.", "cosine cosine_proximity is_categorical_crossentropy"),
    "LossFunctionWrapper": "hornbeam.losses.Loss",
}

OLD: dict[str, dict[str, str]] = {
    "applications": {
        **_pairs("hornbeam.compat.old_parts.", "conv2d_bn conv_block identity_block"),
    },
    "callbacks": {
        "BaseLogger": "hornbeam.compat.old_parts.BaseLogger",
        "TensorBoard": "hornbeam.callbacks.TensorBoard",
    },
    "constraints": {
        "maxnorm": "hornbeam.constraints.MaxNorm",
        "nonneg": "hornbeam.constraints.NonNeg",
        "unitnorm": "hornbeam.constraints.UnitNorm",
    },
    "datasets": {"load_batch": "hornbeam.compat.old_parts.load_batch"},
    "engine": {
        "Container": "hornbeam.models.Model",
        "Network": "hornbeam.models.Model",
        "Node": "hornbeam.ops.node.Node",
        "Merge": "hornbeam.compat.merging.Merge",
        "merge": "hornbeam.compat.merging.merge",
        "to_list": "hornbeam.compat.utils.to_list",
        "get_source_inputs": "hornbeam.compat.utils.get_source_inputs",
        "object_list_uid": "hornbeam.compat.utils.object_list_uid",
        **_pairs("hornbeam.compat.utils.", "model_from_config model_from_yaml"),
        **_pairs(
            "hornbeam.compat.utils.",
            "batch_shuffle is_generator_or_sequence is_sequence make_batches slice_arrays",
        ),
        "slice_X": "hornbeam.compat.utils.slice_arrays",
        **_pairs("hornbeam.compat.loops.", "evaluate_generator fit_generator predict_generator"),
    },
    "initializations": {"get_fans": "hornbeam.compat.old_parts.get_fans"},
    "initializers": {
        "normal": "hornbeam.initializers.RandomNormal",
        "uniform": "hornbeam.initializers.RandomUniform",
        "one": "hornbeam.initializers.Ones",
        "zero": "hornbeam.initializers.Zeros",
    },
    "layers": {
        **_pairs("hornbeam.compat.merging.", "Merge merge"),
        **_pairs(_CONVOLUTIONS, "AtrousConvolution2D Deconvolution2D Deconvolution3D"),
        "AtrousConv2D": f"{_CONVOLUTIONS}AtrousConvolution2D",
        "AtrousConv1D": "hornbeam.layers.Conv1D",
        "AtrousConvolution1D": "hornbeam.layers.Conv1D",
        "Deconv2D": f"{_CONVOLUTIONS}Deconvolution2D",
        "Deconv3D": f"{_CONVOLUTIONS}Deconvolution3D",
        "CuDNNGRU": "hornbeam.layers.GRU",
        "CuDNNLSTM": "hornbeam.layers.LSTM",
        "Recurrent": "hornbeam.layers.RNN",
        "ConvLSTM2DCell": "hornbeam.compat.old_parts.ConvLSTM2DCell",
        "ConvRNN2D": "hornbeam.layers.recurrent.conv_lstm.ConvLSTM",
        "ConvRecurrent2D": "hornbeam.layers.recurrent.conv_lstm.ConvLSTM",
        "time_distributed_dense": "hornbeam.compat.old_parts.time_distributed_dense",
        "_Conv": "hornbeam.layers.convolutional.conv.Conv",
        "_Cropping": "hornbeam.layers.reshaping.resizing._Cropping",
        "_CuDNNRNN": "hornbeam.layers.RNN",
        "_SeparableConv": "hornbeam.layers.convolutional.depthwise.SeparableConv",
        "_ZeroPadding": "hornbeam.layers.reshaping.resizing._ZeroPadding",
        **{
            f"_{kind}Pooling{n}D": f"hornbeam.layers.pooling.{where}Pooling"
            for n in (1, 2, 3)
            for kind, where in (("", "windowed."), ("Global", "globally.Global"))
        },
        "_Merge": "hornbeam.layers.merging.base.Merge",
    },
    "losses": _OLD_LOSSES,
    "objectives": _OLD_LOSSES,
    "metrics": {
        **_OLD_LOSSES,
        "Layer": "hornbeam.layers.Layer",
        "accuracy": "hornbeam.compat.losses.accuracy",
        "clone_metric": "hornbeam.compat.utils.clone_metric",
        "clone_metrics": "hornbeam.compat.utils.clone_metrics",
        "SensitivitySpecificityBase": "hornbeam.metrics.curves._BestPoint",
        "_ConfusionMatrixConditionCount": "hornbeam.metrics.confusion._ConfusionCount",
        **_pairs(
            "hornbeam.compat.losses.", "precision recall fbeta_score fmeasure matthews_correlation"
        ),
        "f1score": "hornbeam.compat.losses.fmeasure",
        "fscore": "hornbeam.compat.losses.fmeasure",
    },
    "models": {
        **_pairs("hornbeam.layers.", "Input InputLayer Layer"),
        "Merge": "hornbeam.compat.merging.Merge",
        "Node": "hornbeam.ops.node.Node",
        "get_source_inputs": "hornbeam.compat.utils.get_source_inputs",
        "model_from_config": "hornbeam.compat.utils.model_from_config",
        "model_from_yaml": "hornbeam.compat.utils.model_from_yaml",
        "optimizer_from_config": "hornbeam.optimizers.deserialize",
    },
    "optimizers": {
        "adadelta": "hornbeam.optimizers.Adadelta",
        "clip_norm": "hornbeam.compat.old_parts.clip_norm",
        "adagrad": "hornbeam.optimizers.Adagrad",
        "adam": "hornbeam.optimizers.Adam",
        "adamax": "hornbeam.optimizers.Adamax",
        "nadam": "hornbeam.optimizers.Nadam",
        "rmsprop": "hornbeam.optimizers.RMSprop",
        "sgd": "hornbeam.optimizers.SGD",
        "optimizer_from_config": "hornbeam.optimizers.deserialize",
    },
    "regularizers": {
        "EigenvalueRegularizer": "hornbeam.compat.old_parts.EigenvalueRegularizer",
        "WeightRegularizer": "hornbeam.regularizers.L1L2",
        "ActivityRegularizer": "hornbeam.regularizers.L1L2",
        "L1L2Regularizer": "hornbeam.regularizers.L1L2",
        "activity_l1": "hornbeam.regularizers.L1",
        "activity_l2": "hornbeam.regularizers.L2",
        "activity_l1l2": "hornbeam.compat.losses.l1l2",
        "l1l2": "hornbeam.compat.losses.l1l2",
    },
    "utils": {
        **_pairs(
            "hornbeam.compat.old_parts.",
            "convert_all_kernels_in_model convert_dense_weights_data_format",
        ),
        "plot": "hornbeam.utils.model_plot.plot_model",
        **_pairs("hornbeam.utils.model_plot.", "plot_model model_to_dot"),
        "layer_from_config": "hornbeam.layers.deserialize",
    },
    "wrappers": {"BaseWrapper": "hornbeam.compat.scikit_learn._Wrapper"},
}
"""Area -> old name -> today's path."""

_TRAINING = (
    "it was a part of the old training loop; override `train_step`, or write a loop of your own"
)
_SAVING = "it was a part of the old file format; use `model.save` and `hornbeam.models.load_model`"
_BASE = "derive from `layers.Layer`, or from the layer you want to change"
_ENQUEUE = "it was a part of the threads for generators; write a `PyDataset`"
_CODE = "code is not written to files; register the function with `register_keras_serializable`"

GONE: dict[str, dict[str, str]] = {
    "applications": {
        "audio_conv_utils.decode_predictions": "the music tagger is gone",
        "audio_conv_utils.preprocess_input": "the music tagger is gone",
        "music_tagger_crnn.MusicTaggerCRNN": "the music tagger is gone",
    },
    "distribution": dict.fromkeys(
        (
            "DataParallel DeviceMesh LayoutMap ModelParallel TensorLayout distribute_tensor "
            "distribution get_device_count initialize list_devices set_distribution"
        ).split(),
        "Hornbeam trains on one device so far",
    ),
    "engine": {
        **dict.fromkeys(
            (
                "check_loss_and_target_compatibility collect_metrics standardize_input_data "
                "weighted_objective fit_loop predict_loop test_loop "
                "call_metric_function check_generator_arguments collect_per_output_metric_info "
                "get_input_shape_and_dtype get_loss_function get_metric_function get_metric_name "
                "get_output_sample_weight_and_mode prepare_loss_functions "
                "prepare_loss_weights prepare_sample_weights standardize_single_array "
                "weighted_masked_objective"
            ).split(),
            _TRAINING,
        ),
        **dict.fromkeys(
            (
                "allow_read_from_gcs allow_write_to_gcs load_weights_from_hdf5_group "
                "load_weights_from_hdf5_group_by_name preprocess_weights_for_loading "
                "save_weights_to_hdf5_group"
            ).split(),
            _SAVING,
        ),
    },
    "layers": {"_UpSampling": _BASE},
    "metrics": {"Reduce": "derive from `metrics.Mean` or `metrics.Sum`"},
    "optimizers": {"TFOptimizer": "write an `optimizers.Optimizer` with an `update_step` method"},
    "utils": {
        "multi_gpu_model": "Hornbeam trains on one device so far; Keras 3 has DataParallel for this",
        **dict.fromkeys("get_index init_pool init_pool_generator next_sample".split(), _ENQUEUE),
        "func_dump": _CODE,
        "func_load": _CODE,
        "add_edge": "make the graph with `model_to_dot`",
    },
}
"""Area -> name -> what to do instead."""


class Gone:
    """A name of an older Keras without a counterpart: it says what to do instead when it is used.

    Args:
        path: what it was called.
        advice: what to do instead.

    Example:

    >>> Gone("keras.utils.multi_gpu_model", "use `hornbeam.distribution`")()
    Traceback (most recent call last):
    hornbeam.errors.UnsupportedError: keras.utils.multi_gpu_model is gone: use `hornbeam.distribution`.
    """

    def __init__(self, path: str, advice: str) -> None:
        self.path = path
        self.advice = advice
        self.__doc__ = f"Gone: {advice}."

    def _refuse(self) -> NoReturn:
        raise UnsupportedError(f"{self.path} is gone: {self.advice}.")

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        self._refuse()

    def __mro_entries__(self, bases: Any) -> NoReturn:
        self._refuse()

    def __repr__(self) -> str:
        return f"<{self.path}, which is gone: {self.advice}>"


def resolve(path: str) -> Any:
    """The object at a dotted path below an importable module.

    Raises:
        AttributeError: if there is none.
    """
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("hornbeam"):
            raise
        raise AttributeError(f"there is no module {module!r}") from None


def lookup(area: str, module: str, name: str) -> Any:
    """What a name in an area of an older Keras is today.

    Args:
        area: e.g. "layers".
        module: the module within it, e.g. "core", or "".
        name: e.g. "Dense".

    Raises:
        AttributeError: if it was nothing, or is nothing yet.

    Example:

    >>> lookup("layers", "core", "Dense").__name__
    'Dense'
    """
    dotted = f"{area}.{module}" if module and area in SEPARATE else area
    own = f"{module}.{name}" if module and area in SEPARATE else name
    for place in PLACES.get(dotted, (f"hornbeam.{dotted}",)):
        try:
            found = resolve(f"{place}.{name}")
        except AttributeError:
            continue
        if not isinstance(found, types.ModuleType):
            return found
    if name in OLD.get(area, {}):
        return resolve(OLD[area][name])
    if own in GONE.get(area, {}):
        return Gone(f"keras.{area}.{own}", GONE[area][own])
    raise AttributeError(f"module 'keras.{dotted}' has no attribute {name!r}")


__all__ = ["GONE", "MODULES", "OLD", "Gone", "lookup", "resolve"]

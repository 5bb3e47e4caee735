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

OF_APPLICATIONS = ("decode_predictions", "preprocess_input")

PLACES: dict[str, tuple[str, ...]] = {
    "backend": ("hornbeam.compat.backend", "hornbeam.backend"),
    "engine": ("hornbeam.layers", "hornbeam.models", "hornbeam.saving", "hornbeam"),
    "initializations": ("hornbeam.compat.initializations",),
    "layers": ("hornbeam.layers", "hornbeam.compat.layers"),
    "metrics": ("hornbeam.metrics", "hornbeam.losses"),
    "models": ("hornbeam.models", "hornbeam"),
    "objectives": ("hornbeam.losses",),
    "preprocessing.image": ("hornbeam.preprocessing.image", "hornbeam.compat.image"),
    "preprocessing.sequence": ("hornbeam.preprocessing.sequence", "hornbeam.compat.sequence"),
    "preprocessing.text": ("hornbeam.compat.text",),
    "utils": ("hornbeam.utils", "hornbeam.compat.np_utils", "hornbeam.compat.utils"),
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
    "callbacks": {"TensorBoard": "hornbeam.callbacks.TensorBoard"},
    "constraints": {
        "maxnorm": "hornbeam.constraints.MaxNorm",
        "nonneg": "hornbeam.constraints.NonNeg",
        "unitnorm": "hornbeam.constraints.UnitNorm",
    },
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
        "adagrad": "hornbeam.optimizers.Adagrad",
        "adam": "hornbeam.optimizers.Adam",
        "adamax": "hornbeam.optimizers.Adamax",
        "nadam": "hornbeam.optimizers.Nadam",
        "rmsprop": "hornbeam.optimizers.RMSprop",
        "sgd": "hornbeam.optimizers.SGD",
        "optimizer_from_config": "hornbeam.optimizers.deserialize",
    },
    "regularizers": {
        "WeightRegularizer": "hornbeam.regularizers.L1L2",
        "ActivityRegularizer": "hornbeam.regularizers.L1L2",
        "L1L2Regularizer": "hornbeam.regularizers.L1L2",
        "activity_l1": "hornbeam.regularizers.L1",
        "activity_l2": "hornbeam.regularizers.L2",
        "activity_l1l2": "hornbeam.compat.losses.l1l2",
        "l1l2": "hornbeam.compat.losses.l1l2",
    },
    "utils": {
        "plot": "hornbeam.utils.model_plot.plot_model",
        **_pairs("hornbeam.utils.model_plot.", "plot_model model_to_dot"),
        "layer_from_config": "hornbeam.layers.deserialize",
    },
}
"""Area -> old name -> today's path."""

_TRAINING = (
    "it was a part of the old training loop; override `train_step`, or write a loop of your own"
)
_SAVING = "it was a part of the old file format; use `model.save` and `hornbeam.models.load_model`"
_BASE = "derive from `layers.Layer`, or from the layer you want to change"
_ENQUEUE = "it ran threads for generators; write a `PyDataset`, or give the generator to `fit`"
_H5 = "open the file with `h5py` and give its arrays to `fit`"
_CODE = "code is not written to files; register the function with `register_keras_serializable`"

GONE: dict[str, dict[str, str]] = {
    "applications": {
        "audio_conv_utils.decode_predictions": "the music tagger is gone",
        "audio_conv_utils.preprocess_input": "the music tagger is gone",
        "music_tagger_crnn.MusicTaggerCRNN": "the music tagger is gone",
        "inception_v3.conv2d_bn": "write a `Conv2D`, a `BatchNormalization` and an `Activation`",
        "resnet50.conv_block": "build the block of `Conv2D` and `BatchNormalization` layers",
        "resnet50.identity_block": "build the block of `Conv2D` and `BatchNormalization` layers",
    },
    "callbacks": {
        "BaseLogger": "logs are averaged over the epoch anyway",
        "ProgbarLogger": "the progress bar is a matter of `fit(verbose=...)`",
    },
    "distribution": dict.fromkeys(
        (
            "DataParallel DeviceMesh LayoutMap ModelParallel TensorLayout distribute_tensor "
            "distribution get_device_count initialize list_devices set_distribution"
        ).split(),
        "Hornbeam trains on one device so far",
    ),
    "datasets": {"cifar.load_batch": "use `hornbeam.datasets.cifar10.load_data`"},
    "engine": {
        **dict.fromkeys(("GeneratorEnqueuer OrderedEnqueuer SequenceEnqueuer").split(), _ENQUEUE),
        **dict.fromkeys(
            (
                "check_array_lengths check_loss_and_target_compatibility collect_metrics "
                "standardize_class_weights standardize_input_data standardize_sample_or_class_weights "
                "standardize_sample_weights standardize_weights weighted_objective disable_tracking "
                "fit_loop predict_loop test_loop call_metric_function check_array_length_consistency "
                "check_generator_arguments check_num_samples collect_per_output_metric_info "
                "get_input_shape_and_dtype get_loss_function get_metric_function get_metric_name "
                "get_output_sample_weight_and_mode get_static_batch_size iter_sequence_infinite "
                "prepare_loss_functions prepare_loss_weights prepare_sample_weights "
                "should_run_validation standardize_single_array weighted_masked_objective"
            ).split(),
            _TRAINING,
        ),
        **dict.fromkeys(
            (
                "allow_read_from_gcs allow_write_to_gcs load_attributes_from_hdf5_group "
                "load_weights_from_hdf5_group load_weights_from_hdf5_group_by_name pickle_model "
                "preprocess_weights_for_loading save_attributes_to_hdf5_group "
                "save_weights_to_hdf5_group unpickle_model"
            ).split(),
            _SAVING,
        ),
    },
    "initializations": {
        "get_fans": "an initializer's fans follow from the shape it is called with"
    },
    "layers": {
        **dict.fromkeys(
            (
                "_Conv _Cropping _SeparableConv _UpSampling _ZeroPadding _GlobalPooling1D "
                "_GlobalPooling2D _GlobalPooling3D _Pooling1D _Pooling2D _Pooling3D _CuDNNRNN ConvRNN2D "
                "ConvRecurrent2D ConvLSTM2DCell"
            ).split(),
            _BASE,
        ),
        "time_distributed_dense": "write layers.TimeDistributed(layers.Dense(n))(x)",
    },
    "metrics": dict.fromkeys(
        "Reduce SensitivitySpecificityBase _ConfusionMatrixConditionCount".split(),
        "derive from `metrics.Metric`",
    ),
    "optimizers": {
        "TFOptimizer": "write an `optimizers.Optimizer` with an `update` method",
        "clip_norm": "give the optimizer `clipnorm`",
    },
    "regularizers": {"EigenvalueRegularizer": "write a `regularizers.Regularizer` with `__call__`"},
    "utils": {
        "multi_gpu_model": "Hornbeam trains on one device so far; Keras 3 has DataParallel for this",
        **dict.fromkeys(
            (
                "GeneratorEnqueuer OrderedEnqueuer SequenceEnqueuer get_index init_pool "
                "init_pool_generator next_sample"
            ).split(),
            _ENQUEUE,
        ),
        **dict.fromkeys(
            "HDF5Matrix H5Dict h5dict load_array save_array load_from_binary_h5py "
            "save_to_binary_h5py".split(),
            _H5,
        ),
        "ask_to_proceed_with_overwrite": 'ask with input("...")',
        "func_dump": _CODE,
        "func_load": _CODE,
        "get_from_module": "use the `get` function of the area, as `hornbeam.losses.get`",
        "make_tuple": "write a tuple",
        "getargspec": "use inspect.signature",
        "has_arg": "use inspect.signature",
        "check_for_unexpected_keys": "compare the keys yourself",
        "transpose_shape": "transpose the shape yourself",
        "validate_file": "give `get_file` a `file_hash`",
        "convert_all_kernels_in_model": "turn kernels around with `np_utils.convert_kernel`",
        "convert_dense_weights_data_format": "permute the rows of the kernel yourself",
        "add_edge": "make the graph with `model_to_dot`",
        "is_model": "use isinstance(layer, hornbeam.Model)",
        "is_wrapped_model": "use isinstance(layer.layer, hornbeam.Model)",
        **dict.fromkeys(
            (
                "AUCCurve AUCSummationMethod ConfusionMatrix assert_thresholds_range filter_top_k "
                "parse_init_thresholds result_wrapper update_confusion_matrix_variables "
                "update_state_wrapper weighted_assign_add"
            ).split(),
            "derive from `metrics.Metric`",
        ),
        **dict.fromkeys(
            "broadcast_weights compute_weighted_loss reduce_weighted_loss "
            "squeeze_or_expand_dimensions".split(),
            "derive from `losses.Loss`, whose `__call__` weights and reduces",
        ),
        "Reduction": 'write reduction="sum", "sum_over_batch_size" or "none"',
    },
    "wrappers": {"BaseWrapper": "use `hornbeam.wrappers.SKLearnClassifier` or `SKLearnRegressor`"},
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
    if area == "applications" and (name[0].isupper() or name in OF_APPLICATIONS):
        return Gone(f"keras.applications.{own}", "Hornbeam does not have this architecture")
    raise AttributeError(f"module 'keras.{dotted}' has no attribute {name!r}")


__all__ = ["GONE", "MODULES", "OLD", "Gone", "lookup", "resolve"]

"""What all architectures share: arguments, the input, the classifier on top, weights.

A module of this package is a table of sizes, a function for each kind of block, and the public
functions.  What they share is written here, once: `Request` is what a public function was called with,
and knows how to open the image, how to close the network and how to load its weights; `described`
writes the part of the documentation that is the same for all.

Names of layers, their order and the shapes of variables are those of Keras, so that its files of weights
fit.
"""

from __future__ import annotations

import os
import textwrap
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from hornbeam import config, layers
from hornbeam.backends.symbolic import KerasTensor
from hornbeam.errors import InputError, UnsupportedError
from hornbeam.models import Model
from hornbeam.utils.source_inputs import get_source_inputs

F = TypeVar("F", bound=Callable[..., Any])
IMAGENET_CLASSES = 1000

ARGUMENTS = {
    "include_top": "whether to end in the classifier; else the last feature maps are returned.",
    "include_preprocessing": "whether the model scales its input itself: pixels in [0, 255].",
    "weights": "None for random ones, or the path of a file of weights (`.weights.h5`, `.keras`, "
    '`.safetensors`, or an `.h5` file of Keras 2). "imagenet" raises an error that says what to do.',
    "input_tensor": "a symbolic tensor to use as the image; by default a new `Input`.",
    "input_shape": "the shape of one image, without the batch axis. With `include_top` it must be known "
    "if the classifier depends on it.",
    "pooling": "without the classifier: None for feature maps (batch, height, width, channels), "
    '"avg" or "max" for their mean or maximum, (batch, channels).',
    "classes": "how many classes the classifier tells apart.",
    "classifier_activation": 'the activation of the classifier: "softmax" for probabilities in [0, 1], '
    "None for logits.",
    "name": "the name of the model.",
    "alpha": "factor of the number of channels, a positive number.",
    "depth_multiplier": "filters per channel of the depthwise convolutions, an integer.",
    "dropout": "the rate of the dropout before the classifier, in [0, 1).",
    "dropout_rate": "the rate of the dropout before the classifier, in [0, 1).",
    "minimalistic": "whether to do without squeeze-and-excitation, hard-swish and kernels of 5 by 5.",
}


def described(parameters: int, returns: str = "") -> Callable[[F], F]:
    """A decorator that adds the arguments, the result and an example to an architecture's docstring.

    Args:
        parameters: how many parameters the model has as it comes, for the example.
        returns: what to say besides on the result.
    """

    def decorate(fn: F) -> F:
        names = fn.__code__.co_varnames[: fn.__code__.co_argcount]
        lines = [
            textwrap.fill(
                f"{name}: {ARGUMENTS[name]}",
                98,
                initial_indent=" " * 4,
                subsequent_indent=" " * 8,
            )
            for name in names
        ]
        fn.__doc__ = f"""{textwrap.dedent(" " * 4 + (fn.__doc__ or "")).strip()}

Args:
{chr(10).join(lines)}

Returns:
    A `Model` from images (batch, height, width, 3) to (batch, classes), or to feature maps.
    {returns}

Raises:
    InputError: if a size, `weights`, `pooling` or `classes` does not go with the rest.
    UnsupportedError: if `weights` is "imagenet".

Example:

>>> import hornbeam
>>> with hornbeam.use_backend("symbolic"):  # shapes alone: no weights are made
...     model = hornbeam.applications.{fn.__name__}(weights=None)
>>> model.count_params()
{parameters}
"""
        return fn

    return decorate


def channel_axis() -> int:
    """The axis of the channels of a batch of images: 3, or 1 if `config.image_data_format` says so."""
    return 3 if config.image_data_format() == "channels_last" else 1


def last_axis() -> int:
    """The same, counted from the end where channels come last: -1 or 1."""
    return -1 if config.image_data_format() == "channels_last" else 1


def spatial(x: KerasTensor) -> tuple[int | None, int | None]:
    """Height and width of a batch of images, None where unknown."""
    return tuple(x.shape[1:3] if channel_axis() == 3 else x.shape[2:4])  # type: ignore[return-value]


def channels(x: KerasTensor) -> int:
    """How many channels a batch of images has."""
    return int(x.shape[channel_axis()])  # type: ignore[arg-type]


def halving_pads(x: KerasTensor, kernel: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Zeros to put around images so that a convolution with stride 2 that pads nothing halves them.

    An even side gets one less before it, which is where TensorFlow's "same" has its centre; the
    published weights were trained so.

    Args:
        x: images.
        kernel: the size of the kernel.
    """
    half = kernel // 2
    sides = [1 if size is None else 1 - size % 2 for size in spatial(x)]
    return (half - sides[0], half), (half - sides[1], half)


def divisible(value: float, divisor: int = 8, smallest: int | None = None) -> int:
    """The multiple of `divisor` nearest to `value`, but not less than 90 % of it.

    Args:
        value: a number of channels.
        divisor: what the result is a multiple of.
        smallest: the least result; by default `divisor`.
    """
    rounded = max(smallest or divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * value else rounded + divisor


@dataclass
class Request:
    """What an architecture was asked for; the arguments are those of the public functions."""

    include_top: bool = True
    weights: Any = None
    input_tensor: Any = None
    input_shape: Any = None
    pooling: str | None = None
    classes: int = IMAGENET_CLASSES
    classifier_activation: Any = "softmax"
    name: str | None = None
    include_preprocessing: bool = True

    def __post_init__(self) -> None:
        if self.pooling not in (None, "avg", "max"):
            raise InputError(f'`pooling` must be None, "avg" or "max", got {self.pooling!r}.')
        if self.weights is None or self.weights == "imagenet":
            return
        try:
            found = os.path.exists(self.weights)
        except TypeError:
            found = False
        if not found:
            raise InputError(
                '`weights` must be None (random), "imagenet", or the path of a file of weights; there '
                f"is no file {self.weights!r}."
            )

    def refuse_imagenet(self) -> None:
        """Say how to get the weights trained on ImageNet, if they are asked for."""
        if self.weights != "imagenet":
            return
        if self.include_top and self.classes != IMAGENET_CLASSES:
            raise InputError(
                f"The weights trained on ImageNet know {IMAGENET_CLASSES} classes, got classes="
                f"{self.classes}; pass include_top=False and put a classifier of yours on top."
            )
        raise UnsupportedError(
            "Hornbeam does not download the weights trained on ImageNet: it knows no hash to check them "
            "by. Where Keras is installed, save its model once, e.g. `keras.applications.ResNet50("
            'weights="imagenet").save("model.keras")`, and load it with `hornbeam.saving.load_model('
            '"model.keras")`; or keep its weights with `save_weights("model.weights.h5")` and pass '
            '`weights="model.weights.h5"` here. `weights=None` starts from random ones.'
        )

    def shape(self, size: int, smallest: int, needs_size: bool | None = None) -> tuple[Any, ...]:
        """The shape of one image.

        Args:
            size: height and width if nothing is said.
            smallest: the least height and width.
            needs_size: whether height and width must be known; by default with the classifier.
        """
        known = self.include_top if needs_size is None else needs_size
        side, last = (size if known else None), channel_axis() == 3
        if self.input_shape is None:
            return (side, side, 3) if last else (3, side, side)
        shape = tuple(self.input_shape)
        if len(shape) != 3:
            raise InputError(
                "`input_shape` must be the height, width and channels of an image (channels first where "
                f"`config.image_data_format` says so), got {self.input_shape!r}."
            )
        sides = shape[:2] if last else shape[1:]
        if any(s is not None and s < smallest for s in sides):
            raise InputError(
                f"Images must be at least {smallest} by {smallest}, got input_shape="
                f"{self.input_shape!r}."
            )
        if known and None in shape:
            raise InputError(
                "The classifier needs images of a known size: pass a whole `input_shape`, or "
                f"include_top=False. Got input_shape={self.input_shape!r}."
            )
        if (shape[2] if last else shape[0]) not in (1, 3):
            warnings.warn(
                f"Images have 1 or 3 channels as a rule, got input_shape={self.input_shape!r}.",
                stacklevel=5,
            )
        return shape

    def image(self, size: int, smallest: int = 32, needs_size: bool | None = None) -> Any:
        """The image that the network begins with; the arguments are checked first.

        Args:
            size: height and width if nothing is said.
            smallest: the least height and width.
            needs_size: whether height and width must be known; by default with the classifier.
        """
        self.refuse_imagenet()
        shape = self.shape(size, smallest, needs_size)
        if self.input_tensor is None:
            return layers.Input(shape=shape)
        if not isinstance(self.input_tensor, KerasTensor):
            raise InputError(
                "`input_tensor` must be symbolic, such as hornbeam.Input(...) returns, got "
                f"{type(self.input_tensor).__name__}; call the model with arrays when it is made."
            )
        return self.input_tensor

    def pooled(self, x: Any, **names: str) -> Any:
        """The feature maps, pooled if that was asked for.

        Args:
            x: feature maps.
            **names: what to call the layer, `avg=` and `max=`.
        """
        if self.pooling is None:
            return x
        kind = layers.GlobalAveragePooling2D if self.pooling == "avg" else layers.GlobalMaxPooling2D
        return kind(name=names.get(self.pooling))(x)

    def predictions(self, x: Any, **kwargs: Any) -> Any:
        """The classifier: one dense layer.

        Args:
            x: features, (batch, features).
            **kwargs: more arguments of `Dense`.
        """
        kwargs = {"name": "predictions", "activation": self.classifier_activation, **kwargs}
        return layers.Dense(self.classes, **kwargs)(x)

    def top(self, x: Any, average: str | None = "avg_pool") -> Any:
        """What most architectures end in: the mean over the image, and the classifier.

        Args:
            x: feature maps.
            average: what to call the layer that takes the mean.
        """
        if not self.include_top:
            return self.pooled(x)
        return self.predictions(layers.GlobalAveragePooling2D(name=average)(x))

    def model(self, image: KerasTensor, x: KerasTensor) -> Model:
        """The model, with its weights.

        Args:
            image: what `image` returned.
            x: the output.
        """
        inputs: Any = image if self.input_tensor is None else get_source_inputs(image)
        if isinstance(inputs, list) and len(inputs) == 1:
            inputs = inputs[0]
        model = Model(inputs, x, name=self.name)
        if self.weights is not None:
            model.load_weights(self.weights)
        return model

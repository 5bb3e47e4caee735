"""Images mixed with each other or with noise: erasing, MixUp, CutMix, AugMix, RandAugment, Pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbeam import ops
from hornbeam.backends import registry
from hornbeam.backends.symbolic import KerasTensor
from hornbeam.errors import InputError
from hornbeam.layers.conversion import sizes
from hornbeam.layers.layer import Layer
from hornbeam.layers.preprocessing.images.base import (
    ImageLayer,
    clipped,
    drawing_place,
    factor_range,
    is_number,
    value_range_of,
)
from hornbeam.random import rejection
from hornbeam.random.portable import Portable
from hornbeam.saving.objects import builtin, deserialize_keras_object, serialize_keras_object


def windows(layer: ImageLayer, places: Any, area: Any, images: Any) -> Any:
    """Masks of rectangles in the shape of `images`: true inside.

    Args:
        layer: the layer they are for.
        places: (2, batch) numbers in [0, 1): where a rectangle lies between the edges.
        area: (batch,) share of the image that it covers.
        images: what the masks are for.
    """
    shape = sizes(images)
    side = ops.sqrt(area)
    inside = None
    for place, axis in zip(
        (places[0], places[1]), (layer._height_axis, layer._width_axis), strict=True
    ):
        size = shape[axis]
        length = ops.round(side * size)
        start = ops.reshape(ops.floor(place * (size - length + 1)), (-1, 1, 1, 1))
        end = start + ops.reshape(length, (-1, 1, 1, 1))
        line = [1, 1, 1, 1]
        line[axis] = -1
        at = ops.reshape(ops.arange(0, size, dtype="float32"), tuple(line))
        within = ops.logical_and(ops.greater_equal(at, start), ops.less(at, end))
        inside = within if inside is None else ops.logical_and(inside, within)
    return ops.broadcast_to(inside, shape)


def beta(layer: ImageLayer, batch: Any, alpha: Any, key: Any) -> Any:
    """Numbers (batch,) of the distribution Beta(alpha, alpha), the same on every engine."""
    place, key = drawing_place(key)
    if place is registry.get("numpy"):
        alpha = ops.convert_to_numpy(alpha)
    with registry.use_backend(place), place.wide():
        each = ops.maximum(ops.broadcast_to(ops.cast(alpha, "float32"), (batch,)), 1e-3)
        drawn = rejection.beta(Portable(place), key, each, each)  # type: ignore[arg-type]
    return ops.cast(registry.current().asarray(drawn), "float32")


def permutation(layer: ImageLayer, batch: Any, key: Any) -> Any:
    """An order of the images of a batch, the same on every engine."""
    return ops.cast(ops.argsort(layer._uniform((batch,), seed=key)), "int32")


@builtin("keras.layers")
class RandomErasing(ImageLayer):
    """Covers a rectangle of an image, with a probability (Zhong et al., 2017, arXiv:1708.04896).

    Args:
        factor: (lowest, highest) of the probability, drawn for each image within [0, 1]; a number f
            stands for (0, f).
        scale: (lowest, highest) share of the image that is covered, within [0, 1].
        fill_value: what to cover with, a number or one for each channel; None for noise of the normal
            distribution (the engine's own), within the range of values.
        value_range: (lowest, highest) value of the images.
        seed: an int, for the same draws in every run.
        data_format: see `ImageLayer`.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.RandomErasing((1.0, 1.0), (0.25, 0.25), fill_value=0.0)
    >>> float(layer(hornbeam.ops.ones((4, 4, 1))).sum())
    12.0
    """

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = (0.02, 0.33),
        fill_value: Any = None,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.factor = factor_range(factor, "RandomErasing")
        self.scale = factor_range(scale, "RandomErasing", "scale")
        if not (
            fill_value is None or is_number(fill_value) or isinstance(fill_value, (list, tuple))
        ):
            raise InputError(
                "RandomErasing: `fill_value` must be None, a number or one for each channel, got "
                f"{fill_value!r}."
            )
        self.fill_value = fill_value
        self.value_range = value_range_of(value_range, "RandomErasing")
        self._seed_with(seed)

    def _drawn(self, data: Any, seed: Any) -> Any:
        """Which images ("apply_erasing"), where ("batch_masks") and with what; see `ImageLayer`."""
        images = data["images"] if isinstance(data, dict) else data
        key = self._key(seed)
        batch = self._shape(data)[0]
        drawn = self._uniform((5, batch), seed=key)
        limit = drawn[0] * (self.factor[1] - self.factor[0]) + self.factor[0]
        area = drawn[2] * (self.scale[1] - self.scale[0]) + self.scale[0]
        return {
            "apply_erasing": ops.less(drawn[1], limit),
            "batch_masks": windows(self, drawn[3:], area, images),
            "fill_value": self._cover(images, key),
        }

    def _cover(self, images: Any, key: Any) -> Any:
        shape = sizes(images)
        if self.fill_value is None:
            low, high = self.value_range
            noise = registry.current().random_normal(key, tuple(shape), "float32")
            return clipped(noise * (high - low) + low, self.value_range)
        line = [1, 1, 1, 1]
        line[self._channel_axis] = -1
        value = ops.reshape(ops.cast(self.fill_value, "float32"), tuple(line))
        return ops.broadcast_to(value, shape)

    def _new_images(self, images: Any, transformation: Any) -> Any:
        """The images, some of them covered in part; see `ImageLayer`."""
        which = ops.reshape(transformation["apply_erasing"], (-1, 1, 1, 1))
        where = ops.logical_and(which, transformation["batch_masks"])
        return ops.where(where, ops.cast(transformation["fill_value"], self.compute_dtype), images)


@builtin("keras.layers")
class MixUp(ImageLayer):
    """Mixes each image and its label with another of the batch (Zhang et al., 2017, arXiv:1710.09412).

    ``w x + (1 - w) x'`` with w of the distribution Beta(alpha, alpha).  Labels must be rows of
    probabilities.  An image gets the boxes of both, and both masks, one behind the other along the
    channels.

    Args:
        alpha: the parameter of the distribution, positive: the smaller, the less is mixed.
        data_format: see `ImageLayer`.
        seed: an int, for the same draws in every run.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> data = {"images": hornbeam.ops.ones((2, 4, 4, 3)), "labels": hornbeam.ops.eye(2)}
    >>> mixed = hornbeam.layers.MixUp()(data)
    >>> [round(v, 4) for v in mixed["labels"].sum(-1).tolist()]
    [1.0, 1.0]
    """

    def __init__(
        self,
        alpha: float = 0.2,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        if not is_number(alpha) or alpha <= 0:
            raise InputError(f"MixUp: `alpha` must be a positive number, got {alpha!r}.")
        self.alpha = alpha
        self._seed_with(seed)

    def _drawn(self, data: Any, seed: Any) -> Any:
        """ "mix_weight" and "permutation_order", each (batch,); see `ImageLayer`."""
        key = self._key(seed)
        batch = self._shape(data)[0]
        return {
            "mix_weight": beta(self, batch, self.alpha, key),
            "permutation_order": permutation(self, batch, key),
        }

    def _mixed(self, x: Any, transformation: Any) -> Any:
        x = ops.cast(x, self.compute_dtype)
        weight = ops.cast(transformation["mix_weight"], self.compute_dtype)
        weight = ops.reshape(weight, (-1, *(1,) * (len(x.shape) - 1)))
        other = ops.take(x, transformation["permutation_order"], axis=0)
        return weight * x + (1.0 - weight) * other

    def _new_images(self, images: Any, transformation: Any) -> Any:
        """The images, each mixed with another; see `ImageLayer`."""
        return self._mixed(images, transformation)

    def _new_labels(self, labels: Any, transformation: Any) -> Any:
        """The labels, mixed as the images are; see `ImageLayer`."""
        return self._mixed(labels, transformation)

    def _new_bounding_boxes(self, bounding_boxes: Any, transformation: Any) -> Any:
        """The boxes of both images; see `ImageLayer`."""
        order = transformation["permutation_order"]
        both = {
            key: ops.concatenate([value, ops.take(value, order, axis=0)], axis=1)
            for key, value in bounding_boxes.items()
            if key in ("boxes", "labels")
        }
        return {**bounding_boxes, **both}

    def _new_segmentation_masks(self, segmentation_masks: Any, transformation: Any) -> Any:
        """The masks of both images; see `ImageLayer`."""
        other = ops.take(segmentation_masks, transformation["permutation_order"], axis=0)
        return ops.concatenate([segmentation_masks, other], axis=self._channel_axis)

    def compute_output_spec(self, inputs: Any, **kwargs: Any) -> Any:
        """The symbolic outputs for symbolic inputs; boxes and masks are those of training."""
        if not isinstance(inputs, dict) or not kwargs.get("training", True):
            return super().compute_output_spec(inputs, **kwargs)
        images = inputs["images"]
        grown = {"labels": inputs["labels"]} if "labels" in inputs else {}
        grown = {k: KerasTensor(v.shape, self.compute_dtype) for k, v in grown.items()}
        drawn = {"permutation_order": KerasTensor((images.shape[0],), "int32")}
        if "bounding_boxes" in inputs:
            grown["bounding_boxes"] = self.transform_bounding_boxes(inputs["bounding_boxes"], drawn)
        if "segmentation_masks" in inputs:
            masks = inputs["segmentation_masks"]
            grown["segmentation_masks"] = self.transform_segmentation_masks(masks, drawn)
        return {**super().compute_output_spec(inputs, **kwargs), **grown}


@builtin("keras.layers")
class CutMix(ImageLayer):
    """Puts a rectangle of another image of the batch into each (Yun et al., 2019, arXiv:1905.04899).

    The labels, rows of probabilities, are mixed by the areas.  Boxes are refused, since they would have
    to be cut.

    Args:
        factor: (lowest, highest) of a number a in [0, 1], drawn for each image; the share that is kept
            is of the distribution Beta(a, a).  A number f stands for (0, f).
        seed: an int, for the same draws in every run.
        data_format: see `ImageLayer`.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> data = {"images": hornbeam.ops.ones((2, 4, 4, 3)), "labels": hornbeam.ops.eye(2)}
    >>> mixed = hornbeam.layers.CutMix()(data)
    >>> [round(v, 4) for v in mixed["labels"].sum(-1).tolist()]
    [1.0, 1.0]
    """

    def __init__(
        self,
        factor: Any = 1.0,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.factor = factor_range(factor, "CutMix")
        self._seed_with(seed)

    def _drawn(self, data: Any, seed: Any) -> Any:
        """ "permutation_order" (batch,), "batch_masks" and "mix_weight" (batch, 1, 1, 1).

        See `ImageLayer`.
        """
        images = data["images"] if isinstance(data, dict) else data
        key = self._key(seed)
        batch = self._shape(data)[0]
        drawn = self._uniform((4, batch), seed=key)
        alpha = drawn[0] * (self.factor[1] - self.factor[0]) + self.factor[0]
        area = 1.0 - beta(self, batch, alpha, key)
        masks = windows(self, drawn[1:3], area, images)
        covered = ops.mean(ops.cast(masks, "float32"), axis=(1, 2, 3), keepdims=True)
        return {
            "permutation_order": ops.cast(ops.argsort(drawn[3]), "int32"),
            "batch_masks": masks,
            "mix_weight": 1.0 - covered,
        }

    def _new_images(self, images: Any, transformation: Any) -> Any:
        """The images with parts of others; see `ImageLayer`."""
        other = ops.take(images, transformation["permutation_order"], axis=0)
        return ops.where(transformation["batch_masks"], other, images)

    def _new_labels(self, labels: Any, transformation: Any) -> Any:
        """The labels, mixed by the areas; see `ImageLayer`."""
        labels = ops.cast(labels, self.compute_dtype)
        weight = ops.cast(transformation["mix_weight"], self.compute_dtype)
        weight = ops.reshape(weight, (-1, *(1,) * (len(labels.shape) - 1)))
        other = ops.take(labels, transformation["permutation_order"], axis=0)
        return weight * labels + (1.0 - weight) * other

    def _new_segmentation_masks(self, segmentation_masks: Any, transformation: Any) -> Any:
        """The masks with parts of others; see `ImageLayer`."""
        other = ops.take(segmentation_masks, transformation["permutation_order"], axis=0)
        inside = ops.any(transformation["batch_masks"], axis=self._channel_axis, keepdims=True)
        return ops.where(inside, other, segmentation_masks)

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Boxes are refused; see `ImageLayer`."""
        raise InputError(
            f"CutMix {self.path!r} cannot cut bounding boxes: leave 'bounding_boxes' out of the "
            "dict, or use MixUp."
        )


@builtin("keras.layers")
class MaxNumBoundingBoxes(ImageLayer):
    """Gives every image the same number of boxes, by cutting off or filling up.

    The layer acts outside of training as well.

    Args:
        max_number: the number of boxes.
        fill_value: the label and the coordinates of a place without a box.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.MaxNumBoundingBoxes(3, bounding_box_format="xyxy")
    >>> boxes = {"boxes": hornbeam.ops.ones((2, 1, 4)), "labels": hornbeam.ops.ones((2, 1))}
    >>> data = {"images": hornbeam.ops.ones((2, 4, 4, 3)), "bounding_boxes": boxes}
    >>> layer(data)["bounding_boxes"]["labels"].tolist()
    [[1.0, -1.0, -1.0], [1.0, -1.0, -1.0]]
    """

    _always = True
    _keeps_dtype = True
    _unsaved = frozenset({"fill_value"})

    def __init__(self, max_number: int, fill_value: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(max_number, bool) or not isinstance(max_number, int) or max_number < 1:
            raise InputError(
                f"MaxNumBoundingBoxes: `max_number` must be a positive int, got {max_number!r}."
            )
        self.max_number = max_number
        self.fill_value = fill_value

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """As many boxes as the layer says; see `ImageLayer`."""
        found = dict(bounding_boxes)
        for key in ("boxes", "labels"):
            value = bounding_boxes[key][:, : self.max_number]
            missing = self.max_number - sizes(value)[1]
            more = ((0, 0), (0, missing), *((0, 0),) * (len(value.shape) - 2))
            found[key] = ops.pad(value, more, constant_values=self.fill_value)
        return found

    def compute_output_spec(self, inputs: Any, **kwargs: Any) -> Any:
        """The symbolic outputs for symbolic inputs; see `ImageLayer`."""
        found = super().compute_output_spec(inputs, **kwargs)
        if isinstance(inputs, dict) and "bounding_boxes" in inputs:
            boxes = {
                key: KerasTensor((value.shape[0], self.max_number, *value.shape[2:]), value.dtype)
                for key, value in inputs["bounding_boxes"].items()
            }
            found["bounding_boxes"] = boxes
        return found


@builtin("keras.layers")
class Pipeline(Layer):
    """Layers one after the other, for preparing data.

    Args:
        layers: the layers (or functions); what one gives is what the next one gets.
        name: see `Layer`.

    Example:

    >>> import hornbeam
    >>> flip, zoom = hornbeam.layers.RandomFlip(), hornbeam.layers.RandomZoom(0.1)
    >>> hornbeam.layers.Pipeline([flip, zoom])(hornbeam.ops.ones((2, 4, 4, 3))).shape
    (2, 4, 4, 3)
    """

    def __init__(self, layers: Sequence[Any], name: str | None = None) -> None:
        super().__init__(name=name)
        self._pipeline_layers = list(layers)
        strange = [layer for layer in self._pipeline_layers if not callable(layer)]
        if strange:
            raise InputError(f"Pipeline takes layers or functions, got {strange[0]!r}.")

    @property
    def layers(self) -> list[Any]:
        """The layers, in order."""
        return list(self._pipeline_layers)

    def call(self, inputs: Any, training: bool = True, mask: Any = None) -> Any:
        """What the last layer makes of it.

        Args:
            inputs: what the first layer takes.
            training: passed on to layers.
            mask: has no effect.
        """
        for layer in self._pipeline_layers:
            if isinstance(layer, ImageLayer | Pipeline):
                inputs = layer(inputs, training=training)
            else:
                inputs = layer(inputs)
        return inputs

    def get_config(self) -> dict[str, Any]:
        """The layers' configs, and the name."""
        return {
            "layers": [serialize_keras_object(layer) for layer in self._pipeline_layers],
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """A pipeline from the result of `get_config`.

        Args:
            config: plain data.
            custom_objects: name -> class or function, for names that are not registered.
        """
        layers = [
            deserialize_keras_object(layer, custom_objects=custom_objects)
            for layer in config["layers"]
        ]
        return cls(layers, name=config.get("name"))


__all__ = ["CutMix", "MaxNumBoundingBoxes", "MixUp", "Pipeline", "RandomErasing"]

"""Random changes of colours: brightness, contrast, saturation, hue and their like."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam.errors import InputError
from hornbeam.layers.preprocessing.images.base import (
    ImageLayer,
    clipped,
    factor_range,
    from_unit,
    is_number,
    to_unit,
    value_range_of,
)
from hornbeam.saving.objects import builtin


@builtin("keras.layers")
class RandomBrightness(ImageLayer):
    """Adds a random amount to all values of an image.

    Args:
        factor: (lowest, highest) of what is added, in parts of the range of values, within [-1, 1]; a
            number f stands for (-f, f).
        value_range: (lowest, highest) value of the images.
        seed: an int, for the same draws in every run.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.RandomBrightness((0.2, 0.2), value_range=(0, 1))
    >>> round(float(layer(hornbeam.ops.zeros((4, 4, 3)))[0, 0, 0]), 4)
    0.2
    """

    _keeps_dtype = True

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.factor = factor_range(factor, "RandomBrightness", bounds=(-1, 1), symmetric=True)
        self.value_range = value_range_of(value_range, "RandomBrightness")
        self._seed_with(seed)

    def _drawn(self, data: Any, seed: Any) -> Any:
        """What is added to each image: "rgb_delta" (batch, 1, 1, 1); see `ImageLayer`."""
        low, high = self.value_range
        drawn = self._uniform((self._shape(data)[0], 1, 1, 1), *self.factor, seed=seed)
        return {"rgb_delta": drawn * (high - low)}

    def _new_images(self, images: Any, transformation: Any) -> Any:
        """The images, brighter or darker; see `ImageLayer`."""
        delta = ops.cast(transformation["rgb_delta"], self.compute_dtype)
        return clipped(images + delta, self.value_range)


@builtin("keras.layers")
class RandomContrast(ImageLayer):
    """Moves the values of each channel away from their mean, or towards it.

    ``(x - mean) * factor + mean``, with the mean of the channel of that image.

    Args:
        factor: (low, high) in [0, 1] for a factor drawn from [1 - low, 1 + high]; a number f stands
            for (0, f).
        value_range: (lowest, highest) value of the images.
        seed: an int, for the same draws in every run.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.RandomContrast(0.5)(hornbeam.ops.ones((2, 4, 4, 3))).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(factor, (list, tuple)) and len(factor) == 2 and min(factor) >= 0:
            self.factor: tuple[float, float] = (factor[0], factor[1])
        else:
            self.factor = factor_range(factor, "RandomContrast")
        self.value_range = value_range_of(value_range, "RandomContrast")
        self._seed_with(seed)

    def _drawn(self, data: Any, seed: Any) -> Any:
        """The factors: "contrast_factor" (batch, 1, 1, 1); see `ImageLayer`."""
        shape = (self._shape(data)[0], 1, 1, 1)
        drawn = self._uniform(shape, 1 - self.factor[0], 1 + self.factor[1], seed=seed)
        return {"contrast_factor": drawn}

    def _new_images(self, images: Any, transformation: Any) -> Any:
        """The images with another contrast; see `ImageLayer`."""
        factor = ops.cast(transformation["contrast_factor"], self.compute_dtype)
        mean = ops.mean(images, axis=(self._height_axis, self._width_axis), keepdims=True)
        return clipped((images - mean) * factor + mean, self.value_range)


@builtin("keras.layers")
class RandomColorDegeneration(ImageLayer):
    """Mixes an image with its shades of grey: ``x + factor * (grey - x)``.

    Args:
        factor: (lowest, highest) share of the grey image: 0 changes nothing, 1 leaves shades of grey;
            a number f stands for (-f, f).
        value_range: (lowest, highest) value of the images.
        data_format: see `ImageLayer`.
        seed: an int, for the same draws in every run.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.RandomColorDegeneration((0.0, 0.5))
    >>> layer(hornbeam.ops.ones((2, 4, 4, 3))).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        kind = "RandomColorDegeneration"
        self.factor = factor_range(factor, kind, bounds=(-1, 1), symmetric=True)
        self.value_range = value_range_of(value_range, kind)
        self._seed_with(seed)

    def _drawn(self, data: Any, seed: Any) -> Any:
        """The shares of grey: "factor" (batch, 1, 1, 1); see `ImageLayer`."""
        shape = (self._shape(data)[0], 1, 1, 1)
        return {"factor": self._uniform(shape, *self.factor, seed=seed)}

    def _new_images(self, images: Any, transformation: Any) -> Any:
        """The images with less colour; see `ImageLayer`."""
        factor = ops.cast(transformation["factor"], self.compute_dtype)
        grey = ops.image.rgb_to_grayscale(images, data_format=self.data_format)
        return clipped(images + factor * (grey - images), self.value_range)


@builtin("keras.layers")
class RandomGrayscale(ImageLayer):
    """Takes the colour from an image, with a probability.

    Args:
        factor: the probability, in [0, 1].
        data_format: see `ImageLayer`.
        seed: an int, for the same draws in every run.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.RandomGrayscale(1.0)(hornbeam.ops.ones((2, 4, 4, 3))).shape
    (2, 4, 4, 3)
    """

    _keeps_dtype = True
    _unsaved = frozenset({"seed"})

    def __init__(
        self,
        factor: float = 0.5,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        if not is_number(factor) or not 0 <= factor <= 1:
            raise InputError(
                f"RandomGrayscale: `factor` must be a probability in [0, 1], got {factor!r}."
            )
        self.factor = factor
        self._seed_with(seed)

    def get_random_transformation(
        self, images: Any, training: bool = True, seed: Any = None
    ) -> Any:
        """Which images lose their colour: booleans (batch, 1, 1, 1); see `ImageLayer`."""
        if not training:
            return None
        drawn = self._uniform((self._shape(images)[0], 1, 1, 1), seed=seed)
        return ops.less(drawn, self.factor)

    def _new_images(self, images: Any, transformation: Any) -> Any:
        """The images, some of them in shades of grey; see `ImageLayer`."""
        grey = ops.image.rgb_to_grayscale(images, data_format=self.data_format)
        return ops.where(transformation, grey, images)

    def transform_labels(  # type: ignore[override]
        self, labels: Any, transformations: Any = None, **kwargs: Any
    ) -> Any:
        """The labels as they are.

        Args:
            labels: any.
            transformations: has no effect.
            **kwargs: likewise.
        """
        return labels

    def transform_segmentation_masks(  # type: ignore[override]
        self, segmentation_masks: Any, transformations: Any = None, **kwargs: Any
    ) -> Any:
        """The masks as they are.

        Args:
            segmentation_masks: any.
            transformations: has no effect.
            **kwargs: likewise.
        """
        return segmentation_masks

    def transform_bounding_boxes(self, bounding_boxes: Any, *args: Any, **kwargs: Any) -> Any:
        """The boxes as they are.

        Args:
            bounding_boxes: any.
            *args, **kwargs: have no effect.
        """
        return bounding_boxes


def in_hsv(layer: Any, images: Any, change: Any) -> Any:
    """Images whose hue, saturation and value, each in [0, 1], went through `change`."""
    axis = layer._channel_axis
    unit = to_unit(images, layer.value_range)
    parts = ops.split(ops.image.rgb_to_hsv(unit, data_format=layer.data_format), 3, axis=axis)
    hsv = ops.concatenate(change(*parts), axis=axis)
    rgb = ops.image.hsv_to_rgb(hsv, data_format=layer.data_format)
    return clipped(from_unit(rgb, layer.value_range), layer.value_range)


@builtin("keras.layers")
class RandomSaturation(ImageLayer):
    """Multiplies the saturation of an image.

    Args:
        factor: (lowest, highest) of a number f in [0, 1]; the saturation is multiplied by
            ``f / (1 - f)``: 0 leaves shades of grey, 0.5 changes nothing, 1 means full colours.  A
            number stands for the pair of its negative and itself.
        value_range: (lowest, highest) value of the images.
        data_format: see `ImageLayer`.
        seed: an int, for the same draws in every run.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.RandomSaturation((0.4, 0.6), value_range=(0, 1))
    >>> layer(hornbeam.ops.ones((2, 4, 4, 3))).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.factor = factor_range(factor, "RandomSaturation", bounds=(-1, 1), symmetric=True)
        self.value_range = value_range_of(value_range, "RandomSaturation")
        self._seed_with(seed)

    def _drawn(self, data: Any, seed: Any) -> Any:
        """What the saturations are multiplied by: "factor" (batch,); see `ImageLayer`."""
        drawn = self._uniform((self._shape(data)[0],), *self.factor, seed=seed)
        return {"factor": drawn / ops.maximum(1 - drawn, 1e-7)}

    def _new_images(self, images: Any, transformation: Any) -> Any:
        """The images with more or less colour; see `ImageLayer`."""
        factor = self._per_image(ops.clip(transformation["factor"], -1e4, 1e4))

        def change(h: Any, s: Any, v: Any) -> list[Any]:
            return [h, ops.clip(s * factor, 0.0, 1.0), v]

        return in_hsv(self, images, change)


@builtin("keras.layers")
class RandomHue(ImageLayer):
    """Turns the hues of an image around the circle of colours.

    Args:
        factor: (lowest, highest) share in [0, 1] of half the circle, in either direction; a number f
            stands for (0, f).
        value_range: (lowest, highest) value of the images.
        data_format: see `ImageLayer`.
        seed: an int, for the same draws in every run.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.RandomHue(0.2)(hornbeam.ops.ones((2, 4, 4, 3))).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.factor = factor_range(factor, "RandomHue")
        self.value_range = value_range_of(value_range, "RandomHue")
        self._seed_with(seed)

    def _drawn(self, data: Any, seed: Any) -> Any:
        """How far the hues turn, in circles: "factor" (batch,); see `ImageLayer`."""
        low, high = self.factor
        drawn = self._uniform((2, self._shape(data)[0]), seed=seed)
        size = (drawn[0] * (high - low) + low) * 0.5
        return {"factor": ops.where(ops.less(drawn[1], 0.5), -size, size)}

    def _new_images(self, images: Any, transformation: Any) -> Any:
        """The images in other hues; see `ImageLayer`."""
        turn = self._per_image(transformation["factor"])
        return in_hsv(self, images, lambda h, s, v: [ops.mod(h + turn, 1.0), s, v])


@builtin("keras.layers")
class RandomInvert(ImageLayer):
    """Turns an image into its negative, with a probability.

    Args:
        factor: (lowest, highest) of the probability, drawn for each image within [0, 1]; a number f
            stands for (0, f).
        value_range: (lowest, highest) value of the images.
        seed: an int, for the same draws in every run.
        data_format: see `ImageLayer`.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.RandomInvert((1.0, 1.0), value_range=(0, 1))
    >>> float(layer(hornbeam.ops.zeros((4, 4, 3)))[0, 0, 0])
    1.0
    """

    def __init__(
        self,
        factor: Any = 1.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.factor = factor_range(factor, "RandomInvert")
        self.value_range = value_range_of(value_range, "RandomInvert")
        self._seed_with(seed)

    def _drawn(self, data: Any, seed: Any) -> Any:
        """Which images are inverted: "apply_inversion" (batch,); see `ImageLayer`."""
        return {"apply_inversion": chosen(self, self._shape(data)[0], self.factor, seed)}

    def _new_images(self, images: Any, transformation: Any) -> Any:
        """The images, some of them inverted; see `ImageLayer`."""
        which = ops.reshape(transformation["apply_inversion"], (-1, 1, 1, 1))
        low, high = self.value_range
        return ops.where(which, (low + high) - images, images)


def chosen(layer: Any, batch: Any, factor: tuple[float, float], seed: Any) -> Any:
    """Booleans (batch,), each true with a probability drawn within `factor`."""
    drawn = layer._uniform((2, batch), seed=seed)
    probability = drawn[0] * (factor[1] - factor[0]) + factor[0]
    return ops.less(drawn[1], probability)


@builtin("keras.layers")
class RandomColorJitter(ImageLayer):
    """Changes brightness, contrast, saturation and hue, one after the other.

    Args:
        value_range: (lowest, highest) value of the images.
        brightness_factor: see `RandomBrightness`; None leaves the brightness alone.
        contrast_factor: see `RandomContrast`; None leaves the contrast alone.
        saturation_factor: see `RandomSaturation`; None leaves the saturation alone.
        hue_factor: see `RandomHue`; None leaves the hue alone.
        seed: an int, for the same draws in every run.
        data_format: see `ImageLayer`.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> layer = hornbeam.layers.RandomColorJitter(brightness_factor=0.2, hue_factor=0.1)
    >>> layer(hornbeam.ops.ones((2, 4, 4, 3))).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        value_range: Any = (0, 255),
        brightness_factor: Any = None,
        contrast_factor: Any = None,
        saturation_factor: Any = None,
        hue_factor: Any = None,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.value_range = value_range_of(value_range, "RandomColorJitter")
        self.brightness_factor = brightness_factor
        self.contrast_factor = contrast_factor
        self.saturation_factor = saturation_factor
        self.hue_factor = hue_factor
        self._seed_with(seed)
        given = (
            (RandomBrightness, brightness_factor),
            (RandomContrast, contrast_factor),
            (RandomSaturation, saturation_factor),
            (RandomHue, hue_factor),
        )
        common = {"value_range": value_range, "dtype": self.dtype_policy, "seed": 0}
        self._steps: list[Any] = [
            kind(factor, data_format=self.data_format, **common)
            for kind, factor in given
            if factor is not None
        ]
        for step in self._steps:  # they are not called, but lend their transformations
            step.built = True

    def _drawn(self, data: Any, seed: Any) -> Any:
        """The parameters of each step: a list; see `ImageLayer`."""
        keys = subkeys(self, len(self._steps), seed)
        return [
            step.get_random_transformation(data, seed=keys[i]) for i, step in enumerate(self._steps)
        ]

    def _new_images(self, images: Any, transformation: Any) -> Any:
        """The images in other colours; see `ImageLayer`."""
        for step, found in zip(self._steps, transformation, strict=True):
            images = step.transform_images(images, found)
        return images


def subkeys(layer: Any, count: int, seed: Any) -> Any:
    """Keys (count, 2) for the steps of a layer, out of one of its own."""
    fractions = layer._uniform((max(count, 1), 2), 0.0, float(2**24), seed=seed)
    return ops.cast(ops.cast(fractions, "int32"), "uint32")


__all__ = [
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomSaturation",
]

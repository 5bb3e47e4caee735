"""Images of another size: resized, or cropped in the middle or at random."""

from __future__ import annotations

from typing import Any, ClassVar

from hornbeam import ops
from hornbeam.errors import InputError
from hornbeam.layers.conversion import sizes
from hornbeam.layers.preprocessing.images.base import ImageLayer
from hornbeam.saving.objects import builtin

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


class _Sized(ImageLayer):
    """A layer whose images all have one height and width."""

    height: int
    width: int

    def _set_size(self, height: Any, width: Any) -> None:
        for name, size in (("height", height), ("width", width)):
            if isinstance(size, bool) or not isinstance(size, int) or size < 1:
                raise InputError(
                    f"{type(self).__name__}: `{name}` must be a positive int, got {size!r}."
                )
        self.height, self.width = height, width

    def _image_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return self._sized(shape, self.height, self.width)

    def _cut(self, images: Any, top: Any, left: Any) -> Any:
        starts: list[Any] = [0] * len(images.shape)
        starts[self._height_axis], starts[self._width_axis] = top, left
        shape = self._sized(sizes(images), self.height, self.width)
        return ops.slice(images, starts, shape)

    def _scaled_to_crop(self, images: Any, interpolation: str = "bilinear") -> Any:
        return ops.image.resize(
            images,
            (self.height, self.width),
            interpolation=interpolation,
            crop_to_aspect_ratio=True,
            data_format=self.data_format,
        )

    def _scaled_boxes(
        self, boxes: dict[str, Any], before: Any, crop: bool = False, pad: bool = False
    ) -> dict[str, Any]:
        """Boxes of images that `ops.image.resize` has brought to the layer's size."""
        height, width = before
        top, left, old = 0, 0, [height, width]
        if crop:
            old = [
                max(min(height, int(width * self.height / self.width)), 1),
                max(min(width, int(height * self.width / self.height)), 1),
            ]
        if pad:
            old = [
                max(height, int(width * self.height / self.width)),
                max(width, int(height * self.width / self.height)),
            ]
        top, left = (height - old[0]) // 2, (width - old[1]) // 2
        if pad:
            top, left = -((old[0] - height) // 2), -((old[1] - width) // 2)
        down, right = self.height / old[0], self.width / old[1]

        def move(corners: Any) -> Any:
            shift = ops.cast([left, top, left, top], ops.dtype(corners))
            return (corners - shift) * ops.cast([right, down, right, down], ops.dtype(corners))

        return self._move_boxes(boxes, before, (self.height, self.width), move)


@builtin("keras.layers")
class Resizing(_Sized):
    """Images in another size.

    The layer acts outside of training as well.  Images of integers keep their dtype; masks are resized
    by taking the nearest pixel, boxes are scaled.

    Args:
        height: the new height in pixels.
        width: the new width in pixels.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".
        crop_to_aspect_ratio: whether to cut off at both sides what would have to be distorted.
        pad_to_aspect_ratio: whether to fill up at both sides instead.
        fill_mode: how to fill up; only "constant".
        fill_value: what to fill up with.
        antialias: whether values are averaged over what shrinks to one pixel.
        data_format: see `ImageLayer`.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.Resizing(4, 6)(hornbeam.ops.ones((2, 8, 8, 3))).shape
    (2, 4, 6, 3)
    """

    _always = True
    _keeps_dtype = True

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self._set_size(height, width)
        if interpolation not in INTERPOLATIONS:
            raise InputError(
                f"Resizing: `interpolation` must be one of {', '.join(INTERPOLATIONS)}, got "
                f"{interpolation!r}."
            )
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise InputError(
                "Resizing: choose one of `crop_to_aspect_ratio` and `pad_to_aspect_ratio`."
            )
        self.interpolation = interpolation
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self.pad_to_aspect_ratio = pad_to_aspect_ratio
        self.fill_mode = fill_mode
        self.fill_value = fill_value
        self.antialias = antialias

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """The old (height, width); see `ImageLayer`."""
        return self._shape(data)[1:]

    def _images(self, images: Any, transformation: Any, training: bool) -> Any:
        return self.transform_images(images, transformation, training)  # which rounds integers

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """The images in the new size; see `ImageLayer`."""
        if "int" in ops.dtype(images):
            return self._resized(images, self.interpolation, self.fill_value)
        return self._resized(
            ops.cast(images, self.compute_dtype), self.interpolation, self.fill_value
        )

    def _resized(self, images: Any, interpolation: str, fill_value: float) -> Any:
        if "int" in ops.dtype(images):
            fill_value = int(fill_value)
        return ops.image.resize(
            images,
            (self.height, self.width),
            interpolation=interpolation,
            antialias=self.antialias and interpolation != "nearest",
            data_format=self.data_format,
            crop_to_aspect_ratio=self.crop_to_aspect_ratio,
            pad_to_aspect_ratio=self.pad_to_aspect_ratio,
            fill_mode=self.fill_mode,
            fill_value=fill_value,
        )

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """The masks in the new size; see `ImageLayer`."""
        return self._resized(segmentation_masks, "nearest", self.fill_value)

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """The boxes in the new size; see `ImageLayer`."""
        return self._scaled_boxes(
            bounding_boxes, transformation, self.crop_to_aspect_ratio, self.pad_to_aspect_ratio
        )


class _Cropping(_Sized):
    """Cuts a window out of images, or scales them to its size if they are smaller."""

    _always = True
    _same_always: ClassVar[bool] = False
    """Whether a window is cut out outside of training as well."""

    def _starts(self, transformation: Any, before: Any) -> tuple[Any, Any]:
        raise NotImplementedError

    def _fits(self, before: Any) -> bool:
        return bool(before[0] >= self.height and before[1] >= self.width)

    def _window(self, x: Any, transformation: Any, training: bool, nearest: bool = False) -> Any:
        before = sizes(x)[self._height_axis], sizes(x)[self._width_axis]
        if self._fits(before) and (training or self._same_always):
            return self._cut(x, *self._starts(transformation, before))
        return self._scaled_to_crop(x, "nearest" if nearest else "bilinear")

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """The windows of the images; see `ImageLayer`."""
        return self._window(images, transformation, training)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """The windows of the masks; see `ImageLayer`."""
        return self._window(segmentation_masks, transformation, training, nearest=True)

    def _boxes_within(self, boxes: Any, transformation: Any, before: Any, training: bool) -> Any:
        if not (self._fits(before) and (training or self._same_always)):
            return self._scaled_boxes(boxes, before, crop=True)
        top, left = self._starts(transformation, before)

        def move(corners: Any) -> Any:
            dtype = ops.dtype(corners)
            ends = [ops.cast(end, dtype) for end in (left, top, left, top)]
            return corners - ops.stack(ends)

        return self._move_boxes(boxes, before, (self.height, self.width), move)


@builtin("keras.layers")
class CenterCrop(_Cropping):
    """The middle of images; smaller images are resized, and cut off to keep their proportions.

    The layer acts outside of training as well.

    Args:
        height: the height of the window in pixels.
        width: the width of the window in pixels.
        data_format: see `ImageLayer`.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.CenterCrop(4, 6)(hornbeam.ops.ones((2, 8, 8, 3))).shape
    (2, 4, 6, 3)
    """

    _same_always = True

    def __init__(
        self, height: int, width: int, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self._set_size(height, width)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """The images' shape, "input_shape"; see `ImageLayer`."""
        images = data["images"] if isinstance(data, dict) else data
        return {"input_shape": tuple(sizes(images))}

    def _starts(self, transformation: Any, before: Any) -> tuple[Any, Any]:
        return (before[0] - self.height) // 2, (before[1] - self.width) // 2

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """The boxes as parts of the windows; see `ImageLayer`."""
        shape = transformation["input_shape"]
        before = shape[self._height_axis], shape[self._width_axis]
        return self._boxes_within(bounding_boxes, transformation, before, training)


@builtin("keras.layers")
class RandomCrop(_Cropping):
    """A window at a random place of the images of a batch, the same for all of them.

    Outside of training, and if the images are smaller than the window, they are resized instead, and
    cut off to keep their proportions, so that all images leave the layer in one size.

    Args:
        height: the height of the window in pixels.
        width: the width of the window in pixels.
        seed: an int, for the same draws in every run.
        data_format: see `ImageLayer`.
        name: see `Layer`.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.RandomCrop(4, 6)(hornbeam.ops.ones((2, 8, 8, 3))).shape
    (2, 4, 6, 3)
    """

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, name=name, **kwargs)
        self._set_size(height, width)
        self._seed_with(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """The window's first row and first column, and the images' height and width.

        See `ImageLayer`.
        """
        _, height, width = self._shape(data)
        if not training or not self._fits((height, width)):
            return (0, 0, height, width)
        drawn = self._uniform((2,), seed=seed)
        free = height - self.height + 1, width - self.width + 1
        starts = [ops.cast(ops.floor(drawn[i] * free[i]), "int32") for i in range(2)]
        return (*starts, height, width)

    def _starts(self, transformation: Any, before: Any) -> tuple[Any, Any]:
        return transformation[0], transformation[1]

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """The boxes as parts of the windows; see `ImageLayer`."""
        return self._boxes_within(bounding_boxes, transformation, transformation[2:], training)


__all__ = ["CenterCrop", "RandomCrop", "Resizing"]

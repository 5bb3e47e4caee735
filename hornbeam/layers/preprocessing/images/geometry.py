"""Images flipped, rotated, moved, zoomed, sheared and distorted, boxes and masks with them."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from hornbeam import ops
from hornbeam.backends import registry
from hornbeam.errors import InputError
from hornbeam.layers.conversion import sizes
from hornbeam.layers.preprocessing.images.base import (
    ImageLayer,
    clipped,
    factor_range,
    value_range_of,
)
from hornbeam.layers.preprocessing.images.boxes import moved_by
from hornbeam.layers.preprocessing.images.colors import chosen
from hornbeam.ops.warping import FILL_MODES, sampled
from hornbeam.saving.objects import builtin

MODES = ("horizontal", "vertical", "horizontal_and_vertical")


@builtin("keras.layers")
class RandomFlip(ImageLayer):
    """Turns an image over, with probability 1/2.

    Args:
        mode: "horizontal" (left becomes right), "vertical" (top becomes bottom) or
            "horizontal_and_vertical" (each with probability 1/2).
        seed: an int, for the same draws in every run.
        data_format: see `ImageLayer`.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.RandomFlip("horizontal")(hornbeam.ops.ones((2, 4, 4, 3))).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        if mode not in MODES:
            raise InputError(f"RandomFlip: `mode` must be one of {', '.join(MODES)}, got {mode!r}.")
        self.mode = mode
        self._seed_with(seed)

    def _drawn(self, data: Any, seed: Any) -> Any:
        """ "flips" (batch, 1, 1, 1), and in the mode of both "vertical_flips"; see `ImageLayer`."""
        images = data["images"] if isinstance(data, dict) else data
        drawn = ops.less(self._uniform((2, self._shape(data)[0], 1, 1, 1), seed=seed), 0.5)
        found = {"flips": drawn[0], "input_shape": tuple(sizes(images))}
        if self.mode == "horizontal_and_vertical":
            found["vertical_flips"] = drawn[1]
        return found

    def _flips(self, transformation: Any) -> list[tuple[int, Any]]:
        """The axes to turn over, and for which images."""
        first = transformation["flips"]
        found = []
        if self.mode != "vertical":
            found.append((self._width_axis, first))
        if self.mode != "horizontal":
            found.append((self._height_axis, transformation.get("vertical_flips", first)))
        return found

    def _new_images(self, images: Any, transformation: Any) -> Any:
        """The images, some of them turned over; see `ImageLayer`."""
        for axis, which in self._flips(transformation):
            images = ops.where(which, ops.flip(images, axis=axis), images)
        return images

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """The masks, turned over as the images are; see `ImageLayer`."""
        return self.transform_images(segmentation_masks, transformation, training)

    def _new_bounding_boxes(self, bounding_boxes: Any, transformation: Any) -> Any:
        """The boxes, turned over as the images are; see `ImageLayer`."""
        shape = transformation["input_shape"]
        size = shape[self._height_axis], shape[self._width_axis]

        def move(corners: Any) -> Any:
            x1, y1, x2, y2 = (corners[..., i] for i in range(4))
            for axis, which in self._flips(transformation):
                which = ops.reshape(which, (-1, 1))
                if axis == self._width_axis:
                    x1, x2 = ops.where(which, size[1] - x2, x1), ops.where(which, size[1] - x1, x2)
                else:
                    y1, y2 = ops.where(which, size[0] - y2, y1), ops.where(which, size[0] - y1, y2)
            return ops.stack([x1, y1, x2, y2], axis=-1)

        return self._move_boxes(bounding_boxes, size, size, move)


class _Warping(ImageLayer):
    """Images read at places that an affine map gives; boxes are moved by its inverse."""

    fill_mode: str
    fill_value: float
    interpolation: str

    def _set_warping(self, fill_mode: str, interpolation: str, fill_value: float) -> None:
        kind = type(self).__name__
        if fill_mode not in FILL_MODES:
            raise InputError(
                f"{kind}: `fill_mode` must be one of {', '.join(FILL_MODES)}, got {fill_mode!r}."
            )
        if interpolation not in ("nearest", "bilinear"):
            raise InputError(
                f"{kind}: `interpolation` must be 'nearest' or 'bilinear', got {interpolation!r}."
            )
        self.fill_mode = fill_mode
        self.interpolation = interpolation
        self.fill_value = fill_value

    def _matrix(self, transformation: Any) -> Any:
        """(batch, 8): where each pixel comes from, see `ops.image.affine_transform`."""
        raise NotImplementedError

    def _size(self, transformation: Any) -> tuple[Any, Any]:
        """Height and width of the images."""
        shape = transformation["input_shape"]
        return shape[self._height_axis], shape[self._width_axis]

    def _warped(self, images: Any, transformation: Any, interpolation: str) -> Any:
        return ops.image.affine_transform(
            images,
            self._matrix(transformation),
            interpolation=interpolation,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )

    def _new_images(self, images: Any, transformation: Any) -> Any:
        """The images, moved; see `ImageLayer`."""
        return self._warped(images, transformation, self.interpolation)

    def _new_segmentation_masks(self, segmentation_masks: Any, transformation: Any) -> Any:
        """The masks, moved as the images are, without mixing classes; see `ImageLayer`."""
        return self._warped(segmentation_masks, transformation, "nearest")

    def _new_bounding_boxes(self, bounding_boxes: Any, transformation: Any) -> Any:
        """The boxes around what has moved; see `ImageLayer`."""
        size = self._size(transformation)
        forward = self._forward(transformation)
        return self._move_boxes(
            bounding_boxes, size, size, lambda corners: moved_by(corners, forward)
        )

    def _forward(self, transformation: Any) -> Any:
        numbers = ops.cast(self._matrix(transformation), "float32")
        a, b, c, d, e, f = (ops.reshape(numbers[:, i], (-1, 1, 1)) for i in range(6))
        scale = a * e - b * d

        def forward(x: Any, y: Any) -> tuple[Any, Any]:
            x, y = x - c, y - f
            return (e * x - b * y) / scale, (a * y - d * x) / scale

        return forward

    def _affine(self, *numbers: Any) -> Any:
        """Six numbers, each (batch,) or a float, as (batch, 8)."""
        like = next(n for n in numbers if hasattr(n, "shape"))
        columns = [
            n if hasattr(n, "shape") else ops.full_like(like, n) for n in (*numbers, 0.0, 0.0)
        ]
        return ops.stack(columns, axis=-1)

    def get_transformed_x_y(self, x: Any, y: Any, transform: Any) -> tuple[Any, Any]:
        """Where the points (x, y) come from, for the numbers of `ops.image.affine_transform`.

        Args:
            x: array of any shape.
            y: array of the same shape.
            transform: sequence of 8 numbers.
        """
        a, b, c, d, e, f, g, h = (transform[i] for i in range(8))
        k = g * x + h * y + 1
        return (a * x + b * y + c) / k, (d * x + e * y + f) / k

    def get_shifted_bbox(
        self, bounding_boxes: Any, w_shift_factor: Any, h_shift_factor: Any
    ) -> Any:
        """Boxes in "xyxy", moved.

        Args:
            bounding_boxes: array (..., 4).
            w_shift_factor: how far to the right, in the unit of the boxes.
            h_shift_factor: how far down.
        """
        x1, y1, x2, y2 = (bounding_boxes[..., i] for i in range(4))
        moved = [x1 + w_shift_factor, y1 + h_shift_factor, x2 + w_shift_factor, y2 + h_shift_factor]
        return ops.stack(moved, axis=-1)


def _input_shape(data: Any) -> tuple[Any, ...]:
    return tuple(sizes(data["images"] if isinstance(data, dict) else data))


@builtin("keras.layers")
class RandomRotation(_Warping):
    """Rotates an image about its middle.

    Args:
        factor: (lowest, highest) angle in full turns, counterclockwise; a number f stands for (-f, f).
        fill_mode: what is outside: "reflect" or "mirror" for values mirrored behind or at the last
            one, "wrap" for those from the other side, "nearest" for the last one, "constant".
        interpolation: "nearest" or "bilinear".
        seed: an int, for the same draws in every run.
        fill_value: the value outside for "constant".
        data_format: see `ImageLayer`.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.RandomRotation(0.1)(hornbeam.ops.ones((2, 4, 4, 3))).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.factor = factor_range(factor, "RandomRotation", bounds=(-1, 1), symmetric=True)
        self._set_warping(fill_mode, interpolation, fill_value)
        self._seed_with(seed)

    def _drawn(self, data: Any, seed: Any) -> Any:
        """ "angle" (batch,) in degrees and "rotation_matrix" (batch, 8); see `ImageLayer`."""
        batch, height, width = self._shape(data)
        angle = self._uniform((batch,), *self.factor, seed=seed) * 360.0
        turn = angle * (math.pi / 180)
        cos, sin = ops.cos(turn), ops.sin(turn)
        right, down = width - 1, height - 1
        x = (right - (cos * right - sin * down)) / 2.0
        y = (down - (sin * right + cos * down)) / 2.0
        return {
            "angle": angle,
            "rotation_matrix": self._affine(cos, -sin, x, sin, cos, y),
            "image_height": height,
            "image_width": width,
            "batch_size": batch,
        }

    def _matrix(self, transformation: Any) -> Any:
        return transformation["rotation_matrix"]

    def _size(self, transformation: Any) -> tuple[Any, Any]:
        return transformation["image_height"], transformation["image_width"]


@builtin("keras.layers")
class RandomTranslation(_Warping):
    """Moves an image.

    Args:
        height_factor: (lowest, highest) distance downwards, in heights, within [-1, 1]; a number f
            stands for (-f, f).
        width_factor: (lowest, highest) distance to the right, in widths, likewise.
        fill_mode: what is outside, see `RandomRotation`.
        interpolation: "nearest" or "bilinear".
        seed: an int, for the same draws in every run.
        fill_value: the value outside for "constant".
        data_format: see `ImageLayer`.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.RandomTranslation(0.1, 0.2)(hornbeam.ops.ones((2, 4, 4, 3))).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.height_factor = height_factor
        self.width_factor = width_factor
        kind, bounds = "RandomTranslation", (-1.0, 1.0)
        self._down = factor_range(height_factor, kind, "height_factor", bounds, symmetric=True)
        self._right = factor_range(width_factor, kind, "width_factor", bounds, symmetric=True)
        self._set_warping(fill_mode, interpolation, fill_value)
        self._seed_with(seed)

    def _drawn(self, data: Any, seed: Any) -> Any:
        """ "translations" (batch, 2) to the right and down, in pixels; see `ImageLayer`."""
        batch, height, width = self._shape(data)
        drawn = self._uniform((2, batch), seed=seed)
        right = (drawn[0] * (self._right[1] - self._right[0]) + self._right[0]) * width
        down = (drawn[1] * (self._down[1] - self._down[0]) + self._down[0]) * height
        return {
            "translations": ops.stack([right, down], axis=-1),
            "input_shape": _input_shape(data),
        }

    def _matrix(self, transformation: Any) -> Any:
        moves = ops.cast(transformation["translations"], "float32")
        return self._affine(1.0, 0.0, -moves[:, 0], 0.0, 1.0, -moves[:, 1])


@builtin("keras.layers")
class RandomZoom(_Warping):
    """Zooms out of an image, or into it.

    Args:
        height_factor: (lowest, highest) number f; the height shrinks to ``1 / (1 + f)``: negative
            numbers zoom in; within [-1, inf).  A number f stands for (-f, f).
        width_factor: the same for the width; None for the zoom of the height, which keeps proportions.
        fill_mode: what is outside, see `RandomRotation`.
        interpolation: "nearest" or "bilinear".
        seed: an int, for the same draws in every run.
        fill_value: the value outside for "constant".
        data_format: see `ImageLayer`.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.RandomZoom(0.2)(hornbeam.ops.ones((2, 4, 4, 3))).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.height_factor = height_factor
        self.width_factor = width_factor
        kind, bounds = "RandomZoom", (-1.0, math.inf)
        self._high = factor_range(height_factor, kind, "height_factor", bounds, symmetric=True)
        self._wide = None
        if width_factor is not None:
            self._wide = factor_range(width_factor, kind, "width_factor", bounds, symmetric=True)
        self._set_warping(fill_mode, interpolation, fill_value)
        self._seed_with(seed)

    def _drawn(self, data: Any, seed: Any) -> Any:
        """ "height_zoom" and "width_zoom" (batch, 1); see `ImageLayer`."""
        drawn = self._uniform((2, self._shape(data)[0], 1), seed=seed)
        high = drawn[0] * (self._high[1] - self._high[0]) + (1 + self._high[0])
        wide = high
        if self._wide is not None:
            wide = drawn[1] * (self._wide[1] - self._wide[0]) + (1 + self._wide[0])
        return {"height_zoom": high, "width_zoom": wide, "input_shape": _input_shape(data)}

    def _matrix(self, transformation: Any) -> Any:
        height, width = self._size(transformation)
        high = ops.cast(transformation["height_zoom"], "float32")[:, 0]
        wide = ops.cast(transformation["width_zoom"], "float32")[:, 0]
        x, y = (1 - wide) * ((width - 1) / 2.0), (1 - high) * ((height - 1) / 2.0)
        return self._affine(wide, 0.0, x, 0.0, high, y)

    def get_clipped_bbox(
        self, bounding_boxes: Any, h_end: Any, h_start: Any, w_end: Any, w_start: Any
    ) -> Any:
        """Boxes in "xyxy", as far as they lie in a window.

        Args:
            bounding_boxes: array (..., 4).
            h_end: the window's last row.
            h_start: the window's first row.
            w_end: the window's last column.
            w_start: the window's first column.
        """
        x1, y1, x2, y2 = (bounding_boxes[..., i] for i in range(4))
        xs = [ops.clip(x, w_start, w_end) for x in (x1, x2)]
        ys = [ops.clip(y, h_start, h_end) for y in (y1, y2)]
        return ops.stack([xs[0], ys[0], xs[1], ys[1]], axis=-1)


@builtin("keras.layers")
class RandomShear(_Warping):
    """Slants an image: the pixel (x, y) comes from (x + s y, y + t x), with s and t of one random sign.

    Args:
        x_factor: (lowest, highest) of s, within [-1, 1]; a number f stands for (-f, f).
        y_factor: (lowest, highest) of t, likewise.
        interpolation: "nearest" or "bilinear".
        fill_mode: what is outside, see `RandomRotation`.
        fill_value: the value outside for "constant".
        data_format: see `ImageLayer`.
        seed: an int, for the same draws in every run.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.RandomShear(0.2)(hornbeam.ops.ones((2, 4, 4, 3))).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        x_factor: Any = 0.0,
        y_factor: Any = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        kind, bounds = "RandomShear", (-1.0, 1.0)
        self.x_factor = factor_range(x_factor, kind, "x_factor", bounds, symmetric=True)
        self.y_factor = factor_range(y_factor, kind, "y_factor", bounds, symmetric=True)
        self._set_warping(fill_mode, interpolation, fill_value)
        self._seed_with(seed)

    def _drawn(self, data: Any, seed: Any) -> Any:
        """ "shear_factor" (batch, 2): the numbers s and t; see `ImageLayer`."""
        drawn = self._uniform((3, self._shape(data)[0]), seed=seed)
        sign = ops.where(ops.less(drawn[0], 0.5), -1.0, 1.0)
        ends = (self.x_factor, self.y_factor)
        shears = [
            (d * (high - low) + low) * sign
            for d, (low, high) in zip((drawn[1], drawn[2]), ends, strict=True)
        ]
        return {"shear_factor": ops.stack(shears, axis=-1), "input_shape": _input_shape(data)}

    def _matrix(self, transformation: Any) -> Any:
        shears = ops.cast(transformation["shear_factor"], "float32")
        return self._affine(1.0, shears[:, 0], 0.0, shears[:, 1], 1.0, 0.0)


@builtin("keras.layers")
class RandomPerspective(_Warping):
    """Moves the corners of an image, with a probability.

    Args:
        factor: (lowest, highest) of the probability, drawn for each image within [0, 1]; a number f
            stands for (0, f).
        scale: how far a corner may move: its coordinates are multiplied by numbers from
            [1 - scale / 2, 1 + scale / 2].
        interpolation: "nearest" or "bilinear".
        fill_value: the value outside of the image.
        seed: an int, for the same draws in every run.
        data_format: see `ImageLayer`.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.RandomPerspective(1.0, 0.2)(hornbeam.ops.ones((2, 4, 4, 3))).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        factor: Any = 1.0,
        scale: float = 1.0,
        interpolation: str = "bilinear",
        fill_value: float = 0.0,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.factor = factor_range(factor, "RandomPerspective")
        if not isinstance(scale, (int, float)) or not 0 <= scale <= 1:
            raise InputError(f"RandomPerspective: `scale` must be in [0, 1], got {scale!r}.")
        self.scale = scale
        self._set_warping("constant", interpolation, fill_value)
        self._seed_with(seed)

    def _drawn(self, data: Any, seed: Any) -> Any:
        """ "apply_perspective" (batch,), "start_points" and "end_points" (batch, 4, 2).

        See `ImageLayer` and `ops.image.perspective_transform`.
        """
        batch, height, width = self._shape(data)
        drawn = self._uniform((10, batch), seed=seed)
        low, high = self.factor
        right, down = width - 1, height - 1
        ends = ((0, 0), (right, 0), (0, down), (right, down))
        corners = np.asarray(ends, "float32").reshape(1, 4, 2)
        moves = ops.reshape(ops.transpose(drawn[2:]), (-1, 4, 2)) - 0.5
        start = ops.broadcast_to(ops.convert_to_tensor(corners), (batch, 4, 2))
        return {
            "apply_perspective": ops.less(drawn[1], drawn[0] * (high - low) + low),
            "start_points": start,
            "end_points": start * (1 + moves * self.scale),
            "input_shape": _input_shape(data),
        }

    def _warped(self, images: Any, transformation: Any, interpolation: str) -> Any:
        moved = ops.image.perspective_transform(
            images,
            transformation["start_points"],
            transformation["end_points"],
            interpolation=interpolation,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )
        which = ops.reshape(transformation["apply_perspective"], (-1, 1, 1, 1))
        return ops.where(which, moved, images)

    def _forward(self, transformation: Any) -> Any:
        t = _through(transformation["start_points"], transformation["end_points"])
        which = ops.reshape(transformation["apply_perspective"], (-1, 1, 1))

        def forward(x: Any, y: Any) -> tuple[Any, Any]:
            k = t[6] * x + t[7] * y + 1.0
            new = (t[0] * x + t[1] * y + t[2]) / k, (t[3] * x + t[4] * y + t[5]) / k
            return ops.where(which, new[0], x), ops.where(which, new[1], y)

        return forward


def _through(sources: Any, targets: Any) -> list[Any]:
    """The 8 numbers, each (batch, 1, 1), of the projection of points (batch, 4, 2) to others."""
    x, y = (ops.cast(sources, "float32")[..., i] for i in range(2))
    u, v = (ops.cast(targets, "float32")[..., i] for i in range(2))
    one, zero = ops.ones_like(x), ops.zeros_like(x)
    first = ops.stack([x, y, one, zero, zero, zero, -u * x, -u * y], axis=-1)
    second = ops.stack([zero, zero, zero, x, y, one, -v * x, -v * y], axis=-1)
    matrix = ops.concatenate([first, second], axis=1)
    sides = ops.expand_dims(ops.concatenate([u, v], axis=1), -1)
    found = ops.solve(matrix, sides)
    return [ops.reshape(found[:, i], (-1, 1, 1)) for i in range(8)]


@builtin("keras.layers")
class RandomElasticTransform(_Warping):
    """Distorts an image by smooth random displacements, with a probability (Simard et al., 2003).

    Boxes cannot follow such a distortion and are refused.  The displacements come from the engine's own
    random numbers.

    Args:
        factor: (lowest, highest) of the probability, drawn for each image within [0, 1]; a number f
            stands for (0, f).
        scale: (lowest, highest) strength of the distortion within [0, 1], drawn for each batch; a
            number s stands for (0, s).
        interpolation: "nearest" or "bilinear".
        fill_mode: what is outside, see `RandomRotation`.
        fill_value: the value outside for "constant".
        value_range: (lowest, highest) value of the images.
        seed: an int, for the same draws in every run.
        data_format: see `ImageLayer`.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.RandomElasticTransform()(hornbeam.ops.ones((2, 4, 4, 3))).shape
    (2, 4, 4, 3)
    """

    WINDOW: ClassVar[float] = 2.0
    """Half of the smoothing window, in standard deviations."""

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = 1.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.factor = factor_range(factor, "RandomElasticTransform")
        self.scale = factor_range(scale, "RandomElasticTransform", "scale")
        self._set_warping(fill_mode, interpolation, fill_value)
        self.value_range = value_range_of(value_range, "RandomElasticTransform")
        self._seed_with(seed)

    def get_elastic_transform_params(self, height: Any, width: Any, factor: Any) -> tuple[Any, Any]:
        """The strength of the displacements and the deviation that smooths them, in pixels.

        Args:
            height: the images' height.
            width: the images' width.
            factor: the strength of the distortion, in [0, 1].
        """
        return width * 0.1 * factor, height * 0.05 * factor

    def _drawn(self, data: Any, seed: Any) -> Any:
        """ "apply_transform" (batch,), "distortion_factor" () and "seed", a key; see `ImageLayer`."""
        key = self._key(seed)
        batch = self._shape(data)[0]
        drawn = self._uniform((1,), *self.scale, seed=key)
        return {
            "apply_transform": chosen(self, batch, self.factor, key),
            "distortion_factor": drawn[0],
            "seed": key,
            "input_shape": _input_shape(data),
        }

    def _warped(self, images: Any, transformation: Any, interpolation: str) -> Any:
        last = ops.cast(ops.moveaxis(images, self._channel_axis, -1), "float32")
        batch, height, width, _ = sizes(last)
        rows, columns = self._displacements(transformation, batch, height, width)
        b = registry.current()
        which = ops.reshape(ops.arange(0, batch, dtype="int32"), (-1, 1, 1))
        order = 0 if interpolation == "nearest" else 1
        found = sampled(b, last, [rows, columns], order, self.fill_mode, self.fill_value, which)
        found = ops.cast(ops.moveaxis(found, -1, self._channel_axis), ops.dtype(images))
        chosen_ones = ops.reshape(transformation["apply_transform"], (-1, 1, 1, 1))
        return ops.where(chosen_ones, found, images)

    def _displacements(self, transformation: Any, batch: Any, height: Any, width: Any) -> Any:
        """The rows and columns that pixels are read at, each (batch, height, width)."""
        factor = ops.cast(transformation["distortion_factor"], "float32")
        alpha, sigma = self.get_elastic_transform_params(height, width, factor)
        widest = self.get_elastic_transform_params(height, width, self.scale[1])[1]
        reach = max(math.ceil(self.WINDOW * widest), 1)
        places = np.arange(-reach, reach + 1).astype("float32")
        line = ops.exp(-ops.square(ops.divide(places, ops.maximum(sigma, 1e-3))) / 2)
        line = line / ops.sum(line)
        b = registry.current()
        noise = b.random_normal(transformation["seed"], (batch, height, width, 2), "float32")
        for shape in ((-1, 1), (1, -1)):
            kernel = ops.reshape(line, (*shape, 1, 1))
            kernel = ops.concatenate([kernel, kernel], axis=2)
            noise = ops.depthwise_conv(noise, kernel, padding="same", data_format="channels_last")
        rows = ops.reshape(ops.arange(0, height, dtype="float32"), (1, -1, 1))
        columns = ops.reshape(ops.arange(0, width, dtype="float32"), (1, 1, -1))
        return rows + alpha * noise[..., 0], columns + alpha * noise[..., 1]

    def _new_images(self, images: Any, transformation: Any) -> Any:
        """The images, some of them distorted; see `ImageLayer`."""
        moved = self._warped(images, transformation, self.interpolation)
        return clipped(moved, self.value_range)

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Boxes are refused; see `ImageLayer`."""
        raise InputError(
            f"RandomElasticTransform {self.path!r} cannot move bounding boxes: leave "
            "'bounding_boxes' out of the dict, or use another augmentation."
        )


__all__ = [
    "RandomElasticTransform",
    "RandomFlip",
    "RandomPerspective",
    "RandomRotation",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
]

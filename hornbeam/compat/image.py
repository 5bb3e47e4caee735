"""`keras.preprocessing.image` of Keras 1 and 2: single images, and random changes of them.

The transformations are those of SciPy's `ndimage`, on NumPy arrays; today the layers `RandomFlip`,
`RandomRotation` and so on do this on the device.  `hornbeam.compat.image_generator` has the generator.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from hornbeam.backend import image_data_format
from hornbeam.compat.renames import VALUES
from hornbeam.errors import InputError, UnsupportedError

EXTENSIONS = ("jpg", "jpeg", "bmp", "png", "ppm", "tif", "tiff")


def pillow() -> Any:
    """The module `PIL.Image`.

    Raises:
        UnsupportedError: if Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise UnsupportedError(
            "Reading and writing images needs Pillow: pip install pillow."
        ) from None
    return Image


def _format(data_format: str | None) -> str:
    found = VALUES["dim_ordering"].get(data_format, data_format) or image_data_format()
    if found not in ("channels_first", "channels_last"):
        raise InputError(
            f'`data_format` must be "channels_first" or "channels_last", got {data_format!r}.'
        )
    return str(found)


def array_to_img(
    x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None
) -> Any:
    """An array as a Pillow image.

    Args:
        x: (height, width, channels), or channels first; 1, 3 or 4 channels.
        data_format: where the channels are.
        scale: whether to bring the values into [0, 255].
        dtype: the dtype to compute in.

    Example:

    >>> array_to_img([[[0.0], [1.0]]], "channels_last").size
    (2, 1)
    """
    array = np.asarray(x, dtype or "float32")
    if array.ndim != 3:
        raise InputError(f"An image has three axes, got the shape {array.shape}.")
    if _format(data_format) == "channels_first":
        array = array.transpose(1, 2, 0)
    if scale:
        array = array - array.min()
        array = array / (array.max() or 1.0) * 255
    modes = {1: "L", 3: "RGB", 4: "RGBA"}
    if array.shape[2] not in modes:
        raise InputError(f"An image has 1, 3 or 4 channels, got {array.shape[2]}.")
    pixels = array[..., 0] if array.shape[2] == 1 else array
    return pillow().fromarray(pixels.astype("uint8"), modes[array.shape[2]])


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = "float32") -> np.ndarray:
    """A Pillow image as an array (height, width, channels), or channels first.

    Args:
        img: the image.
        data_format: where the channels go.
        dtype: the dtype of the array.

    Example:

    >>> img_to_array(array_to_img([[[0.0], [1.0]]], "channels_last"), "channels_last").tolist()
    [[[0.0], [255.0]]]
    """
    array = np.asarray(img, dtype)
    array = array[..., None] if array.ndim == 2 else array
    return array.transpose(2, 0, 1) if _format(data_format) == "channels_first" else array


def load_img(
    path: Any,
    grayscale: bool = False,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
) -> Any:
    """An image from a file.

    Args:
        path: the file.
        grayscale: whether to make it gray, as `color_mode` "grayscale" does.
        color_mode: "rgb", "rgba" or "grayscale".
        target_size: (height, width) to bring it to.
        interpolation: "nearest", "bilinear", "bicubic", "hamming", "box" or "lanczos".

    Returns:
        A Pillow image.
    """
    modes = {"rgb": "RGB", "rgba": "RGBA", "grayscale": "L"}
    color_mode = "grayscale" if grayscale else color_mode
    if color_mode not in modes:
        raise InputError(f"`color_mode` must be one of {sorted(modes)}, got {color_mode!r}.")
    image = pillow().open(path).convert(modes[color_mode])
    if target_size is not None and image.size != (target_size[1], target_size[0]):
        filters = pillow().Resampling.__members__
        if interpolation.upper() not in filters:
            known = sorted(name.lower() for name in filters)
            raise InputError(f"`interpolation` must be one of {known}, got {interpolation!r}.")
        image = image.resize((target_size[1], target_size[0]), filters[interpolation.upper()])
    return image


def save_img(
    path: Any, x: Any, data_format: str | None = None, file_format: str | None = None,
    scale: bool = True, **kwargs: Any,
) -> None:  # fmt: skip
    """Write an array to a file, as an image.

    Args:
        path: the file.
        x: as for `array_to_img`.
        data_format: where the channels are.
        file_format: as for Pillow; by default by the ending of the name.
        scale: whether to bring the values into [0, 255].
        **kwargs: for Pillow.
    """
    array_to_img(x, data_format, scale).save(path, format=file_format, **kwargs)


def list_pictures(directory: Any, ext: Any = EXTENSIONS) -> list[str]:
    """The image files in a directory and those below it, sorted.

    Args:
        directory: the directory.
        ext: the endings that count, as a tuple or "jpg|png".
    """
    endings = ext.split("|") if isinstance(ext, str) else ext
    found = [
        os.path.join(root, name)
        for root, _, names in os.walk(directory)
        for name in names
        if Path(name).suffix[1:].lower() in endings
    ]
    return sorted(found)


# ------------------------------------------------------------------------------- transformations


def flip_axis(x: Any, axis: int) -> np.ndarray:
    """`x` turned around along an axis.

    Example:

    >>> flip_axis([[1, 2]], 1).tolist()
    [[2, 1]]
    """
    return np.flip(np.asarray(x), axis)


def transform_matrix_offset_center(matrix: Any, x: int, y: int) -> np.ndarray:
    """The matrix of a transformation that keeps the middle of an image of `x` rows and `y` columns.

    Example:

    >>> transform_matrix_offset_center([[1, 0, 0], [0, 1, 0], [0, 0, 1]], 4, 4).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    there, back = np.eye(3), np.eye(3)
    there[:2, 2] = x / 2 - 0.5, y / 2 - 0.5
    back[:2, 2] = -there[:2, 2]
    return np.asarray(there @ np.asarray(matrix, float) @ back)


def apply_transform(
    x: Any, transform_matrix: Any, channel_axis: int = 0, fill_mode: str = "nearest",
    cval: float = 0.0, order: int = 1,
) -> np.ndarray:  # fmt: skip
    """An image, transformed by a matrix from places of the result to places of `x`.

    Args:
        x: an array with three axes.
        transform_matrix: (3, 3), for (row, column, 1).
        channel_axis: which axis is the channels.
        fill_mode: what is outside: "constant", "nearest", "reflect" or "wrap".
        cval: what is outside for "constant".
        order: of the splines, 0 or 1.

    Example:

    >>> import numpy
    >>> apply_transform(numpy.ones((1, 2, 2)), numpy.eye(3)).tolist()
    [[[1.0, 1.0], [1.0, 1.0]]]
    """
    from scipy import ndimage

    matrix = np.asarray(transform_matrix, float)
    channels = [
        ndimage.affine_transform(
            channel, matrix[:2, :2], matrix[:2, 2], order=order, mode=fill_mode, cval=cval
        )
        for channel in np.moveaxis(np.asarray(x), channel_axis, 0)
    ]
    return np.stack(channels, axis=channel_axis)


def apply_affine_transform(
    x: Any, theta: float = 0, tx: float = 0, ty: float = 0, shear: float = 0, zx: float = 1,
    zy: float = 1, row_axis: int = 0, col_axis: int = 1, channel_axis: int = 2,
    fill_mode: str = "nearest", cval: float = 0.0, order: int = 1,
) -> np.ndarray:  # fmt: skip
    """An image turned, moved, sheared and enlarged around its middle.

    Args:
        x: an array with three axes.
        theta: the angle, in degrees.
        tx: how far to move it along the rows.
        ty: how far to move it along the columns.
        shear: the angle of shearing, in degrees.
        zx: the part of the height that is seen.
        zy: the part of the width that is seen.
        row_axis: which axis is the rows.
        col_axis: which axis is the columns.
        channel_axis: which axis is the channels.
        fill_mode: as for `apply_transform`.
        cval: as for `apply_transform`.
        order: as for `apply_transform`.

    Example:

    >>> import numpy
    >>> apply_affine_transform(numpy.arange(4.0).reshape(2, 2, 1), tx=1)[..., 0].tolist()
    [[2.0, 3.0], [2.0, 3.0]]
    """
    array = np.asarray(x)
    angle, slant = math.radians(theta), math.radians(shear)
    cos, sin = math.cos(angle), math.sin(angle)
    matrix = np.eye(3)
    if theta:
        matrix = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    if tx or ty:
        matrix = matrix @ np.array([[1, 0, tx], [0, 1, ty], [0, 0, 1]])
    if shear:
        matrix = matrix @ np.array([[1, -math.sin(slant), 0], [0, math.cos(slant), 0], [0, 0, 1]])
    if zx != 1 or zy != 1:
        matrix = matrix @ np.diag([zx, zy, 1.0])
    if np.array_equal(matrix, np.eye(3)):
        return array
    matrix = transform_matrix_offset_center(matrix, array.shape[row_axis], array.shape[col_axis])
    if row_axis > col_axis:
        matrix = matrix[[1, 0, 2]][:, [1, 0, 2]]
    return apply_transform(array, matrix, channel_axis, fill_mode, cval, order)


def apply_channel_shift(x: Any, intensity: float, channel_axis: int = 0) -> np.ndarray:
    """An image brighter by `intensity`, within the range that it had.

    Example:

    >>> apply_channel_shift([[[0.0, 1.0]]], 0.5).tolist()
    [[[0.5, 1.0]]]
    """
    array = np.asarray(x)
    return np.clip(array + intensity, array.min(), array.max())


def apply_brightness_shift(x: Any, brightness: float) -> np.ndarray:
    """An image with its brightness multiplied, in [0, 255].

    Example:

    >>> apply_brightness_shift([[[0.0], [100.0]]], 0.5).tolist()
    [[[0.0], [50.0]]]
    """
    return np.asarray(np.clip(np.floor(np.asarray(x) * brightness), 0, 255))


def _rng(seed: int | None = None) -> np.random.Generator:
    return np.random.default_rng(seed)


def random_rotation(
    x: Any, rg: float, row_axis: int = 1, col_axis: int = 2, channel_axis: int = 0,
    fill_mode: str = "nearest", cval: float = 0.0, interpolation_order: int = 1,
) -> np.ndarray:  # fmt: skip
    """An image turned by up to `rg` degrees either way; the rest as for `apply_affine_transform`."""
    return apply_affine_transform(
        x, _rng().uniform(-rg, rg), row_axis=row_axis, col_axis=col_axis, channel_axis=channel_axis,
        fill_mode=fill_mode, cval=cval, order=interpolation_order,
    )  # fmt: skip


def random_shift(
    x: Any, wrg: float, hrg: float, row_axis: int = 1, col_axis: int = 2, channel_axis: int = 0,
    fill_mode: str = "nearest", cval: float = 0.0, interpolation_order: int = 1,
) -> np.ndarray:  # fmt: skip
    """An image moved by up to the parts `wrg` and `hrg` of its width and height."""
    array, rng = np.asarray(x), _rng()
    return apply_affine_transform(
        array, tx=rng.uniform(-hrg, hrg) * array.shape[row_axis],
        ty=rng.uniform(-wrg, wrg) * array.shape[col_axis], row_axis=row_axis, col_axis=col_axis,
        channel_axis=channel_axis, fill_mode=fill_mode, cval=cval, order=interpolation_order,
    )  # fmt: skip


def random_shear(
    x: Any, intensity: float, row_axis: int = 1, col_axis: int = 2, channel_axis: int = 0,
    fill_mode: str = "nearest", cval: float = 0.0, interpolation_order: int = 1,
) -> np.ndarray:  # fmt: skip
    """An image sheared by up to `intensity` degrees either way."""
    return apply_affine_transform(
        x, shear=_rng().uniform(-intensity, intensity), row_axis=row_axis, col_axis=col_axis,
        channel_axis=channel_axis, fill_mode=fill_mode, cval=cval, order=interpolation_order,
    )  # fmt: skip


def random_zoom(
    x: Any, zoom_range: tuple[float, float], row_axis: int = 1, col_axis: int = 2,
    channel_axis: int = 0, fill_mode: str = "nearest", cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:  # fmt: skip
    """An image of which parts between the two of `zoom_range` are seen, of height and width each."""
    if len(zoom_range) != 2:
        raise InputError(f"`zoom_range` must be two numbers, got {zoom_range!r}.")
    zx, zy = _rng().uniform(*zoom_range, 2)
    return apply_affine_transform(
        x, zx=zx, zy=zy, row_axis=row_axis, col_axis=col_axis, channel_axis=channel_axis,
        fill_mode=fill_mode, cval=cval, order=interpolation_order,
    )  # fmt: skip


def random_channel_shift(x: Any, intensity_range: float, channel_axis: int = 0) -> np.ndarray:
    """An image brighter or darker by up to `intensity_range`, within the range that it had."""
    shift = _rng().uniform(-intensity_range, intensity_range)
    return apply_channel_shift(x, shift, channel_axis)


def random_brightness(x: Any, brightness_range: tuple[float, float]) -> np.ndarray:
    """An image with its brightness multiplied by a number in `brightness_range`."""
    if len(brightness_range) != 2:
        raise InputError(f"`brightness_range` must be two numbers, got {brightness_range!r}.")
    return apply_brightness_shift(x, _rng().uniform(*brightness_range))


def __getattr__(name: str) -> Any:
    """The generator and its iterators, which are in a module of their own."""
    from hornbeam.compat import image_generator

    if name in image_generator.__all__:
        return getattr(image_generator, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "EXTENSIONS",
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "apply_transform",
    "array_to_img",
    "flip_axis",
    "img_to_array",
    "list_pictures",
    "load_img",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
    "save_img",
    "transform_matrix_offset_center",
]

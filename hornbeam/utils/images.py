"""Images as files, as Pillow images and as arrays."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np

from hornbeam import dtypes, ops, settings
from hornbeam.backends import registry
from hornbeam.backends.numpy import native_dtype
from hornbeam.errors import InputError
from hornbeam.ops.record import owner_of

MODES = {"grayscale": ("L", ("I;16", "I")), "rgb": ("RGB", ()), "rgba": ("RGBA", ())}


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError:
        raise ImportError("Images need Pillow. Run `pip install pillow`.") from None
    return Image


def _resampling(interpolation: str) -> Any:
    known = ("nearest", "bilinear", "bicubic", "lanczos", "box", "hamming")
    if interpolation not in known:
        raise InputError(f"`interpolation` must be one of {known}, got {interpolation!r}.")
    return _pillow().Resampling[interpolation.upper()]


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> Any:
    """A Pillow image as a NumPy array.

    Args:
        img: the image.
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.
        dtype: the dtype; `config.floatx()` for None.

    Returns:
        Array of shape ``(height, width, channels)`` or ``(channels, height, width)``, with values in
        [0, 255] for images of 8 bits.

    Example:

    >>> import hornbeam, numpy
    >>> image = hornbeam.utils.array_to_img(numpy.zeros((2, 3, 3)))
    >>> hornbeam.utils.img_to_array(image).shape
    (2, 3, 3)
    """
    layout = settings.standardize_data_format(data_format)
    array = np.asarray(img, dtype=native_dtype(dtypes.standardize(dtype or dtypes.floatx())))
    if array.ndim not in (2, 3):
        raise InputError(f"img_to_array() needs one image, got an array of shape {array.shape}.")
    if array.ndim == 2:
        array = array[..., None]
    return array.transpose(2, 0, 1) if layout == "channels_first" else array


def array_to_img(
    x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None
) -> Any:
    """An array as a Pillow image.

    Args:
        x: array of shape ``(height, width, channels)`` or ``(channels, height, width)`` with 1, 3 or 4
            channels.
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.
        scale: whether the least value becomes 0 and the greatest 255.
        dtype: the dtype to compute in; `config.floatx()` for None.

    Example:

    >>> import hornbeam, numpy
    >>> hornbeam.utils.array_to_img(numpy.zeros((2, 3, 1))).size
    (3, 2)
    """
    layout = settings.standardize_data_format(data_format)
    owner = owner_of(x)
    kind = native_dtype(dtypes.standardize(dtype or dtypes.floatx()))
    array = np.asarray(x if owner is None else owner.to_numpy(x)).astype(kind)
    if array.ndim != 3:
        raise InputError(f"array_to_img() needs an array of three axes, got shape {array.shape}.")
    if layout == "channels_first":
        array = array.transpose(1, 2, 0)
    if array.shape[2] not in (1, 3, 4):
        raise InputError(
            f"array_to_img() makes images of 1, 3 or 4 channels, got {array.shape[2]} ({layout})."
        )
    if scale:
        array = array - array.min()
        greatest = array.max()
        array = array / greatest * 255 if greatest else array
    image = _pillow()
    if array.shape[2] == 1:
        if array.max() > 255:
            return image.fromarray(array[:, :, 0].astype(np.int32))
        return image.fromarray(array[:, :, 0].astype(np.uint8))
    return image.fromarray(array.astype(np.uint8))


def save_img(
    path: Any,
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array as an image file.

    Args:
        path: where to, or a binary file.
        x: array as for `array_to_img`.
        data_format: as for `array_to_img`.
        file_format: such as "png"; by default what the path ends in.
        scale: as for `array_to_img`.
        **kwargs: what Pillow's `save` takes besides, such as ``quality``.

    Example:

    >>> import hornbeam, io, numpy
    >>> file = io.BytesIO()
    >>> hornbeam.utils.save_img(file, numpy.zeros((2, 3, 3)), file_format="png")
    >>> file.getvalue()[1:4]
    b'PNG'
    """
    image = array_to_img(x, data_format=data_format, scale=scale)
    name = os.fspath(path) if isinstance(path, (str, os.PathLike)) else ""
    wanted = file_format or str(name).rsplit(".", 1)[-1]
    if image.mode == "RGBA" and wanted.lower() in ("jpg", "jpeg"):
        image = image.convert("RGB")
    image.save(path, format="jpeg" if wanted.lower() == "jpg" else file_format, **kwargs)


def load_img(
    path: Any,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """Read an image file.

    Args:
        path: the file, or a binary file object.
        color_mode: "grayscale", "rgb" or "rgba".
        target_size: (height, width) to resize to.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos", "box" or "hamming".
        keep_aspect_ratio: whether to cut off, at both sides, what would have to be distorted.

    Returns:
        A Pillow image.

    Example:

    >>> import hornbeam, io, numpy
    >>> file = io.BytesIO()
    >>> hornbeam.utils.save_img(file, numpy.zeros((2, 3, 3)), file_format="png")
    >>> hornbeam.utils.load_img(io.BytesIO(file.getvalue()), target_size=(4, 5)).size
    (5, 4)
    """
    if color_mode not in MODES:
        raise InputError(f"`color_mode` must be one of {sorted(MODES)}, got {color_mode!r}.")
    content = path.read() if hasattr(path, "read") else Path(path).read_bytes()
    image = _pillow().open(io.BytesIO(content))
    mode, kept = MODES[color_mode]
    if image.mode != mode and image.mode not in kept:
        image = image.convert(mode)
    if target_size is None:
        return image
    height, width = target_size
    method = _resampling(interpolation)
    if image.size == (width, height):
        return image
    if not keep_aspect_ratio:
        return image.resize((width, height), method)
    had_width, had_height = image.size
    crop_height = min(had_height, max(1, int(had_width * height / width)))
    crop_width = min(had_width, max(1, int(had_height * width / height)))
    top, left = (had_height - crop_height) // 2, (had_width - crop_width) // 2
    box = (left, top, left + crop_width, top + crop_height)
    return image.resize((width, height), method, box=box)


def smart_resize(
    x: Any,
    size: tuple[int, int],
    interpolation: str = "bilinear",
    data_format: str = "channels_last",
    **kwargs: Any,
) -> Any:
    """Images in another size without distortion: what does not fit is cut off at both sides.

    Args:
        x: array of shape ``(height, width, channels)``, or with a batch in front, or with the channels
            before the height.
        size: the new (height, width).
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".
        data_format: "channels_last" or "channels_first".
        **kwargs: nothing; unknown names raise TypeError.

    Returns:
        A NumPy array if `x` is one, else an array of its engine.

    Example:

    >>> import hornbeam, numpy
    >>> hornbeam.preprocessing.image.smart_resize(numpy.ones((4, 8, 3)), (2, 2)).shape
    (2, 2, 3)
    """
    kwargs.pop("backend_module", None)
    if kwargs:
        raise TypeError(f"smart_resize() got unknown arguments {sorted(kwargs)}.")
    if len(size) != 2:
        raise InputError(f"smart_resize(): `size` must be (height, width), got {size!r}.")
    if owner_of(x) is None:
        return resized(np.asarray(x), size, interpolation, True, False, data_format)
    return ops.image.resize(
        x, size, interpolation, crop_to_aspect_ratio=True, data_format=data_format
    )


def resized(
    array: Any,
    size: tuple[int, int],
    interpolation: str,
    crop: bool = False,
    pad: bool = False,
    data_format: str = "channels_last",
) -> Any:
    """A NumPy image in another size, computed with NumPy whatever the current engine is."""
    with registry.use_backend("numpy"):
        return ops.convert_to_numpy(
            ops.image.resize(
                array,
                size,
                interpolation,
                crop_to_aspect_ratio=crop,
                pad_to_aspect_ratio=pad,
                data_format=data_format,
            )
        )

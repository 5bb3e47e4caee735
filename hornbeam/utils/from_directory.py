"""Images, texts and sounds in folders as data sets."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hornbeam import settings
from hornbeam.errors import CorruptFileError, InputError
from hornbeam.utils.directories import from_directory
from hornbeam.utils.images import MODES, img_to_array, load_img, resized
from hornbeam.utils.row_datasets import check_format

IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


def image_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: tuple[int, int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """The images below a folder, in batches; by default its subfolders are the classes.

    Args:
        directory: the folder.
        labels: "inferred" for one class per subfolder; a list with one label per file, in the order of
            the sorted paths; or None.
        label_mode: "int" for class numbers, "binary" for 0.0 or 1.0 in shape ``(batch, 1)``,
            "categorical" for one-hot rows, None for no labels.
        class_names: the names of the subfolders in the order of their numbers; by default sorted.
        color_mode: "grayscale", "rgb" or "rgba".
        batch_size: images per batch; None for single images.
        image_size: (height, width) that all are resized to.
        shuffle: whether each epoch has a new order.
        seed: what decides the orders, and the split.
        validation_split: the fraction of the files to validate on.
        subset: "training", "validation" or "both"; needed with `validation_split`.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".
        follow_links: whether links below the folder are followed.
        crop_to_aspect_ratio: whether to cut off what would have to be distorted.
        pad_to_aspect_ratio: whether to fill up with black instead.
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.
        format: "tf" or "grain", as in Keras; the data set is a `RowDataset` whichever it is.
        verbose: whether to say how many files there are.

    Returns:
        A `RowDataset` of float32 images in [0, 255], of shape ``(batch, height, width, channels)``, and
        labels, with the attributes ``class_names`` and ``file_paths``; two for ``subset="both"``.

    Example:

    >>> import hornbeam, numpy, pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("cat", "dog"):
    ...         pathlib.Path(folder, name).mkdir()
    ...         hornbeam.utils.save_img(f"{folder}/{name}/1.png", numpy.zeros((5, 5, 3)))
    ...     data = hornbeam.utils.image_dataset_from_directory(
    ...         folder, image_size=(4, 4), verbose=False
    ...     )
    ...     data.class_names, data[0][0].shape
    (['cat', 'dog'], (2, 4, 4, 3))
    """
    check_format(format)
    if color_mode not in MODES:
        raise InputError(f"`color_mode` must be one of {sorted(MODES)}, got {color_mode!r}.")
    if interpolation not in INTERPOLATIONS:
        raise InputError(f"`interpolation` must be one of {INTERPOLATIONS}, got {interpolation!r}.")
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise InputError(
            "Only one of `crop_to_aspect_ratio` and `pad_to_aspect_ratio` can be True."
        )
    layout = settings.standardize_data_format(data_format)
    size = (int(image_size[0]), int(image_size[1]))

    def load(path: str) -> Any:
        array = img_to_array(load_img(path, color_mode), "channels_last", "float32")
        array = resized(array, size, interpolation, crop_to_aspect_ratio, pad_to_aspect_ratio)
        return array.transpose(2, 0, 1) if layout == "channels_first" else array

    return from_directory(
        directory, load, IMAGES, labels, label_mode, class_names, batch_size, shuffle, seed,
        validation_split, subset, follow_links, verbose,
    )  # fmt: skip


def text_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """The ``.txt`` files below a folder, in batches; by default its subfolders are the classes.

    Args:
        directory: the folder.
        labels: as for `image_dataset_from_directory`.
        label_mode: likewise.
        class_names: likewise.
        batch_size: texts per batch; None for single texts.
        max_length: texts are cut off after so many bytes.
        shuffle: whether each epoch has a new order.
        seed: what decides the orders, and the split.
        validation_split: the fraction of the files to validate on.
        subset: "training", "validation" or "both"; needed with `validation_split`.
        follow_links: whether links below the folder are followed.
        format: "tf" or "grain", as in Keras; the data set is a `RowDataset` whichever it is.
        verbose: whether to say how many files there are.

    Returns:
        A `RowDataset` of NumPy arrays of Python strings (UTF-8 is expected) and labels;
        ``map`` turns them into numbers.

    Example:

    >>> import hornbeam, pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("ham", "spam"):
    ...         pathlib.Path(folder, name).mkdir()
    ...         _ = pathlib.Path(folder, name, "1.txt").write_text(f"some {name}")
    ...     data = hornbeam.utils.text_dataset_from_directory(folder, shuffle=False, verbose=False)
    ...     [(x.tolist(), y.tolist()) for x, y in data]
    [(['some ham', 'some spam'], [0, 1])]
    """
    check_format(format)

    def load(path: str) -> Any:
        content = Path(path).read_bytes()[:max_length]
        text = content.decode("utf-8", "strict" if max_length is None else "ignore")
        return np.array(text, dtype=object)

    return from_directory(
        directory, load, (".txt",), labels, label_mode, class_names, batch_size, shuffle, seed,
        validation_split, subset, follow_links, verbose,
    )  # fmt: skip


def audio_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
) -> Any:
    """The ``.wav`` files below a folder, in batches; by default its subfolders are the classes.

    Args:
        directory: the folder.
        labels: as for `image_dataset_from_directory`.
        label_mode: likewise.
        class_names: likewise.
        batch_size: sounds per batch; None for single sounds.
        sampling_rate: samples per second to resample to (needs SciPy); by default each file's own.
        output_sequence_length: samples per sound: longer ones are cut off, shorter ones filled up with
            zeros.  By default each batch has the length of its longest.
        ragged: must be False: batches are padded.
        shuffle: whether each epoch has a new order.
        seed: what decides the orders, and the split.
        validation_split: the fraction of the files to validate on.
        subset: "training", "validation" or "both"; needed with `validation_split`.
        follow_links: whether links below the folder are followed.
        verbose: whether to say how many files there are.

    Returns:
        A `RowDataset` of float32 arrays in [-1, 1] of shape ``(batch, time, channels)`` and labels.

    Example:

    >>> import hornbeam, pathlib, tempfile, wave
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("bird", "rain"):
    ...         pathlib.Path(folder, name).mkdir()
    ...         with wave.open(f"{folder}/{name}/1.wav", "wb") as file:
    ...             file.setparams((1, 2, 8000, 0, "NONE", ""))
    ...             file.writeframes(bytes(20))
    ...     data = hornbeam.utils.audio_dataset_from_directory(folder, verbose=False)
    ...     data[0][0].shape
    (2, 10, 1)
    """
    if ragged:
        raise InputError(
            "audio_dataset_from_directory() makes no ragged batches: leave `ragged` at False (batches "
            "are padded with zeros to their longest), or pass `output_sequence_length`."
        )

    def load(path: str) -> Any:
        sound, rate = read_wave(path)
        if sampling_rate is not None and sampling_rate != rate:
            sound = _resampled(sound, rate, sampling_rate)
        if output_sequence_length is not None:
            sound = _of_length(sound, output_sequence_length)
        return sound

    def join(sounds: list[Any]) -> Any:
        length = max(len(sound) for sound in sounds)
        return np.stack([_of_length(sound, length) for sound in sounds])

    return from_directory(
        directory, load, (".wav",), labels, label_mode, class_names, batch_size, shuffle, seed,
        validation_split, subset, follow_links, verbose, join,
    )  # fmt: skip


def read_wave(path: str) -> tuple[Any, int]:
    """(samples of shape ``(time, channels)`` in [-1, 1], samples per second) of a PCM file."""
    try:
        with wave.open(str(path), "rb") as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            content = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise CorruptFileError(f"{path!r} is not a PCM .wav file: {error}.") from None
    if width == 1:
        samples = np.frombuffer(content, np.uint8).astype(np.float32) / 128 - 1
    elif width == 3:
        parts = np.frombuffer(content, np.uint8).reshape(-1, 3)
        whole = np.zeros((len(parts), 4), np.uint8)
        whole[:, 1:] = parts
        samples = (whole.view("<i4")[:, 0] / 2**31).astype(np.float32)
    else:
        samples = np.frombuffer(content, f"<i{width}").astype(np.float32) / 2 ** (8 * width - 1)
    return samples.reshape(-1, channels), rate


def _resampled(sound: Any, rate: int, wanted: int) -> Any:
    try:
        from scipy.signal import resample_poly
    except ImportError:
        raise ImportError("Resampling needs SciPy. Run `pip install scipy`.") from None
    divisor = int(np.gcd(rate, wanted))
    return resample_poly(sound, wanted // divisor, rate // divisor, axis=0).astype(np.float32)


def _of_length(sound: Any, length: int) -> Any:
    missing = max(0, length - len(sound))
    return np.pad(sound[:length], ((0, missing), (0, 0)))

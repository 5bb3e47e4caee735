"""`ImageDataGenerator` of Keras 1 and 2: batches of randomly changed images."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator as Iterates
from pathlib import Path
from typing import Any

import numpy as np

from hornbeam.compat import image
from hornbeam.compat.np_utils import to_categorical
from hornbeam.compat.renames import warn_caller
from hornbeam.errors import InputError


class Iterator:
    """Batches of row numbers without an end, in a new order each epoch; subclasses make data of them.

    Args:
        n: how many rows.
        batch_size: rows per batch.
        shuffle: whether rows come in a new order each epoch.
        seed: of the order.
    """

    def __init__(self, n: int, batch_size: int, shuffle: bool, seed: int | None) -> None:
        self.n = self.samples = n
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.batch_index = 0
        self.rng = np.random.default_rng(seed)
        self._order = self._new_order()

    def _new_order(self) -> np.ndarray:
        return self.rng.permutation(self.n) if self.shuffle else np.arange(self.n)

    def __len__(self) -> int:
        return (self.n + self.batch_size - 1) // self.batch_size

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(f"There are {len(self)} batches, no batch {index}.")
        return self._batch(self._order[index * self.batch_size : (index + 1) * self.batch_size])

    def on_epoch_end(self) -> None:
        """Take the rows in a new order."""
        self._order = self._new_order()

    def reset(self) -> None:
        """Begin with the first batch again."""
        self.batch_index = 0

    def __iter__(self) -> Iterates[Any]:
        return self

    def __next__(self) -> Any:
        batch = self[self.batch_index]
        self.batch_index += 1
        if self.batch_index == len(self):
            self.batch_index = 0
            self.on_epoch_end()
        return batch

    next = __next__

    def _batch(self, rows: np.ndarray) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define `_batch`.")


class NumpyArrayIterator(Iterator):
    """Batches of images in an array; what `ImageDataGenerator.flow` returns.

    Args:
        x: images (batch, height, width, channels), or a tuple of them and a list of other arrays.
        y: targets, or None.
        image_data_generator: what changes the images.
        batch_size: rows per batch.
        shuffle: whether rows come in a new order each epoch.
        sample_weight: weights of the rows, or None.
        seed: of order and changes.
        subset: "training" or "validation", by the generator's `validation_split`, or None.
    """

    def __init__(
        self, x: Any, y: Any, image_data_generator: Any, batch_size: int = 32, shuffle: bool = True,
        sample_weight: Any = None, seed: int | None = None, subset: str | None = None,
    ) -> None:  # fmt: skip
        images, others = x if isinstance(x, tuple) else (x, [])
        rows = image_data_generator.rows_of(len(images), subset)
        self.x = np.asarray(images, image_data_generator.dtype)[rows]
        if self.x.ndim != 4:
            raise InputError(f"Images in an array have four axes, got the shape {self.x.shape}.")
        self.x_misc = [np.asarray(other)[rows] for other in others]
        self.y = None if y is None else np.asarray(y)[rows]
        self.sample_weight = None if sample_weight is None else np.asarray(sample_weight)[rows]
        self.image_data_generator = image_data_generator
        super().__init__(len(self.x), batch_size, shuffle, seed)

    def _batch(self, rows: np.ndarray) -> Any:
        change = self.image_data_generator.changed
        batch: Any = np.stack([change(self.x[row], self.rng) for row in rows])
        if self.x_misc:
            batch = [batch, *(other[rows] for other in self.x_misc)]
        if self.y is None:
            return batch
        if self.sample_weight is None:
            return batch, self.y[rows]
        return batch, self.y[rows], self.sample_weight[rows]


class DirectoryIterator(Iterator):
    """Batches of images in the directories of their classes; what `flow_from_directory` returns.

    Args:
        directory: has a directory with images for each class.
        image_data_generator: what changes the images.
        target_size: (height, width) that all images are brought to.
        color_mode: "rgb", "rgba" or "grayscale".
        classes: the names of the classes in order; by default all directories, sorted.
        class_mode: "categorical", "binary", "sparse", "input", or None for no targets.
        batch_size: rows per batch.
        shuffle: whether rows come in a new order each epoch.
        seed: of order and changes.
        subset: "training" or "validation", by the generator's `validation_split`, or None.
        interpolation: as for `load_img`.
    """

    def __init__(
        self, directory: Any, image_data_generator: Any, target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb", classes: Any = None, class_mode: str | None = "categorical",
        batch_size: int = 32, shuffle: bool = True, seed: int | None = None,
        subset: str | None = None, interpolation: str = "nearest",
    ) -> None:  # fmt: skip
        folder = Path(directory)
        names = classes or sorted(p.name for p in folder.iterdir() if p.is_dir())
        files = [(f, i) for i, n in enumerate(names) for f in image.list_pictures(folder / n)]
        files = [files[row] for row in image_data_generator.rows_of(len(files), subset)]
        self.directory = str(directory)
        self.class_indices = {name: number for number, name in enumerate(names)}
        self.filepaths = [path for path, _ in files]
        self.filenames = [str(Path(path).relative_to(folder)) for path in self.filepaths]
        self.classes = np.array([number for _, number in files], "int32")
        self._set(image_data_generator, target_size, color_mode, class_mode, interpolation)
        super().__init__(len(files), batch_size, shuffle, seed)

    def _set(
        self, generator: Any, size: tuple[int, int], color: str, mode: str | None, how: str
    ) -> None:
        modes = ("categorical", "binary", "sparse", "input", "raw", None)
        if mode not in modes:
            raise InputError(f"`class_mode` must be one of {modes}, got {mode!r}.")
        self.image_data_generator = generator
        self.target_size = (size[0], size[1])
        self.color_mode = color
        self.class_mode = mode
        self.interpolation = how
        channels = {"grayscale": 1, "rgb": 3, "rgba": 4}[color]
        first = generator.data_format == "channels_first"
        self.image_shape = (channels, *size) if first else (*size, channels)

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self.class_indices)

    def _image(self, path: str) -> np.ndarray:
        found = image.load_img(
            path, color_mode=self.color_mode, target_size=self.target_size,
            interpolation=self.interpolation,
        )  # fmt: skip
        generator = self.image_data_generator
        return image.img_to_array(found, generator.data_format, generator.dtype)

    def _batch(self, rows: np.ndarray) -> Any:
        change = self.image_data_generator.changed
        batch = np.stack([change(self._image(self.filepaths[row]), self.rng) for row in rows])
        if self.class_mode is None:
            return batch
        return batch, self._targets(rows, batch)

    def _targets(self, rows: np.ndarray, batch: np.ndarray) -> np.ndarray:
        numbers = self.classes[rows]
        if self.class_mode == "input":
            return np.copy(batch)
        if self.class_mode == "categorical":
            return np.asarray(to_categorical(numbers, self.num_classes))
        return np.asarray(numbers, "float32" if self.class_mode == "binary" else "int32")


class DataFrameIterator(DirectoryIterator):
    """Batches of images that a table lists; what `flow_from_dataframe` returns.

    Args:
        dataframe: a pandas data frame.
        directory: what file names are relative to, or None.
        image_data_generator: what changes the images.
        x_col: the column of file names.
        y_col: the column of classes, or of numbers (a list of columns for several).
        target_size: as for `DirectoryIterator`.
        color_mode: as for `DirectoryIterator`.
        classes: as for `DirectoryIterator`; by default all that occur, sorted.
        class_mode: as for `DirectoryIterator`; "raw" for the numbers of `y_col` as they are.
        batch_size: rows per batch.
        shuffle: whether rows come in a new order each epoch.
        seed: of order and changes.
        subset: as for `DirectoryIterator`.
        interpolation: as for `load_img`.
    """

    def __init__(
        self, dataframe: Any, directory: Any, image_data_generator: Any, x_col: str = "filename",
        y_col: Any = "class", target_size: tuple[int, int] = (256, 256), color_mode: str = "rgb",
        classes: Any = None, class_mode: str | None = "categorical", batch_size: int = 32,
        shuffle: bool = True, seed: int | None = None, subset: str | None = None,
        interpolation: str = "nearest",
    ) -> None:  # fmt: skip
        rows = image_data_generator.rows_of(len(dataframe), subset)
        table = dataframe.iloc[rows]
        folder = Path(directory or "")
        self.filenames = list(table[x_col])
        self.filepaths = [str(folder / name) for name in self.filenames]
        self.class_indices = {}
        self._raw = None
        if class_mode == "raw":
            self._raw = np.asarray(table[y_col])
        elif class_mode in ("categorical", "binary", "sparse"):
            names = classes or sorted(set(table[y_col]))
            self.class_indices = {name: number for number, name in enumerate(names)}
            self.classes = np.array([self.class_indices[c] for c in table[y_col]], "int32")
        else:
            self.classes = np.zeros(len(table), "int32")
        self._set(image_data_generator, target_size, color_mode, class_mode, interpolation)
        Iterator.__init__(self, len(self.filenames), batch_size, shuffle, seed)

    def _targets(self, rows: np.ndarray, batch: np.ndarray) -> np.ndarray:
        return super()._targets(rows, batch) if self._raw is None else self._raw[rows]


class ImageDataGenerator:
    """Changes images at random, and makes batches of them.

    Args:
        featurewise_center: subtract the mean of the data given to `fit`, per channel.
        samplewise_center: subtract each image's mean.
        featurewise_std_normalization: divide by the standard deviation of the data given to `fit`.
        samplewise_std_normalization: divide by each image's standard deviation.
        zca_whitening: make the pixels uncorrelated, as learned by `fit`.
        zca_epsilon: added to the variances for that.
        rotation_range: the largest angle, in degrees.
        width_shift_range: the largest move, as a part of the width if below 1, else in pixels.
        height_shift_range: the largest move, as a part of the height if below 1, else in pixels.
        brightness_range: (least, largest) factor of the brightness, or None.
        shear_range: the largest angle of shearing, in degrees.
        zoom_range: (least, largest) part that is seen, or a number z for (1 - z, 1 + z).
        channel_shift_range: the largest change of brightness.
        fill_mode: what is outside of an image: "constant", "nearest", "reflect" or "wrap".
        cval: what is outside for "constant".
        horizontal_flip: whether to swap left and right half of the time.
        vertical_flip: whether to swap top and bottom half of the time.
        rescale: a factor of all values, or None.
        preprocessing_function: applied to each image before the rest, or None.
        data_format: "channels_last" or "channels_first".
        validation_split: the part of the data, from the front, that is the subset "validation".
        interpolation_order: of the splines, 0 or 1.
        dtype: the dtype of the images.

    Example:

    >>> import numpy, warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     generator = ImageDataGenerator(rescale=0.5)
    >>> x, y = next(generator.flow(numpy.ones((3, 2, 2, 1)), numpy.arange(3), batch_size=3))
    >>> x.shape, float(x.max()), sorted(y.tolist())
    ((3, 2, 2, 1), 0.5, [0, 1, 2])
    """

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: float = 0.0,
        height_shift_range: float = 0.0,
        brightness_range: Any = None,
        shear_range: float = 0.0,
        zoom_range: Any = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[np.ndarray], np.ndarray] | None = None,
        data_format: str | None = "channels_last",
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: Any = "float32",
        dim_ordering: str | None = None,
    ) -> None:
        warn_caller(
            "ImageDataGenerator is gone: write utils.image_dataset_from_directory(...) and layers "
            "such as RandomFlip, RandomRotation and Rescaling."
        )
        self.featurewise_center = featurewise_center or zca_whitening
        self.samplewise_center = samplewise_center or samplewise_std_normalization
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening = zca_whitening
        self.zca_epsilon = zca_epsilon
        self.rotation_range = rotation_range
        self.width_shift_range = width_shift_range
        self.height_shift_range = height_shift_range
        self.brightness_range = brightness_range
        self.shear_range = shear_range
        scalar = isinstance(zoom_range, (int, float))
        self.zoom_range = [1 - zoom_range, 1 + zoom_range] if scalar else list(zoom_range)
        self.channel_shift_range = channel_shift_range
        self.fill_mode = fill_mode
        self.cval = cval
        self.horizontal_flip = horizontal_flip
        self.vertical_flip = vertical_flip
        self.rescale = rescale
        self.preprocessing_function = preprocessing_function
        self.data_format = image._format(dim_ordering or data_format)
        self.validation_split = validation_split
        self.interpolation_order = interpolation_order
        self.dtype = dtype
        self.mean: Any = None
        self.std: Any = None
        self.zca_whitening_matrix: Any = None
        first = self.data_format == "channels_first"
        self.channel_axis, self.row_axis, self.col_axis = (1, 2, 3) if first else (3, 1, 2)
        if not 0 <= validation_split < 1:
            raise InputError(f"`validation_split` must be in [0, 1), got {validation_split!r}.")
        if len(self.zoom_range) != 2:
            raise InputError(f"`zoom_range` must be one or two numbers, got {zoom_range!r}.")

    def rows_of(self, n: int, subset: str | None) -> np.ndarray:
        """The rows of a subset: "validation" is the first `validation_split` of them.

        Args:
            n: how many rows there are.
            subset: "training", "validation", or None for all.
        """
        cut = int(n * self.validation_split)
        parts = {None: slice(0, n), "training": slice(cut, n), "validation": slice(0, cut)}
        if subset not in parts:
            raise InputError(f'`subset` must be "training", "validation" or None, got {subset!r}.')
        return np.arange(n)[parts[subset]]

    # -------------------------------------------------------------------------------- batches

    def flow(
        self, x: Any, y: Any = None, batch_size: int = 32, shuffle: bool = True,
        sample_weight: Any = None, seed: int | None = None, subset: str | None = None,
    ) -> NumpyArrayIterator:  # fmt: skip
        """Batches of images in an array; arguments as for `NumpyArrayIterator`."""
        return NumpyArrayIterator(x, y, self, batch_size, shuffle, sample_weight, seed, subset)

    def flow_from_directory(self, directory: Any, *args: Any, **kwargs: Any) -> DirectoryIterator:
        """Batches of images in directories; arguments as for `DirectoryIterator`."""
        return DirectoryIterator(directory, self, *args, **kwargs)

    def flow_from_dataframe(
        self, dataframe: Any, directory: Any = None, *args: Any, **kwargs: Any
    ) -> DataFrameIterator:
        """Batches of images that a table lists; arguments as for `DataFrameIterator`."""
        return DataFrameIterator(dataframe, directory, self, *args, **kwargs)

    # ------------------------------------------------------------------------------- single images

    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Learn mean, standard deviation and correlations from data, where they are wanted.

        Args:
            x: images with four axes.
            augment: whether to learn from changed images.
            rounds: how often each is changed.
            seed: of the changes.
        """
        data = np.asarray(x, self.dtype)
        if data.ndim != 4:
            raise InputError(f"fit() takes images with four axes, got the shape {data.shape}.")
        if augment:
            rng = np.random.default_rng(seed)
            data = np.stack(
                [self.random_transform(i, rng=rng) for _ in range(rounds) for i in data]
            )
        axes = (0, self.row_axis, self.col_axis)
        if self.featurewise_center:
            self.mean = data.mean(axes, keepdims=True)[0]
            data = data - self.mean
        if self.featurewise_std_normalization:
            self.std = data.std(axes, keepdims=True)[0]
            data = data / (self.std + 1e-7)
        if self.zca_whitening:
            flat = data.reshape(len(data), -1)
            _, scale, rows = np.linalg.svd(flat, full_matrices=False)
            inverse = 1 / np.sqrt(scale**2 / len(data) + self.zca_epsilon)
            self.zca_whitening_matrix = (rows.T * inverse) @ rows

    def standardize(self, x: Any) -> np.ndarray:
        """One image, rescaled, centered and divided as this generator is set to do.

        Args:
            x: an image with three axes.
        """
        array = np.asarray(x, self.dtype)
        if self.preprocessing_function is not None:
            array = self.preprocessing_function(array)
        if self.rescale:
            array = array * self.rescale
        if self.samplewise_center:
            array = array - array.mean(keepdims=True)
        if self.samplewise_std_normalization:
            array = array / (array.std(keepdims=True) + 1e-7)
        if self.featurewise_center:
            array = array - self._learned("mean")
        if self.featurewise_std_normalization:
            array = array / (self._learned("std") + 1e-7)
        if self.zca_whitening:
            array = (array.reshape(-1) @ self._learned("zca_whitening_matrix")).reshape(array.shape)
        return np.asarray(array, self.dtype)

    def _learned(self, name: str) -> Any:
        value = getattr(self, name)
        if value is None:
            raise InputError("This ImageDataGenerator needs to see data first: call its fit(x).")
        return value

    def random_transform(
        self, x: Any, seed: int | None = None, rng: np.random.Generator | None = None
    ) -> np.ndarray:
        """One image, changed at random.

        Args:
            x: an image with three axes.
            seed: of the change.
            rng: a source of random numbers to use instead.
        """
        rng = rng or np.random.default_rng(seed)
        array = np.asarray(x, self.dtype)
        row, col, channel = self.row_axis - 1, self.col_axis - 1, self.channel_axis - 1
        zx, zy = (
            rng.uniform(self.zoom_range[0], self.zoom_range[1], 2)
            if self.zoom_range != [1, 1]
            else (1, 1)
        )
        array = image.apply_affine_transform(
            array,
            rng.uniform(-self.rotation_range, self.rotation_range),
            self._move(rng, self.height_shift_range, array.shape[row]),
            self._move(rng, self.width_shift_range, array.shape[col]),
            rng.uniform(-self.shear_range, self.shear_range),
            zx,
            zy,
            row,
            col,
            channel,
            self.fill_mode,
            self.cval,
            self.interpolation_order,
        )
        if self.channel_shift_range:
            shift = rng.uniform(-self.channel_shift_range, self.channel_shift_range)
            array = image.apply_channel_shift(array, shift, channel)
        if self.horizontal_flip and rng.random() < 0.5:
            array = np.flip(array, col)
        if self.vertical_flip and rng.random() < 0.5:
            array = np.flip(array, row)
        if self.brightness_range is not None:
            array = image.apply_brightness_shift(array, rng.uniform(*self.brightness_range))
        return array

    def _move(self, rng: np.random.Generator, limit: float, size: int) -> float:
        return float(rng.uniform(-limit, limit) * (size if limit < 1 else 1))

    def changed(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One image, changed and standardized.

        Args:
            x: an image with three axes.
            rng: a source of random numbers.
        """
        return self.standardize(self.random_transform(x, rng=rng))


__all__ = [
    "DataFrameIterator",
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
]

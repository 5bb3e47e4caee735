"""`ImageLayer`: what all layers for images share, which is how boxes, masks and labels go along."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from hornbeam import config, ops, tree
from hornbeam.backends import registry
from hornbeam.backends.symbolic import KerasTensor
from hornbeam.errors import InputError
from hornbeam.layers.conversion import sizes
from hornbeam.layers.preprocessing.data_layer import DataLayer
from hornbeam.layers.preprocessing.images import boxes as bounding
from hornbeam.random import SeedGenerator
from hornbeam.random.portable import Portable
from hornbeam.random.seed_generator import draw_seed

WIDE_KINDS = ("images", "segmentation_masks")


class ImageLayer(DataLayer):
    """A layer on images, or on a dict of images and what belongs to them.

    A call gets images ``(batch, height, width, channels)``, one image without the batch axis, or a dict
    with "images" and any of "labels" ``(batch, ...)``, "bounding_boxes" (a dict of "boxes"
    ``(batch, boxes, 4)`` and "labels" ``(batch, boxes)``) and "segmentation_masks"
    ``(batch, height, width, 1)``; other entries pass unchanged.  The parameters of a transformation are
    drawn once, by `get_random_transformation`, and applied to each by ``transform_...``.  A layer of
    your own overrides these; the ones here override ``_drawn`` and ``_new_...``, which are called where
    there is something to do.

    The parameters are the same for the same seed on every engine.

    Args:
        data_format: "channels_last" or "channels_first"; `config.image_data_format()` for None.
        bounding_box_format: the format of the boxes, see `hornbeam.utils.bounding_boxes`.
        **kwargs: see `Layer`.
    """

    _also_saved: ClassVar[tuple[str, ...]] = ("data_format",)
    _always: ClassVar[bool] = False
    """Whether the layer acts outside of training as well."""
    _keeps_dtype: ClassVar[bool] = False
    """Whether images of integers come out in their own dtype rather than in the compute dtype."""
    _untracked: frozenset[str] = DataLayer._untracked | {"_elsewhere"}

    def __init__(
        self,
        data_format: str | None = None,
        bounding_box_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.bounding_box_format = bounding_box_format
        last = self.data_format == "channels_last"
        self._height_axis, self._width_axis = (-3, -2) if last else (-2, -1)
        self._channel_axis = -1 if last else -3

    def _seed_with(self, seed: Any) -> None:
        """Make the generator that parameters are drawn with."""
        self.seed = seed
        self.generator = SeedGenerator(seed)
        self._elsewhere: dict[str, SeedGenerator] = {}

    # ------------------------------------------------------------------------------------- the call

    def call(self, data: Any, training: bool = True) -> Any:
        """The images, transformed, and with them what else is in `data`.

        Args:
            data: images, or a dict of them and what belongs to them; see `ImageLayer`.
            training: whether to transform at random; otherwise nothing is done, except by layers that
                are not random.
        """
        images = data["images"] if isinstance(data, dict) else data
        single = len(images.shape) == 3
        if not single and len(images.shape) != 4:
            raise InputError(
                f"{type(self).__name__} {self.path!r} takes images of 3 or 4 axes, got shape "
                f"{tuple(images.shape)}."
            )
        batch = tree.map_structure(lambda x: ops.expand_dims(x, 0), data) if single else data
        found = self._transformed(batch, bool(training))
        return tree.map_structure(lambda x: ops.squeeze(x, 0), found) if single else found

    def _transformed(self, batch: Any, training: bool) -> Any:
        acts = training or self._always
        drawn = self.get_random_transformation(batch, training=training) if acts else None
        if not isinstance(batch, dict):
            return self._images(batch, drawn, training)
        found = dict(batch)
        found["images"] = self._images(batch["images"], drawn, training)
        if not acts:
            return found
        if "labels" in batch:
            found["labels"] = self.transform_labels(batch["labels"], drawn, training=training)
        if "bounding_boxes" in batch:
            found["bounding_boxes"] = self.transform_bounding_boxes(
                self._checked_boxes(batch["bounding_boxes"]), drawn, training=training
            )
        if "segmentation_masks" in batch:
            found["segmentation_masks"] = self._masks(
                batch["segmentation_masks"], len(batch["images"].shape), drawn, training
            )
        return found

    def _images(self, images: Any, transformation: Any, training: bool) -> Any:
        given = ops.dtype(images)
        images = ops.cast(images, self.compute_dtype)
        if training or self._always:
            images = self.transform_images(images, transformation, training=training)
        return ops.cast(images, self._dtype_for(given))

    def _dtype_for(self, given: str) -> str:
        return given if self._keeps_dtype and "int" in given else self.compute_dtype

    def _masks(self, masks: Any, rank: int, transformation: Any, training: bool) -> Any:
        flat = len(masks.shape) == rank - 1
        masks = ops.expand_dims(masks, self._channel_axis) if flat else masks
        masks = self.transform_segmentation_masks(masks, transformation, training=training)
        return ops.squeeze(masks, self._channel_axis) if flat else masks

    def _checked_boxes(self, boxes: Any) -> dict[str, Any]:
        if not isinstance(boxes, dict) or not {"boxes", "labels"} <= set(boxes):
            raise InputError(
                f"{type(self).__name__} {self.path!r}: 'bounding_boxes' must be a dict of 'boxes' "
                f"(batch, boxes, 4) and 'labels' (batch, boxes), got {type(boxes).__name__}."
            )
        return boxes

    # ------------------------------------------------------------------------- what subclasses define

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """The parameters of one transformation of the batch `data`; None for a layer without any.

        Args:
            data: images or a dict of them, with a batch axis.
            training: whether to transform at all.
            seed: an int, a `SeedGenerator` or a key to draw with; the layer's own by default.
        """
        return self._drawn(data, seed) if training else None

    def _drawn(self, data: Any, seed: Any) -> Any:
        """The parameters of one transformation of the batch `data`."""
        return None

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """The batch of images, transformed.

        Args:
            images: array of 4 axes, in the compute dtype.
            transformation: what `get_random_transformation` gave.
            training: whether to transform at all.
        """
        if not training or transformation is None:
            return images
        return self._new_images(images, transformation)

    def _new_images(self, images: Any, transformation: Any) -> Any:
        return images

    def transform_labels(
        self, labels: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """The labels that belong to the transformed images.

        Args:
            labels: array (batch, ...).
            transformation: what `get_random_transformation` gave.
            training: whether to transform at all.
        """
        if not training or transformation is None:
            return labels
        return self._new_labels(labels, transformation)

    def _new_labels(self, labels: Any, transformation: Any) -> Any:
        return labels

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """The boxes that belong to the transformed images.

        Args:
            bounding_boxes: a dict of "boxes" (batch, boxes, 4) and "labels" (batch, boxes).
            transformation: what `get_random_transformation` gave.
            training: whether to transform at all.
        """
        if not training or transformation is None:
            return bounding_boxes
        return self._new_bounding_boxes(bounding_boxes, transformation)

    def _new_bounding_boxes(self, bounding_boxes: Any, transformation: Any) -> Any:
        return bounding_boxes

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """The masks that belong to the transformed images.

        Args:
            segmentation_masks: array of 4 axes, of class numbers.
            transformation: what `get_random_transformation` gave.
            training: whether to transform at all.
        """
        if not training or transformation is None:
            return segmentation_masks
        return self._new_segmentation_masks(segmentation_masks, transformation)

    def _new_segmentation_masks(self, segmentation_masks: Any, transformation: Any) -> Any:
        return segmentation_masks

    # ---------------------------------------------------------------------------- one without a batch

    def _single(self, transform: Any, value: Any, transformation: Any, training: bool) -> Any:
        batch = tree.map_structure(lambda x: ops.expand_dims(x, 0), value)
        found = transform(batch, transformation, training=training)
        return tree.map_structure(lambda x: ops.squeeze(x, 0), found)

    def transform_single_image(
        self, image: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """`transform_images` for one image without a batch axis.

        Args:
            image: array of 3 axes.
            transformation: the parameters for a batch of one.
            training: whether to transform at all.
        """
        return self._single(self.transform_images, image, transformation, training)

    def transform_single_label(
        self, label: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """`transform_labels` for the label of one image.

        Args:
            label: array (...).
            transformation: the parameters for a batch of one.
            training: whether to transform at all.
        """
        return self._single(self.transform_labels, label, transformation, training)

    def transform_single_bounding_box(
        self, bounding_box: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """`transform_bounding_boxes` for the boxes of one image.

        Args:
            bounding_box: a dict of "boxes" (boxes, 4) and "labels" (boxes,).
            transformation: the parameters for a batch of one.
            training: whether to transform at all.
        """
        return self._single(self.transform_bounding_boxes, bounding_box, transformation, training)

    def transform_single_segmentation_mask(
        self, segmentation_mask: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """`transform_segmentation_masks` for the mask of one image.

        Args:
            segmentation_mask: array of 3 axes.
            transformation: the parameters for a batch of one.
            training: whether to transform at all.
        """
        masks = self.transform_segmentation_masks
        return self._single(masks, segmentation_mask, transformation, training)

    # ------------------------------------------------------------------------------------- the shapes

    def compute_output_shape(self, input_shape: Any = None, *args: Any, **kwargs: Any) -> Any:
        """The shape of the images for images of that shape; of a dict of shapes, each one.

        Args:
            input_shape: the shape of the images, or a dict of the shapes of what belongs to them.
            *args, **kwargs: nothing.
        """
        if isinstance(input_shape, dict):
            wide = {
                k: self._image_shape(tuple(input_shape[k])) for k in WIDE_KINDS if k in input_shape
            }
            return {**input_shape, **wide}
        return self._image_shape(tuple(input_shape))

    def _image_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape

    def compute_output_spec(self, inputs: Any, **kwargs: Any) -> Any:
        """The symbolic outputs for symbolic inputs.

        Args:
            inputs: symbolic images, or a dict of them and what belongs to them.
            **kwargs: nothing.
        """
        if not isinstance(inputs, dict):
            return self._image_spec(inputs)
        found = {**inputs, "images": self._image_spec(inputs["images"])}
        if "segmentation_masks" in inputs:
            masks = inputs["segmentation_masks"]
            shape = tuple(masks.shape)
            if len(shape) == len(inputs["images"].shape):
                shape = self._image_shape(shape)
            else:
                place = len(shape) + 1 + self._channel_axis
                grown = self._image_shape((*shape[:place], 1, *shape[place:]))
                shape = (*grown[:place], *grown[place + 1 :])
            found["segmentation_masks"] = KerasTensor(shape, masks.dtype)
        return found

    def _image_spec(self, images: KerasTensor) -> KerasTensor:
        shape = self._image_shape(tuple(images.shape))
        return KerasTensor(shape, self._dtype_for(images.dtype))

    def _sized(self, shape: tuple[Any, ...], height: Any, width: Any) -> tuple[Any, ...]:
        """`shape` with another height and width."""
        new = list(shape)
        new[self._height_axis], new[self._width_axis] = height, width
        return tuple(new)

    # ---------------------------------------------------------------------------------- for subclasses

    def _key(self, seed: Any) -> Any:
        """A key: of the given seed or generator, or of the layer's own on the current engine."""
        backend = registry.current()
        if seed is not None:
            return seed if hasattr(seed, "shape") else draw_seed(seed, backend)
        owner = self.generator.state.backend
        if owner is backend or owner.symbolic or backend.symbolic:
            return draw_seed(self.generator, backend)
        other = self._elsewhere.get(backend.name)
        if other is None:
            other = self._elsewhere[backend.name] = SeedGenerator(self.generator.seed)
        return draw_seed(other, backend)

    def _uniform(
        self, shape: Sequence[Any], low: float = 0.0, high: float = 1.0, seed: Any = None
    ) -> Any:
        """float32 numbers in [low, high), the same on every engine."""
        backend = registry.current()
        if backend.symbolic:
            return KerasTensor(shape, "float32")
        place, key = drawing_place(self._key(seed))
        drawn = Portable(place).random_uniform(key, tuple(shape), "float32")
        return backend.asarray(drawn) * (high - low) + low

    def _shape(self, data: Any) -> tuple[Any, Any, Any]:
        """Batch size, height and width of images or of those in a dict."""
        shape = sizes(data["images"] if isinstance(data, dict) else data)
        return shape[0], shape[self._height_axis], shape[self._width_axis]

    def _per_image(self, numbers: Any) -> Any:
        """Numbers (batch,) such that they broadcast over images, in the compute dtype."""
        return ops.reshape(ops.cast(numbers, self.compute_dtype), (-1, 1, 1, 1))

    def _move_boxes(
        self, found: dict[str, Any], before: tuple[Any, Any], after: tuple[Any, Any], move: Any
    ) -> dict[str, Any]:
        """Boxes through `move`, a function of "xyxy" in pixels, and cut off at the image's edges.

        Args:
            found: a dict of "boxes" and "labels".
            before: height and width of the image they belong to.
            after: height and width of the image that comes out.
            move: from boxes to boxes.
        """
        name = self.bounding_box_format
        if name is None:
            raise InputError(
                f"{type(self).__name__} {self.path!r} got bounding boxes but does not know their "
                f"format: make it with bounding_box_format= one of {', '.join(bounding.FORMATS)}."
            )
        boxes, labels = found["boxes"], found["labels"]
        corners = bounding.convert_format(boxes, name, "xyxy", *before)
        moved = {"boxes": move(corners), "labels": labels}
        kept = bounding.clip_to_image_size(moved, *after)
        absent = ops.equal(labels, -1)
        new = bounding.convert_format(kept["boxes"], "xyxy", name, *after)
        old = ops.cast(boxes, ops.dtype(new))
        new = ops.where(ops.expand_dims(absent, -1), old, new)
        return {**found, "boxes": new, "labels": kept["labels"]}


def drawing_place(key: Any) -> tuple[Any, Any]:
    """Where to draw portable numbers, and the key there: on the host, unless the key is being traced.

    A compiler makes one program of the hundred steps of a draw; without one they are better done by
    NumPy than sent to the engine one by one.
    """
    backend = registry.current()
    if backend.is_concrete(key):
        return registry.get("numpy"), backend.to_numpy(key)
    return backend, key


def factor_range(
    factor: Any,
    kind: str,
    name: str = "factor",
    bounds: tuple[float, float] = (0.0, 1.0),
    symmetric: bool = False,
) -> tuple[float, float]:
    """(lowest, highest) of a factor, given as a number or as such a pair.

    Args:
        factor: a number f for (0, f), or (-f, f) if `symmetric`; or a pair.
        kind: the layer's class, for the error.
        name: the argument, for the error.
        bounds: what the numbers may be.
        symmetric: see `factor`.
    """
    if isinstance(factor, (int, float)) and not isinstance(factor, bool):
        low, high = (
            (-abs(factor) if symmetric else min(0, factor)),
            (abs(factor) if symmetric else max(0, factor)),
        )
    elif isinstance(factor, (list, tuple)) and len(factor) == 2:
        low, high = factor
    else:
        raise InputError(f"{kind}: `{name}` must be a number or a pair of them, got {factor!r}.")
    if low > high or low < bounds[0] or high > bounds[1]:
        raise InputError(
            f"{kind}: `{name}` must be within {bounds[0]:g} and {bounds[1]:g}, the lower end first, "
            f"got {factor!r}."
        )
    return low, high


def value_range_of(value_range: Any, kind: str) -> Any:
    """`value_range`, if it is a pair (lowest, highest)."""
    if not isinstance(value_range, (list, tuple)) or len(value_range) != 2:
        raise InputError(f"{kind}: `value_range` must be (lowest, highest), got {value_range!r}.")
    if not value_range[0] < value_range[1]:
        raise InputError(f"{kind}: `value_range` must increase, got {value_range!r}.")
    return value_range


def to_unit(images: Any, value_range: Any, top: float = 1.0) -> Any:
    """Images of a range of values, in [0, top]."""
    low, high = value_range
    if (low, high) == (0, top):
        return images
    return (images - low) * (top / (high - low))


def from_unit(images: Any, value_range: Any, top: float = 1.0) -> Any:
    """Images in [0, top], in a range of values."""
    low, high = value_range
    if (low, high) == (0, top):
        return images
    return images * ((high - low) / top) + low


def clipped(images: Any, value_range: Any) -> Any:
    """Images with what is outside of a range of values brought to its ends."""
    return ops.clip(images, float(value_range[0]), float(value_range[1]))


def is_number(value: Any) -> bool:
    """Whether it is an int or a float."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


__all__ = [
    "ImageLayer",
    "clipped",
    "drawing_place",
    "factor_range",
    "from_unit",
    "is_number",
    "to_unit",
    "value_range_of",
]

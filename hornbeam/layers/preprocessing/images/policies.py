"""`RandAugment` and `AugMix`: several augmentations, chosen at random."""

from __future__ import annotations

from typing import Any

from hornbeam import ops
from hornbeam.backends import registry
from hornbeam.errors import InputError
from hornbeam.layers.preprocessing.images.base import (
    ImageLayer,
    drawing_place,
    factor_range,
    value_range_of,
)
from hornbeam.layers.preprocessing.images.colors import (
    RandomBrightness,
    RandomColorDegeneration,
    RandomContrast,
    subkeys,
)
from hornbeam.layers.preprocessing.images.geometry import (
    RandomRotation,
    RandomShear,
    RandomTranslation,
)
from hornbeam.layers.preprocessing.images.mixtures import beta
from hornbeam.layers.preprocessing.images.tones import (
    AutoContrast,
    Equalization,
    RandomPosterization,
    RandomSharpness,
    Solarization,
)
from hornbeam.random import rejection
from hornbeam.random.portable import Portable
from hornbeam.saving.objects import builtin


class _Policy(ImageLayer):
    """A layer that applies one of several others, chosen at random."""

    value_range: Any
    interpolation: str
    factor: tuple[float, float]

    def build(self, input_shape: Any) -> None:
        """Nothing: the layers it chooses among have no weights.

        Args:
            input_shape: has no effect.
        """

    def _make_choices(self, geometry: bool = True, brightness: bool = True) -> None:
        top = self.factor[1]
        common = {"data_format": self.data_format, "dtype": self.dtype_policy}
        common["bounding_box_format"] = self.bounding_box_format
        drawn = {**common, "seed": 0}
        ranged = {**drawn, "value_range": self.value_range}
        read = {**drawn, "interpolation": self.interpolation}
        plain = {**common, "value_range": self.value_range}
        found: list[ImageLayer] = []
        if geometry:
            found += [
                RandomShear(self.factor, self.factor, **read),
                RandomTranslation(self.factor, self.factor, **read),
                RandomRotation(self.factor, **read),
            ]
        if brightness:
            found += [
                RandomBrightness(self.factor, **ranged),
                RandomColorDegeneration(self.factor, **ranged),
                RandomContrast(self.factor, **ranged),
                RandomSharpness(self.factor, **ranged),
            ]
        found += [
            RandomPosterization((max(8 - int(7 * top), 1), 8), **ranged),
            Solarization(self.factor, self.factor, **ranged),
            AutoContrast(**plain),
            Equalization(**plain),
        ]
        self._choices: list[ImageLayer] = found
        for layer in found:  # they are not called, but lend their transformations
            layer.built = True

    def _apply(self, index: Any, key: Any, data: Any, what: str) -> Any:
        """`data` transformed by the choice number `index`, with parameters drawn from `key`."""

        def branch(layer: ImageLayer) -> Any:
            def run() -> Any:
                drawn = layer.get_random_transformation(data, training=True, seed=key)
                return getattr(layer, f"transform_{what}")(data[what], drawn, training=True)

            return run

        backend = registry.current()
        if backend.is_concrete(index):  # nothing but the chosen one has to be traced then
            index = int(backend.to_numpy(index))
        return ops.switch(index, [branch(layer) for layer in self._choices])


@builtin("keras.layers")
class RandAugment(_Policy):
    """Applies some augmentations, chosen at random for a batch (Cubuk et al., 2019, arXiv:1909.13719).

    They are chosen among shear, translation, rotation, brightness, colour, contrast, sharpness,
    posterization, solarization, stretching of the contrast and equalization.  Boxes and masks go along.

    Args:
        value_range: (lowest, highest) value of the images.
        num_ops: how many augmentations are applied, one after the other.
        factor: (lowest, highest) strength, within [0, 1]; a number f stands for (0, f).
        interpolation: "nearest" or "bilinear".
        seed: an int, for the same draws in every run.
        data_format: see `ImageLayer`.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.RandAugment()(hornbeam.ops.ones((2, 4, 4, 3))).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        value_range: Any = (0, 255),
        num_ops: int = 2,
        factor: Any = 0.5,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.value_range = value_range_of(value_range, "RandAugment")
        if isinstance(num_ops, bool) or not isinstance(num_ops, int) or num_ops < 1:
            raise InputError(f"RandAugment: `num_ops` must be a positive int, got {num_ops!r}.")
        self.num_ops = num_ops
        self.factor = factor_range(factor, "RandAugment")
        self.interpolation = interpolation
        self._seed_with(seed)
        self._make_choices()

    def _drawn(self, data: Any, seed: Any) -> Any:
        """ "layer_idxes" (num_ops,) and "keys" (num_ops, 2): which, and what to draw with; the "images".

        See `ImageLayer`.
        """
        key = self._key(seed)
        drawn = self._uniform((self.num_ops,), 0.0, float(len(self._choices)), seed=key)
        keys = subkeys(self, self.num_ops, key)
        images = data["images"] if isinstance(data, dict) else data
        return {"layer_idxes": ops.cast(drawn, "int32"), "keys": keys, "images": images}

    def _steps(self, value: Any, transformation: Any, what: str) -> Any:
        images = transformation["images"]
        for i in range(self.num_ops):
            data = {"images": value if what == "images" else images, what: value}
            value = self._apply(
                transformation["layer_idxes"][i], transformation["keys"][i], data, what
            )
        return value

    def _new_images(self, images: Any, transformation: Any) -> Any:
        """The images, augmented; see `ImageLayer`."""
        return self._steps(images, transformation, "images")

    def _new_bounding_boxes(self, bounding_boxes: Any, transformation: Any) -> Any:
        """The boxes, moved as the images are; see `ImageLayer`."""
        dtype = self.compute_dtype
        boxes = {**bounding_boxes, "boxes": ops.cast(bounding_boxes["boxes"], dtype)}
        return self._steps(boxes, transformation, "bounding_boxes")

    def _new_segmentation_masks(self, segmentation_masks: Any, transformation: Any) -> Any:
        """The masks, moved as the images are; see `ImageLayer`."""
        return self._steps(segmentation_masks, transformation, "segmentation_masks")


@builtin("keras.layers")
class AugMix(_Policy):
    """Mixes an image with what several chains of augmentations make of it (Hendrycks et al., 2019).

    ``w x + (1 - w) sum_i v_i chain_i(x)`` with v of a Dirichlet distribution and w of a Beta
    distribution, both of parameter alpha (arXiv:1912.02781).  Boxes, masks and labels stay those of the
    image x.

    Args:
        value_range: (lowest, highest) value of the images.
        num_chains: how many chains are mixed.
        chain_depth: how many augmentations a chain has.
        factor: (lowest, highest) strength, within [0, 1]; a number f stands for (0, f).
        alpha: the parameter of the distributions, positive.
        all_ops: whether brightness, colour, contrast and sharpness are among the augmentations.
        interpolation: "nearest" or "bilinear".
        seed: an int, for the same draws in every run.
        data_format: see `ImageLayer`.
        **kwargs: see `ImageLayer` and `Layer`.

    Example:

    >>> import hornbeam
    >>> hornbeam.layers.AugMix()(hornbeam.ops.ones((2, 4, 4, 3))).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        value_range: Any = (0, 255),
        num_chains: int = 3,
        chain_depth: int = 3,
        factor: Any = 0.3,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.value_range = value_range_of(value_range, "AugMix")
        self.num_chains = num_chains
        self.chain_depth = chain_depth
        self.factor = factor_range(factor, "AugMix")
        if not alpha > 0:
            raise InputError(f"AugMix: `alpha` must be a positive number, got {alpha!r}.")
        self.alpha = alpha
        self.all_ops = all_ops
        self.interpolation = interpolation
        self._seed_with(seed)
        self._make_choices(brightness=all_ops)

    def _drawn(self, data: Any, seed: Any) -> Any:
        """The "chain_mixing_weights" (chains,), the "weight_sample" (), and what the chains do.

        "layer_idxes" (chains * depth,) says which augmentations, "keys" (chains * depth, 2) what to
        draw their parameters with.
        """
        key = self._key(seed)
        steps = self.num_chains * self.chain_depth
        drawn = self._uniform((steps,), 0.0, float(len(self._choices)), seed=key)
        keys = subkeys(self, steps + 2, key)
        shares = self._gammas(keys[steps])
        return {
            "chain_mixing_weights": shares / ops.sum(shares),
            "weight_sample": beta(self, 1, self.alpha, keys[steps + 1])[0],
            "layer_idxes": ops.cast(drawn, "int32"),
            "keys": keys[:steps],
        }

    def _gammas(self, key: Any) -> Any:
        place, key = drawing_place(key)
        with registry.use_backend(place), place.wide():
            alpha = ops.full((self.num_chains,), self.alpha, dtype="float32")
            drawn = rejection.gamma(Portable(place), key, alpha)  # type: ignore[arg-type]
        return ops.cast(registry.current().asarray(drawn), "float32")

    def _new_images(self, images: Any, transformation: Any) -> Any:
        """The images, mixed with what the chains made of them; see `ImageLayer`."""
        dtype = self.compute_dtype
        mixed: Any = 0.0
        for chain in range(self.num_chains):
            x = images
            for step in range(chain * self.chain_depth, (chain + 1) * self.chain_depth):
                data = {"images": x}
                index, key = transformation["layer_idxes"][step], transformation["keys"][step]
                x = self._apply(index, key, data, "images")
            mixed = mixed + x * ops.cast(transformation["chain_mixing_weights"][chain], dtype)
        weight = ops.cast(transformation["weight_sample"], dtype)
        return weight * images + (1.0 - weight) * mixed


__all__ = ["AugMix", "RandAugment"]

"""What `compile` was given, matched to the outputs of the model: losses and metrics per output.

A specification may be one thing for all outputs, a list in the order of the outputs, or a dict by the
outputs' names or keys.  `OutputSlots` turns any of them into a flat list, one entry per output.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hornbeam import losses as losses_module
from hornbeam import metrics as metrics_module
from hornbeam import ops, tree
from hornbeam.errors import InputError, suggest
from hornbeam.layers.call_context import get_mask
from hornbeam.metrics import Mean, MeanMetricWrapper, Metric

ACCURACY = ("accuracy", "acc")
CROSSENTROPY = ("crossentropy", "ce")


class OutputSlots:
    """The outputs of a model by position, name and path."""

    def __init__(self, y_pred: Any, names: Sequence[str] | None) -> None:
        self.leaves = tree.flatten(y_pred)
        self.count = len(self.leaves)
        paths = [path for path, _ in tree.flatten_with_path(y_pred)]
        keys = [str(path[-1]) if path and isinstance(path[-1], str) else None for path in paths]
        fallback = list(names) if names and len(names) == self.count else [None] * self.count
        self.names: list[str] = [
            key or name or f"output_{i}"
            for i, (key, name) in enumerate(zip(keys, fallback, strict=True))
        ]
        self.aliases = [
            {n for n in (key, name, own) if n}
            for key, name, own in zip(keys, fallback, self.names, strict=True)
        ]

    def spread(self, given: Any, what: str, default: Any = None, many: bool = False) -> list[Any]:
        """`given` as one entry per output.

        Args:
            given: one thing, a list or a dict.
            what: the name of the argument, for messages.
            default: what stands for outputs that a dict leaves out.
            many: whether an entry may itself be a list (metrics), so that a flat list belongs to the
                only output.
        """
        if isinstance(given, Mapping):
            return self._from_dict(given, what, default)
        if not isinstance(given, (list, tuple)):
            return [given] * self.count
        if (
            many
            and self.count == 1
            and not (len(given) == 1 and isinstance(given[0], (list, tuple)))
        ):
            return [list(given)]
        if many and not any(isinstance(item, (list, tuple)) or item is None for item in given):
            if len(given) != self.count:
                return [list(given) for _ in range(self.count)]
            return [[item] for item in given]
        if len(given) != self.count:
            raise InputError(
                f"compile() got {len(given)} entries in `{what}` for {self.count} outputs "
                f"({', '.join(self.names)}). Give one per output (None for outputs without), or a dict."
            )
        return list(given)

    def _from_dict(self, given: Mapping[str, Any], what: str, default: Any) -> list[Any]:
        known = set().union(*self.aliases) if self.aliases else set()
        for key in given:
            if key not in known:
                raise InputError(
                    f"compile() got the key {key!r} in `{what}`, but the model's outputs are "
                    f"{self.names}.{suggest(str(key), known)}"
                )
        entries = []
        for alias in self.aliases:
            found = [given[key] for key in given if key in alias]
            entries.append(found[0] if found else default)
        return entries


def match_targets(y: Any, slots: OutputSlots, y_pred: Any, what: str = "y") -> list[Any]:
    """The targets as one entry per output.

    Raises:
        InputError: if they are not as many as the outputs, or have other keys.
    """
    if y is None:
        return [None] * slots.count
    if isinstance(y, Mapping):
        entries = []
        for alias, name in zip(slots.aliases, slots.names, strict=True):
            found = [y[key] for key in y if key in alias]
            if not found and slots.count == len(y) == 1:
                found = list(y.values())
            entries.append(found[0] if found else None)
            if not found and what == "y":
                raise InputError(
                    f"The targets have the keys {sorted(map(str, y))}, but the model's outputs are "
                    f"{slots.names}: {name!r} is missing."
                )
        return entries
    leaves = tree.flatten(y)
    if len(leaves) == 1 and slots.count > 1 and what != "y":
        return leaves * slots.count
    if len(leaves) != slots.count:
        if slots.count == 1:
            return [y]
        raise InputError(
            f"The model has {slots.count} outputs ({', '.join(slots.names)}), but `{what}` holds "
            f"{len(leaves)} arrays."
        )
    return leaves


class CompiledLoss:
    """The losses of all outputs, weighted and summed.

    Args:
        loss: the `loss` of `compile`.
        loss_weights: the `loss_weights` of `compile`.
        output_names: the names of the model's outputs, where it has any.
    """

    def __init__(self, loss: Any, loss_weights: Any = None, output_names: Any = None) -> None:
        self.user_loss = loss
        self.user_weights = loss_weights
        self.output_names = output_names
        self.slots: OutputSlots | None = None
        self.losses: list[Any] = []
        self.weights: list[Any] = []
        self.trackers: list[Mean | None] = []
        for one in tree.flatten(loss):
            losses_module.get(one)  # unknown names are refused by compile(), not by fit()

    @property
    def built(self) -> bool:
        """Whether the outputs are known."""
        return self.slots is not None

    def build(self, y_pred: Any) -> None:
        """Match losses and weights to the outputs."""
        slots = OutputSlots(y_pred, self.output_names)
        self.losses = [_as_loss(one) for one in slots.spread(self.user_loss, "loss")]
        weights = slots.spread(self.user_weights, "loss_weights", default=1.0)
        self.weights = [1.0 if w is None else w for w in weights]
        many = slots.count > 1
        self.trackers = [
            Mean(name=f"{name}_loss") if many and loss is not None else None
            for name, loss in zip(slots.names, self.losses, strict=True)
        ]
        self.slots = slots

    @property
    def metrics(self) -> list[Metric]:
        """A running mean per output, if there are several."""
        return [tracker for tracker in self.trackers if tracker is not None]

    def __call__(self, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The total loss, or None if no output has one."""
        if self.slots is None:
            self.build(y_pred)
        assert self.slots is not None
        predictions = tree.flatten(y_pred)
        targets = match_targets(y, self.slots, y_pred)
        sample_weights = match_targets(sample_weight, self.slots, y_pred, "sample_weight")
        total = None
        rows = zip(
            self.losses,
            self.weights,
            self.trackers,
            targets,
            predictions,
            sample_weights,
            strict=True,
        )
        for loss, weight, tracker, target, prediction, sw in rows:
            if loss is None:
                continue
            if target is None:
                raise InputError(
                    "There is a loss, but no targets: pass `y` (or batches of (x, y)) to fit()."
                )
            value = loss(target, prediction, sw, mask=get_mask(prediction))
            if tracker is not None:
                rows_in_batch = prediction.shape[0] if prediction.shape else 1
                tracker.update_state(value, sample_weight=rows_in_batch)
            value = value if weight == 1.0 else value * weight
            total = value if total is None else total + value
        return total


def _as_loss(identifier: Any) -> Any:
    if identifier is None:
        return None
    loss = losses_module.get(identifier)
    if isinstance(loss, losses_module.Loss):
        return loss
    name = getattr(loss, "__name__", type(loss).__name__)
    return losses_module.LossFunctionWrapper(loss, name=name)


class CompiledMetrics:
    """The metrics of all outputs.

    Args:
        metrics: the `metrics` of `compile`, which see no sample weights.
        weighted_metrics: the `weighted_metrics` of `compile`, which do.
        output_names: the names of the model's outputs, where it has any.
    """

    def __init__(
        self, metrics: Any, weighted_metrics: Any = None, output_names: Any = None
    ) -> None:
        self.user_metrics = metrics
        self.user_weighted = weighted_metrics
        self.output_names = output_names
        self.slots: OutputSlots | None = None
        self.plain: list[list[Metric]] = []
        self.weighted: list[list[Metric]] = []
        self._names: list[tuple[str, Metric]] = []
        for one in (*tree.flatten(metrics), *tree.flatten(weighted_metrics)):
            if one is not None and one not in ACCURACY + CROSSENTROPY:
                metrics_module.get(one)

    @property
    def built(self) -> bool:
        """Whether the outputs are known."""
        return self.slots is not None

    def build(self, y: Any, y_pred: Any, loss: CompiledLoss | None = None) -> None:
        """Match metrics to the outputs, and find out what "accuracy" means for each."""
        slots = OutputSlots(y_pred, self.output_names)
        targets = match_targets(y, slots, y_pred) if y is not None else [None] * slots.count
        losses = loss.losses if loss is not None and loss.losses else [None] * slots.count
        given = slots.spread(self.user_metrics, "metrics", many=True)
        weighted = slots.spread(self.user_weighted, "weighted_metrics", many=True)
        rows = list(zip(targets, slots.leaves, losses, strict=True))
        self.plain = [_resolve(g, *row) for g, row in zip(given, rows, strict=True)]
        self.weighted = [_resolve(g, *row) for g, row in zip(weighted, rows, strict=True)]
        self._names = []
        taken: set[str] = set()
        for i, output in enumerate(slots.names):
            for kind, group in (("", self.plain[i]), ("weighted_", self.weighted[i])):
                for metric in group:
                    name = f"{output}_{metric.name}" if slots.count > 1 else metric.name
                    name = f"{kind}{name}" if name in taken else name
                    taken.add(name)
                    self._names.append((name, metric))
        self.slots = slots

    @property
    def metrics(self) -> list[Metric]:
        """All metrics, in the order of the outputs."""
        return [metric for _, metric in self._names]

    def update_state(self, y: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch."""
        assert self.slots is not None
        predictions = tree.flatten(y_pred)
        targets = match_targets(y, self.slots, y_pred)
        weights = match_targets(sample_weight, self.slots, y_pred, "sample_weight")
        for i, (target, prediction) in enumerate(zip(targets, predictions, strict=True)):
            if target is None:
                continue
            mask = get_mask(prediction)
            for metric in self.plain[i]:
                metric.update_state(target, prediction, sample_weight=_mask_weight(mask, None))
            for metric in self.weighted[i]:
                metric.update_state(
                    target, prediction, sample_weight=_mask_weight(mask, weights[i])
                )

    def result(self) -> dict[str, Any]:
        """Name -> value."""
        return {name: metric.result() for name, metric in self._names}


def _mask_weight(mask: Any, weight: Any) -> Any:
    if mask is None:
        return weight
    mask = ops.cast(mask, "float32" if weight is None else weight.dtype)
    if weight is None:
        return mask
    while len(weight.shape) < len(mask.shape):
        weight = ops.expand_dims(weight, -1)
    return ops.multiply(mask, weight)


def _resolve(given: Any, y: Any, y_pred: Any, loss: Any) -> list[Metric]:
    """The metrics of one output as objects."""
    if given is None:
        return []
    entries = given if isinstance(given, (list, tuple)) else [given]
    return [_as_metric(entry, y, y_pred, loss) for entry in entries if entry is not None]


def _as_metric(identifier: Any, y: Any, y_pred: Any, loss: Any) -> Metric:
    if isinstance(identifier, str) and identifier.lower() in ACCURACY + CROSSENTROPY:
        return _by_shape(identifier, y, y_pred, loss)
    metric = metrics_module.get(identifier)
    if isinstance(metric, type) and issubclass(metric, Metric):
        metric = metric()
    if isinstance(metric, Metric):
        if isinstance(identifier, str):
            metric.name = identifier  # logs carry the name that the user wrote
        return metric
    name = identifier if isinstance(identifier, str) else getattr(metric, "__name__", None)
    return MeanMetricWrapper(metric, name=name)


def _by_shape(identifier: str, y: Any, y_pred: Any, loss: Any) -> Metric:
    """ "accuracy" and "crossentropy" mean the kind that fits targets, outputs and loss."""
    fn_name = getattr(getattr(loss, "fn", None), "__name__", "")
    outputs = y_pred.shape[-1] if len(y_pred.shape) else 1
    ranks_differ = y is not None and len(y.shape) < len(y_pred.shape)
    column = y is not None and len(y.shape) == len(y_pred.shape) and y.shape[-1] == 1
    if outputs == 1 or fn_name.startswith("binary"):
        kind = "binary"
    elif ranks_differ or column or fn_name.startswith("sparse"):
        kind = "sparse_categorical"
    else:
        kind = "categorical"
    if identifier in ACCURACY:
        fn: Callable[..., Any] = getattr(metrics_module, f"{kind}_accuracy")
    else:
        fn = getattr(losses_module, f"{kind}_crossentropy")
    return MeanMetricWrapper(fn, name=identifier)

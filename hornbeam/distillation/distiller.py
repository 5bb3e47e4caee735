"""`Distiller`: a student beside its teacher."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hornbeam import ops
from hornbeam.distillation.losses import DistillationLoss
from hornbeam.errors import InputError
from hornbeam.metrics import Mean
from hornbeam.models import Model
from hornbeam.saving.objects import builtin, deserialize_keras_object, serialize_keras_object

FINAL = ""
"""What the final outputs are called among the features."""


@builtin("keras.distillation")
class Distiller(Model):
    """Trains a student on the labels and on what a teacher says.

    ``w * loss(labels, student) + (1 - w) * sum(v_i * distillation_i(teacher, student))``, where w is
    `student_loss_weight` and v are `distillation_loss_weights`.  The teacher is frozen and runs as in
    inference.  What the model returns is what the student returns; `student` is yours to save.

    Args:
        teacher: a trained model.
        student: the model to train.
        distillation_losses: a `DistillationLoss`, or a list of them.
        distillation_loss_weights: the factor of each; 1 by default.
        student_loss_weight: the share of the loss on the labels, in [0, 1].
        name: the name of the model.
        **kwargs: see `Layer`.

    Raises:
        InputError: if a weight is out of range, their number is wrong, or a loss does not fit.

    Example:

    >>> import hornbeam, numpy
    >>> from hornbeam import distillation, layers
    >>> teacher, student = (
    ...     hornbeam.Sequential([hornbeam.Input((3,)), layers.Dense(2)]) for _ in range(2)
    ... )
    >>> model = distillation.Distiller(teacher, student, distillation.LogitsDistillation(loss="mse"))
    >>> model.compile("sgd", "mse")
    >>> history = model.fit(numpy.ones((4, 3)), numpy.ones((4, 2)), verbose=0)
    >>> sorted(history.history)
    ['distillation_loss', 'loss', 'student_loss', 'total_loss']
    """

    def __init__(
        self,
        teacher: Any,
        student: Any,
        distillation_losses: Any,
        distillation_loss_weights: Any = None,
        student_loss_weight: float = 0.5,
        name: str = "distiller",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        for role, model in (("teacher", teacher), ("student", student)):
            if not isinstance(model, Model):
                raise InputError(f"`{role}` must be a model, got {type(model).__name__}.")
        if not 0 <= student_loss_weight <= 1:
            raise InputError(
                f"`student_loss_weight` must be in [0, 1], got {student_loss_weight!r}."
            )
        self.distillation_losses = _listed(distillation_losses)
        self.distillation_loss_weights = _weights(
            distillation_loss_weights, len(self.distillation_losses)
        )
        for loss in self.distillation_losses:
            loss.validate_model_compatibility(teacher, student)
        teacher.trainable = False
        self.teacher, self.student = teacher, student
        self.student_loss_weight = student_loss_weight
        self.student_loss_tracker = Mean(name="student_loss")
        self.distillation_loss_tracker = Mean(name="distillation_loss")
        self.total_loss_tracker = Mean(name="total_loss")
        self._looking = False
        self._seen: Any = None
        names = [
            (loss.teacher_layer_name, loss.student_layer_name) for loss in self.distillation_losses
        ]
        views = (_view(teacher, {a for a, _ in names}), _view(student, {b for _, b in names}))
        self._views: Callable[[], tuple[Any, Any]] = lambda: (
            views
        )  # behind a function, so that they are no layers of this model

    @contextmanager
    def _features(self) -> Iterator[None]:
        """A context in which `call` keeps what it saw within the student, for `compute_loss`."""
        self._looking = True
        try:
            yield
        finally:
            self._looking, self._seen = False, None

    def call(self, inputs: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """What the student says.

        Args:
            inputs: for the student.
            training: whether this is training.
            **kwargs: for the student.
        """
        view = self._views()[1]
        if not self._looking or view is None:
            return self.student(inputs, training=training, **kwargs)
        self._seen = view(inputs, training=training, **kwargs)
        return self._seen[FINAL]

    def compile(  # type: ignore[override]
        self, optimizer: Any = "adam", loss: Any = None, metrics: Any = None, **kwargs: Any
    ) -> None:
        """Say how the student learns.

        Args:
            optimizer: a name or an optimizer.
            loss: of the student on the labels.
            metrics: of the student.
            **kwargs: see `Model.compile`.
        """
        super().compile(optimizer=optimizer, loss=loss, metrics=metrics, **kwargs)

    def train_step(self, data: Any) -> dict[str, Any]:
        """Learn from one batch.

        Args:
            data: see `Model.train_step`.
        """
        with self._features():
            return super().train_step(data)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Measure one batch.

        Args:
            data: see `Model.test_step`.
        """
        with self._features():
            return super().test_step(data)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The mixture of the losses; see the class.

        Args:
            x: the inputs.
            y: the labels, or None for learning from the teacher alone.
            y_pred: what the student says.
            sample_weight: weights of the rows in the loss on the labels, or None.
            training: whether this is training.
        """
        weight, student_loss = self.student_loss_weight, ops.zeros((), "float32")
        if y is not None and self._compile_loss is not None:
            student_loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        distillation_loss = (
            self._distillation(x, y_pred) if weight < 1 else ops.zeros((), "float32")
        )
        total = weight * student_loss + (1 - weight) * distillation_loss
        self.student_loss_tracker.update_state(student_loss)
        self.distillation_loss_tracker.update_state(distillation_loss)
        self.total_loss_tracker.update_state(total)
        return total

    def _distillation(self, x: Any, y_pred: Any) -> Any:
        view = self._views()[0]
        if view is None:
            of_teacher = {FINAL: self.teacher(x, training=False)}
        else:
            of_teacher = view(x, training=False)
        of_student = {FINAL: y_pred} if self._seen is None else self._seen
        total = ops.zeros((), "float32")
        for loss, weight in zip(
            self.distillation_losses, self.distillation_loss_weights, strict=True
        ):
            taught = of_teacher[loss.teacher_layer_name or FINAL]
            learnt = of_student[loss.student_layer_name or FINAL]
            total = total + weight * loss.compute_loss(taught, learnt)
        return total

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, models included."""
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": serialize_keras_object(self.dtype_policy),
            "teacher": serialize_keras_object(self.teacher),
            "student": serialize_keras_object(self.student),
            "distillation_losses": [serialize_keras_object(d) for d in self.distillation_losses],
            "distillation_loss_weights": self.distillation_loss_weights,
            "student_loss_weight": self.student_loss_weight,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """From the result of `get_config`.

        Args:
            config: the config.
            custom_objects: name -> class, for what is not built in.
        """
        parts = ("teacher", "student", "distillation_losses", "dtype")
        read = {
            key: deserialize_keras_object(value, custom_objects) if key in parts else value
            for key, value in config.items()
        }
        return cls(**read)


def _listed(given: Any) -> list[Any]:
    found = list(given) if isinstance(given, (list, tuple)) else [given]
    wrong = [type(loss).__name__ for loss in found if not isinstance(loss, DistillationLoss)]
    if wrong or not found:
        raise InputError(
            "`distillation_losses` must be a DistillationLoss or a list of at least one, got "
            f"{wrong or given!r}."
        )
    return found


def _weights(given: Any, count: int) -> list[float]:
    found = [1.0] * count if given is None else given
    found = list(found) if isinstance(found, (list, tuple)) else [found]
    if len(found) != count:
        raise InputError(
            f"There are {len(found)} `distillation_loss_weights` for {count} distillation losses."
        )
    return found


def _view(model: Any, names: set[str | None]) -> Any:
    """A model of the same layers that returns the outputs of some, too; None if none are wanted."""
    wanted = sorted(name for name in names if name)
    if not wanted:
        return None
    outputs = {name: model.get_layer(name).output for name in wanted}
    final = model.outputs[0] if len(model.outputs) == 1 else model.outputs
    return Model(model.inputs, {**outputs, FINAL: final}, name=f"{model.name}_view")


__all__ = ["Distiller"]
